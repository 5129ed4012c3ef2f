//! The bytes of a weights file, wherever they are.

use memmap2::Mmap;

/// What holds a file's bytes.
pub(crate) enum Bytes {
    /// A file on disk.
    Mapped(Mmap),
    /// A part of the program.
    Embedded(&'static [u8]),
    /// In memory.
    Owned(Vec<u8>),
}

impl Bytes {
    /// All of them.
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Embedded(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}
