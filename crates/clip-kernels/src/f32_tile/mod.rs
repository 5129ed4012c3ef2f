//! The innermost loop of matrix products: a tile of results that is summed in registers.
//!
//! A tile's left side is a few rows, either as they lie or packed (the rows' values side by side, position after
//! position), and its right side a panel of packed columns.

use crate::Isa;
use crate::isa::Instructions;
use crate::shape::volume;
#[cfg(target_arch = "x86_64")]
use x86::{avx2, avx512_narrow, avx512_wide};

/// Most rows that any tile has.
pub const MOST_ROWS: usize = 14;
/// Most columns that any tile has.
pub const MOST_COLUMNS: usize = 32;

/// Columns of the narrow panel that a wide one's place is taken by at the end, where that is enough.
pub const NARROW: usize = 16;

/// Columns of a panel.
pub fn panel(isa: Isa) -> usize {
    match isa.instructions() {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) => 32,
        _ => 16,
    }
}

/// Rows of a full tile: as many as leave registers for a step's columns and one value of the left side.
pub fn rows(isa: Isa) -> usize {
    match isa.instructions() {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) => 14,
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2(_) => 6,
        // 32 registers of four values there, 16 in the baseline of 64-bit x86.
        _ if cfg!(target_arch = "aarch64") => 6,
        _ => 2,
    }
}

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

macro_rules! by_rows {
    ($rows:expr, $tile:expr, $sums:expr, $kernel:ident, [$($count:literal)*]) => {
        match ($rows, $tile.stride) {
            $(
                ($count, None) => $kernel::<$count, true>($tile, $sums),
                ($count, Some(_)) => $kernel::<$count, false>($tile, $sums),
            )*
            (rows, _) => unreachable!("no tile has {rows} rows"),
        }
    };
}

/// `rows` (at most [`rows`] of the instruction set) times `columns` (its [`panel`], or [`NARROW`]) sums.
pub fn multiply(isa: Isa, rows: usize, columns: usize, tile: Tile<'_>, sums: &mut Sums) {
    // What the kernels rely on.
    assert!(columns == panel(isa) || columns == NARROW);
    assert!(rows > 0 && rows <= self::rows(isa));
    assert!(tile.runs > 0 && (tile.runs == 1 || tile.stride.is_some()));
    assert!(tile.panel.len() >= volume([tile.runs, tile.depth, columns]));
    let (last_row, last_run) =
        (volume([rows - 1, tile.stride.unwrap_or(tile.depth)]), volume([tile.runs - 1, tile.step]));
    let end = last_row.checked_add(last_run).and_then(|last| last.checked_add(tile.depth));
    assert!(end.is_some_and(|end| end <= tile.left.len()));
    match isa.instructions() {
        // SAFETY: the variant proves AVX-512F; lengths were checked above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) if columns == NARROW => unsafe {
            by_rows!(rows, tile, sums, avx512_narrow, [1 2 3 4 5 6 7 8 9 10 11 12 13 14])
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) => unsafe {
            by_rows!(rows, tile, sums, avx512_wide, [1 2 3 4 5 6 7 8 9 10 11 12 13 14])
        },
        // SAFETY: the same with AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2(_) => unsafe { by_rows!(rows, tile, sums, avx2, [1 2 3 4 5 6]) },
        _ => by_rows!(rows, tile, sums, portable, [1 2 3 4 5 6]),
    }
}

fn portable<const ROWS: usize, const PACKED: bool>(tile: Tile<'_>, out: &mut Sums) {
    use crate::math::{Baseline, Multiply};
    let (row_step, step) = if PACKED { (1, ROWS) } else { (tile.stride.unwrap_or(0), 1) };
    let mut sums = [[0.0; NARROW]; ROWS];
    let mut panel = tile.panel.chunks_exact(NARROW);
    for run in 0..tile.runs {
        let left = &tile.left[run * tile.step..];
        for (k, right) in panel.by_ref().take(tile.depth).enumerate() {
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = left[row * row_step + k * step];
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = Baseline::add(left, *right, *sum);
                }
            }
        }
    }
    for (out, sums) in out.0.chunks_exact_mut(NARROW).zip(&sums) {
        out.copy_from_slice(sums);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The same with vector instructions. All need what `multiply` checks.

    use std::arch::x86_64::*;

    use super::{Sums, Tile};

    #[target_feature(enable = "avx512f")]
    pub unsafe fn avx512_wide<const ROWS: usize, const PACKED: bool>(tile: Tile<'_>, out: &mut Sums) {
        // SAFETY: passed on.
        unsafe { avx512::<2, ROWS, PACKED>(tile, out) }
    }

    #[target_feature(enable = "avx512f")]
    pub unsafe fn avx512_narrow<const ROWS: usize, const PACKED: bool>(tile: Tile<'_>, out: &mut Sums) {
        // SAFETY: passed on.
        unsafe { avx512::<1, ROWS, PACKED>(tile, out) }
    }

    /// `ROWS` x (16 `VECTORS`) sums.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn avx512<const VECTORS: usize, const ROWS: usize, const PACKED: bool>(tile: Tile<'_>, out: &mut Sums) {
        let (row_step, step) = if PACKED { (1, ROWS) } else { (tile.stride.unwrap_or(0), 1) };
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
        let mut right = tile.panel.as_ptr();
        for run in 0..tile.runs {
            let mut left = tile.left.as_ptr().wrapping_add(run * tile.step);
            for _ in 0..tile.depth {
                // SAFETY: the panel has `runs` times `depth` times as many values as are read here.
                let columns: [__m512; VECTORS] = std::array::from_fn(|v| unsafe { _mm512_loadu_ps(right.add(16 * v)) });
                // Prefetching past the end is harmless.
                _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(AHEAD * 16 * VECTORS).cast());
                if VECTORS == 2 {
                    _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(AHEAD * 16 * VECTORS + 16).cast());
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: row `ROWS - 1` has `depth` values in every run.
                    let value = _mm512_set1_ps(unsafe { *left.add(row * row_step) });
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = _mm512_fmadd_ps(value, column, *sum);
                    }
                }
                right = right.wrapping_add(16 * VECTORS);
                left = left.wrapping_add(step);
            }
        }
        let out = out.0.as_mut_ptr();
        for (row, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                // SAFETY: `Sums` has room for the largest tile.
                unsafe { _mm512_storeu_ps(out.add((row * VECTORS + v) * 16), *sum) };
            }
        }
    }

    /// How many steps of the sums ahead the panel is fetched into the first-level cache.
    const AHEAD: usize = 8;

    /// `ROWS` x 16 sums.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn avx2<const ROWS: usize, const PACKED: bool>(tile: Tile<'_>, out: &mut Sums) {
        let (row_step, step) = if PACKED { (1, ROWS) } else { (tile.stride.unwrap_or(0), 1) };
        let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
        let mut right = tile.panel.as_ptr();
        for run in 0..tile.runs {
            let mut left = tile.left.as_ptr().wrapping_add(run * tile.step);
            for _ in 0..tile.depth {
                // SAFETY: the panel has `runs` times `depth` times as many values as are read here.
                let columns: [__m256; 2] = std::array::from_fn(|v| unsafe { _mm256_loadu_ps(right.add(8 * v)) });
                _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(AHEAD * 2 * 16).cast());
                for (row, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: row `ROWS - 1` has `depth` values in every run.
                    let value = _mm256_set1_ps(unsafe { *left.add(row * row_step) });
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = _mm256_fmadd_ps(value, column, *sum);
                    }
                }
                right = right.wrapping_add(16);
                left = left.wrapping_add(step);
            }
        }
        let out = out.0.as_mut_ptr();
        for (row, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                // SAFETY: `Sums` has room for the largest tile.
                unsafe { _mm256_storeu_ps(out.add((row * 2 + v) * 8), *sum) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths and distances whose products and sums wrap around to what there is.
    #[test]
    fn sizes_that_overflow_are_refused() {
        const HALF: usize = 1 << (usize::BITS / 2);
        let tile = |stride, depth, runs, step| Tile { left: &[0.0; 64], stride, panel: &[0.0; 64], depth, runs, step };
        let wrong = [
            (1, tile(Some(0), HALF, HALF, HALF)),
            (1, tile(None, 1 << (usize::BITS - 4), 1, 0)),
            (2, tile(Some(usize::MAX), 2, 1, 0)),
            (2, tile(Some(usize::MAX / 2 + 1), 1, 3, usize::MAX / 4 + 1)),
            (1, tile(Some(0), 1, 3, usize::MAX / 2 + 1)),
        ];
        for isa in Isa::available() {
            for (rows, tile) in wrong {
                let result = std::panic::catch_unwind(|| multiply(isa, rows, NARROW, tile, &mut Sums::new()));
                assert!(result.is_err(), "{isa:?}: {rows} rows, stride {:?}, {} runs", tile.stride, tile.runs);
            }
        }
    }
}
