//! JPEG: by far most photos, so decoded without the generic path's copies, at a fraction of the
//! size where that is enough, and otherwise to the very pixels that libjpeg gives: what other
//! programs see, models were trained on and references were made with.

mod bits;
mod block;
mod colour;
mod exact;
mod full;
mod header;
mod huffman;
mod idct;
mod islow;
mod markers;
mod scaled;
mod scan;
mod upsample;

use image::RgbImage;

use crate::{Format, ImageError, Limits};

/// Decodes a JPEG to RGB as stored, not yet upright. Returns the stored size beside the pixels,
/// which may be fewer if the caller gives the `least` number that the shorter side must have.
pub(super) fn decode(bytes: &[u8], limits: &Limits, least: Option<u32>) -> Result<(RgbImage, (u32, u32)), ImageError> {
    if let Some(size) = header::size(bytes) {
        limits.check_size(size, Format::Jpeg)?;
        let samples = least.and_then(|least| scaled::samples_per_block(size.0.min(size.1), least));
        let scaled = samples.and_then(|samples| scaled::decode(bytes, samples));
        if let Some(image) = scaled.or_else(|| exact::decode(bytes)) {
            return Ok((image, size));
        }
    }
    let image = full::decode(bytes, limits)?;
    let size = image.dimensions();
    Ok((image, size))
}

/// The EXIF block of a file: the first such segment, without its name.
pub(super) fn exif_block(bytes: &[u8]) -> Option<&[u8]> {
    const APP1: u8 = 0xe1;
    markers::segments(bytes)
        .filter(|segment| segment.code == APP1)
        .find_map(|segment| segment.payload.strip_prefix(b"Exif\0\0"))
}

/// What each of our own decoders makes of a file, for fuzzing.
#[cfg(any(test, fuzzing))]
pub(crate) struct Decoded {
    /// The stored size.
    pub(crate) size: (u32, u32),
    /// The samples a block becomes on either side, and the picture; none if the file is left to the tolerant decoder.
    pub(crate) images: [(u32, Option<RgbImage>); 4],
}

/// Decodes a file with each of our own decoders; none if it has no size, or more than the given number of pixels.
#[cfg(any(test, fuzzing))]
pub(crate) fn decode_with_each(bytes: &[u8], max_pixels: u64) -> Option<Decoded> {
    let size = header::size(bytes).filter(|(width, height)| u64::from(*width) * u64::from(*height) <= max_pixels)?;
    let [eighth, quarter, half] = [1, 2, 4].map(|samples| (samples, scaled::decode(bytes, samples)));
    Some(Decoded { size, images: [eighth, quarter, half, (8, exact::decode(bytes))] })
}
