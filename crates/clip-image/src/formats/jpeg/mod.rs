//! JPEG.

#[cfg(feature = "jpeg")]
mod decoder;

#[cfg(all(feature = "jpeg", any(test, fuzzing)))]
pub(crate) use decoder::decode_with_each;

#[cfg(feature = "raw")]
pub(super) use decoder::size;
#[cfg(feature = "tiff")]
pub(super) use decoder::{memory_of_stored, rgb, stored};

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    // A file called .mpo holds several pictures, of which decoders of JPEG see the first.
    extensions: &["jpg", "jpeg", "jpe", "jfif", "jif", "jfi", "mpo"],
    sniff: |bytes| bytes.starts_with(b"\xff\xd8\xff"),
    #[cfg(feature = "jpeg")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "jpeg"))]
    codec: None,
};

#[cfg(feature = "jpeg")]
mod codec {
    use super::decoder;
    use crate::colour::{ColourSpace, LARGEST_PROFILE};
    use crate::formats::codec::{Blocks, Codec, Pixels};

    pub(super) const CODEC: Codec = Codec {
        decode: |bytes, request| {
            let (image, size) = decoder::decode(bytes, request)?;
            let colours = decoder::profile(bytes, LARGEST_PROFILE).map(ColourSpace::Icc);
            Ok(Pixels { image, size, orientation: None, colours })
        },
        metadata: |bytes| Blocks {
            exif: decoder::exif_block(bytes),
            xmp: decoder::xmp_packet(bytes),
            more_xmp: decoder::more_xmp(bytes),
            resources: decoder::photoshop_resources(bytes),
        },
        has_all_metadata: Some(decoder::has_scan),
    };
}
