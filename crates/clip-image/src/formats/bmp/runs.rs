//! Run-length encoded pixels.

use image::RgbImage;

use super::header::Header;
use super::pixels::row_of;
use crate::formats::library::Fault;

/// Reads runs of pixels of 4, 8 or 24 bits up to the end of the picture. Skipped pixels have the first colour.
///
/// The end marker may be missing if all rows are there, and runs that exceed a row are cut.
pub(super) fn read(
    header: &Header,
    palette: &[[u8; 3]; 256],
    stored: &[u8],
    image: &mut RgbImage,
) -> Result<(), Fault> {
    for pixel in image.as_chunks_mut::<3>().0 {
        *pixel = palette[0];
    }
    let (width, height) = header.size;
    let mut at = Place { x: 0, y: 0 };
    let mut source = Source { rest: stored, bits: header.bits };
    while at.y < height {
        // Nothing has to follow the last pixel.
        let is_filled = at.y == height - 1 && at.x >= width;
        let Some([count, value]) = source.two() else { return if is_filled { Ok(()) } else { Err(Fault::Truncated) } };
        match (count, value) {
            (0, 0) => at = Place { x: 0, y: at.y + 1 },
            (0, 1) => return Ok(()),
            (0, 2) => {
                let [right, up] = source.two().ok_or(Fault::Truncated)?;
                at = Place { x: at.x.saturating_add(right.into()), y: at.y.saturating_add(up.into()) };
            }
            (0, count) => {
                let literals = source.literals(count).ok_or(Fault::Truncated)?;
                let row = row_of(image, header, at.y);
                for i in 0..u32::from(count) {
                    put(row, at.x.saturating_add(i), pixel(palette, header.bits, literals, i));
                }
                at.x = at.x.saturating_add(count.into());
            }
            (count, value) => {
                let colours = source.run(value).ok_or(Fault::Truncated)?;
                let row = row_of(image, header, at.y);
                for i in 0..u32::from(count) {
                    // In 4-bit runs, two colours alternate.
                    put(row, at.x.saturating_add(i), pixel(palette, header.bits, &colours, i % 2));
                }
                at.x = at.x.saturating_add(count.into());
            }
        }
    }
    Ok(())
}

/// Rows count from the bottom one.
struct Place {
    x: u32,
    y: u32,
}

struct Source<'a> {
    rest: &'a [u8],
    bits: u16,
}

impl<'a> Source<'a> {
    fn two(&mut self) -> Option<[u8; 2]> {
        let (two, rest) = self.rest.split_first_chunk::<2>()?;
        self.rest = rest;
        Some(*two)
    }

    /// The samples of this many pixels, padded to two bytes.
    fn literals(&mut self, count: u8) -> Option<&'a [u8]> {
        let length = (usize::from(count) * usize::from(self.bits)).div_ceil(8);
        let literals = self.rest.get(..length)?;
        self.rest = self.rest.get(length.next_multiple_of(2)..).unwrap_or_default();
        Some(literals)
    }

    /// The samples of a run, given as two pixels. The first byte has been read.
    fn run(&mut self, first: u8) -> Option<[u8; 6]> {
        if self.bits < 24 {
            return Some([first; 6]);
        }
        let (two, rest) = self.rest.split_first_chunk::<2>()?;
        self.rest = rest;
        Some([first, two[0], two[1], first, two[0], two[1]])
    }
}

fn pixel(palette: &[[u8; 3]; 256], bits: u16, samples: &[u8], i: u32) -> [u8; 3] {
    let i = i as usize;
    match bits {
        4 => palette[usize::from(samples[i / 2] >> (4 * (1 - i % 2)) & 15)],
        8 => palette[usize::from(samples[i])],
        _ => [samples[3 * i + 2], samples[3 * i + 1], samples[3 * i]],
    }
}

fn put(row: &mut [u8], x: u32, colour: [u8; 3]) {
    if let Some(pixel) = row.as_chunks_mut::<3>().0.get_mut(x as usize) {
        *pixel = colour;
    }
}
