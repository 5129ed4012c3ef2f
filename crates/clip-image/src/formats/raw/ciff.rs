//! Canon's CRW and Sigma's X3F: only the parts that are needed. Sigma's previews are found by searching.

use image::metadata::Orientation;

use super::contents::Contents;

/// Canon's: directories that follow the data they describe.
pub(super) fn canon(bytes: &[u8]) -> Contents<'_> {
    const IMAGE_INFO: u16 = 0x1810;
    const PREVIEW: u16 = 0x2007;
    let mut contents = Contents::default();
    let heap = u32_at(bytes, 2).and_then(|start| bytes.get(start as usize..)).unwrap_or_default();
    if let Some(info) = find(heap, IMAGE_INFO, 0) {
        contents.size = u32_at(info, 0).zip(u32_at(info, 4));
        contents.orientation = u32_at(info, 12).and_then(|degrees| turned(degrees.cast_signed()));
    }
    find(heap, PREVIEW, 0).into_iter().for_each(|jpeg| contents.jpegs.add_bytes(jpeg));
    contents
}

/// The first entry with a tag in the directory of this part of the file, or in its subdirectories.
fn find(heap: &[u8], tag: u16, depth: usize) -> Option<&[u8]> {
    /// Cameras write about thirty.
    const MOST: usize = 128;
    /// The data lie in a part of the file.
    const DEEPEST: usize = 2;
    let directory = heap.get(u32_at(heap, heap.len().checked_sub(4)?)? as usize..)?;
    let (count, entries) = directory.split_first_chunk::<2>()?;
    let entries = entries.as_chunks::<10>().0.iter().take(usize::from(u16::from_le_bytes(*count))).take(MOST);
    let mut parts = entries.filter_map(|entry| {
        let [length, start] = [2, 6].map(|at| u32_at(entry, at).unwrap_or_default() as usize);
        Some((u16::from_le_bytes([entry[0], entry[1]]), heap.get(start..start.checked_add(length)?)?))
    });
    parts.find_map(|(found, part)| match found {
        _ if found == tag => Some(part),
        // Types of subdirectories.
        _ if [0x28, 0x30].contains(&(found >> 8 & 0x38)) && depth < DEEPEST => find(part, tag, depth + 1),
        _ => None,
    })
}

/// Sigma's. With most cameras, EXIF data are in the preview.
pub(super) fn sigma(bytes: &[u8]) -> Contents<'_> {
    let is_new = bytes.get(6).is_some_and(|version| *version >= 4);
    let at = if is_new { 40 } else { 28 };
    Contents {
        size: u32_at(bytes, at).zip(u32_at(bytes, at + 4)),
        orientation: u32_at(bytes, at + 8).and_then(|degrees| turned(degrees.cast_signed())),
        ..Contents::default()
    }
}

/// The orientation of a picture that must be rotated clockwise by this angle.
fn turned(degrees: i32) -> Option<Orientation> {
    match degrees {
        0 => Some(Orientation::NoTransforms),
        90 | -270 => Some(Orientation::Rotate90),
        180 | -180 => Some(Orientation::Rotate180),
        270 | -90 => Some(Orientation::Rotate270),
        _ => None,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
