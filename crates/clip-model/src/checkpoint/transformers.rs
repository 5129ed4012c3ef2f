//! Hugging Face's `CLIPModel` checkpoints: `config.json`, `model.safetensors` (or several files with an index),
//! `preprocessor_config.json`.
//!
//! Names and defaults follow `modeling_clip.py`, `configuration_clip.py` and `image_processing_clip.py` of transformers.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::{
    Activation, CausalTextConfig, ClipConfig, EndOfText, ImageTowerConfig, Interpolation, PreprocessConfig, ResizeMode,
    TextTowerConfig, TokenizerConfig, TokenizerKind, VitConfig,
};
use crate::weights::{Layout, Location};

/// The names that transformers gives.
pub(crate) struct HuggingFace {
    /// Ours: `image.` or `text.` for a lone tower, nothing for all.
    pub prefix: &'static str,
}

impl Layout for HuggingFace {
    fn locate(&self, name: &str) -> Location {
        let name = format!("{}{name}", self.prefix);
        let (tower, projection, rest) = match name.split_once('.') {
            Some(("image", rest)) => ("vision_model", "visual_projection", rest),
            Some(("text", rest)) => ("text_model", "text_projection", rest),
            _ => return Location::one(name),
        };
        if let Some(rest) = rest.strip_prefix("transformer.blocks.") {
            return layer_location(tower, rest);
        }
        Location::one(match rest {
            "projection.weight" => format!("{projection}.weight"),
            "class_embedding" | "patch_embedding.weight" | "token_embedding.weight" => {
                format!("{tower}.embeddings.{rest}")
            }
            "position_embedding" => format!("{tower}.embeddings.position_embedding.weight"),
            _ => {
                // The spelling is transformers' own.
                let rest = rest.replace("norm_pre.", "pre_layrnorm.").replace("norm_post.", "post_layernorm.");
                match rest.strip_prefix("norm.") {
                    Some(kind) => format!("{tower}.final_layer_norm.{kind}"),
                    None => format!("{tower}.{rest}"),
                }
            }
        })
    }

    fn ignores(&self, stored: &str) -> bool {
        // A buffer that older versions saved.
        if stored.ends_with(".embeddings.position_ids") {
            return true;
        }
        let image = stored.starts_with("vision_model.") || stored.starts_with("visual_projection.");
        let text = stored.starts_with("text_model.") || stored.starts_with("text_projection.");
        match self.prefix {
            "image." => text || stored == "logit_scale",
            "text." => image || stored == "logit_scale",
            _ => false,
        }
    }
}

/// Where a tower keeps a tensor of a layer; `rest` is its name behind `transformer.blocks.`.
pub(crate) fn layer_location(tower: &str, rest: &str) -> Location {
    let (layer, rest) = rest.split_once('.').unwrap_or((rest, ""));
    let layer = format!("{tower}.encoder.layers.{layer}");
    if let Some(kind) = rest.strip_prefix("attention.input.") {
        return Location::joined(["q", "k", "v"].map(|part| format!("{layer}.self_attn.{part}_proj.{kind}")));
    }
    let rest = rest
        .replace("attention_norm.", "layer_norm1.")
        .replace("mlp_norm.", "layer_norm2.")
        .replace("attention.output.", "self_attn.out_proj.")
        .replace("mlp.input.", "mlp.fc1.")
        .replace("mlp.output.", "mlp.fc2.");
    Location::one(format!("{layer}.{rest}"))
}

/// Reads `config.json` and, if there is one, `preprocessor_config.json`.
pub(crate) fn config(json: &str, preprocessor: Option<&str>, name: &str) -> Result<ClipConfig, String> {
    let root: Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
    match root.get("model_type").and_then(Value::as_str) {
        Some("clip") => {}
        Some("siglip") => return super::siglip::config(&root, preprocessor, name),
        other => {
            return Err(format!(
                "`model_type` is {}, only \"clip\" and \"siglip\" are supported",
                other.unwrap_or("missing")
            ));
        }
    }
    let text: TextSection = section(&root, "text_config")?;
    let vision: VisionSection = section(&root, "vision_config")?;
    if vision.num_channels != 3 {
        return Err(format!("the image tower takes {} channels, expected 3", vision.num_channels));
    }
    let embed_dim = match root.get("projection_dim") {
        None | Some(Value::Null) => 512,
        Some(value) => value
            .as_u64()
            .and_then(|v| usize::try_from(v).ok())
            .ok_or_else(|| format!("`projection_dim` is {value}, expected a positive integer"))?,
    };
    Ok(ClipConfig {
        name: name.to_owned(),
        embed_dim,
        image: ImageTowerConfig::Vit(VitConfig {
            image_size: vision.image_size,
            patch_size: vision.patch_size,
            width: vision.hidden_size,
            layers: vision.num_hidden_layers,
            heads: vision.num_attention_heads,
            mlp_width: vision.intermediate_size,
            activation: vision.hidden_act.into(),
            layer_norm_eps: vision.layer_norm_eps,
        }),
        text: TextTowerConfig::Causal(CausalTextConfig {
            context_length: text.max_position_embeddings,
            vocab_size: text.vocab_size,
            width: text.hidden_size,
            layers: text.num_hidden_layers,
            heads: text.num_attention_heads,
            mlp_width: text.intermediate_size,
            activation: text.hidden_act.into(),
            // Old configurations carry a wrong id, 2, and stand for the highest one; see CLIPTextTransformer.
            end_of_text: match text.eos_token_id {
                2 => EndOfText::HighestId,
                id => EndOfText::Id(id),
            },
            layer_norm_eps: text.layer_norm_eps,
        }),
        tokenizer: TokenizerConfig {
            kind: TokenizerKind::ClipBpe,
            context_length: text.max_position_embeddings,
            pad_id: 0,
        },
        preprocess: match preprocessor {
            Some(json) => preprocess(json, PreprocessConfig::openai(vision.image_size))?,
            None => PreprocessConfig::openai(vision.image_size),
        },
        logit_scale: root.get("logit_scale_init_value").and_then(Value::as_f64).unwrap_or(2.6592),
        logit_bias: None,
    })
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HiddenAct {
    QuickGelu,
    Gelu,
    #[serde(alias = "gelu_new")]
    GeluPytorchTanh,
}

impl From<HiddenAct> for Activation {
    fn from(act: HiddenAct) -> Self {
        match act {
            HiddenAct::QuickGelu => Self::QuickGelu,
            HiddenAct::Gelu => Self::Gelu,
            HiddenAct::GeluPytorchTanh => Self::GeluTanh,
        }
    }
}

/// `CLIPTextConfig`; other fields do not change what is computed.
#[derive(Deserialize)]
#[serde(default)]
struct TextSection {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    hidden_act: HiddenAct,
    layer_norm_eps: f64,
    eos_token_id: u32,
}

impl Default for TextSection {
    fn default() -> Self {
        Self {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: HiddenAct::QuickGelu,
            layer_norm_eps: 1e-5,
            eos_token_id: 49407,
        }
    }
}

/// `CLIPVisionConfig`; other fields do not change what is computed.
#[derive(Deserialize)]
#[serde(default)]
struct VisionSection {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_channels: usize,
    image_size: usize,
    patch_size: usize,
    hidden_act: HiddenAct,
    layer_norm_eps: f64,
}

impl Default for VisionSection {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: HiddenAct::QuickGelu,
            layer_norm_eps: 1e-5,
        }
    }
}

/// A section, overlaid by the `<name>_dict` that configurations of 2022 carry and that transformers lets win.
pub(crate) fn section<T: serde::de::DeserializeOwned>(root: &Value, name: &str) -> Result<T, String> {
    let mut merged = Map::new();
    for key in [name.to_owned(), format!("{name}_dict")] {
        match root.get(&key) {
            None | Some(Value::Null) => {}
            Some(Value::Object(map)) => {
                let present = map.iter().filter(|(_, value)| !value.is_null());
                merged.extend(present.map(|(key, value)| (key.clone(), value.clone())));
            }
            Some(other) => return Err(format!("`{key}` is {other}, expected an object")),
        }
    }
    serde_json::from_value(Value::Object(merged)).map_err(|e| format!("`{name}`: {e}"))
}

/// Reads `preprocessor_config.json`; what it does not say is as in `defaults`, whose size is the image tower's.
pub(crate) fn preprocess(json: &str, defaults: PreprocessConfig) -> Result<PreprocessConfig, String> {
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
        return Err(wrong("a shortest edge without `do_center_crop` leaves photos that are not square".into()));
    }
    for (key, size) in [("size", resized), ("crop_size", cropped)] {
        if size != Some(image_size) {
            return Err(wrong(format!("`{key}` does not come to the image tower's {image_size} pixels")));
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
