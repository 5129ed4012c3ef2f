//! Depthwise convolution in plain Rust.

use super::filter::Filter;
use crate::math::{MultiplyAdd, at_least, at_most};

/// Channels that are summed at a time; four AVX-512 registers.
const CHUNK: usize = 64;

/// A position of an output row.
#[derive(Clone, Copy)]
pub struct Position<'a> {
    pub rows: &'a [Option<&'a [f32]>],
    pub width: usize,
    pub left: usize,
    pub x: usize,
    /// First channel.
    pub from: usize,
}

/// Computes one position and clamps its results.
#[inline(always)]
pub fn position<M: MultiplyAdd>(filter: &Filter, at: Position<'_>, out: &mut [f32]) {
    let channels = out.len();
    let (min, max) = filter.bounds;
    // Taps that fall inside the row.
    let first = (at.x * filter.stride).wrapping_sub(at.left);
    for start in (at.from..channels).step_by(CHUNK) {
        let count = CHUNK.min(channels - start);
        let mut sums = [0.0f32; CHUNK];
        sums[..count].copy_from_slice(&filter.bias[start..start + count]);
        for (ky, row) in at.rows.iter().enumerate() {
            let Some(row) = row else { continue };
            for kx in 0..filter.kernel {
                let column = first.wrapping_add(kx);
                if column >= at.width {
                    continue;
                }
                let input = &row[column * channels + start..][..count];
                let taps = &filter.taps[(ky * filter.kernel + kx) * channels + start..][..count];
                if count == CHUNK {
                    // A constant length keeps the sums in registers.
                    for i in 0..CHUNK {
                        sums[i] = M::mul_add(input[i], taps[i], sums[i]);
                    }
                } else {
                    for ((sum, input), tap) in sums.iter_mut().zip(input).zip(taps) {
                        *sum = M::mul_add(*input, *tap, *sum);
                    }
                }
            }
        }
        for (out, sum) in out[start..start + count].iter_mut().zip(&sums) {
            *out = at_most(at_least(*sum, min), max);
        }
    }
}
