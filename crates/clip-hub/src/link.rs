//! Makes a blob appear under a file's name in a snapshot.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::HubError;
use crate::cache::{beside, create_parent, remove, replace};

/// Ways to have one content under two names, best first: what other programs expect, what takes no space, what works
/// everywhere.
const MEANS: [Means; 3] = [Means::SymbolicLink, Means::HardLink, Means::Copy];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    SymbolicLink,
    HardLink,
    Copy,
}

/// Makes `snapshot/file` stand for a blob of the same repository, in place of whatever is there. Readers see the old or
/// the new file and nothing in between.
///
/// # Errors
/// [`HubError::Io`].
pub(crate) fn place(snapshot: &Path, file: &str, blob: &Path) -> Result<PathBuf, HubError> {
    place_by(&MEANS, snapshot, file, blob)
}

fn place_by(means: &[Means], snapshot: &Path, file: &str, blob: &Path) -> Result<PathBuf, HubError> {
    let pointer = snapshot.join(file);
    create_parent(&pointer)?;
    let temporary = beside(&pointer);
    remove(&temporary)?;
    let mut failure = io::Error::other("links and copies are not supported here");
    for means in means {
        let made = match means {
            Means::SymbolicLink => symbolic_link(&target(file, blob), &temporary),
            Means::HardLink => fs::hard_link(blob, &temporary),
            Means::Copy => fs::copy(blob, &temporary).map(|_| ()),
        };
        match made {
            Ok(()) => {
                replace(&temporary, &pointer)?;
                return Ok(pointer);
            }
            Err(error) => failure = error,
        }
    }
    Err(HubError::Io { action: "link or copy a blob to", path: pointer, source: failure })
}

/// The path from `snapshots/COMMIT/FILE` to `blobs/HASH`. Relative, so that the cache may be moved.
fn target(file: &str, blob: &Path) -> PathBuf {
    let mut path = PathBuf::from("../..");
    path.extend(file.split('/').skip(1).map(|_| ".."));
    path.push("blobs");
    path.push(blob.file_name().unwrap_or_default());
    path
}

#[cfg(unix)]
fn symbolic_link(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symbolic_link(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(not(any(unix, windows)))]
fn symbolic_link(_target: &Path, _link: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_shows_the_blob_and_replaces_what_was_there() {
        for means in MEANS {
            let root = tempfile::tempdir().unwrap();
            let blob = root.path().join("blobs/abc");
            create_parent(&blob).unwrap();
            fs::write(&blob, "content").unwrap();
            let snapshot = root.path().join("snapshots/commit");
            for file in ["config.json", "deep/er/config.json"] {
                for _ in 0..2 {
                    let pointer = place_by(&[means], &snapshot, file, &blob).unwrap();
                    assert_eq!(pointer, snapshot.join(file));
                    assert_eq!(fs::read(&pointer).unwrap(), b"content", "{means:?} {file}");
                    assert_eq!(pointer.is_symlink(), means == Means::SymbolicLink);
                    fs::remove_file(&pointer).unwrap();
                    fs::write(&pointer, "damaged").unwrap();
                }
                let names: Vec<_> = fs::read_dir(snapshot.join(file).parent().unwrap()).unwrap().collect();
                assert!(
                    names.iter().all(|name| !name.as_ref().unwrap().file_name().to_string_lossy().ends_with("tmp"))
                );
            }
        }
    }
}
