//! What the header of a vector file says, and where the sections lie.

use std::ops::Range;

use clip_kernels::similarity;

use super::RowFormat;
use crate::frame::{self, HEADER, Header, Kind};

pub(crate) const MAGIC: [u8; 8] = *b"clipvec\0";
/// What is written. Version 1 is read, too.
pub(super) const KIND: Kind = Kind { magic: MAGIC, version: 2, name: "vector file", is_cache: false };

const DIMENSION_AT: usize = 12;
const COUNT_AT: usize = 16;
const FORMAT_AT: usize = 24;
const IDS_CRC_AT: usize = 32;
/// In version 1.
const PLAIN_IDS_CRC_AT: usize = 24;
const PLAIN_ROWS_CRC_AT: usize = 28;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) dimension: u32,
    /// Number of rows.
    pub(super) count: u64,
    pub(super) format: RowFormat,
    /// Of the ids and the padding after them.
    pub(super) ids_crc: u32,
    /// In version 1, the checksum of the rows; there are neither scales nor codes then. `None` in version 2.
    pub(super) plain: Option<u32>,
}

/// Byte ranges within the file, without the padding between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sections {
    pub(super) ids: Range<usize>,
    pub(super) scales: Range<usize>,
    pub(super) codes: Range<usize>,
    pub(super) rows: Range<usize>,
}

impl Shape {
    /// `None` if the header says what cannot be.
    pub(super) fn read(header: &Header) -> Option<Shape> {
        let is_plain = header.version() == 1;
        let shape = Shape {
            dimension: header.u32(DIMENSION_AT),
            count: header.u64(COUNT_AT),
            format: if is_plain { RowFormat::F32 } else { RowFormat::from_code(header.u32(FORMAT_AT))? },
            ids_crc: header.u32(if is_plain { PLAIN_IDS_CRC_AT } else { IDS_CRC_AT }),
            plain: is_plain.then(|| header.u32(PLAIN_ROWS_CRC_AT)),
        };
        (shape.dimension > 0 && shape.count > 0).then_some(shape)
    }

    /// The header of a file of version 2, without what [`frame::write`] adds.
    pub(super) fn header(&self) -> Header {
        let mut header = Header::new();
        header.set_u32(DIMENSION_AT, self.dimension);
        header.set_u64(COUNT_AT, self.count);
        header.set_u32(FORMAT_AT, self.format.code());
        header.set_u32(IDS_CRC_AT, self.ids_crc);
        header
    }

    /// Where everything lies; `None` if that is more than a segment may hold.
    pub(super) fn sections(&self) -> Option<Sections> {
        // Places of rows have 32 bits.
        let count = u32::try_from(self.count).ok()? as usize;
        let dimension = self.dimension as usize;
        let after = |before: &Range<usize>, bytes_each: usize| {
            let start = frame::align(before.end)?;
            Some(start..count.checked_mul(bytes_each)?.checked_add(start)?)
        };
        let row_bytes = dimension.checked_mul(self.format.size())?;
        let ids = after(&(0..HEADER), size_of::<u64>())?;
        if self.plain.is_some() {
            let none = ids.end..ids.end;
            return Some(Sections { rows: after(&ids, row_bytes)?, scales: none.clone(), codes: none, ids });
        }
        // `code_len` rounds up, and must not be asked for more than there can be.
        frame::align(dimension)?;
        let scales = after(&ids, size_of::<f32>())?;
        let codes = after(&scales, similarity::code_len(dimension))?;
        Some(Sections { rows: after(&codes, row_bytes)?, codes, scales, ids })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shapes() -> impl Strategy<Value = Shape> {
        let formats = prop_oneof![
            Just((RowFormat::F16, None)),
            Just((RowFormat::F32, None)),
            any::<u32>().prop_map(|crc| (RowFormat::F32, Some(crc))),
        ];
        let counts = prop_oneof![1u64..5000, 1u64..];
        (1u32.., counts, any::<u32>(), formats).prop_map(|(dimension, count, ids_crc, (format, plain))| Shape {
            dimension,
            count,
            format,
            ids_crc,
            plain,
        })
    }

    /// The numbers of `docs/index-format.md`.
    #[test]
    fn sections_lie_where_the_format_says() {
        let shape = Shape { dimension: 65, count: 9, format: RowFormat::F16, ids_crc: 0, plain: None };
        let sections = shape.sections().unwrap();
        assert_eq!(sections, Sections { ids: 64..136, scales: 192..228, codes: 256..1408, rows: 1408..2578 });
        let shape = Shape { dimension: 3, count: 4, format: RowFormat::F32, ids_crc: 0, plain: Some(0) };
        assert_eq!(shape.sections().unwrap().rows, 128..176);
    }

    #[test]
    fn unknown_formats_and_empty_files_are_refused() {
        let shape = Shape { dimension: 3, count: 4, format: RowFormat::F16, ids_crc: 5, plain: None };
        let mut header = shape.header();
        assert_eq!(Shape::read(&header), Some(shape));
        header.set_u32(FORMAT_AT, 3);
        assert_eq!(Shape::read(&header), None);
        assert_eq!(Shape::read(&Shape { dimension: 0, ..shape }.header()), None);
        assert_eq!(Shape::read(&Shape { count: 0, ..shape }.header()), None);
    }

    proptest! {
        #[test]
        fn round_trip(shape in shapes()) {
            let written = Shape { plain: None, ..shape };
            prop_assert_eq!(Shape::read(&written.header()), Some(written));
        }

        #[test]
        fn sections_follow_each_other(shape in shapes()) {
            let Some(sections) = shape.sections() else { return Ok(()) };
            let all = [&(0..HEADER), &sections.ids, &sections.scales, &sections.codes, &sections.rows];
            prop_assert!(all.iter().all(|section| section.start <= section.end));
            prop_assert!(all.windows(2).all(|pair| pair[0].end <= pair[1].start));
            prop_assert!(all.windows(2).all(|pair| pair[1].start - pair[0].end < HEADER));
        }

        #[test]
        fn any_header_gives_no_panic(words in prop::collection::vec(any::<u32>(), 16), small: bool) {
            let mut header = Header::new();
            words.iter().enumerate().for_each(|(at, &word)| header.set_u32(at * 4, if small { word % 4 } else { word }));
            if let Some(shape) = Shape::read(&header) {
                let _ = shape.sections();
            }
        }
    }
}
