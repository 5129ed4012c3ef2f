//! Decoding with libheif.

use clip_heif::{Compression, Fault, Library, Picture};
use image::RgbImage;

use super::boxes;
use crate::colour::{ColourSpace, LARGEST_PROFILE};
use crate::formats::codec::{Codec, Pixels, Request, rgb_bytes};
use crate::{Format, ImageError, raster};

pub(super) const HEIF: Codec = Codec {
    decode: |bytes, request| decode(Format::Heif, Compression::Hevc, bytes, request),
    metadata: boxes::blocks,
    has_all_metadata: None,
};

#[cfg(feature = "avif")]
pub(in crate::formats) const AVIF: Codec = Codec {
    decode: |bytes, request| decode(Format::Avif, Compression::Av1, bytes, request),
    metadata: boxes::blocks,
    has_all_metadata: None,
};

/// The library and its decoders, or why there is none.
pub(super) fn library() -> String {
    match Library::load() {
        Ok(library) => {
            let [hevc, av1] = [Compression::Hevc, Compression::Av1].map(|compression| library.decodes(compression));
            format!("{} {hevc} {av1}", library.version())
        }
        Err(reason) => reason.to_string(),
    }
}

/// The main picture, or a thumbnail of it that is large enough. The library applies the orientation in the file to either.
fn decode(format: Format, compression: Compression, bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
    let library = Library::load().map_err(|reason| ImageError::NeedsLibrary { format, reason: reason.to_string() })?;
    if !library.decodes(compression) {
        let reason = format!("the installed libheif {} has no decoder for it", library.version());
        return Err(ImageError::NeedsLibrary { format, reason });
    }
    if boxes::is_cut(bytes) {
        return Err(ImageError::Truncated { format });
    }
    let explain = |fault| explain(format, fault, request);
    let limits = clip_heif::Limits { max_pixels: request.limits.max_pixels, max_memory: request.limits.max_memory };
    let file = library.open(bytes, &limits).map_err(explain)?;
    let main = file.primary().map_err(explain)?;
    let size = main.size();
    request.limits.check_size(size, format)?;

    let colours = colours(&main);
    let thumbnails = main.thumbnails();
    if let Some(thumbnail) = request.least.and_then(|least| sufficient(&thumbnails, size, least)) {
        request.reserve(format, memory(thumbnail, request))?;
        // A damaged thumbnail does no harm.
        if let Ok(image) = read(thumbnail) {
            return Ok(Pixels { image, size, orientation: None, colours });
        }
    }
    request.reserve(format, memory(&main, request))?;
    let image = read(&main).map_err(explain)?;
    // The size in the boxes is only a claim until the pixels are decoded.
    let size = image.dimensions();
    request.limits.check_size(size, format)?;
    Ok(Pixels { image, size, orientation: None, colours })
}

/// The colour space of the main picture and its thumbnails.
fn colours(picture: &Picture<'_>) -> Option<ColourSpace> {
    let profile = picture.icc_profile().filter(|profile| profile.len() <= LARGEST_PROFILE).map(ColourSpace::Icc);
    profile.or_else(|| {
        let (primaries, transfer) = picture.coded_colours()?;
        Some(ColourSpace::Coded { primaries, transfer })
    })
}

/// The smallest thumbnail that has enough pixels on its shorter side, and shows the whole picture.
fn sufficient<'a, 'b>(thumbnails: &'a [Picture<'b>], full: (u32, u32), least: u32) -> Option<&'a Picture<'b>> {
    let is_alike = |(width, height): (u32, u32)| {
        let (a, b) = (u64::from(width) * u64::from(full.1), u64::from(height) * u64::from(full.0));
        // Except for rounding.
        a.abs_diff(b) * 50 <= a.max(b)
    };
    let fits = |(width, height): (u32, u32)| width.min(height) >= least && width <= full.0 && height <= full.1;
    let enough = thumbnails.iter().filter(|thumbnail| fits(thumbnail.size()) && is_alike(thumbnail.size()));
    enough.min_by_key(|thumbnail| rgb_bytes(thumbnail.size()))
}

/// What the library takes: the samples as planes, a copy that is cropped, turned or converted to eight bits, and the
/// interleaved samples. The result is allocated when the planes have been freed.
fn memory(picture: &Picture<'_>, request: &Request<'_>) -> u64 {
    let (width, height) = picture.size();
    // Blocks at the edges are whole.
    let pixels = (u64::from(width) + 64) * (u64::from(height) + 64);
    let bytes = if picture.bits() > 8 { 2 } else { 1 };
    let samples = if picture.has_alpha() { 4 } else { 3 };
    request.memory(pixels.saturating_mul(2 * samples * bytes + samples), rgb_bytes((width, height)), None)
}

/// Decodes to RGB over white.
fn read(picture: &Picture<'_>) -> Result<RgbImage, Fault> {
    let pixels = picture.decode()?;
    let (width, height) = pixels.size();
    if (width, height) != picture.size() {
        return Err(Fault::Damaged);
    }
    let mut rgb = Vec::with_capacity(3 * width as usize * height as usize);
    for row in pixels.rows() {
        if pixels.has_alpha() {
            let over_white =
                if pixels.is_premultiplied() { raster::premultiplied_over_white } else { raster::rgba_over_white };
            rgb.extend(row.as_chunks::<4>().0.iter().flat_map(|pixel| over_white(*pixel)));
        } else {
            rgb.extend_from_slice(row);
        }
    }
    RgbImage::from_raw(width, height, rgb).ok_or(Fault::Damaged)
}

fn explain(format: Format, fault: Fault, request: &Request<'_>) -> ImageError {
    match fault {
        Fault::EndsEarly => ImageError::Truncated { format },
        Fault::Unsupported => ImageError::Unsupported { what: format!("this kind of {format}") },
        Fault::TooMuchMemory => ImageError::TooMuchMemory {
            format,
            reason: format!("more than the limit of {} bytes", request.limits.max_memory),
        },
        fault => ImageError::Decode { format, reason: fault.to_string() },
    }
}
