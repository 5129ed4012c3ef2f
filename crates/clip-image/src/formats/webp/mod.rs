//! WebP.

#[cfg(feature = "webp")]
mod prefix_codes;

#[cfg(all(feature = "webp", feature = "tiff"))]
pub(super) use codec::beside;

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

    use image::ImageDecoder;
    use image::codecs::webp::WebPDecoder;
    use image::metadata::Orientation;
    use image_webp::DecodingError;

    use super::prefix_codes;
    use crate::colour::{ColourSpace, LARGEST_PROFILE};
    use crate::formats::codec::{Blocks, Codec, Pixels, Request};
    use crate::formats::library::{self, Fault};
    use crate::{Format, ImageError};

    pub(super) const CODEC: Codec = Codec { decode, metadata, has_all_metadata: None };

    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        if is_short(bytes) {
            return Err(ImageError::Truncated { format: Format::WebP });
        }
        let own = metadata(bytes).exif.and_then(Orientation::from_exif_chunk);
        let decoder = WebPDecoder::new(Cursor::new(bytes));
        let has_alpha = decoder.as_ref().is_ok_and(|decoder| decoder.color_type().has_alpha());
        let beside = beside(bytes, has_alpha, request.limits.max_memory);
        let pixels = library::read(Format::WebP, decoder, request, beside, own, explain)?;
        Ok(Pixels { colours: profile(bytes), ..pixels })
    }

    /// Bytes that the decoder takes beside its result, which has transparency or not; those of codes are not counted
    /// far beyond `most`.
    pub(in crate::formats) fn beside(bytes: &[u8], has_alpha: bool, most: u64) -> u64 {
        let still = Parts::of(chunks(bytes), false).memory(None, has_alpha, most);
        let Some((_, frame)) = chunks(bytes).find(|(kind, _)| kind == b"ANMF") else { return still };
        // Where the frame is, how large, for how long; then its chunks. It is decoded apart from the result, and put
        // into a canvas with what came before.
        let size = frame.get(6..).and_then(|rest| rest.first_chunk()).map_or((0, 0), |size| sides(*size));
        let parts = Parts::of(chunks_of(frame.get(16..).unwrap_or_default()), true);
        let pixels = pixels(size).max(parts.lossy.map_or(0, pixels_of_lossy));
        let frame = parts.memory(Some(size), true, most).saturating_add(4 * pixels);
        still.max(frame.saturating_add(4 * canvas(bytes).unwrap_or(0)))
    }

    /// The chunks that a picture is made of, the first of each kind.
    #[derive(Default)]
    struct Parts<'a> {
        lossy: Option<&'a [u8]>,
        lossless: Option<&'a [u8]>,
        alpha: Option<&'a [u8]>,
    }

    impl<'a> Parts<'a> {
        /// In a frame, what follows transparency counts as lossy, whatever its kind.
        fn of(chunks: impl Iterator<Item = ([u8; 4], &'a [u8])>, in_frame: bool) -> Self {
            let mut parts = Self::default();
            for (kind, payload) in chunks {
                let part = match &kind {
                    _ if in_frame && parts.alpha.is_some() && parts.lossy.is_none() => &mut parts.lossy,
                    b"VP8 " => &mut parts.lossy,
                    b"VP8L" => &mut parts.lossless,
                    b"ALPH" => &mut parts.alpha,
                    _ => continue,
                };
                part.get_or_insert(payload);
            }
            parts
        }

        /// Bytes that the picture takes beside its pixels: one with transparency or without, and of this size if it is
        /// a frame.
        fn memory(&self, frame: Option<(u32, u32)>, has_alpha: bool, most: u64) -> u64 {
            let lossless = self.lossless.map_or(0, |payload| {
                // What the transforms know of each block of at least 4 x 4 pixels, and transparency that nobody wants.
                let pixels = pixels(size_of_lossless(payload)).max(frame.map_or(0, pixels));
                pixels * if has_alpha { 1 } else { 5 } + prefix_codes::memory(payload, most)
            });
            // Planes at full and at half the size, and the compressed data.
            let lossy = self.lossy.map_or(0, |payload| pixels_of_lossy(payload) * 3 / 2 + payload.len() as u64);
            // Unpacked like a lossless picture, of which one byte of four is kept.
            let alpha = self.alpha.map_or(0, |payload| {
                let size = frame.or(self.lossy.map(size_of_lossy)).unwrap_or_default();
                let data = payload.get(1..).unwrap_or_default();
                pixels(size) * 6 + prefix_codes::memory_of_data(data, size, most)
            });
            lossless.max(lossy.saturating_add(alpha))
        }
    }

    fn pixels((width, height): (u32, u32)) -> u64 {
        u64::from(width) * u64::from(height)
    }

    fn size_of_lossy(payload: &[u8]) -> (u32, u32) {
        let Some([w0, w1, h0, h1]) = payload.get(6..10) else { return (0, 0) };
        let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
        (side(*w0, *w1), side(*h0, *h1))
    }

    /// With the blocks of 16 x 16 pixels that reach over the edges.
    fn pixels_of_lossy(payload: &[u8]) -> u64 {
        let (width, height) = size_of_lossy(payload);
        pixels((width.next_multiple_of(16), height.next_multiple_of(16)))
    }

    pub(super) fn size_of_lossless(payload: &[u8]) -> (u32, u32) {
        let Some(size) = payload.get(1..).and_then(|rest| rest.first_chunk()) else { return (0, 0) };
        let size = u32::from_le_bytes(*size);
        ((size & 0x3fff) + 1, ((size >> 14) & 0x3fff) + 1)
    }

    /// Pixels of the picture that frames are put into.
    fn canvas(bytes: &[u8]) -> Option<u64> {
        let (_, header) = chunks(bytes).find(|(kind, _)| kind == b"VP8X")?;
        Some(pixels(sides(*header.get(4..)?.first_chunk()?)))
    }

    /// Width and height, each less one, of three bytes each.
    fn sides([w0, w1, w2, h0, h1, h2]: [u8; 6]) -> (u32, u32) {
        (u32::from_le_bytes([w0, w1, w2, 0]) + 1, u32::from_le_bytes([h0, h1, h2, 0]) + 1)
    }

    /// The RIFF header gives the size of all that follows; decoders do not always look at it.
    fn is_short(bytes: &[u8]) -> bool {
        let size = bytes.get(4..).and_then(|rest| rest.first_chunk());
        size.is_none_or(|size| u64::from(u32::from_le_bytes(*size)) + 8 > bytes.len() as u64)
    }

    fn metadata(bytes: &[u8]) -> Blocks<'_> {
        let mut blocks = Blocks::default();
        for (kind, payload) in chunks(bytes) {
            match &kind {
                b"EXIF" => blocks.exif = blocks.exif.or(Some(payload)),
                b"XMP " => blocks.xmp = blocks.xmp.or(Some(payload)),
                _ => {}
            }
        }
        blocks
    }

    fn profile(bytes: &[u8]) -> Option<ColourSpace> {
        let (_, profile) = chunks(bytes).find(|(kind, _)| kind == b"ICCP")?;
        (profile.len() <= LARGEST_PROFILE).then(|| ColourSpace::Icc(profile.to_vec()))
    }

    /// The chunks of the file: the kind and the payload of each. It just ends where the file does.
    fn chunks(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
        chunks_of(bytes.get(12..).unwrap_or_default())
    }

    /// The chunks of a payload that consists of them.
    fn chunks_of(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
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
            Some(DecodingError::FrameOutsideImage) => Fault::damaged("its first frame is outside the canvas"),
            Some(DecodingError::NoMoreFrames) => Fault::damaged("it has no frame"),
            Some(DecodingError::VersionNumberInvalid(version)) => {
                Fault::damaged(format!("its lossless data have version {version}, expected 0"))
            }
            Some(DecodingError::ColorSpaceInvalid(space)) => {
                Fault::damaged(format!("its colour space is {space}, expected 0"))
            }
            Some(DecodingError::UnsupportedFeature(_)) => Fault::Unsupported("this kind of WebP".into()),
            _ => Fault::damaged("its compressed data cannot be decompressed"),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn finds_the_exif_chunk_after_one_of_odd_size() {
            let file = b"RIFF\x1e\0\0\0WEBPodd_\x01\0\0\0X\0EXIF\x04\0\0\0MM\0*";
            assert_eq!(metadata(file).exif, Some(b"MM\0*".as_slice()));
            for length in 0..file.len() {
                assert_eq!(metadata(&file[..length]).exif, None, "{length} bytes");
            }
        }
    }
}
