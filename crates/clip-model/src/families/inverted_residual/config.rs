//! Sizes of inverted residual networks.

use serde::{Deserialize, Serialize};

use crate::families::interface::ImageSizes;
use crate::limits;
use crate::projection::ProjectionHeadConfig;

/// A run of equal inverted residual blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// Number of blocks.
    pub repeats: usize,
    /// Side of the depthwise kernel.
    pub kernel: usize,
    /// Stride of the first block; the others have stride 1.
    pub stride: usize,
    /// Factor by which a block widens its input before the depthwise convolution; 1 leaves that step out.
    pub expansion: usize,
    /// Output channels.
    pub channels: usize,
}

/// One convolutional backbone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackboneConfig {
    /// Channels of the stem, a 3x3 convolution of stride 2.
    pub stem: usize,
    /// The stages in order.
    pub stages: Vec<StageConfig>,
    /// Channels of the last pointwise convolution, which are averaged over all positions.
    pub features: usize,
}

/// The whole tower: backbones side by side, then one head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvertedResidualConfig {
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// Backbones that see the same pixels.
    pub backbones: Vec<BackboneConfig>,
    /// Maps the concatenated pooled features to the embedding.
    pub head: ProjectionHeadConfig,
}

/// Largest values a config may ask for; far beyond any published model of this kind, far below what would exhaust
/// memory before the first tensor is read.
const MAX_CHANNELS: usize = 8192;
const MAX_BLOCKS: usize = 256;

impl InvertedResidualConfig {
    /// Width of the concatenated pooled features.
    pub fn feature_width(&self) -> usize {
        self.backbones.iter().map(|backbone| backbone.features).sum()
    }
}

impl BackboneConfig {
    /// Number of inverted residual blocks.
    pub fn blocks(&self) -> usize {
        self.stages.iter().map(|stage| stage.repeats).sum()
    }
}

impl ImageSizes for InvertedResidualConfig {
    fn image_size(&self) -> usize {
        self.image_size
    }

    fn validate(&self) -> Result<(), String> {
        let within = |what: &str, value: usize, max: usize| {
            if value == 0 || value > max { Err(format!("{what} is {value}, expected 1 to {max}")) } else { Ok(()) }
        };
        within("image_size", self.image_size, 4096)?;
        within("the number of backbones", self.backbones.len(), 8)?;
        let mut parameters = 0u64;
        for backbone in &self.backbones {
            within("stem", backbone.stem, MAX_CHANNELS)?;
            within("features", backbone.features, MAX_CHANNELS)?;
            within("the number of stages", backbone.stages.len(), MAX_BLOCKS)?;
            let (mut blocks, mut before) = (0usize, backbone.stem as u64);
            for stage in &backbone.stages {
                within("repeats", stage.repeats, MAX_BLOCKS)?;
                within("kernel", stage.kernel, 15)?;
                within("stride", stage.stride, 4)?;
                within("expansion", stage.expansion, 16)?;
                within("channels", stage.channels, MAX_CHANNELS)?;
                blocks += stage.repeats;
                let (channels, kernel) = (stage.channels as u64, (stage.kernel as u64).pow(2));
                let wide = before.max(channels) * stage.expansion as u64;
                parameters += stage.repeats as u64 * wide * (before.max(channels) + kernel + channels);
                before = channels;
            }
            parameters += before * backbone.features as u64;
            within("the number of blocks", blocks, MAX_BLOCKS)?;
        }
        if parameters > limits::PARAMETERS {
            return Err(format!(
                "the image tower would have {parameters} parameters, at most {} are accepted",
                limits::PARAMETERS
            ));
        }
        self.head.validate()
    }

    fn output_width(&self) -> Option<usize> {
        Some(self.head.output)
    }

    fn multiply_adds(&self, _embed_dim: u64) -> u64 {
        let backbones: u64 =
            self.backbones.iter().map(|backbone| backbone_multiply_adds(backbone, self.image_size)).sum();
        let (features, hidden, output) =
            (self.feature_width() as u64, self.head.hidden as u64, self.head.output as u64);
        backbones + features * (hidden + output) + hidden * output
    }
}

fn backbone_multiply_adds(config: &BackboneConfig, image_size: usize) -> u64 {
    let square = |side: usize| (side as u64).pow(2);
    let mut side = image_size.div_ceil(2);
    let mut channels = config.stem as u64;
    let mut total = square(side) * 27 * channels;
    for stage in &config.stages {
        for block in 0..stage.repeats {
            let wide = channels * stage.expansion as u64;
            if stage.expansion > 1 {
                total += square(side) * channels * wide;
            }
            side = side.div_ceil(if block == 0 { stage.stride } else { 1 });
            total += square(side) * wide * (square(stage.kernel) + stage.channels as u64);
            channels = stage.channels as u64;
        }
    }
    total + square(side) * channels * config.features as u64
}
