//! What all binary files of the index have in common: a header of 64 bytes, sections that begin at multiples of 64, and
//! a table with the checksum of every block of 1 MiB.
//!
//! Little-endian; `docs/index-format.md` is normative. Opening a file checks its header, its length and nothing that
//! grows with it. The blocks are checked by [`Frame::verify`]: by writers before they copy from a file, and by the
//! verification of an index.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::cast;
use crate::error::IndexError;
use crate::files;
use crate::mapped::Mapped;

/// Length of the header. Sections begin at multiples of it, so that they are aligned for any instruction.
pub(crate) const HEADER: usize = 64;
/// Bytes that one checksum of the table covers.
const BLOCK: usize = 1 << 20;

/// A kind of file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) magic: [u8; 8],
    /// The version that is written, and the greatest that is read.
    pub(crate) version: u32,
    /// As in "it does not start with the magic number of a vector file".
    pub(crate) name: &'static str,
    /// What is in such a file can be made again, so that one of a newer version is as good as a damaged one: it keeps nobody from
    /// the rest of the index.
    pub(crate) is_cache: bool,
}

/// The first 64 bytes: magic, version, checksums, and in between what the kind of file puts there: bytes 12 to 27 and 32
/// to 59.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header([u8; HEADER]);

const VERSION_AT: usize = 8;
const TABLE_CRC_AT: usize = 28;
const HEADER_CRC_AT: usize = 60;

impl Header {
    pub(crate) fn new() -> Header {
        Header([0; HEADER])
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.0[at..at + 4]);
        u32::from_le_bytes(bytes)
    }

    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64::from(self.u32(at)) | u64::from(self.u32(at + 4)) << 32
    }

    pub(crate) fn set_u32(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn set_u64(&mut self, at: usize, value: u64) {
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn version(&self) -> u32 {
        self.u32(VERSION_AT)
    }

    /// Reads the header at the beginning of a file, of any version up to that of the kind.
    pub(crate) fn decode(kind: &Kind, bytes: &[u8], path: &Path) -> Result<Header, IndexError> {
        let Some(bytes) = bytes.first_chunk::<HEADER>() else {
            let reason = format!("expected a header of {HEADER} bytes, found {}", bytes.len());
            return Err(IndexError::corrupt(path, reason));
        };
        let header = Header(*bytes);
        if bytes[..8] != kind.magic {
            return Err(IndexError::corrupt(
                path,
                format!("it does not start with the magic number of a {}", kind.name),
            ));
        }
        let version = header.u32(VERSION_AT);
        // First of all: a flipped bit in the version must not pass for the work of a newer program, which nobody would repair.
        if version == 0 || header.u32(HEADER_CRC_AT) != crc32fast::hash(&bytes[..HEADER_CRC_AT]) {
            return Err(IndexError::corrupt(path, "the header's checksum does not match"));
        }
        let supported = kind.version;
        if version > supported && kind.is_cache {
            let reason = format!("it has format version {version}, but this program reads up to version {supported}");
            return Err(IndexError::corrupt(path, reason));
        }
        if version > supported {
            return Err(IndexError::NewerFormat { path: path.to_path_buf(), found: version, supported });
        }
        Ok(header)
    }
}

/// A mapped file.
#[derive(Debug)]
pub(crate) struct Frame {
    path: PathBuf,
    map: Mapped,
    header: Header,
    /// Where the sections end and the table begins.
    end: usize,
}

impl Frame {
    /// Maps a file and checks its header and length. `extent` tells from the header where the sections end, `None` if
    /// what the header says is impossible.
    pub(crate) fn open(
        path: &Path,
        kind: &Kind,
        extent: impl FnOnce(&Header) -> Option<usize>,
    ) -> Result<Frame, IndexError> {
        Frame::parse(Mapped::open(path)?, path, kind, extent)
    }

    pub(crate) fn parse(
        map: Mapped,
        path: &Path,
        kind: &Kind,
        extent: impl FnOnce(&Header) -> Option<usize>,
    ) -> Result<Frame, IndexError> {
        let header = Header::decode(kind, &map, path)?;
        let impossible = || IndexError::corrupt(path, "its header contradicts itself");
        let end = extent(&header).filter(|&end| end >= HEADER && end % HEADER == 0).ok_or_else(impossible)?;
        let length = table_len(end).checked_add(end).ok_or_else(impossible)?;
        if length != map.len() {
            return Err(IndexError::corrupt(path, format!("expected {length} bytes, found {}", map.len())));
        }
        let frame = Frame { path: path.to_path_buf(), map, header, end };
        Ok(frame)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of the whole file.
    pub(crate) fn byte_len(&self) -> u64 {
        self.map.len() as u64
    }

    /// Identifies the content: the manifest names it, so that no other file can take this one's place. It is the checksum
    /// of the header up to itself; the checksum of the whole header would be the same number for all files.
    pub(crate) fn content_crc(&self) -> u32 {
        self.header.u32(HEADER_CRC_AT)
    }

    /// A section as numbers. The range must be one that `extent` allowed for, and begin at a multiple of 8.
    pub(crate) fn section<T: cast::Plain>(&self, range: Range<usize>) -> &[T] {
        // Mappings begin at a page, so the numbers are aligned; `extent` has checked the range.
        self.map.get(range).and_then(cast::from_bytes).unwrap_or_default()
    }

    /// Copies a part of a section: see [`Mapped::read_at`].
    pub(crate) fn read_at(&self, at: usize, out: &mut [u8]) -> io::Result<()> {
        self.map.read_at(at, out)
    }

    /// Reads the whole file and compares the checksums of all blocks.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        self.verify_blocks(0, usize::MAX)
    }

    /// Reads `count` blocks of 1 MiB from the block `first` on, or from the beginning after the last one, and compares their
    /// checksums. `first` may be any number: it counts around.
    pub(crate) fn verify_blocks(&self, first: usize, count: usize) -> Result<(), IndexError> {
        let blocks = table_len(self.end) / 4;
        let first = first % blocks.max(1);
        match self.blocks_not_as_written(|block| (block + blocks - first) % blocks < count)?.next() {
            None => Ok(()),
            Some(Range { start, end }) => {
                let reason = format!("the checksum of the bytes {start} to {end} does not match");
                Err(IndexError::corrupt(&self.path, reason))
            }
        }
    }

    /// Reads the whole file and tells which parts of it are damaged, in ascending order.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if the table of checksums is damaged itself, so that nobody knows.
    pub(crate) fn damaged(&self) -> Result<Vec<Range<usize>>, IndexError> {
        Ok(self.blocks_not_as_written(|_| true)?.collect())
    }

    /// Those of the chosen blocks that are damaged.
    fn blocks_not_as_written(
        &self,
        is_chosen: impl Fn(usize) -> bool,
    ) -> Result<impl Iterator<Item = Range<usize>>, IndexError> {
        let table = &self.map[self.end..];
        if crc32fast::hash(table) != self.header.u32(TABLE_CRC_AT) {
            return Err(IndexError::corrupt(&self.path, "the checksum of its checksums does not match"));
        }
        let blocks = self.map[HEADER..self.end].chunks(BLOCK).zip(table.chunks(4)).enumerate();
        let is_damaged = move |(index, (block, crc)): &(usize, (&[u8], &[u8]))| {
            is_chosen(*index) && crc32fast::hash(block).to_le_bytes() != **crc
        };
        Ok(blocks.filter(is_damaged).map(|(index, (block, _))| {
            let start = HEADER + index * BLOCK;
            start..start + block.len()
        }))
    }
}

/// Bytes of the table of a file whose sections end here.
fn table_len(end: usize) -> usize {
    (end - HEADER).div_ceil(BLOCK) * 4
}

/// Where the section after one that ends here begins; `None` if there is no such place.
pub(crate) fn align(end: usize) -> Option<usize> {
    end.checked_next_multiple_of(HEADER)
}

/// Writes a file in one step; `fill` writes the sections, each followed by [`Sections::pad`].
pub(crate) fn write(
    path: &Path,
    kind: &Kind,
    mut header: Header,
    fill: impl FnOnce(&mut Sections<'_, '_>) -> io::Result<()>,
) -> Result<(), IndexError> {
    files::write(path, |out| {
        // The header comes last, when the checksum of the table is known: the file has no name before it is complete.
        out.write_all(&[0; HEADER])?;
        let mut sections = Sections { out, crc: crc32fast::Hasher::new(), in_block: 0, table: Vec::new(), written: 0 };
        fill(&mut sections)?;
        sections.pad()?;
        let table = sections.finish();
        out.write_all(&table)?;
        header.0[..8].copy_from_slice(&kind.magic);
        header.set_u32(VERSION_AT, kind.version);
        header.set_u32(TABLE_CRC_AT, crc32fast::hash(&table));
        let crc = crc32fast::hash(&header.0[..HEADER_CRC_AT]);
        header.set_u32(HEADER_CRC_AT, crc);
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&header.0)
    })
}

/// The part of a file between header and table, while it is written.
pub(crate) struct Sections<'a, 'f> {
    out: &'a mut BufWriter<&'f File>,
    crc: crc32fast::Hasher,
    in_block: usize,
    table: Vec<u8>,
    written: usize,
}

impl Sections<'_, '_> {
    /// Fills up with zeros to the beginning of the next section.
    pub(crate) fn pad(&mut self) -> io::Result<()> {
        let padding = self.written.next_multiple_of(HEADER) - self.written;
        self.write_all(&[0; HEADER][..padding])
    }

    fn end_block(&mut self) {
        let crc = std::mem::take(&mut self.crc).finalize();
        self.table.extend_from_slice(&crc.to_le_bytes());
        self.in_block = 0;
    }

    fn finish(mut self) -> Vec<u8> {
        if self.in_block > 0 {
            self.end_block();
        }
        self.table
    }
}

impl Write for Sections<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = &bytes[..bytes.len().min(BLOCK - self.in_block)];
        self.out.write_all(part)?;
        self.crc.update(part);
        self.in_block += part.len();
        self.written += part.len();
        if self.in_block == BLOCK {
            self.end_block();
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIND: Kind = Kind { magic: *b"example\0", version: 3, name: "file of the tests", is_cache: false };

    fn extent(header: &Header) -> Option<usize> {
        align(HEADER.checked_add(usize::try_from(header.u64(16)).ok()?)?)
    }

    fn write_example(path: &Path, content: &[u8]) {
        let mut header = Header::new();
        header.set_u64(16, content.len() as u64);
        write(path, &KIND, header, |sections| sections.write_all(content)).unwrap();
    }

    #[test]
    fn content_comes_back_and_blocks_are_checked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut seen = std::collections::HashSet::new();
        for length in [0, 1, 64, 100, BLOCK - 64, BLOCK, BLOCK + 1, 2 * BLOCK + 5] {
            let content: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
            write_example(&path, &content);
            let frame = Frame::open(&path, &KIND, extent).unwrap();
            assert_eq!(frame.section::<u8>(HEADER..HEADER + length), content);
            frame.verify().unwrap();
            assert!(seen.insert(frame.content_crc()), "another file has the same identity");
            let mut bytes = std::fs::read(&path).unwrap();
            for at in [HEADER + length / 2, bytes.len() - 1] {
                if at >= bytes.len() || length == 0 {
                    continue;
                }
                bytes[at] ^= 1;
                std::fs::write(&path, &bytes).unwrap();
                assert!(Frame::open(&path, &KIND, extent).unwrap().verify().is_err(), "{length} {at}");
                bytes[at] ^= 1;
            }
        }
    }

    #[test]
    fn all_damaged_blocks_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_example(&path, &vec![5; 3 * BLOCK + 7]);
        let mut bytes = std::fs::read(&path).unwrap();
        let end = bytes.len() - 16;
        for at in [HEADER + BLOCK - 1, HEADER + 2 * BLOCK, end - 1] {
            bytes[at] ^= 1;
        }
        std::fs::write(&path, &bytes).unwrap();
        let block = |index: usize| HEADER + index * BLOCK..HEADER + (index + 1) * BLOCK;
        let frame = Frame::open(&path, &KIND, extent).unwrap();
        assert_eq!(frame.damaged().unwrap(), [block(0), block(2), HEADER + 3 * BLOCK..end]);
        bytes[end] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(Frame::open(&path, &KIND, extent).unwrap().damaged().is_err());
    }

    #[test]
    fn some_blocks_are_checked_around_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_example(&path, &vec![5; 3 * BLOCK + 7]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[HEADER + BLOCK + 3] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let frame = Frame::open(&path, &KIND, extent).unwrap();
        // Of four blocks, the second is damaged.
        for (first, count, is_good) in [
            (0, 1, true),
            (0, 2, false),
            (1, 1, false),
            (2, 3, true),
            (3, 2, true),
            (2, 4, false),
            (4, 1, true),
            (5, 1, false),
        ] {
            assert_eq!(frame.verify_blocks(first, count).is_ok(), is_good, "{first} {count}");
        }
        write_example(&path, &[]);
        Frame::open(&path, &KIND, extent).unwrap().verify_blocks(7, 3).unwrap();
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write(&path, &Kind { version: 9, ..KIND }, Header::new(), |_| Ok(())).unwrap();
        let error = Frame::open(&path, &KIND, |_| Some(HEADER)).unwrap_err();
        assert!(matches!(error, IndexError::NewerFormat { found: 9, supported: 3, .. }), "{error}");
        let error = Frame::open(&path, &Kind { is_cache: true, ..KIND }, |_| Some(HEADER)).unwrap_err();
        assert!(matches!(error, IndexError::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("version 9") && error.to_string().contains("version 3"), "{error}");
        let error = Frame::open(&path, &Kind { magic: *b"another\0", ..KIND }, |_| Some(HEADER)).unwrap_err();
        assert!(error.to_string().contains("does not start with"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn damage_to_header_and_length_is_noticed(length in 0usize..300, at in 0usize..64, bit in 0u8..8, cut in 0usize..400) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            write_example(&path, &vec![7; length]);
            let bytes = std::fs::read(&path).unwrap();
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            std::fs::write(&path, &flipped).unwrap();
            // In the version as well: nothing of it is taken for the work of a newer program.
            let is_damage = || matches!(Frame::open(&path, &KIND, extent), Err(IndexError::Corrupt { .. }));
            prop_assert!(is_damage());
            if cut < bytes.len() {
                std::fs::write(&path, &bytes[..cut]).unwrap();
                prop_assert!(is_damage());
            }
            std::fs::write(&path, [&bytes[..], &[0]].concat()).unwrap();
            prop_assert!(is_damage());
        }
    }
}
