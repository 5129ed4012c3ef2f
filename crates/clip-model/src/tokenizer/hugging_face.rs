//! Hugging Face's `tokenizer.json`: as a container of vocabularies, and as a tokenizer in its own right.

use std::collections::HashMap;

use serde::Deserialize;
use tokenizers::normalizers::{Lowercase, NormalizerWrapper, Sequence};

use super::clip_bpe::ClipBpe;
use super::error::TokenizerError;
use super::wordpiece::WordPiece;

#[derive(Deserialize)]
struct TokenizerJson {
    model: ModelJson,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
}

#[derive(Deserialize)]
struct ModelJson {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    vocab: HashMap<String, u32>,
    #[serde(default)]
    merges: Vec<MergeJson>,
}

/// `"a b"` in older files, `["a", "b"]` in newer ones.
#[derive(Deserialize)]
#[serde(untagged)]
enum MergeJson {
    Line(String),
    Pair(String, String),
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

fn read(bytes: &[u8], expected: &'static str) -> Result<TokenizerJson, TokenizerError> {
    let json: TokenizerJson = serde_json::from_slice(bytes)?;
    match &json.model.kind {
        Some(kind) if kind != expected => Err(TokenizerError::ModelType { found: kind.clone(), expected }),
        _ => Ok(json),
    }
}

/// Takes CLIP's ids and merges out of a `tokenizer.json`. The text clean-up is that of the original, which includes
/// HTML references; Hugging Face's own pipeline leaves them out, against how the weights were trained.
pub(super) fn read_clip_bpe(bytes: &[u8]) -> Result<ClipBpe, TokenizerError> {
    let TokenizerJson { model, added_tokens } = read(bytes, "BPE")?;
    let mut vocabulary = model.vocab;
    vocabulary.extend(added_tokens.into_iter().map(|token| (token.content, token.id)));
    let pairs = model.merges.iter().enumerate().map(|(number, merge)| match merge {
        MergeJson::Pair(left, right) => Ok((left.as_str(), right.as_str())),
        MergeJson::Line(line) => {
            line.split_once(' ').ok_or_else(|| TokenizerError::Merge { line: number + 1, found: line.clone() })
        }
    });
    let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    ClipBpe::from_vocabulary(&vocabulary, pairs.into_iter(), ("<|startoftext|>", "<|endoftext|>"))
}

/// Takes a WordPiece vocabulary out of a `tokenizer.json`.
pub(super) fn read_wordpiece(bytes: &[u8]) -> Result<WordPiece, TokenizerError> {
    let mut tokens: Vec<(String, u32)> = read(bytes, "WordPiece")?.model.vocab.into_iter().collect();
    tokens.sort_unstable_by_key(|(_, id)| *id);
    if let Some((_, (token, _))) = tokens.iter().enumerate().find(|(line, (_, id))| *line != *id as usize) {
        // Ids are line numbers from here on, so there must be no gap.
        return Err(TokenizerError::missing(&format!("before {token}")));
    }
    WordPiece::from_lines(tokens.iter().map(|(token, _)| token.as_str()))
}

/// Any tokenizer that the `tokenizers` crate can build, with its own normalisation and special tokens.
pub(super) struct HuggingFace {
    tokenizer: tokenizers::Tokenizer,
}

impl HuggingFace {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(bytes).map_err(TokenizerError::HuggingFace)?;
        // Length and padding are the model's business.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(TokenizerError::HuggingFace)?;
        Ok(Self { tokenizer })
    }

    /// The same with a step before all others that lower-cases, letter by letter.
    pub(super) fn lower_case(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let mut this = Self::new(bytes)?;
        let mut steps = vec![NormalizerWrapper::from(Lowercase)];
        steps.extend(this.tokenizer.get_normalizer().cloned());
        this.tokenizer.with_normalizer(Some(Sequence::new(steps))).map_err(TokenizerError::HuggingFace)?;
        Ok(this)
    }

    /// Tokens that are found in a text before it is normalised.
    pub(super) fn special_tokens(&self) -> Vec<String> {
        let added = self.tokenizer.get_added_tokens_decoder();
        added.into_values().filter(|token| token.special).map(|token| token.content).collect()
    }

    /// The ids of `text` with the special tokens; the last one, an end token in all known ones, survives truncation.
    pub(super) fn encode(&self, text: &str, limit: usize) -> Vec<u32> {
        // An encoding fails only where a model has no token at all for unknown words: then there is nothing to say.
        let mut ids = self.tokenizer.encode(text, true).map(|encoding| encoding.get_ids().to_vec()).unwrap_or_default();
        if ids.len() > limit
            && let Some(&last) = ids.last()
        {
            ids.truncate(limit - 1);
            ids.push(last);
        }
        ids
    }
}
