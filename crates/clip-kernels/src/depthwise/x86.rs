//! Depthwise convolutions with vector instructions: some neighbouring positions of a vector of channels at a time, so that
//! each tap is loaded once for all of them.

use std::arch::x86_64::*;

use super::filter::{Filter, Inside};
use crate::isa::Instructions;
use crate::shape::volume;

/// Positions at a time: enough sums to hide the latency of an addition.
const MAX_POSITIONS: usize = 8;

/// Computes the positions for the channels of whole vectors, and returns the number of these channels.
pub fn positions<const KERNEL: usize, const STRIDE: usize>(
    instructions: Instructions,
    filter: &Filter,
    inside: Inside<'_>,
    out: &mut [f32],
) -> usize {
    let channels = filter.bias.len();
    let Inside { rows, left, positions } = inside;
    let lanes = match instructions {
        Instructions::Avx512(_) => 16,
        Instructions::Avx2(_) => 8,
        Instructions::Portable => return 0,
    };
    let whole = channels / lanes * lanes;
    if positions.is_empty() {
        return whole;
    }
    // The loops rely on this.
    assert!(filter.kernel == KERNEL && filter.stride == STRIDE && rows.len() == KERNEL);
    assert!(filter.taps.len() == volume([KERNEL, KERNEL, channels]) && filter.bias.len() == channels);
    assert!(volume([positions.start, STRIDE]) >= left && volume([positions.end, channels]) <= out.len());
    let reach = volume([volume([positions.end - 1, STRIDE]) - left + KERNEL, channels]);
    assert!(rows.iter().flatten().all(|row| row.len() >= reach));
    let mut x = positions.start;
    while x < positions.end {
        let block = Block { filter, rows, column: x * STRIDE - left, whole };
        let out = &mut out[x * channels..];
        // SAFETY: the variant proves the features; lengths were checked above.
        x += unsafe {
            match (positions.end - x, instructions) {
                (MAX_POSITIONS.., Instructions::Avx512(_)) => block.avx512::<KERNEL, STRIDE, MAX_POSITIONS>(out),
                (4.., Instructions::Avx512(_)) => block.avx512::<KERNEL, STRIDE, 4>(out),
                (2.., Instructions::Avx512(_)) => block.avx512::<KERNEL, STRIDE, 2>(out),
                (_, Instructions::Avx512(_)) => block.avx512::<KERNEL, STRIDE, 1>(out),
                (MAX_POSITIONS.., Instructions::Avx2(_)) => block.avx2::<KERNEL, STRIDE, MAX_POSITIONS>(out),
                (4.., Instructions::Avx2(_)) => block.avx2::<KERNEL, STRIDE, 4>(out),
                (2.., Instructions::Avx2(_)) => block.avx2::<KERNEL, STRIDE, 2>(out),
                (_, Instructions::Avx2(_)) => block.avx2::<KERNEL, STRIDE, 1>(out),
                (_, Instructions::Portable) => return 0,
            }
        };
    }
    whole
}

/// Some positions from one on.
struct Block<'a> {
    filter: &'a Filter,
    rows: &'a [Option<&'a [f32]>],
    /// Where the first position's taps begin in the rows.
    column: usize,
    /// Channels that are computed.
    whole: usize,
}

macro_rules! block {
    ($name:ident, $features:literal, $lanes:literal, $vector:ty, $load:ident, $store:ident, $add:ident,
     $set:ident, $max:ident, $min:ident) => {
        /// Computes `COUNT` positions, and returns how many.
        ///
        /// # Safety
        /// The processor has the features, and rows, taps and `out` are as long as `positions` checks.
        #[target_feature(enable = $features)]
        unsafe fn $name<const KERNEL: usize, const STRIDE: usize, const COUNT: usize>(&self, out: &mut [f32]) -> usize {
            let channels = self.filter.bias.len();
            let (min, max) = self.filter.bounds;
            let (min, max) = ($set(min), $set(max));
            for start in (0..self.whole).step_by($lanes) {
                // SAFETY: `start` and a vector more are within the channels, of which there is a bias each.
                let bias = unsafe { $load(self.filter.bias.as_ptr().add(start)) };
                let mut sums: [$vector; COUNT] = [bias; COUNT];
                for (ky, row) in self.rows.iter().enumerate() {
                    let Some(row) = row else { continue };
                    for kx in 0..KERNEL {
                        let at = (ky * KERNEL + kx) * channels + start;
                        // SAFETY: there are `KERNEL` times `KERNEL` taps of each channel.
                        let tap = unsafe { $load(self.filter.taps.as_ptr().add(at)) };
                        for (index, sum) in sums.iter_mut().enumerate() {
                            let at = (self.column + index * STRIDE + kx) * channels + start;
                            // SAFETY: `positions` made sure that rows reach this far.
                            *sum = $add(unsafe { $load(row.as_ptr().add(at)) }, tap, *sum);
                        }
                    }
                }
                for (index, sum) in sums.into_iter().enumerate() {
                    // In this order NaN is kept.
                    // SAFETY: `out` has `COUNT` positions.
                    unsafe { $store(out.as_mut_ptr().add(index * channels + start), $min(max, $max(min, sum))) };
                }
            }
            COUNT
        }
    };
}

impl Block<'_> {
    block!(
        avx512,
        "avx512f",
        16,
        __m512,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_set1_ps,
        _mm512_max_ps,
        _mm512_min_ps
    );
    block!(
        avx2,
        "avx2,fma",
        8,
        __m256,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_set1_ps,
        _mm256_max_ps,
        _mm256_min_ps
    );
}
