//! Finding the library.

use std::fmt;
use std::sync::OnceLock;

use crate::ffi::{self, Functions};

/// The first version that tells whether alpha is premultiplied.
const OLDEST: Version = Version([1, 12, 0]);

/// The names by which the system's loader looks for it.
const NAMES: &[&str] = if cfg!(target_os = "macos") {
    // The loader does not look where package managers install.
    &[
        "libheif.1.dylib",
        "/opt/homebrew/lib/libheif.1.dylib",
        "/usr/local/lib/libheif.1.dylib",
        "/opt/local/lib/libheif.1.dylib",
    ]
} else if cfg!(windows) {
    &["heif.dll", "libheif.dll"]
} else {
    &["libheif.so.1"]
};

/// libheif, loaded for as long as the program runs.
pub struct Library {
    pub(crate) functions: Functions,
    version: Version,
}

/// Why the library cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotFound {
    /// The system has none.
    #[error("libheif is not installed")]
    Missing,
    /// The system's version is too old, or is not version 1.
    #[error("libheif {OLDEST} or later is needed, and {found} is installed")]
    TooOld {
        /// Its version.
        found: Version,
    },
    /// It lacks functions that it should have.
    #[error("the installed libheif is incomplete")]
    Incomplete,
}

/// A version of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub [u8; 3]);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, patch]) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// How the pixels of a picture are compressed. The library may lack a decoder for either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// In HEIC files.
    Hevc,
    /// In AVIF files.
    Av1,
}

impl Library {
    /// The system's library. It is looked for once.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn load() -> Result<&'static Self, NotFound> {
        static LIBRARY: OnceLock<Result<Library, NotFound>> = OnceLock::new();
        LIBRARY.get_or_init(|| Self::load_from(NAMES)).as_ref().map_err(Clone::clone)
    }

    fn load_from(names: &[&str]) -> Result<Self, NotFound> {
        // SAFETY: its initialisers are those of a library that the system has for all programs.
        let found = names.iter().find_map(|name| unsafe { libloading::Library::new(*name) }.ok());
        let library = found.ok_or(NotFound::Missing)?;
        // SAFETY: the function has had this type in every version.
        let version = unsafe { library.get::<unsafe extern "C" fn() -> u32>(b"heif_get_version_number\0") };
        let version = version.map_err(|_| NotFound::Incomplete)?;
        // SAFETY: as above; it takes no arguments.
        let [major, minor, patch, _] = unsafe { version() }.to_be_bytes();
        let version = Version([major, minor, patch]);
        if version < OLDEST || major != OLDEST.0[0] {
            return Err(NotFound::TooOld { found: version });
        }
        // SAFETY: it is version 1, and is never unloaded: see below.
        let functions = unsafe { Functions::of(&library) }.ok_or(NotFound::Incomplete)?;
        // Decoders in the library have their own threads and tables, so its code must stay loaded.
        std::mem::forget(library);
        if let Some(init) = functions.init {
            // SAFETY: it may be called without parameters; it loads decoder plugins.
            unsafe { init(std::ptr::null()) };
        }
        Ok(Self { functions, version })
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether it has a decoder for this. Some distributions package each decoder separately.
    pub fn decodes(&self, compression: Compression) -> bool {
        let compression = match compression {
            Compression::Hevc => ffi::COMPRESSION_HEVC,
            Compression::Av1 => ffi::COMPRESSION_AV1,
        };
        // SAFETY: it only looks at a list.
        unsafe { (self.functions.have_decoder)(compression) != 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_missing() {
        assert_eq!(Library::load_from(&["no-such-library.so.1"]).err(), Some(NotFound::Missing));
        assert_eq!(Library::load_from(&[]).err(), Some(NotFound::Missing));
    }

    /// Another library is not taken for this one.
    #[cfg(target_os = "linux")]
    #[test]
    fn another_library_is_no_libheif() {
        assert_eq!(Library::load_from(&["libc.so.6"]).err(), Some(NotFound::Incomplete));
    }

    #[test]
    fn reasons_in_words() {
        let old = NotFound::TooOld { found: Version([1, 6, 1]) };
        assert_eq!(old.to_string(), "libheif 1.12.0 or later is needed, and 1.6.1 is installed");
        assert!(Version([1, 9, 0]) < OLDEST && Version([1, 20, 0]) > OLDEST);
    }
}
