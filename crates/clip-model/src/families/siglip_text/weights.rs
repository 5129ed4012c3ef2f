//! What other people's checkpoints say of SigLIP's text tower.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::SiglipTextConfig;
use super::cpu;
use crate::families::interface::{FindText, StoredTextTower};
use crate::formats::open_clip::TextOptions;
use crate::formats::transformers::{self, HiddenAct};
use crate::formats::{Format, open_clip};
use crate::tokenizer::config::TokenizerKind;
use crate::weights::Location;

impl StoredTextTower for SiglipTextConfig {
    const CPU: Option<FindText<Self>> = Some(cpu::find);

    fn locate(&self, format: Format, name: &str) -> Location {
        match format {
            Format::Transformers => transformers::locate_siglip("text_model", name),
            Format::OpenClip { nested_text } => match name.strip_prefix("projection.") {
                // A layer and no bare matrix.
                Some(kind) => Location::one(format!("{}text_projection.{kind}", open_clip::text_prefix(nested_text))),
                None => open_clip::locate_text(nested_text, name),
            },
            Format::MlMobileClip => Location::one(format!("text.{name}")),
        }
    }

    fn from_transformers(model_type: &str, root: &Value) -> Option<Result<Self, String>> {
        (model_type == "siglip").then(|| Ok(transformers::section::<TextSection>(root, "text_config")?.config()))
    }

    fn from_open_clip(
        text: &mut Map<String, Value>,
        options: &TextOptions,
    ) -> Option<Result<(Self, TokenizerKind), String>> {
        let is_it = text.get("no_causal_mask") == Some(&Value::Bool(true)) && open_clip::pools_last(text);
        is_it.then(|| read_open_clip(text, options))
    }
}

fn read_open_clip(
    text: &mut Map<String, Value>,
    options: &TextOptions,
) -> Result<(SiglipTextConfig, TokenizerKind), String> {
    open_clip::drop_neutral(text, &["no_causal_mask", "pool_type"]);
    let projection = match text.remove("proj_type").unwrap_or_else(|| "linear".into()).as_str() {
        Some("linear") if open_clip::flag(text, "proj_bias")? => true,
        Some("none") => {
            open_clip::drop_neutral(text, &["proj_bias"]);
            false
        }
        _ => return Err("`proj_type` must be \"linear\" with `proj_bias`, or \"none\"".into()),
    };
    let clean = text.get("tokenizer_kwargs").and_then(|kwargs| kwargs.get("clean")).and_then(Value::as_str);
    if clean != Some("canonicalize") {
        return Err(format!("`tokenizer_kwargs.clean` is {}, expected \"canonicalize\"", clean.unwrap_or("missing")));
    }
    let tower = SiglipTextConfig {
        context_length: options.context_length,
        vocab_size: options.vocab_size,
        width: options.width,
        layers: options.layers,
        heads: options.heads,
        mlp_width: options.mlp_width,
        activation: options.activation,
        layer_norm_eps: options.layer_norm_eps,
        projection,
    };
    Ok((tower, TokenizerKind::OpenClipSiglip))
}

/// `SiglipTextConfig`; other fields do not change what is computed.
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
}

impl Default for TextSection {
    fn default() -> Self {
        Self {
            vocab_size: 32000,
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            max_position_embeddings: 64,
            hidden_act: HiddenAct::GeluPytorchTanh,
            layer_norm_eps: 1e-6,
        }
    }
}

impl TextSection {
    fn config(self) -> SiglipTextConfig {
        SiglipTextConfig {
            context_length: self.max_position_embeddings,
            vocab_size: self.vocab_size,
            width: self.hidden_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            mlp_width: self.intermediate_size,
            activation: self.hidden_act.into(),
            layer_norm_eps: self.layer_norm_eps,
            projection: true,
        }
    }
}
