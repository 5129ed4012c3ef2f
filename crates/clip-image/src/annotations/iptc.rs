//! The few fields of use of IPTC-IIM data, which older programs write, and newer ones beside XMP.

use super::{Annotations, text};
use crate::calendar::{self, Instant};

/// What the data say.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Iptc {
    pub(crate) annotations: Annotations,
    pub(crate) taken_at: Option<Instant>,
}

/// Reads the fields of use from a block of Photoshop's resources, as JPEG files have it. Never fails: what cannot be read is
/// absent. The data may also stand alone.
pub(crate) fn read(resources: &[u8]) -> Iptc {
    const IPTC: u16 = 0x0404;
    if resources.starts_with(&[0x1c]) {
        return read_records(resources);
    }
    find(resources, IPTC).map(read_records).unwrap_or_default()
}

/// The first of Photoshop's resources of a kind.
pub(crate) fn find(resources: &[u8], kind: u16) -> Option<&[u8]> {
    let mut rest = resources;
    while let Some((found, payload, after)) = resource(rest) {
        if found == kind {
            return Some(payload);
        }
        rest = after;
    }
    None
}

/// The first resource: its kind, its payload and what follows.
fn resource(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let rest = bytes.strip_prefix(b"8BIM")?;
    let (kind, rest) = rest.split_first_chunk::<2>()?;
    // The name, with its length before it, and the payload have an even number of bytes.
    let name = 1 + usize::from(*rest.first()?);
    let rest = rest.get(name + name % 2..)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (payload, after) = rest.split_at_checked(length)?;
    Some((u16::from_be_bytes(*kind), payload, after.get(length % 2..).unwrap_or_default()))
}

fn read_records(mut rest: &[u8]) -> Iptc {
    let mut found = Annotations::default();
    // When it was created, and when digitised: dates and times.
    let mut times: [[Option<String>; 2]; 2] = Default::default();
    while let [0x1c, record, number, high, low, after @ ..] = rest {
        // Lengths from 32,768 on are written otherwise, and no field of use has them.
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((value, after)) = after.split_at_checked(length) else { break };
        rest = after;
        match (record, number) {
            (2, 5) => found.title = found.title.or_else(|| text(&decode(value))),
            (2, 55) => times[0][0] = Some(decode(value)),
            (2, 60) => times[0][1] = Some(decode(value)),
            (2, 62) => times[1][0] = Some(decode(value)),
            (2, 63) => times[1][1] = Some(decode(value)),
            (2, 25) => found.add_tag(&decode(value)),
            // City, part of it, province or state, country.
            (2, 90 | 92 | 95 | 101) => found.add_place(&decode(value)),
            (2, 120) => found.description = found.description.or_else(|| text(&decode(value))),
            _ => {}
        }
    }
    let taken_at = times.iter().find_map(|[date, time]| calendar::iptc_instant(date.as_deref()?, time.as_deref()));
    Iptc { annotations: found, taken_at }
}

/// Texts are in UTF-8 where the file says so, and often where it does not; others are mostly in Latin-1.
fn decode(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().map(|&byte| char::from(byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(fields: &[(u8, &[u8])]) -> Vec<u8> {
        let field = |&(number, value): &(u8, &[u8])| {
            [&[0x1c, 2, number][..], &(value.len() as u16).to_be_bytes(), value].concat()
        };
        fields.iter().flat_map(field).collect()
    }

    fn block(records: &[u8]) -> Vec<u8> {
        let length = (records.len() as u32).to_be_bytes();
        let before = b"8BIM\x03\xed\x00\x00\0\0\0\x03abc\0";
        [before, &b"8BIM\x04\x04\x03key"[..], &length, records].concat()
    }

    #[test]
    fn keywords_title_and_description() {
        let fields: [(u8, &[u8]); 9] = [
            (0, &[0, 2]),
            (5, b"Evening"),
            (25, "Caf\u{e9}".as_bytes()),
            (25, b"Stra\xdfe"),
            (25, b"  "),
            (90, b"Z\xfcrich"),
            (101, b"Switzerland"),
            (101, b"Switzerland"),
            (120, b"At the\rriver"),
        ];
        let found = read(&block(&records(&fields))).annotations;
        assert_eq!(found.tags, ["Café", "Straße"]);
        assert_eq!(found.places, ["Zürich", "Switzerland"]);
        assert_eq!((found.title.as_deref(), found.description.as_deref()), (Some("Evening"), Some("At the river")));
    }

    #[test]
    fn times() {
        let at = |fields: &[(u8, &[u8])]| read(&block(&records(fields))).taken_at;
        let instant = |seconds, offset| Some(Instant { seconds, offset });
        let created = instant(1_559_655_000, Some(120));
        assert_eq!(at(&[(55, b"20190604"), (60, b"153000+0200")]), created);
        assert_eq!(at(&[(62, b"20180101"), (63, b"000000+0000"), (60, b"153000+0200"), (55, b"20190604")]), created);
        assert_eq!(at(&[(62, b"20190604"), (63, b"153000")]), instant(1_559_662_200, None), "only digitised");
        assert_eq!(at(&[(55, b"00000000"), (62, b"20190604")]), instant(1_559_606_400, None), "no time, no date");
        assert_eq!(at(&[(60, b"153000+0200")]), None, "a time without a date");
    }

    #[test]
    fn damage_costs_what_comes_after() {
        let whole = block(&records(&[(25, b"a"), (25, b"b")]));
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).annotations.tags.len() <= 1);
        }
        assert_eq!(read_records(&[0x1c, 2, 25, 0xff, 0xff, b'a']), Iptc::default());
    }
}
