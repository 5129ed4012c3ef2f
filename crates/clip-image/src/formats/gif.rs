//! GIF.

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["gif"],
    sniff: |bytes| matches!(bytes, [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..]),
    #[cfg(feature = "gif")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "gif"))]
    codec: None,
};

#[cfg(feature = "gif")]
mod codec {
    use std::io::Cursor;

    use gif::{Decoder, DecodingError, Frame};
    use image::RgbImage;

    use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
    use crate::formats::library::Fault;
    use crate::{Format, ImageError};

    pub(super) const CODEC: Codec = Codec { decode, metadata, has_all_metadata: None };

    /// The format has no place for EXIF data, and one for XMP that may be anywhere between the frames.
    fn metadata(bytes: &[u8]) -> Blocks<'_> {
        Blocks { xmp: xmp(bytes), ..Blocks::default() }
    }

    /// The XMP packet, which is stored as it is: it counts as blocks of data that end behind it (XMP, part 3, 1.1.2).
    fn xmp(bytes: &[u8]) -> Option<&[u8]> {
        const EXTENSION: u8 = 0x21;
        const APPLICATION: u8 = 0xff;
        const FRAME: u8 = 0x2c;
        let (header, rest) = bytes.split_first_chunk::<13>()?;
        let mut rest = behind_palette(header[10], rest)?;
        loop {
            match rest {
                [EXTENSION, kind, blocks @ ..] => {
                    let after = behind_blocks(blocks)?;
                    if *kind == APPLICATION
                        && let Some(packet) = blocks.strip_prefix(b"\x0bXMP DataXMP")
                    {
                        return packet.get(..packet.len() - after.len());
                    }
                    rest = after;
                }
                [FRAME, frame @ ..] => {
                    let (frame, after) = frame.split_first_chunk::<9>()?;
                    // The size of codes is before the blocks.
                    rest = behind_blocks(behind_palette(frame[8], after)?.get(1..)?)?;
                }
                _ => return None,
            }
        }
    }

    /// What follows a palette, if the flags say that there is one.
    fn behind_palette(flags: u8, bytes: &[u8]) -> Option<&[u8]> {
        bytes.get(if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }..)
    }

    /// What follows blocks of data, each with its length before it; the last one is empty.
    fn behind_blocks(mut bytes: &[u8]) -> Option<&[u8]> {
        loop {
            let (length, rest) = bytes.split_first()?;
            bytes = rest.get(usize::from(*length)..)?;
            if *length == 0 {
                return Some(bytes);
            }
        }
    }

    /// The first frame that is not empty, over white: animations may begin with an empty or transparent one. Decoded row by
    /// row, so that beside the result only one row is in memory.
    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let describe = |error: DecodingError| explain(&error).into_error(Format::Gif);
        request.reserve(Format::Gif, request.memory(metadata_of(bytes), 0, None))?;
        let mut options = gif::DecodeOptions::new();
        // Extensions that nobody knows are passed over, as in browsers.
        options.allow_unknown_blocks(true);
        let mut decoder = options.read_info(Cursor::new(bytes)).map_err(describe)?;
        let screen = (decoder.width(), decoder.height());
        let Some(mut place) = decoder.next_frame_info().map_err(describe)?.map(Place::of) else {
            return Err(Fault::damaged("it has no frame").into_error(Format::Gif));
        };
        let size = canvas(screen, &mut place);
        request.limits.check_size(size, Format::Gif)?;
        let rgb = rgb_bytes(size);
        let row = u64::from(u16::MAX);
        let decoding = rgb.saturating_add(row).saturating_add(metadata_of(bytes));
        request.reserve(Format::Gif, request.memory(decoding, rgb, None))?;

        let mut image = RgbImage::from_pixel(size.0, size.1, image::Rgb([255; 3]));
        // The number of empty frames that are decoded is limited.
        let mut pixels = 0;
        while !read_frame(&mut decoder, &place, &mut image).map_err(|fault| fault.into_error(Format::Gif))? {
            pixels += u64::from(place.width) * u64::from(place.height) + 1;
            if pixels > request.limits.max_pixels {
                break;
            }
            match decoder.next_frame_info().map_err(describe)? {
                Some(frame) => place = Place::of(frame),
                None => break,
            }
        }
        Ok(Pixels { image, size, orientation: None, colours: None })
    }

    /// The most bytes of a colour profile and of XMP before the first frame that the decoder keeps; it has a limit for
    /// each.
    fn metadata_of(bytes: &[u8]) -> u64 {
        const MOST: u64 = 2 * 50_000_000;
        (bytes.len() as u64).min(MOST)
    }

    /// Where a frame is in the picture, and how its rows are ordered.
    struct Place {
        left: usize,
        top: usize,
        width: u16,
        height: u16,
        interlaced: bool,
        transparent: Option<u8>,
    }

    impl Place {
        fn of(frame: &Frame<'_>) -> Self {
            Self {
                left: frame.left.into(),
                top: frame.top.into(),
                width: frame.width,
                height: frame.height,
                interlaced: frame.interlaced,
                transparent: frame.transparent,
            }
        }

        /// The rows in the order in which they are stored.
        fn rows(&self) -> impl Iterator<Item = usize> + use<> {
            let passes: &[(usize, usize)] = if self.interlaced { &[(0, 8), (4, 8), (2, 4), (1, 2)] } else { &[(0, 1)] };
            let height = usize::from(self.height);
            passes.iter().flat_map(move |(first, step)| (*first..height).step_by(*step))
        }
    }

    /// The size of the picture. As in browsers, a first frame that is larger than the screen is the whole picture, wherever
    /// it lies; one that only exceeds an edge is not cropped.
    fn canvas(screen: (u16, u16), first: &mut Place) -> (u32, u32) {
        if first.width > screen.0 || first.height > screen.1 {
            (first.left, first.top) = (0, 0);
            return (first.width.into(), first.height.into());
        }
        let side = |screen: u16, start: usize, length: u16| u32::from(screen).max(start as u32 + u32::from(length));
        (side(screen.0, first.left, first.width), side(screen.1, first.top, first.height))
    }

    /// Draws a frame. Returns whether any of it is visible.
    fn read_frame(decoder: &mut Decoder<Cursor<&[u8]>>, place: &Place, image: &mut RgbImage) -> Result<bool, Fault> {
        let width = usize::from(place.width);
        if width == 0 {
            return Ok(false);
        }
        let mut palette = [[0; 3]; 256];
        for (to, from) in palette.iter_mut().zip(decoder.palette().unwrap_or_default().as_chunks::<3>().0) {
            *to = *from;
        }
        let mut row = vec![0; width];
        let stride = 3 * image.width() as usize;
        let mut shows = false;
        for y in place.rows() {
            if !decoder.fill_buffer(&mut row).map_err(|error| explain(&error))? {
                return Err(Fault::damaged("one of its frames has too few pixels"));
            }
            // Pixels outside are not visible.
            let start = (place.top + y).saturating_mul(stride);
            let Some(to) = image.get_mut(start..).and_then(|rest| rest.get_mut(..stride)) else { continue };
            for (pixel, index) in to.as_chunks_mut::<3>().0.iter_mut().skip(place.left).zip(&row) {
                if Some(*index) != place.transparent {
                    *pixel = palette[usize::from(*index)];
                    shows = true;
                }
            }
        }
        Ok(shows)
    }

    fn explain(error: &DecodingError) -> Fault {
        match error {
            DecodingError::UnexpectedEof => Fault::Truncated,
            DecodingError::LzwError(_) | DecodingError::EndCodeNotFound => {
                Fault::damaged("its compressed data cannot be decompressed")
            }
            _ => Fault::damaged("its blocks are not laid out as the format requires"),
        }
    }
}
