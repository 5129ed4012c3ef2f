//! The same in plain Rust.

use super::operands::{NARROW, Sums, Tile};
use crate::math::{Baseline, Multiply};

/// `ROWS` x [`NARROW`] sums.
pub fn portable<const ROWS: usize, const PACKED: bool>(tile: Tile<'_>, out: &mut Sums) {
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
