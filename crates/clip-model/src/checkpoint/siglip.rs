//! What the tokenizer's files of SigLIP's checkpoints say, open_clip's and transformers' alike.
//!
//! Names and defaults follow `tokenization_siglip.py` and `tokenization_siglip2.py` of transformers.

use serde::Deserialize;
use serde_json::Value;

use crate::tokenizer::config::{TokenizerConfig, TokenizerKind};

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
