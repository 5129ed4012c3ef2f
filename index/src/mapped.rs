//! A mapped file.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use clip_files::mapped::copy_part;
use clip_files::regular;
use memmap2::Mmap;

use crate::error::IndexError;

/// The bytes of a file, mapped, and the file, for parts that are wanted without their surroundings.
#[derive(Debug)]
pub(crate) struct Mapped {
    map: Mmap,
    /// `None` in tests, where the bytes come from nowhere.
    file: Option<File>,
}

impl Mapped {
    #[allow(unsafe_code)]
    pub(crate) fn open(path: &Path) -> Result<Mapped, IndexError> {
        let file = regular::open(path).map_err(IndexError::io("open", path))?;
        // SAFETY: files of an index are written under a temporary name, never changed afterwards, and removed only by
        // unlinking, which keeps mappings valid. A foreign process that truncates one breaks that, as it would break any
        // program that maps files.
        let map = unsafe { Mmap::map(&file) }.map_err(IndexError::io("map", path))?;
        Ok(Mapped { map, file: Some(file) })
    }

    /// Bytes without a file.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_bytes(bytes: &[u8]) -> Mapped {
        let mut map = memmap2::MmapMut::map_anon(bytes.len().max(1)).expect("a little memory");
        map[..bytes.len()].copy_from_slice(bytes);
        Mapped { map: map.make_read_only().expect("less access"), file: None }
    }

    /// Copies the bytes from `at` on, without touching what is mapped: see [`copy_part`].
    pub(crate) fn read_at(&self, at: usize, out: &mut [u8]) -> io::Result<()> {
        copy_part(&self.map, self.file.as_ref(), at, out)
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_copied() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let bytes: Vec<u8> = (0..10_000u32).map(|at| (at % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        for mapped in [Mapped::open(&path).unwrap(), Mapped::of_bytes(&bytes)] {
            assert_eq!(mapped[..], bytes);
            for part in [0..0, 0..10_000, 4095..8193, 9_999..10_000] {
                let mut out = vec![0; part.len()];
                mapped.read_at(part.start, &mut out).unwrap();
                assert_eq!(out, bytes[part]);
            }
            for (at, count) in [(9_999, 2), (20_000, 1)] {
                let error = mapped.read_at(at, &mut vec![0; count]).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }
}
