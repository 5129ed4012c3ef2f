//! Convolutional image tower of inverted residual blocks (MobileNetV2, Sandler et al. 2018), in the form of
//! EfficientNet-Lite (Tan & Le 2019; the "lite" variants drop squeeze-and-excitation and use ReLU6).
//!
//! Batch normalisation is folded into the convolutions, so every convolution carries a bias. Several backbones
//! may look at the same photo; their pooled features are concatenated before the head. Two small backbones that
//! were trained apart disagree in useful ways, and cost less than one larger one.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

use super::config::{BackboneConfig, InvertedResidualConfig, StageConfig};
use crate::projection::ProjectionHead;

impl InvertedResidualConfig {
    /// A tower with random weights. It ends in as many values as its head does.
    pub fn init(&self, _embed_dim: usize, device: &Device) -> InvertedResidual {
        InvertedResidual {
            backbones: self.backbones.iter().map(|backbone| backbone.init(device)).collect(),
            head: self.head.init(self.feature_width(), device),
        }
    }
}

impl BackboneConfig {
    /// A backbone with random weights.
    pub fn init(&self, device: &Device) -> Backbone {
        let mut channels = self.stem;
        let mut blocks = Vec::new();
        for stage in &self.stages {
            for index in 0..stage.repeats {
                let stride = if index == 0 { stage.stride } else { 1 };
                blocks.push(Block::init(channels, stage, stride, device));
                channels = stage.channels;
            }
        }
        Backbone {
            stem: Conv2dConfig::new([3, self.stem], [3, 3]).with_stride([2, 2]).init(device),
            blocks,
            features: pointwise_conv(channels, self.features, device),
        }
    }
}

/// See the [module](super) documentation.
#[derive(Module, Debug)]
pub struct InvertedResidual {
    /// The backbones.
    pub backbones: Vec<Backbone>,
    /// The head on their concatenated features.
    pub head: ProjectionHead,
}

impl InvertedResidual {
    /// Pixels `[batch, 3, size, size]` to embeddings `[batch, embed_dim]`, not normalised.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.head.forward(self.features(pixels))
    }

    /// Pixels `[batch, 3, size, size]` to the pooled features of all backbones, `[batch, feature_width]`.
    pub fn features(&self, pixels: Tensor<4>) -> Tensor<2> {
        let features = self.backbones.iter().map(|backbone| backbone.forward(pixels.clone())).collect();
        Tensor::cat(features, 1)
    }
}

/// One convolutional backbone, ending in a global average pool.
#[derive(Module, Debug)]
pub struct Backbone {
    /// 3x3 convolution of stride 2.
    pub stem: Conv2d,
    /// Inverted residual blocks.
    pub blocks: Vec<Block>,
    /// Pointwise convolution before the pool.
    pub features: Conv2d,
}

impl Backbone {
    /// Pixels `[batch, 3, height, width]` to pooled features `[batch, features]`.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.tail(self.trunk(pixels, self.blocks.len()), self.blocks.len())
    }

    /// The stem and the first `blocks` blocks: `[batch, 3, height, width]` to `[batch, channels, h, w]`.
    pub fn trunk(&self, pixels: Tensor<4>, blocks: usize) -> Tensor<4> {
        let stem = relu6(same_padded(&self.stem, pixels));
        self.blocks.iter().take(blocks).fold(stem, |x, block| block.forward(x))
    }

    /// What follows [`trunk`](Self::trunk) with the same `blocks`: `[batch, channels, h, w]` to `[batch, features]`.
    pub fn tail(&self, activations: Tensor<4>, blocks: usize) -> Tensor<2> {
        let x = self.blocks.iter().skip(blocks).fold(activations, |x, block| block.forward(x));
        let x = relu6(pointwise(&self.features, x));
        let [batch, channels, height, width] = x.dims();
        x.reshape([batch, channels, height * width]).mean_dim(2).reshape([batch, channels])
    }
}

/// Inverted residual block: widen (pointwise), depthwise, narrow (pointwise); a shortcut where shapes allow.
#[derive(Module, Debug)]
pub struct Block {
    /// Pointwise convolution that widens; absent where the expansion is 1.
    pub expand: Option<Conv2d>,
    /// Depthwise convolution.
    pub depthwise: Conv2d,
    /// Pointwise convolution that narrows, with no activation after it (the "linear bottleneck").
    pub project: Conv2d,
    /// Whether the input is added to the output.
    pub shortcut: bool,
}

impl Block {
    fn init(input: usize, stage: &StageConfig, stride: usize, device: &Device) -> Self {
        let wide = input * stage.expansion;
        Self {
            expand: (stage.expansion != 1).then(|| pointwise_conv(input, wide, device)),
            depthwise: Conv2dConfig::new([wide, wide], [stage.kernel, stage.kernel])
                .with_stride([stride, stride])
                .with_groups(wide)
                .init(device),
            project: pointwise_conv(wide, stage.channels, device),
            shortcut: stride == 1 && input == stage.channels,
        }
    }

    /// `[batch, channels_in, h, w]` to `[batch, channels_out, ceil(h / stride), ceil(w / stride)]`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let x = match &self.expand {
            Some(expand) => relu6(pointwise(expand, input.clone())),
            None => input.clone(),
        };
        let x = relu6(same_padded(&self.depthwise, x));
        let x = pointwise(&self.project, x);
        if self.shortcut { x + input } else { x }
    }
}

fn pointwise_conv(input: usize, output: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([input, output], [1, 1]).init(device)
}

/// A 1x1 convolution as one matrix product over all positions of all photos: `[batch, channels_in, h, w]` to
/// `[batch, channels_out, h, w]`.
///
/// As a convolution the gradient of the weights would be another convolution, with a kernel as large as the map,
/// which on the CPU takes longer than all the rest of a training step.
fn pointwise(conv: &Conv2d, input: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = input.dims();
    let [output, ..] = conv.weight.dims();
    let columns = input.swap_dims(0, 1).reshape([channels, batch * height * width]);
    let mut out = conv.weight.val().reshape([output, channels]).matmul(columns);
    if let Some(bias) = &conv.bias {
        out = out + bias.val().reshape([output, 1]);
    }
    out.reshape([output, batch, height, width]).swap_dims(0, 1)
}

fn relu6(x: Tensor<4>) -> Tensor<4> {
    x.clamp(0.0, 6.0)
}

/// Convolution with TensorFlow's "same" padding, with which these weights were trained: the output has
/// `ceil(input / stride)` positions, and an odd pixel of padding goes to the bottom and right.
fn same_padded(conv: &Conv2d, input: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = input.dims();
    let pad = |axis: usize, size: usize| {
        let (kernel, stride) = (conv.kernel_size[axis], conv.stride[axis]);
        let total = ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
        (total / 2, total - total / 2)
    };
    let options =
        ConvOptions::new_with_padding(conv.stride, [pad(0, height), pad(1, width)], conv.dilation, conv.groups);
    conv2d(input, conv.weight.val(), conv.bias.as_ref().map(|bias| bias.val()), options)
}
