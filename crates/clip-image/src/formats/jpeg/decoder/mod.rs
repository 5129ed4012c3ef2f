//! JPEG: by far most photos, so decoded without the generic path's copies, at a fraction of the
//! size where that is enough, and otherwise to the very pixels that libjpeg gives: what other
//! programs see, models were trained on and references were made with.

mod bands;
mod bits;
mod block;
mod coefficients;
mod colour;
mod embedded;
mod exact;
mod extended_xmp;
mod header;
mod huffman;
mod idct;
mod islow;
mod markers;
mod picture;
mod restarts;
mod scaled;
mod scan;
mod standard_tables;
mod upsample;

#[cfg(feature = "tiff")]
pub(in crate::formats) use coefficients::{memory_of_stored, rgb, stored};
pub(super) use embedded::{exif_block, more_xmp, photoshop_resources, profile, xmp_packet};
use image::RgbImage;

use crate::formats::codec::{Request, rgb_bytes};
use crate::{Format, ImageError};

/// Decodes a JPEG to RGB as stored, not yet upright. Returns the stored size beside the pixels,
/// which may be fewer if the caller gives the least number that the shorter side must have.
pub(super) fn decode(bytes: &[u8], request: &Request<'_>) -> Result<(RgbImage, (u32, u32)), ImageError> {
    if let Some(size) = header::size(bytes) {
        request.limits.check_size(size, Format::Jpeg)?;
        let samples = request.least.and_then(|least| scaled::samples_per_block(size.0.min(size.1), least));
        if let Some(samples) = samples
            && let Some(memory) = memory_of_rows(bytes, size, samples, request)
        {
            request.reserve(Format::Jpeg, memory)?;
            if let Some(image) = scaled::decode(bytes, samples) {
                return Ok((image, size));
            }
        }
        if let Some(memory) = memory_of_rows(bytes, size, 8, request) {
            request.reserve(Format::Jpeg, memory)?;
            if let Some(image) = exact::decode(bytes) {
                return Ok((image, size));
            }
        }
    }
    coefficients::decode(bytes, request)
}

/// What the decoders of common files take for a picture at this many samples of 8 a block; none if it is more than the limits
/// allow.
fn memory_of_rows(bytes: &[u8], (width, height): (u32, u32), samples: u32, request: &Request<'_>) -> Option<u64> {
    // Three rows of MCUs of four blocks each, or one in floating point, of three components.
    const ROWS: u64 = 3 * 32 * 3;
    let side = |side: u32| (side * samples).div_ceil(8);
    let rgb = rgb_bytes((side(width), side(height)));
    let rows = (u64::from(width) + 64) * ROWS * u64::from(samples) / 8;
    let scan = bits::scan_bytes(bytes, markers::segments(bytes).last()?.end) as u64;
    let memory = request.memory(rgb.saturating_add(rows).saturating_add(scan), rgb, None);
    request.allows(memory).then_some(memory)
}

/// The size of a picture by its frame, if it may be one that can be decoded: not of lossless ones, as which cameras store raw
/// data.
#[cfg(feature = "raw")]
pub(crate) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let frame = markers::segments(bytes).find(|segment| markers::is_frame(segment.code))?;
    coefficients::size(&frame)
}

/// Whether these first bytes of a file reach to its first scan, behind all segments with metadata.
pub(super) fn has_scan(bytes: &[u8]) -> bool {
    markers::segments(bytes).any(|segment| segment.code == markers::START_OF_SCAN)
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
