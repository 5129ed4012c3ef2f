//! JPEG: by far most photos, so decoded without the generic path's copies.

mod full;
mod markers;

use image::RgbImage;

use crate::{ImageError, Limits};

/// Decodes a JPEG to RGB as stored, not yet upright. Returns the stored size beside the pixels.
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<(RgbImage, (u32, u32)), ImageError> {
    let image = full::decode(bytes, limits)?;
    let size = image.dimensions();
    Ok((image, size))
}
