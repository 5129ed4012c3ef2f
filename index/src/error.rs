//! The one error type of this crate.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with an index. Every message says what was expected, what was found and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// There is no committed index in the directory.
    #[error("there is no index in {}: create one with `clip-search index DIR`", dir.display())]
    NotFound {
        /// The directory that was looked at.
        dir: PathBuf,
    },
    /// The directory holds files that are not an index; a writer does not mix its own files among them.
    #[error(
        "{} is not empty and holds no index (found {}): choose an empty directory or one that does not exist yet",
        dir.display(), found.display()
    )]
    NotAnIndex {
        /// The directory that was to become an index.
        dir: PathBuf,
        /// One of the entries that do not belong to an index.
        found: PathBuf,
    },
    /// Another writer holds the lock.
    #[error("another process is writing to the index in {}: wait until it has finished, then try again", dir.display())]
    Locked {
        /// The index directory.
        dir: PathBuf,
    },
    /// The index was made with another model.
    #[error(
        "the index in {1} was made with the model {indexed_name} ({indexed_fingerprint}), but the model in use is \
         {wanted_name} ({wanted_fingerprint}): name the model that it was made with by --model{0}, or embed the photos \
         anew with the one in use by `clip-search index --rebuild` and the same --model{0}",
        // The same model may be in use in another way.
        if indexed_name == wanted_name { " and --precision" } else { "" },
        dir.display()
    )]
    Fingerprint {
        /// The index directory.
        dir: PathBuf,
        /// Name of the model that the index was made with.
        indexed_name: String,
        /// Its fingerprint.
        indexed_fingerprint: String,
        /// Name of the model that the caller uses.
        wanted_name: String,
        /// Its fingerprint.
        wanted_fingerprint: String,
    },
    /// A file was written by a newer version of this program.
    #[error(
        "{} has format version {found}, but this program reads up to version {supported}: use a newer clip-search",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that this build reads.
        supported: u32,
    },
    /// A file is damaged.
    #[error(
        "{} is damaged ({reason}): `clip-search verify` lists all damage; remove the index directory and index the \
         photos again",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A vector has the wrong length.
    #[error("expected a vector of {expected} numbers, found {found}: it comes from another model than the index")]
    Dimension {
        /// Dimension of the index.
        expected: usize,
        /// Length of the vector.
        found: usize,
    },
    /// A vector is not of unit length, or not finite.
    #[error(
        "expected a vector of length 1, found length {length}: normalise embeddings before they are stored or searched"
    )]
    NotUnit {
        /// Euclidean length that was found.
        length: f32,
    },
    /// The id names no photo.
    #[error("no photo has the id {id}: it was never given out, or the photo was removed")]
    UnknownId {
        /// The id.
        id: u64,
    },
    /// A path that cannot be stored without loss on this platform.
    #[error("the path {} cannot be stored: it is not valid Unicode, which this platform needs", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// The index has no graph.
    #[error("the index in {} has no search graph yet: use exact search, or build the graph with `clip-search index`", dir.display())]
    NoGraph {
        /// The index directory.
        dir: PathBuf,
    },
    /// The graph is there but cannot be used. It is only a cache: exact search still works.
    #[error(
        "the search graph in {} cannot be used ({reason}): use exact search; the next `clip-search index` rebuilds it",
        dir.display()
    )]
    Graph {
        /// The index directory.
        dir: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The metadata store reported an error.
    #[error(
        "the photo metadata in {} cannot be used ({reason}): `clip-search verify` lists all damage; if it is damaged, \
         remove the index directory and index the photos again",
        dir.display()
    )]
    Metadata {
        /// The metadata directory.
        dir: PathBuf,
        /// The store's own message.
        reason: String,
    },
    /// Reading or writing a file failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as in "cannot ACTION PATH".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl IndexError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IndexError {
        let path = path.to_path_buf();
        move |source| IndexError::Io { action, path, source }
    }

    pub(crate) fn corrupt(path: &Path, reason: impl Into<String>) -> IndexError {
        IndexError::Corrupt { path: path.to_path_buf(), reason: reason.into() }
    }

    /// True where a file that should be there is missing: to a reader that may mean that a writer has just replaced it.
    pub(crate) fn is_missing_file(&self) -> bool {
        matches!(self, IndexError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
