//! Reading files whose paths come from outside, which may lead to anything.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::kind;

/// Why a file was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// It is not a regular file but something of this kind.
    NotRegular(FileType),
    /// The system's reason.
    System(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        OpenError::System(error)
    }
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> io::Error {
        match error {
            OpenError::NotRegular(kind) => {
                let message = format!("expected a file, found {}", kind::name(kind));
                io::Error::new(io::ErrorKind::InvalidInput, message)
            }
            OpenError::System(error) => error,
        }
    }
}

/// Opens a regular file for reading. Links are followed. Never waits for another process: a named pipe is refused, even
/// one that takes the file's place between the first look and the opening.
///
/// # Errors
/// The system's, and [`io::ErrorKind::InvalidInput`] for what is not a regular file: "expected a file, found a named pipe".
pub fn open(path: &Path) -> io::Result<File> {
    Ok(open_with_metadata(path)?.0)
}

/// As [`open`], with the metadata of what was opened, and with the kind of what is not a regular file.
///
/// # Errors
/// See [`OpenError`].
pub fn open_with_metadata(path: &Path) -> Result<(File, Metadata), OpenError> {
    // Looked at first because opening alone can do something to a device (rewind a tape) ...
    check(&std::fs::metadata(path)?)?;
    let file = open_without_waiting(path)?;
    // ... and again, because what was opened is what counts.
    let metadata = file.metadata()?;
    check(&metadata)?;
    Ok((file, metadata))
}

/// Opens a regular file with these options, which may create it. Links are followed. Never waits for another process, as
/// opening a named pipe would.
///
/// # Errors
/// Those of [`open`].
pub fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let opened = options.open(path);
    // What was opened is what counts; where nothing was, because it is a pipe that nobody reads, the path tells.
    let metadata = match &opened {
        Ok(file) => file.metadata(),
        Err(_) => std::fs::metadata(path),
    };
    if let Ok(metadata) = metadata {
        check(&metadata)?;
    }
    opened
}

/// Reads a regular file of at most `limit` bytes whole.
///
/// # Errors
/// Those of [`open`], and [`io::ErrorKind::FileTooLarge`] for a file that is larger or grows beyond the limit.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let (file, metadata) = open_with_metadata(path)?;
    read_opened(file, &metadata, limit)
}

/// Reads a file of at most `limit` bytes whole that [`open_with_metadata`] opened.
///
/// # Errors
/// The system's, and [`io::ErrorKind::FileTooLarge`] for a file that is larger or grows beyond the limit.
pub fn read_opened(file: File, metadata: &Metadata, limit: u64) -> io::Result<Vec<u8>> {
    let too_large = || {
        let message = format!("expected a file of at most {limit} bytes, found a larger one");
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    };
    let expected = metadata.len();
    if expected > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(expected).map_err(|_| too_large())?)?;
    // A file may grow while it is read; one byte more than the limit is enough to know.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

/// Reads a regular file of UTF-8 text of at most `limit` bytes whole.
///
/// # Errors
/// Those of [`read`], and [`io::ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_to_string(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|error| {
        let message = format!("expected UTF-8 text, found other bytes at {}", error.utf8_error().valid_up_to());
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// Refuses what is no regular file.
pub(crate) fn check(metadata: &Metadata) -> Result<(), OpenError> {
    if metadata.is_file() { Ok(()) } else { Err(OpenError::NotRegular(metadata.file_type())) }
}

#[cfg(unix)]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

#[cfg(not(unix))]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_up_to_a_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "grün").unwrap();
        assert_eq!(read_to_string(&path, 5).unwrap(), "grün");
        assert_eq!(read(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        std::fs::write(&path, b"a\xff").unwrap();
        assert!(read_to_string(&path, 5).unwrap_err().to_string().contains("at 1"));
        assert_eq!(read(&dir.path().join("none"), 5).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_else_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let name = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
        // SAFETY: the name is a C string that outlives the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        for (path, found) in
            [(pipe.as_path(), "a named pipe"), (dir.path(), "a folder"), (Path::new("/dev/zero"), "a device")]
        {
            let error = open(path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(found), "{error}");
            let error = open_with(OpenOptions::new().create(true).write(true), path).unwrap_err();
            assert!(error.to_string().contains(found), "{error}");
        }
        // As if it had taken a file's place after the first look.
        let file = open_without_waiting(&pipe).unwrap();
        assert!(check(&file.metadata().unwrap()).is_err());
    }
}
