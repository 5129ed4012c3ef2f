//! What a checkpoint is, as data: both towers, tokenizer, preprocessing.
//!
//! A [`ClipConfig`] describes a checkpoint completely; nothing about a model is decided by its name.
//! Presets of well-known architectures are JSON files in `presets/`.

use clip_files::deceptive::is_deceptive;
use serde::{Deserialize, Serialize};

use crate::ModelError;
pub use crate::activation::Activation;
pub use crate::end_of_text::EndOfText;
pub use crate::families::{ImageTowerConfig, TextTowerConfig};
use crate::json;
use crate::limits::{self, within};
pub use crate::preprocess::config::{Interpolation, PreprocessConfig, ResizeMode};
use crate::presets;
pub use crate::tokenizer::config::{TokenizerConfig, TokenizerKind};

/// Longest name of a model.
pub(crate) const MAX_NAME_BYTES: usize = 100;

/// A checkpoint, completely described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipConfig {
    /// The name under which the model is shown.
    pub name: String,
    /// Width of the embeddings that both towers end in.
    pub embed_dim: usize,
    /// The image tower.
    pub image: ImageTowerConfig,
    /// The text tower.
    pub text: TextTowerConfig,
    /// How text becomes token ids.
    pub tokenizer: TokenizerConfig,
    /// How photos become pixels.
    pub preprocess: PreprocessConfig,
    /// Where training starts the logarithm of the temperature's reciprocal. A checkpoint carries its
    /// own value.
    #[serde(default = "default_logit_scale")]
    pub logit_scale: f64,
    /// Where training starts the bias of a model with a sigmoid loss; without one the model has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logit_bias: Option<f64>,
}

/// ln(1 / 0.07), as in the CLIP paper (section 2.5).
fn default_logit_scale() -> f64 {
    (1.0f64 / 0.07).ln()
}

impl ClipConfig {
    /// Parses and checks a configuration in JSON; `origin` names it in messages.
    ///
    /// # Errors
    /// [`ModelError::Config`].
    pub fn from_json(json: &str, origin: &str) -> Result<Self, ModelError> {
        let config: Self = serde_json::from_str(json)
            .map_err(|e| ModelError::Config { origin: origin.to_owned(), reason: json::describe(&e) })?;
        config.check(origin)?;
        Ok(config)
    }

    /// The configuration as JSON in one line.
    pub fn to_json(&self) -> String {
        // Serialising can only fail for maps with keys that are not text; there are none.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// [`validate`](Self::validate) as a [`ModelError::Config`] that names `origin`.
    ///
    /// # Errors
    /// [`ModelError::Config`].
    pub fn check(&self, origin: &str) -> Result<(), ModelError> {
        self.validate().map_err(|reason| ModelError::Config { origin: origin.to_owned(), reason })
    }

    /// Says what contradicts itself or is beyond the limits, if anything is.
    pub fn validate(&self) -> Result<(), String> {
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES || self.name.contains(is_deceptive) {
            return Err(format!(
                "the name must have 1 to {MAX_NAME_BYTES} bytes and neither control characters nor direction marks"
            ));
        }
        within("embed_dim", self.embed_dim, limits::EMBED_DIM)?;
        self.image.validate()?;
        self.text.validate(&self.tokenizer)?;
        for (tower, output) in [("image", self.image.output_width()), ("text", self.text.output_width())] {
            if let Some(output) = output
                && output != self.embed_dim
            {
                return Err(format!("the {tower} tower gives {output} values, embed_dim is {}", self.embed_dim));
            }
        }
        self.preprocess.validate()?;
        if self.preprocess.size != self.image.image_size() {
            return Err(format!(
                "preprocessing gives {0} x {0} pixels, the image tower takes {1} x {1}",
                self.preprocess.size,
                self.image.image_size()
            ));
        }
        within("the tokenizer's context length", self.tokenizer.context_length, self.text.context_length())?;
        if self.tokenizer.pad_id as usize >= self.text.vocab_size() {
            return Err(format!(
                "the padding id is {}, the text tower knows {} ids",
                self.tokenizer.pad_id,
                self.text.vocab_size()
            ));
        }
        if !self.logit_scale.is_finite() || !self.logit_bias.is_none_or(f64::is_finite) {
            return Err("logit_scale and logit_bias must be finite".into());
        }
        Ok(())
    }

    /// A named preset.
    ///
    /// # Errors
    /// [`ModelError::Config`] that lists the known names.
    pub fn preset(name: &str) -> Result<Self, ModelError> {
        let Some((name, json)) = presets::find(name) else {
            let known: Vec<&str> = Self::preset_names().collect();
            return Err(ModelError::Config {
                origin: format!("preset `{name}`"),
                reason: format!("no such preset; expected one of {}", known.join(", ")),
            });
        };
        Self::from_json(json, &format!("preset `{name}`"))
    }

    /// The names of all presets.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        presets::names()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> serde_json::Value {
        serde_json::from_str(include_str!("../presets/ViT-B-32.json")).unwrap()
    }

    fn rejected(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut json = base();
        change(&mut json);
        match ClipConfig::from_json(&json.to_string(), "test.json") {
            Err(ModelError::Config { origin, reason }) => {
                assert_eq!(origin, "test.json");
                reason
            }
            other => panic!("accepted {other:?}"),
        }
    }

    #[test]
    fn presets_are_valid_and_named_after_their_files() {
        for name in ClipConfig::preset_names() {
            let config = ClipConfig::preset(name).unwrap();
            assert_eq!(config.name, name);
            assert_eq!(ClipConfig::from_json(&config.to_json(), "copy").unwrap(), config);
        }
        let error = ClipConfig::preset("ViT-Z").unwrap_err().to_string();
        assert!(error.contains("ViT-B-32-quickgelu"), "{error}");
    }

    #[test]
    fn the_activation_is_part_of_the_preset() {
        let activation = |name| match ClipConfig::preset(name).unwrap().image {
            ImageTowerConfig::Vit(vit) => vit.activation,
            other => panic!("{other:?}"),
        };
        assert_eq!(activation("ViT-B-32"), Activation::Gelu);
        assert_eq!(activation("ViT-B-32-quickgelu"), Activation::QuickGelu);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let reason = rejected(|c| c["image"]["layers"] = 1_000_000_000u64.into());
        assert!(reason.contains("layers is 1000000000"), "{reason}");
        let reason = rejected(|c| c["text"]["vocab_size"] = u64::MAX.into());
        assert!(reason.contains("vocabulary"), "{reason}");
        let reason = rejected(|c| {
            c["image"]["width"] = 8192.into();
            c["image"]["heads"] = 64.into();
            c["image"]["mlp_width"] = 65536.into();
            c["image"]["layers"] = 128.into();
        });
        assert!(reason.contains("parameters"), "{reason}");
    }

    #[test]
    fn contradictions_are_refused() {
        for (word, change) in [
            ("heads", (|c| c["image"]["heads"] = 7.into()) as fn(&mut serde_json::Value)),
            ("multiple", |c| c["image"]["patch_size"] = 33.into()),
            ("preprocessing gives", |c| c["preprocess"]["size"] = 256.into()),
            ("context length", |c| c["tokenizer"]["context_length"] = 78.into()),
            ("std", |c| c["preprocess"]["std"] = vec![0.0, 1.0, 1.0].into()),
            ("unknown field", |c| c["depth"] = 3.into()),
            ("relu", |c| c["image"]["activation"] = "relu".into()),
            ("missing field", |c| {
                c["text"].as_object_mut().unwrap().remove("width");
            }),
            ("epsilon", |c| c["text"]["layer_norm_eps"] = (-1.0).into()),
        ] {
            let reason = rejected(change);
            assert!(reason.contains(word), "`{reason}` should say `{word}`");
        }
    }
}
