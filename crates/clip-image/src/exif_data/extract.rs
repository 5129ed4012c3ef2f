//! A small block of EXIF data with the fields of use of a large one.
//!
//! The parser takes the whole block into memory and then every value of it, strings cut into lines: of a text of 200 MB
//! it makes gigabytes. Fields of any length and tables of any number of fields can be written into a file of moderate
//! size. So only what is going to be read is given to it, and of long values only the beginning.

use std::collections::BTreeMap;

use super::tables::{Field, Order, Source, unit};
use crate::boxes;

/// The most bytes of a value that are taken over. No field of use has a tenth of it.
const LONGEST: usize = 4096;

/// The most tables of one kind that are looked at. There should be one, and tables may overlap.
const MOST_TABLES: usize = 8;

/// What the fields of a table are about. Numbers of fields mean something else in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Table {
    Main,
    Exif,
    Gps,
}

impl Table {
    /// Description, maker, model, orientation, rating, title, comment, keywords; exposure, sensitivities, times and their
    /// offsets, flash, focal length, lens; position.
    const fn fields_of_use(self) -> &'static [u16] {
        match self {
            Self::Main => &[0x10e, 0x10f, 0x110, 0x112, 0x4746, 0x9c9b, 0x9c9c, 0x9c9e],
            Self::Exif => &[
                0x829a, 0x829d, 0x8827, 0x8831, 0x8832, 0x8833, 0x9003, 0x9004, 0x9011, 0x9012, 0x9201, 0x9202, 0x9204,
                0x9209, 0x920a, 0xa434,
            ],
            Self::Gps => &[1, 2, 3, 4],
        }
    }

    /// The field of the main table that says where this one is.
    const fn pointer(self) -> u16 {
        match self {
            Self::Main => 0,
            Self::Exif => 0x8769,
            Self::Gps => 0x8825,
        }
    }
}

/// The XMP packet of a TIFF file.
pub(super) fn xmp_of_tiff(block: &[u8]) -> Option<&[u8]> {
    const XMP: u16 = 0x2bc;
    value_of_tiff(block, XMP)
}

/// Photoshop's resources in a TIFF file, or else its IPTC data alone.
pub(super) fn resources_of_tiff(block: &[u8]) -> Option<&[u8]> {
    const RESOURCES: u16 = 0x8649;
    const IPTC: u16 = 0x83bb;
    value_of_tiff(block, RESOURCES).or_else(|| value_of_tiff(block, IPTC))
}

/// The last value of a field in the first table of a TIFF file.
fn value_of_tiff(block: &[u8], field: u16) -> Option<&[u8]> {
    let source = Source::new(block)?;
    let mut value = None;
    source.each_field(source.first_table()?, |tag, found| {
        if tag == field {
            value = Some(found.value);
        }
    });
    value
}

/// Whether a camera says that the colours are those of Adobe RGB: by the index of the rules for its files (DCF 2.0: "R03"),
/// or by a number of the colour space that is in no standard.
pub(super) fn is_adobe_rgb(block: &[u8]) -> bool {
    const COLOUR_SPACE: u16 = 0xa001;
    const INTEROPERABILITY: u16 = 0xa005;
    const INDEX: u16 = 1;

    let Some(source) = Source::new(block) else { return false };
    let order = source.order;
    let Some(exif) = exif_table(&source) else { return false };
    let mut is_adobe_rgb = false;
    source.each_field(exif, |tag, field| {
        is_adobe_rgb |= tag == COLOUR_SPACE && field.kind == 3 && order.u16(field.value) == Some(2);
    });
    if let Some(rules) = pointer_in(&source, exif, INTEROPERABILITY) {
        source.each_field(rules, |tag, field| is_adobe_rgb |= tag == INDEX && field.value.starts_with(b"R03"));
    }
    is_adobe_rgb
}

/// What the camera's maker put into the EXIF data in a format of its own.
pub(super) fn maker_note(block: &[u8]) -> Option<&[u8]> {
    const MAKER_NOTE: u16 = 0x927c;
    let source = Source::new(block)?;
    let mut note = None;
    source.each_field(exif_table(&source)?, |tag, field| {
        if tag == MAKER_NOTE {
            note = Some(field.value);
        }
    });
    note
}

fn exif_table(source: &Source<'_>) -> Option<u32> {
    pointer_in(source, source.first_table()?, Table::Exif.pointer())
}

fn pointer_in(source: &Source<'_>, table: u32, pointer: u16) -> Option<u32> {
    let mut found = None;
    source.each_field(table, |tag, field| {
        if tag == pointer && field.kind == 4 {
            found = source.order.u32(field.value);
        }
    });
    found
}

/// Whether the block has any field.
pub(super) fn has_fields(block: &[u8]) -> bool {
    let mut has_fields = false;
    if let Some(source) = Source::new(block)
        && let Some(start) = source.first_table()
    {
        source.each_field(start, |_, _| has_fields = true);
    }
    has_fields
}

/// A block with the fields of use. `None` if the block has no header.
pub(super) fn fields_of_use(block: &[u8]) -> Option<Vec<u8>> {
    let mut fields = BTreeMap::new();
    if let Some(parts) = canon_parts(block) {
        let order = parts.first()?.1.order;
        // Each has a header of its own; the values of one order only can stand in one block.
        for (table, part) in parts.iter().filter(|(_, part)| part.order == order) {
            part.first_table().into_iter().for_each(|start| collect(part, *table, start, &mut fields));
        }
        return Some(write(order, &fields));
    }
    let source = Source::new(block)?;
    let (order, start) = (source.order, source.first_table()?);
    collect(&source, Table::Main, start, &mut fields);
    let mut children = Vec::new();
    source.each_field(start, |tag, field| {
        for table in [Table::Exif, Table::Gps] {
            let is_pointer = tag == table.pointer() && matches!((field.kind, field.count), (3 | 4, 1..));
            let known = children.iter().filter(|(of, _)| *of == table).count();
            if is_pointer && known < MOST_TABLES {
                let at = if field.kind == 3 { order.u16(field.value).map(u32::from) } else { order.u32(field.value) };
                children.extend(at.map(|at| (table, at)));
            }
        }
    });
    for (table, start) in children {
        collect(&source, table, start, &mut fields);
    }
    Some(write(order, &fields))
}

/// Takes over the fields of use of the table that begins at `start`; of long values, only the beginning.
fn collect<'a>(source: &Source<'a>, table: Table, start: u32, fields: &mut BTreeMap<(Table, u16), Field<'a>>) {
    source.each_field(start, |tag, Field { kind, count, value }| {
        // The last of several counts, as for the parser.
        if table.fields_of_use().contains(&tag) {
            let unit = unit(kind).max(1);
            let value = &value[..value.len().min(LONGEST / unit * unit)];
            let count = if value.len() <= 4 { count } else { (value.len() / unit) as u32 };
            fields.insert((table, tag), Field { kind, count, value });
        }
    });
}

/// Canon's CR3 has each table in a box of its own, in a box that begins with its version.
fn canon_parts(block: &[u8]) -> Option<Vec<(Table, Source<'_>)>> {
    let tables = [(Table::Main, b"CMT1"), (Table::Exif, b"CMT2"), (Table::Gps, b"CMT4")];
    let is_canon = block.get(4..8) == Some(b"CNCV");
    let find = |(table, kind)| Some((table, Source::new(boxes::find(block, kind)?)?));
    is_canon.then(|| tables.into_iter().filter_map(find).collect())
}

/// The tables with their fields, one after the other, and then the values that are longer than four bytes.
fn write(order: Order, fields: &BTreeMap<(Table, u16), Field<'_>>) -> Vec<u8> {
    let of = |table: Table| fields.range((table, 0)..=(table, u16::MAX)).map(|((_, tag), field)| (*tag, *field));
    let length = |fields: usize| (2 + 12 * fields + 4) as u32;
    let children = [Table::Exif, Table::Gps].map(|table| (table, of(table).count()));

    let mut next = 8 + length(of(Table::Main).count() + children.iter().filter(|(_, count)| *count > 0).count());
    let mut pointers = Vec::new();
    for (table, count) in children.into_iter().filter(|(_, count)| *count > 0) {
        let mut at = Vec::new();
        order.push_u32(&mut at, next);
        pointers.push((table, at));
        next += length(count);
    }
    let pointers_as_fields =
        pointers.iter().map(|(table, at)| (table.pointer(), Field { kind: 4, count: 1, value: &at[..] }));
    let mut main: Vec<_> = of(Table::Main).collect();
    main.extend(pointers_as_fields);
    let mut tables: Vec<Vec<(u16, Field<'_>)>> = vec![main];
    tables.extend(pointers.iter().map(|(table, _)| of(*table).collect()));

    let mut block = match order {
        Order::Little => b"II\x2a\0".to_vec(),
        Order::Big => b"MM\0\x2a".to_vec(),
    };
    order.push_u32(&mut block, 8);
    let mut values = Vec::new();
    for table in tables {
        order.push_u16(&mut block, table.len() as u16);
        for (tag, Field { kind, count, value }) in table {
            order.push_u16(&mut block, tag);
            order.push_u16(&mut block, kind);
            order.push_u32(&mut block, count);
            if value.len() <= 4 {
                block.extend(value.iter().copied().chain([0; 4]).take(4));
            } else {
                order.push_u32(&mut block, next + values.len() as u32);
                values.extend_from_slice(value);
            }
        }
        order.push_u32(&mut block, 0);
    }
    block.extend(values);
    block
}

#[cfg(test)]
mod tests {
    use exif::experimental::Writer;
    use exif::{Exif, In, Rational, Reader, Tag, Value};

    use super::*;

    fn parse(block: Vec<u8>) -> Exif {
        let mut reader = Reader::new();
        reader.continue_on_error(true);
        reader.read_raw(block).or_else(|error| error.distill_partial_result(|_| ())).unwrap()
    }

    fn block(fields: &[(Tag, Value)], is_little: bool) -> Vec<u8> {
        let fields: Vec<_> = fields
            .iter()
            .map(|(tag, value)| exif::Field { tag: *tag, ifd_num: In::PRIMARY, value: value.clone() })
            .collect();
        let mut writer = Writer::new();
        fields.iter().for_each(|field| writer.push_field(field));
        let mut block = std::io::Cursor::new(Vec::new());
        writer.write(&mut block, is_little).unwrap();
        block.into_inner()
    }

    fn text(text: &[u8]) -> Value {
        Value::Ascii(vec![text.to_vec()])
    }

    fn degrees(parts: [u32; 3]) -> Value {
        Value::Rational(parts.map(|num| Rational { num, denom: 1 }).to_vec())
    }

    #[test]
    fn the_fields_of_use_are_the_same_afterwards() {
        let fields = [
            (Tag::Make, text(b"NIKON")),
            (Tag::Model, text(b"D70")),
            (Tag::Orientation, Value::Short(vec![6])),
            (Tag::Software, text(b"of no use")),
            (Tag::DateTimeOriginal, text(b"2004:08:11 16:45:32")),
            (Tag::OffsetTimeOriginal, text(b"+02:00")),
            (Tag::MakerNote, Value::Undefined(vec![7; 100_000], 0)),
            (Tag::LensModel, text(b"18-70 mm")),
            (Tag::GPSLatitudeRef, text(b"N")),
            (Tag::GPSLatitude, degrees([48, 8, 14])),
            (Tag::GPSLongitudeRef, text(b"W")),
            (Tag::GPSLongitude, degrees([11, 34, 31])),
        ];
        for is_little in [false, true] {
            let whole = block(&fields, is_little);
            let extract = fields_of_use(&whole).unwrap();
            assert!(extract.len() < 500, "{} bytes", extract.len());
            let (whole, extract) = (parse(whole), parse(extract));
            for (tag, _) in &fields {
                let value = |exif: &Exif| exif.get_field(*tag, In::PRIMARY).map(|field| format!("{:?}", field.value));
                if [Tag::Software, Tag::MakerNote].contains(tag) {
                    assert_eq!(value(&extract), None);
                } else {
                    assert!(value(&extract).is_some() && value(&extract) == value(&whole), "{tag}");
                }
            }
        }
    }

    #[test]
    fn cameras_tell_of_adobe_rgb() {
        let number = |tag, value| (tag, Value::Short(vec![value]));
        let index = |index: &[u8]| (Tag::InteroperabilityIndex, text(index));
        for is_little in [true, false] {
            let is = |fields: &[(Tag, Value)]| is_adobe_rgb(&block(fields, is_little));
            assert!(is(&[number(Tag::ColorSpace, 65535), index(b"R03")]));
            assert!(is(&[number(Tag::ColorSpace, 2)]));
            assert!(!is(&[number(Tag::ColorSpace, 1), index(b"R98")]));
            assert!(!is(&[number(Tag::ColorSpace, 65535)]), "it may be any other");
            assert!(!is(&[(Tag::Make, text(b"R03"))]));
        }
    }

    #[test]
    fn of_long_values_the_beginning_is_kept() {
        let long = [b"A lens with a name".as_slice(), &[0; 3_000_000]].concat();
        let extract = fields_of_use(&block(&[(Tag::LensModel, text(&long))], true)).unwrap();
        assert!(extract.len() < 5000);
        let exif = parse(extract);
        let Value::Ascii(lines) = &exif.get_field(Tag::LensModel, In::PRIMARY).unwrap().value else { panic!() };
        assert_eq!(lines[0], b"A lens with a name");
    }

    #[test]
    fn values_that_lie_outside_cost_their_field_only() {
        let fields = [(Tag::Make, text(b"a maker's name")), (Tag::Orientation, Value::Short(vec![3]))];
        let mut whole = block(&fields, false);
        // The value stands at the end.
        whole.truncate(whole.len() - 3);
        let exif = parse(fields_of_use(&whole).unwrap());
        assert!(exif.get_field(Tag::Make, In::PRIMARY).is_none());
        assert_eq!(exif.get_field(Tag::Orientation, In::PRIMARY).unwrap().value.get_uint(0), Some(3));
    }

    /// Tables that overlap, each entry of the main one pointing at another.
    #[test]
    fn many_tables_make_no_large_block() {
        let mut whole = b"II\x2a\0\x08\0\0\0\xff\xff".to_vec();
        for entry in 0..65_535_u32 {
            whole.extend([0x69, 0x87, 4, 0, 1, 0, 0, 0]);
            whole.extend((10 + entry).to_le_bytes());
        }
        assert!(fields_of_use(&whole).unwrap().len() < 10_000);
    }

    #[test]
    fn no_header_no_block() {
        for bytes in [b"".as_slice(), b"II*", b"II\x2b\0\x08\0\0\0", b"Exif\0\0II"] {
            assert_eq!(fields_of_use(bytes), None);
        }
    }
}
