//! What is known of the coefficients of all blocks.

use super::super::bands::samples_of;
use super::super::block::Block;
use super::super::header::{Component, NATURAL};
use super::super::scaled::behind_last_wanted;
use super::frame::Frame;

/// The coefficients of each component.
pub(super) struct Planes(Vec<Plane>);

/// One component's coefficients.
pub(super) struct Plane {
    /// Blocks across and down that belong to the picture: those of a scan of this component alone.
    pub(super) blocks: (usize, usize),
    /// Blocks from one row to the next. There are more than belong to the picture, to fill up the last MCU of each row.
    pub(super) stride: usize,
    /// How many of a block's coefficients are kept: the first ones in zigzag order.
    kept: usize,
    values: Vec<i16>,
    /// For each block, a bit for each coefficient that is known not to be zero, by its place in zigzag order. They are
    /// needed for all coefficients, kept or not.
    nonzero: Vec<u64>,
    /// By place: how many of the lowest bits are not told yet. None where nothing is told.
    missing_bits: [Option<u8>; 64],
}

/// A block's coefficients in zigzag order, as many as are kept.
pub(super) struct Coefficients<'a> {
    pub(super) values: &'a mut [i16],
    pub(super) nonzero: &'a mut u64,
}

impl Coefficients<'_> {
    /// Sets the coefficient at a place. Says whether there is such a place.
    #[inline(always)]
    pub(super) fn set(&mut self, place: usize, value: i32) -> bool {
        if place > 63 {
            return false;
        }
        *self.nonzero |= 1 << place;
        if let Some(kept) = self.values.get_mut(place) {
            *kept = value as i16;
        }
        true
    }

    /// Adds a bit to the magnitude of the coefficient at a place, if it is kept.
    #[inline(always)]
    pub(super) fn add(&mut self, place: usize, bit: i16) {
        if let Some(value) = self.values.get_mut(place)
            // What has the bit was made more precise before.
            && *value & bit == 0
        {
            *value = value.wrapping_add(if *value < 0 { -bit } else { bit });
        }
    }
}

impl Planes {
    /// Room for what `samples` of 8 on either side of a block take. All coefficients are zero.
    pub(super) fn new(frame: &Frame, samples: u32) -> Self {
        let plane = |component: &Component| {
            let (stride, rows) = stored_blocks(frame, component);
            let samples_of_plane = frame.samples(component);
            let kept = kept(frame, component, samples);
            Plane {
                blocks: (samples_of_plane.0.div_ceil(8), samples_of_plane.1.div_ceil(8)),
                stride,
                kept,
                values: vec![0; stride * rows * kept],
                nonzero: vec![0; stride * rows],
                missing_bits: [None; 64],
            }
        };
        Self(frame.components.iter().map(plane).collect())
    }

    /// Bytes that they take.
    pub(super) fn bytes(frame: &Frame, samples: u32) -> u64 {
        let plane = |component: &Component| {
            let (across, down) = stored_blocks(frame, component);
            (across * down) as u64 * (2 * kept(frame, component, samples) as u64 + 8)
        };
        frame.components.iter().map(plane).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Plane> {
        self.0.iter()
    }

    pub(super) fn get(&self, component: usize) -> &Plane {
        &self.0[component]
    }

    pub(super) fn get_mut(&mut self, component: usize) -> &mut Plane {
        &mut self.0[component]
    }

    /// Whether everything was told about all coefficients.
    pub(super) fn are_complete(&self) -> bool {
        self.0.iter().all(|plane| plane.missing_bits.iter().all(|bits| *bits == Some(0)))
    }
}

impl Plane {
    /// A bit for the place of each coefficient that is kept.
    pub(super) fn wanted(&self) -> u64 {
        u64::MAX >> (64 - self.kept)
    }

    /// Whether all coefficients are kept, for pixels that have to be exact.
    pub(super) fn is_exact(&self) -> bool {
        self.kept == 64
    }

    /// Whether there was a scan of the means.
    pub(super) fn has_means(&self) -> bool {
        self.missing_bits[0].is_some()
    }

    /// Notes what a scan has told about these places.
    pub(super) fn told(&mut self, places: std::ops::RangeInclusive<usize>, missing_bits: u8) {
        self.missing_bits[places].fill(Some(missing_bits));
    }

    #[inline(always)]
    pub(super) fn block_mut(&mut self, index: usize) -> Coefficients<'_> {
        Coefficients {
            values: &mut self.values[index * self.kept..(index + 1) * self.kept],
            nonzero: &mut self.nonzero[index],
        }
    }

    /// Makes `block`, whatever it was, the one with this index.
    #[inline(always)]
    pub(super) fn read_block(&self, index: usize, block: &mut Block) {
        if block.rows != 0 {
            *block = Block::default();
        }
        let values = &self.values[index * self.kept..(index + 1) * self.kept];
        block.coefficients[0] = values[0];
        let mut places = self.nonzero[index] & self.wanted() & !1;
        while places != 0 {
            let place = places.trailing_zeros() as usize;
            places &= places - 1;
            let natural = NATURAL[place];
            block.coefficients[usize::from(natural)] = values[place];
            block.rows |= 1 << (natural / 8);
        }
    }
}

/// How many coefficients of a block are kept.
fn kept(frame: &Frame, component: &Component, samples: u32) -> usize {
    let samples = samples_of(component, &frame.components, samples as usize).unwrap_or((8, 8));
    behind_last_wanted(samples).clamp(1, 64)
}

/// Blocks of a component across and down, with those that fill up the last MCUs.
fn stored_blocks(frame: &Frame, component: &Component) -> (usize, usize) {
    let (across, down) = frame.mcus();
    (across * component.across, down * component.down)
}
