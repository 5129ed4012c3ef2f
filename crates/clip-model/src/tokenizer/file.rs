//! Hugging Face's `tokenizer.json`: as a container of vocabularies, and as a tokenizer in its own right.

use std::borrow::Cow;
use std::fmt;

use hashbrown::HashMap;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use tokenizers::normalizers::{Lowercase, NormalizerWrapper, Sequence};

use super::charsmap;
use super::clip_bpe::ClipBpe;
use super::error::TokenizerError;
use super::wordpiece::WordPiece;

#[derive(Deserialize)]
struct TokenizerJson<'a> {
    #[serde(borrow)]
    model: ModelJson<'a>,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
}

#[derive(Deserialize)]
struct ModelJson<'a> {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(borrow)]
    vocab: HashMap<Text<'a>, u32>,
    #[serde(borrow, default)]
    merges: Vec<MergeJson<'a>>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

/// A string of the file, in place if it is written without escapes. There are 100,000 of them.
#[derive(PartialEq, Eq, Hash)]
struct Text<'a>(Cow<'a, str>);

impl std::borrow::Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Visit)
    }
}

/// `"a b"` in older files, `["a", "b"]` in newer ones.
enum MergeJson<'a> {
    Line(Text<'a>),
    Pair(Text<'a>, Text<'a>),
}

impl<'de: 'a, 'a> Deserialize<'de> for MergeJson<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = MergeJson<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a merge, as \"a b\" or [\"a\", \"b\"]")
            }

            fn visit_borrowed_str<E: de::Error>(self, line: &'de str) -> Result<MergeJson<'de>, E> {
                Ok(MergeJson::Line(Text(Cow::Borrowed(line))))
            }

            fn visit_str<E: de::Error>(self, line: &str) -> Result<MergeJson<'de>, E> {
                Ok(MergeJson::Line(Text(Cow::Owned(line.to_owned()))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, pair: A) -> Result<MergeJson<'de>, A::Error> {
                let (left, right) = Deserialize::deserialize(de::value::SeqAccessDeserializer::new(pair))?;
                Ok(MergeJson::Pair(left, right))
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

fn read<'a>(bytes: &'a [u8], expected: &'static str) -> Result<TokenizerJson<'a>, TokenizerError> {
    let json: TokenizerJson<'_> = serde_json::from_slice(bytes)?;
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
    vocabulary.extend(added_tokens.into_iter().map(|token| (Text(Cow::Owned(token.content)), token.id)));
    let pairs = model.merges.iter().enumerate().map(|(number, merge)| match merge {
        MergeJson::Pair(left, right) => Ok((&*left.0, &*right.0)),
        MergeJson::Line(line) => {
            line.0.split_once(' ').ok_or_else(|| TokenizerError::Merge { line: number + 1, found: line.0.to_string() })
        }
    });
    let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
    let id_of = |token: &str| vocabulary.get(token).copied();
    ClipBpe::from_vocabulary(id_of, pairs.into_iter(), ("<|startoftext|>", "<|endoftext|>"))
}

/// Takes a WordPiece vocabulary out of a `tokenizer.json`.
pub(super) fn read_wordpiece(bytes: &[u8]) -> Result<WordPiece, TokenizerError> {
    let mut tokens: Vec<(Text<'_>, u32)> = read(bytes, "WordPiece")?.model.vocab.into_iter().collect();
    tokens.sort_unstable_by_key(|(_, id)| *id);
    if let Some((_, (token, _))) = tokens.iter().enumerate().find(|(line, (_, id))| *line != *id as usize) {
        // Ids are line numbers from here on, so there must be no gap.
        return Err(TokenizerError::missing(&format!("before {}", token.0)));
    }
    WordPiece::from_lines(tokens.iter().map(|(token, _)| &*token.0))
}

/// Refuses what the `tokenizers` crate panics on, or looks into without asking whether it holds together.
fn vet(bytes: &[u8]) -> Result<(), TokenizerError> {
    #[derive(Deserialize)]
    struct Steps {
        #[serde(default)]
        normalizer: Value,
        // To be read at all is enough.
        #[serde(default, rename = "decoder")]
        _decoder: Value,
    }
    let Steps { normalizer, .. } = serde_json::from_slice(bytes)?;
    let mut steps = vec![&normalizer];
    while let Some(step) = steps.pop() {
        match step {
            Value::Array(parts) => steps.extend(parts),
            Value::Object(parts) => {
                if parts.get("type").and_then(Value::as_str) == Some("Precompiled")
                    || parts.contains_key("precompiled_charsmap")
                {
                    let map = parts.get("precompiled_charsmap").and_then(Value::as_str);
                    let map = map.ok_or_else(|| TokenizerError::Refused("its character map is missing".into()))?;
                    charsmap::check(map).map_err(TokenizerError::Refused)?;
                }
                steps.extend(parts.values());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Any tokenizer that the `tokenizers` crate can build, with its own normalisation and special tokens.
pub(super) struct HuggingFace {
    tokenizer: tokenizers::Tokenizer,
}

impl HuggingFace {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, TokenizerError> {
        vet(bytes)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_are_read_in_both_forms() {
        let merges: Vec<MergeJson<'_>> =
            serde_json::from_str(r#"["a b", "\u0120 b", ["a", "b"], ["\"", "c"]]"#).unwrap();
        let shown: Vec<String> = merges
            .iter()
            .map(|merge| match merge {
                MergeJson::Line(line) => line.0.to_string(),
                MergeJson::Pair(left, right) => format!("{}+{}", left.0, right.0),
            })
            .collect();
        assert_eq!(shown, ["a b", "Ġ b", "a+b", "\"+c"]);
        // Only what is escaped is copied.
        let borrowed = |merge: &MergeJson<'_>| matches!(merge, MergeJson::Line(Text(Cow::Borrowed(_))));
        assert!(borrowed(&merges[0]) && !borrowed(&merges[1]));
        for wrong in ["[1]", r#"[["a"]]"#, r#"[["a", "b", "c"]]"#, r#"[{"a": "b"}]"#] {
            assert!(serde_json::from_str::<Vec<MergeJson<'_>>>(wrong).is_err(), "{wrong}");
        }
    }
}
