//! OpenAI's residual network (Radford et al. 2021, section 2.4; `ModifiedResNet` in OpenAI's `model.py`): a ResNet (He
//! et al. 2016) with three convolutions in its stem, average pools where others have strides, and an attention pool in
//! place of the last average.
//!
//! Batch norms use the checkpoint's running statistics always, in training as well: a fine-tuned batch is far too small
//! and too narrow to replace statistics of hundreds of millions of photos. Their weights and biases learn as all others.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::AvgPool2dConfig;
use burn::nn::{Initializer, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::config::{limits, within};
use crate::transformer::SelfAttention;

/// Sizes of a [`ModifiedResnet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModifiedResnetConfig {
    /// Side of the square input in pixels; a multiple of 32.
    pub image_size: usize,
    /// Channels after the stem; the last stage ends in 32 times as many.
    pub width: usize,
    /// Blocks in each of the four stages.
    pub blocks: [usize; 4],
    /// Attention heads of the pool; divides 32 times the width.
    pub heads: usize,
}

/// Between the input and the last stage's output.
const REDUCTION: usize = 32;
/// A block's output channels for one of its inner channels.
const EXPANSION: usize = 4;
/// PyTorch's default, which no checkpoint changes.
const EPSILON: f64 = 1e-5;
/// Several times the largest published model (RN50x64: width 128, 36 blocks in a stage).
const MAX_WIDTH: usize = 512;
const MAX_BLOCKS: usize = 128;

impl ModifiedResnetConfig {
    /// Channels of the last stage's output.
    pub fn feature_width(&self) -> usize {
        self.width * 8 * EXPANSION
    }

    /// Says what is out of range, if anything is.
    pub fn validate(&self) -> Result<(), String> {
        within("the image size", self.image_size, limits::IMAGE_SIZE)?;
        if !self.image_size.is_multiple_of(REDUCTION) {
            return Err(format!("the image size is {}, expected a multiple of {REDUCTION}", self.image_size));
        }
        within("the image tower's width", self.width, MAX_WIDTH)?;
        if !self.width.is_multiple_of(2) {
            return Err(format!("the image tower's width is {}, expected an even number", self.width));
        }
        for blocks in self.blocks {
            within("a stage's number of blocks", blocks, MAX_BLOCKS)?;
        }
        within("the attention pool's number of heads", self.heads, limits::WIDTH)?;
        if !self.feature_width().is_multiple_of(self.heads) {
            return Err(format!(
                "the attention pool's {} heads do not divide its width {}",
                self.heads,
                self.feature_width()
            ));
        }
        Ok(())
    }
}

/// See the [module](self) documentation.
#[derive(Module, Debug)]
pub struct ModifiedResnet {
    /// Three convolutions, the first of stride 2, before an average pool.
    pub stem: Vec<ConvNorm>,
    /// The four stages.
    pub stages: Vec<Stage>,
    /// From the last stage's output to the embedding.
    pub pool: AttentionPool,
}

impl ModifiedResnet {
    /// A tower with random weights.
    pub fn init(config: &ModifiedResnetConfig, embed_dim: usize, device: &Device) -> Self {
        let half = config.width / 2;
        let mut channels = config.width;
        let stages = (0..4).map(|stage| {
            let inner = config.width << stage;
            let blocks = (0..config.blocks[stage]).map(|block| {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let block = Bottleneck::init(channels, inner, stride, device);
                channels = inner * EXPANSION;
                block
            });
            Stage { blocks: blocks.collect() }
        });
        let stages = stages.collect();
        let width = config.feature_width();
        let positions = (config.image_size / REDUCTION).pow(2) + 1;
        let normal = Initializer::Normal { mean: 0.0, std: (width as f64).powf(-0.5) };
        Self {
            stem: vec![
                ConvNorm::init([3, half], 3, 2, device),
                ConvNorm::init([half, half], 3, 1, device),
                ConvNorm::init([half, config.width], 3, 1, device),
            ],
            stages,
            pool: AttentionPool {
                position_embedding: normal.init([positions, width], device),
                attention: SelfAttention {
                    input: LinearConfig::new(width, 3 * width).with_initializer(normal.clone()).init(device),
                    output: LinearConfig::new(width, embed_dim).with_initializer(normal).init(device),
                    heads: config.heads,
                    causal: false,
                },
            },
        }
    }

    /// Pixels `[batch, 3, size, size]` to embeddings `[batch, embed_dim]`, not normalised.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let stem = self.stem.iter().fold(pixels, |x, layer| relu(layer.forward(x)));
        let features = self.stages.iter().fold(halved(stem), |x, stage| stage.forward(x));
        self.pool.forward(features)
    }
}

/// Blocks of one width.
#[derive(Module, Debug)]
pub struct Stage {
    /// The blocks in order.
    pub blocks: Vec<Bottleneck>,
}

impl Stage {
    /// `[batch, channels_in, h, w]` to `[batch, channels_out, h, w]`, or half as high and wide.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.blocks.iter().fold(x, |x, block| block.forward(x))
    }
}

/// Narrow (1x1), convolve (3x3), average, widen (1x1), and a shortcut around it all.
#[derive(Module, Debug)]
pub struct Bottleneck {
    /// 1x1 to the inner channels.
    pub reduce: ConvNorm,
    /// 3x3 among them.
    pub spatial: ConvNorm,
    /// 1x1 to the output channels.
    pub expand: ConvNorm,
    /// 1x1 on the shortcut where the shapes differ.
    pub shortcut: Option<ConvNorm>,
    /// 2 if the block halves height and width, else 1.
    pub stride: usize,
}

impl Bottleneck {
    fn init(input: usize, inner: usize, stride: usize, device: &Device) -> Self {
        let output = inner * EXPANSION;
        Self {
            reduce: ConvNorm::init([input, inner], 1, 1, device),
            spatial: ConvNorm::init([inner, inner], 3, 1, device),
            expand: ConvNorm::init([inner, output], 1, 1, device),
            shortcut: (stride > 1 || input != output).then(|| ConvNorm::init([input, output], 1, 1, device)),
            stride,
        }
    }

    /// `[batch, channels_in, h, w]` to `[batch, channels_out, h / stride, w / stride]`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let shrunk = |x: Tensor<4>| if self.stride == 1 { x } else { halved(x) };
        let x = relu(self.reduce.forward(input.clone()));
        let x = shrunk(relu(self.spatial.forward(x)));
        let x = self.expand.forward(x);
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.forward(shrunk(input)),
            None => input,
        };
        relu(x + shortcut)
    }
}

/// The mean of each 2x2 square.
fn halved(x: Tensor<4>) -> Tensor<4> {
    AvgPool2dConfig::new([2, 2]).init().forward(x)
}

/// A convolution without bias and the batch norm (Ioffe & Szegedy 2015) behind it.
#[derive(Module, Debug)]
pub struct ConvNorm {
    /// The convolution.
    pub convolution: Conv2d,
    /// Its norm.
    pub norm: BatchNorm,
}

impl ConvNorm {
    fn init(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Self {
        let padding = kernel / 2;
        Self {
            convolution: Conv2dConfig::new(channels, [kernel, kernel])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
                .with_bias(false)
                .init(device),
            norm: BatchNorm::init(channels[1], device),
        }
    }

    /// `[batch, channels_in, h, w]` to `[batch, channels_out, h / stride, w / stride]`.
    ///
    /// The norm's factor goes into the kernel and its offset into a bias: kernels are small, activations are not.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let (scale, offset) = self.norm.affine();
        let [channels] = scale.dims();
        let kernel = self.convolution.weight.val() * scale.reshape([channels, 1, 1, 1]);
        let padding = self.convolution.kernel_size.map(|side| side / 2);
        conv2d(x, kernel, Some(offset), ConvOptions::new(self.convolution.stride, padding, [1, 1], 1))
    }
}

/// Batch norm with fixed statistics.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Factor on the standardised values, `[channels]`.
    pub weight: Param<Tensor<1>>,
    /// Added to them, `[channels]`.
    pub bias: Param<Tensor<1>>,
    /// Mean of each channel, `[channels]`; never trained.
    pub running_mean: Param<Tensor<1>>,
    /// Variance of each channel, `[channels]`; never trained.
    pub running_var: Param<Tensor<1>>,
}

impl BatchNorm {
    fn init(channels: usize, device: &Device) -> Self {
        let filled = |init: Initializer| init.init([channels], device);
        Self {
            weight: filled(Initializer::Ones),
            bias: filled(Initializer::Zeros),
            running_mean: filled(Initializer::Zeros),
            running_var: filled(Initializer::Ones),
        }
    }

    /// Factor and offset that come to the same, `[channels]` each.
    pub fn affine(&self) -> (Tensor<1>, Tensor<1>) {
        let scale = self.weight.val() / (self.running_var.val() + EPSILON).sqrt();
        let offset = self.bias.val() - self.running_mean.val() * scale.clone();
        (scale, offset)
    }
}

/// Multi-head attention of the mean over all places to the places and itself.
#[derive(Module, Debug)]
pub struct AttentionPool {
    /// Added to the mean and the places, `[1 + places, width]`.
    pub position_embedding: Param<Tensor<2>>,
    /// The attention, whose output layer leads to the embedding.
    pub attention: SelfAttention,
}

impl AttentionPool {
    /// Features `[batch, width, h, w]` to embeddings `[batch, embed_dim]`.
    pub fn forward(&self, features: Tensor<4>) -> Tensor<2> {
        let places: Tensor<3> = features.flatten(2, 3);
        let places = places.swap_dims(1, 2);
        let tokens = Tensor::cat(vec![places.clone().mean_dim(1), places], 1);
        let tokens = tokens + self.position_embedding.val().unsqueeze::<3>();
        let pooled = self.attention.pool(tokens.clone().narrow(1, 0, 1), tokens);
        let [batch, _, embed_dim] = pooled.dims();
        pooled.reshape([batch, embed_dim])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_norm_standardises_then_scales() {
        let device = Device::flex();
        let values = |values: [f32; 2]| Param::from_data(values, &device);
        let norm = BatchNorm {
            weight: values([2.0, -1.0]),
            bias: values([0.5, 3.0]),
            running_mean: values([10.0, 0.25]),
            running_var: values([4.0, 1.0]),
        };
        let (scale, offset) = norm.affine();
        // 12 is one deviation above the mean of 10: 0.5 + 2; 1.25 is one above 0.25: 3 - 1.
        let x = Tensor::<1>::from_data([12.0, 1.25], &device);
        let found: Vec<f32> = (x * scale + offset).into_data().try_into_vec().unwrap();
        assert!((found[0] - 2.5).abs() < 1e-4 && (found[1] - 2.0).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let base = ModifiedResnetConfig { image_size: 224, width: 64, blocks: [3, 4, 6, 3], heads: 32 };
        base.validate().unwrap();
        let refused = |config: ModifiedResnetConfig, word: &str| {
            let reason = config.validate().unwrap_err();
            assert!(reason.contains(word), "{reason}");
        };
        refused(ModifiedResnetConfig { image_size: 230, ..base.clone() }, "multiple of 32");
        refused(ModifiedResnetConfig { width: 63, ..base.clone() }, "even");
        refused(ModifiedResnetConfig { blocks: [3, 4, 1_000_000_000, 3], ..base.clone() }, "1000000000");
        refused(ModifiedResnetConfig { heads: 31, ..base }, "31 heads");
    }
}
