//! The micro-kernel in plain Rust.

use super::operands::{Accumulators, CHUNK, Operands};

/// `ROWS` x 16 sums.
pub fn portable<const ROWS: usize>(tile: Operands<'_>, out: &mut Accumulators) {
    const COLUMNS: usize = 16;
    let mut sums = [[0i32; COLUMNS]; ROWS];
    let left = tile.left.as_chunks::<CHUNK>().0.as_chunks::<ROWS>().0;
    let right = tile.panel.as_chunks::<COLUMNS>().0;
    for (left, right) in left.iter().zip(right[..tile.groups].chunks(CHUNK)) {
        for (k, right) in right.iter().enumerate() {
            for (sums, left) in sums.iter_mut().zip(left) {
                for (sum, right) in sums.iter_mut().zip(right) {
                    // A product fits in 16 bits, and twice as many of those are multiplied at a time.
                    *sum += i32::from(i16::from(left[k]) * i16::from(*right));
                }
            }
        }
    }
    for (out, sums) in out.0.chunks_exact_mut(COLUMNS).zip(&sums) {
        out.copy_from_slice(sums);
    }
}
