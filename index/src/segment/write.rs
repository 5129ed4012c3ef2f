//! Writing vector files, from front to back: each section takes a pass of its own over the rows.

use std::io::{self, Write};
use std::path::Path;

use clip_kernels::similarity;

use super::header::{KIND, Shape};
use super::row::to_halves;
use super::{RowFormat, RowRef, Segment};
use crate::cast;
use crate::error::IndexError;
use crate::frame;

/// A row on its way into a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRow<'a> {
    id: u64,
    row: RowRef<'a>,
    /// The codes of this very row and their scale, where they are known.
    codes: Option<(&'a [i8], f32)>,
}

impl<'a> NewRow<'a> {
    pub(crate) fn new(id: u64, row: &'a [f32]) -> NewRow<'a> {
        NewRow { id, row: RowRef::F32(row), codes: None }
    }

    /// Row number `row` of another file, whose codes are not to be trusted.
    pub(crate) fn without_codes(segment: &'a Segment, row: usize) -> NewRow<'a> {
        NewRow { codes: None, ..NewRow::stored(segment, row) }
    }

    /// Row number `row` of another file.
    pub(crate) fn stored(segment: &'a Segment, row: usize) -> NewRow<'a> {
        NewRow { id: segment.ids()[row], row: segment.row(row), codes: segment.codes(row) }
    }
}

/// Writes a vector file of the current version. `rows` must be in ascending order of ids, at least one, and the same
/// each time it is gone through; each must have `dimension` numbers. Besides one row, only the checksums are kept in
/// memory: four bytes for each MiB.
///
/// # Errors
/// [`IndexError::Dimension`] if the dimension has more than 32 bits, [`IndexError::Io`] if the file cannot be written.
pub(crate) fn write<'a>(
    path: &Path,
    dimension: usize,
    format: RowFormat,
    rows: impl Iterator<Item = NewRow<'a>> + Clone,
) -> Result<(), IndexError> {
    write_watched(path, dimension, format, rows, &mut || Ok(()))
}

/// As [`write()`]; `step` is called twice for each row, and stops it by an error.
pub(crate) fn write_watched<'a>(
    path: &Path,
    dimension: usize,
    format: RowFormat,
    rows: impl Iterator<Item = NewRow<'a>> + Clone,
    step: &mut dyn FnMut() -> io::Result<()>,
) -> Result<(), IndexError> {
    let Ok(stored_dimension) = u32::try_from(dimension) else {
        return Err(IndexError::Dimension { expected: u32::MAX as usize, found: dimension });
    };
    let mut ids_crc = crc32fast::Hasher::new();
    let mut count = 0;
    for row in rows.clone() {
        ids_crc.update(&row.id.to_le_bytes());
        count += 1;
    }
    let ids_bytes = count as usize * size_of::<u64>();
    ids_crc.update(&[0; frame::HEADER][..ids_bytes.next_multiple_of(frame::HEADER) - ids_bytes]);
    let shape = Shape { dimension: stored_dimension, count, format, ids_crc: ids_crc.finalize(), plain: None };
    let mut encoder = Encoder::new(dimension, format);
    frame::write(path, &KIND, shape.header(), |out| {
        if shape.sections().is_none() {
            return Err(io::Error::other("it would have more rows than a vector file may have"));
        }
        for row in rows.clone() {
            out.write_all(&row.id.to_le_bytes())?;
        }
        out.pad()?;
        for row in rows.clone() {
            let (_, scale) = encoder.codes(row);
            out.write_all(&scale.to_le_bytes())?;
        }
        out.pad()?;
        for row in rows.clone() {
            let (codes, _) = encoder.codes(row);
            out.write_all(cast::to_bytes(codes))?;
            step()?;
        }
        out.pad()?;
        for row in rows {
            match encoder.stored(row.row) {
                RowRef::F16(row) => out.write_all(cast::to_bytes(row))?,
                RowRef::F32(row) => out.write_all(cast::to_bytes(row))?,
            }
            step()?;
        }
        Ok(())
    })
}

/// Turns rows into what is stored of them.
struct Encoder {
    format: RowFormat,
    halves: Vec<u16>,
    floats: Vec<f32>,
    codes: Vec<i8>,
}

impl Encoder {
    fn new(dimension: usize, format: RowFormat) -> Encoder {
        Encoder {
            format,
            halves: vec![0; dimension],
            floats: vec![0.0; dimension],
            codes: vec![0; similarity::code_len(dimension)],
        }
    }

    /// The row in the format of the file.
    fn stored<'a>(&'a mut self, row: RowRef<'a>) -> RowRef<'a> {
        match (row, self.format) {
            (RowRef::F16(_), RowFormat::F16) | (RowRef::F32(_), RowFormat::F32) => row,
            (RowRef::F32(row), RowFormat::F16) => {
                to_halves(row, &mut self.halves);
                RowRef::F16(&self.halves)
            }
            (RowRef::F16(_), RowFormat::F32) => {
                row.to_f32(&mut self.floats);
                RowRef::F32(&self.floats)
            }
        }
    }

    /// The codes of the row as it is stored, and their scale.
    fn codes<'a>(&'a mut self, new: NewRow<'a>) -> (&'a [i8], f32) {
        // Widening changes nothing, so neither does it change the codes.
        if let Some(known) = new.codes
            && (new.row.format() == self.format || new.row.format() == RowFormat::F16)
        {
            return known;
        }
        match (new.row, self.format) {
            (RowRef::F32(row), RowFormat::F16) => {
                to_halves(row, &mut self.halves);
                RowRef::F16(&self.halves).to_f32(&mut self.floats);
            }
            (row, _) => row.to_f32(&mut self.floats),
        }
        let scale = similarity::quantise(&self.floats, &mut self.codes);
        (&self.codes, scale)
    }
}
