//! JPEG XL.

use super::codec::Definition;

const CONTAINER: &[u8] = b"\0\0\0\x0cJXL \r\n\x87\n";

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["jxl"],
    sniff: |bytes| bytes.starts_with(b"\xff\x0a") || bytes.starts_with(CONTAINER),
    #[cfg(feature = "jxl")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "jxl"))]
    codec: None,
};

#[cfg(feature = "jxl")]
mod codec {
    use std::error::Error;

    use image::RgbImage;
    use jxl_bitstream::Bitstream;
    use jxl_oxide::image::ImageHeader;
    use jxl_oxide::{
        AllocTracker, EnumColourEncoding, InitializeResult, JxlImage, JxlThreadPool, PixelFormat, RenderingIntent,
    };
    use jxl_oxide_common::Bundle;

    use super::CONTAINER;
    use crate::colour::{ColourSpace, LARGEST_PROFILE};
    use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
    use crate::formats::library::Fault;
    use crate::raster::over_white;
    use crate::{Format, ImageError, exif_data};

    pub(super) const CODEC: Codec = Codec { decode, metadata, has_all_metadata: None };

    /// Bytes of the file that are passed to the decoder at a time.
    const PIECE: usize = 1 << 16;

    /// Prefix-code tables and the like, which the decoder does not count.
    const TABLES: u64 = 16 << 20;

    /// The most bytes of a compressed colour profile, and of one as the decoder unpacks it.
    const MOST_PACKED_PROFILE: u64 = 4 << 20;
    const MOST_PROFILE: u64 = 256 << 20;

    /// The first frame, upright: the format has its own orientation.
    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let header = Header::read(bytes).map_err(|fault| fault.into_error(Format::Jxl))?;
        request.limits.check_size(header.size, Format::Jxl)?;
        // The data read so far, and a profile.
        let beside = (2 * bytes.len() as u64).saturating_add(TABLES).saturating_add(header.profile);
        let rgb = rgb_bytes(header.size);
        // Samples of 32 bits: as decoded, and once more as filtered or composed.
        let pixels = u64::from(header.size.0) * u64::from(header.size.1);
        let usual = pixels.saturating_mul(4 * 2 * (3 + header.extra_channels)).saturating_add(4 << 20);
        let all = |samples: u64| request.memory(samples.saturating_add(beside).saturating_add(rgb), rgb, None);
        let most = request.limits.max_memory.saturating_sub(all(0));
        request.reserve(Format::Jxl, all(usual))?;
        match decode_with(usual, header.size, bytes) {
            Err(Refusal::Memory) if most > usual => {
                request.reserve(Format::Jxl, all(most))?;
                decode_with(most, header.size, bytes)
            }
            result => result,
        }
        .map_err(|refusal| match refusal {
            Refusal::Memory => ImageError::TooMuchMemory {
                format: Format::Jxl,
                reason: format!("more than the limit of {} bytes", request.limits.max_memory),
            },
            Refusal::Fault(fault) => fault.into_error(Format::Jxl),
        })
    }

    /// What must be known before the decoder sees the file.
    struct Header {
        /// Upright.
        size: (u32, u32),
        /// Channels beside the colours.
        extra_channels: u64,
        /// The most bytes that a colour profile takes.
        profile: u64,
    }

    impl Header {
        fn read(bytes: &[u8]) -> Result<Self, Fault> {
            let stream = codestream(bytes).ok_or(Fault::Truncated)?;
            let describe = |error: jxl_bitstream::Error| match error.unexpected_eof() {
                true => Fault::Truncated,
                false => Fault::damaged("its header cannot be read"),
            };
            let mut bits = Bitstream::new(stream);
            let header = ImageHeader::parse(&mut bits, ()).map_err(describe)?;
            let packed = match header.metadata.colour_encoding.want_icc() {
                true => bits.read_u64().map_err(describe)?,
                false => 0,
            };
            if packed > MOST_PACKED_PROFILE {
                return Err(Fault::Unsupported("JPEG XL with a very large colour profile".into()));
            }
            let profile = if packed > 0 { 2 * packed + MOST_PROFILE } else { 0 };
            let size = (header.width_with_orientation(), header.height_with_orientation());
            Ok(Self { size, extra_channels: header.metadata.ec_info.len() as u64, profile })
        }
    }

    enum Refusal {
        /// The samples take more memory than allowed.
        Memory,
        Fault(Fault),
    }

    impl From<Fault> for Refusal {
        fn from(fault: Fault) -> Self {
            Self::Fault(fault)
        }
    }

    impl From<Box<dyn Error + Send + Sync>> for Refusal {
        fn from(error: Box<dyn Error + Send + Sync>) -> Self {
            let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
            while let Some(error) = cause {
                if error.is::<jxl_grid::OutOfMemory>() {
                    return Self::Memory;
                }
                cause = error.source();
            }
            Self::Fault(Fault::damaged("its compressed data cannot be decompressed"))
        }
    }

    fn decode_with(memory: u64, size: (u32, u32), bytes: &[u8]) -> Result<Pixels, Refusal> {
        let limit = AllocTracker::with_limit(usize::try_from(memory).unwrap_or(usize::MAX));
        let mut unknown = JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(limit).build_uninit();
        let mut rest = bytes;
        let mut image = loop {
            rest = &rest[fed(unknown.feed_bytes(piece(rest))?)?..];
            match unknown.try_init()? {
                InitializeResult::NeedMoreData(header) => unknown = header,
                InitializeResult::Initialized(image) => break image,
            }
        };
        let format = image.pixel_format();
        if format.has_black() {
            return Err(Fault::Unsupported("JPEG XL with CMYK colours".into()).into());
        }
        let metadata = &image.image_header().metadata;
        let has_profile = !metadata.xyb_encoded && metadata.colour_encoding.want_icc();
        let profile = image.original_icc().filter(|profile| has_profile && profile.len() <= LARGEST_PROFILE);
        let colours = profile.map(|profile| ColourSpace::Icc(profile.to_vec()));
        if !has_profile {
            image.request_color_encoding(match format {
                PixelFormat::Gray | PixelFormat::Graya => EnumColourEncoding::gray_srgb(RenderingIntent::Relative),
                _ => EnumColourEncoding::srgb(RenderingIntent::Relative),
            });
        }
        while image.num_loaded_keyframes() == 0 {
            rest = &rest[fed(image.feed_bytes(piece(rest))?)?..];
        }
        let render = image.render_frame(0)?;
        let mut stream = render.stream();
        let channels = stream.channels() as usize;
        if (stream.width(), stream.height()) != size || !(1..=4).contains(&channels) {
            return Err(Fault::damaged("its first frame differs in size from its header").into());
        }
        let mut pixels = RgbImage::new(size.0, size.1);
        for pixel in pixels.as_chunks_mut::<3>().0 {
            let mut samples = [0_u8; 4];
            stream.write_to_buffer(&mut samples[..channels]);
            let [a, b, c, d] = samples;
            *pixel = match channels {
                1 => [a; 3],
                2 => [over_white(a, b); 3],
                3 => [a, b, c],
                _ => [a, b, c].map(|sample| over_white(sample, d)),
            };
        }
        Ok(Pixels { image: pixels, size, orientation: None, colours })
    }

    fn piece(rest: &[u8]) -> &[u8] {
        &rest[..rest.len().min(PIECE)]
    }

    /// The number of bytes that the decoder consumed. `None` means that there are no more.
    fn fed(count: usize) -> Result<usize, Fault> {
        if count == 0 { Err(Fault::Truncated) } else { Ok(count) }
    }

    /// The beginning of the codestream.
    fn codestream(bytes: &[u8]) -> Option<&[u8]> {
        if !bytes.starts_with(CONTAINER) {
            return Some(bytes);
        }
        boxes(bytes).find_map(|(kind, payload)| match kind {
            b"jxlc" => Some(payload),
            // The first part, after its index.
            b"jxlp" => payload.get(4..),
            _ => None,
        })
    }

    /// The orientation in EXIF data is ignored, since the codestream has its own.
    fn metadata(bytes: &[u8]) -> Blocks<'_> {
        let mut blocks = Blocks::default();
        for (kind, payload) in boxes(bytes) {
            match kind {
                // The offset of the TIFF header comes first.
                b"Exif" if blocks.exif.is_none() => {
                    blocks.exif = payload.split_first_chunk().and_then(|(offset, rest)| {
                        let offset = usize::try_from(u32::from_be_bytes(*offset)).ok()?;
                        rest.get(offset..).map(exif_data::without_name)
                    });
                }
                b"xml " => blocks.xmp = blocks.xmp.or(Some(payload)),
                _ => (),
            }
        }
        blocks
    }

    /// The boxes of a container: the type and the payload of each. The last may extend beyond the end of the file.
    fn boxes(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
        let mut rest = if bytes.starts_with(CONTAINER) { bytes } else { &[] };
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (kind, mut payload) = after.split_first_chunk::<4>()?;
            let length = match u32::from_be_bytes(*length) {
                // To the end of the file.
                0 => payload.len() as u64,
                1 => {
                    let (length, after) = payload.split_first_chunk::<8>()?;
                    payload = after;
                    u64::from_be_bytes(*length).checked_sub(16)?
                }
                length => u64::from(length).checked_sub(8)?,
            };
            let length = usize::try_from(length).map_or(payload.len(), |length| length.min(payload.len()));
            (payload, rest) = payload.split_at(length);
            Some((kind, payload))
        })
    }
}
