//! What a format has to bring.

use image::RgbImage;
use image::metadata::Orientation;

use crate::colour::{ColourSpace, LARGEST_PROFILE};
use crate::{Format, ImageError, Limits, orientation};

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
    /// Decodes the picture as requested. Before it allocates what the picture takes, it has to
    /// [reserve](Request::reserve) that.
    pub(crate) decode: fn(&[u8], &Request<'_>) -> Result<Pixels, ImageError>,
    /// Finds the metadata in the file. What is absent or damaged is left out.
    pub(crate) metadata: for<'a> fn(&'a [u8]) -> Blocks<'a>,
    /// Whether these first bytes of a file hold all of its metadata, whatever follows; `None` where they may lie anywhere.
    pub(crate) has_all_metadata: Option<fn(&[u8]) -> bool>,
}

/// What the caller wants of a picture, and what it may cost.
pub(crate) struct Request<'a> {
    pub(crate) limits: &'a Limits,
    /// With a number, the result may be smaller than stored, but no shorter than that many pixels on its shorter side.
    pub(crate) least: Option<u32>,
    /// The orientation by the EXIF data, if they have one.
    pub(crate) orientation: Option<Orientation>,
    /// Told of the memory before it is allocated. May wait until there is enough.
    pub(crate) reserve: &'a dyn Fn(u64),
}

impl Request<'_> {
    /// The most bytes at any one time: `decoding` while the samples are decoded, or what turning the result of `rgb`
    /// bytes upright takes. `own` is the orientation that the decoder has found.
    pub(crate) fn memory(&self, decoding: u64, rgb: u64, own: Option<Orientation>) -> u64 {
        let is_turned = self.orientation.or(own).is_some_and(orientation::swaps_sides);
        let turning = if is_turned { rgb.saturating_mul(2) } else { rgb };
        // One after the other: decoding, converting to sRGB, turning.
        decoding.max(turning).saturating_add(SMALL_THINGS).max(rgb.saturating_add(COLOURS))
    }

    /// Asks for this many bytes, in place of all that was asked for before: none of those may be in use any more.
    ///
    /// # Errors
    /// [`ImageError::TooMuchMemory`].
    pub(crate) fn reserve(&self, format: Format, bytes: u64) -> Result<(), ImageError> {
        self.limits.check_memory(format, bytes)?;
        (self.reserve)(bytes);
        Ok(())
    }

    /// Whether this many bytes are within the limits.
    pub(crate) fn allows(&self, bytes: u64) -> bool {
        bytes <= self.limits.max_memory
    }
}

/// Bytes of a picture of this size as RGB.
pub(crate) fn rgb_bytes((width, height): (u32, u32)) -> u64 {
    (u64::from(width) * u64::from(height)).saturating_mul(3)
}

/// Tables and buffers of decoders that do not grow with the picture.
const SMALL_THINGS: u64 = 1 << 20;

/// A colour profile and the tables made from it.
const COLOURS: u64 = 3 * LARGEST_PROFILE as u64;

/// Pixels as stored, before they are turned upright.
pub(crate) struct Pixels {
    /// The pixels, perhaps at a fraction of the stored size.
    pub(crate) image: RgbImage,
    /// Width and height as stored.
    pub(crate) size: (u32, u32),
    /// The orientation, if the decoder itself has found one. That of the EXIF data comes first.
    pub(crate) orientation: Option<Orientation>,
    /// The colour space, if the file gives it.
    pub(crate) colours: Option<ColourSpace>,
}

/// Metadata as stored, each block in a format of its own.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Blocks<'a> {
    /// EXIF data, which begin with a TIFF header. In a PNG file, this and the others may also be a text chunk that contains
    /// them.
    pub(crate) exif: Option<&'a [u8]>,
    /// An XMP packet.
    pub(crate) xmp: Option<&'a [u8]>,
    /// What did not fit into the packet.
    pub(crate) more_xmp: Option<Vec<u8>>,
    /// Photoshop's resources, in which IPTC data are.
    pub(crate) resources: Option<&'a [u8]>,
}
