//! The boxes of a HEIF file (ISO/IEC 23008-12) that give its format and its metadata.

use crate::boxes::{Part, find, parts};
use crate::formats::codec::Blocks;

/// The most items that are looked at. Pictures from phones have about sixty.
const MOST_ITEMS: usize = 4096;

/// The brands of a file: the specifications that it follows.
pub(super) fn brands(bytes: &[u8]) -> Option<&[[u8; 4]]> {
    /// Files have up to ten.
    const MOST: usize = 64;
    let Part { kind, content } = parts(bytes).next()?;
    let brands = content.as_chunks::<4>().0;
    (&kind == b"ftyp" && brands.len() >= 2).then(|| &brands[..brands.len().min(MOST)])
}

/// How the main picture is compressed: the type of its item, or of an item that it is derived from.
pub(super) fn compression(bytes: &[u8]) -> Option<[u8; 4]> {
    let meta = Meta::of(bytes)?;
    let main = meta.primary()?;
    let kind = |id: u32| meta.items().find(|item| item.id == id).map(|item| item.kind);
    match kind(main)? {
        // Grids, overlays and rotated copies.
        [b'g', b'r', b'i', b'd'] | [b'i', b'o', b'v', b'l'] | [b'i', b'd', b'e', b'n'] => {
            // The rest of the file is compressed in the same way.
            let is_picture = |kind: &[u8; 4]| matches!(kind, b"hvc1" | b"av01");
            meta.part_of(main)
                .and_then(kind)
                .filter(is_picture)
                .or_else(|| meta.items().map(|item| item.kind).find(is_picture))
        }
        kind => Some(kind),
    }
}

/// EXIF data and XMP packet.
pub(super) fn blocks(bytes: &[u8]) -> Blocks<'_> {
    let Some(meta) = Meta::of(bytes) else { return Blocks::default() };
    let content = |is_wanted: fn(&Item<'_>) -> bool| {
        let item = meta.items().find(|item| is_wanted(item))?;
        meta.content(bytes, item.id)
    };
    let exif = content(|item| &item.kind == b"Exif").and_then(|content| {
        // How many bytes come before the TIFF header.
        let (skipped, block) = content.split_first_chunk::<4>()?;
        block.get(usize::try_from(u32::from_be_bytes(*skipped)).ok()?..)
    });
    let xmp = content(|item| &item.kind == b"mime" && item.content_type == b"application/rdf+xml");
    Blocks { exif, xmp, ..Blocks::default() }
}

/// Whether parts of the pictures lie beyond the end of the file.
pub(super) fn is_cut(bytes: &[u8]) -> bool {
    let Some(meta) = Meta::of(bytes) else {
        // All files have that box, and most begin with it.
        return true;
    };
    let places = meta.places();
    let is_picture = |id: u32| !meta.items().any(|item| item.id == id && [*b"Exif", *b"mime"].contains(&item.kind));
    let ends_behind = |place: &Place| place.method == 0 && place.end > bytes.len() as u64;
    places.iter().any(|place| ends_behind(place) && is_picture(place.id))
}

/// The box `meta`, which contains the boxes that list items.
struct Meta<'a> {
    content: &'a [u8],
}

struct Item<'a> {
    id: u32,
    kind: [u8; 4],
    /// The content type, for items that hold a file of another format.
    content_type: &'a [u8],
}

/// Where the extents of an item are.
struct Place {
    id: u32,
    /// What the offsets are relative to: 0 for the file, 1 for the box `idat`.
    method: u8,
    pieces: u16,
    /// Where the first extent begins, and its length.
    first: (u64, u64),
    /// Where the last extent ends.
    end: u64,
}

impl<'a> Meta<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        // Version and flags come first.
        find(bytes, b"meta").and_then(|content| content.get(4..)).map(|content| Self { content })
    }

    fn primary(&self) -> Option<u32> {
        let mut reader = Reader(find(self.content, b"pitm")?);
        let version = reader.version()?;
        reader.number(if version == 0 { 2 } else { 4 }).map(|id| id as u32)
    }

    fn items(&self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let list = find(self.content, b"iinf").and_then(|list| {
            let mut reader = Reader(list);
            let version = reader.version()?;
            reader.number(if version == 0 { 2 } else { 4 })?;
            Some(reader.0)
        });
        parts(list.unwrap_or_default()).filter(|part| &part.kind == b"infe").take(MOST_ITEMS).filter_map(|part| {
            let mut reader = Reader(part.content);
            let version = reader.version().filter(|version| *version >= 2)?;
            let id = reader.number(if version == 2 { 2 } else { 4 })? as u32;
            // Protection index.
            reader.number(2)?;
            let (kind, rest) = reader.0.split_first_chunk::<4>()?;
            // Name and content type.
            let mut texts = rest.split(|byte| *byte == 0).skip(1);
            Some(Item { id, kind: *kind, content_type: texts.next().unwrap_or_default() })
        })
    }

    /// The first item that a picture is derived from.
    fn part_of(&self, id: u32) -> Option<u32> {
        let mut reader = Reader(find(self.content, b"iref")?);
        let size = if reader.version()? == 0 { 2 } else { 4 };
        parts(reader.0).filter(|part| &part.kind == b"dimg").find_map(|part| {
            let mut reader = Reader(part.content);
            let from = reader.number(size)? as u32;
            reader.number(2)?;
            let to = reader.number(size)? as u32;
            (from == id).then_some(to)
        })
    }

    fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        if let Some(list) = find(self.content, b"iloc") {
            read_places(list, &mut places);
        }
        places
    }

    /// The bytes of an item, if it has a single extent.
    fn content(&self, file: &'a [u8], id: u32) -> Option<&'a [u8]> {
        let place = self.places().into_iter().find(|place| place.id == id)?;
        let (start, length) = Some(place.first).filter(|_| place.pieces == 1)?;
        let source = match place.method {
            0 => file,
            1 => find(self.content, b"idat")?,
            _ => return None,
        };
        let rest = source.get(usize::try_from(start).ok()?..)?;
        // Length zero means up to the end.
        if length == 0 { Some(rest) } else { rest.get(..usize::try_from(length).ok()?) }
    }
}

/// Reads the box `iloc` as far as it goes.
fn read_places(list: &[u8], places: &mut Vec<Place>) -> Option<()> {
    let mut reader = Reader(list);
    let version = reader.version()?;
    let sizes = reader.number(2)? as u16;
    let nibble = |at: u32| usize::from(sizes >> at & 15);
    let (offset_size, length_size, base_size) = (nibble(12), nibble(8), nibble(4));
    let index_size = if version == 0 { 0 } else { nibble(0) };
    let wide = if version < 2 { 2 } else { 4 };
    let count = reader.number(wide)?;
    for _ in 0..count.min(MOST_ITEMS as u64) {
        let id = reader.number(wide)? as u32;
        let method = if version == 0 { 0 } else { (reader.number(2)? & 15) as u8 };
        // In another file.
        reader.number(2)?;
        let base = reader.number(base_size)?;
        let pieces = reader.number(2)? as u16;
        let mut place = Place { id, method, pieces, first: (base, 0), end: 0 };
        // Without sizes, each item is the whole file.
        let told = if offset_size + length_size == 0 { 0 } else { pieces };
        for piece in 0..told {
            reader.number(index_size)?;
            let (offset, length) = (reader.number(offset_size)?, reader.number(length_size)?);
            let start = base.saturating_add(offset);
            if piece == 0 {
                place.first = (start, length);
            }
            place.end = place.end.max(start.saturating_add(length));
        }
        places.push(place);
    }
    Some(())
}

/// Numbers one after the other.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// Of a box that has one, which flags follow.
    fn version(&mut self) -> Option<u8> {
        Some((self.number(4)? >> 24) as u8)
    }

    /// A number of this many bytes, 0 to 8.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let number = self.0.split_off(..bytes)?;
        Some(number.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
    }

    /// A file with a grid of one tile, and metadata in the file and in the box itself.
    fn file(brand: &[u8; 4], tile: &[u8; 4], exif: &[u8], start: u32) -> Vec<u8> {
        let item = |id: u8, kind: &[u8; 4], rest: &[u8]| {
            boxed(b"infe", &[&[2, 0, 0, 0, 0, id, 0, 0][..], kind, b"\0", rest].concat())
        };
        let items = [
            item(1, b"grid", b""),
            item(2, tile, b""),
            item(3, b"Exif", b""),
            item(4, b"mime", b"application/rdf+xml\0"),
        ];
        let place = |id: u8, method: u8, start: u32, length: u32| {
            [&[0, id, 0, method, 0, 0, 0, 1], &start.to_be_bytes()[..], &length.to_be_bytes()].concat()
        };
        let places = [place(2, 0, start, 4), place(3, 0, start + 4, exif.len() as u32 + 6), place(4, 1, 2, 3)];
        let meta = [
            vec![0; 4],
            boxed(b"pitm", &[0, 0, 0, 0, 0, 1]),
            boxed(b"iinf", &[&[0, 0, 0, 0, 0, 4][..], &items.concat()].concat()),
            boxed(b"iref", &[&[0; 4][..], &boxed(b"dimg", &[0, 1, 0, 1, 0, 2])].concat()),
            boxed(b"iloc", &[&[1, 0, 0, 0, 0x44, 0, 0, 3][..], &places.concat()].concat()),
            boxed(b"idat", b"..xmp.."),
        ];
        let kind = boxed(b"ftyp", &[&brand[..], &[0; 4], b"mif1"].concat());
        [kind, boxed(b"meta", &meta.concat()), boxed(b"mdat", &[b"tile\0\0\0\x02..", exif].concat())].concat()
    }

    fn whole(brand: &[u8; 4], tile: &[u8; 4]) -> Vec<u8> {
        with_exif(brand, tile, b"exif")
    }

    fn with_exif(brand: &[u8; 4], tile: &[u8; 4], exif: &[u8]) -> Vec<u8> {
        let start = file(brand, tile, exif, 0).len() - exif.len() - 10;
        file(brand, tile, exif, start as u32)
    }

    #[test]
    fn the_main_picture_decides_and_not_the_brand() {
        use crate::Format;
        for (brand, tile, expected) in [
            (b"mif1", b"av01", Format::Avif),
            (b"mif1", b"hvc1", Format::Heif),
            (b"heic", b"av01", Format::Avif),
            (b"avif", b"hvc1", Format::Heif),
            (b"avif", b"jpeg", Format::Avif),
        ] {
            assert_eq!(super::super::format(&whole(brand, tile)), Some(expected), "{}", brand.escape_ascii());
        }
        assert_eq!(super::super::format(b"\0\0\0\x14ftypavif\0\0\0\0mif1"), Some(Format::Avif));
        assert_eq!(super::super::format(b"\0\0\0\x14ftypmif1\0\0\0\0avif"), Some(Format::Avif));
        assert_eq!(super::super::format(b"\0\0\0\x14ftypmp42\0\0\0\0isom"), None);
        assert_eq!(super::super::format(b"\0\0\0\x14ftyp"), None);
    }

    #[test]
    fn metadata_in_the_file_and_in_the_box() {
        let bytes = whole(b"heic", b"hvc1");
        let blocks = blocks(&bytes);
        assert_eq!(blocks.exif, Some(b"exif".as_slice()));
        assert_eq!(blocks.xmp, Some(b"xmp".as_slice()));
        assert!(!is_cut(&bytes));
    }

    #[test]
    fn live_photos_are_known_by_their_maker_notes() {
        use crate::exif_data::apple_notes::{CONTENT_ID, note};
        let note = note(None, Some(CONTENT_ID));
        // A main table that points to the EXIF table behind it, which has the note.
        let length = (note.len() as u32).to_be_bytes();
        let exif = [
            b"MM\0\x2a\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0".as_slice(),
            b"\0\x01\x92\x7c\0\x07",
            &length,
            b"\0\0\0\x2c\0\0\0\0",
            &note,
        ]
        .concat();
        let bytes = with_exif(b"heic", b"hvc1", &exif);
        let found = crate::exif_data::read(blocks(&bytes).exif.unwrap());
        assert_eq!(found.related.live_photo.as_deref(), Some(CONTENT_ID));
    }

    #[test]
    fn what_pictures_lack_at_the_end() {
        let bytes = whole(b"heic", b"hvc1");
        let length = bytes.len();
        // Metadata may be missing.
        assert!(!is_cut(&bytes[..length - 10]) && super::blocks(&bytes[..length - 1]).exif.is_none());
        assert!(is_cut(&bytes[..length - 11]));
        assert!(is_cut(&bytes[..30]));
    }

    #[test]
    fn lists_that_go_on_for_ever() {
        let mut list = vec![2, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        list.resize(100_000, 0xff);
        let mut places = Vec::new();
        read_places(&list, &mut places);
        assert!(places.len() <= MOST_ITEMS);
    }
}
