//! The micro-kernels with vector instructions. All rely on what `multiply` asserts.

use std::arch::x86_64::*;

use super::operands::{Accumulators, Operands};

#[target_feature(enable = "avx512f")]
pub unsafe fn avx512_wide<const ROWS: usize, const PACKED: bool>(tile: Operands<'_>, out: &mut Accumulators) {
    // SAFETY: passed on.
    unsafe { avx512::<2, ROWS, PACKED>(tile, out) }
}

#[target_feature(enable = "avx512f")]
pub unsafe fn avx512_narrow<const ROWS: usize, const PACKED: bool>(tile: Operands<'_>, out: &mut Accumulators) {
    // SAFETY: passed on.
    unsafe { avx512::<1, ROWS, PACKED>(tile, out) }
}

/// `ROWS` x (16 `VECTORS`) sums.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn avx512<const VECTORS: usize, const ROWS: usize, const PACKED: bool>(
    tile: Operands<'_>,
    out: &mut Accumulators,
) {
    let (row_step, step) = if PACKED { (1, ROWS) } else { (tile.stride.unwrap_or(0), 1) };
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
    let mut right = tile.panel.as_ptr();
    for run in 0..tile.runs {
        let mut left = tile.left.as_ptr().wrapping_add(run * tile.step);
        for _ in 0..tile.depth {
            // SAFETY: the panel has `runs` times `depth` times as many values as are read here.
            let columns: [__m512; VECTORS] = std::array::from_fn(|v| unsafe { _mm512_loadu_ps(right.add(16 * v)) });
            // Prefetching past the end is harmless.
            _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(PREFETCH_DISTANCE * 16 * VECTORS).cast());
            if VECTORS == 2 {
                _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(PREFETCH_DISTANCE * 16 * VECTORS + 16).cast());
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
            // SAFETY: `Accumulators` has room for the largest tile.
            unsafe { _mm512_storeu_ps(out.add((row * VECTORS + v) * 16), *sum) };
        }
    }
}

/// How many steps of the sums ahead the panel is fetched into the first-level cache.
const PREFETCH_DISTANCE: usize = 8;

/// `ROWS` x 16 sums.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn avx2<const ROWS: usize, const PACKED: bool>(tile: Operands<'_>, out: &mut Accumulators) {
    let (row_step, step) = if PACKED { (1, ROWS) } else { (tile.stride.unwrap_or(0), 1) };
    let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
    let mut right = tile.panel.as_ptr();
    for run in 0..tile.runs {
        let mut left = tile.left.as_ptr().wrapping_add(run * tile.step);
        for _ in 0..tile.depth {
            // SAFETY: the panel has `runs` times `depth` times as many values as are read here.
            let columns: [__m256; 2] = std::array::from_fn(|v| unsafe { _mm256_loadu_ps(right.add(8 * v)) });
            _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(PREFETCH_DISTANCE * 2 * 16).cast());
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
            // SAFETY: `Accumulators` has room for the largest tile.
            unsafe { _mm256_storeu_ps(out.add((row * 2 + v) * 8), *sum) };
        }
    }
}
