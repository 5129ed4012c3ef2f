//! The first 64 bytes of a vector file, and where its sections lie.

use std::ops::Range;
use std::path::Path;

use clip_kernels::similarity;

use super::RowFormat;
use super::blocks;
use crate::error::IndexError;

pub(crate) const MAGIC: [u8; 8] = *b"clipvec\0";
/// What is written. Version 1 is read, too.
pub(crate) const VERSION: u32 = 2;
/// Length of the header. Every section begins at a multiple of it, so that vectors are aligned for any instruction.
pub(super) const HEADER: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) dimension: u32,
    /// Number of rows.
    pub(super) count: u64,
    /// Of the ids and the padding after them.
    pub(super) ids_crc: u32,
    pub(super) content: Content,
}

/// What follows the ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Version 1: rows in `f32`, and nothing else.
    Plain { rows_crc: u32 },
    /// Version 2: scales, codes, rows and a table of checksums.
    Coded { format: RowFormat, table_crc: u32 },
}

/// Byte ranges within the file, without the padding between them. The file ends where `table` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sections {
    pub(super) ids: Range<usize>,
    pub(super) scales: Range<usize>,
    pub(super) codes: Range<usize>,
    pub(super) rows: Range<usize>,
    pub(super) table: Range<usize>,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        let mut put = |at: usize, word: u32| bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        put(8, self.version());
        put(12, self.dimension);
        put(16, self.count as u32);
        put(20, (self.count >> 32) as u32);
        match self.content {
            Content::Plain { rows_crc } => {
                put(24, self.ids_crc);
                put(28, rows_crc);
            }
            Content::Coded { format, table_crc } => {
                put(24, format.code());
                put(28, table_crc);
                put(32, self.ids_crc);
            }
        }
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8], path: &Path) -> Result<Header, IndexError> {
        let Some(bytes) = bytes.first_chunk::<HEADER>() else {
            let reason = format!("expected a header of {HEADER} bytes, found {}", bytes.len());
            return Err(IndexError::corrupt(path, reason));
        };
        if bytes[..8] != MAGIC {
            return Err(IndexError::corrupt(path, "it does not begin as a vector file does"));
        }
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let version = word(8);
        if version > VERSION {
            return Err(IndexError::NewerFormat { path: path.to_path_buf(), found: version, supported: VERSION });
        }
        if version == 0 || word(60) != crc32fast::hash(&bytes[..60]) {
            return Err(IndexError::corrupt(path, "the header's checksum does not match"));
        }
        let (content, ids_crc) = if version == 1 {
            (Content::Plain { rows_crc: word(28) }, word(24))
        } else {
            let Some(format) = RowFormat::from_code(word(24)) else {
                return Err(IndexError::corrupt(path, format!("its vectors are of the unknown type {}", word(24))));
            };
            (Content::Coded { format, table_crc: word(28) }, word(32))
        };
        let header =
            Header { dimension: word(12), count: u64::from(word(16)) | u64::from(word(20)) << 32, ids_crc, content };
        if header.dimension == 0 || header.count == 0 {
            return Err(IndexError::corrupt(path, "it claims to hold no vectors"));
        }
        Ok(header)
    }

    fn version(&self) -> u32 {
        match self.content {
            Content::Plain { .. } => 1,
            Content::Coded { .. } => VERSION,
        }
    }

    pub(super) fn format(&self) -> RowFormat {
        match self.content {
            Content::Plain { .. } => RowFormat::F32,
            Content::Coded { format, .. } => format,
        }
    }

    /// Where everything lies; `None` if that is more than a segment may hold.
    pub(super) fn sections(&self) -> Option<Sections> {
        // Places of rows have 32 bits.
        let count = u32::try_from(self.count).ok()? as usize;
        let dimension = self.dimension as usize;
        let after = |before: &Range<usize>, bytes_each: usize| {
            let start = before.end.checked_next_multiple_of(HEADER)?;
            Some(start..count.checked_mul(bytes_each)?.checked_add(start)?)
        };
        let row_bytes = dimension.checked_mul(self.format().size())?;
        let ids = after(&(0..HEADER), size_of::<u64>())?;
        match self.content {
            Content::Plain { .. } => {
                let none = ids.end..ids.end;
                let rows = after(&ids, row_bytes)?;
                let end = rows.end..rows.end;
                Some(Sections { ids, scales: none.clone(), codes: none, rows, table: end })
            }
            Content::Coded { .. } => {
                // `code_len` rounds up, and must not be asked for more than there can be.
                dimension.checked_next_multiple_of(HEADER)?;
                let scales = after(&ids, size_of::<f32>())?;
                let codes = after(&scales, similarity::code_len(dimension))?;
                let rows = after(&codes, row_bytes)?;
                let start = rows.end.checked_next_multiple_of(HEADER)?;
                let table = start..blocks::table_len(start - HEADER).checked_add(start)?;
                Some(Sections { ids, scales, codes, rows, table })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers() -> impl Strategy<Value = Header> {
        let formats = prop_oneof![Just(RowFormat::F16), Just(RowFormat::F32)];
        let contents = prop_oneof![
            any::<u32>().prop_map(|rows_crc| Content::Plain { rows_crc }),
            (formats, any::<u32>()).prop_map(|(format, table_crc)| Content::Coded { format, table_crc }),
        ];
        (1u32.., prop_oneof![1u64..5000, 1u64..], any::<u32>(), contents)
            .prop_map(|(dimension, count, ids_crc, content)| Header { dimension, count, ids_crc, content })
    }

    #[test]
    fn a_newer_version_is_named() {
        let content = Content::Coded { format: RowFormat::F16, table_crc: 0 };
        let mut bytes = Header { dimension: 1, count: 1, ids_crc: 0, content }.encode();
        bytes[8] = 9;
        let error = Header::decode(&bytes, Path::new("f")).unwrap_err();
        assert!(matches!(error, IndexError::NewerFormat { found: 9, supported: VERSION, .. }));
    }

    /// The numbers of `docs/index-format.md`.
    #[test]
    fn sections_lie_where_the_format_says() {
        let content = Content::Coded { format: RowFormat::F16, table_crc: 0 };
        let sections = Header { dimension: 65, count: 9, ids_crc: 0, content }.sections().unwrap();
        assert_eq!(
            sections,
            Sections { ids: 64..136, scales: 192..228, codes: 256..1408, rows: 1408..2578, table: 2624..2628 }
        );
        let plain = Header { dimension: 3, count: 4, ids_crc: 0, content: Content::Plain { rows_crc: 0 } };
        assert_eq!(plain.sections().unwrap().rows, 128..176);
    }

    proptest! {
        #[test]
        fn round_trip(header in headers()) {
            prop_assert_eq!(Header::decode(&header.encode(), Path::new("f")).unwrap(), header);
        }

        #[test]
        fn sections_follow_each_other(header in headers()) {
            let Some(sections) = header.sections() else { return Ok(()) };
            let all = [&sections.ids, &sections.scales, &sections.codes, &sections.rows, &sections.table];
            prop_assert!(all.iter().all(|section| section.start <= section.end));
            prop_assert!(all.windows(2).all(|pair| pair[0].end <= pair[1].start));
            prop_assert!(all.windows(2).all(|pair| pair[1].start - pair[0].end < HEADER));
        }

        #[test]
        fn any_bytes_give_no_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80), version in 0u32..4) {
            if version > 0 && bytes.len() >= HEADER {
                bytes[..8].copy_from_slice(&MAGIC);
                bytes[8..12].copy_from_slice(&version.to_le_bytes());
                bytes[24] %= 4;
                if version == 2 {
                    bytes[25..28].fill(0);
                }
                let crc = crc32fast::hash(&bytes[..60]);
                bytes[60..64].copy_from_slice(&crc.to_le_bytes());
            }
            if let Ok(header) = Header::decode(&bytes, Path::new("f")) {
                let _ = header.sections();
            }
        }
    }
}
