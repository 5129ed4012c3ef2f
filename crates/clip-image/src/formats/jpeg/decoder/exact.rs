//! Common JPEG files at their full size, to the bit as libjpeg-turbo decodes them by default.
//!
//! Decoders are free in how they round and how they interpolate chroma, and a large network shows the difference: of the
//! distance between two decoders' photos little is lost on the way to the embedding.

use image::RgbImage;

use super::bits::ScanData;
use super::block::{Block, BlockDecoder};
use super::colour::Colour;
use super::header::{Component, Header};
use super::islow;
use super::picture::Picture;
use super::scan::Scan;
use super::upsample::Plane;

/// Decodes a sequential file.
///
/// `None` if the file is of another kind than [`Header`] describes, or damaged in any way: the tolerant decoder then says
/// what can be said.
pub(super) fn decode(jpeg: &[u8]) -> Option<RgbImage> {
    let header = &Header::read(jpeg)?;
    let data = ScanData::read(jpeg, header.data_start)?;
    let finest = header.finest();
    if header.components.iter().any(|c| finest.0 % c.across != 0 || finest.1 % c.down != 0) {
        return None;
    }
    let (mcus_across, mcus_down) = header.mcus();
    let mut scan = Scan::new(header, &data)?;

    let samples = |component: &Component| {
        let (width, height) = (header.width as usize, header.height as usize);
        ((width * component.across).div_ceil(finest.0), (height * component.down).div_ceil(finest.1))
    };
    let plane = |component| Plane::new(component, mcus_across, mcus_down, samples(component));
    let mut planes: Vec<_> = header.components.iter().map(plane).collect();
    let decoder = |component| Some(BlockDecoder::new(header.tables(component)?));
    let mut decoders = header.components.iter().map(decoder).collect::<Option<Vec<_>>>()?;

    let mut image = RgbImage::new(header.width, header.height);
    let colour = if header.components.len() == 1 { Colour::Grey } else { Colour::YCbCr };
    let mut picture = Picture::new(colour, &header.components, &planes, header.width as usize, &mut image);
    let mut block = Block::default();
    for mcu in 0..mcus_across * mcus_down {
        if scan.begin(mcu)? {
            decoders.iter_mut().for_each(BlockDecoder::restart);
        }
        let (row, column) = (mcu / mcus_across, mcu % mcus_across);
        for ((component, plane), decoder) in header.components.iter().zip(&mut planes).zip(&mut decoders) {
            for (y, x) in (0..component.down).flat_map(|y| (0..component.across).map(move |x| (y, x))) {
                decoder.decode(&mut scan.reader, &mut block)?;
                let (samples, stride) = plane.block_mut(row, component, (column * component.across + x, y));
                islow::inverse(&block, &component.quantisation, samples, stride);
            }
        }
        // The last row of samples of the MCUs above needs the first one of these.
        if column == mcus_across - 1 && row > 0 {
            picture.write(&planes, row * finest.1 * 8);
        }
    }
    picture.write(&planes, header.height as usize);
    // An encoder that forgot the end marker is forgiven, a file that was filled up with zeros is not.
    let complete = if data.is_ended() { scan.reader.is_within() } else { scan.reader.is_at_end() };
    complete.then_some(image)
}
