//! Metadata and colour profiles in the segments of a file.

use super::{extended_xmp, markers};
use crate::exif_data;

const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP13: u8 = 0xed;

/// The EXIF block of a file: the first such segment that is not empty, without its name.
pub(in crate::formats::jpeg) fn exif_block(bytes: &[u8]) -> Option<&[u8]> {
    let blocks = || named_segments(bytes, APP1, b"Exif\0\0").map(exif_data::without_name);
    blocks().find(|block| exif_data::has_fields(block)).or_else(|| blocks().next())
}

/// The XMP packet of a file.
pub(in crate::formats::jpeg) fn xmp_packet(bytes: &[u8]) -> Option<&[u8]> {
    named_segment(bytes, APP1, b"http://ns.adobe.com/xap/1.0/\0")
}

/// What does not fit into the packet's segment: keywords and faces may be there, but for the most part depth maps.
pub(in crate::formats::jpeg) fn more_xmp(bytes: &[u8]) -> Option<Vec<u8>> {
    extended_xmp::read(xmp_packet(bytes)?, named_segments(bytes, APP1, b"http://ns.adobe.com/xmp/extension/\0"))
}

/// Photoshop's resources, in which IPTC data are.
pub(in crate::formats::jpeg) fn photoshop_resources(bytes: &[u8]) -> Option<&[u8]> {
    named_segment(bytes, APP13, b"Photoshop 3.0\0")
}

/// The colour profile, which may be cut into several segments (ICC.1, B.4). `None` if one of them is missing, or if it has more
/// bytes than `most`.
pub(in crate::formats::jpeg) fn profile(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let parts = || named_segments(bytes, APP2, b"ICC_PROFILE\0");
    let mut profile = Vec::new();
    // Each has its number, from one on, and how many there are.
    let [_, count, ..] = *parts().next()? else { return None };
    for number in 1..=count {
        let part = parts().find_map(|part| part.strip_prefix(&[number, count]))?;
        if profile.len() + part.len() > most {
            return None;
        }
        profile.extend_from_slice(part);
    }
    Some(profile)
}

/// What follows the name in the first segment with this marker and name.
fn named_segment<'a>(bytes: &'a [u8], marker: u8, name: &'static [u8]) -> Option<&'a [u8]> {
    named_segments(bytes, marker, name).next()
}

/// What follows the name in each segment with this marker and name.
fn named_segments<'a>(bytes: &'a [u8], marker: u8, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    let segments = markers::segments(bytes).filter(move |segment| segment.code == marker);
    segments.filter_map(move |segment| segment.payload.strip_prefix(name))
}
