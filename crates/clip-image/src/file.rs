//! Reads regular files, and never waits for a pipe or a device.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

use clip_files::kind;
use clip_files::regular::{OpenError, open_with_metadata};

use crate::{ImageError, Limits, formats};

/// From this size on, a file is looked at before the memory for it is allocated.
const LARGE: u64 = 16 << 20;

/// Reads a whole regular file. Symbolic links are followed. Of a large file that is no photo by its first bytes (a film
/// under a photo's name), no more than those are read.
///
/// # Errors
/// [`ImageError::NotARegularFile`], [`ImageError::Empty`], [`ImageError::FileTooLarge`], [`ImageError::Io`], and of
/// large files [`ImageError::UnknownFormat`] and [`ImageError::Unsupported`]. It never waits for another process: a
/// named pipe is refused even when one takes the file's place between the first look and the opening.
pub fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    let (file, metadata) = open(path)?;
    let too_large = |bytes| ImageError::FileTooLarge { bytes, max_bytes: limits.max_file_bytes };
    if metadata.len() > limits.max_file_bytes {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::new();
    if metadata.len() >= LARGE {
        (&file).take(64).read_to_end(&mut bytes)?;
        formats::sniff(&bytes)?;
    }
    let expected = usize::try_from(metadata.len()).map_err(|_| too_large(metadata.len()))?;
    bytes.try_reserve_exact(expected.saturating_sub(bytes.len())).map_err(std::io::Error::from)?;
    // A file may grow while it is read. One byte above the limit is enough to notice.
    let most = limits.max_file_bytes.saturating_add(1);
    file.take(most.saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limits.max_file_bytes {
        return Err(too_large(bytes.len() as u64));
    }
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    Ok(bytes)
}

/// Opens a regular file.
pub(crate) fn open(path: &Path) -> Result<(File, Metadata), ImageError> {
    open_with_metadata(path).map_err(|error| match error {
        OpenError::NotRegular(kind) => ImageError::NotARegularFile { found: kind::name(kind) },
        OpenError::System(error) => ImageError::Io(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_directories_and_empty_files() {
        let dir = tempfile::tempdir().unwrap();
        let sub = dir.path().join("x.png");
        std::fs::create_dir(&sub).unwrap();
        let error = read_file(&sub, &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "not a regular file but a folder");

        let empty = dir.path().join("empty.jpg");
        std::fs::write(&empty, b"").unwrap();
        assert!(matches!(read_file(&empty, &Limits::default()), Err(ImageError::Empty)));
    }

    #[test]
    fn refuses_one_byte_too_many() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jpg");
        std::fs::write(&path, [7; 11]).unwrap();
        let limits = |max_file_bytes| Limits { max_file_bytes, ..Limits::default() };
        assert_eq!(read_file(&path, &limits(11)).unwrap(), [7; 11]);
        assert!(matches!(read_file(&path, &limits(10)), Err(ImageError::FileTooLarge { bytes: 11, max_bytes: 10 })));
    }

    #[test]
    fn large_files_are_read_only_if_they_are_photos() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("film.jpg");
        let file = std::fs::File::create(&path).unwrap();
        // Sparse, so that nothing is written.
        file.set_len(LARGE).unwrap();
        assert!(matches!(read_file(&path, &Limits::default()), Err(ImageError::UnknownFormat)));
        file.set_len(LARGE - 1).unwrap();
        assert_eq!(read_file(&path, &Limits::default()).unwrap().len() as u64, LARGE - 1);

        let photo = [b"BM".to_vec(), vec![7; LARGE as usize]].concat();
        std::fs::write(&path, &photo).unwrap();
        assert!(read_file(&path, &Limits::default()).unwrap() == photo);
        let tight = Limits { max_file_bytes: photo.len() as u64 - 1, ..Limits::default() };
        assert!(matches!(read_file(&path, &tight), Err(ImageError::FileTooLarge { .. })));
    }

    #[test]
    fn says_when_nothing_is_there() {
        let error = read_file(Path::new("/no/such/photo.jpg"), &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "no such file, or a broken link");
    }

    #[cfg(unix)]
    #[test]
    fn never_waits_for_a_fifo() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe.jpg");
        let name = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: `name` is a NUL-terminated string that outlives the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        let error = read_file(&path, &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "not a regular file but a named pipe");
    }

    #[cfg(unix)]
    #[test]
    fn follows_links_and_names_devices() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link, dangling) = (dir.path().join("a.jpg"), dir.path().join("b.jpg"), dir.path().join("c.jpg"));
        std::fs::write(&target, b"abc").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        std::os::unix::fs::symlink(dir.path().join("gone"), &dangling).unwrap();
        assert_eq!(read_file(&link, &Limits::default()).unwrap(), b"abc");
        assert!(matches!(read_file(&dangling, &Limits::default()), Err(ImageError::Io(_))));
        let error = read_file(Path::new("/dev/null"), &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "not a regular file but a device");
    }
}
