//! `SiglipModel` checkpoints of transformers (SigLIP, and SigLIP 2 at fixed resolution, which uses the same class):
//! names, `config.json`, and what the tokenizer's files say, which open_clip's checkpoints come with as well.
//!
//! Names and defaults follow `modeling_siglip.py`, `configuration_siglip.py`, `tokenization_siglip.py` and
//! `tokenization_siglip2.py`.

use serde::Deserialize;
use serde_json::Value;

use super::transformers::{HiddenAct, layer_location, preprocess, section};
use crate::config::{ClipConfig, ImageTowerConfig, PreprocessConfig, TextTowerConfig, TokenizerConfig, TokenizerKind};
use crate::families::siglip_text::SiglipTextConfig;
use crate::families::siglip_vit::SiglipVitConfig;
use crate::weights::{Layout, Location};

/// The names that transformers gives.
pub(crate) struct HuggingFaceSiglip {
    /// Ours: `image.` or `text.` for a lone tower, nothing for all.
    pub prefix: &'static str,
}

impl Layout for HuggingFaceSiglip {
    fn locate(&self, name: &str) -> Location {
        let name = format!("{}{name}", self.prefix);
        let (tower, rest) = match name.split_once('.') {
            Some(("image", rest)) => ("vision_model", rest),
            Some(("text", rest)) => ("text_model", rest),
            _ => return Location::one(name),
        };
        if let Some(rest) = rest.strip_prefix("transformer.blocks.") {
            return layer_location(tower, rest);
        }
        if let Some(rest) = rest.strip_prefix("pool.") {
            let rest = match rest.strip_prefix("attention.input.") {
                Some(kind) => format!("attention.in_proj_{kind}"),
                None => rest
                    .replace("attention.output.", "attention.out_proj.")
                    .replace("mlp.input.", "mlp.fc1.")
                    .replace("mlp.output.", "mlp.fc2.")
                    .replace("norm.", "layernorm."),
            };
            return Location::one(format!("{tower}.head.{rest}"));
        }
        Location::one(match rest.split_once('.') {
            None => format!("{tower}.embeddings.position_embedding.weight"),
            Some(("norm_post", kind)) => format!("{tower}.post_layernorm.{kind}"),
            Some(("norm", kind)) => format!("{tower}.final_layer_norm.{kind}"),
            Some(("projection", kind)) => format!("{tower}.head.{kind}"),
            Some(_) => format!("{tower}.embeddings.{rest}"),
        })
    }

    fn ignores(&self, stored: &str) -> bool {
        // A buffer that older versions saved.
        if stored.ends_with(".embeddings.position_ids") {
            return true;
        }
        let scalar = matches!(stored, "logit_scale" | "logit_bias");
        match self.prefix {
            "image." => scalar || stored.starts_with("text_model."),
            "text." => scalar || stored.starts_with("vision_model."),
            _ => false,
        }
    }
}

/// Reads a `config.json` whose `model_type` is `siglip`. What kind of tokenizer there is and how it pads is for
/// [`complete`] to say.
pub(crate) fn config(root: &Value, preprocessor: Option<&str>, name: &str) -> Result<ClipConfig, String> {
    let text: TextSection = section(root, "text_config")?;
    let vision: VisionSection = section(root, "vision_config")?;
    if vision.num_channels != 3 {
        return Err(format!("the image tower takes {} channels, expected 3", vision.num_channels));
    }
    if !vision.vision_use_head {
        return Err("`vision_use_head` is false: without its pool the image tower gives no embedding".into());
    }
    let defaults = PreprocessConfig::siglip(vision.image_size);
    Ok(ClipConfig {
        name: name.to_owned(),
        embed_dim: vision.hidden_size,
        image: ImageTowerConfig::Siglip(SiglipVitConfig {
            image_size: vision.image_size,
            patch_size: vision.patch_size,
            width: vision.hidden_size,
            layers: vision.num_hidden_layers,
            heads: vision.num_attention_heads,
            mlp_width: vision.intermediate_size,
            activation: vision.hidden_act.into(),
            layer_norm_eps: vision.layer_norm_eps,
        }),
        text: TextTowerConfig::Siglip(SiglipTextConfig {
            context_length: text.max_position_embeddings,
            vocab_size: text.vocab_size,
            width: text.hidden_size,
            layers: text.num_hidden_layers,
            heads: text.num_attention_heads,
            mlp_width: text.intermediate_size,
            activation: text.hidden_act.into(),
            layer_norm_eps: text.layer_norm_eps,
            projection: true,
        }),
        tokenizer: TokenizerConfig {
            kind: TokenizerKind::Siglip,
            context_length: text.max_position_embeddings,
            pad_id: 0,
        },
        preprocess: match preprocessor {
            Some(json) => preprocess(json, defaults)?,
            None => defaults,
        },
        logit_scale: (10.0f64).ln(),
        logit_bias: Some(-10.0),
    })
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

/// `SiglipVisionConfig`; other fields do not change what is computed.
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
    vision_use_head: bool,
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
            patch_size: 16,
            hidden_act: HiddenAct::GeluPytorchTanh,
            layer_norm_eps: 1e-6,
            vision_use_head: true,
        }
    }
}

/// The parts of a `tokenizer.json` that are looked at; the vocabulary is passed over.
#[derive(Deserialize)]
struct TokenizerJson {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(default)]
    padding: Option<Padding>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct Padding {
    pad_id: u32,
}

/// Completes what the checkpoint's configuration leaves to its tokenizer: which of the two families it is, by the model
/// in `tokenizer.json`, and the id that fills up texts. The `settings` are those files of `tokenizer_config.json` and
/// `special_tokens_map.json` that exist, in this order.
pub(crate) fn complete(
    config: &TokenizerConfig,
    tokenizer: &[u8],
    settings: &[String],
) -> Result<TokenizerConfig, String> {
    let json: TokenizerJson =
        serde_json::from_slice(tokenizer).map_err(|e| format!("it is not a `tokenizer.json`: {e}"))?;
    let (kind, usual) = match json.model.kind.as_str() {
        "Unigram" => (TokenizerKind::Siglip, "</s>"),
        "BPE" => (TokenizerKind::Siglip2, "<pad>"),
        other => {
            return Err(format!(
                "its model is of type `{other}`, expected `Unigram` (SigLIP) or `BPE` (SigLIP 2, Gemma)"
            ));
        }
    };
    let named = settings.iter().find_map(|json| {
        let settings: Value = serde_json::from_str(json).ok()?;
        let token = settings.get("pad_token")?;
        Some(token.as_str().or_else(|| token.get("content")?.as_str())?.to_owned())
    });
    let id_of = |token: &str| json.added_tokens.iter().find(|added| added.content == token).map(|added| added.id);
    let pad_id = match (named, &json.padding) {
        (Some(token), _) => id_of(&token).ok_or(token),
        (None, Some(padding)) => Ok(padding.pad_id),
        (None, None) => id_of(usual).ok_or_else(|| usual.to_owned()),
    };
    let pad_id = pad_id.map_err(|token| format!("the padding token `{token}` is not among its added tokens"))?;
    let kind = if config.kind == TokenizerKind::OpenClipSiglip { config.kind } else { kind };
    Ok(TokenizerConfig { kind, pad_id, ..config.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer(kind: &str) -> Vec<u8> {
        let tokens = serde_json::json!([{ "id": 0, "content": "<pad>" }, { "id": 1, "content": "</s>" }]);
        serde_json::to_vec(&serde_json::json!({ "model": { "type": kind, "vocab": [] }, "added_tokens": tokens }))
            .unwrap()
    }

    #[test]
    fn the_tokenizer_tells_the_family_and_the_padding() {
        let config = TokenizerConfig { kind: TokenizerKind::Siglip, context_length: 64, pad_id: 9 };
        let complete = |kind: &str, settings: &[&str]| {
            let settings: Vec<String> = settings.iter().map(|json| (*json).to_owned()).collect();
            complete(&config, &tokenizer(kind), &settings).map(|config| (config.kind, config.pad_id))
        };
        assert_eq!(complete("Unigram", &[]), Ok((TokenizerKind::Siglip, 1)));
        assert_eq!(complete("BPE", &[]), Ok((TokenizerKind::Siglip2, 0)));
        assert_eq!(complete("BPE", &["{\"pad_token\": \"</s>\"}"]), Ok((TokenizerKind::Siglip2, 1)));
        assert_eq!(
            complete("Unigram", &["{}", "{\"pad_token\": {\"content\": \"<pad>\"}}"]),
            Ok((TokenizerKind::Siglip, 0))
        );
        let error = complete("Unigram", &["{\"pad_token\": \"[PAD]\"}"]).unwrap_err();
        assert!(error.contains("[PAD]"), "{error}");
        let error = complete("WordPiece", &[]).unwrap_err();
        assert!(error.contains("WordPiece") && error.contains("Unigram"), "{error}");
        let open_clip = TokenizerConfig { kind: TokenizerKind::OpenClipSiglip, ..config.clone() };
        let found = super::complete(&open_clip, &tokenizer("BPE"), &[]).unwrap();
        assert_eq!((found.kind, found.pad_id), (TokenizerKind::OpenClipSiglip, 0));
    }
}
