//! The boxes around a codestream (ISO/IEC 15444-1, annex I, and 15444-2, annex M): what its components mean, and metadata.

use super::{CODESTREAM, SIGNATURE};
use crate::boxes::{self, find, parts};
use crate::exif_data;
use crate::formats::codec::Blocks;
use crate::formats::library::Fault;

/// Types of UUID boxes.
const EXIF: &[u8; 16] = b"JpgTiffExif->JP2";
const XMP: &[u8; 16] = b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";
/// IPTC data.
const IPTC: &[u8; 16] = b"\x33\xc7\xa4\xd2\xb8\x1d\x47\x23\xa0\xba\xf1\xa3\xe0\x97\xad\x38";
/// Photoshop's resources.
const RESOURCES: &[u8; 16] = b"\x2c\x4c\x01\x00\x85\x04\x40\xb9\xa0\x3e\x56\x21\x48\xd6\xdf\xeb";

/// A codestream, and what the boxes beside it say of its components.
#[derive(Default)]
pub(super) struct Container<'a> {
    pub(super) codestream: &'a [u8],
    pub(super) colours: Option<Colours<'a>>,
    pub(super) palette: Option<Palette>,
    /// Of each channel that is made with the palette, the component, and the column of the palette if it is not the component
    /// itself.
    pub(super) mapping: Vec<(u16, Option<u8>)>,
    /// What channels mean: the number of the channel, its type and its association.
    pub(super) definitions: Vec<[u16; 3]>,
}

/// A colour space as a file gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Colours<'a> {
    /// By its number in table M.25, with the parameters that follow.
    Enumerated(u32, &'a [u8]),
    /// By an ICC profile.
    Profile(&'a [u8]),
}

/// Colours by their numbers: the samples of each column, 0 to 255.
pub(super) struct Palette {
    pub(super) columns: Vec<Vec<f32>>,
}

impl<'a> Container<'a> {
    /// Finds the codestream in a file, which may be one itself.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        if bytes.starts_with(CODESTREAM) {
            return Ok(Self { codestream: bytes, ..Self::default() });
        }
        let unsupported = |what: &str| Fault::Unsupported(what.into());
        match find(bytes, b"ftyp").and_then(<[u8]>::first_chunk) {
            Some(b"mjp2" | b"mj2s") => return Err(unsupported("Motion JPEG 2000")),
            Some(b"jpm ") => return Err(unsupported("JPEG 2000 as a compound document (JPM)")),
            _ => (),
        }
        let Some(codestream) = find(bytes, b"jp2c") else {
            let is_elsewhere = find(bytes, b"ftbl").is_some();
            return Err(if is_elsewhere {
                unsupported("JPEG 2000 whose codestream is in fragments")
            } else {
                Fault::Truncated
            });
        };
        let mut container = Self { codestream, ..Self::default() };
        // In JPX files, what several codestreams have in common may be alone in the header, and the rest beside it.
        for header in [find(bytes, b"jp2h"), find(bytes, b"jpch"), find(bytes, b"jplh")].into_iter().flatten() {
            container.add(header);
            find(header, b"cgrp").into_iter().for_each(|group| container.add_colours(group));
        }
        Ok(container)
    }

    /// Adds what a header says that is not known yet.
    fn add(&mut self, header: &'a [u8]) {
        self.add_colours(header);
        if self.palette.is_none() {
            self.palette = find(header, b"pclr").and_then(Palette::read);
        }
        if self.mapping.is_empty() {
            self.mapping = find(header, b"cmap").map(mapping).unwrap_or_default();
        }
        if self.definitions.is_empty() {
            self.definitions = find(header, b"cdef").map(definitions).unwrap_or_default();
        }
    }

    /// The first colour space that is given in a known way.
    fn add_colours(&mut self, boxes: &'a [u8]) {
        let given = parts(boxes).filter(|part| &part.kind == b"colr").find_map(|part| match part.content {
            [1, _, _, rest @ ..] => {
                let (number, parameters) = rest.split_first_chunk()?;
                Some(Colours::Enumerated(u32::from_be_bytes(*number), parameters))
            }
            [2 | 3, _, _, profile @ ..] => Some(Colours::Profile(profile)),
            _ => None,
        });
        self.colours = self.colours.or(given);
    }
}

impl Palette {
    /// The most entries and columns (I.5.3.4).
    const MOST_ENTRIES: u16 = 1024;

    fn read(content: &[u8]) -> Option<Self> {
        let (head, rest) = content.split_first_chunk::<3>()?;
        let (entries, columns) = (u16::from_be_bytes([head[0], head[1]]), usize::from(head[2]));
        let (depths, mut rest) = rest.split_at_checked(columns)?;
        if !(1..=Self::MOST_ENTRIES).contains(&entries) || columns == 0 {
            return None;
        }
        let mut all = vec![Vec::with_capacity(entries.into()); columns];
        for _ in 0..entries {
            for (column, depth) in all.iter_mut().zip(depths) {
                let bits = u32::from(depth & 0x7f) + 1;
                let (value, after) = rest.split_at_checked(bits.div_ceil(8) as usize)?;
                rest = after;
                let value = value.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
                let most = (1_u64.checked_shl(bits)? - 1) as f32;
                column.push((value as f32 * 255.0 / most).min(255.0));
            }
        }
        Some(Self { columns: all })
    }
}

fn mapping(content: &[u8]) -> Vec<(u16, Option<u8>)> {
    let (entries, _) = content.as_chunks::<4>();
    entries
        .iter()
        .map(|[high, low, kind, column]| (u16::from_be_bytes([*high, *low]), (*kind == 1).then_some(*column)))
        .collect()
}

fn definitions(content: &[u8]) -> Vec<[u16; 3]> {
    let (entries, _) = content.get(2..).unwrap_or_default().as_chunks::<6>();
    entries.iter().map(|entry| [0, 2, 4].map(|at| u16::from_be_bytes([entry[at], entry[at + 1]]))).collect()
}

/// The metadata of a file. A codestream alone has none.
pub(super) fn metadata(bytes: &[u8]) -> Blocks<'_> {
    if !bytes.starts_with(SIGNATURE) {
        return Blocks::default();
    }
    let of_uuid = |uuid| boxes::parts(bytes).find_map(|part| part.of_uuid(uuid));
    Blocks {
        exif: of_uuid(EXIF).map(exif_data::without_name),
        xmp: of_uuid(XMP).or_else(|| find(bytes, b"xml ")),
        resources: of_uuid(RESOURCES).or_else(|| of_uuid(IPTC)),
        ..Blocks::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    }

    fn file(brand: &[u8; 4], rest: &[u8]) -> Vec<u8> {
        [SIGNATURE, &part(b"ftyp", &[&brand[..], &[0; 4], brand].concat()), rest].concat()
    }

    #[test]
    fn palettes_of_any_depth() {
        // Two entries of 8, 1 and 16 bits.
        let content = [0, 2, 3, 7, 0, 15, 255, 1, 0x80, 0x80, 51, 0, 0xff, 0xff];
        let palette = Palette::read(&content).unwrap();
        assert_eq!(palette.columns, [vec![255.0, 51.0], vec![255.0, 0.0], vec![128.0, 255.0]]);
        for length in 0..content.len() {
            assert!(Palette::read(&content[..length]).is_none(), "{length}");
        }
        assert!(Palette::read(&[0, 0, 3, 7, 7, 7]).is_none(), "no entries");
        assert!(Palette::read(&[4, 1, 1, 7]).is_none(), "more than the standard allows");
    }

    #[test]
    fn the_first_colour_space_that_is_understood() {
        let vendors = part(b"colr", &[4, 0, 0, 1, 2, 3]);
        let enumerated = part(b"colr", &[1, 0, 0, 0, 0, 0, 18]);
        let profile = part(b"colr", &[2, 0, 0, 7]);
        let header = part(b"jp2h", &[vendors, enumerated, profile].concat());
        let bytes = file(b"jp2 ", &[header, part(b"jp2c", CODESTREAM)].concat());
        let found = Container::read(&bytes).ok().unwrap();
        assert_eq!(found.colours, Some(Colours::Enumerated(18, &[])));
        assert_eq!(found.codestream, CODESTREAM);
    }

    #[test]
    fn others_of_the_family_are_named() {
        let reason = |bytes: &[u8]| match Container::read(bytes) {
            Err(Fault::Unsupported(what)) => what,
            Err(Fault::Truncated) => "truncated".into(),
            _ => "read".into(),
        };
        assert_eq!(reason(&file(b"mjp2", b"")), "Motion JPEG 2000");
        assert_eq!(reason(&file(b"jpm ", b"")), "JPEG 2000 as a compound document (JPM)");
        assert_eq!(reason(&file(b"jpx ", &part(b"ftbl", b""))), "JPEG 2000 whose codestream is in fragments");
        assert_eq!(reason(&file(b"jp2 ", b"")), "truncated");
    }
}
