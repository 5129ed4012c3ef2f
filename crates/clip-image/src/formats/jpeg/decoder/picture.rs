//! Planes of samples to rows of pixels.

use super::colour::Colour;
use super::header::{self, Component};
use super::upsample::{Plane, Upsampling};
use crate::colour::inks::Inks;

/// The picture as far as it is written.
pub(super) struct Picture<'a> {
    colour: Colour,
    /// Rows that are still to come.
    rows: std::slice::ChunksExactMut<'a, u8>,
    /// How many are written.
    written: usize,
    upsampling: Vec<Upsampling>,
    /// A row of each component at the picture's resolution.
    components: [Vec<u8>; 4],
    /// What makes colours of inks, and a row of those.
    inks: Option<(&'a Inks, Vec<u8>)>,
    sums: Vec<u16>,
}

impl<'a> Picture<'a> {
    /// An empty picture of this width, of planes that are as fine as the components' sampling says.
    pub(super) fn new(
        colour: Colour,
        components: &[Component],
        planes: &[Plane],
        width: usize,
        samples: &'a mut [u8],
    ) -> Self {
        let finest = header::finest(components);
        let upsampling = components.iter().zip(planes).map(|(component, plane)| {
            Upsampling::new(plane.width, (finest.0, component.across), (finest.1, component.down))
        });
        Self {
            colour,
            upsampling: upsampling.collect(),
            rows: samples.chunks_exact_mut(width * colour.samples()),
            written: 0,
            components: std::array::from_fn(|i| vec![0; if i < components.len() { width } else { 0 }]),
            inks: None,
            sums: Vec::with_capacity(width),
        }
    }

    /// The same, with colours by a profile if they are of inks.
    pub(super) fn with_inks(mut self, profile: Option<&'a Inks>) -> Self {
        let width = self.components[0].len();
        self.inks = profile.filter(|_| self.colour.is_inks()).map(|profile| (profile, vec![0; 4 * width]));
        self
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
            match &mut self.inks {
                Some((profile, inks)) => {
                    self.colour.write_inks(&self.components, inks);
                    profile.to_rgb(inks, out);
                }
                None => self.colour.write(&self.components, out),
            }
        }
    }
}
