//! The only module that changes files: everything else writes through it.
//!
//! A file appears under its name complete and synced, or not at all: see [`clip_files::atomic`]. Files are never changed
//! after that, and nobody but their owner can read them.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clip_files::{atomic, private};

use crate::error::IndexError;

/// Writes `path` in one step; `fill` writes the content and may seek.
pub(crate) fn write(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> std::io::Result<()>,
) -> Result<(), IndexError> {
    atomic::write(path, fill).map_err(IndexError::io("write", path))
}

/// Writes `path` in one step from bytes in memory.
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), IndexError> {
    write(path, |out| out.write_all(bytes))
}

/// Creates the directory of an index and its parents, synced; it may exist already.
pub(crate) fn create_dir(path: &Path) -> Result<(), IndexError> {
    private::create_dir(path).map_err(|error| match not_a_directory(path) {
        Some(found) => IndexError::NotADirectory { path: path.to_path_buf(), found },
        None => IndexError::io("create the directory", path)(error),
    })
}

/// Creates a directory in that of an index, synced; it may exist already.
pub(crate) fn create_inner_dir(path: &Path) -> Result<(), IndexError> {
    private::create_dir(path).map_err(|error| match not_a_directory(path) {
        Some(found) => IndexError::corrupt(path, format!("expected a directory, it is {found}")),
        None => IndexError::io("create the directory", path)(error),
    })
}

/// As [`create_inner_dir`], in the place of a file of that name, which is nothing that an index has.
pub(crate) fn restore_inner_dir(path: &Path) -> Result<(), IndexError> {
    // What a link leads to may only be out of reach.
    if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir() && !metadata.is_symlink()) {
        fs::remove_file(path).map_err(IndexError::io("remove", path))?;
    }
    create_inner_dir(path)
}

/// What stands in the place of a directory, as in "it is FOUND", if something else does.
pub(crate) fn not_a_directory(path: &Path) -> Option<String> {
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => None,
        Ok(metadata) if metadata.is_file() => Some("a file".to_owned()),
        Ok(metadata) => Some(clip_files::kind::name(metadata.file_type()).to_owned()),
        Err(_) => {
            let target = path.read_link().ok()?;
            Some(format!("a link to {}, which cannot be reached; it may be on a drive", target.display()))
        }
    }
}

/// Makes renames in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), IndexError> {
    clip_files::directory::sync_dir(path).map_err(IndexError::io("sync the directory", path))
}

/// Takes away other users' access to what an earlier version has written; the file may be missing.
pub(crate) fn tighten(path: &Path) -> std::io::Result<()> {
    match private::tighten(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Removes a file that no live manifest names. Failure is no error: a reader may have it open (Windows), and the next
/// writer tries again. A directory of such a name is not ours and stays.
pub(crate) fn remove_orphan(path: &Path) {
    log_removal(path, fs::remove_file(path));
}

/// Removes a temporary file or directory, as [`remove_orphan`] does.
pub(crate) fn remove_temporary(path: &Path) {
    let is_dir = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    log_removal(path, if is_dir { fs::remove_dir_all(path) } else { fs::remove_file(path) });
}

fn log_removal(path: &Path, removed: std::io::Result<()>) {
    match removed {
        Ok(()) => log::debug!("removed {}", path.display()),
        Err(error) => log::debug!("could not remove {}: {error}", path.display()),
    }
}

/// Gives a synced file a second name, `to`, in another directory of the same index. Where the file system has no hard
/// links the file moves there; where it cannot be renamed either, it is copied. A file that has the name `to` already is
/// replaced. The caller syncs the directory.
pub(crate) fn link_or_move(from: &Path, to: &Path) -> Result<(), IndexError> {
    link_or_move_by(&[hard_link, rename, atomic::copy], from, to)
}

type Method = fn(&Path, &Path) -> std::io::Result<()>;

fn link_or_move_by(methods: &[Method], from: &Path, to: &Path) -> Result<(), IndexError> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(IndexError::io("replace", to)(error)),
        _ => {}
    }
    let mut result = Ok(());
    for method in methods {
        result = method(from, to);
        match &result {
            Err(error) if !is_of_the_disk(error) => {}
            _ => break,
        }
    }
    result.map_err(IndexError::io("link a file to", to))
}

/// Says an error something about the disk or the file, and nothing about what the file system can do? A full one must not
/// make files move, which would leave the place that they come from incomplete.
fn is_of_the_disk(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotFound, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    // No kind of its own: an error of input or output.
    let failed = cfg!(unix) && error.raw_os_error() == Some(5);
    failed || matches!(error.kind(), NotFound | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
}

fn hard_link(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::hard_link(from, to)
}

fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::rename(from, to)
}

/// The entries of a directory, none if it is missing.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>, IndexError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(match not_a_directory(dir) {
                Some(found) => IndexError::NotADirectory { path: dir.to_path_buf(), found },
                None => IndexError::io("list", dir)(error),
            });
        }
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(IndexError::io("list", dir))?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_takes_the_place_of_a_file_but_not_of_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("words");
        fs::write(&path, "no directory").unwrap();
        let error = create_inner_dir(&path).unwrap_err();
        assert!(matches!(&error, IndexError::Corrupt { reason, .. } if reason.contains("a file")), "{error}");
        restore_inner_dir(&path).unwrap();
        restore_inner_dir(&path).unwrap();
        assert!(path.is_dir());
        #[cfg(unix)]
        {
            let link = dir.path().join("graph");
            std::os::unix::fs::symlink("/nowhere/at/all", &link).unwrap();
            assert!(restore_inner_dir(&link).is_err());
            assert!(link.is_symlink());
        }
    }

    #[test]
    fn a_file_gets_its_second_name_where_links_are_not_supported() {
        let unsupported: Method = |_, _| Err(std::io::ErrorKind::Unsupported.into());
        let cases: [&[Method]; 3] =
            [&[hard_link], &[unsupported, rename, unsupported], &[unsupported, unsupported, atomic::copy]];
        for methods in cases {
            let dir = tempfile::tempdir().unwrap();
            let (from, to) = (dir.path().join("from"), dir.path().join("to"));
            fs::write(&from, "content").unwrap();
            fs::write(&to, "left over").unwrap();
            link_or_move_by(methods, &from, &to).unwrap();
            assert_eq!(fs::read(&to).unwrap(), b"content");
        }
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        assert!(link_or_move(&from, &to).unwrap_err().is_missing_file());
        // A disk that is full has links, and the file stays where it is.
        let full: Method = |_, _| Err(std::io::ErrorKind::StorageFull.into());
        fs::write(&from, "content").unwrap();
        assert!(link_or_move_by(&[full, rename], &from, &to).is_err());
        assert!(from.exists() && !to.exists());
    }
}
