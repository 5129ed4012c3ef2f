//! Every JPEG that can be decoded, at its full size, by zune-jpeg: progressive files, CMYK, damage.

use image::RgbImage;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::markers::{self, End};
use crate::{Format, ImageError, Limits};

/// Decodes to RGB: grey is repeated, YCCK and CMYK are converted the way Adobe stores them.
///
/// zune-jpeg fills what a shortened file lacks with grey and reports success. So the markers are
/// read first. A file with its end marker is decoded leniently: a damaged spot costs a few blocks,
/// as with other viewers. A file whose data just ends is decoded strictly, which fails when the
/// data of any but the last row of blocks is missing: an encoder that forgot the end marker is
/// forgiven. In a progressive file every row is touched by every scan, so there the end marker has
/// to be present.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<RgbImage, ImageError> {
    let truncated = || ImageError::Truncated { format: Format::Jpeg };
    let whole = match markers::find_end(bytes) {
        End::Marker => true,
        End::Scan if markers::is_padded_with_zeros(bytes) => return Err(truncated()),
        End::Scan => false,
        End::Segment => return Err(truncated()),
    };
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        // The limit on the area comes below.
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(describe)?;
    let damaged = |reason: &str| ImageError::Decode { format: Format::Jpeg, reason: reason.into() };
    let (width, height) = decoder.dimensions().ok_or_else(|| damaged("no frame header"))?;
    // Both come from 16-bit fields.
    let (width, height) = (width as u32, height as u32);
    limits.check_size((width, height), Format::Jpeg)?;

    // Only now: in the headers there is nothing to be strict about.
    let strictness = decoder.options().set_strict_mode(!whole);
    decoder.set_options(strictness);
    let mut image = RgbImage::new(width, height);
    match decoder.decode_into(&mut image) {
        Ok(()) => Ok(image),
        Err(_) if !whole => Err(truncated()),
        Err(error) => Err(describe(error)),
    }
}

fn describe(error: DecodeErrors) -> ImageError {
    match error {
        DecodeErrors::Unsupported(scheme) => {
            ImageError::Unsupported { what: format!("this kind of JPEG ({scheme:?})") }
        }
        DecodeErrors::ExhaustedData => ImageError::Truncated { format: Format::Jpeg },
        error => ImageError::Decode { format: Format::Jpeg, reason: error.to_string() },
    }
}
