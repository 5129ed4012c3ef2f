//! What the tokenizer's files of SigLIP's checkpoints say, open_clip's and transformers' alike.
//!
//! Names and defaults follow `tokenization_siglip.py` and `tokenization_siglip2.py` of transformers.

use serde::Deserialize;

use crate::json;
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
/// in `tokenizer.json`, and the id that fills up texts. `named` is the padding token that the files beside it name.
pub(crate) fn complete(
    config: &TokenizerConfig,
    tokenizer: &[u8],
    named: Option<&str>,
) -> Result<TokenizerConfig, String> {
    let json: TokenizerJson = serde_json::from_slice(tokenizer)
        .map_err(|e| format!("it is not a `tokenizer.json`: {}", json::describe(&e)))?;
    let (kind, usual) = match json.model.kind.as_str() {
        "Unigram" => (TokenizerKind::Siglip, "</s>"),
        "BPE" => (TokenizerKind::Siglip2, "<pad>"),
        other => {
            return Err(format!(
                "its model is of type `{}`, expected `Unigram` (SigLIP) or `BPE` (SigLIP 2, Gemma)",
                json::cut(other)
            ));
        }
    };
    let id_of = |token: &str| json.added_tokens.iter().find(|added| added.content == token).map(|added| added.id);
    let pad_id = match (named, &json.padding) {
        (Some(token), _) => id_of(token).ok_or(token),
        (None, Some(padding)) => Ok(padding.pad_id),
        (None, None) => id_of(usual).ok_or(usual),
    };
    let pad_id =
        pad_id.map_err(|token| format!("the padding token `{}` is not among its added tokens", json::cut(token)))?;
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
        let complete = |kind: &str, named: Option<&str>| {
            complete(&config, &tokenizer(kind), named).map(|config| (config.kind, config.pad_id))
        };
        assert_eq!(complete("Unigram", None), Ok((TokenizerKind::Siglip, 1)));
        assert_eq!(complete("BPE", None), Ok((TokenizerKind::Siglip2, 0)));
        assert_eq!(complete("BPE", Some("</s>")), Ok((TokenizerKind::Siglip2, 1)));
        assert_eq!(complete("Unigram", Some("<pad>")), Ok((TokenizerKind::Siglip, 0)));
        let error = complete("Unigram", Some("[PAD]")).unwrap_err();
        assert!(error.contains("[PAD]"), "{error}");
        let error = complete("WordPiece", None).unwrap_err();
        assert!(error.contains("WordPiece") && error.contains("Unigram"), "{error}");
        let open_clip = TokenizerConfig { kind: TokenizerKind::OpenClipSiglip, ..config.clone() };
        let found = super::complete(&open_clip, &tokenizer("BPE"), None).unwrap();
        assert_eq!((found.kind, found.pad_id), (TokenizerKind::OpenClipSiglip, 0));
    }
}
