//! Files and directories that their owner alone can read: what photos a user has, where they were taken and what he
//! searches for is nobody else's business. On other systems than Unix, access is that of the user's own directories.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use crate::directory::{parent, sync_dir};

/// Access to a private file.
pub const FILE_MODE: u32 = 0o600;
/// Access to a private directory.
pub const DIR_MODE: u32 = 0o700;

/// Options that create private files. What exists already keeps its mode.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, FILE_MODE);
    options
}

/// Creates a directory and those of its parents that are missing, all of them private and synced. It may exist already,
/// and keeps its mode then.
///
/// # Errors
/// Those of the system.
pub fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent(path);
    if parent != path && parent != Path::new(".") {
        create_dir(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, DIR_MODE);
    match builder.create(path) {
        // Another process may have created it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        result => result?,
    }
    sync_dir(path)?;
    sync_dir(parent)
}

/// Takes away other users' access to a file or directory; links are left alone, and so is what is private already. For
/// what an earlier version has written.
///
/// # Errors
/// Those of the system, for instance because the file belongs to another user.
pub fn tighten(path: &Path) -> io::Result<()> {
    let metadata = path.symlink_metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o7777;
        if !metadata.is_symlink() && mode & 0o077 != 0 {
            return fs::set_permissions(path, fs::Permissions::from_mode(mode & !0o077));
        }
    }
    let _ = metadata;
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_created_is_private_and_what_exists_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let made_by_user = dir.path().join("a");
        fs::create_dir(&made_by_user).unwrap();
        fs::set_permissions(&made_by_user, fs::Permissions::from_mode(0o755)).unwrap();
        create_dir(&made_by_user.join("b/c/")).unwrap();
        create_dir(&made_by_user.join("b/c")).unwrap();
        assert_eq!(
            [mode(&made_by_user), mode(&made_by_user.join("b")), mode(&made_by_user.join("b/c"))],
            [0o755, 0o700, 0o700]
        );
        let file = made_by_user.join("file");
        options().write(true).create_new(true).open(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
        tighten(&file).unwrap();
        tighten(&made_by_user).unwrap();
        assert_eq!([mode(&file), mode(&made_by_user)], [0o600, 0o700]);
        assert!(create_dir(&file).is_err());
    }
}
