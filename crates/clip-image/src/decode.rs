//! Bytes to a [`Photo`].

use std::path::Path;

use image::RgbImage;
use image::metadata::Orientation;

use crate::colour::{self, ColourSpace};
use crate::details;
use crate::formats::codec::{Pixels, Request};
use crate::metadata::Details;
use crate::panics::catch;
use crate::{Format, ImageError, Limits, Metadata, Workers, file, formats, orientation};

/// An upright photo.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Photo {
    /// The pixels, 8-bit RGB. Smaller than the metadata's size where a hint allowed it.
    pub image: RgbImage,
    /// What else is known about it.
    pub metadata: Metadata,
}

/// Reads and decodes a file at its full size.
///
/// # Errors
/// Those of [`read_file`](crate::read_file) and of [`decode_bytes`].
pub fn decode(path: &Path, limits: &Limits) -> Result<Photo, ImageError> {
    decode_for(path, limits, None)
}

/// Reads and decodes a file, perhaps smaller: see [`decode_bytes_for`].
///
/// # Errors
/// Those of [`read_file`](crate::read_file) and of [`decode_bytes`].
pub fn decode_for(path: &Path, limits: &Limits, shorter_side: Option<u32>) -> Result<Photo, ImageError> {
    Decoder::default().decode_for(path, limits, shorter_side)
}

/// Decodes the content of a file at its full size.
///
/// # Errors
/// Any [`ImageError`] but those about the file itself.
pub fn decode_bytes(bytes: &[u8], limits: &Limits) -> Result<Photo, ImageError> {
    decode_bytes_for(bytes, limits, None)
}

/// Decodes the content of a file for a caller that will resize it to `shorter_side` pixels.
///
/// With a hint, a format that can be decoded cheaply at a fraction of its size may be: to no less
/// than twice the hint, so that the caller's own resampling still decides how the result looks. The
/// metadata gives the stored size. A progressive JPEG that takes too much memory as a whole is decoded
/// at an eighth, to no less than the hint itself.
///
/// # Errors
/// Any [`ImageError`] but those about the file itself.
pub fn decode_bytes_for(bytes: &[u8], limits: &Limits, shorter_side: Option<u32>) -> Result<Photo, ImageError> {
    decode_bytes_reserving(bytes, limits, shorter_side, &|_| ())
}

/// Like [`decode_bytes_for`], for threads that share a budget of memory.
///
/// Calls `reserve` with the most bytes that it is going to take, the pixels that it returns among them and `bytes`
/// itself not, before it allocates them; `reserve` may wait until they are free. A further call replaces the one
/// before, whose bytes are free by then: a decoder was not up to the file, and another one tries. What is allocated
/// without a call (headers, a few KiB of EXIF data) does not grow with the picture.
///
/// # Errors
/// Any [`ImageError`] but those about the file itself.
pub fn decode_bytes_reserving(
    bytes: &[u8],
    limits: &Limits,
    shorter_side: Option<u32>,
    reserve: &dyn Fn(u64),
) -> Result<Photo, ImageError> {
    Decoder::default().decode_bytes(bytes, limits, shorter_side, reserve)
}

/// Decodes photos in this process (the default), or in worker processes where that is safer. Clones share their workers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoder {
    workers: Option<Workers>,
}

impl Decoder {
    /// Uses workers for formats that are decoded by libraries not written in Rust, for very large files, and for those that
    /// may take long.
    pub fn with_workers(workers: Workers) -> Self {
        Self { workers: Some(workers) }
    }

    /// As [`decode_for`].
    ///
    /// # Errors
    /// Those of [`read_file`](crate::read_file) and of [`decode_bytes`].
    pub fn decode_for(&self, path: &Path, limits: &Limits, shorter_side: Option<u32>) -> Result<Photo, ImageError> {
        self.decode_bytes(&file::read_file(path, limits)?, limits, shorter_side, &|_| ())
    }

    /// As [`decode_bytes_reserving`].
    ///
    /// # Errors
    /// Any [`ImageError`] but those about the file itself.
    pub fn decode_bytes(
        &self,
        bytes: &[u8],
        limits: &Limits,
        shorter_side: Option<u32>,
        reserve: &dyn Fn(u64),
    ) -> Result<Photo, ImageError> {
        if bytes.is_empty() {
            return Err(ImageError::Empty);
        }
        let format = formats::sniff(bytes)?;
        let codec = formats::codec(format)?;
        let mut details = details::read(codec, bytes);
        if formats::knows_orientation(format) {
            details.orientation = None;
        }
        let least = shorter_side.map(|side| side.saturating_mul(2));
        let request = Request { limits, least, orientation: details.orientation, reserve };
        let is_risky = || formats::is_foreign(format) || formats::is_slow(format, bytes);
        let workers = self.workers.as_ref().filter(|_| Workers::takes(bytes, is_risky()));
        catch(|| {
            let pixels = match workers {
                Some(workers) => workers.decode(format, bytes, &request)?,
                None => (codec.decode)(bytes, &request)?,
            };
            Ok(upright(format, pixels, details))
        })
        .unwrap_or_else(|message| Err(ImageError::Panicked { format, message }))
    }
}

fn upright(format: Format, pixels: Pixels, details: Details) -> Photo {
    let Pixels { mut image, size, orientation, colours } = pixels;
    // Cameras that embed no profile declare Adobe RGB in EXIF data.
    let colours = colours.or(details.is_adobe_rgb.then_some(ColourSpace::AdobeRgb));
    if let Some(colours) = colours {
        // A profile that crashes its parser is ignored.
        let _ = catch(|| colour::to_srgb(&mut image, &colours));
    }
    let orientation = details.orientation.or(orientation).unwrap_or(Orientation::NoTransforms);
    let size = if orientation::swaps_sides(orientation) { (size.1, size.0) } else { size };
    Photo { image: orientation::turn_upright(image, orientation), metadata: details.into_metadata(format, size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With every set of features: what is built in is decoded, what is not is named.
    #[test]
    fn a_format_that_is_not_built_in_is_named() {
        let starts: [(Format, &[u8]); 19] = [
            (Format::Jpeg, b"\xff\xd8\xff\xe0"),
            (Format::Png, b"\x89PNG\r\n\x1a\n"),
            (Format::Gif, b"GIF89a"),
            (Format::WebP, b"RIFF\x40\0\0\0WEBP"),
            (Format::Tiff, b"II*\0"),
            (Format::Bmp, b"BM"),
            (Format::Pnm, b"P6\n"),
            (Format::Qoi, b"qoif"),
            (Format::Ico, b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x04\0\0\0\x16\0\0\0"),
            (Format::Hdr, b"#?RADIANCE\n"),
            (Format::Psd, b"8BPS\0\x01"),
            (Format::Jxl, b"\xff\x0a"),
            (Format::Jp2, b"\xff\x4f\xff\x51"),
            (Format::Exr, b"\x76\x2f\x31\x01"),
            (Format::Dds, b"DDS \x7c\0\0\0"),
            (Format::Raw, b"FUJIFILMCCD-RAW"),
            (Format::Heif, b"\0\0\0\x14ftypheic\0\0\0\0mif1"),
            (Format::Avif, b"\0\0\0\x14ftypavif\0\0\0\0mif1"),
            (Format::Tga, b"\0\0\x02\0\0\0\0\0\0\0\0\0\x02\0\x01\0\x18\x20"),
        ];
        assert_eq!(starts.len(), Format::ALL.len());
        for (format, start) in starts {
            let error = decode_bytes(start, &Limits::default()).unwrap_err();
            if format.is_built_in() {
                let is_expected = match error {
                    ImageError::Truncated { format: found } => found == format,
                    // If the system has no libheif.
                    ImageError::NeedsLibrary { format: found, .. } => found == format,
                    _ => false,
                };
                assert!(is_expected, "{format}");
            } else {
                assert_eq!(error.to_string(), format!("{format} support is not built in"));
            }
        }
    }
}
