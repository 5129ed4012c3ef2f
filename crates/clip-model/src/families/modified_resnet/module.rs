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

use super::config::{EPSILON, EXPANSION, ModifiedResnetConfig, REDUCTION};
use crate::transformer::SelfAttention;

impl ModifiedResnetConfig {
    /// A tower with random weights that ends in `embed_dim` values.
    pub fn init(&self, embed_dim: usize, device: &Device) -> ModifiedResnet {
        let half = self.width / 2;
        let mut channels = self.width;
        let stages = (0..4).map(|stage| {
            let inner = self.width << stage;
            let blocks = (0..self.blocks[stage]).map(|block| {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let block = Bottleneck::init(channels, inner, stride, device);
                channels = inner * EXPANSION;
                block
            });
            Stage { blocks: blocks.collect() }
        });
        let stages = stages.collect();
        let width = self.feature_width();
        let positions = (self.image_size / REDUCTION).pow(2) + 1;
        let normal = Initializer::Normal { mean: 0.0, std: (width as f64).powf(-0.5) };
        ModifiedResnet {
            stem: vec![
                ConvNorm::init([3, half], 3, 2, device),
                ConvNorm::init([half, half], 3, 1, device),
                ConvNorm::init([half, self.width], 3, 1, device),
            ],
            stages,
            pool: AttentionPool {
                position_embedding: normal.init([positions, width], device),
                attention: SelfAttention {
                    input: LinearConfig::new(width, 3 * width).with_initializer(normal.clone()).init(device),
                    output: LinearConfig::new(width, embed_dim).with_initializer(normal).init(device),
                    heads: self.heads,
                    causal: false,
                },
            },
        }
    }
}

/// See the [module](super) documentation.
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
    use crate::families::interface::ImageSizes;

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
