//! open_clip's checkpoints: `open_clip_config.json` with `open_clip_model.safetensors`.
//!
//! Layout and defaults follow open_clip's `model.py`, `transformer.py` and `transform.py`. Options that change the
//! computation and are not known here are errors, never ignored.

use serde_json::{Map, Value};

use super::ml_mobileclip as mobileclip;
use crate::config::{
    Activation, CausalTextConfig, ClipConfig, EndOfText, ImageTowerConfig, Interpolation, PreprocessConfig, ResizeMode,
    TextTowerConfig, TokenizerConfig, TokenizerKind, VitConfig,
};
use crate::families::mobile_text::MobileTextConfig;
use crate::families::modified_resnet::weights as modified_resnet;
use crate::families::siglip_text::SiglipTextConfig;
use crate::families::siglip_vit::weights as timm_vit;
use crate::weights::{Layout, Location};

/// The names that open_clip gives.
pub(crate) struct OpenClip {
    /// `CustomTextCLIP` keeps the text tower under `text.`; `CLIP` has it at the top.
    pub nested_text: bool,
    /// The image tower is SigLIP's, a trunk of timm.
    pub siglip_image: bool,
    /// The text tower is SigLIP's, whose projection is a layer and no bare matrix.
    pub siglip_text: bool,
    /// Ours: `image.` or `text.` for a lone tower, nothing for all.
    pub prefix: &'static str,
}

impl OpenClip {
    fn text_prefix(&self) -> &'static str {
        if self.nested_text { "text." } else { "" }
    }
}

impl Layout for OpenClip {
    fn locate(&self, name: &str) -> Location {
        let name = format!("{}{name}", self.prefix);
        let (tower, rest) = match name.split_once('.') {
            Some(("image", rest)) => ("visual.", rest),
            Some(("text", rest)) => (self.text_prefix(), rest),
            _ => return Location::one(name),
        };
        if tower == "visual." {
            if self.siglip_image {
                return timm_vit::locate(rest);
            }
            if let Some(location) = modified_resnet::locate(rest) {
                return location;
            }
        } else if self.siglip_text
            && let Some(kind) = rest.strip_prefix("projection.")
        {
            return Location::one(format!("{tower}text_projection.{kind}"));
        }
        if let Some(rest) = rest.strip_prefix("transformer.blocks.") {
            let (layer, rest) = rest.split_once('.').unwrap_or((rest, ""));
            let rest = match rest {
                "attention.input.weight" => "attn.in_proj_weight".to_owned(),
                "attention.input.bias" => "attn.in_proj_bias".to_owned(),
                _ => rest
                    .replace("attention_norm.", "ln_1.")
                    .replace("mlp_norm.", "ln_2.")
                    .replace("attention.output.", "attn.out_proj.")
                    .replace("mlp.input.", "mlp.c_fc.")
                    .replace("mlp.output.", "mlp.c_proj."),
            };
            return Location::one(format!("{tower}transformer.resblocks.{layer}.{rest}"));
        }
        let (stored, transposed) = match rest {
            "patch_embedding.weight" => ("conv1.weight", false),
            "position_embedding" => ("positional_embedding", false),
            "norm_pre.weight" => ("ln_pre.weight", false),
            "norm_pre.bias" => ("ln_pre.bias", false),
            "norm_post.weight" => ("ln_post.weight", false),
            "norm_post.bias" => ("ln_post.bias", false),
            "norm.weight" => ("ln_final.weight", false),
            "norm.bias" => ("ln_final.bias", false),
            "projection.weight" if tower == "visual." => ("proj", true),
            "projection.weight" => ("text_projection", true),
            other => (other, false),
        };
        let stored = format!("{tower}{stored}");
        if transposed { Location::transposed(stored) } else { Location::one(stored) }
    }

    fn ignores(&self, stored: &str) -> bool {
        // A buffer that older versions saved, and PyTorch's count of the batches that a norm saw.
        let buffer = stored.ends_with("attn_mask") || stored.ends_with(".num_batches_tracked");
        let visual = stored.starts_with("visual.");
        let scalar = matches!(stored, "logit_scale" | "logit_bias");
        buffer
            || match self.prefix {
                "image." => !visual,
                "text." => visual || scalar,
                _ => false,
            }
    }
}

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

    let image = if timm_vit::is_described(&vision) {
        // timm's towers pay no heed to `quick_gelu`.
        ImageTowerConfig::Siglip(timm_vit::config(&mut vision)?)
    } else if mobileclip::is_described(&vision) {
        mobileclip::timm_tower(&mut vision)?
    } else if modified_resnet::is_described(&vision) {
        ImageTowerConfig::ModifiedResnet(modified_resnet::config(&mut vision)?)
    } else {
        ImageTowerConfig::Vit(vit(&mut vision, activation)?)
    };
    let (text, tokenizer) = text_tower(&mut text, activation)?;

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
                Some(other) => return Err(format!("interpolation `{other}` is not known")),
            },
            resize: match cfg.get("resize_mode").and_then(Value::as_str) {
                None | Some("shortest") => ResizeMode::ShortestEdge,
                Some("squash") => ResizeMode::Squash,
                Some(other) => return Err(format!("resize_mode `{other}` is not known")),
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

/// Reads `vision_cfg` of a vision transformer of open_clip's own.
fn vit(vision: &mut Map<String, Value>, activation: Activation) -> Result<VitConfig, String> {
    let width = required(vision, "width")?;
    let head_width = optional(vision, "head_width")?.unwrap_or(64);
    let vit = VitConfig {
        image_size: optional_square(vision, "image_size")?.unwrap_or(224),
        patch_size: optional_square(vision, "patch_size")?.unwrap_or(16),
        width,
        layers: required(vision, "layers")?,
        heads: width / head_width.max(1),
        mlp_width: mlp_width(vision, width)?,
        activation: approximated(vision, activation)?,
        layer_norm_eps: epsilon(vision)?,
    };
    // Used in training, or only together with options that are refused below.
    drop_neutral(vision, &["patch_dropout", "attn_pooler_queries", "attn_pooler_heads"]);
    neutral(vision, "pool_type", "tok")?;
    neutral(vision, "pos_embed_type", "learnable")?;
    nothing_left("vision_cfg", vision)?;
    Ok(vit)
}

fn text_tower(
    text: &mut Map<String, Value>,
    activation: Activation,
) -> Result<(TextTowerConfig, TokenizerConfig), String> {
    let width = required(text, "width")?;
    let context_length = optional(text, "context_length")?.unwrap_or(77);
    let vocab_size = optional(text, "vocab_size")?.unwrap_or(49408);
    let layers = required(text, "layers")?;
    let heads = required(text, "heads")?;
    let mlp_width = mlp_width(text, width)?;
    let activation = approximated(text, activation)?;
    let layer_norm_eps = epsilon(text)?;
    // Pooling at the last place makes sense only where that place sees all others.
    let siglip = text.get("no_causal_mask") == Some(&Value::Bool(true))
        && text.get("pool_type").and_then(Value::as_str) == Some("last");
    let (tower, kind) = if siglip {
        drop_neutral(text, &["no_causal_mask", "pool_type"]);
        let projection = match text.remove("proj_type").unwrap_or_else(|| "linear".into()).as_str() {
            Some("linear") if flag(text, "proj_bias")? => true,
            Some("none") => {
                drop_neutral(text, &["proj_bias"]);
                false
            }
            _ => return Err("`proj_type` must be \"linear\" with `proj_bias`, or \"none\"".into()),
        };
        let clean = text.get("tokenizer_kwargs").and_then(|kwargs| kwargs.get("clean")).and_then(Value::as_str);
        if clean != Some("canonicalize") {
            return Err(format!(
                "`tokenizer_kwargs.clean` is {}, expected \"canonicalize\"",
                clean.unwrap_or("missing")
            ));
        }
        let tower = SiglipTextConfig {
            context_length,
            vocab_size,
            width,
            layers,
            heads,
            mlp_width,
            activation,
            layer_norm_eps,
            projection,
        };
        (TextTowerConfig::Siglip(tower), TokenizerKind::OpenClipSiglip)
    } else {
        let unmasked = flag(text, "no_causal_mask")?;
        neutral(text, "pool_type", "argmax")?;
        neutral(text, "proj_type", "linear")?;
        let causal = CausalTextConfig {
            context_length,
            vocab_size,
            width,
            layers,
            heads,
            mlp_width,
            activation,
            end_of_text: EndOfText::HighestId,
            layer_norm_eps,
        };
        let tower = if unmasked {
            TextTowerConfig::Mobile(MobileTextConfig::unmasked(&causal))
        } else {
            TextTowerConfig::Causal(causal)
        };
        (tower, TokenizerKind::ClipBpe)
    };
    // Where the tokenizer comes from, what fills up texts after their end, and what another pooling would look for.
    drop_neutral(text, &["hf_tokenizer_name", "tokenizer_kwargs", "tokenizer_mode", "pad_id", "eos_id"]);
    nothing_left("text_cfg", text)?;
    Ok((tower, TokenizerConfig { kind, context_length, pad_id: 0 }))
}

/// The activation with the `act_kwargs` of PyTorch's GELU, which can say that it is approximated.
fn approximated(map: &mut Map<String, Value>, activation: Activation) -> Result<Activation, String> {
    let Some(kwargs) = map.remove("act_kwargs").filter(|kwargs| !kwargs.is_null()) else { return Ok(activation) };
    let approximate =
        kwargs.as_object().filter(|kwargs| kwargs.len() == 1).and_then(|kwargs| kwargs.get("approximate"));
    match (approximate.and_then(Value::as_str), activation) {
        (Some("tanh"), Activation::Gelu) => Ok(Activation::GeluTanh),
        (Some("none"), Activation::Gelu) => Ok(Activation::Gelu),
        _ => Err(format!("`act_kwargs` is {kwargs}, expected {{\"approximate\": \"tanh\"}} without `quick_gelu`")),
    }
}

fn section(parent: &Value, key: &str) -> Result<Map<String, Value>, String> {
    match parent.get(key) {
        Some(Value::Object(map)) => Ok(map.clone()),
        Some(other) => Err(format!("`{key}` is {other}, expected an object")),
        None => Err(format!("`{key}` is missing")),
    }
}

pub(crate) fn optional(map: &mut Map<String, Value>, key: &str) -> Result<Option<usize>, String> {
    match map.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().and_then(|v| usize::try_from(v).ok()) {
            Some(v) => Ok(Some(v)),
            None => Err(format!("`{key}` is {value}, expected a positive integer")),
        },
    }
}

pub(crate) fn required(map: &mut Map<String, Value>, key: &str) -> Result<usize, String> {
    optional(map, key)?.ok_or_else(|| format!("`{key}` is missing"))
}

/// A number, or two equal ones for height and width.
pub(crate) fn optional_square(map: &mut Map<String, Value>, key: &str) -> Result<Option<usize>, String> {
    if let Some(Value::Array(sides)) = map.get(key) {
        match sides.as_slice() {
            [a, b] if a == b => {
                let side = a.clone();
                map.insert(key.to_owned(), side);
            }
            _ => return Err(format!("`{key}` is {sides:?}; only squares are supported")),
        }
    }
    optional(map, key)
}

fn number(map: &mut Map<String, Value>, key: &str) -> Result<Option<f64>, String> {
    match map.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(|| format!("`{key}` is {value}, expected a number")),
    }
}

fn flag(map: &mut Map<String, Value>, key: &str) -> Result<bool, String> {
    match map.remove(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(value),
        Some(value) => Err(format!("`{key}` is {value}, expected true or false")),
    }
}

fn mlp_width(map: &mut Map<String, Value>, width: usize) -> Result<usize, String> {
    let ratio = number(map, "mlp_ratio")?.unwrap_or(4.0);
    // As Python's int(width * mlp_ratio); a ratio out of range is caught by the limits on the result.
    Ok((width as f64 * ratio).clamp(0.0, 1e12) as usize)
}

fn epsilon(map: &mut Map<String, Value>) -> Result<f64, String> {
    match map.remove("norm_kwargs") {
        None | Some(Value::Null) => Ok(1e-5),
        Some(Value::Object(mut kwargs)) => {
            let eps = number(&mut kwargs, "eps")?.unwrap_or(1e-5);
            nothing_left("norm_kwargs", &kwargs)?;
            Ok(eps)
        }
        Some(other) => Err(format!("`norm_kwargs` is {other}, expected an object")),
    }
}

fn channels(map: &Map<String, Value>, key: &str) -> Result<Option<[f32; 3]>, String> {
    let Some(value) = map.get(key) else { return Ok(None) };
    serde_json::from_value(value.clone()).map(Some).map_err(|_| format!("`{key}` is {value}, expected three numbers"))
}

/// Removes an option that must have the one value that is supported.
pub(crate) fn neutral(map: &mut Map<String, Value>, key: &str, only: &str) -> Result<(), String> {
    match map.remove(key) {
        None => Ok(()),
        Some(Value::String(value)) if value == only => Ok(()),
        Some(value) => Err(format!("`{key}` is {value}; only \"{only}\" is supported")),
    }
}

/// Removes options that do not change what is computed.
pub(crate) fn drop_neutral(map: &mut Map<String, Value>, keys: &[&str]) {
    for key in keys {
        map.remove(*key);
    }
}

/// Options that are off are as good as absent; all others are not known here.
pub(crate) fn nothing_left(section: &str, map: &Map<String, Value>) -> Result<(), String> {
    let off = |value: &Value| matches!(value, Value::Null | Value::Bool(false));
    match map.iter().find(|(_, value)| !off(value)) {
        None => Ok(()),
        Some((key, value)) => Err(format!("`{section}.{key}` = {value} is not supported")),
    }
}
