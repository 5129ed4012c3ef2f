//! Vector files: ids, codes and rows of embeddings, written once and memory-mapped.
//!
//! Little-endian; `docs/index-format.md` is normative. The *rows* are the truth, that scores are computed from. The
//! *codes* are the same rows in eight bits with a scale each: scans and graphs read them to find candidates.
//!
//! Opening a file for reading takes the same time however long it is: [`Segment::open`] checks the header and the
//! length. Whoever writes on from ids checks these ([`Segment::open_checked`]); [`Segment::verify`] reads everything, and
//! must be called before rows are copied into another file. So a reader may meet any ids, codes and rows: they may give
//! wrong neighbours, but nothing else.
//!
//! Files of version 1 have rows in `f32` and no codes.

mod blocks;
mod find;
mod header;
mod row;
mod write;

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clip_kernels::similarity;
use memmap2::Mmap;

use crate::cast;
use crate::error::IndexError;
use header::{Content, HEADER, Header, Sections};

pub(crate) use find::position_near;
pub(crate) use header::MAGIC;
pub use row::RowFormat;
pub(crate) use row::RowRef;
pub(crate) use write::{NewRow, write};

/// A mapped vector file.
#[derive(Debug)]
pub(crate) struct Segment {
    file_id: u64,
    path: PathBuf,
    map: Mmap,
    header: Header,
    sections: Sections,
}

impl Segment {
    /// Maps a file and checks its header and length.
    pub(crate) fn open(path: &Path, file_id: u64) -> Result<Segment, IndexError> {
        let file = File::open(path).map_err(IndexError::io("open", path))?;
        let map = map(&file).map_err(IndexError::io("map", path))?;
        Segment::parse(map, path, file_id)
    }

    /// Checks the ids as well.
    pub(crate) fn open_checked(path: &Path, file_id: u64) -> Result<Segment, IndexError> {
        let segment = Segment::open(path, file_id)?;
        segment.check_ids()?;
        Ok(segment)
    }

    fn parse(map: Mmap, path: &Path, file_id: u64) -> Result<Segment, IndexError> {
        let header = Header::decode(&map, path)?;
        let sections =
            header.sections().ok_or_else(|| IndexError::corrupt(path, "it claims to hold more vectors than it can"))?;
        if sections.table.end != map.len() {
            let reason = format!("expected {} bytes, found {}", sections.table.end, map.len());
            return Err(IndexError::corrupt(path, reason));
        }
        Ok(Segment { file_id, path: path.to_path_buf(), map, header, sections })
    }

    fn check_ids(&self) -> Result<(), IndexError> {
        let end = self.sections.ids.end.next_multiple_of(HEADER);
        if crc32fast::hash(&self.map[self.sections.ids.start..end]) != self.header.ids_crc {
            return Err(IndexError::corrupt(&self.path, "the checksum of the ids does not match"));
        }
        if !self.ids().is_sorted_by(|a, b| a < b) {
            return Err(IndexError::corrupt(&self.path, "the ids are not in ascending order"));
        }
        Ok(())
    }

    /// Reads the whole file and compares all checksums.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        let damaged =
            |what: String| Err(IndexError::corrupt(&self.path, format!("the checksum of {what} does not match")));
        match self.header.content {
            Content::Plain { rows_crc } => {
                if crc32fast::hash(&self.map[self.sections.rows.start..]) != rows_crc {
                    return damaged("the vectors".into());
                }
            }
            Content::Coded { table_crc, .. } => {
                let table = &self.map[self.sections.table.clone()];
                if crc32fast::hash(table) != table_crc {
                    return damaged("the table of checksums".into());
                }
                let blocks = &self.map[HEADER..self.sections.table.start];
                if let Some(block) = blocks::find_damaged(blocks, numbers(table)) {
                    let start = HEADER + block * blocks::BLOCK;
                    let end = self.sections.table.start.min(start + blocks::BLOCK);
                    return damaged(format!("the bytes {start} to {end}"));
                }
            }
        }
        self.check_ids()
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

    /// Number of rows, at least 1.
    pub(crate) fn len(&self) -> usize {
        // `parse` has checked that this many rows are in memory.
        self.header.count as usize
    }

    pub(crate) fn byte_len(&self) -> u64 {
        self.map.len() as u64
    }

    pub(crate) fn format(&self) -> RowFormat {
        self.header.format()
    }

    /// False for files of version 1: they have no codes.
    pub(crate) fn has_codes(&self) -> bool {
        matches!(self.header.content, Content::Coded { .. })
    }

    /// Identifies the content: the manifest names it, so that no other file can take this one's place.
    pub(crate) fn content_crc(&self) -> u32 {
        match self.header.content {
            // The checksum of bytes that end in their own checksum is always 0x2144df1c, so this tells nothing. It is
            // what manifests say of such files.
            Content::Plain { .. } => crc32fast::hash(&self.map[..HEADER]),
            Content::Coded { .. } => crc32fast::hash(&self.map[..HEADER - size_of::<u32>()]),
        }
    }

    pub(crate) fn first_id(&self) -> u64 {
        self.ids()[0]
    }

    pub(crate) fn last_id(&self) -> u64 {
        self.ids()[self.len() - 1]
    }

    /// One for each row; ascending, unless the file is damaged.
    pub(crate) fn ids(&self) -> &[u64] {
        numbers(&self.map[self.sections.ids.clone()])
    }

    /// Rows that lie one after the other.
    pub(crate) fn rows(&self, rows: Range<usize>) -> RowRef<'_> {
        let bytes = within(&self.map, &self.sections.rows, self.dimension() * self.header.format().size(), rows);
        match self.header.format() {
            RowFormat::F16 => RowRef::F16(numbers(bytes)),
            RowFormat::F32 => RowRef::F32(numbers(bytes)),
        }
    }

    pub(crate) fn row(&self, row: usize) -> RowRef<'_> {
        self.rows(row..row + 1)
    }

    /// The codes of rows that lie one after the other, `similarity::code_len` each; `None` if the file has no codes.
    pub(crate) fn codes_block(&self, rows: Range<usize>) -> Option<&[i8]> {
        let each = similarity::code_len(self.dimension());
        self.has_codes().then(|| numbers(within(&self.map, &self.sections.codes, each, rows)))
    }

    /// The scales of these rows' codes; `None` if the file has no codes. Those of a damaged file may be any numbers.
    pub(crate) fn scales(&self, rows: Range<usize>) -> Option<&[f32]> {
        self.has_codes().then(|| numbers(within(&self.map, &self.sections.scales, size_of::<f32>(), rows)))
    }

    /// A row's codes and their scale; `None` if the file has no codes.
    pub(crate) fn codes(&self, row: usize) -> Option<(&[i8], f32)> {
        let scale = *self.scales(row..row + 1)?.first()?;
        Some((self.codes_block(row..row + 1)?, scale))
    }

    pub(crate) fn position(&self, id: u64) -> Option<usize> {
        let ids = self.ids();
        // Ids are given out one after the other, so a file without gaps has each just there.
        position_near(ids, id, id.saturating_sub(ids[0]))
    }
}

/// The bytes of rows of a section in which each has the same length.
///
/// # Panics
/// If the section has no such rows.
fn within<'a>(map: &'a [u8], section: &Range<usize>, each: usize, rows: Range<usize>) -> &'a [u8] {
    &map[section.clone()][rows.start * each..rows.end * each]
}

/// The bytes of a section as numbers. Sections and rows are aligned, since mappings begin at a page, and `parse` has
/// checked where they end: this cannot fail.
fn numbers<T: cast::Plain>(bytes: &[u8]) -> &[T] {
    cast::from_bytes(bytes).unwrap_or_default()
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
    let (count, dimension) = (segment.len(), segment.dimension());
    assert!(count > 0 && dimension > 0);
    assert_eq!(segment.rows(0..count).len(), count * dimension);
    assert_eq!(segment.ids().len(), count);
    assert_eq!((segment.first_id(), segment.last_id()), (segment.ids()[0], segment.ids()[count - 1]));
    let query = vec![0.5; dimension];
    for (row, &id) in segment.ids().iter().enumerate() {
        // The ids may be any: what is found must be right, if it is found.
        assert!(segment.position(id).is_none_or(|found| segment.ids()[found] == id));
        assert_eq!(segment.row(row).len(), dimension);
        let _ = segment.row(row).dot(clip_kernels::Isa::best(), &query);
        assert_eq!(segment.codes(row).is_some(), segment.has_codes());
        assert!(segment.codes(row).is_none_or(|(codes, _)| codes.len() == similarity::code_len(dimension)));
    }
    if segment.check_ids().is_ok() {
        assert!(segment.ids().iter().enumerate().all(|(row, &id)| segment.position(id) == Some(row)));
    }
    let _ = segment.verify();
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::version_1;
