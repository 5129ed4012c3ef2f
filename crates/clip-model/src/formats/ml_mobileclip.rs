//! The configuration of Apple's own checkpoints, ml-mobileclip's `config.json`.

use serde::Deserialize;

use super::open_clip::TextOptions;
use crate::activation::Activation;

/// The whole configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Width of the embeddings.
    pub embed_dim: usize,
    /// The image tower.
    pub image_cfg: ImageSection,
    /// The text tower.
    pub text_cfg: TextSection,
}

/// The image tower, which has a name and no sizes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSection {
    /// Side of the square input in pixels.
    pub image_size: usize,
    /// The tower's name.
    pub model_name: String,
}

/// The text tower.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSection {
    context_length: usize,
    vocab_size: usize,
    /// Width of a token.
    pub dim: usize,
    ffn_multiplier_per_layer: f64,
    n_heads_per_layer: usize,
    n_transformer_layers: usize,
    norm_layer: NormLayer,
    /// Whether tokens see only those before them.
    pub causal_masking: bool,
    /// Whether there are convolutional blocks around the layers.
    pub model_name: TextModel,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum NormLayer {
    LayerNorm,
    LayerNormFp32,
}

/// The kinds of text towers.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum TextModel {
    /// A transformer.
    Base,
    /// A transformer between convolutional blocks.
    Mct,
}

impl TextSection {
    /// The sizes of the transformer.
    pub fn options(&self) -> TextOptions {
        // Both kinds are the same norm here, where everything is computed in single precision.
        let (NormLayer::LayerNorm | NormLayer::LayerNormFp32) = self.norm_layer;
        // As Python's int(ceil(dim * multiplier / 16) * 16); what is out of range is caught by the limits on the result.
        let mlp_width = ((self.dim as f64 * self.ffn_multiplier_per_layer / 16.0).ceil() * 16.0).clamp(0.0, 1e12);
        TextOptions {
            context_length: self.context_length,
            vocab_size: self.vocab_size,
            width: self.dim,
            layers: self.n_transformer_layers,
            heads: self.n_heads_per_layer,
            mlp_width: mlp_width as usize,
            activation: Activation::Gelu,
            layer_norm_eps: 1e-5,
        }
    }
}
