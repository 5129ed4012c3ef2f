//! Canon's CR3: boxes of the ISO base media file format.

use super::contents::Contents;
use super::tables;
use crate::boxes::{self, parts};
use crate::formats::codec::Blocks;

/// Contains EXIF data and the thumbnail, in `moov`.
const CANON: [u8; 16] = *b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";
/// Contains the preview.
const PREVIEW: [u8; 16] = *b"\xea\xf4\x2b\x5e\x1c\x98\x4b\x88\xb9\xfb\xb7\xdc\x40\x6e\x4d\x16";
const XMP: [u8; 16] = *b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";

/// The most tracks that are looked at. There are four: the photo as a JPEG, raw data twice, and metadata.
const MOST_TRACKS: usize = 16;

pub(super) fn contents(bytes: &[u8]) -> Contents<'_> {
    let mut contents = Contents::default();
    let mut blocks = Blocks::default();
    for part in parts(bytes) {
        if &part.kind == b"moov" {
            let canon = parts(part.content).find_map(|part| part.of_uuid(&CANON));
            if let Some(canon) = canon {
                blocks.exif = Some(canon);
                contents.size = boxes::find(canon, b"CMT1").and_then(tables::find).and_then(|tables| tables.size);
                jpeg_in(boxes::find(canon, b"THMB")).into_iter().for_each(|jpeg| contents.jpegs.add_bytes(jpeg));
            }
            for track in parts(part.content).filter(|part| &part.kind == b"trak").take(MOST_TRACKS) {
                if let Some((start, length)) = first_sample(track.content) {
                    contents.jpegs.add(bytes, start, length);
                }
            }
        } else if let Some(preview) = part.of_uuid(&PREVIEW) {
            // A number comes before the box.
            let preview = preview.get(8..).and_then(|boxes| boxes::find(boxes, b"PRVW"));
            jpeg_in(preview).into_iter().for_each(|jpeg| contents.jpegs.add_bytes(jpeg));
        } else if let Some(packet) = part.of_uuid(&XMP) {
            blocks.xmp = Some(packet);
        }
    }
    contents.blocks = blocks;
    contents
}

/// The JPEG in a box, after a few numbers.
fn jpeg_in(content: Option<&[u8]>) -> Option<&[u8]> {
    const LONGEST_HEADER: usize = 64;
    let content = content?;
    let at = content.windows(3).take(LONGEST_HEADER).position(|bytes| bytes == b"\xff\xd8\xff")?;
    content.get(at..)
}

/// Offset and length of the first sample of a track.
fn first_sample(track: &[u8]) -> Option<(usize, usize)> {
    let table = boxes::find_path(track, &[b"mdia", b"minf", b"stbl"])?;
    let u32_at = |content: &[u8], at: usize| Some(u32::from_be_bytes(*content.get(at..)?.first_chunk()?));
    let start = match boxes::find(table, b"co64") {
        Some(offsets) => u64::from_be_bytes(*offsets.get(8..)?.first_chunk()?),
        None => u64::from(u32_at(boxes::find(table, b"stco")?, 8)?),
    };
    let sizes = boxes::find(table, b"stsz")?;
    // One size for all samples, or else a list.
    let length = u32_at(sizes, 4).filter(|size| *size > 0).or_else(|| u32_at(sizes, 12))?;
    Some((usize::try_from(start).ok()?, usize::try_from(length).ok()?))
}
