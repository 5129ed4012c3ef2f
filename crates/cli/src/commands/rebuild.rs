//! `index --rebuild`: a new index beside the old one, which stays in use until the new one is complete.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clip_search::{IndexError, IndexReader, Model};

use crate::output::escaped;

/// An index that is to be replaced, and of which folders.
pub(crate) struct Rebuild {
    index: PathBuf,
    beside: PathBuf,
    folders: Vec<PathBuf>,
    /// Keeps writers away from the old index, which would be pulled from under them.
    _lock: Option<File>,
}

impl Rebuild {
    /// Finds out what is to be indexed: `folders`, or those that the index knows.
    ///
    /// Nothing is touched yet. A folder that holds anything but an index is refused, for it will be removed.
    pub fn plan(index: &Path, folders: &[PathBuf]) -> Result<Self> {
        let known = match IndexReader::open(index) {
            Ok(reader) => reader.roots(),
            // A damaged index is a good reason to build a new one, but then the folders must be named.
            Err(error) if folders.is_empty() => {
                return Err(error)
                    .context("cannot tell which folders to index again; name them: `index --rebuild DIR`");
            }
            Err(_) => Vec::new(),
        };
        refuse_foreign_entries(index)?;
        let lock = lock(index)?;
        let folders = if folders.is_empty() { known } else { folders.to_vec() };
        Ok(Self { index: index.to_owned(), beside: with_suffix(index, ".rebuild"), folders, _lock: lock })
    }

    /// The same for a change of the model: all folders that the index knows, and `folders` besides.
    ///
    /// A folder that is not there cannot be embedded anew, and an index that lacks it must not take the place of one that
    /// has it; unless the user says so, such a folder is an error.
    pub fn plan_switch(index: &Path, folders: &[PathBuf], forget_unreachable: bool) -> Result<Self> {
        let mut all = IndexReader::open(index)?.roots();
        if let Some(missing) = all.iter().find(|root| !root.is_dir())
            && !forget_unreachable
        {
            bail!(
                "{} cannot be reached, and its photos would be lost when the index changes its model; make it reachable \
                 (is a drive not mounted?) and run the same command again, or pass --forget-unreachable",
                escaped(missing)
            );
        }
        all.retain(|root| root.is_dir());
        all.extend_from_slice(folders);
        Self::plan(index, &all)
    }

    /// Where the new index is made.
    pub fn beside(&self) -> &Path {
        &self.beside
    }

    /// What is indexed.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Removes what an earlier rebuild left, unless this one can go on from there.
    pub fn prepare(&self, model: &Model) -> Result<()> {
        let fingerprint = model.fingerprint().to_string();
        match IndexReader::open(&self.beside) {
            Ok(reader) if reader.model().fingerprint == fingerprint => Ok(()),
            _ => {
                refuse_foreign_entries(&self.beside)?;
                remove(&self.beside)
            }
        }
    }

    /// Puts the new index in the place of the old one.
    ///
    /// Between the two renames there is no index for a moment. Should the machine fail just then, both lie side by side
    /// under the names that the error or a look into the folder shows, and none is lost.
    pub fn replace(self) -> Result<()> {
        let old = with_suffix(&self.index, ".old");
        refuse_foreign_entries(&old)?;
        remove(&old)?;
        match fs::rename(&self.index, &old) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot rename {}", escaped(&self.index))),
        }
        fs::rename(&self.beside, &self.index)
            .with_context(|| format!("cannot rename {} to {}", escaped(&self.beside), escaped(&self.index)))?;
        remove(&old)
    }
}

/// Takes the lock that writers of an index hold, if there is an index.
fn lock(index: &Path) -> Result<Option<File>> {
    let path = index.join("lock");
    let file = match File::options().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot open {}", escaped(&path))),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(IndexError::Locked { dir: index.to_owned() }.into()),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", escaped(&path))),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", escaped(folder)))
        }
        _ => Ok(()),
    }
}

/// An index has its folder for itself. Whoever points `--index` at a folder of photos must not lose them.
fn refuse_foreign_entries(folder: &Path) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", escaped(folder))),
    };
    for entry in entries {
        let name = entry.with_context(|| format!("cannot read {}", escaped(folder)))?.file_name();
        if !belongs_to_an_index(&name) {
            bail!(
                "{} holds more than an index (found {}), and a rebuild would remove it all; move that elsewhere or \
                 choose another folder with --index",
                escaped(folder),
                escaped(Path::new(&name))
            );
        }
    }
    Ok(())
}

/// The names that docs/index-format.md lists.
fn belongs_to_an_index(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    matches!(name, "lock" | "meta" | "vectors" | "graph")
        || name.starts_with(".tmp-")
        || (name.starts_with("manifest-") && name.ends_with(".json"))
        || (name.starts_with("deleted-") && name.ends_with(".bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_anything_else_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["lock", "manifest-3.json", "deleted-2.bin", ".tmp-x"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        refuse_foreign_entries(folder.path()).unwrap();
        refuse_foreign_entries(&folder.path().join("missing")).unwrap();
        fs::write(folder.path().join("holiday.jpg"), "").unwrap();
        let error = refuse_foreign_entries(folder.path()).unwrap_err().to_string();
        assert!(error.contains("holiday.jpg"), "{error}");
    }
}
