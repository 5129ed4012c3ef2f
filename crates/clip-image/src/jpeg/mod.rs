//! JPEG: by far most photos, so decoded without the generic path's copies, and at a fraction of
//! the size where that is enough.

mod bits;
mod full;
mod header;
mod huffman;
mod idct;
mod markers;
mod scaled;

use image::RgbImage;

use crate::{Format, ImageError, Limits};

/// Decodes a JPEG to RGB as stored, not yet upright. Returns the stored size beside the pixels,
/// which may be fewer if `least` (of the shorter side) is given.
pub(crate) fn decode(bytes: &[u8], limits: &Limits, least: Option<u32>) -> Result<(RgbImage, (u32, u32)), ImageError> {
    if let Some(least) = least
        && let Some(size) = header::size(bytes)
    {
        limits.check_size(size, Format::Jpeg)?;
        let samples = scaled::samples_per_block(size.0.min(size.1), least);
        if let Some(image) = samples.and_then(|samples| scaled::decode(bytes, samples)) {
            return Ok((image, size));
        }
    }
    let image = full::decode(bytes, limits)?;
    let size = image.dimensions();
    Ok((image, size))
}

/// The EXIF block of a file: the first such segment, without its name.
pub(crate) fn exif_block(bytes: &[u8]) -> Option<&[u8]> {
    const APP1: u8 = 0xe1;
    markers::segments(bytes)
        .filter(|segment| segment.code == APP1)
        .find_map(|segment| segment.payload.strip_prefix(b"Exif\0\0"))
}
