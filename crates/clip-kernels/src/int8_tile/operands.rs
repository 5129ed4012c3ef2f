//! What a micro-kernel reads and writes.

use crate::f32_tile::{MAX_COLUMNS, MAX_ROWS};

/// Largest absolute value of a weight: what a signed byte holds in both directions.
pub const MAX_WEIGHT: i8 = 127;
/// Largest absolute value of the sum of two neighbouring weights of the same sign, where `Int8Kernel::adds_pairs`.
pub const MAX_PAIR_SUM: i16 = 128;
// The largest code times that fits in 16 bits.
const _: () = assert!(255 * MAX_PAIR_SUM as i32 <= i16::MAX as i32);

/// How a row is quantised: the code `q` stands for `(q - zero_point) * scale`.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowQuantisation {
    /// NaN if one of the row's numbers was not finite.
    pub scale: f32,
    /// The code of 0.
    pub zero_point: i32,
}

/// Bytes of a row that are contiguous on the left side: what one instruction of quantisation stores.
pub const CHUNK: usize = 16;
/// Bytes of a group there, where groups have more than one position.
pub const GROUP_SIZE: usize = 4;
/// Groups of a chunk.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub const GROUPS_PER_CHUNK: usize = CHUNK / GROUP_SIZE;

/// The operands of a tile.
#[derive(Clone, Copy)]
pub struct Operands<'a> {
    /// `[chunks, rows, chunk]`.
    pub left: &'a [u8],
    /// `[groups, columns, group]`, none larger than [`MAX_WEIGHT`] and [`MAX_PAIR_SUM`] allow.
    pub panel: &'a [i8],
    /// Length of the sums in groups.
    pub groups: usize,
}

/// Sums of a tile, row by row without gaps.
#[repr(align(64))]
pub struct Accumulators(pub [i32; MAX_ROWS * MAX_COLUMNS]);

/// An epilogue that is simple enough to be applied while the sums are in registers, and where the results go.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub struct FusedEpilogue<'a> {
    /// Scale and zero point of each row.
    pub rows: &'a [RowQuantisation],
    /// A scale for each of the panel's columns.
    pub scales: &'a [f32],
    /// The sum of each column's weights.
    pub totals: &'a [i32],
    /// Added to the sums of numbers.
    pub bias: &'a [f32],
    /// Smallest and largest result.
    pub bounds: (f32, f32),
    /// Added last: points to values in the layout of `out`.
    pub add: Option<*const f32>,
    /// Where the first row's results begin.
    pub out: *mut f32,
    /// Values between the starts of two rows.
    pub stride: usize,
    /// Columns that are stored.
    pub columns: usize,
}
