//! CpuViT (Vasu et al. 2023) as MobileCLIP's image tower (`MCi`, Vasu et al. 2024, appendix A; timm's `fastvit_mci*`):
//! a convolutional network whose last stage attends, in re-parameterised form.
//!
//! Stem (stride 4), then stages of blocks, each but the first behind a halving of the resolution; a last convolution that
//! widens, the mean over all positions, and a projection.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{gelu, relu, sigmoid};
use burn::tensor::{Device, Tensor};

use super::config::{FastVitConfig, FastVitStageConfig, TokenMixer};
use crate::conv_mixer::{ConvMlp, RepMixerBlock, centred, pointwise};
use crate::transformer::SelfAttention;

/// Side of the depthwise kernels that halve the resolution, encode positions and begin an MLP.
const LARGE_KERNEL: usize = 7;
/// Side of the kernels in the stem, in token mixers and in the last convolution.
const SMALL_KERNEL: usize = 3;

impl FastVitConfig {
    /// A tower with random weights that ends in `embed_dim` values. The configuration should have passed
    /// [`validate`](crate::families::interface::ImageSizes::validate).
    pub fn init(&self, embed_dim: usize, device: &Device) -> FastVit {
        let stem = self.stages.first().map_or(1, |stage| stage.channels);
        let small = [SMALL_KERNEL; 2];
        let mut before = stem;
        let mut stages = Vec::new();
        for (index, stage) in self.stages.iter().enumerate() {
            stages.push(stage.init((index > 0).then_some(before), self.head_width, device));
            before = stage.channels;
        }
        FastVit {
            stem: vec![
                centred([3, stem], small, 2, 1, device),
                centred([stem, stem], small, 2, stem, device),
                pointwise(stem, stem, device),
            ],
            stages,
            features: centred([before, self.features], small, 1, before, device),
            features_gate: SqueezeExcite::init(self.features, self.features_squeeze, device),
            projection: LinearConfig::new(self.features, embed_dim).with_bias(self.projection_bias).init(device),
        }
    }
}

impl FastVitStageConfig {
    /// `before` are the channels that the resolution is halved from.
    fn init(&self, before: Option<usize>, head_width: usize, device: &Device) -> Stage {
        let (channels, large) = (self.channels, [LARGE_KERNEL; 2]);
        let block = |_| match self.mixer {
            TokenMixer::RepMixer => {
                Block::RepMixer(RepMixerBlock::init(channels, self.mlp_width, [SMALL_KERNEL; 2], large, device))
            }
            TokenMixer::Attention => Block::Attention(AttentionBlock {
                attention: SelfAttention {
                    input: LinearConfig::new(channels, 3 * channels).init(device),
                    output: LinearConfig::new(channels, channels).init(device),
                    heads: channels / head_width,
                    causal: false,
                },
                mlp: ConvMlp::init(channels, self.mlp_width, large, device),
            }),
        };
        Stage {
            downsample: before.map(|before| Downsample {
                spatial: centred([before, channels], large, 2, before, device),
                gate: self.squeeze.map(|squeeze| SqueezeExcite::init(channels, squeeze, device)),
                pointwise: pointwise(channels, channels, device),
            }),
            position_encoding: self
                .position_encoding
                .then(|| centred([channels, channels], large, 1, channels, device)),
            blocks: (0..self.blocks).map(block).collect(),
        }
    }
}

/// See the [module](super) documentation.
#[derive(Module, Debug)]
pub struct FastVit {
    /// A dense convolution of stride 2, a depthwise one of stride 2, a pointwise one.
    pub stem: Vec<Conv2d>,
    /// The stages.
    pub stages: Vec<Stage>,
    /// Widens the last stage's channels, each by itself.
    pub features: Conv2d,
    /// Weighs them.
    pub features_gate: SqueezeExcite,
    /// To the embedding.
    pub projection: Linear,
}

impl FastVit {
    /// Pixels `[batch, 3, size, size]` to embeddings `[batch, embed_dim]`, not normalised.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let x = self.stem.iter().fold(pixels, |x, convolution| gelu(convolution.forward(x)));
        let x = self.stages.iter().fold(x, |x, stage| stage.forward(x));
        let x = gelu(self.features_gate.forward(self.features.forward(x)));
        let [batch, channels, _, _] = x.dims();
        self.projection.forward(position_mean(x).reshape([batch, channels]))
    }
}

/// A halving of the resolution (but for the first stage), a position encoding (for some), and blocks.
#[derive(Module, Debug)]
pub struct Stage {
    /// Halves the resolution.
    pub downsample: Option<Downsample>,
    /// Conditional position encoding (Chu et al. 2021): a depthwise convolution; holds the shortcut around itself.
    pub position_encoding: Option<Conv2d>,
    /// The blocks.
    pub blocks: Vec<Block>,
}

impl Stage {
    /// `[batch, channels_before, h, w]` to `[batch, channels, h', w']`; the sides are halved, rounded up, by a stage that
    /// has a `downsample`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = match &self.downsample {
            Some(downsample) => downsample.forward(x),
            None => x,
        };
        let x = match &self.position_encoding {
            Some(encoding) => encoding.forward(x),
            None => x,
        };
        self.blocks.iter().fold(x, |x, block| block.forward(x))
    }
}

/// Halves the resolution: a large grouped convolution of stride 2, a gate (for some), and a pointwise convolution.
#[derive(Module, Debug)]
pub struct Downsample {
    /// Widens each channel by itself.
    pub spatial: Conv2d,
    /// Weighs the channels.
    pub gate: Option<SqueezeExcite>,
    /// Mixes the channels.
    pub pointwise: Conv2d,
}

impl Downsample {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.spatial.forward(x);
        let x = match &self.gate {
            Some(gate) => gate.forward(x),
            None => x,
        };
        gelu(self.pointwise.forward(gelu(x)))
    }
}

/// Weighs channels by what all positions say together (squeeze-and-excitation, Hu et al. 2018).
#[derive(Module, Debug)]
pub struct SqueezeExcite {
    /// To the hidden channels.
    pub reduce: Conv2d,
    /// Back to a weight for each channel.
    pub expand: Conv2d,
}

impl SqueezeExcite {
    fn init(channels: usize, hidden: usize, device: &Device) -> Self {
        Self { reduce: pointwise(channels, hidden, device), expand: pointwise(hidden, channels, device) }
    }

    /// `[batch, channels, height, width]` to the same shape.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let hidden = relu(self.reduce.forward(position_mean(x.clone())));
        x * sigmoid(self.expand.forward(hidden))
    }
}

/// A block of either kind.
// A stage has blocks of one kind, so the size of the larger one does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum Block {
    /// Convolutional.
    RepMixer(RepMixerBlock),
    /// Attends.
    Attention(AttentionBlock),
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::RepMixer(block) => block.forward(x),
            Self::Attention(block) => block.forward(x),
        }
    }
}

/// `x + attention(x)`, then `x + mlp(x)`. The norm before attention, a batch norm, is part of the attention's input
/// projection, the layer scales of the last layer of each branch.
#[derive(Module, Debug)]
pub struct AttentionBlock {
    /// Between the positions.
    pub attention: SelfAttention,
    /// Between the channels.
    pub mlp: ConvMlp,
}

impl AttentionBlock {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = x.dims();
        let tokens = x.clone().reshape([batch, channels, height * width]).swap_dims(1, 2);
        let attended = self.attention.forward(tokens).swap_dims(1, 2).reshape([batch, channels, height, width]);
        let x = x + attended;
        x.clone() + self.mlp.forward(x)
    }
}

/// `[batch, channels, height, width]` to the mean over all positions, `[batch, channels, 1, 1]`.
fn position_mean(x: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    x.reshape([batch, channels, height * width]).mean_dim(2).reshape([batch, channels, 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::interface::ImageSizes;

    fn small() -> FastVitConfig {
        let stage = |channels, mixer| FastVitStageConfig {
            blocks: 1,
            channels,
            mlp_width: 8,
            mixer,
            squeeze: None,
            position_encoding: mixer == TokenMixer::Attention,
        };
        FastVitConfig {
            image_size: 20,
            stages: vec![stage(4, TokenMixer::RepMixer), stage(8, TokenMixer::Attention)],
            head_width: 4,
            features: 16,
            features_squeeze: 2,
            projection_bias: true,
        }
    }

    #[test]
    fn odd_resolutions_are_halved_upwards() {
        let device = Device::flex();
        let tower = small().init(6, &device);
        let x = Tensor::<4>::ones([2, 4, 5, 5], &device);
        assert_eq!(tower.stages[1].forward(x).dims(), [2, 8, 3, 3]);
        assert_eq!(tower.forward(Tensor::ones([2, 3, 20, 20], &device)).dims(), [2, 6]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        small().validate().unwrap();
        type Change = fn(&mut FastVitConfig);
        let cases: [(&str, Change); 7] = [
            ("number of stages is 0", |c| c.stages.clear()),
            ("number of blocks is 1000000000", |c| c.stages[1].blocks = 1_000_000_000),
            ("not a multiple of 4", |c| c.stages[1].channels = 9),
            ("not a multiple of 3", |c| c.head_width = 3),
            ("not a multiple of 8", |c| c.features = 12),
            ("no halving", |c| c.stages[0].squeeze = Some(2)),
            ("parameters", |c| {
                c.stages[1] =
                    FastVitStageConfig { channels: 8192, mlp_width: 65_536, blocks: 255, ..c.stages[1].clone() };
                c.features = 8192;
            }),
        ];
        for (word, change) in cases {
            let mut config = small();
            change(&mut config);
            let reason = config.validate().unwrap_err();
            assert!(reason.contains(word), "`{reason}` should say `{word}`");
        }
    }
}
