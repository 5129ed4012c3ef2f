//! The micro-kernel in plain Rust.

use super::operands::{Accumulators, NARROW_PANEL, Operands};
use crate::math::{Baseline, MultiplyAdd};

/// `ROWS` x [`NARROW_PANEL`] sums.
pub fn portable<const ROWS: usize, const PACKED: bool>(tile: Operands<'_>, out: &mut Accumulators) {
    let (row_step, step) = if PACKED { (1, ROWS) } else { (tile.stride.unwrap_or(0), 1) };
    let mut sums = [[0.0; NARROW_PANEL]; ROWS];
    let mut panel = tile.panel.chunks_exact(NARROW_PANEL);
    for run in 0..tile.runs {
        let left = &tile.left[run * tile.step..];
        for (k, right) in panel.by_ref().take(tile.depth).enumerate() {
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = left[row * row_step + k * step];
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = Baseline::mul_add(left, *right, *sum);
                }
            }
        }
    }
    for (out, sums) in out.0.chunks_exact_mut(NARROW_PANEL).zip(&sums) {
        out.copy_from_slice(sums);
    }
}
