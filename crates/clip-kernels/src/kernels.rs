//! The innermost loops: a tile of a matrix product, and one pixel of a depthwise convolution.
//!
//! All that is `unsafe` in the CPU path is here. Callers check lengths; the functions state what they need.

/// Columns of a full panel of packed weights.
pub const PANEL: usize = 32;
/// Columns of a half panel.
pub const HALF_PANEL: usize = 16;

/// What a tile is computed from.
#[derive(Clone, Copy)]
pub struct Tile<'a> {
    /// Rows of the left matrix, `rows * stride` apart, at least `depth` values each.
    pub left: &'a [f32],
    /// Values between the starts of two rows.
    pub stride: usize,
    /// Packed columns: `depth` groups of as many values as the panel has columns.
    pub panel: &'a [f32],
    /// Length of the sum.
    pub depth: usize,
}

/// Results of a tile, row by row.
pub type Sums<const COLUMNS: usize, const ROWS: usize> = [[f32; COLUMNS]; ROWS];

/// `ROWS x COLUMNS` sums in plain Rust.
pub fn portable<const COLUMNS: usize, const ROWS: usize>(tile: Tile<'_>) -> Sums<COLUMNS, ROWS> {
    let mut sums = [[0.0; COLUMNS]; ROWS];
    for (k, right) in tile.panel.chunks_exact(COLUMNS).take(tile.depth).enumerate() {
        for (row, sums) in sums.iter_mut().enumerate() {
            let left = tile.left[row * tile.stride + k];
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum += left * right;
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
pub mod x86 {
    //! The same with vector instructions.

    use std::arch::x86_64::*;

    use super::{Sums, Tile};

    /// Checks what the loops below rely on, once a tile.
    #[inline(always)]
    fn check<const COLUMNS: usize, const ROWS: usize>(tile: &Tile<'_>) {
        assert!(tile.panel.len() >= tile.depth * COLUMNS);
        assert!(tile.left.len() >= (ROWS - 1) * tile.stride + tile.depth);
    }

    /// `ROWS` x (16 `VECTORS`) sums with AVX-512.
    #[target_feature(enable = "avx512f")]
    pub fn avx512<const VECTORS: usize, const COLUMNS: usize, const ROWS: usize>(
        tile: Tile<'_>,
    ) -> Sums<COLUMNS, ROWS> {
        const { assert!(COLUMNS == 16 * VECTORS) };
        check::<COLUMNS, ROWS>(&tile);
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
        let mut right = tile.panel.as_ptr();
        let mut left = tile.left.as_ptr();
        for _ in 0..tile.depth {
            // SAFETY: `check` made sure that the panel has `depth * COLUMNS` values, of which this step reads the
            // next `COLUMNS`.
            let columns: [__m512; VECTORS] = std::array::from_fn(|v| unsafe { _mm512_loadu_ps(right.add(16 * v)) });
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: `check` made sure that row `ROWS - 1` has `depth` values after `(ROWS - 1) * stride`.
                let value = _mm512_set1_ps(unsafe { *left.add(row * tile.stride) });
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm512_fmadd_ps(value, column, *sum);
                }
            }
            // SAFETY: at most one past the last value that was checked above.
            unsafe {
                right = right.add(COLUMNS);
                left = left.add(1);
            }
        }
        let mut out = [[0.0; COLUMNS]; ROWS];
        for (out, sums) in out.iter_mut().zip(sums) {
            for (out, sum) in out.chunks_exact_mut(16).zip(sums) {
                // SAFETY: the chunk has 16 values.
                unsafe { _mm512_storeu_ps(out.as_mut_ptr(), sum) };
            }
        }
        out
    }

    /// `ROWS` x (8 `VECTORS`) sums with AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub fn avx2<const VECTORS: usize, const COLUMNS: usize, const ROWS: usize>(tile: Tile<'_>) -> Sums<COLUMNS, ROWS> {
        const { assert!(COLUMNS == 8 * VECTORS) };
        check::<COLUMNS, ROWS>(&tile);
        let mut sums = [[_mm256_setzero_ps(); VECTORS]; ROWS];
        let mut right = tile.panel.as_ptr();
        let mut left = tile.left.as_ptr();
        for _ in 0..tile.depth {
            // SAFETY: `check` made sure that the panel has `depth * COLUMNS` values, of which this step reads the
            // next `COLUMNS`.
            let columns: [__m256; VECTORS] = std::array::from_fn(|v| unsafe { _mm256_loadu_ps(right.add(8 * v)) });
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: `check` made sure that row `ROWS - 1` has `depth` values after `(ROWS - 1) * stride`.
                let value = _mm256_set1_ps(unsafe { *left.add(row * tile.stride) });
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm256_fmadd_ps(value, column, *sum);
                }
            }
            // SAFETY: at most one past the last value that was checked above.
            unsafe {
                right = right.add(COLUMNS);
                left = left.add(1);
            }
        }
        let mut out = [[0.0; COLUMNS]; ROWS];
        for (out, sums) in out.iter_mut().zip(sums) {
            for (out, sum) in out.chunks_exact_mut(8).zip(sums) {
                // SAFETY: the chunk has 8 values.
                unsafe { _mm256_storeu_ps(out.as_mut_ptr(), sum) };
            }
        }
        out
    }
}
