//! What the formats have in common that the crate `image` decodes.

use std::io;

use image::metadata::Orientation;
use image::{ImageDecoder, ImageResult};

use super::codec::{Pixels, Request, rgb_bytes};
use crate::raster::Samples;
use crate::{Format, ImageError, Limits};

/// Why a decoder failed, in our own words: those of the libraries change with their versions and speak to programmers.
pub(super) enum Fault {
    /// The file ends before its picture does.
    Truncated,
    /// A variety of the format that is not decoded; a phrase such as "TIFF with a palette".
    Unsupported(String),
    /// A phrase that says what was expected and what was found.
    Damaged(String),
}

impl Fault {
    pub(super) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }

    pub(super) fn into_error(self, format: Format) -> ImageError {
        match self {
            Self::Truncated => ImageError::Truncated { format },
            Self::Unsupported(what) => ImageError::Unsupported { what },
            Self::Damaged(reason) => ImageError::Decode { format, reason },
        }
    }
}

/// Takes a decoder that has read its header through the limits to the pixels.
///
/// The decoder needs `beside` bytes beside the samples that it gives. `own` is the orientation as the format itself has
/// it. What a failure means is `explain`ed by the format, apart from an early end and from memory, which all formats
/// report alike.
pub(super) fn read<D: ImageDecoder>(
    format: Format,
    decoder: ImageResult<D>,
    request: &Request<'_>,
    beside: u64,
    own: Option<Orientation>,
    explain: impl Fn(&image::ImageError) -> Fault,
) -> Result<Pixels, ImageError> {
    let limits = request.limits;
    let describe = |error: image::ImageError| match &error {
        image::ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated { format }
        }
        image::ImageError::Limits(_) => {
            ImageError::TooMuchMemory { format, reason: format!("more than the limit of {} bytes", limits.max_memory) }
        }
        _ => explain(&error).into_error(format),
    };
    let mut decoder = decoder.map_err(describe)?;
    let size = decoder.dimensions();
    limits.check_size(size, format)?;
    let colour = decoder.color_type();
    let samples = Samples::memory(colour, size)
        .ok_or_else(|| Fault::Unsupported(format!("{format} with this kind of samples")).into_error(format))?;
    request.reserve(format, request.memory(samples.saturating_add(beside), rgb_bytes(size), own))?;
    decoder.set_limits(library_limits(limits)).map_err(describe)?;
    let mut samples = Samples::new(colour, size).ok_or_else(|| Fault::damaged("its size").into_error(format))?;
    decoder.read_image(samples.bytes_mut()).map_err(describe)?;
    Ok(Pixels { image: samples.into_rgb(), size, orientation: own, colours: None })
}

/// The same limits for the library's own bookkeeping.
fn library_limits(limits: &Limits) -> image::Limits {
    // Non-exhaustive, so no struct expression.
    let mut library = image::Limits::no_limits();
    library.max_alloc = Some(limits.max_memory);
    library
}
