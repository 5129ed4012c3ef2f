//! Every JPEG that can be decoded, at its full size, by zune-jpeg: progressive files, CMYK, damage.

use image::RgbImage;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::markers::{self, End};
use crate::formats::codec::{Request, rgb_bytes};
use crate::{Format, ImageError};

/// Decodes to RGB: grey is repeated, YCCK and CMYK are converted the way Adobe stores them.
///
/// zune-jpeg fills what a shortened file lacks with grey and reports success. So the markers are
/// read first. A file with its end marker is decoded leniently: a damaged spot costs a few blocks,
/// as with other viewers. A file whose data just ends is decoded strictly, which fails when the
/// data of any but the last row of blocks is missing: an encoder that forgot the end marker is
/// forgiven. In a progressive file every row is touched by every scan, so there the end marker has
/// to be present.
pub(super) fn decode(bytes: &[u8], request: &Request<'_>) -> Result<(RgbImage, (u32, u32)), ImageError> {
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
    decoder.decode_headers().map_err(|error| describe(bytes, error))?;
    let no_frame = || ImageError::Decode { format: Format::Jpeg, reason: "it has no frame header".into() };
    let (width, height) = decoder.dimensions().ok_or_else(no_frame)?;
    // Both come from 16-bit fields.
    let (width, height) = (width as u32, height as u32);
    let size = (width, height);
    request.limits.check_size(size, Format::Jpeg)?;
    request.reserve(Format::Jpeg, memory(bytes, size, request))?;

    // Only now: in the headers there is nothing to be strict about.
    let strictness = decoder.options().set_strict_mode(!whole);
    decoder.set_options(strictness);
    let mut image = RgbImage::new(width, height);
    match decoder.decode_into(&mut image) {
        Ok(()) => Ok((image, size)),
        Err(_) if !whole => Err(truncated()),
        Err(error) => Err(describe(bytes, error)),
    }
}

/// What zune-jpeg takes: the result, its copies of the segments before the first scan, some rows of samples, and all
/// coefficients if the components come in several scans.
pub(super) fn memory(bytes: &[u8], size: (u32, u32), request: &Request<'_>) -> u64 {
    /// Bytes for a pixel of a row, in as many samples and bits as it may have.
    const ROW: u64 = 1024;

    let rgb = rgb_bytes(size);
    let rows = (u64::from(size.0) + 64) * ROW;
    let (segments, coefficients) = if markers::is_in_one_scan(bytes) {
        (markers::segments(bytes).last().map_or(0, |last| last.end as u64), 0)
    } else {
        // There may be further segments between the scans.
        (bytes.len() as u64, coefficients(bytes, size).saturating_mul(2))
    };
    let all = [rgb, rows, segments, coefficients].into_iter().fold(0, u64::saturating_add);
    request.memory(all, rgb, None)
}

/// How many coefficients all components have, with the blocks that reach over the edges.
fn coefficients(bytes: &[u8], (width, height): (u32, u32)) -> u64 {
    let Some([_, _, _, _, _, _, specifications @ ..]) = markers::frame(bytes).map(|frame| frame.payload) else {
        return 0;
    };
    let sampling = || specifications.as_chunks::<3>().0.iter().map(|[_, sampling, _]| (sampling >> 4, sampling & 15));
    let most = |side: fn((u8, u8)) -> u8| sampling().map(side).max().map_or(1, |most| u64::from(most.max(1)));
    let (across, down) = (most(|sampling| sampling.0), most(|sampling| sampling.1));
    let mcus = u64::from(width).div_ceil(8 * across) * u64::from(height).div_ceil(8 * down);
    sampling().map(|(across, down)| u64::from(across) * u64::from(down) * 64).sum::<u64>().saturating_mul(mcus)
}

/// What a failure means, in our own words: the library's speak to programmers.
fn describe(bytes: &[u8], error: DecodeErrors) -> ImageError {
    let damaged = |reason: &str| ImageError::Decode { format: Format::Jpeg, reason: reason.into() };
    if matches!(error, DecodeErrors::ExhaustedData) {
        return ImageError::Truncated { format: Format::Jpeg };
    }
    if let Some(variety) = unsupported_variety(bytes) {
        return ImageError::Unsupported { what: format!("JPEG with {variety}") };
    }
    match error {
        DecodeErrors::HuffmanDecode(_) => damaged("a Huffman table is not valid"),
        DecodeErrors::DqtError(_) => damaged("a quantisation table is not valid"),
        DecodeErrors::SosError(_) => damaged("the header of a scan is not valid"),
        DecodeErrors::SofError(_) => damaged("the frame header is not valid"),
        DecodeErrors::ZeroError => damaged("its size is 0 pixels on a side"),
        _ if markers::frame(bytes).is_none() => damaged("it has no frame header"),
        _ => damaged("its segments or its compressed data cannot be read"),
    }
}

/// What about the frame is not supported, if anything: its marker and its header tell.
fn unsupported_variety(bytes: &[u8]) -> Option<String> {
    let frame = markers::frame(bytes)?;
    let [precision, _, _, _, _, components, ..] = frame.payload else { return None };
    match frame.code {
        0xc3 => return Some("lossless compression".into()),
        0xc9..=0xcb => return Some("arithmetic coding".into()),
        0xc5..=0xc7 | 0xcd..=0xcf => return Some("hierarchical frames".into()),
        _ => (),
    }
    if *precision != 8 {
        return Some(format!("{precision} bits per sample"));
    }
    (![1, 3, 4].contains(components)).then(|| format!("{components} components"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn decode_alone(bytes: &[u8]) -> Result<(RgbImage, (u32, u32)), ImageError> {
        let limits = &Limits::default();
        decode(bytes, &Request { limits, least: None, orientation: None, reserve: &|_| () })
    }

    /// The header of a file with the given frame, and nothing else.
    fn error(frame_marker: u8, precision: u8, components: u8) -> String {
        let mut bytes = vec![0xff, 0xd8, 0xff, frame_marker, 0, 8 + 3 * components, precision, 0, 8, 0, 8, components];
        (0..components).for_each(|id| bytes.extend([id, 0x11, 0]));
        // A scan without tables.
        bytes.extend([0xff, 0xda, 0, 8, 1, 0, 0, 0, 63, 0, 0xff, 0xd9]);
        decode_alone(&bytes).unwrap_err().to_string()
    }

    #[test]
    fn varieties_are_named() {
        let unsupported = |what| format!("JPEG with {what} is not supported; convert the photo to JPEG or PNG");
        assert_eq!(error(0xc1, 12, 3), unsupported("12 bits per sample"));
        assert_eq!(error(0xc3, 8, 3), unsupported("lossless compression"));
        assert_eq!(error(0xc9, 8, 3), unsupported("arithmetic coding"));
        assert_eq!(error(0xca, 8, 1), unsupported("arithmetic coding"));
        assert_eq!(error(0xc5, 8, 1), unsupported("hierarchical frames"));
        assert_eq!(error(0xc0, 8, 2), unsupported("2 components"));
    }

    #[test]
    fn damage_is_told_without_the_decoders_words() {
        let mut bytes = include_bytes!("../../../../tests/fixtures/progressive.jpg").to_vec();
        let frame = bytes.windows(2).position(|marker| marker == [0xff, 0xc2]).unwrap();
        // A segment that no decoder knows in place of the frame header.
        bytes[frame + 1] = 0xf0;
        let told = decode_alone(&bytes).unwrap_err().to_string();
        assert_eq!(told, "damaged JPEG: it has no frame header");
        // A frame without tables.
        assert_eq!(error(0xc0, 8, 3), "damaged JPEG: a quantisation table is not valid");
    }
}
