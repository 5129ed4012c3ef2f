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
        && let Some(header) = header::Header::read(bytes)
    {
        let size = (header.width, header.height);
        limits.check_size(size, Format::Jpeg)?;
        if let Some(image) = scaled::decode(&header, bytes, least) {
            return Ok((image, size));
        }
    }
    let image = full::decode(bytes, limits)?;
    let size = image.dimensions();
    Ok((image, size))
}
