//! Which rows of a damaged file are as they were written.

use roaring::RoaringBitmap;

use super::Segment;
use super::storage::Storage;
use crate::error::IndexError;

/// The damage to a file whose ids are whole.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Something is not as it was written.
    pub(crate) is_damaged: bool,
    /// Rows that may be affected.
    pub(crate) lost: RoaringBitmap,
}

impl Segment {
    /// Reads the whole file and tells which rows are damaged. Damage to codes alone costs no row: they are made from it.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if the ids or the table of checksums are damaged, so that no row can be told.
    pub(crate) fn survey(&self) -> Result<Survey, IndexError> {
        self.check_ids()?;
        let mut survey = Survey::default();
        let Storage::Framed(frame) = &self.storage else {
            // One checksum for all rows.
            self.verify()?;
            return Ok(survey);
        };
        let section = &self.sections.rows;
        let row_bytes = self.dimension() * self.format().size();
        for block in frame.damaged()? {
            survey.is_damaged = true;
            let (start, end) = (block.start.max(section.start), block.end.min(section.end));
            if start < end {
                // `parse` has checked that rows can be counted in 32 bits.
                let first = ((start - section.start) / row_bytes) as u32;
                let last = ((end - 1 - section.start) / row_bytes) as u32;
                survey.lost.insert_range(first..=last);
            }
        }
        Ok(survey)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::segment::{NewRow, RowFormat, write};

    /// Damage to one block of a file costs the rows in it and no others.
    #[test]
    fn rows_of_damaged_blocks_are_named() {
        const BLOCK: usize = 1 << 20;
        let (count, dimension) = (5000usize, 640);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let row = [0.0f32; 640];
        write(&path, dimension, RowFormat::F16, (1..=count as u64).map(|id| NewRow::new(id, &row))).unwrap();
        let whole = fs::read(&path).unwrap();
        let segment = Segment::open(&path, 1).unwrap();
        let sections = segment.sections.clone();
        assert!(!segment.survey().unwrap().is_damaged);
        drop(segment);
        let survey = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            Segment::open(&path, 1).unwrap().survey()
        };
        for at in (sections.scales.start..sections.rows.end).step_by(sections.rows.end / 40) {
            let found = survey(at).unwrap();
            assert!(found.is_damaged);
            let start = (at - 64) / BLOCK * BLOCK + 64;
            let touched = |row: &usize| {
                let place = sections.rows.start + row * dimension * 2;
                place < start + BLOCK && place + dimension * 2 > start
            };
            let expected: RoaringBitmap = (0..count).filter(touched).map(|row| row as u32).collect();
            assert_eq!(found.lost, expected, "byte {at}");
            assert!(found.lost.len() < 1000);
        }
        assert!(survey(sections.codes.start + 100_000).unwrap().lost.is_empty(), "codes can be made again");
        assert!(survey(sections.ids.start + 9).is_err());
        assert!(survey(whole.len() - 1).is_err());
    }
}
