//! What the metadata in a file say, put together, and how they are read without the pixels.

use std::io::Read;
use std::path::Path;

use image::metadata::Orientation;

use crate::annotations::{Annotations, iptc, is_by_people, xmp};
use crate::calendar::Instant;
use crate::decode::catch;
use crate::exif_data;
use crate::formats::codec::Codec;
use crate::{Format, Gps, ImageError, Limits, Metadata, file, formats};

/// Counts the changes after which more is understood of files' metadata, or is understood otherwise. To be raised with every
/// one of them, so that those who keep [`Metadata`] know which to [read again](read_details).
pub const DETAILS_VERSION: u32 = 1;

/// How much of a file is read at first. Metadata of a photo from a camera, with its thumbnail, have some ten thousand bytes.
const HEAD: u64 = 64 << 10;

/// What the metadata in a file say. Each is absent when it is missing, unreadable or impossible.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Details {
    pub(crate) orientation: Option<Orientation>,
    pub(crate) taken_at: Option<Instant>,
    pub(crate) camera: Option<String>,
    pub(crate) gps: Option<Gps>,
    pub(crate) iso: Option<u32>,
    pub(crate) focal_length: Option<f32>,
    pub(crate) annotations: Annotations,
}

impl Details {
    /// Of a photo with this upright size.
    pub(crate) fn into_metadata(self, format: Format, (width, height): (u32, u32)) -> Metadata {
        let Annotations { rating, title, description, tags, lens } = self.annotations;
        Metadata {
            width,
            height,
            taken_at: self.taken_at.map(|instant| instant.seconds),
            utc_offset: self.taken_at.and_then(|instant| instant.offset),
            camera: self.camera,
            lens,
            gps: self.gps,
            iso: self.iso,
            focal_length: self.focal_length,
            rating,
            title,
            description,
            tags,
            format,
        }
    }
}

/// Reads what the metadata in a file say, from as many of its first bytes as that takes. Of a parser that panics, the rest
/// does without.
pub(crate) fn read(codec: Codec, bytes: &[u8]) -> Details {
    let blocks = catch(|| (codec.metadata)(bytes)).unwrap_or_default();
    let mut details = blocks.exif.and_then(|block| catch(|| exif_data::read(block)).ok()).unwrap_or_default();
    let xmp = blocks.xmp.and_then(|packet| catch(|| xmp::read(packet)).ok()).unwrap_or_default();
    let iptc = blocks.resources.and_then(|resources| catch(|| iptc::read(resources)).ok()).unwrap_or_default();
    // Programs that write stars, titles and keywords write XMP, and leave what a camera wrote as it is.
    let lens = details.annotations.lens.take();
    let annotations = xmp.or(iptc).or(details.annotations);
    let camera = details.camera.as_deref();
    details.annotations = Annotations {
        // The camera's own word is the better one.
        lens: lens.or(annotations.lens),
        description: annotations.description.filter(|text| is_by_people(text, camera)),
        ..annotations
    };
    details
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
            return Ok(read(codec, &file::read_file(path, limits)?).into_metadata(format, size));
        };
        if more == 0 || has_all(&head) || wanted >= limits.max_file_bytes {
            return Ok(read(codec, &head).into_metadata(format, size));
        }
        wanted = wanted.saturating_mul(4);
    }
}

#[cfg(all(test, feature = "jpeg"))]
mod tests {
    use super::*;

    const PHOTO: &[u8] = include_bytes!("../tests/fixtures/420.jpg");

    fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
        [&[0xff, marker][..], &(content.len() as u16 + 2).to_be_bytes(), content].concat()
    }

    fn xmp(rating: u8) -> Vec<u8> {
        let packet = format!("<rdf:RDF><rdf:Description xmp:Rating=\"{rating}\"/></rdf:RDF>");
        segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat())
    }

    #[test]
    fn of_a_jpeg_only_the_beginning_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        // A colour profile and a preview of some 300 KB before what is looked for.
        let large: Vec<u8> = (0..5).flat_map(|_| segment(0xe2, &[7; 60_000])).collect();
        let whole = [&PHOTO[..2], &large, &xmp(4), &PHOTO[2..]].concat();
        std::fs::write(&path, &whole).unwrap();
        let metadata = read_details(&path, (5, 7), &Limits::default()).unwrap();
        assert_eq!((metadata.rating, metadata.width, metadata.height), (Some(4), 5, 7));
        assert_eq!(crate::decode(&path, &Limits::default()).unwrap().metadata.rating, Some(4));
        // What comes after the beginning of the pixels is not looked at.
        std::fs::write(&path, [&whole, &[0_u8; 100_000][..]].concat()).unwrap();
        assert_eq!(read_details(&path, (5, 7), &Limits::default()).unwrap().rating, Some(4));
    }

    #[test]
    fn details_are_those_that_decoding_gives() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let limits = Limits::default();
        let mut compared = 0;
        for entry in std::fs::read_dir(fixtures).unwrap() {
            let path = entry.unwrap().path();
            if let Ok(photo) = crate::decode(&path, &limits) {
                let size = (photo.metadata.width, photo.metadata.height);
                assert_eq!(read_details(&path, size, &limits).unwrap(), photo.metadata, "{}", path.display());
                compared += 1;
            }
        }
        assert!(compared > 10);
    }

    #[test]
    fn what_is_no_photo_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let read = || read_details(&path, (1, 1), &Limits::default());
        assert!(matches!(read(), Err(ImageError::Io(_))));
        std::fs::write(&path, b"").unwrap();
        assert!(matches!(read(), Err(ImageError::Empty)));
        std::fs::write(&path, b"no photo").unwrap();
        assert!(matches!(read(), Err(ImageError::UnknownFormat)));
    }
}
