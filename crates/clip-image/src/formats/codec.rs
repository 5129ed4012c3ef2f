//! What a format has to bring.

use image::RgbImage;
use image::metadata::Orientation;

use crate::{ImageError, Limits};

/// A format: how its files are recognised, and how they are decoded.
pub(crate) struct Definition {
    /// Extensions of file names in lower case. Each names files that the decoder reads.
    pub(crate) extensions: &'static [&'static str],
    /// Whether a file that starts with these bytes is of this format.
    pub(crate) sniff: fn(&[u8]) -> bool,
    /// `None` where the format's feature is off: the format is known, but not built in.
    pub(crate) codec: Option<Codec>,
}

/// The seam at which decoding can move elsewhere, such as into another process: functions of a file's bytes, which
/// return owned plain data and share no state. The bytes are untrusted; the functions may panic on them, which the caller
/// catches.
#[derive(Clone, Copy)]
pub(crate) struct Codec {
    /// Decodes the picture within the limits. With a number, the result may be smaller than stored, but no shorter than
    /// that many pixels on its shorter side.
    pub(crate) decode: Decode,
    /// Takes the metadata out of the file. What is absent or damaged is left out.
    pub(crate) metadata: fn(&[u8]) -> Blocks,
}

/// See [`Codec::decode`].
type Decode = fn(&[u8], &Limits, Option<u32>) -> Result<Pixels, ImageError>;

/// Pixels as stored, before they are turned upright.
pub(crate) struct Pixels {
    /// The pixels, perhaps at a fraction of the stored size.
    pub(crate) image: RgbImage,
    /// Width and height as stored.
    pub(crate) size: (u32, u32),
    /// The orientation, if the decoder itself has found one. That of the EXIF data comes first.
    pub(crate) orientation: Option<Orientation>,
}

/// Metadata as stored, each block in a format of its own.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// EXIF data, which begin with a TIFF header.
    pub(crate) exif: Option<Vec<u8>>,
}
