//! What to call a file that is not a regular one.

use std::fs::FileType;

/// The kind of a file, with its article: "a folder", "a named pipe".
pub fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a named pipe";
        } else if kind.is_socket() {
            return "a socket";
        } else if kind.is_block_device() || kind.is_char_device() {
            return "a device";
        }
    }
    if kind.is_dir() {
        "a folder"
    } else if kind.is_file() {
        "a file"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else {
        "a special file"
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn kinds_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        let of = |path: &Path| name(path.symlink_metadata().unwrap().file_type());
        assert_eq!(of(dir.path()), "a folder");
        assert_eq!(of(&path("file")), "a file");
        assert_eq!(of(&path("link")), "a symbolic link");
        assert_eq!(of(&path("socket")), "a socket");
        assert_eq!(of(Path::new("/dev/null")), "a device");
    }
}
