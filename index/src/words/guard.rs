//! Runs tantivy, and turns what goes wrong into this crate's errors.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tantivy::TantivyError;
use tantivy::directory::error::{LockError, OpenDirectoryError, OpenReadError, OpenWriteError};

use crate::error::IndexError;

/// Runs tantivy. It checks its own checksums only when asked to, and may panic over bytes that it did not write: that
/// must not take down a program that merely searches.
///
/// What the operating system refused is an [`IndexError::Io`]: it says nothing about the state of the index.
pub(crate) fn guard<T>(dir: &Path, run: impl FnOnce() -> tantivy::Result<T>) -> Result<T, IndexError> {
    let reason = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => match system_error(dir, &error) {
            Some(error) => return Err(error),
            None => reason(&error),
        },
        Err(_) => "its reader panicked".to_owned(),
    };
    Err(IndexError::Metadata { dir: dir.to_path_buf(), reason })
}

/// What is wrong with the files of the index. What tantivy itself says is for those who program with it.
fn reason(error: &TantivyError) -> String {
    match error {
        TantivyError::OpenReadError(OpenReadError::IoError { filepath, .. }) => {
            format!("{} is damaged", filepath.display())
        }
        TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(filepath)) => {
            format!("{} is missing", filepath.display())
        }
        TantivyError::OpenReadError(OpenReadError::IncompatibleIndex(_))
        | TantivyError::IncompatibleIndex(_)
        | TantivyError::SchemaError(_)
        | TantivyError::FieldNotFound(_) => "it was made by another version".to_owned(),
        TantivyError::DataCorruption(_) => "a file is damaged".to_owned(),
        // What is read was found not to be as it was written.
        TantivyError::IoError(error) if error.kind() == io::ErrorKind::InvalidData => {
            format!("a file is damaged: {error}")
        }
        other => other.to_string(),
    }
}

/// What is wrong with one file of the index.
///
/// # Errors
/// What the operating system refused, which says nothing of the file.
pub(super) fn reason_of_file(error: TantivyError) -> tantivy::Result<String> {
    if system_error(Path::new(""), &error).is_some() {
        return Err(error);
    }
    Ok(match error {
        TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. }) => io_error.to_string(),
        TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(_)) => "the file is missing".to_owned(),
        error => reason(&error),
    })
}

/// The error of the operating system behind one of tantivy's, if there is one. A missing file is none: it belongs to the
/// index and is damage.
fn system_error(dir: &Path, error: &TantivyError) -> Option<IndexError> {
    let (action, path, source): (_, PathBuf, &io::Error) = match error {
        TantivyError::OpenReadError(OpenReadError::IoError { io_error, filepath }) => {
            ("read", dir.join(filepath), io_error)
        }
        TantivyError::OpenWriteError(OpenWriteError::IoError { io_error, filepath }) => {
            ("write", dir.join(filepath), io_error)
        }
        TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error, directory_path }) => {
            ("open the directory", directory_path.clone(), io_error)
        }
        TantivyError::LockFailure(LockError::IoError(io_error), _) => ("lock", dir.to_path_buf(), io_error),
        TantivyError::IoError(io_error) => ("read or write files in", dir.to_path_buf(), io_error),
        // It starts threads of its own, and says no more than that it could not.
        TantivyError::SystemError(_) => {
            let source = io::Error::other("the system refuses to start a thread");
            return Some(IndexError::Io { action: "work on the word index in", path: dir.to_path_buf(), source });
        }
        _ => return None,
    };
    // Errors that tantivy makes up itself, of damaged files for instance, have no number.
    let source = io::Error::from_raw_os_error(source.raw_os_error()?);
    (source.kind() != io::ErrorKind::NotFound).then_some(IndexError::Io { action, path, source })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn fields_of_another_version_are_told_in_our_words() {
        for error in [TantivyError::SchemaError("x".into()), TantivyError::FieldNotFound("x".into())] {
            let error = guard::<()>(Path::new("/index/words"), || Err(error)).unwrap_err().to_string();
            assert!(error.contains("it was made by another version"), "{error}");
        }
    }

    #[test]
    fn what_the_system_refuses_is_not_called_damage() {
        // EPERM, EIO, EACCES, ENOSPC, EROFS, ENOLCK, ENOSYS, EOPNOTSUPP on Linux: all are numbers of the system.
        for number in [1, 5, 13, 28, 30, 37, 38, 95] {
            let source = || Arc::new(io::Error::from_raw_os_error(number));
            let errors = [
                TantivyError::OpenReadError(OpenReadError::IoError { io_error: source(), filepath: "x.idx".into() }),
                TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: source(), filepath: "x".into() }),
                TantivyError::LockFailure(LockError::IoError(source()), None),
                TantivyError::IoError(source()),
            ];
            for error in errors {
                let error = guard::<()>(Path::new("/index/meta"), || Err(error)).unwrap_err();
                let IndexError::Io { path, source, .. } = &error else { panic!("{error}") };
                assert!(path.starts_with("/index/meta"), "{error}");
                assert_eq!(source.raw_os_error(), Some(number));
            }
        }
        let made_up = io::Error::new(io::ErrorKind::UnexpectedEof, "too short");
        let error = OpenReadError::IoError { io_error: Arc::new(made_up), filepath: "x.idx".into() };
        let error = guard::<()>(Path::new("/index/meta"), || Err(error.into())).unwrap_err();
        assert!(matches!(error, IndexError::Metadata { .. }), "{error}");
        assert!(error.to_string().contains("x.idx is damaged"), "{error}");
        let error = guard::<()>(Path::new("/index/meta"), || Err(TantivyError::SystemError("no thread".into())));
        assert!(matches!(error, Err(IndexError::Io { .. })), "{error:?}");
    }
}
