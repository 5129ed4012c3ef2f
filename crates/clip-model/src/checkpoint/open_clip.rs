//! open_clip's checkpoints: `open_clip_config.json` with `open_clip_model.safetensors`.
//!
//! Layout and defaults follow open_clip's `model.py`, `transformer.py` and `transform.py`. Options that change the
//! computation and are not known here are errors, never ignored.

use serde_json::{Map, Value};

use crate::activation::Activation;
use crate::config::ClipConfig;
use crate::families::{ImageTowerConfig, TextTowerConfig};
use crate::formats::open_clip::{TextOptions, clean_up, drop_neutral, flag, nothing_left, number, required};
use crate::json::{self, Fields, cut};
use crate::preprocess::config::{Interpolation, PreprocessConfig, ResizeMode};
use crate::tokenizer::config::{TokenizerConfig, TokenizerKind};

/// Reads `open_clip_config.json`. `has_bias` says whether the weights hold a `logit_bias`.
pub(crate) fn config(json: &str, name: &str, has_bias: bool) -> Result<ClipConfig, String> {
    let root = json::object(json)?;
    let mut model = section(&root, "model_cfg")?;
    let mut vision = section(&model, "vision_cfg")?;
    let mut text = section(&model, "text_cfg")?;
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
    if kind == TokenizerKind::ClipBpe {
        clip_tokenizer(&mut text)?;
    }
    // Where the tokenizer comes from, what fills up texts after their end, and what another pooling would look for.
    drop_neutral(&mut text, &["hf_tokenizer_name", "tokenizer_mode", "pad_id", "eos_id"]);
    nothing_left("text_cfg", &text)?;
    let (text, context_length) = (tower, options.context_length);
    let tokenizer = TokenizerConfig { kind, context_length, pad_id: 0 };

    let preprocess = match Fields::new("", &root).object("preprocess_cfg")? {
        None => PreprocessConfig::openai(image.image_size()),
        Some(cfg) => preprocess(cfg, PreprocessConfig::openai(image.image_size()))?,
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

fn section(parent: &Map<String, Value>, key: &str) -> Result<Map<String, Value>, String> {
    let fields = Fields::new("", parent);
    fields.required(key, fields.object(key)?).cloned()
}

/// Reads `preprocess_cfg`, of which open_clip, too, heeds these entries only. Its `size` is that of the weights open_clip
/// has by this name; images become as large as the image tower takes them.
fn preprocess(cfg: &Map<String, Value>, defaults: PreprocessConfig) -> Result<PreprocessConfig, String> {
    let fields = Fields::new("preprocess_cfg", cfg);
    let is_size = |value: &Value| match value {
        Value::Array(sides) => sides.len() == 2 && sides.iter().all(Value::is_u64),
        value => value.is_u64(),
    };
    if !fields.value("size").is_none_or(is_size) {
        return Err(fields.wrong("size", "a whole number, or a height and a width"));
    }
    if !matches!(fields.text("mode")?, None | Some("RGB")) {
        return Err(fields.wrong("mode", "\"RGB\""));
    }
    let interpolation = match fields.text("interpolation")? {
        // Chance is for training only.
        None | Some("bicubic" | "random") => Interpolation::Bicubic,
        Some("bilinear") => Interpolation::Bilinear,
        Some(_) => return Err(fields.wrong("interpolation", "\"bicubic\", \"bilinear\" or \"random\"")),
    };
    let resize = match fields.text("resize_mode")? {
        None | Some("shortest") => ResizeMode::ShortestEdge,
        Some("squash") => ResizeMode::Squash,
        Some(_) => return Err(fields.wrong("resize_mode", "\"shortest\" or \"squash\"")),
    };
    Ok(PreprocessConfig {
        size: defaults.size,
        mean: fields.channels("mean")?.unwrap_or(defaults.mean),
        std: fields.channels("std")?.unwrap_or(defaults.std),
        interpolation,
        resize,
    })
}

/// Checks what `text_cfg` says of the tokenizer of a text tower that has CLIP's.
fn clip_tokenizer(text: &mut Map<String, Value>) -> Result<(), String> {
    let fields = Fields::new("", text);
    if !matches!(fields.text("tokenizer_mode")?, None | Some("")) {
        return Err(fields.wrong("tokenizer_mode", "none, the only one that is supported"));
    }
    // A tokenizer of transformers does the rest of the cleaning itself.
    let (known, default): (&[&str], _) = match fields.text("hf_tokenizer_name")? {
        None | Some("") => (&["lower"], "lower"),
        Some(_) => (&["whitespace", "lower"], "whitespace"),
    };
    clean_up(text, known, Some(default))
}

/// The id that open_clip fills texts up with, which a text tower without a mask sees: 0, or the padding token of a
/// tokenizer that `config` (an `open_clip_config.json`) names. `named` is the padding token that the tokenizer's further
/// files name, `vocabulary` its `tokenizer.json` if it has one, and `end` is the id of the end token, which is the padding
/// token by default.
pub(crate) fn pad_id(config: &str, named: Option<&str>, vocabulary: &[u8], end: u32) -> Result<u32, String> {
    let parsed = |json: &[u8]| serde_json::from_slice::<Value>(json).unwrap_or_default();
    let tokenizer = parsed(config.as_bytes());
    let tokenizer = &tokenizer["model_cfg"]["text_cfg"]["hf_tokenizer_name"];
    if tokenizer.as_str().is_none_or(str::is_empty) {
        return Ok(0);
    }
    let Some(token) = named else { return Ok(end) };
    let vocabulary = parsed(vocabulary);
    let added = vocabulary["added_tokens"].as_array().into_iter().flatten();
    let id = added
        .filter(|added| added["content"] == token)
        .find_map(|added| added["id"].as_u64())
        .or_else(|| vocabulary["model"]["vocab"][token].as_u64());
    id.and_then(|id| u32::try_from(id).ok())
        .ok_or_else(|| format!("its padding token `{}` is not in its vocabulary", cut(token)))
}
