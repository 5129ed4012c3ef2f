//! What the metadata in a file say, put together, and how they are read without the pixels.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use crate::annotations::xmp::{self, Xmp};
use crate::annotations::{Annotations, iptc, is_by_people};
use crate::exif_data;
use crate::formats::codec::Codec;
use crate::metadata::Details;
use crate::panics::catch;
use crate::{ImageError, Limits, Metadata, file, formats};

/// Counts the changes after which more is understood of files' metadata, or is understood otherwise. To be raised with every
/// one of them, so that those who keep [`Metadata`] know which to [read again](read_details).
pub const DETAILS_VERSION: u32 = 8;

/// How much of a file is read at first. Metadata of a photo from a camera, with its thumbnail, have some ten thousand bytes.
const HEAD: u64 = 64 << 10;

/// Reads what the metadata in a file say, from as many of its first bytes as that takes. Of a parser that panics, the rest
/// does without.
pub(crate) fn read(codec: Codec, bytes: &[u8]) -> Details {
    let blocks = catch(|| (codec.metadata)(bytes)).unwrap_or_default();
    let mut details = blocks.exif.and_then(|block| catch(|| exif_data::read(&unpack(block))).ok()).unwrap_or_default();
    let xmp = blocks.xmp.and_then(|packet| catch(|| xmp::read(&unpack(packet))).ok()).unwrap_or_default();
    let more = blocks.more_xmp.and_then(|more| catch(|| xmp::read(&more)).ok()).unwrap_or_default();
    let xmp = xmp.or(more);
    let iptc = blocks.resources.and_then(|block| catch(|| iptc::read(&unpack(block))).ok()).unwrap_or_default();
    // Programs that write stars, titles and keywords write XMP, and leave what a camera wrote as it is.
    let lens = details.annotations.lens.take();
    let Xmp { annotations, taken_at, gps, related } = xmp;
    let annotations = annotations.or(iptc.annotations).or(details.annotations);
    details.taken_at = details.taken_at.or(taken_at).or(iptc.taken_at);
    details.gps = details.gps.or(gps);
    details.related = details.related.or(related);
    let camera = details.camera.as_deref();
    details.annotations = Annotations {
        // The camera's own word is the better one.
        lens: lens.or(annotations.lens),
        description: annotations.description.filter(|text| is_by_people(text, camera)),
        ..annotations
    };
    details
}

/// A block as it was before a program put it into a text.
#[cfg(feature = "png")]
pub(crate) fn unpack(block: &[u8]) -> Cow<'_, [u8]> {
    crate::raw_profile::unpack(block)
}

#[cfg(not(feature = "png"))]
pub(crate) fn unpack(block: &[u8]) -> Cow<'_, [u8]> {
    Cow::Borrowed(block)
}

/// The metadata of a photo that is known to be good, and whose upright size is `size`. Pixels are not looked at, and of a
/// JPEG only the beginning is read.
///
/// # Errors
/// Those of [`read_file`](crate::read_file), and [`ImageError::UnknownFormat`], [`ImageError::Unsupported`] and
/// [`ImageError::NotBuiltIn`].
pub fn read_details(path: &Path, size: (u32, u32), limits: &Limits) -> Result<Metadata, ImageError> {
    let mut head = Vec::new();
    let (opened, _) = file::open(path)?;
    let mut wanted = HEAD;
    loop {
        let more = (&opened).take(wanted - head.len() as u64).read_to_end(&mut head)?;
        if head.is_empty() {
            return Err(ImageError::Empty);
        }
        let format = formats::sniff(&head)?;
        let codec = formats::codec(format)?;
        let Some(has_all) = codec.has_all_metadata else {
            // A raw file may look like a TIFF file at its beginning.
            let bytes = file::read_file(path, limits)?;
            let format = formats::sniff(&bytes)?;
            return Ok(read(formats::codec(format)?, &bytes).into_metadata(format, size));
        };
        if more == 0 || has_all(&head) || wanted >= limits.max_file_bytes {
            return Ok(read(codec, &head).into_metadata(format, size));
        }
        wanted = wanted.saturating_mul(4);
    }
}
