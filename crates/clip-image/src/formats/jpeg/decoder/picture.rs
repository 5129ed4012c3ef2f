//! Planes of samples to rows of RGB.

use image::RgbImage;

use super::colour::Colour;
use super::header::{self, Component};
use super::upsample::{Plane, Upsampling};

/// The picture as far as it is written.
pub(super) struct Picture<'a> {
    colour: Colour,
    /// Rows of RGB that are still to come.
    rows: std::slice::ChunksExactMut<'a, u8>,
    /// How many are written.
    written: usize,
    upsampling: Vec<Upsampling>,
    /// A row of each component at the picture's resolution.
    components: [Vec<u8>; 4],
    sums: Vec<u16>,
}

impl<'a> Picture<'a> {
    /// An empty picture, of planes that are as fine as the components' sampling says.
    pub(super) fn new(colour: Colour, components: &[Component], planes: &[Plane], image: &'a mut RgbImage) -> Self {
        let finest = header::finest(components);
        let width = image.width() as usize;
        let upsampling = components.iter().zip(planes).map(|(component, plane)| {
            Upsampling::new(plane.width, (finest.0, component.across), (finest.1, component.down))
        });
        Self {
            colour,
            upsampling: upsampling.collect(),
            rows: image.chunks_exact_mut(width * 3),
            written: 0,
            components: std::array::from_fn(|i| vec![0; if i < components.len() { width } else { 0 }]),
            sums: Vec::with_capacity(width),
        }
    }

    /// Writes the rows up to `end`, exclusively, from the planes' samples.
    pub(super) fn write(&mut self, planes: &[Plane], end: usize) {
        let more = end.saturating_sub(self.written);
        for out in self.rows.by_ref().take(more) {
            let y = self.written;
            self.written += 1;
            for ((upsampling, plane), row) in self.upsampling.iter().zip(planes).zip(&mut self.components) {
                upsampling.row(plane, y, &mut self.sums, row);
            }
            self.colour.to_rgb(&self.components, out.as_chunks_mut::<3>().0);
        }
    }
}
