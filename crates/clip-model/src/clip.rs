//! The dual encoder (Radford et al. 2021).

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};

use crate::config::ClipConfig;
use crate::families::ImageTower;
use crate::families::TextTower;

/// Two towers that map photos and texts to unit vectors of one space.
#[derive(Module, Debug)]
pub struct Clip {
    /// The image tower.
    pub image: ImageTower,
    /// The text tower.
    pub text: TextTower,
    /// Logarithm of the factor on similarities in the loss, `[1]`.
    pub logit_scale: Param<Tensor<1>>,
    /// Added to the scaled similarities, `[1]`; models trained with a sigmoid loss have one.
    pub logit_bias: Option<Param<Tensor<1>>>,
    /// The id that counts as padding in [`encode_text`](Self::encode_text).
    pub pad_id: u32,
}

impl Clip {
    /// A model with random weights. The configuration should have passed [`ClipConfig::validate`].
    pub fn init(config: &ClipConfig, device: &Device) -> Self {
        let number = |value: f64| Param::from_data([value as f32], device);
        Self {
            image: ImageTower::init(&config.image, config.embed_dim, device),
            text: TextTower::init(&config.text, config.embed_dim, device),
            logit_scale: number(config.logit_scale),
            logit_bias: config.logit_bias.map(number),
            pad_id: config.tokenizer.pad_id,
        }
    }

    /// Preprocessed pixels `[batch, 3, size, size]` to unit vectors `[batch, embed_dim]`.
    pub fn encode_image(&self, pixels: Tensor<4>) -> Tensor<2> {
        normalize(self.image.forward(pixels))
    }

    /// Token ids `[batch, tokens]`, filled up with the padding id, to unit vectors `[batch, embed_dim]`.
    pub fn encode_text(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        let mask = ids.clone().not_equal_elem(i64::from(self.pad_id)).float();
        normalize(self.text.forward(ids, mask))
    }
}

/// Scales the rows of `[batch, dim]` to unit length. A row of zeros stays as it is.
pub fn normalize(x: Tensor<2>) -> Tensor<2> {
    let norm = x.clone().powi_scalar(2).sum_dim(1).sqrt().clamp_min(1e-12);
    x / norm
}

/// Scales rows of `dimension` values to unit length. A row of zeros stays as it is.
pub(crate) fn normalize_rows(values: &mut [f32], dimension: usize) {
    for row in values.chunks_exact_mut(dimension) {
        let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
        for value in row {
            *value /= norm;
        }
    }
}
