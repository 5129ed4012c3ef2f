//! Why a run could not go on.

use std::io;
use std::path::PathBuf;

use clip_encoder::BoxedError;
use clip_index::IndexError;
use thiserror::Error;

/// Why a run stopped. Whatever was committed before stays; a file that cannot be indexed never stops a run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IndexerError {
    /// No folder was given, and the index knows none.
    #[error("no folder to index: none was given and the index at {} knows none yet; name the folder that holds the photos", index.display())]
    NoRoots {
        /// Where the index lies.
        index: PathBuf,
    },
    /// A folder that was asked for does not exist or cannot be read.
    #[error("cannot index {}: {source}; expected a folder that exists and may be read{}", path.display(), remedy(source))]
    Root {
        /// As it was given.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Something else than a folder was asked for.
    #[error("cannot index {}: expected a folder, found a file; name the folder that holds it", path.display())]
    NotAFolder {
        /// As it was given.
        path: PathBuf,
    },
    /// The index could not be opened, read or written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The model could not encode. The photos of the batch it was given are not in the index.
    #[error(
        "the model failed on a batch of {photos} photos: {source}; what was indexed before is kept, run the same command to go on"
    )]
    Encoder {
        /// How many photos the batch held.
        photos: usize,
        /// What the model says.
        source: BoxedError,
    },
    /// The model gave something else than it was asked for.
    #[error(
        "the model failed: expected {expected} values for a batch, found {found}; this is a fault of the model's code, please report it"
    )]
    EncoderOutput {
        /// Photos times dimension.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// The operating system gave no threads.
    #[error("cannot start the decoding threads: {0}; close other programs or use fewer threads")]
    Threads(#[source] io::Error),
}

fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => {
            " (if it lies on a drive, mount that first; if it was deleted, index the folder above to have its photos removed)"
        }
        io::ErrorKind::PermissionDenied => " (look at its permissions, with `ls -ld` for instance)",
        _ => "",
    }
}
