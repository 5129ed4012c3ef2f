//! Fujifilm's RAF and Minolta's MRW: a header that says where the other parts are.

use super::contents::Contents;
use super::tables;

/// Fujifilm's: EXIF data are in the preview.
pub(super) fn fujifilm(bytes: &[u8]) -> Contents<'_> {
    let mut contents = Contents::default();
    match (number(bytes, 84), number(bytes, 88)) {
        (Some(start), Some(length)) => contents.jpegs.add(bytes, start, length),
        _ => contents.jpegs.is_cut = true,
    }
    contents.size = number(bytes, 92).and_then(|directory| fujifilm_size(bytes.get(directory..)?));
    contents
}

/// The size of the photo without the borders of the sensor, from a list of fields.
fn fujifilm_size(mut fields: &[u8]) -> Option<(u32, u32)> {
    const CROPPED_SIZE: u16 = 0x111;
    /// Cameras write about ten.
    const MOST: u32 = 256;
    let count = u32::from_be_bytes(*fields.split_off(..4)?.first_chunk()?);
    for _ in 0..count.min(MOST) {
        let [tag, length] = [fields.split_off(..2)?, fields.split_off(..2)?]
            .map(|number| number.first_chunk().copied().map_or(0, u16::from_be_bytes));
        let value = fields.split_off(..usize::from(length))?;
        if let (CROPPED_SIZE, [h1, h0, w1, w0]) = (tag, value) {
            let [height, width] = [[*h1, *h0], [*w1, *w0]].map(|side| u32::from(u16::from_be_bytes(side)));
            return Some((width, height));
        }
    }
    None
}

/// Minolta's: named blocks, one with EXIF data and the preview in a maker note.
pub(super) fn minolta(bytes: &[u8]) -> Contents<'_> {
    /// Cameras write four or five.
    const MOST: usize = 64;
    let mut contents = Contents::default();
    let mut at = 8;
    for _ in 0..MOST {
        let (Some(name), Some(length)) = (bytes.get(at..at + 4), number(bytes, at + 4)) else { break };
        let content = bytes.get(at + 8..).unwrap_or_default();
        match name {
            b"\0PRD" => {
                let side = |at: usize| Some(u32::from(u16::from_be_bytes(*content.get(at..)?.first_chunk()?)));
                contents.size = side(14).zip(side(12));
            }
            b"\0TTW" => {
                // Offsets count from here, and point beyond the block.
                if let Some(found) = tables::find(content) {
                    contents.jpegs = found.jpegs;
                    contents.blocks = found.blocks;
                }
            }
            _ => (),
        }
        at = at.saturating_add(8).saturating_add(length);
        if at > bytes.len() {
            contents.jpegs.is_cut = true;
            break;
        }
    }
    contents
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}
