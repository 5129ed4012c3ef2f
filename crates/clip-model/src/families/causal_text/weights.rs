//! What other people's checkpoints say of CLIP's text transformer.

use serde_json::{Map, Value};

use super::config::CausalTextConfig;
use super::cpu;
use crate::activation::Activation;
use crate::end_of_text::EndOfText;
use crate::families::interface::{FindText, StoredTextTower};
use crate::formats::ml_mobileclip::{TextModel, TextSection as MlMobileClipText};
use crate::formats::mobileclip::Names;
use crate::formats::open_clip::TextOptions;
use crate::formats::{Format, open_clip, transformers};
use crate::json::Fields;
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

    fn from_transformers(model_type: &str, root: &Map<String, Value>) -> Option<Result<Self, String>> {
        (model_type == "clip").then(|| read_transformers(root))
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

/// Reads `CLIPTextConfig`; other fields do not change what is computed.
fn read_transformers(root: &Map<String, Value>) -> Result<CausalTextConfig, String> {
    let section = transformers::section(root, "text_config")?;
    let fields = Fields::new("text_config", &section);
    // Old configurations carry a wrong id, 2, and stand for the highest one; see CLIPTextTransformer.
    let end_of_text = match fields.whole("eos_token_id")?.unwrap_or(49407) {
        2 => EndOfText::HighestId,
        id => EndOfText::Id(u32::try_from(id).map_err(|_| fields.wrong("eos_token_id", "an id of its vocabulary"))?),
    };
    Ok(CausalTextConfig {
        context_length: fields.whole("max_position_embeddings")?.unwrap_or(77),
        vocab_size: fields.whole("vocab_size")?.unwrap_or(49408),
        width: fields.whole("hidden_size")?.unwrap_or(512),
        layers: fields.whole("num_hidden_layers")?.unwrap_or(12),
        heads: fields.whole("num_attention_heads")?.unwrap_or(8),
        mlp_width: fields.whole("intermediate_size")?.unwrap_or(2048),
        activation: transformers::activation(&fields, Activation::QuickGelu)?,
        end_of_text,
        layer_norm_eps: fields.number("layer_norm_eps")?.unwrap_or(1e-5),
    })
}
