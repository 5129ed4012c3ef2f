//! The directories that files are in.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes renames, new names and removals in a directory durable.
///
/// # Errors
/// Those of the system.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    // Windows cannot open a directory for that; its file systems journal renames themselves.
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(path)?.sync_all() {
        // Nor can some network file systems sync one: it is all that can be done.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

/// The directory that a file is in.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
