//! Sizes of OpenAI's residual networks.

use serde::{Deserialize, Serialize};

use crate::families::interface::ImageSizes;
use crate::limits::{self, within};

/// Sizes of a [`ModifiedResnet`](super::ModifiedResnet).
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
pub(super) const REDUCTION: usize = 32;
/// A block's output channels for one of its inner channels.
pub(super) const EXPANSION: usize = 4;
/// PyTorch's default, which no checkpoint changes.
pub(super) const EPSILON: f64 = 1e-5;
/// Several times the largest published model (RN50x64: width 128, 36 blocks in a stage).
const MAX_WIDTH: usize = 512;
const MAX_BLOCKS: usize = 128;

impl ModifiedResnetConfig {
    /// Channels of the last stage's output.
    pub fn feature_width(&self) -> usize {
        self.width * 8 * EXPANSION
    }
}

impl ImageSizes for ModifiedResnetConfig {
    fn image_size(&self) -> usize {
        self.image_size
    }

    fn validate(&self) -> Result<(), String> {
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

    fn multiply_adds(&self, embed_dim: u64) -> u64 {
        let (width, size) = (self.width as u64, self.image_size as u64);
        let half = width / 2;
        let mut positions = (size / 2).pow(2);
        let mut total = positions * 9 * (3 * half + half * half + half * width);
        positions /= 4;
        let mut channels = width;
        for (stage, blocks) in self.blocks.into_iter().enumerate() {
            let inner = width << stage;
            for block in 0..blocks {
                // The average pool stands before the last convolution, and before the shortcut's.
                let after = if stage > 0 && block == 0 { positions / 4 } else { positions };
                total += positions * (channels * inner + 9 * inner * inner) + after * inner * 4 * inner;
                if block == 0 {
                    total += after * channels * 4 * inner;
                }
                (channels, positions) = (4 * inner, after);
            }
        }
        // Keys and values of all positions and their mean, one query.
        let tokens = positions + 1;
        total + tokens * 2 * channels * channels + channels * channels + 2 * tokens * channels + channels * embed_dim
    }
}
