//! Pixels that are stored without compression.

use image::RgbImage;

use super::header::Header;
use crate::formats::library::Fault;
use crate::formats::linear;
use crate::raster;

/// Reads all rows.
pub(super) fn read(
    header: &Header,
    palette: &[[u8; 3]; 256],
    stored: &[u8],
    image: &mut RgbImage,
) -> Result<(), Fault> {
    let rows = Rows::of(header, stored)?;
    if header.bits == 64 {
        let has_alpha =
            (0..header.size.1).any(|y| rows.row(y).as_chunks::<8>().0.iter().any(|pixel| pixel[6..] != [0; 2]));
        for y in 0..header.size.1 {
            for (pixel, to) in rows.row(y).as_chunks().0.iter().zip(row_of(image, header, y).as_chunks_mut().0) {
                *to = of_64_bits(*pixel, has_alpha);
            }
        }
        return Ok(());
    }
    // Programs that do not support alpha leave it zero.
    let has_alpha = header.masks[3] != 0 && rows.any_alpha(header);
    let alpha = has_alpha.then_some(header.masks[3]);
    for y in 0..header.size.1 {
        convert(header, palette, alpha, rows.row(y), row_of(image, header, y));
    }
    Ok(())
}

/// Reads all rows and those of the mask after them, which may be missing. A 32-bit pixel has its own alpha, unless alpha is
/// zero throughout.
#[cfg(feature = "ico")]
pub(super) fn read_icon(
    header: &mut Header,
    palette: &[[u8; 3]; 256],
    stored: &[u8],
    image: &mut RgbImage,
) -> Result<(), Fault> {
    let rows = Rows::of(header, stored)?;
    if header.bits == 32 {
        header.masks[3] = 0xff00_0000;
        if rows.any_alpha(header) {
            return read(header, palette, stored, image);
        }
    }
    let mask = stored.get(rows.stride * rows.count as usize..).unwrap_or_default();
    let mask = Rows::with_bytes(header.size, u64::from(header.size.0.div_ceil(8)), mask).ok();
    for y in 0..header.size.1 {
        let to = row_of(image, header, y);
        convert(header, palette, None, rows.row(y), to);
        let Some(mask) = &mask else { continue };
        for (byte, pixels) in mask.row(y).iter().zip(to.as_chunks_mut::<3>().0.chunks_mut(8)) {
            for (i, pixel) in pixels.iter_mut().enumerate() {
                if byte << i & 0x80 != 0 {
                    *pixel = [255; 3];
                }
            }
        }
    }
    Ok(())
}

/// The stored rows.
struct Rows<'a> {
    stored: &'a [u8],
    row: usize,
    stride: usize,
    count: u32,
}

impl<'a> Rows<'a> {
    fn of(header: &Header, stored: &'a [u8]) -> Result<Self, Fault> {
        Self::with_bytes(header.size, header.row_bytes(), stored)
    }

    /// Rows of this many bytes, padded to a multiple of four. The last one may lack its padding.
    fn with_bytes((_, count): (u32, u32), row: u64, stored: &'a [u8]) -> Result<Self, Fault> {
        let stride = row.next_multiple_of(4);
        let needed = u64::from(count.saturating_sub(1)).saturating_mul(stride).saturating_add(row);
        if needed > stored.len() as u64 {
            return Err(Fault::Truncated);
        }
        Ok(Self { stored, row: row as usize, stride: stride as usize, count })
    }

    /// The row at this place in the file.
    fn row(&self, y: u32) -> &'a [u8] {
        let start = y as usize * self.stride;
        self.stored.get(start..start + self.row).unwrap_or_default()
    }

    fn any_alpha(&self, header: &Header) -> bool {
        (0..self.count).any(|y| words(self.row(y), header.bits).any(|pixel| pixel & header.masks[3] != 0))
    }
}

/// The row of the picture that is at this place in the file.
pub(super) fn row_of<'a>(image: &'a mut RgbImage, header: &Header, y: u32) -> &'a mut [u8] {
    let y = if header.is_top_down { y } else { header.size.1 - 1 - y };
    let stride = 3 * header.size.0 as usize;
    let pixels: &mut [u8] = image;
    &mut pixels[y as usize * stride..][..stride]
}

fn words(row: &[u8], bits: u16) -> impl Iterator<Item = u32> {
    let bytes = usize::from(bits / 8).max(1);
    row.chunks_exact(bytes).map(|pixel| pixel.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
}

/// A stored row as RGB, over white where there is transparency.
fn convert(header: &Header, palette: &[[u8; 3]; 256], alpha: Option<u32>, row: &[u8], to: &mut [u8]) {
    let to = to.as_chunks_mut::<3>().0;
    match header.bits {
        bits @ (1 | 2 | 4 | 8) => {
            let (per_byte, mask) = (8 / usize::from(bits), (1_u16 << bits) - 1);
            for (pixels, byte) in to.chunks_mut(per_byte).zip(row) {
                for (i, pixel) in (1..).zip(pixels) {
                    *pixel = palette[usize::from((u16::from(*byte) >> (8 - i * bits)) & mask)];
                }
            }
        }
        24 => {
            for (pixel, [blue, green, red]) in to.iter_mut().zip(row.as_chunks::<3>().0) {
                *pixel = [*red, *green, *blue];
            }
        }
        bits => {
            let colours = [0, 1, 2].map(|i| Samples::of(header.masks[i]));
            let alpha = alpha.map(Samples::of);
            for (pixel, word) in to.iter_mut().zip(words(row, bits)) {
                *pixel = colours.map(|colour| colour.get(word));
                if let Some(alpha) = alpha.map(|alpha| alpha.get(word)) {
                    *pixel = pixel.map(|sample| raster::over_white(sample, alpha));
                }
            }
        }
    }
}

/// Blue, green, red and opacity as light, over white: signed numbers of which 8,192 is all of it, as GDI+ has them.
fn of_64_bits(pixel: [u8; 8], has_alpha: bool) -> [u8; 3] {
    const ALL: f32 = 8192.0;
    let sample = |i: usize| (f32::from(i16::from_le_bytes([pixel[2 * i], pixel[2 * i + 1]])) / ALL).clamp(0.0, 1.0);
    let alpha = if has_alpha { (sample(3) * 255.0).round() as u8 } else { 255 };
    [2, 1, 0].map(|i| raster::over_white(linear::srgb(sample(i)), alpha))
}

/// Where the bits of a sample are in a pixel.
#[derive(Clone, Copy)]
struct Samples {
    mask: u32,
    shift: u32,
    most: u64,
}

impl Samples {
    fn of(mask: u32) -> Self {
        let shift = if mask == 0 { 0 } else { mask.trailing_zeros() };
        Self { mask, shift, most: u64::from(mask >> shift).max(1) }
    }

    /// In eight bits, rounded.
    fn get(self, word: u32) -> u8 {
        let sample = u64::from((word & self.mask) >> self.shift);
        ((sample * 255 + self.most / 2) / self.most) as u8
    }
}
