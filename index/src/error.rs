//! The one error type of this crate.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with an index. Every message says what was expected and what was found; what can be done about it
/// is the [`Remedy`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// There is no committed index in the directory.
    #[error("there is no index in {}", dir.display())]
    NotFound {
        /// The directory that was looked at.
        dir: PathBuf,
    },
    /// The directory holds files that are not an index; a writer does not mix its own files among them.
    #[error("{} is not empty and holds no index (found {})", dir.display(), found.display())]
    NotAnIndex {
        /// The directory that was to become an index.
        dir: PathBuf,
        /// One of the entries that do not belong to an index.
        found: PathBuf,
    },
    /// Another writer holds the lock.
    #[error("another process is writing to the index in {}", dir.display())]
    Locked {
        /// The index directory.
        dir: PathBuf,
    },
    /// The file system has no locks, and a file that stands for one names another writer. Whether it is still there cannot
    /// be told from here.
    #[error(
        "another process is writing to the index in {}: {} names the process {process} on the host {host:?}, which began \
         at {since} seconds since 1970",
        dir.display(), file.display()
    )]
    LockedBy {
        /// The index directory.
        dir: PathBuf,
        /// The file that stands for a lock.
        file: PathBuf,
        /// The machine of the writer; empty if the file does not say.
        host: String,
        /// Its process id there; 0 if the file does not say.
        process: u32,
        /// When it took the lock, in seconds since 1970; 0 if the file does not say.
        since: u64,
    },
    /// The index was made with another model.
    #[error(
        "the index in {} was made with the model {indexed_name} ({indexed_fingerprint}), but the model in use is \
         {wanted_name} ({wanted_fingerprint})",
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
    #[error("{} has format version {found}, but this program reads up to version {supported}", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that this build reads.
        supported: u32,
    },
    /// A file is damaged.
    #[error("{} is damaged ({reason})", path.display())]
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
    #[error("the index in {} has no search graph", dir.display())]
    NoGraph {
        /// The index directory.
        dir: PathBuf,
    },
    /// The graph is there but cannot be used. It is only a cache: exact search still works.
    #[error("the search graph in {} cannot be used ({reason})", dir.display())]
    Graph {
        /// The directory of the graph.
        dir: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The metadata store reported an error: it is damaged.
    #[error("the photo metadata in {} cannot be used ({reason})", dir.display())]
    Metadata {
        /// The metadata directory.
        dir: PathBuf,
        /// The store's own message.
        reason: String,
    },
    /// Reading or writing a file failed. That says nothing about whether the index is whole.
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

/// What can be done about an [`IndexError`]: for programs to put into their own words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Create an index in this directory by indexing photos.
    CreateIndex {
        /// The directory without an index.
        dir: PathBuf,
    },
    /// Choose an empty directory for the index, or one that does not exist yet.
    ChooseOtherDirectory {
        /// The directory that holds other files.
        dir: PathBuf,
    },
    /// Wait until the other process has finished, then try again.
    WaitForOtherProcess,
    /// If the process that the error names is gone, remove this file and try again.
    RemoveLockFile {
        /// The file that stands for a lock.
        file: PathBuf,
    },
    /// Use the model that the index was made with, or rebuild the index with the one in use.
    MatchModel {
        /// The model that the index was made with.
        indexed_name: String,
        /// The model in use has the same name: it is computed in another precision, or is another version.
        same_name: bool,
    },
    /// Use a newer version of the program.
    UseNewerVersion,
    /// Find out by verification what else is damaged, and rebuild the index.
    Rebuild,
    /// Use exact search, or build the graph by the next update of the index.
    BuildGraph,
}

impl IndexError {
    /// What can be done about it, if it is not for the message to say or for the system's administrator to know.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            IndexError::NotFound { dir } => Some(Remedy::CreateIndex { dir: dir.clone() }),
            IndexError::NotAnIndex { dir, .. } => Some(Remedy::ChooseOtherDirectory { dir: dir.clone() }),
            IndexError::Locked { .. } => Some(Remedy::WaitForOtherProcess),
            IndexError::LockedBy { file, .. } => Some(Remedy::RemoveLockFile { file: file.clone() }),
            IndexError::Fingerprint { indexed_name, wanted_name, .. } => {
                Some(Remedy::MatchModel { indexed_name: indexed_name.clone(), same_name: indexed_name == wanted_name })
            }
            IndexError::NewerFormat { .. } => Some(Remedy::UseNewerVersion),
            IndexError::Corrupt { .. } | IndexError::Metadata { .. } => Some(Remedy::Rebuild),
            IndexError::NoGraph { .. } | IndexError::Graph { .. } => Some(Remedy::BuildGraph),
            IndexError::Dimension { .. }
            | IndexError::NotUnit { .. }
            | IndexError::UnknownId { .. }
            | IndexError::Path { .. }
            | IndexError::Io { .. } => None,
        }
    }

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
