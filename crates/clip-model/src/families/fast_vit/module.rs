//! FastViT (Vasu et al. 2023) as MobileCLIP's image tower (`MCi`, Vasu et al. 2024, appendix A; timm's `fastvit_mci*`):
//! a convolutional network whose last stage attends, in re-parameterised form.
//!
//! Stem (stride 4), then stages of blocks, each but the first behind a halving of the resolution; a last convolution that
//! widens, the mean over all positions, and a projection.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{gelu, relu, sigmoid};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::conv_mixer::{ConvMlp, RepMixerBlock, centred, pointwise};
use crate::transformer::SelfAttention;

/// Side of the depthwise kernels that halve the resolution, encode positions and begin an MLP.
const LARGE_KERNEL: usize = 7;
/// Side of the kernels in the stem, in token mixers and in the last convolution.
const SMALL_KERNEL: usize = 3;

/// Sizes of a [`FastVit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FastVitConfig {
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// The stages in order; the first one's channels are also the stem's.
    pub stages: Vec<FastVitStageConfig>,
    /// Width of an attention head.
    pub head_width: usize,
    /// Channels of the last convolution; a multiple of the last stage's.
    pub features: usize,
    /// Hidden channels of the squeeze-and-excitation on them.
    pub features_squeeze: usize,
    /// Whether the projection to the embedding has a bias: in timm's form it does, in Apple's it does not.
    pub projection_bias: bool,
}

/// One stage of a [`FastVit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FastVitStageConfig {
    /// Number of blocks.
    pub blocks: usize,
    /// Channels; a multiple of the stage before.
    pub channels: usize,
    /// Hidden channels of the blocks' MLPs.
    pub mlp_width: usize,
    /// What mixes positions in its blocks.
    pub mixer: TokenMixer,
    /// Hidden channels of the squeeze-and-excitation in the halving before the stage, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub squeeze: Option<usize>,
    /// Whether a depthwise convolution tells the blocks where they are.
    #[serde(default)]
    pub position_encoding: bool,
}

/// What mixes positions in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenMixer {
    /// A depthwise convolution.
    RepMixer,
    /// Self-attention.
    Attention,
}

/// Several times the largest published member of the family.
const MAX_CHANNELS: usize = 8192;
const MAX_STAGES: usize = 16;
const MAX_BLOCKS: usize = 256;
const MAX_IMAGE: usize = 2048;
/// In one tower, by a count that knows only pointwise convolutions.
const MAX_PARAMETERS: u64 = 8_000_000_000;

impl FastVitConfig {
    /// Says what is out of range or does not fit together, if anything does.
    pub fn validate(&self) -> Result<(), String> {
        let within = |what: &str, value: usize, max: usize| {
            if value == 0 || value > max { Err(format!("{what} is {value}, expected 1 to {max}")) } else { Ok(()) }
        };
        let multiple = |what: &str, value: usize, of: usize| {
            if value.is_multiple_of(of) { Ok(()) } else { Err(format!("{what} {value} are no multiple of {of}")) }
        };
        within("the image size", self.image_size, MAX_IMAGE)?;
        within("the image tower's number of stages", self.stages.len(), MAX_STAGES)?;
        within("the image tower's head width", self.head_width, MAX_CHANNELS)?;
        within("the squeezed width of the last convolution", self.features_squeeze, MAX_CHANNELS)?;
        let (mut before, mut blocks, mut parameters) = (1, 0, 0u64);
        for stage in &self.stages {
            within("a stage's number of blocks", stage.blocks, MAX_BLOCKS)?;
            within("a stage's channels", stage.channels, MAX_CHANNELS)?;
            within("a stage's MLP width", stage.mlp_width, 8 * MAX_CHANNELS)?;
            within("a stage's squeezed width", stage.squeeze.unwrap_or(1), MAX_CHANNELS)?;
            multiple("a stage's channels", stage.channels, before)?;
            if stage.mixer == TokenMixer::Attention {
                multiple("the channels of a stage that attends", stage.channels, self.head_width)?;
            }
            let (channels, hidden) = (stage.channels as u64, stage.mlp_width as u64);
            parameters += stage.blocks as u64 * (2 * channels * hidden + 4 * channels * channels);
            (before, blocks) = (stage.channels, blocks + stage.blocks);
        }
        within("the image tower's number of blocks", blocks, MAX_BLOCKS)?;
        within("the image tower's features", self.features, MAX_CHANNELS)?;
        multiple("the image tower's features", self.features, before)?;
        if self.stages[0].squeeze.is_some() {
            return Err("the first stage has no halving before it that could squeeze".into());
        }
        if parameters > MAX_PARAMETERS {
            return Err(format!(
                "the image tower would have {parameters} parameters, at most {MAX_PARAMETERS} are accepted"
            ));
        }
        Ok(())
    }

    /// A tower with random weights that ends in `embed_dim` values. The configuration should have passed
    /// [`validate`](Self::validate).
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

/// See the [module](self) documentation.
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
            ("no multiple of 4", |c| c.stages[1].channels = 9),
            ("no multiple of 3", |c| c.head_width = 3),
            ("no multiple of 8", |c| c.features = 12),
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
