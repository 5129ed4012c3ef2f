//! The frame header: what kind of file it is, and what its components are.

use super::super::colour::Colour;
use super::super::header::{self, Component};
use super::super::markers::Segment;
use crate::formats::library::Fault;

/// What a frame header says.
pub(super) struct Frame {
    /// Whether scans tell about coefficients bit by bit.
    pub(super) is_progressive: bool,
    /// Whether its data are coded arithmetically, and not with Huffman codes.
    pub(super) is_arithmetic: bool,
    /// Width and height in pixels.
    pub(super) size: (u32, u32),
    pub(super) components: Vec<Component>,
    pub(super) colour: Colour,
    /// Whether each component has its quantisation table.
    is_quantised: [bool; 4],
}

impl Frame {
    /// Reads the header. The colour is that of components of unknown meaning.
    ///
    /// # Errors
    /// What is not supported is named.
    pub(super) fn read(segment: &Segment<'_>) -> Result<Self, Fault> {
        let unsupported = |variety: String| Err(Fault::Unsupported(format!("JPEG with {variety}")));
        let invalid = || Fault::damaged("the frame header is not valid");
        let [precision, h1, h0, w1, w0, count, specifications @ ..] = segment.payload else { return Err(invalid()) };
        match segment.code {
            0xc3 | 0xcb => return unsupported("lossless compression".into()),
            0xc5..=0xc7 | 0xcd..=0xcf => return unsupported("hierarchical frames".into()),
            _ => (),
        }
        if *precision != 8 {
            return unsupported(format!("{precision} bits per sample"));
        }
        if ![1, 3, 4].contains(count) {
            return unsupported(format!("{count} components"));
        }
        let (height, width) = (u16::from_be_bytes([*h1, *h0]), u16::from_be_bytes([*w1, *w0]));
        if height == 0 && width > 0 {
            return unsupported("its height stored after the image data".into());
        }
        if width == 0 {
            return Err(Fault::damaged("its size is 0 pixels on a side"));
        }
        let (specifications, rest) = specifications.as_chunks::<3>();
        if specifications.len() != usize::from(*count) || !rest.is_empty() {
            return Err(invalid());
        }
        let mut components = Vec::with_capacity(specifications.len());
        for [id, sampling, table] in specifications {
            let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
            if !(1..=4).contains(&across) || !(1..=4).contains(&down) || *table > 3 {
                return Err(invalid());
            }
            components.push(Component::new(*id, (across, down), usize::from(*table)));
        }
        if let [only] = &mut components[..] {
            // A scan of one component is not interleaved: its MCU is one block (T.81, A.2.2).
            (only.across, only.down) = (1, 1);
        }
        let colour = Colour::of(&components, false, None).ok_or_else(invalid)?;
        let size = (u32::from(width), u32::from(height));
        let (is_progressive, is_arithmetic) =
            (matches!(segment.code, 0xc2 | 0xca), matches!(segment.code, 0xc9 | 0xca));
        Ok(Self { is_progressive, is_arithmetic, size, components, colour, is_quantised: [false; 4] })
    }

    /// Gives a component its table, if it has none: what the table is when its first scan comes counts. `None` if there is no
    /// such table.
    pub(super) fn set_quantisation(&mut self, component: usize, tables: &[Option<[u16; 64]>; 4]) -> Option<()> {
        if !self.is_quantised[component] {
            let quantised = &mut self.components[component];
            quantised.quantisation = tables[quantised.quantisation_table]?;
            self.is_quantised[component] = true;
        }
        Some(())
    }

    /// MCUs across and down, in a scan of several components.
    pub(super) fn mcus(&self) -> (usize, usize) {
        let finest = header::finest(&self.components);
        ((self.size.0 as usize).div_ceil(8 * finest.0), (self.size.1 as usize).div_ceil(8 * finest.1))
    }

    /// Samples of a component across and down.
    pub(super) fn samples(&self, component: &Component) -> (usize, usize) {
        let finest = header::finest(&self.components);
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        ((width * component.across).div_ceil(finest.0), (height * component.down).div_ceil(finest.1))
    }
}
