//! open_clip's checkpoints: `open_clip_config.json` with `open_clip_model.safetensors`.
//!
//! Layout and defaults follow open_clip's `model.py`, `transformer.py` and `transform.py`. Options that change the
//! computation and are not known here are errors, never ignored.

use serde_json::{Map, Value};

use crate::activation::Activation;
use crate::config::ClipConfig;
use crate::families::{ImageTowerConfig, TextTowerConfig};
use crate::formats::open_clip::{TextOptions, drop_neutral, flag, nothing_left, number, required};
use crate::preprocess::config::{Interpolation, PreprocessConfig, ResizeMode};
use crate::tokenizer::config::TokenizerConfig;

/// Reads `open_clip_config.json`. `has_bias` says whether the weights hold a `logit_bias`.
pub(crate) fn config(json: &str, name: &str, has_bias: bool) -> Result<ClipConfig, String> {
    let root: Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
    let mut model = section(&root, "model_cfg")?;
    let mut vision = section(&Value::Object(model.clone()), "vision_cfg")?;
    let mut text = section(&Value::Object(model.clone()), "text_cfg")?;
    model.remove("vision_cfg");
    model.remove("text_cfg");

    let embed_dim = required(&mut model, "embed_dim")?;
    let quick_gelu = flag(&mut model, "quick_gelu")?;
    let logit_scale = number(&mut model, "init_logit_scale")?;
    let logit_bias = number(&mut model, "init_logit_bias")?;
    drop_neutral(&mut model, &["custom_text", "model_name"]);
    nothing_left("model_cfg", &model)?;
    let activation = if quick_gelu { Activation::QuickGelu } else { Activation::Gelu };

    let image = ImageTowerConfig::from_open_clip(&mut vision, activation)?;
    let options = TextOptions::take(&mut text, activation)?;
    let (tower, kind) = TextTowerConfig::from_open_clip(&mut text, &options)?;
    // Where the tokenizer comes from, what fills up texts after their end, and what another pooling would look for.
    drop_neutral(&mut text, &["hf_tokenizer_name", "tokenizer_kwargs", "tokenizer_mode", "pad_id", "eos_id"]);
    nothing_left("text_cfg", &text)?;
    let (text, context_length) = (tower, options.context_length);
    let tokenizer = TokenizerConfig { kind, context_length, pad_id: 0 };

    let size = image.image_size();
    let defaults = PreprocessConfig::openai(size);
    let preprocess = match root.get("preprocess_cfg") {
        None | Some(Value::Null) => defaults,
        Some(Value::Object(cfg)) => PreprocessConfig {
            size,
            mean: channels(cfg, "mean")?.unwrap_or(defaults.mean),
            std: channels(cfg, "std")?.unwrap_or(defaults.std),
            interpolation: match cfg.get("interpolation").and_then(Value::as_str) {
                None | Some("bicubic") => Interpolation::Bicubic,
                Some("bilinear") => Interpolation::Bilinear,
                Some(other) => return Err(format!("unknown interpolation `{other}`")),
            },
            resize: match cfg.get("resize_mode").and_then(Value::as_str) {
                None | Some("shortest") => ResizeMode::ShortestEdge,
                Some("squash") => ResizeMode::Squash,
                Some(other) => return Err(format!("unknown resize_mode `{other}`")),
            },
        },
        Some(other) => return Err(format!("preprocess_cfg is {other}, expected an object")),
    };
    Ok(ClipConfig {
        name: name.to_owned(),
        embed_dim,
        image,
        text,
        tokenizer,
        preprocess,
        logit_scale: logit_scale.unwrap_or((1.0f64 / 0.07).ln()),
        logit_bias: has_bias.then(|| logit_bias.unwrap_or(0.0)),
    })
}

fn section(parent: &Value, key: &str) -> Result<Map<String, Value>, String> {
    match parent.get(key) {
        Some(Value::Object(map)) => Ok(map.clone()),
        Some(other) => Err(format!("`{key}` is {other}, expected an object")),
        None => Err(format!("`{key}` is missing")),
    }
}

fn channels(map: &Map<String, Value>, key: &str) -> Result<Option<[f32; 3]>, String> {
    let Some(value) = map.get(key) else { return Ok(None) };
    serde_json::from_value(value.clone()).map(Some).map_err(|_| format!("`{key}` is {value}, expected three numbers"))
}

/// The id that open_clip fills texts up with, which a text tower without a mask sees: 0, or the padding token of a
/// tokenizer that `config` (an `open_clip_config.json`) names. `settings` are the tokenizer's further files, `vocabulary`
/// its `tokenizer.json` if it has one, and `end` is the id of the end token, which is the padding token by default.
pub(crate) fn pad_id(config: &str, settings: &[String], vocabulary: &[u8], end: u32) -> Result<u32, String> {
    let parsed = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap_or_default();
    let named = parsed(config.as_bytes());
    let named = &named["model_cfg"]["text_cfg"]["hf_tokenizer_name"];
    if named.as_str().is_none_or(str::is_empty) {
        return Ok(0);
    }
    let token = settings.iter().find_map(|json| {
        let pad = &parsed(json.as_bytes())["pad_token"];
        pad.as_str().or_else(|| pad["content"].as_str()).map(str::to_owned)
    });
    let Some(token) = token else { return Ok(end) };
    let vocabulary = parsed(vocabulary);
    let added = vocabulary["added_tokens"].as_array().into_iter().flatten();
    let id = added
        .filter(|added| added["content"] == token.as_str())
        .find_map(|added| added["id"].as_u64())
        .or_else(|| vocabulary["model"]["vocab"][token.as_str()].as_u64());
    id.and_then(|id| u32::try_from(id).ok())
        .ok_or_else(|| format!("its padding token `{token}` is not in its vocabulary"))
}
