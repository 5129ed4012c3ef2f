//! The first convolution of a tower: few channels, planes in, channels side by side out.

use std::cell::Cell;

use burn::nn::conv::Conv2d;
use clip_kernels::buffer::sized;
use clip_kernels::convolution::{Convolution, Images};
use clip_kernels::{Activation, Isa};

use super::weights::{conv_bias, values};

/// A convolution of pixels with a square kernel. It is always in 32-bit floats: it costs little and decides much.
#[derive(Debug)]
pub struct CpuStem(Convolution);

impl CpuStem {
    /// From a convolution and a bias; the norm behind it may already be in both.
    pub fn new(weights: &[f32], shape: [usize; 4], bias: &[f32], stride: usize, isa: Isa) -> Self {
        let [_, channels, kernel, _] = shape;
        Self(Convolution::new(weights, bias, channels, kernel, isa).with_stride(stride))
    }

    /// From a convolution with its own bias.
    pub fn of(conv: &Conv2d, isa: Isa) -> Self {
        Self::new(&values(&conv.weight), conv.weight.dims(), &conv_bias(conv), conv.stride[0], isa)
    }

    /// Side of the kernel.
    pub fn kernel(&self) -> usize {
        self.0.kernel()
    }

    /// Step between outputs.
    pub fn stride(&self) -> usize {
        self.0.stride()
    }

    /// Channels of the output.
    pub fn columns(&self) -> usize {
        self.0.columns()
    }

    /// One photo's pixels, `[channels, size, size]`, to `[outputs, outputs, columns]`; `pad` positions of zeros come before
    /// the first pixel of a row and a column, and as many as it takes behind the last.
    pub fn forward(&self, pixels: &[f32], size: usize, pad: usize, outputs: usize, activation: Activation) -> Vec<f32> {
        let Self(convolution) = self;
        let (plane, channels, side) = (size * size, convolution.channels(), convolution.reach(outputs));
        assert_eq!(pixels.len(), channels * plane, "pixels are [channels, size, size]");
        let mut scratch = SCRATCH.take();
        let image = sized(&mut scratch, side * side * channels);
        // A pixel's channels side by side. What is in no kernel is left out.
        let inside = pad.min(side)..side.min(pad + size);
        for (y, line) in image.chunks_exact_mut(side * channels).enumerate() {
            if !inside.contains(&y) {
                line.fill(0.0);
                continue;
            }
            line[..inside.start * channels].fill(0.0);
            line[inside.end * channels..].fill(0.0);
            let line = &mut line[inside.start * channels..inside.end * channels];
            for (c, plane) in pixels.chunks_exact(plane).enumerate() {
                let values = &plane[(y - pad) * size..][..inside.len()];
                for (out, value) in line.iter_mut().skip(c).step_by(channels).zip(values) {
                    *out = *value;
                }
            }
        }
        let mut data = vec![0.0; outputs * outputs * self.columns()];
        let images = Images { values: image, count: 1, height: outputs, width: outputs };
        convolution.apply_on(1, images, activation, &mut data);
        SCRATCH.set(scratch);
        data
    }
}

thread_local! {
    /// A photo with its channels side by side.
    static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}
