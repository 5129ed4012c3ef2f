//! Vector files: ids, codes and rows of embeddings, written once and memory-mapped.
//!
//! Little-endian; `docs/index-format.md` is normative. The *rows* are the truth, that scores are computed from. The
//! *codes* are the same rows in eight bits with a scale each: scans and graphs read them to find candidates.
//!
//! Opening a file for reading takes the same time however long it is: [`Segment::open`] checks the header and the
//! length, [`Segment::open_to_search`] some of the ids too. Whoever writes on from ids checks these ([`Segment::open_checked`]); [`Segment::verify`] reads everything, and
//! must be called before rows are copied into another file. So a reader may meet any ids, codes and rows: they may give
//! wrong neighbours, but nothing else.
//!
//! Files of version 1 have rows in `f32` and no codes.

mod find;
mod header;
mod row;
mod storage;
mod survey;
mod write;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clip_kernels::similarity;

use crate::cast;
use crate::error::IndexError;
use crate::frame;
use crate::mapped::Mapped;
use header::{Sections, Shape};
use storage::Storage;

pub(crate) use find::position_near;
pub(crate) use header::MAGIC;
pub use row::RowFormat;
pub(crate) use row::RowRef;
pub(crate) use write::{NewRow, write, write_watched};

/// So many ids at either end of a file are looked at when it is opened: two pages.
const IDS_AT_AN_END: usize = 1024;

/// A mapped vector file.
#[derive(Debug)]
pub(crate) struct Segment {
    file_id: u64,
    path: PathBuf,
    storage: Storage,
    shape: Shape,
    sections: Sections,
}

impl Segment {
    /// Maps a file and checks its header and length.
    pub(crate) fn open(path: &Path, file_id: u64) -> Result<Segment, IndexError> {
        Segment::parse(Mapped::open(path)?, path, file_id)
    }

    /// Checks as many of the ids as takes no longer for a longer file: one that is out of order hides others.
    pub(crate) fn open_to_search(path: &Path, file_id: u64) -> Result<Segment, IndexError> {
        let segment = Segment::open(path, file_id)?;
        segment.check_some_ids()?;
        Ok(segment)
    }

    /// Checks the ids as well.
    pub(crate) fn open_checked(path: &Path, file_id: u64) -> Result<Segment, IndexError> {
        let segment = Segment::open(path, file_id)?;
        segment.check_ids()?;
        Ok(segment)
    }

    fn parse(map: Mapped, path: &Path, file_id: u64) -> Result<Segment, IndexError> {
        let (storage, shape) = Storage::parse(map, path)?;
        let sections = shape
            .sections()
            .ok_or_else(|| IndexError::corrupt(path, "its header claims more vectors than fit in the file"))?;
        Ok(Segment { file_id, path: path.to_path_buf(), storage, shape, sections })
    }

    fn check_ids(&self) -> Result<(), IndexError> {
        let end = self.sections.ids.end.next_multiple_of(frame::HEADER);
        if crc32fast::hash(self.storage.bytes(self.sections.ids.start..end)) != self.shape.ids_crc {
            return Err(IndexError::corrupt(&self.path, "the checksum of the ids does not match"));
        }
        if !self.ids().is_sorted_by(|a, b| a < b) {
            return Err(IndexError::corrupt(&self.path, "the ids are not in ascending order"));
        }
        Ok(())
    }

    /// Checks all ids of a short file, and those at both ends of a long one.
    fn check_some_ids(&self) -> Result<(), IndexError> {
        let ids = self.ids();
        if ids.len() <= 2 * IDS_AT_AN_END {
            return self.check_ids();
        }
        let (begin, end) = (&ids[..IDS_AT_AN_END], &ids[ids.len() - IDS_AT_AN_END..]);
        let is_sorted = |ids: &[u64]| ids.is_sorted_by(|a, b| a < b);
        // In between there must be room for the others.
        let between = end[0].checked_sub(begin[IDS_AT_AN_END - 1]);
        let has_room = between.is_some_and(|between| between > (ids.len() - 2 * IDS_AT_AN_END) as u64);
        if is_sorted(begin) && is_sorted(end) && has_room {
            return Ok(());
        }
        Err(IndexError::corrupt(&self.path, "the ids are not in ascending order"))
    }

    /// Reads the whole file and compares all checksums.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        if let Storage::Framed(frame) = &self.storage {
            frame.verify()?;
        }
        if self.shape.plain.is_some_and(|crc| crc32fast::hash(self.storage.bytes(self.sections.rows.clone())) != crc) {
            return Err(IndexError::corrupt(&self.path, "the checksum of the vectors does not match"));
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
        self.shape.dimension as usize
    }

    /// Number of rows, at least 1.
    pub(crate) fn len(&self) -> usize {
        // `parse` has checked that this many rows are in memory.
        self.shape.count as usize
    }

    pub(crate) fn byte_len(&self) -> u64 {
        self.storage.byte_len()
    }

    pub(crate) fn format(&self) -> RowFormat {
        self.shape.format
    }

    /// False for files of version 1: they have no codes.
    pub(crate) fn has_codes(&self) -> bool {
        self.shape.plain.is_none()
    }

    /// Identifies the content: the manifest names it, so that no other file can take this one's place.
    pub(crate) fn content_crc(&self) -> u32 {
        self.storage.content_crc()
    }

    pub(crate) fn first_id(&self) -> u64 {
        self.ids()[0]
    }

    pub(crate) fn last_id(&self) -> u64 {
        self.ids()[self.len() - 1]
    }

    /// One for each row; ascending, unless the file is damaged.
    pub(crate) fn ids(&self) -> &[u64] {
        self.numbers(&self.sections.ids, size_of::<u64>(), 0..self.len())
    }

    /// Rows that lie one after the other.
    pub(crate) fn rows(&self, rows: Range<usize>) -> RowRef<'_> {
        let row_bytes = self.dimension() * self.shape.format.size();
        match self.shape.format {
            RowFormat::F16 => RowRef::F16(self.numbers(&self.sections.rows, row_bytes, rows)),
            RowFormat::F32 => RowRef::F32(self.numbers(&self.sections.rows, row_bytes, rows)),
        }
    }

    pub(crate) fn row(&self, row: usize) -> RowRef<'_> {
        self.rows(row..row + 1)
    }

    /// The codes of rows that lie one after the other, `similarity::code_len` each; `None` if the file has no codes.
    pub(crate) fn codes_block(&self, rows: Range<usize>) -> Option<&[i8]> {
        let each = similarity::code_len(self.dimension());
        self.has_codes().then(|| self.numbers(&self.sections.codes, each, rows))
    }

    /// The scales of these rows' codes; `None` if the file has no codes. Those of a damaged file may be any numbers.
    pub(crate) fn scales(&self, rows: Range<usize>) -> Option<&[f32]> {
        self.has_codes().then(|| self.numbers(&self.sections.scales, size_of::<f32>(), rows))
    }

    /// A row's codes and their scale; `None` if the file has no codes.
    pub(crate) fn codes(&self, row: usize) -> Option<(&[i8], f32)> {
        let scale = *self.scales(row..row + 1)?.first()?;
        Some((self.codes_block(row..row + 1)?, scale))
    }

    /// Copies the codes of a row that is there, `similarity::code_len` of them, of a file that has codes: see
    /// [`Mapped::read_at`].
    pub(crate) fn read_codes(&self, row: usize, out: &mut [u8]) -> io::Result<()> {
        self.storage.read_at(self.sections.codes.start + row * out.len(), out)
    }

    pub(crate) fn position(&self, id: u64) -> Option<usize> {
        let ids = self.ids();
        // Ids are given out one after the other, so a file without gaps has each just there.
        position_near(ids, id, id.saturating_sub(ids[0]))
    }

    /// The numbers of rows in a section that has the same number of bytes for each.
    ///
    /// # Panics
    /// If there are no such rows.
    fn numbers<T: cast::Plain>(&self, section: &Range<usize>, bytes_each: usize, rows: Range<usize>) -> &[T] {
        assert!(rows.start <= rows.end && rows.end <= self.len(), "rows of a vector file");
        // No overflow: `parse` has found that the whole section is in memory. Sections and rows are aligned, since
        // mappings begin at a page.
        let start = section.start + rows.start * bytes_each;
        cast::from_bytes(self.storage.bytes(start..start + rows.len() * bytes_each)).unwrap_or_default()
    }
}

/// Reads bytes as a vector file and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_file(bytes: &[u8]) {
    let Ok(segment) = Segment::parse(Mapped::of_bytes(bytes), Path::new("fuzzed.vec"), 1) else { return };
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
