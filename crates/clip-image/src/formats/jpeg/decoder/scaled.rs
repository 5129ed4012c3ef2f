//! Common JPEG files at a half, a quarter or an eighth of their size.
//!
//! An index needs a few hundred pixels of a side that has thousands. Most of a decoder's time goes
//! into pixels that the resize throws away again; here only the coefficients that the smaller
//! picture needs are transformed, and the others not even decoded, only stepped over.

use image::RgbImage;

use super::bits::{BitReader, ScanData};
use super::block::{Block, BlockDecoder};
use super::header::{Component, Header, NATURAL};
use super::idct::{self, Transform};
use super::scan::Scan;

/// Decodes a sequential file to `samples` (see [`samples_per_block`]) of 8 on either side, rounded
/// up.
///
/// `None` if the file is of another kind than [`Header`] describes, or damaged in any way: the full
/// decoder then says what can be said.
pub(super) fn decode(jpeg: &[u8], samples: u32) -> Option<RgbImage> {
    let header = &Header::read(jpeg)?;
    let data = ScanData::read(jpeg, header.data_start).filter(ScanData::is_ended)?;
    let mut planes = Planes::new(header, samples as usize)?;
    let (mcus_across, mcus_down) = header.mcus();
    let mut scan = Scan::new(header, &data)?;

    let size = |side: u32| (side * samples).div_ceil(8);
    let mut image = RgbImage::new(size(header.width), size(header.height));
    let row_bytes = image.width() as usize * 3;
    let band_bytes = row_bytes * planes.rows();
    let mut bands = image.chunks_mut(band_bytes);
    for mcu in 0..mcus_across * mcus_down {
        if scan.begin(mcu)? {
            planes.restart();
        }
        planes.decode_mcu(&mut scan.reader, mcu % mcus_across)?;
        if mcu % mcus_across == mcus_across - 1 {
            // The last rows of MCUs may lie outside the picture, rounded up to whole samples.
            if let Some(band) = bands.next() {
                planes.write(band, row_bytes);
            }
        }
    }
    scan.reader.is_within().then_some(image)
}

/// How many samples of 8 to keep on either side of a block: 1, 2 or 4, the fewest that leave at
/// least `least` on the shorter side. `None` if it takes all 8.
pub(super) fn samples_per_block(shorter_side: u32, least: u32) -> Option<u32> {
    [1, 2, 4].into_iter().find(|samples| shorter_side * samples / 8 >= least.max(1))
}

/// One row of MCUs, each component a plane of samples at the picture's resolution. Where a component
/// is stored with fewer samples, its blocks are transformed to more of them instead, so nothing has
/// to be interpolated.
struct Planes<'a> {
    planes: Vec<Plane<'a>>,
    /// The block at hand.
    block: Block,
}

struct Plane<'a> {
    decoder: BlockDecoder<'a>,
    /// Blocks an MCU is wide and high.
    blocks: (usize, usize),
    /// Samples that a block becomes, across and down.
    samples: (usize, usize),
    transform: Transform,
    factors: [f32; 64],
    /// Samples from one row to the next.
    stride: usize,
    rows: Vec<f32>,
}

impl<'a> Planes<'a> {
    fn new(header: &'a Header, samples: usize) -> Option<Self> {
        let (across, down) = header.finest();
        let stride = header.mcus().0 * across * samples;
        let plane = |component: &Component| {
            let samples = (samples * across / component.across, samples * down / component.down);
            Some(Plane {
                decoder: BlockDecoder::stepping(header.tables(component)?, behind_last_wanted(samples)),
                blocks: (component.across, component.down),
                samples,
                // None for more than 8 samples a block.
                transform: idct::transform(samples.0, samples.1)?,
                factors: idct::scale_factors(&component.quantisation),
                stride,
                rows: vec![0.0; stride * component.down * samples.1],
            })
        };
        let planes = header.components.iter().map(plane).collect::<Option<_>>()?;
        Some(Self { planes, block: Block::default() })
    }

    /// Rows of samples in a row of MCUs.
    fn rows(&self) -> usize {
        self.planes[0].rows.len() / self.planes[0].stride
    }

    fn restart(&mut self) {
        self.planes.iter_mut().for_each(|plane| plane.decoder.restart());
    }

    fn decode_mcu(&mut self, reader: &mut BitReader<'_>, mcu: usize) -> Option<()> {
        for plane in &mut self.planes {
            let (across, down) = plane.blocks;
            for y in 0..down {
                for x in 0..across {
                    plane.decoder.decode(reader, &mut self.block)?;
                    let at = y * plane.samples.1 * plane.stride + (mcu * across + x) * plane.samples.0;
                    (plane.transform)(&self.block, &plane.factors, &mut plane.rows[at..], plane.stride);
                }
            }
        }
        Some(())
    }

    /// Writes the row of MCUs as RGB, as many rows of it as the band has.
    fn write(&self, band: &mut [u8], row_bytes: usize) {
        for (y, row) in band.chunks_exact_mut(row_bytes).enumerate() {
            let pixels = row.as_chunks_mut::<3>().0;
            let width = pixels.len();
            let line = |plane: &Plane<'_>| y * plane.stride..y * plane.stride + width;
            match &self.planes[..] {
                [luma, blue, red] => {
                    let (luma, blue, red) = (&luma.rows[line(luma)], &blue.rows[line(blue)], &red.rows[line(red)]);
                    for (((to, luma), blue), red) in pixels.iter_mut().zip(luma).zip(blue).zip(red) {
                        *to = rgb(*luma, *blue, *red);
                    }
                }
                [grey, ..] => {
                    for (to, luma) in pixels.iter_mut().zip(&grey.rows[line(grey)]) {
                        *to = [rounded(*luma); 3];
                    }
                }
                [] => (),
            }
        }
    }
}

/// Place in zigzag order behind the last coefficient with fewer than `samples` half waves.
fn behind_last_wanted((across, down): (usize, usize)) -> usize {
    let wanted = |natural: u8| usize::from(natural % 8) < across && usize::from(natural / 8) < down;
    NATURAL.iter().rposition(|natural| wanted(*natural)).map_or(0, |last| last + 1)
}

/// YCbCr to RGB as JFIF defines it.
#[inline(always)]
fn rgb(luma: f32, blue: f32, red: f32) -> [u8; 3] {
    let (blue, red) = (blue - 128.0, red - 128.0);
    [rounded(luma + 1.402 * red), rounded(luma - 0.344_136_3 * blue - 0.714_136_3 * red), rounded(luma + 1.772 * blue)]
}

#[inline(always)]
fn rounded(sample: f32) -> u8 {
    // With this added, the lowest bits of the number are the nearest integer. A cast does the same,
    // but one sample at a time.
    const INTEGERS: f32 = (3 << 22) as f32;
    (sample.clamp(0.0, 255.0) + INTEGERS).to_bits() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_samples_that_suffice() {
        assert_eq!(samples_per_block(4096, 512), Some(1));
        assert_eq!(samples_per_block(4095, 512), Some(2));
        assert_eq!(samples_per_block(3000, 512), Some(2));
        assert_eq!(samples_per_block(1024, 512), Some(4));
        assert_eq!(samples_per_block(1023, 512), None);
        assert_eq!(samples_per_block(1, 0), None);
    }

    #[test]
    fn wanted_coefficients() {
        assert_eq!(behind_last_wanted((1, 1)), 1);
        assert_eq!(behind_last_wanted((2, 2)), 5);
        assert_eq!(behind_last_wanted((4, 4)), 25);
        assert_eq!(behind_last_wanted((8, 8)), 64);
        // 4 across, 2 down: (3, 1) is the last.
        assert_eq!(NATURAL[behind_last_wanted((4, 2)) - 1], 8 + 3);
    }

    #[test]
    fn colours() {
        assert_eq!(rgb(0.0, 128.0, 128.0), [0; 3]);
        assert_eq!(rgb(255.0, 128.0, 128.0), [255; 3]);
        assert_eq!(rgb(76.245, 84.972, 255.5), [255, 0, 0]);
    }
}
