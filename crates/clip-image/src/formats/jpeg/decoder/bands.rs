//! Blocks of coefficients to rows of RGB at a half, a quarter or an eighth of the size.

use super::block::Block;
use super::header::{Component, finest};
use super::idct::{self, Transform};

/// One row of MCUs, each component a plane of samples at the picture's resolution. Where a component
/// is stored with fewer samples, its blocks are transformed to more of them instead, so nothing has
/// to be interpolated.
pub(super) struct Band {
    planes: Vec<Plane>,
}

struct Plane {
    /// Samples that a block becomes, across and down.
    samples: (usize, usize),
    transform: Transform,
    factors: [f32; 64],
    /// Samples from one row to the next.
    stride: usize,
    rows: Vec<f32>,
}

impl Band {
    /// Room for a row of `mcus` MCUs at `samples` of 8 on either side. `None` if blocks of some component would have to
    /// become larger than they are.
    pub(super) fn new(components: &[Component], mcus: usize, samples: usize) -> Option<Self> {
        let stride = mcus * finest(components).0 * samples;
        let plane = |component: &Component| {
            let samples = samples_of(component, components, samples)?;
            Some(Plane {
                samples,
                transform: idct::transform(samples.0, samples.1)?,
                factors: idct::scale_factors(&component.quantisation),
                stride,
                rows: vec![0.0; stride * component.down * samples.1],
            })
        };
        Some(Self { planes: components.iter().map(plane).collect::<Option<_>>()? })
    }

    /// Rows of samples in a row of MCUs.
    pub(super) fn rows(&self) -> usize {
        self.planes[0].rows.len() / self.planes[0].stride
    }

    /// Writes a component's block, by its place in the row of MCUs, counted in blocks.
    #[inline(always)]
    pub(super) fn put(&mut self, component: usize, block: &Block, (x, y): (usize, usize)) {
        let plane = &mut self.planes[component];
        let at = y * plane.samples.1 * plane.stride + x * plane.samples.0;
        (plane.transform)(block, &plane.factors, &mut plane.rows[at..], plane.stride);
    }

    /// Writes the row of MCUs as RGB, as many rows of it as `rgb` has.
    pub(super) fn write(&self, rgb: &mut [u8], row_bytes: usize) {
        for (y, row) in rgb.chunks_exact_mut(row_bytes).enumerate() {
            let pixels = row.as_chunks_mut::<3>().0;
            let width = pixels.len();
            let line = |plane: &Plane| y * plane.stride..y * plane.stride + width;
            match &self.planes[..] {
                [luma, blue, red] => {
                    let (luma, blue, red) = (&luma.rows[line(luma)], &blue.rows[line(blue)], &red.rows[line(red)]);
                    for (((to, luma), blue), red) in pixels.iter_mut().zip(luma).zip(blue).zip(red) {
                        *to = to_rgb(*luma, *blue, *red);
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

/// Samples that a block of a component becomes, across and down, where one of the finest becomes `samples`. `None` if
/// there is no transform for it.
pub(super) fn samples_of(component: &Component, all: &[Component], samples: usize) -> Option<(usize, usize)> {
    let (across, down) = finest(all);
    let is_whole = across.is_multiple_of(component.across) && down.is_multiple_of(component.down);
    let wanted = (samples * across / component.across, samples * down / component.down);
    (is_whole && idct::transform(wanted.0, wanted.1).is_some()).then_some(wanted)
}

/// YCbCr to RGB as JFIF defines it.
#[inline(always)]
fn to_rgb(luma: f32, blue: f32, red: f32) -> [u8; 3] {
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
    fn colours() {
        assert_eq!(to_rgb(0.0, 128.0, 128.0), [0; 3]);
        assert_eq!(to_rgb(255.0, 128.0, 128.0), [255; 3]);
        assert_eq!(to_rgb(76.245, 84.972, 255.5), [255, 0, 0]);
    }
}
