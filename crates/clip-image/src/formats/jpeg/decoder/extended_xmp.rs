//! The part of the XMP that does not fit into one segment (XMP specification, part 3, section 1.1.3.1).
//!
//! The packet names it by a digest. Its segments may stand in any order, and beside others that an editor has left.

use md5::{Digest as _, Md5};
use memchr::memmem;

/// The most bytes that are put together: depth maps of phones are in it.
const MOST: usize = 16 << 20;

/// The name of the part that a packet refers to: an MD5 digest in hexadecimal digits.
type Name = [u8; 32];

/// The part that the packet refers to, from segments of this kind; none if any of them is missing, or if it is not the one
/// that was meant.
pub(super) fn read<'a>(packet: &[u8], segments: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let name = name(packet)?;
    let mut parts: Vec<_> = segments.filter_map(|segment| Part::read(segment, &name)).collect();
    parts.sort_by_key(|part| part.offset);
    // A segment may be there twice.
    parts.dedup_by_key(|part| part.offset);
    let length = parts.first()?.all;
    if length > MOST {
        return None;
    }
    let mut all = Vec::with_capacity(parts.iter().map(|part| part.bytes.len()).sum());
    for part in &parts {
        if part.offset != all.len() || part.all != length {
            return None;
        }
        all.extend_from_slice(part.bytes);
    }
    let digest: Vec<u8> = Md5::digest(&all).iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect();
    (all.len() == length && digest.eq_ignore_ascii_case(&name)).then_some(all)
}

/// The name in a packet: an attribute or an element.
fn name(packet: &[u8]) -> Option<Name> {
    const PROPERTY: &[u8] = b"HasExtendedXMP";
    let at = memmem::find(packet, PROPERTY)?;
    let rest = packet.get(at + PROPERTY.len()..)?;
    let start = rest.iter().take(16).position(u8::is_ascii_hexdigit)?;
    rest[start..].first_chunk::<32>().filter(|name| name.iter().all(u8::is_ascii_hexdigit)).copied()
}

/// What a segment holds of it.
struct Part<'a> {
    /// Bytes of the whole.
    all: usize,
    offset: usize,
    bytes: &'a [u8],
}

impl<'a> Part<'a> {
    fn read(segment: &'a [u8], name: &Name) -> Option<Self> {
        let (found, rest) = segment.split_first_chunk::<32>()?;
        let (all, rest) = rest.split_first_chunk()?;
        let (offset, bytes) = rest.split_first_chunk()?;
        let number = |bytes: &[u8; 4]| u32::from_be_bytes(*bytes) as usize;
        found.eq_ignore_ascii_case(name).then(|| Self { all: number(all), offset: number(offset), bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"<x:xmpmeta>the rest</x:xmpmeta>";
    /// Of [`WHOLE`].
    const NAME: &str = "2C07652FB0D1B44684717C7A05D0A4EC";

    fn segment(name: &str, all: usize, offset: usize, bytes: &[u8]) -> Vec<u8> {
        [name.as_bytes(), &(all as u32).to_be_bytes(), &(offset as u32).to_be_bytes(), bytes].concat()
    }

    fn parts() -> Vec<Vec<u8>> {
        [0..10, 10..11, 11..WHOLE.len()].map(|range| segment(NAME, WHOLE.len(), range.start, &WHOLE[range])).to_vec()
    }

    fn found(packet: &str, segments: &[Vec<u8>]) -> Option<Vec<u8>> {
        read(packet.as_bytes(), segments.iter().map(Vec::as_slice))
    }

    #[test]
    fn segments_in_any_order() {
        let packet = format!("<rdf:Description xmpNote:HasExtendedXMP=\"{NAME}\"/>");
        let mut segments = parts();
        assert_eq!(found(&packet, &segments).as_deref(), Some(WHOLE));
        segments.reverse();
        assert_eq!(found(&packet, &segments).as_deref(), Some(WHOLE));
        // Of another packet, and one of them twice.
        segments.push(segment(&"0".repeat(32), 1, 0, b"x"));
        segments.push(segments[0].clone());
        assert_eq!(found(&packet, &segments).as_deref(), Some(WHOLE));
        let element = format!("<xmpNote:HasExtendedXMP>{}</xmpNote:HasExtendedXMP>", NAME.to_lowercase());
        assert_eq!(found(&element, &segments).as_deref(), Some(WHOLE));
    }

    #[test]
    fn what_is_not_whole_is_not_taken() {
        let packet = format!("HasExtendedXMP='{NAME}'");
        for missing in 0..3 {
            let mut segments = parts();
            segments.remove(missing);
            assert_eq!(found(&packet, &segments), None, "{missing}");
        }
        let mut segments = parts();
        *segments[1].last_mut().unwrap() ^= 1;
        assert_eq!(found(&packet, &segments), None, "another digest");
        assert_eq!(found("HasExtendedXMP='0123'", &parts()), None);
        assert_eq!(found("", &parts()), None);
        let huge = segment(NAME, MOST + 1, 0, WHOLE);
        assert_eq!(found(&packet, &[huge]), None);
    }
}
