//! QOI, the "quite OK image" format.

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["qoi"],
    sniff: |bytes| bytes.starts_with(b"qoif"),
    #[cfg(feature = "qoi")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "qoi"))]
    codec: None,
};

#[cfg(feature = "qoi")]
mod codec {
    use image::RgbImage;

    use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
    use crate::formats::library::Fault;
    use crate::raster::over_white;
    use crate::{Format, ImageError};

    // The format has no place for EXIF data.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |_| Blocks::default(), has_all_metadata: Some(|_| true) };

    /// As in <https://qoiformat.org/qoi-specification.pdf>. The end marker may be missing.
    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let truncated = ImageError::Truncated { format: Format::Qoi };
        let Some((header, rest)) = bytes.split_first_chunk::<14>() else { return Err(truncated) };
        let &[_, _, _, _, w3, w2, w1, w0, h3, h2, h1, h0, channels, _] = header;
        let size = (u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0]));
        request.limits.check_size(size, Format::Qoi)?;
        if !matches!(channels, 3 | 4) {
            return Err(Fault::Damaged(format!("it has {channels} channels, expected 3 or 4")).into_error(Format::Qoi));
        }
        request.reserve(Format::Qoi, request.memory(0, rgb_bytes(size), None))?;
        let mut image = RgbImage::new(size.0, size.1);
        let mut reader = Reader { rest, last: [0, 0, 0, 255], seen: [[0; 4]; 64], run: 0 };
        for pixel in image.as_chunks_mut::<3>().0 {
            let Some([red, green, blue, alpha]) = reader.next() else { return Err(truncated) };
            *pixel = [red, green, blue].map(|sample| over_white(sample, alpha));
        }
        Ok(Pixels { image, size, orientation: None, colours: None })
    }

    struct Reader<'a> {
        rest: &'a [u8],
        last: [u8; 4],
        /// Pixels seen so far, by hash.
        seen: [[u8; 4]; 64],
        /// How often the last pixel is still to be repeated.
        run: u8,
    }

    impl Reader<'_> {
        fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
            let (taken, rest) = self.rest.split_first_chunk::<N>()?;
            self.rest = rest;
            Some(*taken)
        }

        fn next(&mut self) -> Option<[u8; 4]> {
            if self.run > 0 {
                self.run -= 1;
                return Some(self.last);
            }
            let [red, green, blue, alpha] = self.last;
            let [tag] = self.take()?;
            let low = tag & 0x3f;
            self.last = match (tag, tag >> 6) {
                (0xfe, _) => {
                    let [red, green, blue] = self.take()?;
                    [red, green, blue, alpha]
                }
                (0xff, _) => self.take()?,
                (_, 0) => self.seen[usize::from(low)],
                (_, 1) => {
                    let by = |sample: u8, shift: u8| sample.wrapping_add(low >> shift & 3).wrapping_sub(2);
                    [by(red, 4), by(green, 2), by(blue, 0), alpha]
                }
                (_, 2) => {
                    let [second] = self.take()?;
                    let by_green = low.wrapping_sub(32);
                    let by = |nibble: u8| by_green.wrapping_add(nibble).wrapping_sub(8);
                    [
                        red.wrapping_add(by(second >> 4)),
                        green.wrapping_add(by_green),
                        blue.wrapping_add(by(second & 15)),
                        alpha,
                    ]
                }
                // This is the first of the run.
                _ => {
                    self.run = low;
                    self.last
                }
            };
            let hash = self.last.iter().zip([3, 5, 7, 11]).map(|(sample, factor)| usize::from(*sample) * factor);
            self.seen[hash.sum::<usize>() % 64] = self.last;
            Some(self.last)
        }
    }
}
