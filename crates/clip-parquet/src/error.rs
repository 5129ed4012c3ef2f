//! The one error type of this crate.

use std::io;

/// Why a table cannot be read. The messages do not name the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system's reason.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is no Parquet file.
    #[error("expected a Parquet file, which begins and ends with \"PAR1\"")]
    NotParquet,
    /// The file is not what the format says.
    #[error("it is damaged ({0})")]
    Damaged(String),
    /// The file may be good, but it is not read.
    #[error("{0}")]
    Unsupported(String),
    /// The file needs more of something than [`Limits`](crate::Limits) allow.
    #[error("{0}")]
    TooLarge(String),
}

impl Error {
    pub(crate) fn damaged(reason: impl Into<String>) -> Error {
        Error::Damaged(reason.into())
    }
}
