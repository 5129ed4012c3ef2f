//! A file of records: ids in ascending order, where each record begins, and the records.

use std::io::{self, Write};
use std::path::Path;

use roaring::RoaringTreemap;

use super::encode::{decode, item_count};
use crate::asset::Record;
use crate::error::IndexError;
use crate::frame::{self, Frame, HEADER, Header, align};

pub(crate) const KIND: frame::Kind =
    frame::Kind { magic: *b"cliprec\0", version: 1, name: "file of records", is_cache: false };
/// Where the header has the number of records and the bytes of all together.
const COUNT_AT: usize = 12;
const BYTES_AT: usize = 20;

/// Where the sections of a file are.
#[derive(Debug, Clone, Copy)]
struct Extent {
    count: usize,
    offsets: usize,
    records: usize,
    records_end: usize,
    end: usize,
}

impl Extent {
    fn of(header: &Header) -> Option<Extent> {
        let count = usize::try_from(header.u64(COUNT_AT)).ok().filter(|&count| count > 0)?;
        let offsets = align(count.checked_mul(8)?.checked_add(HEADER)?)?;
        let records = align(count.checked_add(1)?.checked_mul(8)?.checked_add(offsets)?)?;
        let records_end = usize::try_from(header.u64(BYTES_AT)).ok()?.checked_add(records)?;
        Some(Extent { count, offsets, records, records_end, end: align(records_end)? })
    }
}

/// A mapped file of records.
#[derive(Debug)]
pub(crate) struct RecordFile {
    number: u64,
    frame: Frame,
    extent: Extent,
}

impl RecordFile {
    /// Maps a file and checks its header and length.
    pub(crate) fn open(path: &Path, number: u64) -> Result<RecordFile, IndexError> {
        let frame = Frame::open(path, &KIND, |header| Some(Extent::of(header)?.end))?;
        let extent =
            Extent::of(frame.header()).ok_or_else(|| IndexError::corrupt(path, "its header contradicts itself"))?;
        Ok(RecordFile { number, frame, extent })
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn path(&self) -> &Path {
        self.frame.path()
    }

    pub(crate) fn len(&self) -> usize {
        self.extent.count
    }

    pub(crate) fn byte_len(&self) -> u64 {
        self.frame.byte_len()
    }

    pub(crate) fn content_crc(&self) -> u32 {
        self.frame.content_crc()
    }

    /// The assets' ids, ascending if the file is whole.
    pub(crate) fn ids(&self) -> &[u64] {
        self.frame.section(HEADER..HEADER + self.extent.count * 8)
    }

    /// The bytes of the record at a place among the ids.
    pub(crate) fn bytes(&self, at: usize) -> Result<&[u8], IndexError> {
        let offsets: &[u64] =
            self.frame.section(self.extent.offsets..self.extent.offsets + (self.extent.count + 1) * 8);
        let all: &[u8] = self.frame.section(self.extent.records..self.extent.records_end);
        let range = || {
            let (start, end) = (*offsets.get(at)?, *offsets.get(at + 1)?);
            all.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
        };
        range().ok_or_else(|| self.damaged(at))
    }

    /// The record at a place among the ids.
    pub(crate) fn record(&self, at: usize) -> Result<Record, IndexError> {
        decode(self.ids()[at], self.bytes(at)?).ok_or_else(|| self.damaged(at))
    }

    /// The number of items of the record at a place among the ids.
    pub(crate) fn item_count(&self, at: usize) -> Result<u64, IndexError> {
        item_count(self.bytes(at)?).ok_or_else(|| self.damaged(at))
    }

    /// Reads the whole file, compares its checksums and reads every record.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        self.frame.verify()?;
        if !self.ids().is_sorted_by(|a, b| a < b) {
            return Err(IndexError::corrupt(self.path(), "the ids are not in ascending order"));
        }
        (0..self.len()).try_for_each(|at| self.record(at).map(drop))
    }

    /// Reads the whole file and tells, as places among the ids, which records are damaged; `None` if nothing is.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if the ids, the places of the records or the table of checksums are damaged, so that no
    /// record can be told.
    pub(crate) fn survey(&self) -> Result<Option<RoaringTreemap>, IndexError> {
        let blocks = self.frame.damaged()?;
        if let Some(block) = blocks.first().filter(|block| block.start < self.extent.records) {
            let reason = format!("the checksum of the bytes {} to {} does not match", block.start, block.end);
            return Err(IndexError::corrupt(self.path(), reason));
        }
        if !self.ids().is_sorted_by(|a, b| a < b) {
            return Err(IndexError::corrupt(self.path(), "the ids are not in ascending order"));
        }
        let all: &[u8] = self.frame.section(self.extent.records..self.extent.records_end);
        let is_in_damage = |bytes: &[u8]| {
            // Both are slices of one mapping.
            let start = self.extent.records + (bytes.as_ptr() as usize - all.as_ptr() as usize);
            blocks.iter().any(|block| block.start < start + bytes.len() && start < block.end)
        };
        let is_lost = |at: usize| self.record(at).is_err() || self.bytes(at).is_ok_and(is_in_damage);
        let lost: RoaringTreemap = (0..self.len()).filter(|&at| is_lost(at)).map(|at| at as u64).collect();
        Ok((!blocks.is_empty() || !lost.is_empty()).then_some(lost))
    }

    fn damaged(&self, at: usize) -> IndexError {
        IndexError::corrupt(self.path(), format!("the record of the asset {} cannot be read", self.ids()[at]))
    }
}

/// Writes a file. The records come twice, the same each time: first their ids and lengths are taken, then their bytes.
pub(crate) fn write<'a, I>(path: &Path, records: impl Fn() -> I) -> Result<(), IndexError>
where
    I: Iterator<Item = (u64, &'a [u8])>,
{
    write_watched(path, records, &mut || Ok(()))
}

/// As [`write()`]; `step` is called for each record, and stops it by an error.
pub(crate) fn write_watched<'a, I>(
    path: &Path,
    records: impl Fn() -> I,
    step: &mut dyn FnMut() -> io::Result<()>,
) -> Result<(), IndexError>
where
    I: Iterator<Item = (u64, &'a [u8])>,
{
    let (mut count, mut bytes) = (0u64, 0u64);
    for (_, record) in records() {
        count += 1;
        bytes += record.len() as u64;
    }
    let mut header = Header::new();
    header.set_u64(COUNT_AT, count);
    header.set_u64(BYTES_AT, bytes);
    frame::write(path, &KIND, header, |out| {
        for (id, _) in records() {
            out.write_all(&id.to_le_bytes())?;
        }
        out.pad()?;
        let mut offset = 0u64;
        out.write_all(&offset.to_le_bytes())?;
        for (_, record) in records() {
            offset += record.len() as u64;
            out.write_all(&offset.to_le_bytes())?;
        }
        out.pad()?;
        records().try_for_each(|(_, record)| {
            out.write_all(record)?;
            step()
        })
    })
}

/// Reads bytes as a file of records and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_file(bytes: &[u8]) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("file");
    std::fs::write(&path, bytes).expect("a file");
    let Ok(file) = RecordFile::open(&path, 1) else { return };
    let _ = file.verify();
    for at in 0..file.len() {
        if let Ok(record) = file.record(at) {
            assert_eq!(file.item_count(at).ok(), Some(record.positions.len() as u64));
        }
    }
}
