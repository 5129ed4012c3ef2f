//! Checksums of the blocks of tantivy's files, so that what is read can be checked without reading the rest.
//!
//! Tantivy has one checksum for a whole file, and does not look at it by itself; what it makes of damaged bytes cannot be foreseen:
//! it may panic, ask for any amount of memory, or find something else in silence. So it gets to see no byte that is not as it was
//! written. The manifest, which has a checksum of its own, keeps those of the blocks.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tantivy::HasLen;
use tantivy::directory::{FileHandle, OwnedBytes};

/// Bytes that one checksum covers.
const BLOCK: usize = 1 << 16;
/// Digits of a checksum.
const DIGITS: usize = 8;

/// For the names of files, the CRC-32 of each of their blocks, eight hexadecimal digits each.
pub(crate) type BlockSums = BTreeMap<String, String>;

/// A file whose blocks are checked when they are first read.
pub(super) struct CheckedFile {
    file: Arc<dyn FileHandle>,
    blocks: Box<[(u32, AtomicBool)]>,
}

impl fmt::Debug for CheckedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedFile").field("blocks", &self.blocks.len()).finish_non_exhaustive()
    }
}

impl CheckedFile {
    /// `None` if these are no checksums.
    pub(super) fn new(file: Arc<dyn FileHandle>, sums: &str) -> Option<CheckedFile> {
        let block = |digits: &[u8]| {
            let digits = str::from_utf8(digits).ok().filter(|digits| digits.len() == DIGITS)?;
            Some((u32::from_str_radix(digits, 16).ok()?, AtomicBool::new(false)))
        };
        Some(CheckedFile { file, blocks: sums.as_bytes().chunks(DIGITS).map(block).collect::<Option<_>>()? })
    }

    /// Bytes that were looked at.
    #[cfg(test)]
    pub(super) fn checked_bytes(&self) -> usize {
        self.blocks.iter().filter(|(_, is_checked)| is_checked.load(Ordering::Relaxed)).count() * BLOCK
    }

    fn check(&self, range: &Range<usize>) -> io::Result<()> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the checksum does not match");
        // One that is cut off at the end of a block has too few, one that goes on beyond it too many.
        if self.file.len().div_ceil(BLOCK) != self.blocks.len() || range.end > self.file.len() {
            return Err(damaged());
        }
        let blocks = range.start / BLOCK..range.end.div_ceil(BLOCK);
        for at in blocks {
            let (crc, is_checked) = &self.blocks[at];
            if is_checked.load(Ordering::Relaxed) {
                continue;
            }
            let block = self.file.read_bytes(at * BLOCK..self.file.len().min((at + 1) * BLOCK))?;
            if crc32fast::hash(&block) != *crc {
                return Err(damaged());
            }
            is_checked.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl HasLen for CheckedFile {
    fn len(&self) -> usize {
        self.file.len()
    }
}

impl FileHandle for CheckedFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        self.check(&range)?;
        self.file.read_bytes(range)
    }
}

/// Checksums of what is written, block by block.
#[derive(Default)]
pub(super) struct Summing {
    crc: crc32fast::Hasher,
    in_block: usize,
    sums: String,
}

impl Summing {
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(BLOCK - self.in_block));
            self.crc.update(part);
            self.in_block += part.len();
            if self.in_block == BLOCK {
                self.end_block();
            }
            bytes = rest;
        }
    }

    fn end_block(&mut self) {
        let crc = std::mem::take(&mut self.crc).finalize();
        self.sums.push_str(&format!("{crc:08x}"));
        self.in_block = 0;
    }

    pub(super) fn finish(mut self) -> String {
        if self.in_block > 0 {
            self.end_block();
        }
        self.sums
    }
}

/// The checksums of a whole file.
pub(super) fn sums_of(mut file: impl io::Read) -> io::Result<String> {
    struct Into(Summing);
    impl Write for Into {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.add(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut summing = Into(Summing::default());
    io::copy(&mut file, &mut summing)?;
    Ok(summing.0.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(bytes: &[u8], sums: &str) -> CheckedFile {
        CheckedFile::new(Arc::new(OwnedBytes::new(bytes.to_vec())), sums).unwrap()
    }

    #[test]
    fn only_damage_to_what_is_read_is_an_error() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 9] {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
            let sums = sums_of(&bytes[..]).unwrap();
            let mut summing = Summing::default();
            bytes.chunks(777).for_each(|part| summing.add(part));
            assert_eq!(summing.finish(), sums);
            let whole = checked(&bytes, &sums);
            assert_eq!(&whole.read_bytes(0..length).unwrap()[..], bytes);
            for at in [0, length / 2, length.saturating_sub(1)] {
                let Some(byte) = bytes.get(at) else { continue };
                let mut damaged = bytes.clone();
                damaged[at] = byte ^ 4;
                for (start, end) in [(0, 1), (length / 2, length), (at, at + 1), (length - 1, length)] {
                    let is_read = (start / BLOCK..end.div_ceil(BLOCK)).contains(&(at / BLOCK));
                    assert_eq!(checked(&damaged, &sums).read_bytes(start..end).is_err(), is_read, "{length} {at}");
                }
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(checked(&longer, &sums).read_bytes(length..length + 1).is_err());
            if length > 0 {
                assert!(checked(&bytes[..length - 1], &sums).read_bytes(0..length).is_err());
                let end = checked(&bytes[..length - 1], &sums);
                assert!(length == 1 || end.read_bytes(length - 2..length - 1).is_err());
            }
        }
        let file = || Arc::new(OwnedBytes::new(vec![1])) as Arc<dyn FileHandle>;
        for no_sums in ["x", "0123456", "0123456g", "012345678"] {
            assert!(CheckedFile::new(file(), no_sums).is_none(), "{no_sums}");
        }
    }
}
