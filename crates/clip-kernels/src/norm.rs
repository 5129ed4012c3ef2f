//! Layer normalisation (Ba et al. 2016) of rows.

use crate::Isa;
use crate::isa::multiversion;
use crate::math::MultiplyAdd;

/// Partial sums per row.
const LANES: usize = 16;

/// Gain and bias of a layer norm.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    gain: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
    isa: Isa,
}

impl LayerNorm {
    /// From a gain and a bias of `width` values; `epsilon` is added to the variance.
    ///
    /// # Panics
    /// If the lengths differ or are 0.
    pub fn new(gain: &[f32], bias: &[f32], epsilon: f32, isa: Isa) -> Self {
        assert!(!gain.is_empty(), "a row has values");
        assert_eq!(gain.len(), bias.len(), "gain and bias are of one width");
        Self { gain: gain.to_vec(), bias: bias.to_vec(), epsilon, isa }
    }

    /// Width of a row.
    pub fn width(&self) -> usize {
        self.gain.len()
    }

    /// Normalises `rows`, `[rows, width]`, into `out`, of the same shape.
    ///
    /// # Panics
    /// If the lengths differ or are not a whole number of rows.
    pub fn apply(&self, rows: &[f32], out: &mut [f32]) {
        assert_eq!(rows.len(), out.len(), "as many values come out as go in");
        assert!(rows.len().is_multiple_of(self.width()), "rows are [rows, width]");
        let norm = self;
        multiversion!(self.isa, apply_in(norm: &LayerNorm, rows: &[f32], out: &mut [f32]));
    }
}

#[inline(always)]
fn apply_in<M: MultiplyAdd>(norm: &LayerNorm, rows: &[f32], out: &mut [f32]) {
    let width = norm.width();
    for (row, out) in rows.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let mean = sum(row, |sum, x| sum + x) / width as f32;
        // In a second pass: the mean of squares less the square of the mean loses digits.
        let variance = sum(row, |sum, x| M::mul_add(x - mean, x - mean, sum)) / width as f32;
        let scale = (variance + norm.epsilon).sqrt().recip();
        for (((out, x), gain), bias) in out.iter_mut().zip(row).zip(&norm.gain).zip(&norm.bias) {
            *out = M::mul_add((x - mean) * scale, *gain, *bias);
        }
    }
}

#[inline(always)]
fn sum(row: &[f32], add: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum = add(*sum, *x);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum = add(*sum, *x);
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_naive_norm(rows in 1usize..5, width in 2usize..200, shift in -50f32..50.0, seed: u64) {
            let x: Vec<f32> = noise(seed, rows * width).iter().map(|x| x + shift).collect();
            let (gain, bias) = (noise(seed ^ 1, width), noise(seed ^ 2, width));
            for isa in Isa::available() {
                let mut out = vec![f32::NAN; x.len()];
                LayerNorm::new(&gain, &bias, 1e-5, isa).apply(&x, &mut out);
                for (x, out) in x.chunks_exact(width).zip(out.chunks_exact(width)) {
                    let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / width as f64;
                    let variance = x.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / width as f64;
                    // The mean is exact to some roundings of the largest value, 16 in a sum of 200; values that lie
                    // closely together are spread out, and so is that.
                    let largest = x.iter().fold(0.0, |most, x| f64::from(x.abs()).max(most));
                    let rounding = 16.0 * f64::from(f32::EPSILON) * largest / (variance + 1e-5).sqrt();
                    for (((x, out), gain), bias) in x.iter().zip(out).zip(&gain).zip(&bias) {
                        let exact = (f64::from(*x) - mean) / (variance + 1e-5).sqrt();
                        let exact = exact * f64::from(*gain) + f64::from(*bias);
                        prop_assert!((f64::from(*out) - exact).abs() < 1e-5 + rounding, "{isa:?}: {out}, not {exact}");
                    }
                }
            }
        }
    }
}
