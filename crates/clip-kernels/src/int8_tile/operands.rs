//! What a tile is computed from and into.

use crate::f32_tile::{MOST_COLUMNS, MOST_ROWS};

/// Largest size of a weight: what a byte with a sign holds in both directions.
pub const MOST_WEIGHT: i8 = 127;
/// Most that two weights of the same sign may add up to where `Dots::adds_pairs`.
pub const MOST_PAIR: i16 = 128;
// The largest code times that has room in 16 bits.
const _: () = assert!(255 * MOST_PAIR as i32 <= i16::MAX as i32);

/// How a row's codes stand for numbers: `q` for `(q - zero) * scale`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Map {
    /// NaN if a number was not finite.
    pub scale: f32,
    /// The code of zero.
    pub zero: i32,
}

/// Bytes of a row that lie in one piece on the left side: what one instruction stores of it.
pub const CHUNK: usize = 16;
/// Bytes of a group there, where groups are of more than one position.
pub const GROUP: usize = 4;
/// Such groups of a chunk.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub const GROUPS: usize = CHUNK / GROUP;

/// What a tile is computed from.
#[derive(Clone, Copy)]
pub struct Tile<'a> {
    /// `[chunks, rows, chunk]`.
    pub left: &'a [u8],
    /// `[groups, columns, group]`, none larger than [`MOST_WEIGHT`] and [`MOST_PAIR`] allow.
    pub panel: &'a [i8],
    /// Length of the sums in groups.
    pub groups: usize,
}

/// Sums of a tile, row by row without gaps.
#[repr(align(64))]
pub struct Sums(pub [i32; MOST_ROWS * MOST_COLUMNS]);

/// What becomes of sums, and where they go, where both are simple enough to be done before they leave the registers.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub struct Results<'a> {
    /// How each row's codes stand for numbers.
    pub rows: &'a [Map],
    /// A factor for each of the panel's columns.
    pub scales: &'a [f32],
    /// The sum of each column's weights.
    pub totals: &'a [i32],
    /// Added to the numbers.
    pub bias: &'a [f32],
    /// Least and most of the results.
    pub bounds: (f32, f32),
    /// Added last, from here on as `out` lies.
    pub add: Option<*const f32>,
    /// Where the first row's results begin.
    pub out: *mut f32,
    /// Values between the starts of two rows.
    pub stride: usize,
    /// Columns that are stored.
    pub columns: usize,
}
