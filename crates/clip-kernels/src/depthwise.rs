//! Depthwise convolution of rows whose channels lie side by side.

use crate::math::{at_least, at_most};
use crate::rows::finish;
use crate::{Activation, Isa};

/// Channels that are summed at a time; four AVX-512 registers.
const CHUNK: usize = 64;

/// Weights of a depthwise convolution: a square kernel for each channel, and a bias.
#[derive(Debug, Clone)]
pub struct Depthwise {
    /// `[kernel * kernel, channels]`: the taps of all channels side by side.
    taps: Vec<f32>,
    bias: Vec<f32>,
    kernel: usize,
    stride: usize,
    activation: Activation,
    isa: Isa,
}

impl Depthwise {
    /// From weights `[channels, kernel, kernel]` and a bias of `channels` values; `activation` is applied to the result.
    pub fn new(weights: &[f32], bias: &[f32], kernel: usize, stride: usize, activation: Activation, isa: Isa) -> Self {
        let channels = bias.len();
        assert_eq!(weights.len(), channels * kernel * kernel, "weights are [channels, kernel, kernel]");
        let mut taps = vec![0.0; weights.len()];
        for (channel, weights) in weights.chunks_exact(kernel * kernel).enumerate() {
            for (tap, weight) in weights.iter().enumerate() {
                taps[tap * channels + channel] = *weight;
            }
        }
        Self { taps, bias: bias.to_vec(), kernel, stride, activation, isa }
    }

    /// Side of the kernel.
    pub fn kernel(&self) -> usize {
        self.kernel
    }

    /// Step between outputs.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Channels.
    pub fn channels(&self) -> usize {
        self.bias.len()
    }

    /// One output row, activation applied.
    ///
    /// `rows` are the `kernel` input rows `[width, channels]`, `None` where they lie outside; `left` is the padding
    /// before the first column; `out` is `[out_width, channels]`.
    pub fn row(&self, rows: &[Option<&[f32]>], width: usize, left: usize, out: &mut [f32]) {
        match self.isa {
            // SAFETY: `Isa` found AVX-512F on this processor.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { self.row_avx512(rows, width, left, out) },
            // SAFETY: `Isa` found AVX2 and FMA on this processor.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { self.row_avx2(rows, width, left, out) },
            _ => self.row_in(rows, width, left, out, |sum, x, w| sum + x * w),
        }
        if !matches!(self.activation, Activation::None | Activation::Relu6) {
            finish(self.isa, self.activation, None, out);
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
    fn row_avx512(&self, rows: &[Option<&[f32]>], width: usize, left: usize, out: &mut [f32]) {
        self.row_in(rows, width, left, out, |sum, x, w| x.mul_add(w, sum));
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn row_avx2(&self, rows: &[Option<&[f32]>], width: usize, left: usize, out: &mut [f32]) {
        self.row_in(rows, width, left, out, |sum, x, w| x.mul_add(w, sum));
    }

    /// Compiled once for each instruction set it is inlined into.
    #[inline(always)]
    fn row_in(
        &self,
        rows: &[Option<&[f32]>],
        width: usize,
        left: usize,
        out: &mut [f32],
        add: impl Fn(f32, f32, f32) -> f32 + Copy,
    ) {
        let channels = self.bias.len();
        let (least, most) =
            if self.activation == Activation::Relu6 { (0.0, 6.0) } else { (f32::NEG_INFINITY, f32::INFINITY) };
        for (x, out) in out.chunks_exact_mut(channels).enumerate() {
            // Taps that fall inside the row.
            let first = (x * self.stride).wrapping_sub(left);
            for start in (0..channels).step_by(CHUNK) {
                let count = CHUNK.min(channels - start);
                let mut sums = [0.0f32; CHUNK];
                sums[..count].copy_from_slice(&self.bias[start..start + count]);
                for (ky, row) in rows.iter().enumerate() {
                    let Some(row) = row else { continue };
                    for kx in 0..self.kernel {
                        let at = first.wrapping_add(kx);
                        if at >= width {
                            continue;
                        }
                        let input = &row[at * channels + start..][..count];
                        let taps = &self.taps[(ky * self.kernel + kx) * channels + start..][..count];
                        if count == CHUNK {
                            // A constant length lets the sums stay in registers.
                            for i in 0..CHUNK {
                                sums[i] = add(sums[i], input[i], taps[i]);
                            }
                        } else {
                            for ((sum, input), tap) in sums.iter_mut().zip(input).zip(taps) {
                                *sum = add(*sum, *input, *tap);
                            }
                        }
                    }
                }
                for (out, sum) in out[start..start + count].iter_mut().zip(&sums) {
                    *out = at_most(at_least(*sum, least), most);
                }
            }
        }
    }
}
