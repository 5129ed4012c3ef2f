//! Vector files: a block of ids and their rows, written once and memory-mapped.
//!
//! Little-endian; `docs/index-format.md` is normative. The 64-byte header has a checksum of its own, which is checked
//! together with that of the ids whenever a file is opened: both are small. The rows' checksum would mean to read the
//! whole file, so it is checked by [`Segment::verify_rows`], and always before rows are copied into another file.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::cast;
use crate::error::IndexError;
use crate::files;

pub(crate) const MAGIC: [u8; 8] = *b"clipvec\0";
pub(crate) const VERSION: u32 = 1;
/// Length of the header; ids begin here, and rows at a multiple of it, so that rows are aligned for any instruction.
const HEADER: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    dimension: u32,
    count: u64,
    ids_crc: u32,
    rows_crc: u32,
}

impl Header {
    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.dimension.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.count.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.ids_crc.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.rows_crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8], path: &Path) -> Result<Header, IndexError> {
        let Some(bytes) = bytes.first_chunk::<HEADER>() else {
            return Err(IndexError::corrupt(
                path,
                format!("expected a header of {HEADER} bytes, found {}", bytes.len()),
            ));
        };
        if bytes[..8] != MAGIC {
            return Err(IndexError::corrupt(path, "it does not begin as a vector file does"));
        }
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if word(8) > VERSION {
            return Err(IndexError::NewerFormat { path: path.to_path_buf(), found: word(8), supported: VERSION });
        }
        if word(8) == 0 || word(60) != crc32fast::hash(&bytes[..60]) {
            return Err(IndexError::corrupt(path, "the header's checksum does not match"));
        }
        let header = Header {
            dimension: word(12),
            count: u64::from(word(16)) | u64::from(word(20)) << 32,
            ids_crc: word(24),
            rows_crc: word(28),
        };
        if header.dimension == 0 || header.count == 0 {
            return Err(IndexError::corrupt(path, "it claims to hold no vectors"));
        }
        Ok(header)
    }

    /// Where the rows begin and the file ends; `None` if that is more than a segment may hold.
    fn extent(&self) -> Option<(usize, usize)> {
        // Places of rows have 32 bits.
        let count = u32::try_from(self.count).ok()? as usize;
        let ids_end = count.checked_mul(8)?.checked_add(HEADER)?;
        let rows_start = ids_end.checked_next_multiple_of(HEADER)?;
        let row_bytes = (self.dimension as usize).checked_mul(4)?;
        Some((rows_start, count.checked_mul(row_bytes)?.checked_add(rows_start)?))
    }
}

/// A mapped vector file.
#[derive(Debug)]
pub(crate) struct Segment {
    file_id: u64,
    path: PathBuf,
    map: Mmap,
    header: Header,
    rows_start: usize,
}

impl Segment {
    /// Maps a file and checks header, length and ids, but not the rows.
    pub(crate) fn open(path: &Path, file_id: u64) -> Result<Segment, IndexError> {
        let file = File::open(path).map_err(IndexError::io("open", path))?;
        let map = map(&file).map_err(IndexError::io("map", path))?;
        Segment::parse(map, path, file_id)
    }

    fn parse(map: Mmap, path: &Path, file_id: u64) -> Result<Segment, IndexError> {
        let header = Header::decode(&map, path)?;
        let (rows_start, end) =
            header.extent().ok_or_else(|| IndexError::corrupt(path, "it claims to hold more vectors than it can"))?;
        if end != map.len() {
            return Err(IndexError::corrupt(path, format!("expected {end} bytes, found {}", map.len())));
        }
        if crc32fast::hash(&map[HEADER..rows_start]) != header.ids_crc {
            return Err(IndexError::corrupt(path, "the checksum of the ids does not match"));
        }
        let segment = Segment { file_id, path: path.to_path_buf(), map, header, rows_start };
        if !segment.ids().is_sorted_by(|a, b| a < b) {
            return Err(IndexError::corrupt(path, "the ids are not in ascending order"));
        }
        Ok(segment)
    }

    pub(crate) fn file_id(&self) -> u64 {
        self.file_id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn dimension(&self) -> usize {
        self.header.dimension as usize
    }

    pub(crate) fn len(&self) -> usize {
        self.ids().len()
    }

    pub(crate) fn byte_len(&self) -> u64 {
        self.map.len() as u64
    }

    /// Identifies the content: the manifest names it, so that no other file can take this one's place.
    pub(crate) fn content_crc(&self) -> u32 {
        crc32fast::hash(&self.map[..HEADER])
    }

    pub(crate) fn first_id(&self) -> u64 {
        self.ids()[0]
    }

    pub(crate) fn last_id(&self) -> u64 {
        self.ids()[self.len() - 1]
    }

    /// Ascending, at least one.
    pub(crate) fn ids(&self) -> &[u64] {
        let end = HEADER + self.header.count as usize * 8;
        // `open` has checked the extent, and mappings begin at a page: neither can fail.
        cast::from_bytes(&self.map[HEADER..end]).unwrap_or_default()
    }

    /// All rows, one after the other.
    pub(crate) fn rows(&self) -> &[f32] {
        cast::from_bytes(&self.map[self.rows_start..]).unwrap_or_default()
    }

    pub(crate) fn row(&self, index: usize) -> &[f32] {
        let dimension = self.dimension();
        &self.rows()[index * dimension..(index + 1) * dimension]
    }

    pub(crate) fn position(&self, id: u64) -> Option<usize> {
        self.ids().binary_search(&id).ok()
    }

    /// Reads all rows and compares their checksum.
    pub(crate) fn verify_rows(&self) -> Result<(), IndexError> {
        if crc32fast::hash(&self.map[self.rows_start..]) == self.header.rows_crc {
            Ok(())
        } else {
            Err(IndexError::corrupt(&self.path, "the checksum of the vectors does not match"))
        }
    }
}

/// Writes a vector file; `ids` must be ascending and have as many members as `rows`.
pub(crate) fn write<'a>(
    path: &Path,
    dimension: usize,
    ids: &[u64],
    rows: impl Iterator<Item = &'a [f32]>,
) -> Result<(), IndexError> {
    let Ok(stored_dimension) = u32::try_from(dimension) else {
        return Err(IndexError::Dimension { expected: u32::MAX as usize, found: dimension });
    };
    let padding = [0; HEADER];
    let ids_bytes = cast::to_bytes(ids);
    let padding = &padding[..ids_bytes.len().next_multiple_of(HEADER) - ids_bytes.len()];
    let mut ids_crc = crc32fast::Hasher::new();
    ids_crc.update(ids_bytes);
    ids_crc.update(padding);
    let mut rows_crc = crc32fast::Hasher::new();
    let mut written = 0;
    files::write(path, |out| {
        // The header comes last, when the checksum is known: the file has no name before it is complete.
        out.write_all(&[0; HEADER])?;
        out.write_all(ids_bytes)?;
        out.write_all(padding)?;
        for row in rows {
            let bytes = cast::to_bytes(row);
            rows_crc.update(bytes);
            out.write_all(bytes)?;
            written += row.len();
        }
        debug_assert_eq!(written, ids.len() * dimension);
        let header = Header {
            dimension: stored_dimension,
            count: ids.len() as u64,
            ids_crc: ids_crc.finalize(),
            rows_crc: rows_crc.finalize(),
        };
        out.seek(SeekFrom::Start(0))?;
        out.write_all(&header.encode())
    })
}

#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: vector files are written under a temporary name, never changed afterwards, and removed only by
    // unlinking, which keeps mappings valid. A foreign process that truncates one breaks that, as it would break any
    // program that maps files.
    unsafe { Mmap::map(file) }
}

/// Reads bytes as a vector file and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_file(bytes: &[u8]) {
    let mut map = memmap2::MmapMut::map_anon(bytes.len().max(1)).expect("a little memory");
    map[..bytes.len()].copy_from_slice(bytes);
    let map = map.make_read_only().expect("less access");
    let Ok(segment) = Segment::parse(map, Path::new("fuzzed.vec"), 1) else { return };
    assert!(segment.len() > 0 && segment.dimension() > 0);
    assert_eq!(segment.rows().len(), segment.len() * segment.dimension());
    assert!(segment.ids().is_sorted_by(|a, b| a < b));
    assert_eq!((segment.first_id(), segment.last_id()), (segment.ids()[0], segment.ids()[segment.len() - 1]));
    for (row, &id) in segment.ids().iter().enumerate() {
        assert_eq!(segment.position(id), Some(row));
        assert_eq!(segment.row(row).len(), segment.dimension());
    }
    let _ = segment.verify_rows();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(count: usize, dimension: usize) -> Vec<f32> {
        (0..count * dimension).map(|i| i as f32 * 0.25).collect()
    }

    #[test]
    fn round_trip() {
        let dir = tempfile::tempdir().unwrap();
        for (count, dimension) in [(1, 1), (3, 5), (8, 16), (9, 512), (100, 3)] {
            let path = dir.path().join("x.vec");
            let ids: Vec<u64> = (0..count as u64).map(|i| i * 3 + 7).collect();
            let rows = rows(count, dimension);
            write(&path, dimension, &ids, rows.chunks(dimension)).unwrap();
            let segment = Segment::open(&path, 1).unwrap();
            assert_eq!(segment.ids(), ids);
            assert_eq!(segment.rows(), rows);
            assert_eq!(segment.row(count - 1), &rows[(count - 1) * dimension..]);
            assert_eq!(segment.position(7), Some(0));
            assert_eq!(segment.position(8), None);
            segment.verify_rows().unwrap();
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut bytes = Header { dimension: 1, count: 1, ids_crc: 0, rows_crc: 0 }.encode();
        bytes[8] = 9;
        let error = Header::decode(&bytes, Path::new("f")).unwrap_err();
        assert!(matches!(error, IndexError::NewerFormat { found: 9, supported: VERSION, .. }));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.vec");
        write(&path, 3, &[5, 6], rows(2, 3).chunks(3)).unwrap();
        let good = std::fs::read(&path).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bytes).unwrap();
            let result = Segment::open(&path, 1).and_then(|segment| segment.verify_rows());
            assert!(result.is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            std::fs::write(&path, &good[..length]).unwrap();
            assert!(Segment::open(&path, 1).is_err(), "length {length}");
        }
    }

    proptest! {
        #[test]
        fn header_round_trip(dimension in 1u32.., count in 1u64.., ids_crc: u32, rows_crc: u32) {
            let header = Header { dimension, count, ids_crc, rows_crc };
            prop_assert_eq!(Header::decode(&header.encode(), Path::new("f")).unwrap(), header);
            let _ = header.extent();
        }

        #[test]
        fn any_bytes_give_no_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80), sealed: bool) {
            if sealed && bytes.len() >= HEADER {
                bytes[..8].copy_from_slice(&MAGIC);
                bytes[8..12].copy_from_slice(&1u32.to_le_bytes());
                let crc = crc32fast::hash(&bytes[..60]);
                bytes[60..64].copy_from_slice(&crc.to_le_bytes());
            }
            if let Ok(header) = Header::decode(&bytes, Path::new("f")) {
                let _ = header.extent();
            }
        }
    }
}
