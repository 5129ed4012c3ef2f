//! Raw files based on TIFF, as written by most makers.

use super::contents::{Contents, Jpegs};
use super::maker_notes;
use crate::exif_data;
use crate::exif_data::tables::Source;
use crate::formats::codec::Blocks;

/// The most tables that are looked at. Cameras write up to ten; tables may refer to one another in circles.
const MOST_TABLES: usize = 64;

const SUBORDINATE: u16 = 0x14a;
const EXIF: u16 = 0x8769;
const MAKER_NOTE: u16 = 0x927c;

/// What is needed from the tables of a file.
pub(super) struct Tables<'a> {
    source: Source<'a>,
    jpegs: Jpegs<'a>,
    /// The size of the largest picture in them, raw data first.
    raw_size: Option<(u32, u32)>,
    /// The part of it that is to be shown, in a DNG.
    crop: Option<(u32, u32)>,
    /// The size of the photo according to EXIF data.
    exif_size: Option<(u32, u32)>,
    make: &'a [u8],
    is_dng: bool,
    has_raw_data: bool,
    /// The first table has a JPEG, but no picture of its own.
    has_only_jpeg: bool,
}

impl<'a> Tables<'a> {
    /// Reads all tables that are reachable. `None` without a header.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let source = Source::new(bytes)?;
        let mut tables = Self {
            jpegs: Jpegs::default(),
            raw_size: None,
            crop: None,
            exif_size: None,
            make: &[],
            is_dng: false,
            has_raw_data: false,
            has_only_jpeg: false,
            source,
        };
        let first = tables.source.first_table()?;
        let mut starts = vec![(first, Role::First)];
        let mut at = 0;
        while let Some(&(start, role)) = starts.get(at) {
            at += 1;
            let mut found = tables.read_table(start, role);
            if role != Role::Exif {
                found.extend(tables.source.next_table(start).map(|next| (next, Role::Other)));
            }
            for next in found {
                if starts.len() < MOST_TABLES && !starts.iter().any(|(known, _)| *known == next.0) {
                    starts.push(next);
                }
            }
        }
        Some(tables)
    }

    /// The maker's name for such files; `None` for an ordinary TIFF file.
    pub(super) fn kind(&self) -> Option<&'static str> {
        const NAMES: [(&[u8], &str); 12] = [
            (b"NIKON", "NEF"),
            (b"SONY", "ARW"),
            (b"Canon", "CR2"),
            (b"PENTAX", "PEF"),
            (b"RICOH", "PEF"),
            (b"SAMSUNG", "SRW"),
            (b"OLYMPUS", "ORF"),
            (b"Hasselblad", "3FR"),
            (b"SEIKO EPSON", "ERF"),
            (b"EASTMAN KODAK", "KDC"),
            (b"Kodak", "DCR"),
            (b"Phase One", "IIQ"),
        ];
        if self.is_dng {
            return Some("DNG");
        }
        let is_raw = self.has_raw_data || (self.has_only_jpeg && !self.make.is_empty());
        let name =
            NAMES.iter().find(|(make, _)| self.make.get(..make.len()).is_some_and(|m| m.eq_ignore_ascii_case(make)));
        is_raw.then(|| name.map_or("camera raw file", |(_, name)| name))
    }

    /// What it contains besides raw data.
    pub(super) fn contents(self) -> Contents<'a> {
        let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
        // Some cameras write the size of the preview there.
        let raw = self.raw_size.map_or(0, area);
        let exif_size = self.exif_size.filter(|size| area(*size) >= raw / 2);
        let (exif, xmp) = (Some(self.source.block), exif_data::xmp_of_tiff(self.source.block));
        let blocks = Blocks { exif, xmp, ..Blocks::default() };
        Contents { jpegs: self.jpegs, size: self.crop.or(exif_size).or(self.raw_size), orientation: None, blocks }
    }

    /// Reads a table, and returns the tables that it refers to.
    fn read_table(&mut self, start: u32, role: Role) -> Vec<(u32, Role)> {
        let order = self.source.order;
        let file = self.source.block;
        let is_panasonic = role == Role::First && file.get(2) == Some(&b'U');
        let mut table = Table::default();
        let mut found = Vec::new();
        let mut note = None;
        // A separate borrow, so that the rest of `self` can be written to.
        let source = Source { block: file, order };
        source.each_field(start, |tag, field| {
            let number = || field.numbers(order).first().copied();
            let numbers = || field.numbers(order);
            match tag {
                2..=7 if is_panasonic => table.borders[usize::from(tag)] = number(),
                0x100 => table.width = number(),
                0x101 => table.height = number(),
                0x103 => table.compression = number(),
                0x106 => table.colours = number(),
                0x10f => table.make = field.value,
                0x111 | 0x144 => table.starts = numbers(),
                0x117 | 0x145 => table.lengths = numbers(),
                0x201 => table.jpeg_start = number(),
                0x202 => table.jpeg_length = number(),
                0xa002 if role == Role::Exif => table.exif_width = number(),
                0xa003 if role == Role::Exif => table.exif_height = number(),
                0xc612 => table.is_dng = role == Role::First,
                0xc620 => table.crop = <[u32; 2]>::try_from(numbers()).ok(),
                SUBORDINATE if found.len() < MOST_TABLES => {
                    found.extend(numbers().into_iter().map(|start| (start, Role::Other)));
                }
                EXIF if found.len() < MOST_TABLES => found.extend(number().map(|start| (start, Role::Exif))),
                MAKER_NOTE => note = Some(field.value),
                _ => self.jpegs.add_bytes(field.bytes()),
            }
        });
        self.take(&table, role);
        if let Some(note) = note {
            maker_notes::find(&source, note, &mut self.jpegs);
        }
        found
    }

    fn take(&mut self, table: &Table<'a>, role: Role) {
        const RAW_COLOURS: [u32; 2] = [32_803, 34_892];
        // Of Sony, Epson and others, Samsung, Nikon, Panasonic, Kodak and Pentax; TIFF files have none of these.
        const RAW_COMPRESSION: [u32; 9] = [32_767, 32_769, 32_770, 32_772, 34_713, 34_316, 34_892, 65_000, 65_535];
        let file = self.source.block;
        let at = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        if let (Some(start), Some(length)) = (table.jpeg_start, table.jpeg_length) {
            self.jpegs.add(file, at(start), at(length));
        }
        // A picture in one piece. Raw data are recognised later, by their frame header.
        if let (Some(6 | 7 | 99), [start], [length]) = (table.compression, &table.starts[..], &table.lengths[..]) {
            self.jpegs.add(file, at(*start), at(*length));
        }
        if role == Role::First {
            // Text ends with a zero.
            self.make = table.make.split(|byte| *byte == 0).next().unwrap_or_default();
            self.is_dng = table.is_dng;
            self.has_only_jpeg = table.jpeg_start.is_some() && table.starts.is_empty();
        }
        let has_raw_data = table.colours.is_some_and(|colours| RAW_COLOURS.contains(&colours))
            || (!self.make.is_empty() && table.compression.is_some_and(|kind| RAW_COMPRESSION.contains(&kind)));
        let borders = |near: usize, far: usize| table.borders[far]?.checked_sub(table.borders[near]?);
        // Panasonic's borders of the photo within the sensor: top, left, bottom, right.
        let size = table.width.zip(table.height).or_else(|| borders(5, 7).zip(borders(4, 6)));
        let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
        let is_larger = size.map(area) > self.raw_size.map(area);
        if (has_raw_data && !self.has_raw_data) || (is_larger && has_raw_data == self.has_raw_data) {
            self.raw_size = size;
        }
        self.has_raw_data |= has_raw_data;
        if has_raw_data || self.crop.is_none() {
            self.crop = table.crop.map(|[width, height]| (width, height)).or(self.crop);
        }
        self.exif_size = table.exif_width.zip(table.exif_height).or(self.exif_size);
    }
}

/// What a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    First,
    Exif,
    Other,
}

#[derive(Default)]
struct Table<'a> {
    width: Option<u32>,
    height: Option<u32>,
    compression: Option<u32>,
    colours: Option<u32>,
    make: &'a [u8],
    /// Offsets and lengths of strips or tiles.
    starts: Vec<u32>,
    lengths: Vec<u32>,
    jpeg_start: Option<u32>,
    jpeg_length: Option<u32>,
    exif_width: Option<u32>,
    exif_height: Option<u32>,
    crop: Option<[u32; 2]>,
    is_dng: bool,
    /// By Panasonic's field numbers.
    borders: [Option<u32>; 8],
}

/// The same for EXIF data alone, which are in other kinds of files.
pub(super) fn find(block: &[u8]) -> Option<Contents<'_>> {
    Some(Tables::read(block)?.contents())
}
