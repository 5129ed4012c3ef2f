//! Depthwise convolution of rows in channels-last order.

mod filter;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use self::filter::Filter;
#[cfg(target_arch = "x86_64")]
use self::filter::Inside;
use self::portable::{Position, position};
use crate::epilogue;
use crate::isa::multiversion;
use crate::shape::volume;
use crate::{Activation, Isa};

/// Weights of a depthwise convolution: a square kernel for each channel, and a bias.
#[derive(Debug, Clone)]
pub struct Depthwise {
    filter: Filter,
    activation: Activation,
    isa: Isa,
}

impl Depthwise {
    /// From weights `[channels, kernel, kernel]` and a bias of `channels` values; `activation` is applied to the result.
    ///
    /// # Panics
    /// If the lengths do not fit, or there are no channels, no taps or no step.
    pub fn new(weights: &[f32], bias: &[f32], kernel: usize, stride: usize, activation: Activation, isa: Isa) -> Self {
        let channels = bias.len();
        assert!(channels > 0 && kernel > 0 && stride > 0, "there are channels, taps and a step");
        assert_eq!(weights.len(), volume([channels, kernel, kernel]), "weights are [channels, kernel, kernel]");
        let mut taps = vec![0.0; weights.len()];
        for (channel, weights) in weights.chunks_exact(kernel * kernel).enumerate() {
            for (tap, weight) in weights.iter().enumerate() {
                taps[tap * channels + channel] = *weight;
            }
        }
        // Other activations follow in a pass of their own.
        let bounds = activation.bounds().unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let filter = Filter { taps, bias: bias.to_vec(), kernel, stride, bounds };
        Self { filter, activation, isa }
    }

    /// Side of the kernel.
    pub fn kernel(&self) -> usize {
        self.filter.kernel
    }

    /// Step between output positions.
    pub fn stride(&self) -> usize {
        self.filter.stride
    }

    /// Channels.
    pub fn channels(&self) -> usize {
        self.filter.bias.len()
    }

    /// Computes one output row, activation included.
    ///
    /// `rows` are the `kernel` input rows `[width, channels]`, `None` where they lie outside; `left` is the padding
    /// before the first column; `out` is `[out_width, channels]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn row(&self, rows: &[Option<&[f32]>], width: usize, left: usize, out: &mut [f32]) {
        let channels = self.channels();
        assert_eq!(rows.len(), self.filter.kernel, "a row for each of the kernel's");
        assert!(rows.iter().flatten().all(|row| row.len() == volume([width, channels])), "rows are [width, channels]");
        assert!(out.len().is_multiple_of(channels), "out is [out_width, channels]");
        let outputs = out.len() / channels;
        // Positions whose taps all lie inside the row.
        let first = left.div_ceil(self.filter.stride).min(outputs);
        let last = ((width + left + self.filter.stride).saturating_sub(self.filter.kernel) / self.filter.stride)
            .clamp(first, outputs);
        #[cfg(target_arch = "x86_64")]
        let whole = self.whole(Inside { rows, left, positions: first..last }, out);
        #[cfg(not(target_arch = "x86_64"))]
        let whole = 0;
        let edges = (0..first).chain(last..outputs);
        self.some(rows, width, left, edges.map(|x| (x, 0)).chain((first..last).map(|x| (x, whole))), out);
        if self.activation.bounds().is_none() {
            epilogue::apply(self.isa, self.activation, None, out);
        }
    }

    /// Computes the positions inside for the channels of whole vectors, and returns the number of these channels.
    #[cfg(target_arch = "x86_64")]
    fn whole(&self, inside: Inside<'_>, out: &mut [f32]) -> usize {
        let (instructions, filter) = (self.isa.instructions(), &self.filter);
        match (filter.kernel, filter.stride) {
            (3, 1) => x86::positions::<3, 1>(instructions, filter, inside, out),
            (3, 2) => x86::positions::<3, 2>(instructions, filter, inside, out),
            (5, 1) => x86::positions::<5, 1>(instructions, filter, inside, out),
            (5, 2) => x86::positions::<5, 2>(instructions, filter, inside, out),
            (7, 1) => x86::positions::<7, 1>(instructions, filter, inside, out),
            (7, 2) => x86::positions::<7, 2>(instructions, filter, inside, out),
            _ => 0,
        }
    }

    /// Computes positions, each from its channel on.
    fn some(
        &self,
        rows: &[Option<&[f32]>],
        width: usize,
        left: usize,
        positions: impl Iterator<Item = (usize, usize)>,
        out: &mut [f32],
    ) {
        for (x, from) in positions.filter(|(_, from)| *from < self.channels()) {
            let at = Position { rows, width, left, x, from };
            let out = &mut out[x * self.channels()..][..self.channels()];
            let filter = &self.filter;
            multiversion!(self.isa, position(filter: &Filter, at: Position<'_>, out: &mut [f32]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn equals_the_naive_convolution(
            width in 1usize..40, channels in 1usize..90, half in 0usize..4, stride in 1usize..4, left in 0usize..4,
            outside in 0usize..7, relu6: bool, seed: u64,
        ) {
            let kernel = 2 * half + 1;
            let outputs = (width + 2 * half).saturating_sub(kernel) / stride + 1;
            let (weights, bias) = (noise(seed, channels * kernel * kernel), noise(seed ^ 1, channels));
            let lines: Vec<Vec<f32>> = (0..kernel).map(|y| noise(seed ^ (2 + y as u64), width * channels)).collect();
            let rows: Vec<Option<&[f32]>> =
                lines.iter().enumerate().map(|(y, line)| (y != outside).then_some(line.as_slice())).collect();
            let activation = if relu6 { Activation::Relu6 } else { Activation::Gelu };
            let value = |x: usize, channel: usize| -> f64 {
                let mut sum = f64::from(bias[channel]);
                for (ky, row) in rows.iter().enumerate() {
                    for kx in 0..kernel {
                        let column = (x * stride + kx).wrapping_sub(left);
                        if let Some(row) = row.filter(|_| column < width) {
                            let weight = weights[(channel * kernel + ky) * kernel + kx];
                            sum += f64::from(row[column * channels + channel]) * f64::from(weight);
                        }
                    }
                }
                sum
            };
            for isa in Isa::available() {
                let depthwise = Depthwise::new(&weights, &bias, kernel, stride, activation, isa);
                let mut out = vec![f32::NAN; outputs * channels];
                depthwise.row(&rows, width, left, &mut out);
                for (at, out) in out.iter().enumerate() {
                    let sum = value(at / channels, at % channels);
                    let expected = if relu6 {
                        sum.clamp(0.0, 6.0)
                    } else {
                        let mut one = [sum as f32];
                        epilogue::apply(Isa::portable(), activation, None, &mut one);
                        f64::from(one[0])
                    };
                    prop_assert!((f64::from(*out) - expected).abs() < 1e-4, "{isa:?}, {at}: {out}, not {expected}");
                }
            }
        }
    }
}
