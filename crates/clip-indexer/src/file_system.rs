//! What is asked of a file system: folders, what is in them, and what tells it from others.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clip_files::system_error::says_missing;

use crate::identity::Identity;
use crate::stamp::{self, device_of};
use crate::system_folders::{is_hidden, is_junk, is_system_folder};

/// A file that is larger than this is no marker that says what a mount point is for.
const MARKER_BYTES: u64 = 4096;

/// A folder, as far as a look at it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    /// It is there.
    There {
        /// Number of the file system that it is on, where the system tells.
        device: Option<u64>,
    },
    /// Something else has this name.
    Other {
        /// Number of the file system that it is on, where the system tells.
        device: Option<u64>,
    },
    /// There is nothing of this name.
    Missing,
    /// It could not be looked at, so nothing follows.
    Unknown,
}

/// What is asked of a file system. Tests answer for drives that they cannot mount.
pub(crate) trait FileSystem: Sync {
    /// Looks at a folder, through links.
    fn folder(&self, path: &Path) -> Folder;

    /// Whether a folder holds nothing that is the user's: what is mounted there, if anything, is empty.
    fn holds_nothing(&self, path: &Path) -> bool;

    /// Whether it is certain that there is nothing under this path, not even a link that leads nowhere.
    fn is_missing(&self, path: &Path) -> bool;

    /// What tells the file system from others that a folder is the topmost one of; `None` where nothing is known.
    fn identity(&self, _folder: &Path) -> Option<Identity> {
        None
    }

    /// The hash of a photo's content, as an index has it; `None` if it cannot be read.
    fn content(&self, _photo: &Path) -> Option<[u8; 16]> {
        None
    }
}

/// The real one. It remembers the folders that it looked at, because thousands of photos share one.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    folders: Mutex<HashMap<PathBuf, Folder>>,
    empty: Mutex<HashMap<PathBuf, bool>>,
}

impl FileSystem for Disk {
    fn folder(&self, path: &Path) -> Folder {
        remembered(&self.folders, path, || match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Folder::There { device: device_of(&metadata) },
            Ok(metadata) => Folder::Other { device: device_of(&metadata) },
            Err(error) if says_missing(&error) => Folder::Missing,
            Err(_) => Folder::Unknown,
        })
    }

    fn holds_nothing(&self, path: &Path) -> bool {
        remembered(&self.empty, path, || holds_nothing(path, &mut 1))
    }

    fn is_missing(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_err_and(|error| says_missing(&error))
    }

    fn identity(&self, folder: &Path) -> Option<Identity> {
        Identity::of(&fs::metadata(folder).ok().filter(|metadata| metadata.is_dir())?)
    }

    fn content(&self, photo: &Path) -> Option<[u8; 16]> {
        stamp::describe(photo).map(|(_, hash)| hash)
    }
}

fn remembered<T: Copy>(memory: &Mutex<HashMap<PathBuf, T>>, path: &Path, look: impl FnOnce() -> T) -> T {
    // A map of answers is whole whatever a thread that held the lock did.
    let lock = || memory.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = lock().get(path) {
        return *answer;
    }
    let answer = look();
    lock().insert(path.to_path_buf(), answer);
    answer
}

/// `markers` is how many small files are still allowed. What cannot be looked at counts as something.
fn holds_nothing(folder: &Path, markers: &mut u32) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    for entry in entries {
        let Ok(entry) = entry else { return false };
        let (name, Ok(kind)) = (entry.file_name(), entry.file_type()) else { return false };
        if is_hidden(&name) || is_junk(&name) || kind.is_dir() && is_system_folder(&name, folder.file_name()) {
            continue;
        }
        let path = entry.path();
        let is_nothing = if kind.is_dir() {
            holds_nothing(&path, markers)
        } else if kind.is_file() && *markers > 0 && !clip_image::looks_like_photo(&path) {
            *markers -= 1;
            entry.metadata().is_ok_and(|metadata| metadata.len() <= MARKER_BYTES)
        } else {
            false
        };
        if !is_nothing {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_hold_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str, entries: &[(&str, usize)]| {
            let folder = dir.path().join(name);
            fs::create_dir_all(&folder).unwrap();
            for (entry, bytes) in entries {
                let path = folder.join(entry);
                if let Some(inner) = entry.strip_suffix('/') {
                    fs::create_dir_all(folder.join(inner)).unwrap();
                } else {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, vec![b'x'; *bytes]).unwrap();
                }
            }
            Disk::default().holds_nothing(&folder)
        };
        assert!(folder("empty", &[]));
        let left_by_systems = [
            (".DS_Store", 6148),
            ("._a.jpg", 10),
            ("@eaDir/a.jpg/thumb.jpg", 10_000),
            ("lost+found/", 0),
            (".Trash-1000/a.jpg", 10),
            ("$RECYCLE.BIN/a.jpg", 10),
            ("System Volume Information/x", 10),
            ("Thumbs.db", 50_000),
            ("desktop.ini", 200),
            ("inner/deep/", 0),
            ("other/.DS_Store", 6148),
        ];
        for entry in left_by_systems {
            assert!(folder(&format!("one {}", entry.0.replace('/', " ")), &[entry]), "{}", entry.0);
        }
        assert!(folder("all", &left_by_systems));
        for marker in ["NOT MOUNTED", "not-mounted.txt", "inner/README.md"] {
            assert!(folder(&format!("marker {}", marker.replace('/', " ")), &[(marker, 100), (".DS_Store", 6148)]));
        }
        assert!(!folder("two files", &[("a.txt", 1), ("b.txt", 1)]));
        assert!(!folder("two files apart", &[("x/a.txt", 1), ("b.txt", 1)]));
        assert!(!folder("a large file", &[("video.mp4", 5000)]));
        assert!(!folder("a photo", &[("a.jpg", 1)]));
        assert!(!folder("a photo below", &[("inner/a.jpg", 1)]));
        assert!(!Disk::default().holds_nothing(&dir.path().join("missing")));
    }
}
