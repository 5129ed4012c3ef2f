//! Coefficients to pixels.

use image::RgbImage;

use super::super::bands::Band;
use super::super::block::Block;
use super::super::colour::Colour;
use super::super::header::{self, Component};
use super::super::islow;
use super::super::picture::Picture;
use super::super::scaled::scaled_side;
use super::super::upsample;
use super::frame::Frame;
use super::planes::{Plane, Planes};
use crate::colour::inks::Inks;

/// The picture at `samples` of 8 on either side, with colours by a profile if they are of inks. `None` if nothing was told
/// about some component.
pub(super) fn picture(frame: &Frame, planes: &Planes, samples: u32, inks: Option<&Inks>) -> Option<RgbImage> {
    if !planes.iter().all(Plane::has_means) {
        return None;
    }
    if samples < 8 {
        return scaled(frame, planes, samples);
    }
    RgbImage::from_raw(frame.size.0, frame.size.1, full(frame, frame.colour, planes, inks))
}

/// The samples at full size, those of a pixel side by side. `None` if nothing was told about some component.
#[cfg(feature = "tiff")]
pub(super) fn samples(frame: &Frame, colour: Colour, planes: &Planes) -> Option<Vec<u8>> {
    planes.iter().all(Plane::has_means).then(|| full(frame, colour, planes, None))
}

fn full(frame: &Frame, colour: Colour, planes: &Planes, inks: Option<&Inks>) -> Vec<u8> {
    let components = &frame.components;
    let (mcus_across, mcus_down) = frame.mcus();
    let mut rows: Vec<upsample::Plane> = components
        .iter()
        .map(|component| upsample::Plane::new(component, mcus_across, mcus_down, frame.samples(component)))
        .collect();
    let (width, height) = (frame.size.0 as usize, frame.size.1 as usize);
    let mut image = vec![0; width * height * colour.samples()];
    let mut picture = Picture::new(colour, components, &rows, width, &mut image).with_inks(inks);
    let finest = header::finest(components);
    let mut block = Block::default();
    for row in 0..mcus_down {
        for ((component, plane), rows) in components.iter().zip(planes.iter()).zip(&mut rows) {
            for_each_block(plane, component, row, &mut block, |block, (x, y)| {
                let (samples, stride) = rows.block_mut(row, component, (x, y));
                islow::inverse(block, &component.quantisation, samples, stride);
            });
        }
        // The last row of samples of the MCUs above needs the first one of these.
        picture.write(&rows, row * finest.1 * 8);
    }
    picture.write(&rows, height);
    image
}

fn scaled(frame: &Frame, planes: &Planes, samples: u32) -> Option<RgbImage> {
    let components = &frame.components;
    let (mcus_across, mcus_down) = frame.mcus();
    let mut band = Band::new(components, mcus_across, samples as usize)?;
    let mut image = RgbImage::new(scaled_side(frame.size.0, samples), scaled_side(frame.size.1, samples));
    let row_bytes = image.width() as usize * 3;
    let mut block = Block::default();
    // The last rows of MCUs may lie outside the picture, rounded up to whole samples.
    for (row, rgb) in (0..mcus_down).zip(image.chunks_mut(row_bytes * band.rows())) {
        for (index, (component, plane)) in components.iter().zip(planes.iter()).enumerate() {
            for_each_block(plane, component, row, &mut block, |block, place| band.put(index, block, place));
        }
        band.write(rgb, row_bytes);
    }
    Some(image)
}

/// Calls `put` with each block of a component in a row of MCUs, and its place in the row, counted in blocks.
#[inline(always)]
fn for_each_block(
    plane: &Plane,
    component: &Component,
    row: usize,
    block: &mut Block,
    mut put: impl FnMut(&Block, (usize, usize)),
) {
    for y in 0..component.down {
        for x in 0..plane.stride {
            plane.read_block((row * component.down + y) * plane.stride + x, block);
            put(block, (x, y));
        }
    }
}
