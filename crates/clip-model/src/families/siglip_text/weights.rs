//! What other people's checkpoints say of SigLIP's text tower.

use serde_json::{Map, Value};

use super::config::SiglipTextConfig;
use super::cpu;
use crate::activation::Activation;
use crate::families::interface::{FindText, StoredTextTower};
use crate::formats::open_clip::TextOptions;
use crate::formats::{Format, open_clip, transformers};
use crate::json::Fields;
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

    fn from_transformers(model_type: &str, root: &Map<String, Value>) -> Option<Result<Self, String>> {
        (model_type == "siglip").then(|| read_transformers(root))
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
    if !matches!(Fields::new("", text).text("tokenizer_mode")?, None | Some("")) {
        return Err(Fields::new("", text).wrong("tokenizer_mode", "none, the only one that is supported"));
    }
    open_clip::clean_up(text, &["canonicalize"], None)?;
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

/// Reads `SiglipTextConfig`; other fields do not change what is computed.
fn read_transformers(root: &Map<String, Value>) -> Result<SiglipTextConfig, String> {
    let section = transformers::section(root, "text_config")?;
    let fields = Fields::new("text_config", &section);
    Ok(SiglipTextConfig {
        context_length: fields.whole("max_position_embeddings")?.unwrap_or(64),
        vocab_size: fields.whole("vocab_size")?.unwrap_or(32000),
        width: fields.whole("hidden_size")?.unwrap_or(768),
        layers: fields.whole("num_hidden_layers")?.unwrap_or(12),
        heads: fields.whole("num_attention_heads")?.unwrap_or(12),
        mlp_width: fields.whole("intermediate_size")?.unwrap_or(3072),
        activation: transformers::activation(&fields, Activation::GeluTanh)?,
        layer_norm_eps: fields.number("layer_norm_eps")?.unwrap_or(1e-6),
        projection: true,
    })
}
