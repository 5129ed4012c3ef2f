//! What a micro-kernel reads and writes.

/// Largest number of rows of any tile.
pub const MAX_ROWS: usize = 14;
/// Largest number of columns of any tile.
pub const MAX_COLUMNS: usize = 32;

/// Columns of the narrow panel that may replace the last wide one.
pub const NARROW_PANEL: usize = 16;

/// The operands of a tile.
#[derive(Clone, Copy)]
pub struct Operands<'a> {
    /// The left side.
    pub left: &'a [f32],
    /// Values between the starts of two rows; `None` if they are packed: `[depth, rows]`.
    pub stride: Option<usize>,
    /// Packed columns: `[runs, depth, columns]`.
    pub panel: &'a [f32],
    /// Length of a run of the sums.
    pub depth: usize,
    /// Runs that a sum is made of. Packed rows have one.
    pub runs: usize,
    /// Values between the starts of two runs of a row.
    pub step: usize,
}

impl<'a> Operands<'a> {
    /// Of rows that are contiguous, or packed.
    pub fn of_rows(left: &'a [f32], stride: Option<usize>, panel: &'a [f32], depth: usize) -> Self {
        Self { left, stride, panel, depth, runs: 1, step: 0 }
    }
}

/// Sums of a tile, row by row without gaps.
#[repr(align(64))]
pub struct Accumulators(pub [f32; MAX_ROWS * MAX_COLUMNS]);

impl Accumulators {
    /// Zeros.
    pub fn new() -> Self {
        Self([0.0; MAX_ROWS * MAX_COLUMNS])
    }
}
