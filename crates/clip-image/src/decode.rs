//! Bytes to a [`Photo`].

use std::any::Any;
use std::error::Error;
use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::codecs::{
    bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, pnm::PnmDecoder, tiff::TiffDecoder, webp::WebPDecoder,
};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, RgbImage};

use crate::{Format, ImageError, Limits, Metadata, exif_data, file, format, formats::jpeg, raster};

/// An upright photo.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Photo {
    /// The pixels, 8-bit RGB. Smaller than the metadata's size where a hint allowed it.
    pub image: RgbImage,
    /// What else is known of it.
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
    decode_bytes_for(&file::read_file(path, limits)?, limits, shorter_side)
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
/// metadata keep the stored size.
///
/// # Errors
/// Any [`ImageError`] but those about the file itself.
pub fn decode_bytes_for(bytes: &[u8], limits: &Limits, shorter_side: Option<u32>) -> Result<Photo, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    let format = format::sniff(bytes)?;
    // Decoders of hostile formats have panicked before and will again; one file must not end a run
    // over a million. Nothing outside the closure is touched by it, so nothing is left half-done.
    catch_unwind(AssertUnwindSafe(|| decode_as(format, bytes, limits, shorter_side)))
        .unwrap_or_else(|panic| Err(ImageError::Decode { format, reason: describe_panic(panic.as_ref()) }))
}

fn decode_as(format: Format, bytes: &[u8], limits: &Limits, shorter_side: Option<u32>) -> Result<Photo, ImageError> {
    let exif = exif_data::read(bytes, format);
    let cursor = Cursor::new(bytes);
    let Raw { image, size, orientation } = match format {
        Format::Jpeg => {
            let (image, size) = jpeg::decode(bytes, limits, shorter_side.map(|side| side.saturating_mul(2)))?;
            Ok(Raw { image, size, orientation: None })
        }
        Format::Png => PngDecoder::with_limits(cursor, library_limits(limits)).and_then_raw(format, limits),
        Format::Gif => GifDecoder::new(cursor).and_then_raw(format, limits),
        Format::WebP if webp_is_short(bytes) => Err(ImageError::Truncated { format }),
        Format::WebP => WebPDecoder::new(cursor).and_then_raw(format, limits),
        Format::Tiff => TiffDecoder::new(cursor).and_then_raw(format, limits),
        Format::Bmp => BmpDecoder::new(cursor).and_then_raw(format, limits),
        Format::Pnm => PnmDecoder::new(cursor).and_then_raw(format, limits),
    }?;
    let orientation = exif.orientation.or(orientation).unwrap_or(Orientation::NoTransforms);
    let (width, height) = if swaps_sides(orientation) { (size.1, size.0) } else { size };
    let mut image = DynamicImage::ImageRgb8(image);
    image.apply_orientation(orientation);
    Ok(Photo {
        image: image.into_rgb8(),
        metadata: Metadata {
            width,
            height,
            taken_at: exif.taken_at,
            camera: exif.camera,
            lens: exif.lens,
            gps: exif.gps,
            format,
        },
    })
}

/// Pixels as stored, before they are turned upright.
struct Raw {
    image: RgbImage,
    /// Width and height as stored.
    size: (u32, u32),
    /// What the decoder itself knows of the orientation.
    orientation: Option<Orientation>,
}

/// Takes a decoder whose header is read through the limits to the pixels.
trait AndThenRaw {
    fn and_then_raw(self, format: Format, limits: &Limits) -> Result<Raw, ImageError>;
}

impl<D: ImageDecoder> AndThenRaw for image::ImageResult<D> {
    fn and_then_raw(self, format: Format, limits: &Limits) -> Result<Raw, ImageError> {
        let describe = |error| describe(error, format);
        let mut decoder = self.map_err(describe)?;
        let (width, height) = decoder.dimensions();
        limits.check_size((width, height), format)?;
        if decoder.total_bytes() > limits.max_alloc() {
            let reason = format!("{} bytes for {width}x{height} pixels", decoder.total_bytes());
            return Err(ImageError::TooMuchMemory { format, reason });
        }
        decoder.set_limits(library_limits(limits)).map_err(describe)?;
        let orientation = decoder.orientation().ok();
        let image = raster::flatten(DynamicImage::from_decoder(decoder).map_err(describe)?);
        Ok(Raw { image, size: (width, height), orientation })
    }
}

fn library_limits(limits: &Limits) -> image::Limits {
    // Non-exhaustive, so no struct expression.
    let mut library = image::Limits::no_limits();
    library.max_alloc = Some(limits.max_alloc());
    library
}

/// The RIFF header names the size of all that follows; WebP decoders do not always look at it.
fn webp_is_short(bytes: &[u8]) -> bool {
    let Some(&[a, b, c, d]) = bytes.get(4..8) else {
        return true;
    };
    u64::from(u32::from_le_bytes([a, b, c, d])) + 8 > bytes.len() as u64
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}

fn describe(error: image::ImageError, format: Format) -> ImageError {
    use image::ImageError as Library;
    if ends_too_early(&error) {
        return ImageError::Truncated { format };
    }
    match error {
        Library::Unsupported(what) => ImageError::Unsupported { what: format!("this kind of {format} ({what})") },
        Library::Limits(what) => ImageError::TooMuchMemory { format, reason: what.to_string() },
        error => {
            // The library's own message only adds the format's name to its cause.
            let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            ImageError::Decode { format, reason }
        }
    }
}

/// Whether the decoder wanted more bytes than there were.
fn ends_too_early(error: &image::ImageError) -> bool {
    match error {
        image::ImageError::IoError(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        // These two have a variant for it that cannot be named from here.
        image::ImageError::Decoding(error) => error.source().is_some_and(|cause| {
            let cause = cause.to_string();
            cause == "Unexpected End of File" // GIF
                || cause.starts_with("Not enough data was provided") // ASCII PNM
        }),
        _ => false,
    }
}

fn describe_panic(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the decoder gave up ({})", message.unwrap_or("panic"))
}
