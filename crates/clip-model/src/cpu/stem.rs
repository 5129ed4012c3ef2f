//! The first convolution of a tower: few channels, planes in, channels side by side out.

use burn::nn::conv::Conv2d;
use clip_kernels::{Activation, Linear};

use super::packing::Packing;
use super::weights::{conv_bias, values};

/// A convolution of pixels with a square kernel.
#[derive(Debug)]
pub struct FastStem {
    /// Its depth is `[kernel, kernel, channels]`.
    linear: Box<dyn Linear>,
    channels: usize,
    kernel: usize,
    stride: usize,
}

impl FastStem {
    /// From a convolution and a bias; the norm behind it may already be in both.
    pub fn new(weights: &[f32], shape: [usize; 4], bias: &[f32], stride: usize, packing: Packing) -> Self {
        let [outputs, channels, kernel, _] = shape;
        let area = kernel * kernel;
        let mut reordered = Vec::with_capacity(weights.len());
        for output in 0..outputs {
            for tap in 0..area {
                reordered.extend((0..channels).map(|c| weights[(output * channels + c) * area + tap]));
            }
        }
        Self { linear: packing.exact().rows(&reordered, bias, channels * area), channels, kernel, stride }
    }

    /// From a convolution with its own bias.
    pub fn of(conv: &Conv2d, packing: Packing) -> Self {
        Self::new(&values(&conv.weight), conv.weight.dims(), &conv_bias(conv), conv.stride[0], packing)
    }

    /// Side of the kernel.
    pub fn kernel(&self) -> usize {
        self.kernel
    }

    /// Step between outputs.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Channels of the output.
    pub fn columns(&self) -> usize {
        self.linear.columns()
    }

    /// One photo's pixels, `[channels, size, size]`, to `[outputs, outputs, columns]`; `pad` positions of zeros come before
    /// the first pixel of a row and a column, and as many as it takes behind the last.
    pub fn forward(&self, pixels: &[f32], size: usize, pad: usize, outputs: usize, activation: Activation) -> Vec<f32> {
        let Self { channels, kernel, stride, .. } = *self;
        let (plane, depth, columns) = (size * size, self.linear.depth(), self.columns());
        assert_eq!(pixels.len(), channels * plane, "pixels are [channels, size, size]");
        let mut data = vec![0.0; outputs * outputs * columns];
        let mut patches = vec![0.0; outputs * depth];
        for (y, out) in data.chunks_exact_mut(outputs * columns).enumerate() {
            for ky in 0..kernel {
                let row = (y * stride + ky).wrapping_sub(pad);
                for (c, pixels) in pixels.chunks_exact(plane).enumerate() {
                    let line = if row < size { &pixels[row * size..][..size] } else { &[] };
                    for kx in 0..kernel {
                        let patches = &mut patches[(ky * kernel + kx) * channels + c..];
                        for (x, value) in patches.iter_mut().step_by(depth).take(outputs).enumerate() {
                            *value = line.get((x * stride + kx).wrapping_sub(pad)).copied().unwrap_or_default();
                        }
                    }
                }
            }
            self.linear.apply_on(1, &patches, activation, None, out);
        }
        data
    }
}
