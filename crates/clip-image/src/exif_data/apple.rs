//! The identifiers in the maker notes of Apple's cameras.
//!
//! A note is a table of fields in big-endian order after a header; offsets count from the note's beginning. The numbers of the
//! fields are those that ExifTool lists.

use super::tables::{Field, Order, Source};
use crate::related::{Related, identifier};

const NAME: &[u8] = b"Apple iOS\0";
/// After the name, a version of two bytes and `MM`.
const TABLE: u32 = 14;

/// Shared by the shots of a burst.
const BURST: u16 = 0x0b;
/// Shared by the picture and the video of a Live Photo.
const CONTENT: u16 = 0x11;

/// What a maker note says; nothing unless it is one of Apple's.
pub(crate) fn read(note: &[u8]) -> Related {
    let mut related = Related::default();
    if note.starts_with(NAME) {
        let order = note.get(12..).and_then(Order::by_name).unwrap_or(Order::Big);
        Source { block: note, order }.each_field(TABLE, |tag, field| match tag {
            BURST => related.burst = text(field).or(related.burst.take()),
            CONTENT => related.live_photo = text(field).or(related.live_photo.take()),
            _ => {}
        });
    }
    related
}

fn text(field: Field<'_>) -> Option<String> {
    const ASCII: u16 = 2;
    /// Many fields may point to the same large value.
    const LONGEST: usize = 256;
    // A short value is followed by what fills its place up.
    let length = (field.count as usize).min(field.value.len()).min(LONGEST);
    (field.kind == ASCII).then(|| identifier(&String::from_utf8_lossy(&field.value[..length]))).flatten()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const BURST_ID: &str = "5E9B3F2C-6C39-4A0C-9D2B-0E8C1C0B7B11";
    pub(crate) const CONTENT_ID: &str = "FB1E7BDB-9A9A-4C7E-8C23-1F3B3A4E5D6F";

    /// A note as an iPhone writes it: fields of other kinds, and the identifiers.
    pub(crate) fn note(burst: Option<&str>, content: Option<&str>) -> Vec<u8> {
        let mut entries: Vec<(u16, u16, u32, Vec<u8>)> = vec![
            (0x01, 9, 1, 14_u32.to_be_bytes().to_vec()),
            // A property list of 104 bytes: the time since the phone was started.
            (0x03, 7, 104, [b"bplist00".as_slice(), &[0x5a; 96]].concat()),
            (0x04, 9, 1, 1_u32.to_be_bytes().to_vec()),
        ];
        let text = |tag, id: &str| (tag, 2, id.len() as u32 + 1, [id.as_bytes(), b"\0"].concat());
        entries.extend(burst.map(|id| text(0x0b, id)));
        entries.extend(content.map(|id| text(0x11, id)));
        entries.push((0x14, 9, 1, 10_u32.to_be_bytes().to_vec()));
        let mut note = [NAME, b"\0\x01MM", &(entries.len() as u16).to_be_bytes()].concat();
        let mut values = Vec::new();
        let first_value = note.len() + 12 * entries.len() + 4;
        for (tag, kind, count, value) in entries {
            note.extend(tag.to_be_bytes());
            note.extend(kind.to_be_bytes());
            note.extend(count.to_be_bytes());
            if value.len() <= 4 {
                note.extend(value);
            } else {
                note.extend(((first_value + values.len()) as u32).to_be_bytes());
                values.extend(value);
            }
        }
        [note, vec![0; 4], values].concat()
    }

    #[test]
    fn bursts_and_live_photos() {
        let both = read(&note(Some(BURST_ID), Some(CONTENT_ID)));
        assert_eq!((both.burst.as_deref(), both.live_photo.as_deref()), (Some(BURST_ID), Some(CONTENT_ID)));
        let live = read(&note(None, Some(CONTENT_ID)));
        assert_eq!((live.burst, live.live_photo.as_deref()), (None, Some(CONTENT_ID)));
        assert_eq!(read(&note(None, None)), Related::default());
        assert_eq!(read(&note(Some("abc"), None)).burst.as_deref(), Some("ABC"), "a value in its entry");
    }

    #[test]
    fn notes_of_others_say_nothing() {
        let whole = note(Some(BURST_ID), Some(CONTENT_ID));
        let other = [b"Nikon\0\x02\x10\0\0", &whole[10..]].concat();
        assert_eq!(read(&other), Related::default());
        for bytes in [&b""[..], b"Apple", b"Apple iOS\0", b"Apple iOS\0\0\x01MM", b"Apple iOS\0\0\x01MM\xff\xff"] {
            assert_eq!(read(bytes), Related::default());
        }
    }

    #[test]
    fn of_a_note_that_is_cut_off_the_rest_is_read() {
        let whole = note(Some(BURST_ID), Some(CONTENT_ID));
        let found: Vec<Related> = (0..whole.len()).map(|end| read(&whole[..end])).collect();
        assert_eq!(found[0], Related::default());
        let last = found.last().unwrap();
        assert_eq!((last.burst.as_deref(), &last.live_photo), (Some(BURST_ID), &None), "the last value lost a byte");
    }

    /// All fields point to the same large value, and there are as many as a table can have.
    #[test]
    fn many_large_values_cost_no_more_than_they_have_characters() {
        let mut note = [NAME, b"\0\x01MM\xff\xff"].concat();
        for _ in 0..65_535 {
            note.extend([0, 0x0b, 0, 2]);
            note.extend(1_000_000_u32.to_be_bytes());
            note.extend((16 + 12 * 65_535_u32).to_be_bytes());
        }
        note.extend(std::iter::repeat_n(b'x', 1_000_000));
        assert_eq!(read(&note).burst.map(|id| id.len()), Some(crate::text::LONGEST_NAME));
    }
}
