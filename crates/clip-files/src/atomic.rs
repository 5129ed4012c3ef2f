//! Files that appear under their names complete and synced, or not at all.
//!
//! A file is written under a temporary name in the same directory, synced and renamed, and the directory is synced too.
//! All files are readable and writable by their owner only, but for those of [`write_shared`].

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::{NamedTempFile, TempDir};

use crate::directory::{parent, sync_dir};
use crate::regular;

/// Prefix of the names of temporary files and directories; six random letters and digits follow.
pub const TEMP_PREFIX: &str = ".tmp-";

/// Writes `path` in one step, in the place of a file that is there already; `fill` writes the content and may seek.
///
/// # Errors
/// Those of `fill`, or of the system. The file is as it was then, unless only the syncing of its directory failed.
pub fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> io::Result<()> {
    write_to(temporary_file(parent(path))?, path, fill)
}

/// As [`write_bytes`], with the access that new files have for this process: for folders that other programs share.
///
/// # Errors
/// As [`write()`].
pub fn write_shared(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMP_PREFIX);
    // The system takes away what the process's mask does not allow.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    write_to(builder.tempfile_in(parent(path))?, path, |out| out.write_all(bytes))
}

fn write_to(
    temp: NamedTempFile,
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 18, temp.as_file());
    fill(&mut out)?;
    out.flush()?;
    drop(out);
    temp.as_file().sync_all()?;
    temp.persist(path).map_err(|error| error.error)?;
    sync_dir(parent(path))
}

/// Writes `path` in one step from bytes in memory.
///
/// # Errors
/// As [`write()`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, |out| out.write_all(bytes))
}

/// Copies a file in one step.
///
/// # Errors
/// As [`write()`], or those of reading `from`.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = regular::open(from)?;
    write(to, |out| io::copy(&mut from, out).map(drop))
}

/// A temporary file in a directory; removed when dropped.
///
/// # Errors
/// Those of the system.
pub fn temporary_file(dir: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(TEMP_PREFIX).tempfile_in(dir)
}

/// A temporary directory in a directory, for other libraries to write in; removed when dropped.
///
/// # Errors
/// Those of the system.
pub fn temporary_dir(dir: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMP_PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(crate::private::DIR_MODE));
    builder.tempdir_in(dir)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_bytes(&path, b"first").unwrap();
        let error = write(&path, |out| {
            out.write_all(b"second")?;
            Err(io::Error::other("no more"))
        });
        assert_eq!(error.unwrap_err().to_string(), "no more");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write_bytes(&path, b"third").unwrap();
        copy(&path, &dir.path().join("copy")).unwrap();
        assert_eq!(fs::read(dir.path().join("copy")).unwrap(), b"third");
        // Nothing temporary is left.
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    #[cfg(unix)]
    fn files_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "readable by all").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_bytes(&path, b"secret").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // As any program's file is, where it is meant to be shared.
        let (shared, usual) = (dir.path().join("shared"), dir.path().join("usual"));
        write_shared(&shared, b"for all").unwrap();
        fs::write(&usual, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((fs::read(&shared).unwrap(), mode(&shared)), (b"for all".to_vec(), mode(&usual)));
        let temporary = temporary_dir(dir.path()).unwrap();
        assert_eq!(fs::metadata(temporary.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
