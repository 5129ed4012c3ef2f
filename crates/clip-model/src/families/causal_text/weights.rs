//! What other people's checkpoints say of CLIP's text transformer.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::CausalTextConfig;
use super::cpu;
use crate::end_of_text::EndOfText;
use crate::families::interface::{FindText, StoredTextTower};
use crate::formats::ml_mobileclip::{TextModel, TextSection as MlMobileClipText};
use crate::formats::mobileclip::Names;
use crate::formats::open_clip::TextOptions;
use crate::formats::transformers::{self, HiddenAct};
use crate::formats::{Format, open_clip};
use crate::tokenizer::config::TokenizerKind;
use crate::weights::Location;

impl StoredTextTower for CausalTextConfig {
    const CPU: Option<FindText<Self>> = Some(cpu::find);

    fn locate(&self, format: Format, name: &str) -> Location {
        match format {
            Format::Transformers => transformers::locate("text_model", "text_projection", name),
            Format::OpenClip { nested_text } => open_clip::locate_text(nested_text, name),
            Format::MlMobileClip => Location::one(format!("text.{name}")),
        }
    }

    fn derive(&self, names: &mut Names<'_>) {
        names.text(self.layers, false);
    }

    fn from_transformers(model_type: &str, root: &Value) -> Option<Result<Self, String>> {
        (model_type == "clip").then(|| Ok(transformers::section::<TextSection>(root, "text_config")?.config()))
    }

    fn from_open_clip(
        text: &mut Map<String, Value>,
        options: &TextOptions,
    ) -> Option<Result<(Self, TokenizerKind), String>> {
        (!open_clip::is_unmasked(text)).then(|| {
            open_clip::neutral(text, "pool_type", "argmax")?;
            open_clip::neutral(text, "proj_type", "linear")?;
            Ok((Self::from_options(options), TokenizerKind::ClipBpe))
        })
    }

    fn from_ml_mobileclip(text: &MlMobileClipText) -> Option<Result<Self, String>> {
        text.causal_masking.then(|| match text.model_name {
            TextModel::Mct => Err("`text_cfg.causal_masking` with the text tower `mct` is not supported".into()),
            TextModel::Base => Ok(Self::from_options(&text.options())),
        })
    }
}

impl CausalTextConfig {
    fn from_options(options: &TextOptions) -> Self {
        Self {
            context_length: options.context_length,
            vocab_size: options.vocab_size,
            width: options.width,
            layers: options.layers,
            heads: options.heads,
            mlp_width: options.mlp_width,
            activation: options.activation,
            end_of_text: EndOfText::HighestId,
            layer_norm_eps: options.layer_norm_eps,
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

impl TextSection {
    fn config(self) -> CausalTextConfig {
        CausalTextConfig {
            context_length: self.max_position_embeddings,
            vocab_size: self.vocab_size,
            width: self.hidden_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            mlp_width: self.intermediate_size,
            activation: self.hidden_act.into(),
            // Old configurations carry a wrong id, 2, and stand for the highest one; see CLIPTextTransformer.
            end_of_text: match self.eos_token_id {
                2 => EndOfText::HighestId,
                id => EndOfText::Id(id),
            },
            layer_norm_eps: self.layer_norm_eps,
        }
    }
}
