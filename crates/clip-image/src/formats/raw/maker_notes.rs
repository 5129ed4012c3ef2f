//! Previews in maker notes.

use super::contents::{Jpegs, is_jpeg};
use crate::exif_data::tables::{Order, Source};

/// Pairs of fields for the offset and length of a preview: of Minolta, early Olympus, Pentax, Olympus (in a sub-table), and
/// of Nikon and Samsung (in a sub-table, as in TIFF). With another meaning, they do not point to a JPEG.
const PAIRS: [(u16, u16); 5] = [(0x88, 0x89), (0x1036, 0x1037), (4, 3), (0x101, 0x102), (0x201, 0x202)];

/// Fields that point to sub-tables with previews: of Nikon, Samsung and Olympus.
const TABLES: [u16; 3] = [0x11, 0x35, 0x2020];

/// Adds the previews of a maker note.
pub(super) fn find<'a>(file: &Source<'a>, note: &'a [u8], jpegs: &mut Jpegs<'a>) {
    let Some(layout) = NoteLayout::of(file, note) else { return };
    let NoteLayout { base, start, order } = layout;
    let Some(block) = file.block.get(base..) else { return };
    let source = Source { block, order };
    let mut tables = vec![start];
    source.each_field(start, |tag, field| {
        if TABLES.contains(&tag) && tables.len() <= TABLES.len() {
            // With type 7, the field contains the table itself.
            let in_place = || u32::try_from(place(block, field.value)?).ok();
            let number = || field.numbers(order).first().copied();
            tables.extend(if field.kind == 7 && field.count > 4 { in_place() } else { number() });
        } else {
            jpegs.add_bytes(field.bytes());
        }
    });
    for table in tables {
        let mut pairs = [(None, None); PAIRS.len()];
        source.each_field(table, |tag, field| {
            let number = field.numbers(order).first().copied();
            for (pair, found) in PAIRS.iter().zip(&mut pairs) {
                if tag == pair.0 {
                    found.0 = number;
                } else if tag == pair.1 {
                    found.1 = number;
                }
            }
        });
        for (start, length) in pairs.into_iter().filter_map(|(start, length)| start.zip(length)) {
            let [start, length] = [start, length].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
            // In other makers' notes these fields may hold any value, which says nothing about the file's length.
            if block.get(start..).is_some_and(is_jpeg) {
                jpegs.add(block, start, length);
            }
        }
    }
}

/// How a note is laid out.
struct NoteLayout {
    /// Where in the file its offsets count from.
    base: usize,
    /// Where its table begins, relative to that.
    start: u32,
    order: Order,
}

impl NoteLayout {
    fn of(file: &Source<'_>, note: &[u8]) -> Option<Self> {
        let at = place(file.block, note)?;
        let own = |header: usize, order: Option<Order>| (at, header, order);
        let shared = |header: usize, order: Option<Order>| (0, at + header, order);
        let order_at = |place: usize| note.get(place..).and_then(Order::by_name);
        let (base, start, order) = if note.starts_with(b"Nikon\0\x02") {
            let header = Source::new(note.get(10..)?)?;
            return Some(Self { base: at + 10, start: header.first_table()?, order: header.order });
        } else if note.starts_with(b"OLYMPUS\0") {
            own(12, order_at(8))
        } else if note.starts_with(b"OM SYSTEM\0") {
            own(16, order_at(12))
        } else if note.starts_with(b"PENTAX \0") {
            own(10, order_at(8))
        } else if note.starts_with(b"AOC\0") {
            shared(6, order_at(4))
        } else if note.starts_with(b"SONY") || note.starts_with(b"Panasonic\0") {
            shared(12, None)
        } else if [&b"OLYMP\0"[..], b"EPSON\0", b"MINOL\0", b"CAMER\0"].iter().any(|name| note.starts_with(name)) {
            shared(8, None)
        } else {
            shared(0, None)
        };
        Some(Self { base, start: u32::try_from(start).ok()?, order: order.unwrap_or(file.order) })
    }
}

/// The offset of a slice in a block.
fn place(block: &[u8], part: &[u8]) -> Option<usize> {
    (part.as_ptr() as usize).checked_sub(block.as_ptr() as usize).filter(|place| *place <= block.len())
}
