//! WebP.

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["webp"],
    sniff: |bytes| matches!(bytes, [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..]),
    #[cfg(feature = "webp")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "webp"))]
    codec: None,
};

#[cfg(feature = "webp")]
mod codec {
    use std::io::Cursor;

    use image::codecs::webp::WebPDecoder;
    use image_webp::DecodingError;

    use crate::formats::codec::{Blocks, Codec, Pixels};
    use crate::formats::library::{self, Fault};
    use crate::{Format, ImageError, Limits};

    pub(super) const CODEC: Codec = Codec { decode, metadata };

    fn decode(bytes: &[u8], limits: &Limits, _least: Option<u32>) -> Result<Pixels, ImageError> {
        if is_short(bytes) {
            return Err(ImageError::Truncated { format: Format::WebP });
        }
        library::read(Format::WebP, WebPDecoder::new(Cursor::new(bytes)), limits, explain)
    }

    /// The RIFF header gives the size of all that follows; decoders do not always look at it.
    fn is_short(bytes: &[u8]) -> bool {
        let size = bytes.get(4..).and_then(|rest| rest.first_chunk());
        size.is_none_or(|size| u64::from(u32::from_le_bytes(*size)) + 8 > bytes.len() as u64)
    }

    fn metadata(bytes: &[u8]) -> Blocks {
        Blocks { exif: chunks(bytes).find(|(kind, _)| kind == b"EXIF").map(|(_, payload)| payload.to_vec()) }
    }

    /// The chunks of the file: the kind and the payload of each. It just ends where the file does.
    fn chunks(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
        let mut rest = bytes.get(12..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (kind, after) = rest.split_first_chunk::<4>()?;
            let (size, after) = after.split_first_chunk::<4>()?;
            let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
            let payload = after.get(..size)?;
            // Chunks begin at even positions.
            rest = after.get(size + size % 2..).unwrap_or_default();
            Some((*kind, payload))
        })
    }

    fn explain(error: &image::ImageError) -> Fault {
        match library::cause(error) {
            Some(DecodingError::ChunkMissing) => Fault::damaged("a chunk is missing"),
            Some(DecodingError::NotEnoughInitData) => Fault::damaged("a chunk is shorter than its content"),
            Some(DecodingError::ChunkHeaderInvalid(_) | DecodingError::InvalidChunkSize) => {
                Fault::damaged("the header of a chunk is not valid")
            }
            Some(DecodingError::ImageTooLarge | DecodingError::InconsistentImageSizes) => {
                Fault::damaged("its headers contradict each other about its size")
            }
            Some(DecodingError::FrameOutsideImage) => Fault::damaged("its first frame lies outside the picture"),
            Some(DecodingError::NoMoreFrames) => Fault::damaged("it has no frame"),
            Some(DecodingError::VersionNumberInvalid(version)) => {
                Fault::damaged(format!("its lossless data have version {version}, expected 0"))
            }
            Some(DecodingError::ColorSpaceInvalid(space)) => {
                Fault::damaged(format!("its colour space is {space}, expected 0"))
            }
            Some(DecodingError::UnsupportedFeature(_)) => Fault::Unsupported("this variety of WebP".into()),
            _ => Fault::damaged("its compressed data cannot be decompressed"),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn finds_the_exif_chunk_after_one_of_odd_size() {
            let file = b"RIFF\x1e\0\0\0WEBPodd_\x01\0\0\0X\0EXIF\x04\0\0\0MM\0*";
            assert_eq!(metadata(file).exif.as_deref(), Some(b"MM\0*".as_slice()));
            for length in 0..file.len() {
                assert_eq!(metadata(&file[..length]).exif, None, "{length} bytes");
            }
        }
    }
}
