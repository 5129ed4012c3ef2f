//! What other people's checkpoints say of MobileCLIP's text towers.

use serde_json::{Map, Value};

use super::config::{MobileTextConfig, TextMixerConfig};
use crate::end_of_text::EndOfText;
use crate::families::interface::StoredTextTower;
use crate::formats::ml_mobileclip::{TextModel, TextSection};
use crate::formats::mobileclip::Names;
use crate::formats::open_clip::TextOptions;
use crate::formats::{Format, open_clip};
use crate::tokenizer::config::TokenizerKind;
use crate::weights::Location;

impl StoredTextTower for MobileTextConfig {
    fn locate(&self, format: Format, name: &str) -> Location {
        match format {
            Format::OpenClip { nested_text } => open_clip::locate_text(nested_text, name),
            Format::Transformers | Format::MlMobileClip => Location::one(format!("text.{name}")),
        }
    }

    fn derive(&self, names: &mut Names<'_>) {
        names.text(self.layers, self.mixer.is_some());
    }

    fn from_open_clip(
        text: &mut Map<String, Value>,
        options: &TextOptions,
    ) -> Option<Result<(Self, TokenizerKind), String>> {
        // What pools at the last place is SigLIP's.
        let siglip = text.get("no_causal_mask") == Some(&Value::Bool(true)) && open_clip::pools_last(text);
        (open_clip::is_unmasked(text) && !siglip).then(|| {
            open_clip::flag(text, "no_causal_mask")?;
            open_clip::neutral(text, "pool_type", "argmax")?;
            open_clip::neutral(text, "proj_type", "linear")?;
            Ok((Self::from_options(options, None), TokenizerKind::ClipBpe))
        })
    }

    fn from_ml_mobileclip(text: &TextSection) -> Option<Result<Self, String>> {
        let mixer = (text.model_name == TextModel::Mct)
            .then(|| TextMixerConfig { kernel: 11, mlp_width: text.dim.saturating_mul(4) });
        (!text.causal_masking).then(|| Ok(Self::from_options(&text.options(), mixer)))
    }
}

impl MobileTextConfig {
    fn from_options(options: &TextOptions, mixer: Option<TextMixerConfig>) -> Self {
        Self {
            context_length: options.context_length,
            vocab_size: options.vocab_size,
            width: options.width,
            layers: options.layers,
            heads: options.heads,
            mlp_width: options.mlp_width,
            activation: options.activation,
            layer_norm_eps: options.layer_norm_eps,
            mixer,
            end_of_text: EndOfText::HighestId,
            pad_id: 0,
        }
    }
}
