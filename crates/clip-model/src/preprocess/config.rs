//! How a checkpoint's photos become pixels, as data.

use serde::{Deserialize, Serialize};

use crate::limits::{self, within};

/// How photos become the towers' input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreprocessConfig {
    /// Side of the square result in pixels.
    pub size: usize,
    /// What happens to photos that are not square.
    pub resize: ResizeMode,
    /// The resampling filter.
    pub interpolation: Interpolation,
    /// Subtracted from each channel of pixels in 0..=1, in the order red, green, blue.
    pub mean: [f32; 3],
    /// Divides each channel after that.
    pub std: [f32; 3],
}

/// What happens to photos that are not square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeMode {
    /// The shorter edge becomes `size`, then the centre is cut out.
    ShortestEdge,
    /// Both edges become `size`; the aspect ratio is lost and nothing else.
    Squash,
}

/// Resampling filters; all widen when they shrink an image (antialiasing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Pillow's `BICUBIC` (a = -0.5).
    Bicubic,
    /// Pillow's `BILINEAR` (a triangle).
    Bilinear,
}

impl PreprocessConfig {
    /// SigLIP's preprocessing at the given size: squashed, pixels from -1 to 1.
    pub fn siglip(size: usize) -> Self {
        Self { size, resize: ResizeMode::Squash, interpolation: Interpolation::Bicubic, mean: [0.5; 3], std: [0.5; 3] }
    }

    /// OpenAI CLIP's preprocessing at the given size.
    pub fn openai(size: usize) -> Self {
        Self {
            size,
            resize: ResizeMode::ShortestEdge,
            interpolation: Interpolation::Bicubic,
            mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        }
    }

    /// Says what is out of range, if anything is.
    pub fn validate(&self) -> Result<(), String> {
        within("the preprocessing's size", self.size, limits::IMAGE_SIZE)?;
        if !self.mean.iter().all(|m| m.is_finite()) {
            return Err(format!("the pixels' mean is {:?}, expected numbers", self.mean));
        }
        if !self.std.iter().all(|s| s.is_finite() && *s > 0.0) {
            return Err(format!("the pixels' std is {:?}, expected positive numbers", self.std));
        }
        Ok(())
    }
}
