//! Checks whether the cache holds what was published.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clip_files::system_error;
use clip_progress::Progress;

use crate::cache::Snapshot;
use crate::client::Client;
use crate::digest::Digest;
use crate::escape::Escaped;
use crate::fault::Failure;
use crate::files::AUXILIARY;
use crate::progress::{PullEvent, go_on};
use crate::{Checkpoint, Hub, HubError, files};

/// How many levels of folders in a snapshot are looked into.
const MAX_DEPTH: usize = 8;

/// A checkpoint in the cache, file by file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The folder with its files.
    pub folder: PathBuf,
    /// Its commit.
    pub commit: String,
    /// Its files, by name.
    pub files: Vec<CheckedFile>,
    /// What is missing, if anything is.
    pub missing: Option<String>,
    /// Why it is not known whether files are gone without a trace: the server, which knows them all, could not be asked.
    /// `None` if it was.
    pub unlisted: Option<String>,
}

impl Verified {
    /// Whether all is there and nothing is damaged.
    pub fn is_clean(&self) -> bool {
        self.missing.is_none() && !self.files.iter().any(|file| matches!(file.state, FileState::Damaged { .. }))
    }
}

/// A file and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFile {
    /// Its name in the repository, as it is: escape it before it reaches a terminal.
    pub name: String,
    /// Its size on this disk.
    pub bytes: u64,
    /// Its state.
    pub state: FileState,
}

/// The state of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// Its content has the hash that it was published with.
    Good,
    /// It has other content.
    Damaged {
        /// The hash that it was published with.
        expected: String,
        /// The hash of what is there.
        found: String,
    },
    /// The hash that it was published with is not known: it is a copy without a blob, and the server could not be asked.
    Unchecked {
        /// Why not.
        reason: String,
    },
}

impl Hub {
    /// Hashes every file that the cache holds of a checkpoint. A blob's name is its hash; for files that another program
    /// stored without blobs the server is asked, where the network may be used. There it is also asked which files there are:
    /// what was removed with its link leaves no trace.
    ///
    /// # Errors
    /// [`HubError::NotCached`] if there is nothing to verify, [`HubError::Io`], [`HubError::Cancelled`].
    pub fn verify(
        &self,
        checkpoint: &Checkpoint,
        progress: &dyn for<'e> Progress<PullEvent<'e>>,
        cancel: &AtomicBool,
    ) -> Result<Verified, HubError> {
        let found = self.cache.look_up(&checkpoint.repository, &checkpoint.revision);
        let Snapshot { folder, commit } = found.map_err(|lack| self.not_cached(checkpoint, lack))?;
        let (mut names, mut missing) = (Vec::new(), None);
        list(&folder, "", MAX_DEPTH, &mut names)?;
        names.sort();
        let client = self.client()?;
        let mut checked = Vec::with_capacity(names.len());
        for name in names {
            progress.event(PullEvent::Checking { file: &name });
            go_on(cancel)?;
            let path = folder.join(&name);
            let metadata = match fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => metadata,
                // Something that is no file. If it is needed, it is reported as missing.
                Ok(_) => continue,
                // Whoever made the link had the file.
                Err(error) if system_error::says_missing(&error) => {
                    missing.get_or_insert_with(|| files::absent(&folder, &name));
                    continue;
                }
                Err(source) => return Err(HubError::Io { action: "read", path, source }),
            };
            let state = match self.published(checkpoint, &commit, &name, &path, client.as_ref(), cancel)? {
                Ok(expected) => {
                    let found = expected.of_file(&path, cancel)?;
                    if found == expected {
                        FileState::Good
                    } else {
                        FileState::Damaged { expected: expected.to_string(), found: found.to_string() }
                    }
                }
                Err(reason) => FileState::Unchecked { reason },
            };
            checked.push(CheckedFile { name, bytes: metadata.len(), state });
        }
        let missing = match files::missing(&folder, checkpoint.files.as_deref()) {
            Ok(lacking) => lacking.or(missing),
            Err(error @ HubError::InTheWay { .. }) => Some(error.to_string()),
            Err(error) => return Err(error),
        };
        let (missing, unlisted) = match missing {
            Some(missing) => (Some(missing), None),
            None => match self.published_names(checkpoint, &commit, client.as_ref(), cancel)? {
                Ok(names) => {
                    let gone = names.into_iter().find(|name| !folder.join(name).is_file());
                    (gone.map(|name| format!("`{}` is missing", Escaped(&name))), None)
                }
                Err(reason) => (None, Some(reason)),
            },
        };
        Ok(Verified { folder, commit, files: checked, missing, unlisted })
    }

    /// The names of the files that a download of this commit brings, or why they are not known.
    fn published_names(
        &self,
        checkpoint: &Checkpoint,
        commit: &str,
        client: Option<&Client>,
        cancel: &AtomicBool,
    ) -> Result<Result<Vec<String>, String>, HubError> {
        let Some(client) = client else { return Ok(Err("offline mode is on".to_owned())) };
        let listing = match client.repository(&checkpoint.repository, commit, cancel) {
            Ok(listing) => listing,
            Err(Failure::Lasting(HubError::Cancelled)) => return Err(HubError::Cancelled),
            Err(failure) => return Ok(Err(unasked(&failure))),
        };
        Ok(match &checkpoint.files {
            Some(files) => {
                let others =
                    AUXILIARY.iter().filter(|name| listing.files.contains(**name)).map(|name| (*name).to_owned());
                Ok(files.iter().cloned().chain(others).collect())
            }
            None => files::choose(&checkpoint.repository, &listing.files).map_err(|error| error.to_string()),
        })
    }

    /// The digest that a file was published with, or why it is not known.
    fn published(
        &self,
        checkpoint: &Checkpoint,
        commit: &str,
        name: &str,
        path: &Path,
        client: Option<&Client>,
        cancel: &AtomicBool,
    ) -> Result<Result<Digest, String>, HubError> {
        let target = fs::read_link(path).ok();
        let blob = target.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        if let Some(digest) = blob.and_then(Digest::parse) {
            return Ok(Ok(digest));
        }
        // A copy or a hard link. If a blob is named by its hash, that is what was published.
        for kind in [Digest::GitBlob([0; 20]), Digest::Sha256([0; 32])] {
            let digest = kind.of_file(path, cancel)?;
            if self.cache.blob(&checkpoint.repository, digest).is_file() {
                return Ok(Ok(digest));
            }
        }
        let Some(client) = client else {
            return Ok(Err("it is a copy without a blob, and offline mode is on".to_owned()));
        };
        Ok(match client.file(&checkpoint.repository, commit, name, cancel) {
            Ok(Some(info)) => Ok(info.digest),
            Ok(None) => Err("the server has no such file".to_owned()),
            Err(Failure::Lasting(HubError::Cancelled)) => return Err(HubError::Cancelled),
            Err(failure) => Err(unasked(&failure)),
        })
    }
}

fn unasked(failure: &Failure) -> String {
    match failure {
        Failure::Passing(cause) => format!("cannot ask the server: {cause}"),
        Failure::Lasting(error) => format!("cannot ask the server: {error}"),
    }
}

/// Adds the names of all files below a folder.
fn list(folder: &Path, prefix: &str, depth: usize, names: &mut Vec<String>) -> Result<(), HubError> {
    let io = |source| HubError::Io { action: "read", path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(io)?.is_dir() {
            if depth > 0 {
                list(&entry.path(), &format!("{name}/"), depth - 1, names)?;
            }
        } else {
            names.push(name);
        }
    }
    Ok(())
}
