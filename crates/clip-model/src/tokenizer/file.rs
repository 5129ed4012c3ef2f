//! What a `tokenizer.json` says, with bounds on everything that it can have many of.
//!
//! The file is read here and nowhere else: the `tokenizers` crate would read it too, and trust it. It takes parts without a
//! `type` for whatever they look like, slices tokens at places that the file chooses, and has no limits.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use hashbrown::HashMap;
use serde::Deserialize;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::clip_bpe::ClipBpe;
use super::error::TokenizerError;
use super::wordpiece::WordPiece;
use crate::limits;

/// Bytes of a token. The longest published ones are 128 spaces, written with two bytes each.
const MAX_TOKEN_BYTES: usize = 512;

/// Tokens that are looked for in a text before anything else is done to it; published files have a few hundred.
const MAX_ADDED_TOKENS: usize = 16_384;

/// Values of what happens to a text before or after the vocabulary; published files have less than a hundred.
const MAX_VALUES: usize = 4096;

/// A file that is used as a tokenizer.
#[derive(Deserialize)]
pub(super) struct PipelineJson<'a> {
    #[serde(borrow)]
    pub(super) model: ModelJson<'a>,
    #[serde(default)]
    pub(super) added_tokens: AtMost<AddedTokenJson, MAX_ADDED_TOKENS>,
    #[serde(default)]
    pub(super) normalizer: Small,
    #[serde(default)]
    pub(super) pre_tokenizer: Small,
    #[serde(default)]
    pub(super) post_processor: Small,
}

/// A file that a vocabulary is taken from.
#[derive(Deserialize)]
struct VocabularyJson<'a> {
    #[serde(borrow)]
    model: ModelJson<'a>,
    #[serde(default)]
    added_tokens: AtMost<AddedTokenJson, MAX_ADDED_TOKENS>,
}

#[derive(Deserialize)]
pub(super) struct ModelJson<'a> {
    #[serde(rename = "type", default)]
    pub(super) kind: Option<String>,
    #[serde(borrow)]
    pub(super) vocab: VocabJson<'a>,
    #[serde(borrow, default)]
    pub(super) merges: AtMost<MergeJson<'a>, { limits::VOCABULARY }>,
    #[serde(default)]
    pub(super) unk_token: Option<String>,
    #[serde(default)]
    pub(super) unk_id: Option<usize>,
    #[serde(default)]
    pub(super) dropout: Option<f32>,
    #[serde(default)]
    pub(super) continuing_subword_prefix: Option<String>,
    #[serde(default)]
    pub(super) end_of_word_suffix: Option<String>,
    #[serde(default)]
    pub(super) fuse_unk: Option<bool>,
    #[serde(default)]
    pub(super) byte_fallback: Option<bool>,
    #[serde(default)]
    pub(super) ignore_merges: Option<bool>,
    #[serde(default)]
    pub(super) max_input_chars_per_word: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct AddedTokenJson {
    pub(super) id: u32,
    #[serde(deserialize_with = "token")]
    pub(super) content: String,
    #[serde(default)]
    pub(super) single_word: bool,
    #[serde(default)]
    pub(super) lstrip: bool,
    #[serde(default)]
    pub(super) rstrip: bool,
    #[serde(default)]
    pub(super) normalized: bool,
    #[serde(default)]
    pub(super) special: bool,
}

fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = Text::deserialize(deserializer)?;
    text.bounded().map_err(de::Error::custom)?;
    Ok(text.0.into_owned())
}

/// A list that is refused where it is longer than `N`, before the rest of it is read.
pub(super) struct AtMost<T, const N: usize>(pub(super) Vec<T>);

impl<T, const N: usize> Default for AtMost<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for AtMost<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<T, const N: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Visit<T, N> {
            type Value = AtMost<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {N}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    if items.len() == N {
                        return Err(de::Error::custom(format_args!("it has a list of more than {N} entries")));
                    }
                    items.push(item);
                }
                Ok(AtMost(items))
            }
        }
        deserializer.deserialize_seq(Visit(PhantomData))
    }
}

/// JSON of few values, or `null`. As a [`Value`], each takes many times its space in the file.
#[derive(Default)]
pub(super) struct Small(Value);

impl Small {
    /// What this describes, if it is there.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<Option<T>, serde_json::Error> {
        serde_json::from_value(self.0)
    }
}

impl<'de> Deserialize<'de> for Small {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let left = Cell::new(MAX_VALUES);
        Counted { left: &left }.deserialize(deserializer).map(Self)
    }
}

/// Reads a value that has at most so many inside.
#[derive(Clone, Copy)]
struct Counted<'c> {
    left: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| de::Error::custom("it has far more steps than any published tokenizer"))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counted<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = serde_json::Map::new();
        while let Some(key) = map.next_key()? {
            values.insert(key, map.next_value_seed(self)?);
        }
        Ok(values.into())
    }
}

/// Tokens with their ids, or, for Unigram, in the order of their ids with their scores.
pub(super) enum VocabJson<'a> {
    Ids(HashMap<Text<'a>, u32>),
    Scores(Vec<(Text<'a>, f64)>),
}

impl<'de: 'a, 'a> Deserialize<'de> for VocabJson<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        fn counted<E: de::Error>(tokens: usize, token: &Text<'_>) -> Result<(), E> {
            if tokens == limits::VOCABULARY {
                return Err(E::custom(format_args!("it has more than {} tokens", limits::VOCABULARY)));
            }
            token.bounded().map_err(E::custom)
        }
        impl<'de> Visitor<'de> for Visit {
            type Value = VocabJson<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a vocabulary, as {\"token\": id} or [[\"token\", score]]")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<VocabJson<'de>, A::Error> {
                let mut ids = HashMap::new();
                while let Some((token, id)) = map.next_entry()? {
                    counted(ids.len(), &token)?;
                    ids.insert(token, id);
                }
                Ok(VocabJson::Ids(ids))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<VocabJson<'de>, A::Error> {
                let mut scores: Vec<(Text<'de>, f64)> = Vec::new();
                while let Some((token, score)) = list.next_element()? {
                    counted(scores.len(), &token)?;
                    scores.push((token, score));
                }
                Ok(VocabJson::Scores(scores))
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

impl<'a> VocabJson<'a> {
    /// The tokens of all models but Unigram.
    pub(super) fn ids(self) -> Result<HashMap<Text<'a>, u32>, TokenizerError> {
        match self {
            Self::Ids(ids) => Ok(ids),
            Self::Scores(_) => {
                Err(TokenizerError::Refused("its vocabulary is a list, expected tokens with ids".into()))
            }
        }
    }
}

/// A string of the file, in place if it is written without escapes. There are 100,000 of them.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl Text<'_> {
    fn bounded(&self) -> Result<(), String> {
        match self.0.len() {
            0..=MAX_TOKEN_BYTES => Ok(()),
            bytes => Err(format!("it has a token of {bytes} bytes, expected at most {MAX_TOKEN_BYTES}")),
        }
    }
}

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
pub(super) enum MergeJson<'a> {
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

/// The two tokens of each merge, in their order.
pub(super) fn pairs<'a>(merges: &'a [MergeJson<'a>]) -> Result<Vec<(&'a str, &'a str)>, TokenizerError> {
    let pairs = merges.iter().enumerate().map(|(number, merge)| match merge {
        MergeJson::Pair(left, right) => Ok((&*left.0, &*right.0)),
        MergeJson::Line(line) => {
            line.0.split_once(' ').ok_or_else(|| TokenizerError::Merge { line: number + 1, found: line.0.to_string() })
        }
    });
    pairs.collect()
}

fn read<'a>(bytes: &'a [u8], expected: &'static str) -> Result<VocabularyJson<'a>, TokenizerError> {
    let json: VocabularyJson<'_> = serde_json::from_slice(bytes)?;
    match &json.model.kind {
        Some(kind) if kind != expected => Err(TokenizerError::ModelType { found: kind.clone(), expected }),
        _ => Ok(json),
    }
}

/// Takes CLIP's ids and merges out of a `tokenizer.json`. The text clean-up is that of the original, which includes
/// HTML references; Hugging Face's own pipeline leaves them out, against how the weights were trained.
pub(super) fn read_clip_bpe(bytes: &[u8]) -> Result<ClipBpe, TokenizerError> {
    let VocabularyJson { model, added_tokens } = read(bytes, "BPE")?;
    let mut vocabulary = model.vocab.ids()?;
    let added: Vec<u32> = added_tokens.0.iter().map(|token| token.id).collect();
    vocabulary.extend(added_tokens.0.into_iter().map(|token| (Text(Cow::Owned(token.content)), token.id)));
    let pairs = pairs(&model.merges.0)?;
    let id_of = |token: &str| vocabulary.get(token).copied();
    let bpe = ClipBpe::from_vocabulary(id_of, pairs.into_iter(), ("<|startoftext|>", "<|endoftext|>"))?;
    // Texts are taken apart into other tokens where merges are missing.
    let most = vocabulary.values().max().map_or(0, |&id| id as usize);
    if most >= limits::VOCABULARY {
        return Err(TokenizerError::Id { id: most as u32, tower: limits::VOCABULARY });
    }
    let mut is_made = vec![false; most + 1];
    // An added token that is listed twice may have an id that is in no vocabulary.
    for id in bpe.ids().chain(added).filter(|&id| id as usize <= most) {
        is_made[id as usize] = true;
    }
    match vocabulary.iter().filter(|(_, id)| !is_made[**id as usize]).min_by_key(|(_, id)| **id) {
        Some((token, _)) => Err(TokenizerError::Unmade { token: token.0.to_string() }),
        None => Ok(bpe),
    }
}

/// Takes a WordPiece vocabulary out of a `tokenizer.json`.
pub(super) fn read_wordpiece(bytes: &[u8]) -> Result<WordPiece, TokenizerError> {
    let mut tokens: Vec<(Text<'_>, u32)> = read(bytes, "WordPiece")?.model.vocab.ids()?.into_iter().collect();
    tokens.sort_unstable_by_key(|(_, id)| *id);
    if let Some((_, (token, _))) = tokens.iter().enumerate().find(|(line, (_, id))| *line != *id as usize) {
        // Ids are line numbers from here on, so there must be no gap.
        return Err(TokenizerError::missing(&format!("before {}", token.0)));
    }
    WordPiece::from_lines(tokens.iter().map(|(token, _)| &*token.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_tokens_have_bounds() {
        assert_eq!(serde_json::from_str::<AtMost<u8, 2>>("[1, 2]").unwrap().0, [1, 2]);
        let error = serde_json::from_str::<AtMost<u8, 2>>("[1, 2, 3]").err().unwrap().to_string();
        assert!(error.contains("more than 2"), "{error}");
        let long = "a".repeat(MAX_TOKEN_BYTES + 1);
        for json in [
            format!(r#"{{"model": {{"vocab": {{"{long}": 0}}}}}}"#),
            format!(r#"{{"model": {{"vocab": [["{long}", 0.0]]}}}}"#),
            format!(r#"{{"model": {{"vocab": {{}}}}, "added_tokens": [{{"id": 0, "content": "{long}"}}]}}"#),
        ] {
            let error = serde_json::from_str::<VocabularyJson<'_>>(&json).err().unwrap().to_string();
            assert!(error.contains("513 bytes"), "{error}");
        }
        let small = |count: usize| serde_json::from_value::<Small>(vec![0; count].into());
        assert_eq!(small(MAX_VALUES - 1).unwrap().read::<Vec<u32>>().unwrap().unwrap().len(), MAX_VALUES - 1);
        assert!(small(MAX_VALUES).is_err());
        assert_eq!(serde_json::from_str::<Small>("null").unwrap().read::<u32>().unwrap(), None);
    }

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

    /// CLIP's kind of file with the given tokens behind the bytes.
    fn clip(tokens: &[&str], merges: &[&str]) -> Vec<u8> {
        let bytes = ClipBpe::byte_tokens();
        let all = bytes.iter().map(String::as_str).chain(tokens.iter().copied());
        let vocab: serde_json::Map<String, Value> =
            all.zip(0..).map(|(token, id)| (token.to_owned(), Value::from(id))).collect();
        let model = serde_json::json!({ "type": "BPE", "vocab": vocab, "merges": merges });
        serde_json::to_vec(&serde_json::json!({ "model": model })).unwrap()
    }

    #[test]
    fn every_token_of_clip_is_made_by_a_merge() {
        let tokens = ["ab", "abc</w>", "<|startoftext|>", "<|endoftext|>"];
        let bpe = read_clip_bpe(&clip(&tokens, &["a b", "ab c</w>"])).unwrap();
        assert!(bpe.fits(516).is_ok() && bpe.fits(517).is_ok());
        assert!(bpe.fits(515).unwrap_err().to_string().contains("515"));
        for (merges, token) in [(&["a b"][..], "`abc</w>`"), (&[], "no merge that makes the token `ab")] {
            let error = read_clip_bpe(&clip(&tokens, merges)).err().unwrap().to_string();
            assert!(error.contains(token), "{error}");
        }
        let json = String::from_utf8(clip(&tokens, &["a b", "ab c</w>"])).unwrap();
        let far = json.replace("\"ab\":512", "\"ab\":2147483648");
        assert_ne!(far, json);
        let error = read_clip_bpe(far.as_bytes()).err().unwrap().to_string();
        assert!(error.contains("2147483648"), "{error}");
    }
}
