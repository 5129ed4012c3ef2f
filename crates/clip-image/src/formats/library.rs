//! What the formats have in common that the crate `image` decodes.

use std::io;

use image::{DynamicImage, ImageDecoder, ImageResult};

use super::codec::Pixels;
use crate::{Format, ImageError, Limits, raster};

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

/// Takes a decoder that has read its header through the limits to the pixels. What a failure means is `explain`ed by
/// the format, apart from an early end and from memory, which all formats report alike.
pub(super) fn read<D: ImageDecoder>(
    format: Format,
    decoder: ImageResult<D>,
    limits: &Limits,
    explain: impl Fn(&image::ImageError) -> Fault,
) -> Result<Pixels, ImageError> {
    let describe = |error: image::ImageError| match &error {
        image::ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated { format }
        }
        image::ImageError::Limits(_) => {
            ImageError::TooMuchMemory { format, reason: format!("more than {} bytes", limits.max_alloc()) }
        }
        _ => explain(&error).into_error(format),
    };
    let mut decoder = decoder.map_err(describe)?;
    let (width, height) = decoder.dimensions();
    limits.check_size((width, height), format)?;
    if decoder.total_bytes() > limits.max_alloc() {
        let reason = format!("{} bytes for {width}x{height} pixels", decoder.total_bytes());
        return Err(ImageError::TooMuchMemory { format, reason });
    }
    decoder.set_limits(library_limits(limits)).map_err(describe)?;
    let orientation = decoder.orientation().ok();
    let image = raster::flatten(DynamicImage::from_decoder(decoder).map_err(describe)?);
    Ok(Pixels { image, size: (width, height), orientation })
}

/// The same limits for the library's own bookkeeping.
pub(super) fn library_limits(limits: &Limits) -> image::Limits {
    // Non-exhaustive, so no struct expression.
    let mut library = image::Limits::no_limits();
    library.max_alloc = Some(limits.max_alloc());
    library
}

/// The error of the decoder of one format that the library has wrapped.
///
/// It is found only if our dependency on that decoder is the one that the library uses: the same version.
#[cfg(any(feature = "gif", feature = "webp", feature = "tiff"))]
pub(super) fn cause<E: std::error::Error + 'static>(error: &image::ImageError) -> Option<&E> {
    std::error::Error::source(error)?.downcast_ref()
}
