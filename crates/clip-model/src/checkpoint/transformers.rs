//! Checkpoints of Hugging Face's transformers: `config.json`, `model.safetensors` (or several files with an index),
//! `preprocessor_config.json` or `processor_config.json` ([`image_processor`](super::image_processor)).
//!
//! Names and defaults follow `configuration_clip.py` and `configuration_siglip.py`.

use crate::config::ClipConfig;
use crate::families::{ImageTowerConfig, TextTowerConfig};
use crate::json::{self, Fields};
use crate::preprocess::config::PreprocessConfig;
use crate::tokenizer::config::{TokenizerConfig, TokenizerKind};

/// What the models of one `model_type` have in common besides their towers.
struct ModelType {
    name: &'static str,
    tokenizer: TokenizerKind,
    /// What the image processor does by default, for images of this size.
    preprocess: fn(usize) -> PreprocessConfig,
    logit_scale: f64,
    logit_bias: Option<f64>,
}

/// The models that are supported. What kind of tokenizer SigLIP's have and how it pads is for
/// [`complete`](super::siglip::complete) to say.
const MODEL_TYPES: [ModelType; 2] = [
    ModelType {
        name: "clip",
        tokenizer: TokenizerKind::ClipBpe,
        preprocess: PreprocessConfig::openai,
        logit_scale: 2.6592,
        logit_bias: None,
    },
    ModelType {
        name: "siglip",
        tokenizer: TokenizerKind::Siglip,
        preprocess: PreprocessConfig::siglip,
        logit_scale: std::f64::consts::LN_10,
        logit_bias: Some(-10.0),
    },
];

/// Reads `config.json`; the preprocessing is what the model's image processor does by default.
pub(crate) fn config(json: &str, name: &str) -> Result<ClipConfig, String> {
    let root = json::object(json)?;
    let fields = Fields::new("", &root);
    let found = fields.text("model_type")?;
    let Some(model) = MODEL_TYPES.iter().find(|model| found == Some(model.name)) else {
        let known = MODEL_TYPES.map(|model| format!("\"{}\"", model.name)).join(" or ");
        return Err(fields.wrong("model_type", &known));
    };
    let text = TextTowerConfig::from_transformers(model.name, &root)?;
    let image = ImageTowerConfig::from_transformers(model.name, &root)?;
    let embed_dim = match image.output_width() {
        Some(width) => width,
        None => fields.whole("projection_dim")?.unwrap_or(512),
    };
    // SigLIP's loss starts at numbers of its own.
    let logit_scale = match model.logit_bias {
        None => fields.number("logit_scale_init_value")?,
        Some(_) => None,
    };
    Ok(ClipConfig {
        name: name.to_owned(),
        embed_dim,
        tokenizer: TokenizerConfig { kind: model.tokenizer, context_length: text.context_length(), pad_id: 0 },
        preprocess: (model.preprocess)(image.image_size()),
        image,
        text,
        logit_scale: logit_scale.unwrap_or(model.logit_scale),
        logit_bias: model.logit_bias,
    })
}
