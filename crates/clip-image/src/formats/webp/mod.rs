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
    use std::io::{self, BufRead, Read, Seek, SeekFrom};

    use image::ColorType;
    use image::metadata::Orientation;
    use image_webp::{DecodingError, WebPDecoder};

    use super::prefix_codes;
    use crate::colour::{ColourSpace, LARGEST_PROFILE};
    use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
    use crate::formats::library::Fault;
    use crate::raster::Samples;
    use crate::{Format, ImageError, exif_data};

    pub(super) const CODEC: Codec = Codec { decode, metadata, has_all_metadata: None };

    /// The most frames of an animation that are decoded to find one that is not empty.
    const MOST_FRAMES: usize = 32;

    /// A still picture, or the first frame of an animation that is not empty: it may begin with a transparent one.
    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        if is_short(bytes) {
            return Err(ImageError::Truncated { format: Format::WebP });
        }
        match decode_frames(1, bytes, request)? {
            (samples, true) => Ok(samples),
            (first, false) => {
                // Further frames may take more memory than the first.
                drop(first);
                decode_frames(MOST_FRAMES, bytes, request).map(|(samples, _)| samples)
            }
        }
    }

    /// Decodes at most this many frames. Returns whether the last of them is not empty.
    fn decode_frames(most: usize, bytes: &[u8], request: &Request<'_>) -> Result<(Pixels, bool), ImageError> {
        let describe = |error: DecodingError| describe(&error, request);
        let own = metadata(bytes).exif.and_then(Orientation::from_exif_chunk);
        let mut decoder = WebPDecoder::new(Corrected::new(bytes)).map_err(describe)?;
        let size = decoder.dimensions();
        request.limits.check_size(size, Format::WebP)?;
        let colour = if decoder.has_alpha() { ColorType::Rgba8 } else { ColorType::Rgb8 };
        let beside = beside(bytes, most, decoder.has_alpha(), request.limits.max_memory);
        let memory = Samples::memory(colour, size).unwrap_or(u64::MAX).saturating_add(beside);
        request.reserve(Format::WebP, request.memory(memory, rgb_bytes(size), own))?;
        decoder.set_memory_limit(usize::try_from(request.limits.max_memory).unwrap_or(usize::MAX));
        let mut samples =
            Samples::new(colour, size).ok_or_else(|| Fault::damaged("its size").into_error(Format::WebP))?;
        let mut shows = true;
        if decoder.is_animated() {
            for _ in 0..most.min(decoder.num_frames() as usize) {
                decoder.read_frame(samples.bytes_mut()).map_err(describe)?;
                shows = colour != ColorType::Rgba8 || samples.bytes_mut().chunks_exact(4).any(|pixel| pixel[3] != 0);
                if shows {
                    break;
                }
            }
            // There may be no other.
            shows |= decoder.num_frames() <= 1;
        } else {
            decoder.read_image(samples.bytes_mut()).map_err(describe)?;
        }
        Ok((Pixels { image: samples.into_rgb(), size, orientation: own, colours: profile(bytes) }, shows))
    }

    fn describe(error: &DecodingError, request: &Request<'_>) -> ImageError {
        match error {
            DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                ImageError::Truncated { format: Format::WebP }
            }
            DecodingError::MemoryLimitExceeded => ImageError::TooMuchMemory {
                format: Format::WebP,
                reason: format!("more than the limit of {} bytes", request.limits.max_memory),
            },
            _ => explain(error).into_error(Format::WebP),
        }
    }

    /// The file with a corrected list of chunks in its header: some programs announce chunks that are missing, or forget
    /// some.
    struct Corrected<'a> {
        file: io::Cursor<&'a [u8]>,
        /// The flags of the header, if it has any.
        flags: Option<u8>,
    }

    impl<'a> Corrected<'a> {
        const FLAGS_AT: u64 = 20;

        fn new(bytes: &'a [u8]) -> Self {
            let stored = bytes.get(20).copied().filter(|_| bytes.get(12..16) == Some(b"VP8X"));
            Self { file: io::Cursor::new(bytes), flags: stored.map(|flags| flags_of(flags, bytes)) }
        }
    }

    fn flags_of(stored: u8, bytes: &[u8]) -> u8 {
        const ALPHA: u8 = 0x10;
        const EXIF: u8 = 0x08;
        const XMP: u8 = 0x04;
        const ANIMATION: u8 = 0x02;
        let find = |kind: &[u8; 4]| chunks(bytes).find(|(found, _)| found == kind).map(|(_, payload)| payload);
        let lossless = find(b"VP8L");
        let is_still = lossless.is_some() || find(b"VP8 ").is_some();
        let has_frames = find(b"ANIM").is_some() && find(b"ANMF").is_some();
        let is_animated = has_frames && (stored & ANIMATION != 0 || !is_still);
        let has_alpha = match lossless {
            _ if is_animated => true,
            // The bit after width and height, of 14 bits each.
            Some(lossless) => lossless.get(4).is_some_and(|byte| byte & 0x10 != 0),
            None => find(b"ALPH").is_some(),
        };
        let mut flags = stored & !(ALPHA | EXIF | XMP | ANIMATION);
        for (flag, is_there) in [
            (ALPHA, has_alpha),
            (EXIF, find(b"EXIF").is_some()),
            (XMP, find(b"XMP ").is_some()),
            (ANIMATION, is_animated),
        ] {
            if is_there {
                flags |= flag;
            }
        }
        flags
    }

    impl Read for Corrected<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let start = self.file.position();
            let count = self.file.read(to)?;
            let at = Self::FLAGS_AT.checked_sub(start).and_then(|at| usize::try_from(at).ok());
            if let (Some(flags), Some(byte)) = (self.flags, at.and_then(|at| to[..count].get_mut(at))) {
                *byte = flags;
            }
            Ok(count)
        }
    }

    impl BufRead for Corrected<'_> {
        /// Stops before the flags and after them.
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            let start = self.file.position();
            let rest = self.file.fill_buf()?;
            let Some(flags) = &self.flags else { return Ok(rest) };
            Ok(match Self::FLAGS_AT.checked_sub(start).map(|before| usize::try_from(before).unwrap_or(usize::MAX)) {
                Some(0) if !rest.is_empty() => std::slice::from_ref(flags),
                Some(before) => rest.get(..before).unwrap_or(rest),
                None => rest,
            })
        }

        fn consume(&mut self, count: usize) {
            self.file.consume(count);
        }
    }

    impl Seek for Corrected<'_> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    /// Bytes that the decoder takes beside its result, with alpha or without, for at most this many frames; tables of
    /// prefix codes are not counted far beyond `most`.
    pub(in crate::formats) fn beside(bytes: &[u8], frames: usize, has_alpha: bool, most: u64) -> u64 {
        let still = Parts::of(chunks(bytes), false).memory(None, has_alpha, most);
        let frames = chunks(bytes).filter(|(kind, _)| kind == b"ANMF").take(frames);
        let Some(frame) = frames.map(|(_, frame)| memory_of_frame(frame, most)).max() else { return still };
        still.max(frame.saturating_add(4 * canvas(bytes).unwrap_or(0)))
    }

    /// Bytes that a frame takes. It is decoded separately, and drawn onto a canvas with the earlier frames.
    fn memory_of_frame(frame: &[u8], most: u64) -> u64 {
        // Position, size and duration of the frame; then its chunks.
        let size = frame.get(6..).and_then(|rest| rest.first_chunk()).map_or((0, 0), |size| sides(*size));
        let parts = Parts::of(chunks_of(frame.get(16..).unwrap_or_default()), true);
        let pixels = pixels(size).max(parts.lossy.map_or(0, pixels_of_lossy));
        parts.memory(Some(size), true, most).saturating_add(4 * pixels)
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
                b"EXIF" => blocks.exif = blocks.exif.or(Some(exif_data::without_name(payload))),
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

    fn explain(error: &DecodingError) -> Fault {
        match error {
            DecodingError::ChunkMissing => Fault::damaged("a chunk is missing"),
            DecodingError::NotEnoughInitData => Fault::damaged("a chunk is shorter than its content"),
            DecodingError::ChunkHeaderInvalid(_) | DecodingError::InvalidChunkSize => {
                Fault::damaged("the header of a chunk is not valid")
            }
            DecodingError::ImageTooLarge | DecodingError::InconsistentImageSizes => {
                Fault::damaged("its headers contradict each other about its size")
            }
            DecodingError::FrameOutsideImage => Fault::damaged("its first frame is outside the canvas"),
            DecodingError::NoMoreFrames => Fault::damaged("it has no frame"),
            DecodingError::VersionNumberInvalid(version) => {
                Fault::damaged(format!("its lossless data have version {version}, expected 0"))
            }
            DecodingError::ColorSpaceInvalid(space) => {
                Fault::damaged(format!("its colour space is {space}, expected 0"))
            }
            DecodingError::UnsupportedFeature(_) => Fault::Unsupported("this kind of WebP".into()),
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
