//! The convolutional parts that MobileCLIP's towers share (CpuViT, Vasu et al. 2023; MobileCLIP, Vasu et al. 2024).
//!
//! All are in re-parameterised form: the branches that a block has in training, its batch norms and its layer scales are
//! folded into single convolutions when the weights are read.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

/// A convolution with bias whose padding is half its kernel, so that stride 1 keeps the size. Kernels are odd.
pub(crate) fn centred(
    [input, output]: [usize; 2],
    kernel: [usize; 2],
    stride: usize,
    groups: usize,
    device: &Device,
) -> Conv2d {
    let (rows, columns) = (kernel[0] / 2, kernel[1] / 2);
    Conv2dConfig::new([input, output], kernel)
        .with_stride([stride, stride])
        .with_groups(groups)
        .with_padding(PaddingConfig2d::Explicit(rows, columns, rows, columns))
        .init(device)
}

/// A 1x1 convolution with bias.
pub(crate) fn pointwise(input: usize, output: usize, device: &Device) -> Conv2d {
    centred([input, output], [1, 1], 1, 1, device)
}

/// Mixes the positions of each channel (RepMixer), then the channels of each position: `y = mixer(x)`, `y + mlp(y)`.
#[derive(Module, Debug)]
pub struct RepMixerBlock {
    /// Depthwise convolution; holds the shortcut around itself.
    pub mixer: Conv2d,
    /// Between the channels.
    pub mlp: ConvMlp,
}

impl RepMixerBlock {
    /// A block with random weights; `mixer` and `mlp` are the depthwise kernels' sides.
    pub(crate) fn init(channels: usize, hidden: usize, mixer: [usize; 2], mlp: [usize; 2], device: &Device) -> Self {
        Self {
            mixer: centred([channels, channels], mixer, 1, channels, device),
            mlp: ConvMlp::init(channels, hidden, mlp, device),
        }
    }

    /// `[batch, channels, height, width]` to the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.mixer.forward(x);
        x.clone() + self.mlp.forward(x)
    }
}

/// A depthwise convolution before a hidden layer of pointwise ones (`ConvFFN` in the originals). The layer scale on its
/// output is part of the last convolution.
#[derive(Module, Debug)]
pub struct ConvMlp {
    /// Depthwise convolution.
    pub depthwise: Conv2d,
    /// To the hidden channels.
    pub input: Conv2d,
    /// Back to the channels.
    pub output: Conv2d,
}

impl ConvMlp {
    /// With random weights.
    pub(crate) fn init(channels: usize, hidden: usize, kernel: [usize; 2], device: &Device) -> Self {
        Self {
            depthwise: centred([channels, channels], kernel, 1, channels, device),
            input: pointwise(channels, hidden, device),
            output: pointwise(hidden, channels, device),
        }
    }

    /// `[batch, channels, height, width]` to the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.output.forward(gelu(self.input.forward(self.depthwise.forward(x))))
    }
}
