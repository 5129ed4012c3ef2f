//! Checkpoints of Hugging Face's transformers: `config.json`, `model.safetensors` (or several files with an index),
//! `preprocessor_config.json`.
//!
//! Names and defaults follow `configuration_clip.py`, `image_processing_clip.py` and `configuration_siglip.py`.

use serde_json::Value;

use crate::config::ClipConfig;
use crate::families::{ImageTowerConfig, TextTowerConfig};
use crate::preprocess::config::{Interpolation, PreprocessConfig, ResizeMode};
use crate::tokenizer::config::{TokenizerConfig, TokenizerKind};

/// What the models of one `model_type` have in common besides their towers.
struct ModelType {
    name: &'static str,
    tokenizer: TokenizerKind,
    /// What a `preprocessor_config.json` does not say, for images of this size.
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

/// Reads `config.json` and, if there is one, `preprocessor_config.json`.
pub(crate) fn config(json: &str, preprocessor: Option<&str>, name: &str) -> Result<ClipConfig, String> {
    let root: Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
    let found = root.get("model_type").and_then(Value::as_str);
    let Some(model) = MODEL_TYPES.iter().find(|model| found == Some(model.name)) else {
        let known = MODEL_TYPES.map(|model| format!("\"{}\"", model.name)).join(" and ");
        return Err(format!("`model_type` is {}, only {known} are supported", found.unwrap_or("missing")));
    };
    let text = TextTowerConfig::from_transformers(model.name, &root)?;
    let image = ImageTowerConfig::from_transformers(model.name, &root)?;
    let embed_dim = match (image.output_width(), root.get("projection_dim")) {
        (Some(width), _) => width,
        (None, None | Some(Value::Null)) => 512,
        (None, Some(value)) => value
            .as_u64()
            .and_then(|v| usize::try_from(v).ok())
            .ok_or_else(|| format!("`projection_dim` is {value}, expected a positive integer"))?,
    };
    let defaults = (model.preprocess)(image.image_size());
    // SigLIP's loss starts at numbers of its own.
    let logit_scale = match model.logit_bias {
        None => root.get("logit_scale_init_value").and_then(Value::as_f64),
        Some(_) => None,
    };
    Ok(ClipConfig {
        name: name.to_owned(),
        embed_dim,
        tokenizer: TokenizerConfig { kind: model.tokenizer, context_length: text.context_length(), pad_id: 0 },
        image,
        text,
        preprocess: match preprocessor {
            Some(json) => preprocess(json, defaults)?,
            None => defaults,
        },
        logit_scale: logit_scale.unwrap_or(model.logit_scale),
        logit_bias: model.logit_bias,
    })
}

/// Reads `preprocessor_config.json`; what it does not say is as in `defaults`, whose size is the image tower's.
fn preprocess(json: &str, defaults: PreprocessConfig) -> Result<PreprocessConfig, String> {
    let image_size = defaults.size;
    let wrong = |what: String| format!("preprocessor_config.json: {what}");
    let root: Value = serde_json::from_str(json).map_err(|e| wrong(e.to_string()))?;
    let channels = |key: &str, default: [f32; 3]| match root.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|_| wrong(format!("`{key}` is {value}, expected three numbers"))),
    };
    for step in ["do_resize", "do_rescale", "do_normalize"] {
        if root.get(step) == Some(&Value::Bool(false)) {
            return Err(wrong(format!("`{step}` is false, which is not supported")));
        }
    }
    if let Some(factor) = root.get("rescale_factor").and_then(Value::as_f64)
        && (factor - 1.0 / 255.0).abs() > 1e-6
    {
        return Err(wrong(format!("`rescale_factor` is {factor}, expected 1/255")));
    }
    let interpolation = match root.get("resample").and_then(Value::as_u64) {
        None | Some(3) => Interpolation::Bicubic,
        Some(2) => Interpolation::Bilinear,
        Some(other) => return Err(wrong(format!("`resample` is {other}, expected 2 (bilinear) or 3 (bicubic)"))),
    };
    let as_size = |value: &Value| value.as_u64().and_then(|v| usize::try_from(v).ok());
    let crop = root.get("do_center_crop") != Some(&Value::Bool(false));
    let (resize, resized) = match root.get("size") {
        None | Some(Value::Null) => (defaults.resize, Some(image_size)),
        Some(Value::Object(size)) => match (size.get("shortest_edge"), size.get("height"), size.get("width")) {
            (Some(edge), None, None) => (ResizeMode::ShortestEdge, as_size(edge)),
            (None, Some(height), Some(width)) if height == width => (ResizeMode::Squash, as_size(height)),
            _ => return Err(wrong(format!("`size` is {size:?}, expected a shortest edge or a square"))),
        },
        Some(edge) => (ResizeMode::ShortestEdge, as_size(edge)),
    };
    let cropped = match root.get("crop_size") {
        None | Some(Value::Null) => resized,
        Some(Value::Object(size)) if size.get("height") == size.get("width") => size.get("height").and_then(as_size),
        Some(size) => as_size(size),
    };
    if resize == ResizeMode::ShortestEdge && !crop {
        return Err(wrong("`shortest_edge` without `do_center_crop` leaves images that are not square".into()));
    }
    for (key, size) in [("size", resized), ("crop_size", cropped)] {
        if size != Some(image_size) {
            return Err(wrong(format!("`{key}` does not match the image tower's {image_size} pixels")));
        }
    }
    Ok(PreprocessConfig {
        size: image_size,
        resize,
        interpolation,
        mean: channels("image_mean", defaults.mean)?,
        std: channels("image_std", defaults.std)?,
    })
}
