//! The bytes of a weights file, wherever they are.

use std::fs::File;
use std::io;
use std::ops::Range;

use clip_files::mapped::copy_part;
use memmap2::Mmap;

/// What holds a file's bytes.
pub(crate) enum Bytes {
    /// A file on disk.
    Mapped {
        /// Its bytes.
        map: Mmap,
        /// For parts that are wanted without their surroundings.
        file: File,
    },
    /// A part of the program.
    Embedded(&'static [u8]),
    /// In memory.
    Owned(Vec<u8>),
}

impl Bytes {
    /// All of them.
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped { map, .. } => map,
            Self::Embedded(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }

    /// Copies the bytes from `at` on. What is mapped is not touched: see [`copy_part`].
    pub(crate) fn read_at(&self, at: usize, out: &mut [u8]) -> io::Result<()> {
        let file = match self {
            Self::Mapped { file, .. } => Some(file),
            Self::Embedded(_) | Self::Owned(_) => None,
        };
        copy_part(self.as_slice(), file, at, out)
    }

    /// Lets the system take back the memory of a part that was copied. It is there as before, and read from the disk again
    /// if need be; without this, weights count twice until all of them are read.
    pub(crate) fn release(&self, part: Range<usize>) {
        #[cfg(unix)]
        if let Self::Mapped { map, .. } = self
            && part.end <= map.len()
        {
            // SAFETY: the mapping is of a file and read-only, so that dropped pages come back with what they held.
            let released =
                unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, part.start, part.len()) };
            if let Err(error) = released {
                log::debug!("{} bytes of weights stay in memory: {error}", part.len());
            }
        }
        #[cfg(not(unix))]
        let _ = part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// 100,000 bytes, mapped and in memory.
    fn both() -> (Vec<u8>, [Bytes; 2]) {
        let bytes: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        // SAFETY: nobody else knows this file.
        let map = unsafe { Mmap::map(&file) }.unwrap();
        (bytes.clone(), [Bytes::Mapped { map, file }, Bytes::Owned(bytes)])
    }

    #[test]
    fn parts_are_copied() {
        let (bytes, both) = both();
        for mapped in both {
            for part in [0..0, 0..100_000, 4095..70_001, 99_999..100_000] {
                let mut out = vec![0; part.len()];
                mapped.read_at(part.start, &mut out).unwrap();
                assert_eq!(out, bytes[part]);
            }
            for (at, count) in [(99_999, 2), (200_000, 1)] {
                let error = mapped.read_at(at, &mut vec![0; count]).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }

    #[test]
    fn what_was_released_is_still_there() {
        let (bytes, both) = both();
        for mapped in both {
            for part in [0..0, 0..100_000, 1..5, 4095..70_001, 99_999..100_000, 5..200_000] {
                assert_eq!(mapped.as_slice(), bytes);
                mapped.release(part);
            }
            assert_eq!(mapped.as_slice(), bytes);
        }
    }
}
