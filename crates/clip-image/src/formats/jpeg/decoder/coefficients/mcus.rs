//! The order of a scan.

use super::super::bits::ScanData;
use super::super::header::Component;
use super::super::restarts::Restarts;
use super::frame::Frame;
use super::planes::Planes;

/// The MCUs of a scan, one by one, across the intervals that its data are cut into.
pub(super) struct Mcus<'a> {
    pieces: Restarts<'a>,
    /// MCUs across and down.
    size: (usize, usize),
    /// MCUs of an interval.
    interval: usize,
    /// The interval that should come next.
    expected: usize,
    /// What is left of the interval at hand.
    left: usize,
    row: usize,
    column: usize,
    /// Whether all was sound so far.
    pub(super) is_sound: bool,
}

/// Where an MCU is.
pub(super) struct Mcu {
    pub(super) row: usize,
    pub(super) column: usize,
    /// If it is the first of its interval: the piece of the data that it is in.
    pub(super) piece: Option<usize>,
}

impl Mcu {
    /// The blocks of a component in the MCU, by their place in its plane. In a scan of one component an MCU is one block
    /// (T.81, A.2.2).
    #[inline(always)]
    pub(super) fn blocks(
        &self,
        component: &Component,
        stride: usize,
        is_alone: bool,
    ) -> impl Iterator<Item = usize> + use<> {
        let (wide, high) = if is_alone { (1, 1) } else { (component.across, component.down) };
        let (row, column) = (self.row * high, self.column * wide);
        (0..high).flat_map(move |y| (0..wide).map(move |x| (row + y) * stride + column + x))
    }
}

/// MCUs across and down in a scan of these planes of a frame. Of one plane, they are only the blocks of the picture.
pub(super) fn size_of_scan(frame: &Frame, planes: &Planes, components: &[(usize, usize, usize)]) -> (usize, usize) {
    match components {
        [(only, ..)] => planes.get(*only).blocks,
        _ => frame.mcus(),
    }
}

impl<'a> Mcus<'a> {
    /// Those of a picture of this many MCUs across and down.
    pub(super) fn new(data: &'a ScanData, restart_interval: usize, size: (usize, usize)) -> Self {
        let total = size.0 * size.1;
        let interval = if restart_interval == 0 { total } else { restart_interval };
        let pieces = data.pieces(total.div_ceil(interval.max(1)));
        Self { pieces, size, interval, expected: 0, left: 0, row: 0, column: 0, is_sound: true }
    }

    /// The next one. What was read before has to lie in its interval; where it does not, the next interval follows.
    #[inline(always)]
    pub(super) fn next(&mut self, is_within: bool) -> Option<Mcu> {
        if self.left == 0 || !is_within {
            self.is_sound &= is_within;
            return self.begin();
        }
        self.left -= 1;
        self.column += 1;
        if self.column == self.size.0 {
            (self.row, self.column) = (self.row + 1, 0);
        }
        Some(Mcu { row: self.row, column: self.column, piece: None })
    }

    /// The first one of the next interval.
    fn begin(&mut self) -> Option<Mcu> {
        let (piece, index) = self.pieces.next()?;
        let start = index.saturating_mul(self.interval);
        let total = self.size.0 * self.size.1;
        if start >= total {
            // More data than there are blocks.
            self.is_sound = false;
            return None;
        }
        // Neither is one lost, nor was one passed over.
        self.is_sound &= index == piece;
        self.expected = index + 1;
        self.left = self.interval.min(total - start) - 1;
        (self.row, self.column) = (start / self.size.0, start % self.size.0);
        Some(Mcu { row: self.row, column: self.column, piece: Some(piece) })
    }

    /// Whether all intervals were there, and their data sound.
    pub(super) fn were_sound(&self) -> bool {
        self.is_sound && self.expected == (self.size.0 * self.size.1).div_ceil(self.interval)
    }
}
