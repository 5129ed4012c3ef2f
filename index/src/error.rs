//! The one error type of this crate.

use std::io;
use std::path::{Path, PathBuf};

use clip_files::system_error;

use crate::layout;

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
    #[error("{} is not empty and is not an index (found {})", dir.display(), found.display())]
    NotAnIndex {
        /// The directory that was to become an index.
        dir: PathBuf,
        /// One of the entries that do not belong to an index.
        found: PathBuf,
    },
    /// What is to be the directory of an index is something else.
    #[error("{} cannot hold an index: it is {found}", path.display())]
    NotADirectory {
        /// What was to be the directory.
        path: PathBuf,
        /// What it is, as in "it is FOUND".
        found: String,
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
        "another process is writing to the index in {}: {} {}",
        dir.display(), file.display(), holder(host, *process, *since)
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
    /// The manifest is damaged or missing, and the spare one may take its place.
    #[error("{} is damaged ({reason}), but there is a spare one", path.display())]
    ManifestLost {
        /// The manifest.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A vector has the wrong length.
    #[error("expected a vector of {expected} dimensions, found {found}; is it from another model?")]
    Dimension {
        /// Dimension of the index.
        expected: usize,
        /// Length of the vector.
        found: usize,
    },
    /// A vector is not of unit length, or not finite.
    #[error("expected a unit vector, found one of norm {length}; embeddings must be normalised")]
    NotUnit {
        /// Euclidean length that was found.
        length: f32,
    },
    /// The id names no photo.
    #[error("no photo has the id {id}; it was never assigned, or the photo was removed")]
    UnknownId {
        /// The id.
        id: u64,
    },
    /// A path that cannot be stored without loss on this platform.
    #[error("cannot store the path {}: it is not valid Unicode, which is required on this platform", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// An asset without items cannot be found by anything.
    #[error("no item was given for {}: expected at least one", path.display())]
    NoItems {
        /// The asset.
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
    /// The word index cannot be used, or the records of an index of version 1: tantivy reported an error. A word index is
    /// made again by the next writer.
    #[error("the photo metadata in {} cannot be used ({reason})", dir.display())]
    Metadata {
        /// The directory of tantivy's index.
        dir: PathBuf,
        /// The store's own message.
        reason: String,
    },
    /// A file to be imported is not what it should be.
    #[error("cannot import {}: {reason}", path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// The directory of the index went away while it was written.
    #[error(
        "the index {} was moved or removed while it was being written; if it was moved, what was saved until then is in its \
         new place",
        dir.display()
    )]
    Gone {
        /// Where it was.
        dir: PathBuf,
    },
    /// Reading or writing a file failed. That says nothing about whether the index is whole.
    #[error("cannot {action} {}: {}", path.display(), system_error::describe(source))]
    Io {
        /// What was tried, as in "cannot ACTION PATH".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Reading or writing a file that is imported or exported failed. It is none of the index.
    #[error("cannot {action} {}: {}", path.display(), system_error::describe(source))]
    Exchange {
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
    /// Move the directory of the index back, or choose the one where it is now, and do the same again: it goes on from what was
    /// saved.
    MoveBack,
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
    /// Find out by verification what else is damaged; drop it by a repair, or rebuild the index.
    RepairOrRebuild,
    /// Repair or update the index: both put the spare manifest in the place of the damaged one.
    RestoreManifest,
    /// Rebuild the index. Without the file that is damaged, nobody knows what can be kept.
    Rebuild,
    /// Use exact search, or build the graph by the next update of the index.
    BuildGraph,
}

/// What is done to files to get at what is in them. That a file cannot be locked, written or synced says nothing of its content.
const READING: [&str; 6] = ["open", "read", "map", "look at", "measure", "list"];

impl IndexError {
    /// What can be done about it, if it is not for the message to say or for the system's administrator to know.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            IndexError::NotFound { dir } => Some(Remedy::CreateIndex { dir: dir.clone() }),
            IndexError::NotAnIndex { dir, .. } | IndexError::NotADirectory { path: dir, .. } => {
                Some(Remedy::ChooseOtherDirectory { dir: dir.clone() })
            }
            IndexError::Locked { .. } => Some(Remedy::WaitForOtherProcess),
            IndexError::LockedBy { file, .. } => Some(Remedy::RemoveLockFile { file: file.clone() }),
            IndexError::Fingerprint { indexed_name, wanted_name, .. } => {
                Some(Remedy::MatchModel { indexed_name: indexed_name.clone(), same_name: indexed_name == wanted_name })
            }
            IndexError::NewerFormat { .. } => Some(Remedy::UseNewerVersion),
            IndexError::ManifestLost { .. } => Some(Remedy::RestoreManifest),
            IndexError::Corrupt { path, .. } if layout::is_commit_point(path) => Some(Remedy::Rebuild),
            IndexError::Corrupt { .. } | IndexError::Metadata { .. } => Some(Remedy::RepairOrRebuild),
            IndexError::Io { path, .. } if self.is_unreadable_file() && layout::is_commit_point(path) => {
                Some(Remedy::Rebuild)
            }
            IndexError::Io { .. } if self.is_unreadable_file() => Some(Remedy::RepairOrRebuild),
            IndexError::NoGraph { .. } | IndexError::Graph { .. } => Some(Remedy::BuildGraph),
            IndexError::Dimension { .. }
            | IndexError::NotUnit { .. }
            | IndexError::UnknownId { .. }
            | IndexError::NoItems { .. }
            | IndexError::Path { .. }
            | IndexError::Import { .. }
            | IndexError::Io { .. }
            | IndexError::Exchange { .. } => None,
            IndexError::Gone { .. } => Some(Remedy::MoveBack),
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IndexError {
        let path = path.to_path_buf();
        move |source| IndexError::Io { action, path, source }
    }

    /// For files that are imported and exported.
    pub(crate) fn exchange(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IndexError {
        let path = path.to_path_buf();
        move |source| IndexError::Exchange { action, path, source }
    }

    pub(crate) fn corrupt(path: &Path, reason: impl Into<String>) -> IndexError {
        IndexError::Corrupt { path: path.to_path_buf(), reason: reason.into() }
    }

    /// True where nobody can read a file: its medium fails, or something else stands in its place. It is as good as lost for
    /// whoever asks for a repair or a rebuild; others had better look at the disk first.
    pub fn is_unreadable_file(&self) -> bool {
        let is_reading = |action: &str| READING.contains(&action);
        matches!(self, IndexError::Io { action, source, .. } if is_reading(action) && system_error::says_unreadable(source))
    }

    /// True if this keeps nobody from a rebuild, which puts a new index in the place of the one that the error is about: what is
    /// damaged goes, and so do vectors and records of a newer version, as long as the manifest is none of a newer version.
    pub fn may_be_rebuilt(&self) -> bool {
        match self {
            IndexError::Corrupt { .. }
            | IndexError::ManifestLost { .. }
            | IndexError::Metadata { .. }
            | IndexError::Graph { .. } => true,
            IndexError::NewerFormat { path, .. } => !layout::is_commit_point(path),
            _ => self.is_unreadable_file(),
        }
    }

    /// True where a file that should be there is missing: to a reader that may mean that a writer has just replaced it.
    pub(crate) fn is_missing_file(&self) -> bool {
        matches!(self, IndexError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// What a file that stands for a lock says of its holder.
fn holder(host: &str, process: u32, since: u64) -> String {
    if host.is_empty() || process == 0 {
        return "stands for its lock, but does not say which process it is".to_owned();
    }
    let since = if since == 0 { String::new() } else { format!(", since {}", utc(since)) };
    format!("says that it is the process {process} on the host {host:?}{since}")
}

/// A time in seconds since 1970, for people.
fn utc(seconds: u64) -> String {
    // Days from the civil calendar, by Howard Hinnant's algorithm; eras of 400 years begin in March.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_for_people() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_700_000_000, "2023-11-14 22:13 UTC"),
            (4_107_542_399, "2100-02-28 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), text);
        }
        let _ = utc(u64::MAX);
    }

    #[test]
    fn a_holder_that_is_not_known_is_not_made_up() {
        let of = |host: &str, process, since| {
            let (dir, file) = (PathBuf::from("/index"), PathBuf::from("/index/lock.holder"));
            IndexError::LockedBy { dir, file, host: host.into(), process, since }.to_string()
        };
        for message in [of("", 0, 0), of("host", 0, 5), of("", 7, 5)] {
            assert!(message.contains("lock.holder stands for its lock, but does not say which"), "{message}");
            assert!(!message.contains("1970") && !message.contains("process 0"), "{message}");
        }
        assert!(of("host", 7, 0).ends_with("says that it is the process 7 on the host \"host\""));
        assert!(of("host", 7, 60).ends_with("on the host \"host\", since 1970-01-01 00:01 UTC"));
    }

    #[test]
    fn messages_name_no_command_of_any_program() {
        let path = || PathBuf::from("/index");
        let reason = || "reason".to_owned();
        let errors = [
            IndexError::NotFound { dir: path() },
            IndexError::NotAnIndex { dir: path(), found: path() },
            IndexError::NotADirectory { path: path(), found: "a file".into() },
            IndexError::Locked { dir: path() },
            IndexError::LockedBy { dir: path(), file: path(), host: "host".into(), process: 1, since: 0 },
            IndexError::Fingerprint {
                dir: path(),
                indexed_name: "a".into(),
                indexed_fingerprint: "b".into(),
                wanted_name: "a".into(),
                wanted_fingerprint: "c".into(),
            },
            IndexError::NewerFormat { path: path(), found: 2, supported: 1 },
            IndexError::Corrupt { path: path(), reason: reason() },
            IndexError::NoGraph { dir: path() },
            IndexError::Graph { dir: path(), reason: reason() },
            IndexError::Metadata { dir: path(), reason: reason() },
        ];
        for error in errors {
            let message = error.to_string();
            assert!(message.contains("/index"), "{message}");
            assert!(!message.contains("clip-search") && !message.contains("--"), "{message}");
            assert!(error.remedy().is_some(), "{message}");
        }
    }
}
