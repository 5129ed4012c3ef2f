//! What a tile is computed from and into.

/// Most rows that any tile has.
pub const MOST_ROWS: usize = 14;
/// Most columns that any tile has.
pub const MOST_COLUMNS: usize = 32;

/// Columns of the narrow panel that a wide one's place is taken by at the end, where that is enough.
pub const NARROW: usize = 16;

/// What a tile is computed from.
#[derive(Clone, Copy)]
pub struct Tile<'a> {
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

impl<'a> Tile<'a> {
    /// Of rows that lie in one piece, or packed.
    pub fn of_rows(left: &'a [f32], stride: Option<usize>, panel: &'a [f32], depth: usize) -> Self {
        Self { left, stride, panel, depth, runs: 1, step: 0 }
    }
}

/// Results of a tile, row by row without gaps.
#[repr(align(64))]
pub struct Sums(pub [f32; MOST_ROWS * MOST_COLUMNS]);

impl Sums {
    /// Zeros.
    pub fn new() -> Self {
        Self([0.0; MOST_ROWS * MOST_COLUMNS])
    }
}
