//! Truevision TGA.

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["tga"],
    sniff: |bytes| bytes.first_chunk().is_some_and(is_header),
    #[cfg(feature = "tga")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "tga"))]
    codec: None,
};

const HEADER: usize = 18;

/// Whether these bytes can be a header. The format has no signature, so every field must have a value that is in use:
/// without a palette, six bytes are zero, which also distinguishes it from text.
fn is_header(header: &[u8; HEADER]) -> bool {
    let &[_, has_palette, kind, f0, f1, n0, n1, colour_bits, _, _, _, _, w0, w1, h0, h1, bits, descriptor] = header;
    let palette = match has_palette {
        0 => [f0, f1, n0, n1, colour_bits] == [0; 5],
        1 => {
            let end = u32::from(u16::from_le_bytes([f0, f1])) + u32::from(u16::from_le_bytes([n0, n1]));
            matches!(colour_bits, 15 | 16 | 24 | 32) && [n0, n1] != [0; 2] && end <= 256
        }
        _ => false,
    };
    let alpha = descriptor & 0x0f;
    let samples = match kind {
        1 | 9 => has_palette == 1 && bits == 8 && matches!(alpha, 0 | 8),
        2 | 10 => matches!((bits, alpha), (15 | 16, 0 | 1) | (24, 0) | (32, 0 | 8)),
        3 | 11 => matches!((bits, alpha), (8, 0) | (16, 0 | 8)),
        _ => false,
    };
    // The upper bits of the descriptor are for interleaved rows, which no program writes.
    palette && samples && descriptor < 0x40 && [w0, w1] != [0; 2] && [h0, h1] != [0; 2]
}

#[cfg(feature = "tga")]
mod codec {
    use image::RgbImage;

    use super::HEADER;
    use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
    use crate::raster::over_white;
    use crate::{Format, ImageError};

    // The format has no place for EXIF data.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |_| Blocks::default(), has_all_metadata: Some(|_| true) };

    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let truncated = || ImageError::Truncated { format: Format::Tga };
        let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(truncated)?;
        let &[id, _, kind, f0, f1, n0, n1, colour_bits, _, _, _, _, w0, w1, h0, h1, bits, descriptor] = header;
        let size = (u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into());
        request.limits.check_size(size, Format::Tga)?;
        request.reserve(Format::Tga, request.memory(0, rgb_bytes(size), None))?;

        let rest = rest.get(usize::from(id)..).ok_or_else(truncated)?;
        let colour = usize::from(colour_bits).div_ceil(8);
        let (first, count) = (u16::from_le_bytes([f0, f1]), u16::from_le_bytes([n0, n1]));
        let (stored, rest) = rest.split_at_checked(usize::from(count) * colour).ok_or_else(truncated)?;
        let mut palette = [[0; 3]; 256];
        for (to, from) in palette.iter_mut().skip(first.into()).zip(stored.chunks_exact(colour.max(1))) {
            *to = rgb(from);
        }

        let source = Source { rest, pixel: usize::from(bits).div_ceil(8), is_packed: kind > 8, packet: Packet::None };
        let is_grey = matches!(kind, 3 | 11);
        // Programs that do not support alpha leave it zero.
        let may_be_transparent = (is_grey && bits == 16) || (bits == 32 && descriptor & 0x0f != 0);
        let mut pixels = source.clone();
        let has_alpha = may_be_transparent
            && (0..u64::from(size.0) * u64::from(size.1))
                .map_while(|_| pixels.next())
                .any(|pixel| alpha(is_grey, pixel) != 0);

        let mut source = source;
        let mut image = RgbImage::new(size.0, size.1);
        let (from_right, from_top) = (descriptor & 0x10 != 0, descriptor & 0x20 != 0);
        for y in 0..size.1 {
            let y = if from_top { y } else { size.1 - 1 - y };
            for x in 0..size.0 {
                let pixel = source.next().ok_or_else(truncated)?;
                let colour = match kind {
                    1 | 9 => palette[usize::from(pixel[0])],
                    3 | 11 => [pixel[0]; 3],
                    _ => rgb(&pixel[..source.pixel]),
                };
                let alpha = if has_alpha { alpha(is_grey, pixel) } else { 255 };
                let x = if from_right { size.0 - 1 - x } else { x };
                image.put_pixel(x, y, image::Rgb(colour.map(|sample| over_white(sample, alpha))));
            }
        }
        Ok(Pixels { image, size, orientation: None, colours: None })
    }

    fn alpha(is_grey: bool, pixel: [u8; 4]) -> u8 {
        pixel[if is_grey { 1 } else { 3 }]
    }

    /// A colour of two bytes (5 bits per sample), or of blue, green and red.
    fn rgb(stored: &[u8]) -> [u8; 3] {
        match *stored {
            [low, high] => {
                let word = u16::from_le_bytes([low, high]);
                [10, 5, 0].map(|shift| ((u32::from(word >> shift & 31) * 255 + 15) / 31) as u8)
            }
            [blue, green, red, ..] => [red, green, blue],
            _ => [0; 3],
        }
    }

    /// Pixels in the order in which they are stored.
    #[derive(Clone)]
    struct Source<'a> {
        rest: &'a [u8],
        /// Bytes of a pixel.
        pixel: usize,
        is_packed: bool,
        packet: Packet,
    }

    /// The rest of the current packet. Packets may cross the ends of rows.
    #[derive(Clone, Copy)]
    enum Packet {
        None,
        Run(u8, [u8; 4]),
        Literals(u8),
    }

    impl Source<'_> {
        fn stored(&mut self) -> Option<[u8; 4]> {
            let (stored, rest) = self.rest.split_at_checked(self.pixel)?;
            self.rest = rest;
            let mut pixel = [0; 4];
            pixel[..stored.len()].copy_from_slice(stored);
            Some(pixel)
        }

        fn next(&mut self) -> Option<[u8; 4]> {
            if !self.is_packed {
                return self.stored();
            }
            if matches!(self.packet, Packet::None) {
                let (head, rest) = self.rest.split_first()?;
                self.rest = rest;
                let count = (head & 0x7f) + 1;
                self.packet =
                    if head & 0x80 == 0 { Packet::Literals(count) } else { Packet::Run(count, self.stored()?) };
            }
            let (packet, pixel) = match self.packet {
                Packet::Run(1, pixel) => (Packet::None, pixel),
                Packet::Run(count, pixel) => (Packet::Run(count - 1, pixel), pixel),
                Packet::Literals(count) if count > 1 => (Packet::Literals(count - 1), self.stored()?),
                _ => (Packet::None, self.stored()?),
            };
            self.packet = packet;
            Some(pixel)
        }
    }
}
