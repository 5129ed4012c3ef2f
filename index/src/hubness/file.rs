//! Files of hubness: two numbers for each row of a vector file.

use std::io::Write;
use std::ops::Range;
use std::path::Path;

use super::Hubness;
use crate::cast;
use crate::error::IndexError;
use crate::frame::{self, Frame, HEADER, Header};
use crate::layout::Layout;
use crate::manifest::{HubnessEntry, Unknown};
use crate::segment::Segment;

pub(crate) const KIND: frame::Kind =
    frame::Kind { magic: *b"cliphub\0", version: 1, name: "file of hubness", is_cache: true };
const COUNT_AT: usize = 16;

/// A mapped file. Its numbers may be any where the file is damaged.
#[derive(Debug)]
pub(crate) struct HubnessFile {
    frame: Frame,
    sections: Sections,
    entry: HubnessEntry,
}

impl HubnessFile {
    /// A frame whose sections were found when it was opened.
    fn new(frame: Frame, entry: HubnessEntry) -> HubnessFile {
        let sections = sections(frame.header()).unwrap_or_default();
        HubnessFile { frame, sections, entry }
    }

    /// The nearness of the rows of the vector file to captions, in their order.
    pub(crate) fn captions(&self) -> &[f32] {
        self.frame.section(self.sections.captions.clone())
    }

    /// The nearness of the rows of the vector file to phrases, in their order.
    pub(crate) fn phrases(&self) -> &[f32] {
        self.frame.section(self.sections.phrases.clone())
    }

    /// That of one row.
    pub(crate) fn of(&self, row: usize) -> Option<Hubness> {
        Some(Hubness { captions: *self.captions().get(row)?, phrases: *self.phrases().get(row)? })
    }

    pub(crate) fn entry(&self) -> &HubnessEntry {
        &self.entry
    }

    pub(crate) fn path(&self) -> &Path {
        self.frame.path()
    }

    pub(crate) fn byte_len(&self) -> u64 {
        self.frame.byte_len()
    }

    /// Compares all checksums.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        self.frame.verify()
    }
}

/// Byte ranges within the file.
#[derive(Debug, Default)]
struct Sections {
    captions: Range<usize>,
    phrases: Range<usize>,
}

fn sections(header: &Header) -> Option<Sections> {
    let bytes = usize::try_from(header.u64(COUNT_AT)).ok()?.checked_mul(size_of::<f32>())?;
    let captions = HEADER..HEADER.checked_add(bytes)?;
    let start = frame::align(captions.end)?;
    Some(Sections { captions, phrases: start..start.checked_add(bytes)? })
}

/// Where the sections end.
fn extent(header: &Header) -> Option<usize> {
    frame::align(sections(header)?.phrases.end)
}

fn open(path: &Path) -> Result<Frame, IndexError> {
    Frame::open(path, &KIND, extent)
}

/// Opens the file that the manifest names for a vector file with this many rows.
pub(crate) fn open_of(layout: &Layout, entry: &HubnessEntry, rows: u64) -> Result<HubnessFile, IndexError> {
    let path = layout.hubness(entry.file);
    let frame = open(&path)?;
    if frame.content_crc() != entry.header_crc32 {
        return Err(IndexError::corrupt(&path, "it is not the file named by the manifest"));
    }
    let found = frame.header().u64(COUNT_AT);
    if found != rows {
        let reason = format!("expected numbers for {rows} rows, found {found}");
        return Err(IndexError::corrupt(&path, reason));
    }
    Ok(HubnessFile::new(frame, entry.clone()))
}

/// Writes the numbers of a vector file's rows, and opens what was written.
pub(crate) fn write(
    layout: &Layout,
    file: u64,
    segment: &Segment,
    bank: &str,
    numbers: &[Hubness],
) -> Result<HubnessFile, IndexError> {
    let path = layout.hubness(file);
    let mut header = Header::new();
    header.set_u64(COUNT_AT, numbers.len() as u64);
    let (captions, phrases): (Vec<f32>, Vec<f32>) =
        numbers.iter().map(|number| (number.captions, number.phrases)).unzip();
    frame::write(&path, &KIND, header, |out| {
        out.write_all(cast::to_bytes(&captions))?;
        out.pad()?;
        out.write_all(cast::to_bytes(&phrases))
    })?;
    let header_crc32 = open(&path)?.content_crc();
    let entry =
        HubnessEntry { segment: segment.file_id(), file, header_crc32, bank: bank.to_owned(), unknown: Unknown::new() };
    open_of(layout, &entry, segment.len() as u64)
}

/// Reads bytes as a file and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_file(bytes: &[u8]) {
    use crate::mapped::Mapped;
    let Ok(frame) = Frame::parse(Mapped::of_bytes(bytes), Path::new("fuzzed.hub"), &KIND, extent) else { return };
    let count = frame.header().u64(COUNT_AT);
    let entry = HubnessEntry { segment: 1, file: 2, header_crc32: 3, bank: "bank".into(), unknown: Unknown::new() };
    let file = HubnessFile::new(frame, entry);
    assert_eq!((file.captions().len() as u64, file.phrases().len() as u64), (count, count));
    assert_eq!(file.of(0).is_some(), count > 0);
    let _ = file.verify();
}
