//! Quantisation of rows in plain Rust.

use super::ranges::{LANES, MinMax, Ranges};
use crate::int8_tile::CHUNK;
use crate::math;

/// Whole vectors of a row, and the rest, if any, padded with zeros.
fn vectors(values: &[f32]) -> (&[[f32; LANES]], Option<[f32; LANES]>) {
    let (whole, rest) = values.as_chunks::<LANES>();
    let filled = || {
        let mut last = [0.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        last
    };
    (whole, (!rest.is_empty()).then(filled))
}

/// The ranges of rows `[rows, depth]`.
pub fn ranges(values: &[f32], depth: usize) -> Ranges {
    let mut extremes = MinMax::default();
    for (row, values) in values.chunks_exact(depth).enumerate() {
        // Arrays of a length that the compiler knows are vectorised.
        let (whole, last) = vectors(values);
        let (mut min, mut max, mut poison) = ([0.0f32; LANES], [0.0f32; LANES], [0.0f32; LANES]);
        for values in whole.iter().chain(&last) {
            for i in 0..LANES {
                min[i] = math::at_most(values[i], min[i]);
                max[i] = math::at_least(values[i], max[i]);
                // Comparisons lose NaN; this keeps it.
                poison[i] += values[i] * 0.0;
            }
        }
        extremes.min[row] = min.into_iter().fold(0.0, f32::min);
        extremes.max[row] = max.into_iter().fold(0.0, f32::max);
        extremes.non_finite[row] = poison.into_iter().sum();
    }
    Ranges::of(&extremes)
}

/// The codes of rows `[rows, depth]`, less `offset`.
pub fn codes(values: &[f32], depth: usize, rows: usize, ranges: &Ranges, codes: &mut [u8], offset: u8) {
    let chunks = codes.as_chunks_mut::<CHUNK>().0;
    for (row, values) in values.chunks_exact(depth).enumerate() {
        let (whole, last) = vectors(values);
        let places = chunks.iter_mut().skip(row).step_by(rows);
        for (values, place) in whole.iter().chain(&last).zip(places) {
            let mut codes = [0; LANES];
            for i in 0..LANES {
                let x = math::at_least(values[i] * ranges.inverse[row], ranges.low[row]);
                let x = math::at_most(x, ranges.high[row]) + ranges.shift[row];
                codes[i] = (x.to_bits() as u8).wrapping_sub(offset);
            }
            *place = codes;
        }
    }
}
