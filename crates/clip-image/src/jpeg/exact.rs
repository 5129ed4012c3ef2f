//! Common JPEG files at their full size, to the bit as libjpeg-turbo decodes them by default.
//!
//! Decoders are free in how they round and how they interpolate chroma, and a large network shows the difference: of the
//! distance between two decoders' photos little is lost on the way to the embedding.

use image::RgbImage;

use super::bits::ScanData;
use super::block::BlockDecoder;
use super::colour;
use super::header::{Component, Header};
use super::islow;
use super::upsample::{Plane, Upsampling};

/// Decodes a sequential file.
///
/// `None` if the file is of another kind than [`Header`] describes, or damaged in any way: the tolerant decoder then says
/// what can be said.
pub(super) fn decode(jpeg: &[u8]) -> Option<RgbImage> {
    let header = &Header::read(jpeg)?;
    let data = ScanData::read(jpeg, header.data_start)?;
    let most = |side: fn(&Component) -> usize| header.components.iter().map(side).max();
    let most = (most(|c| c.across)?, most(|c| c.down)?);
    if header.components.iter().any(|c| most.0 % c.across != 0 || most.1 % c.down != 0) {
        return None;
    }
    let mcus_across = (header.width as usize).div_ceil(8 * most.0);
    let mcus_down = (header.height as usize).div_ceil(8 * most.1);
    let total = mcus_across * mcus_down;
    let interval = if header.restart_interval == 0 { total } else { header.restart_interval };
    if data.intervals() != total.div_ceil(interval) {
        return None;
    }

    let mut planes = Vec::with_capacity(3);
    let mut decoders = Vec::with_capacity(3);
    for component in &header.components {
        let stride = mcus_across * component.across * 8;
        planes.push(Plane {
            samples: vec![0; stride * mcus_down * component.down * 8],
            stride,
            width: (header.width as usize * component.across).div_ceil(most.0),
            height: (header.height as usize * component.down).div_ceil(most.1),
        });
        decoders.push(BlockDecoder::new(header.tables(component)?));
    }

    let mut reader = data.interval(0);
    for mcu in 0..total {
        if mcu > 0 && mcu % interval == 0 {
            if !reader.is_within() {
                return None;
            }
            reader = data.interval(mcu / interval);
            decoders.iter_mut().for_each(BlockDecoder::restart);
        }
        for ((component, plane), decoder) in header.components.iter().zip(&mut planes).zip(&mut decoders) {
            let left = mcu % mcus_across * component.across;
            let top = mcu / mcus_across * component.down;
            for (y, x) in (0..component.down).flat_map(|y| (0..component.across).map(move |x| (y, x))) {
                let block = decoder.decode(&mut reader)?;
                let at = (top + y) * 8 * plane.stride + (left + x) * 8;
                islow::inverse(&block, &component.quantisation, &mut plane.samples[at..], plane.stride);
            }
        }
    }
    // An encoder that forgot the end marker is forgiven, a file that was filled up with zeros is not.
    let complete = if data.is_ended() { reader.is_within() } else { reader.is_at_end() };
    complete.then(|| picture(header, &planes, most))
}

/// The planes' samples as RGB; `most` is the number of samples a pixel that the finest component has.
fn picture(header: &Header, planes: &[Plane], most: (usize, usize)) -> RgbImage {
    let mut image = RgbImage::new(header.width, header.height);
    let width = header.width as usize;
    let upsampling: Vec<Upsampling> = header
        .components
        .iter()
        .zip(planes)
        .map(|(component, plane)| Upsampling::new(plane.width, most.0 / component.across, most.1 / component.down))
        .collect();
    let mut rows = [(); 3].map(|()| vec![0; width]);
    let mut sums = Vec::with_capacity(width);
    for (y, out) in image.chunks_exact_mut(width * 3).enumerate() {
        for ((upsampling, plane), row) in upsampling.iter().zip(planes).zip(&mut rows) {
            upsampling.row(plane, y, &mut sums, row);
        }
        let out = out.as_chunks_mut::<3>().0;
        let [luma, blue, red] = &rows;
        if planes.len() == 3 {
            colour::to_rgb(luma, blue, red, out);
        } else {
            for (out, luma) in out.iter_mut().zip(luma) {
                *out = [*luma; 3];
            }
        }
    }
    image
}
