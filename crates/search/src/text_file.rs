//! Small files of text in the folder of an index that belong to no generation of it.

use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use clip_files::{atomic, regular, system_error};
use clip_index::IndexError;

use crate::error::LibraryError;

/// How often a file is written again that was removed before it was complete.
const ATTEMPTS: usize = 100;

/// Reads a small file of text; `None` if there is none. What is wrong with the file itself is `damaged`, with the reason.
///
/// # Errors
/// `damaged`, and [`IndexError::Io`] within [`LibraryError::Index`] if the system refuses to read it.
pub(crate) fn read(
    path: &Path,
    most_bytes: u64,
    damaged: impl FnOnce(String) -> LibraryError,
) -> Result<Option<String>, LibraryError> {
    match regular::read_to_string(path, most_bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) if system_error::says_missing(&error) => Ok(None),
        Err(error) => Err(match error.kind() {
            // These are said of the file by `regular`, not by the system.
            io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                damaged(error.to_string())
            }
            _ => IndexError::Io { action: "read", path: path.to_owned(), source: error }.into(),
        }),
    }
}

/// Puts a file of text in the place of one in the folder of an index.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), LibraryError> {
    for attempt in 1.. {
        match atomic::write_bytes(path, text.as_bytes()) {
            Ok(()) => break,
            // Whoever begins to write the index tidies up, and takes a temporary file for one that a dead process left.
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {
                sleep(Duration::from_millis(1));
            }
            Err(source) => return Err(IndexError::Io { action: "write", path: path.to_owned(), source }.into()),
        }
    }
    Ok(())
}
