//! Paths as bytes, as they are stored: byte-exact on Unix, UTF-8 elsewhere.

use std::path::{Path, PathBuf};

use crate::error::IndexError;

#[cfg(unix)]
pub(crate) fn encode(path: &Path) -> Result<Vec<u8>, IndexError> {
    use std::os::unix::ffi::OsStrExt;
    Ok(path.as_os_str().as_bytes().to_vec())
}

#[cfg(unix)]
pub(crate) fn decode(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
pub(crate) fn encode(path: &Path) -> Result<Vec<u8>, IndexError> {
    let text = path.to_str().ok_or_else(|| IndexError::Path { path: path.to_path_buf() })?;
    Ok(text.as_bytes().to_vec())
}

#[cfg(not(unix))]
pub(crate) fn decode(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}
