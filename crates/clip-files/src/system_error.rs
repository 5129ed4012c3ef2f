//! What the operating system's errors say.

use std::io;

/// An error without its number, in lower case: "permission denied".
pub fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Whether it says that there is nothing under a path, as opposed to that nobody can tell.
pub fn says_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether it says that a file cannot be read by anybody: its medium fails, or what stands in its place is no file that could be
/// opened.
pub fn says_unreadable(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_hopeless = matches!(error.raw_os_error(), Some(libc::EIO | libc::ELOOP));
    #[cfg(not(unix))]
    let is_hopeless = false;
    // What `regular` says of folders and named pipes.
    is_hopeless || matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::IsADirectory)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_left_out() {
        // ENOENT and EIO have the same numbers on all Unixes.
        assert_eq!(describe(&io::Error::from_raw_os_error(2)), "no such file or directory");
        let error = describe(&io::Error::from_raw_os_error(5));
        assert!(error.starts_with('i') && !error.contains("os error"), "{error}");
        assert_eq!(describe(&io::Error::other("Damaged")), "damaged");
    }

    #[test]
    fn what_nobody_can_read_is_told_from_what_one_may_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let circle = folder.path().join("circle");
        std::os::unix::fs::symlink(&circle, &circle).unwrap();
        for path in [folder.path(), &circle] {
            assert!(says_unreadable(&crate::regular::open(path).unwrap_err()), "{path:?}");
        }
        assert!(says_unreadable(&io::Error::from_raw_os_error(libc::EIO)));
        for number in [libc::EACCES, libc::ENOENT, libc::EMFILE, libc::ENOSPC, libc::ESTALE] {
            assert!(!says_unreadable(&io::Error::from_raw_os_error(number)));
        }
    }

    #[test]
    fn what_is_not_there_is_told_from_what_cannot_be_looked_at() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for path in [file.path().with_extension("none"), file.path().join("below")] {
            assert!(says_missing(&path.metadata().unwrap_err()));
        }
        assert!(!says_missing(&io::ErrorKind::PermissionDenied.into()));
    }
}
