//! Common JPEG files at a half, a quarter or an eighth of their size.
//!
//! An index needs a few hundred pixels of a side that has thousands. Most of a decoder's time goes
//! into pixels that the resize throws away again; here only the coefficients that the smaller
//! picture needs are transformed, and the others not even decoded, only stepped over.

use image::RgbImage;

use super::bands::{Band, samples_of};
use super::bits::ScanData;
use super::block::{Block, BlockDecoder};
use super::header::{Component, Header, NATURAL};
use super::scan::Scan;

/// Decodes a sequential file to `samples` (see [`samples_per_block`]) of 8 on either side, rounded
/// up.
///
/// `None` if the file is of another kind than [`Header`] describes, or damaged in any way: the full
/// decoder then says what can be said.
pub(super) fn decode(jpeg: &[u8], samples: u32) -> Option<RgbImage> {
    let header = &Header::read(jpeg)?;
    let data = ScanData::read(jpeg, header.data_start).filter(ScanData::is_ended)?;
    let (mcus_across, mcus_down) = header.mcus();
    let mut band = Band::new(&header.components, mcus_across, samples as usize)?;
    let decoder = |component: &Component| {
        let samples = samples_of(component, &header.components, samples as usize)?;
        Some(BlockDecoder::stepping(header.tables(component)?, behind_last_wanted(samples)))
    };
    let mut decoders = header.components.iter().map(decoder).collect::<Option<Vec<_>>>()?;
    let mut scan = Scan::new(header, &data)?;

    let mut image = RgbImage::new(scaled_side(header.width, samples), scaled_side(header.height, samples));
    let row_bytes = image.width() as usize * 3;
    let mut bands = image.chunks_mut(row_bytes * band.rows());
    let mut block = Block::default();
    for mcu in 0..mcus_across * mcus_down {
        if scan.begin(mcu)? {
            decoders.iter_mut().for_each(BlockDecoder::restart);
        }
        let column = mcu % mcus_across;
        for ((index, component), decoder) in header.components.iter().enumerate().zip(&mut decoders) {
            for (y, x) in (0..component.down).flat_map(|y| (0..component.across).map(move |x| (y, x))) {
                decoder.decode(&mut scan.reader, &mut block)?;
                band.put(index, &block, (column * component.across + x, y));
            }
        }
        if column == mcus_across - 1 {
            // The last rows of MCUs may lie outside the picture, rounded up to whole samples.
            if let Some(rgb) = bands.next() {
                band.write(rgb, row_bytes);
            }
        }
    }
    scan.reader.is_within().then_some(image)
}

/// Pixels of a side at `samples` of 8, rounded up.
pub(super) fn scaled_side(side: u32, samples: u32) -> u32 {
    (side * samples).div_ceil(8)
}

/// How many samples of 8 to keep on either side of a block: 1, 2 or 4, the fewest that leave at
/// least `least` on the shorter side. `None` if it takes all 8.
pub(super) fn samples_per_block(shorter_side: u32, least: u32) -> Option<u32> {
    [1, 2, 4].into_iter().find(|samples| shorter_side * samples / 8 >= least.max(1))
}

/// Place in zigzag order behind the last coefficient with fewer than `samples` half waves.
pub(super) fn behind_last_wanted((across, down): (usize, usize)) -> usize {
    let wanted = |natural: u8| usize::from(natural % 8) < across && usize::from(natural / 8) < down;
    NATURAL.iter().rposition(|natural| wanted(*natural)).map_or(0, |last| last + 1)
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
}
