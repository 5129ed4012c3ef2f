//! The configuration of Apple's own checkpoints, ml-mobileclip's `config.json`.

use serde_json::{Map, Value};

use super::open_clip::{TextOptions, drop_neutral, nothing_left};
use crate::activation::Activation;
use crate::json::{self, Fields};

/// The whole configuration.
pub struct Config {
    /// Width of the embeddings.
    pub embed_dim: usize,
    /// Side of the image tower's square input in pixels.
    pub image_size: usize,
    /// The image tower's name, which stands for its sizes.
    pub image_tower: String,
    /// The text tower.
    pub text: TextSection,
}

/// The text tower.
pub struct TextSection {
    context_length: usize,
    vocab_size: usize,
    /// Width of a token.
    pub dim: usize,
    ffn_multiplier_per_layer: f64,
    n_heads_per_layer: usize,
    n_transformer_layers: usize,
    /// Whether tokens see only those before them.
    pub causal_masking: bool,
    /// Whether there are convolutional blocks around the layers.
    pub model_name: TextModel,
}

/// The kinds of text towers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextModel {
    /// A transformer.
    Base,
    /// A transformer between convolutional blocks.
    Mct,
}

impl Config {
    /// Reads a configuration. All entries must be there, and no others.
    ///
    /// # Errors
    /// The entry that is not understood, what was expected and what was found.
    pub fn read(json: &str) -> Result<Self, String> {
        let root = json::object(json)?;
        let fields = Fields::new("", &root);
        let section = |key| fields.required(key, fields.object(key)?);
        let embed_dim = fields.required("embed_dim", fields.whole("embed_dim")?)?;
        let (image, text) = (section("image_cfg")?, section("text_cfg")?);
        only("", &root, &["embed_dim", "image_cfg", "text_cfg"])?;
        only("image_cfg", image, &["image_size", "model_name"])?;
        let image = Fields::new("image_cfg", image);
        Ok(Self {
            embed_dim,
            image_size: image.required("image_size", image.whole("image_size")?)?,
            image_tower: image.required("model_name", image.text("model_name")?)?.to_owned(),
            text: TextSection::read(text)?,
        })
    }
}

/// Says what else there is, if anything is.
fn only(section: &str, map: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    let mut rest = map.clone();
    drop_neutral(&mut rest, known);
    nothing_left(section, &rest)
}

impl TextSection {
    fn read(map: &Map<String, Value>) -> Result<Self, String> {
        let known = [
            "context_length",
            "vocab_size",
            "dim",
            "ffn_multiplier_per_layer",
            "n_heads_per_layer",
            "n_transformer_layers",
            "norm_layer",
            "causal_masking",
            "model_name",
        ];
        only("text_cfg", map, &known)?;
        let fields = Fields::new("text_cfg", map);
        let whole = |key| fields.required(key, fields.whole(key)?);
        // Both kinds are the same norm here, where everything is computed in single precision.
        if !matches!(fields.text("norm_layer")?, Some("layer_norm" | "layer_norm_fp32")) {
            return Err(fields.wrong("norm_layer", "\"layer_norm\" or \"layer_norm_fp32\""));
        }
        Ok(Self {
            context_length: whole("context_length")?,
            vocab_size: whole("vocab_size")?,
            dim: whole("dim")?,
            ffn_multiplier_per_layer: fields
                .required("ffn_multiplier_per_layer", fields.number("ffn_multiplier_per_layer")?)?,
            n_heads_per_layer: whole("n_heads_per_layer")?,
            n_transformer_layers: whole("n_transformer_layers")?,
            causal_masking: fields.required("causal_masking", fields.flag("causal_masking")?)?,
            model_name: match fields.text("model_name")? {
                Some("base") => TextModel::Base,
                Some("mct") => TextModel::Mct,
                _ => return Err(fields.wrong("model_name", "\"base\" or \"mct\"")),
            },
        })
    }

    /// The sizes of the transformer.
    pub fn options(&self) -> TextOptions {
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
