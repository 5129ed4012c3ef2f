//! Sizes of a CpuViT.

use serde::{Deserialize, Serialize};

use crate::families::interface::ImageSizes;

/// Sizes of a [`FastVit`](super::FastVit).
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

/// One stage of a [`FastVit`](super::FastVit).
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

impl ImageSizes for FastVitConfig {
    fn image_size(&self) -> usize {
        self.image_size
    }

    fn validate(&self) -> Result<(), String> {
        let within = |what: &str, value: usize, max: usize| {
            if value == 0 || value > max { Err(format!("{what} is {value}, expected 1 to {max}")) } else { Ok(()) }
        };
        let multiple = |what: &str, value: usize, of: usize| {
            if value.is_multiple_of(of) { Ok(()) } else { Err(format!("{what} {value} are not a multiple of {of}")) }
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

    fn multiply_adds(&self, embed_dim: u64) -> u64 {
        const SMALL: u64 = 9;
        const LARGE: u64 = 49;
        let mut side = self.image_size.div_ceil(2);
        let square = |side: usize| (side as u64).pow(2);
        let stem = self.stages.first().map_or(0, |stage| stage.channels as u64);
        let mut total = square(side) * 3 * SMALL * stem;
        side = side.div_ceil(2);
        total += square(side) * stem * (SMALL + stem);
        for (index, stage) in self.stages.iter().enumerate() {
            let (width, mlp) = (stage.channels as u64, stage.mlp_width as u64);
            if index > 0 {
                side = side.div_ceil(2);
                total += square(side) * width * (LARGE + width);
            }
            let tokens = square(side);
            let mixer = match stage.mixer {
                TokenMixer::RepMixer => SMALL * width,
                TokenMixer::Attention => 4 * width * width + 2 * tokens * width,
            };
            total += tokens * (stage.blocks as u64 * (mixer + LARGE * width + 2 * width * mlp));
            if stage.position_encoding {
                total += tokens * LARGE * width;
            }
        }
        let features = self.features as u64;
        total + square(side) * SMALL * features + 2 * features * self.features_squeeze as u64 + features * embed_dim
    }
}
