//! Paths as bytes: exact on Unix, UTF-8 elsewhere.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The bytes of a path; `None` if it cannot be told without loss, which happens only where paths are not bytes.
pub fn exact(path: &Path) -> Option<Cow<'_, [u8]>> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Some(Cow::Borrowed(path.as_os_str().as_bytes()))
    }
    #[cfg(not(unix))]
    {
        path.to_str().map(|text| Cow::Borrowed(text.as_bytes()))
    }
}

/// As [`exact`], but a lone surrogate, which Windows has in names, becomes a replacement character.
pub fn lossy(path: &Path) -> Cow<'_, [u8]> {
    exact(path).unwrap_or_else(|| Cow::Owned(path.to_string_lossy().into_owned().into_bytes()))
}

/// The path of these bytes. Where paths are not bytes, what is no UTF-8 becomes replacement characters.
pub fn to_path(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
    }
    #[cfg(not(unix))]
    {
        PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes: Vec<u8>) {
            let path = to_path(&bytes);
            prop_assert_eq!(&*exact(&path).unwrap(), &bytes[..]);
            prop_assert_eq!(&*lossy(&path), &bytes[..]);
        }
    }
}
