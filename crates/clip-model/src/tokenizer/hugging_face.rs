//! A Hugging Face `tokenizer.json` as a tokenizer in its own right, by way of the `tokenizers` crate.
//!
//! The crate computes; it does not read. What goes into it was checked by [`file`](super::file) and
//! [`steps`](super::steps), and should it panic all the same, that is an error of the file's.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::models::bpe::{self, BPE};
use tokenizers::models::unigram::Unigram;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::{AddedToken, DecoderWrapper, ModelWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerImpl};

use super::error::TokenizerError;
use super::file::{self, ModelJson, PipelineJson, Text, VocabJson};
use super::steps::{self, Frame, Normalizers};

/// Bytes of a token of Unigram's, whose time per letter grows with its square. SentencePiece makes none of more than 16
/// letters by itself.
const MAX_UNIGRAM_TOKEN_BYTES: usize = 256;

/// Nodes of Unigram's trie, of some 350 bytes each. The largest published vocabularies, of 250,000 tokens, have less than a
/// million.
const MAX_TRIE_NODES: usize = 2_000_000;

/// Letters of a word for WordPiece, which takes time by their cube.
const MAX_WORD_CHARS: usize = 200;

/// Bytes of what marks the tokens inside or at the end of a word.
const MAX_AFFIX_BYTES: usize = 16;

type Pipeline = TokenizerImpl<ModelWrapper, Normalizers, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// A vocabulary, what happens to a text before it, and the ids around it.
pub(super) struct HuggingFace {
    pipeline: Pipeline,
    frame: Frame,
    special_tokens: Vec<String>,
}

impl HuggingFace {
    pub(super) fn new(bytes: &[u8]) -> Result<Self, TokenizerError> {
        Self::build(bytes, false)
    }

    /// The same with a step before all others that lower-cases, letter by letter.
    pub(super) fn lower_case(bytes: &[u8]) -> Result<Self, TokenizerError> {
        Self::build(bytes, true)
    }

    fn build(bytes: &[u8], lower_case: bool) -> Result<Self, TokenizerError> {
        let json: PipelineJson<'_> = serde_json::from_slice(bytes)?;
        let mut normalizers = json.normalizer.read()?.map(Normalizers::new).transpose()?;
        if lower_case {
            normalizers = Some(Normalizers::after_lower_case(normalizers));
        }
        let pre_tokenizer = json.pre_tokenizer.read()?.map(steps::pre_tokenizer).transpose()?;
        let frame = json.post_processor.read()?.map(Frame::new).transpose()?.unwrap_or_default();
        let added = json.added_tokens.0;
        let special_tokens = added.iter().filter(|token| token.special).map(|token| token.content.clone()).collect();
        let added = added.into_iter().map(|token| AddedToken {
            content: token.content,
            single_word: token.single_word,
            lstrip: token.lstrip,
            rstrip: token.rstrip,
            normalized: token.normalized,
            special: token.special,
        });
        let model = model(json.model)?;
        let pipeline = caught(|| {
            let mut pipeline = Pipeline::new(model);
            pipeline.with_normalizer(normalizers)?;
            pipeline.with_pre_tokenizer(pre_tokenizer);
            pipeline.add_tokens(added)?;
            Ok(pipeline)
        })?;
        Ok(Self { pipeline, frame, special_tokens })
    }

    /// Tokens that are found in a text before it is normalised.
    pub(super) fn special_tokens(&self) -> Vec<String> {
        self.special_tokens.clone()
    }

    /// The ids of `text` with the special tokens; the last one, an end token in all known ones, survives truncation.
    ///
    /// # Errors
    /// If the vocabulary has no token for a part of the text, not even one for what is unknown.
    pub(super) fn encode(&self, text: &str, limit: usize) -> Result<Vec<u32>, TokenizerError> {
        let encoding = caught(|| self.pipeline.encode_fast(text, false))?;
        let Frame { before, after } = &self.frame;
        let mut ids = [before, encoding.get_ids(), after].concat();
        if ids.len() > limit
            && let Some(&last) = ids.last()
        {
            ids.truncate(limit - 1);
            ids.push(last);
        }
        Ok(ids)
    }
}

/// Does work of the crate's. Its panics are errors: they come of a file that was checked for too little.
fn caught<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, TokenizerError> {
    // A tokenizer that panicked has changed nothing but its cache of words, which stays usable.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(TokenizerError::HuggingFace),
        Err(_) => Err(TokenizerError::Panicked),
    }
}

fn refused(reason: String) -> TokenizerError {
    TokenizerError::Refused(reason)
}

fn affix(what: &str, text: Option<String>) -> Result<Option<String>, TokenizerError> {
    match text.as_ref().map_or(0, String::len) {
        0 => Ok(None),
        1..=MAX_AFFIX_BYTES => Ok(text),
        bytes => Err(refused(format!("its {what} has {bytes} bytes, expected at most {MAX_AFFIX_BYTES}"))),
    }
}

fn model(json: ModelJson<'_>) -> Result<ModelWrapper, TokenizerError> {
    match json.kind.as_deref() {
        Some("BPE") => bpe(json),
        Some("Unigram") => unigram(json),
        Some("WordPiece") => word_piece(json),
        Some("WordLevel") => word_level(json),
        found => Err(TokenizerError::ModelType {
            found: found.unwrap_or("that it does not name").to_owned(),
            expected: "BPE, Unigram, WordPiece or WordLevel",
        }),
    }
}

/// As the crate wants it.
fn vocabulary(vocab: VocabJson<'_>) -> Result<bpe::Vocab, TokenizerError> {
    let ids = vocab.ids()?;
    if ids.is_empty() {
        return Err(refused("it has no tokens".into()));
    }
    Ok(ids.into_iter().map(|(token, id)| (token.0.into_owned(), id)).collect())
}

fn bpe(json: ModelJson<'_>) -> Result<ModelWrapper, TokenizerError> {
    if json.dropout.is_some_and(|dropout| dropout != 0.0) {
        return Err(refused("it has a dropout, which leaves out merges at random".into()));
    }
    // The crate slices tokens at the prefix's length, wherever that is.
    if json.continuing_subword_prefix.is_some_and(|prefix| !prefix.is_empty()) {
        return Err(refused("it has a `continuing_subword_prefix`, which no known BPE model uses".into()));
    }
    let suffix = affix("suffix of words", json.end_of_word_suffix)?;
    let vocab = vocabulary(json.vocab)?;
    let pairs = file::pairs(&json.merges.0)?;
    if !json.ignore_merges.unwrap_or(false) {
        enough_merges(&vocab, pairs.len(), suffix.as_deref().unwrap_or_default())?;
    }
    let mut merged = String::new();
    for (left, right) in &pairs {
        merged.clear();
        merged.push_str(left);
        merged.push_str(right);
        for token in [*left, *right, &merged] {
            if !vocab.contains_key(token) {
                return Err(TokenizerError::missing(token));
            }
        }
    }
    let merges = pairs.into_iter().map(|(left, right)| (left.to_owned(), right.to_owned())).collect();
    let mut builder = BPE::builder()
        .vocab_and_merges(vocab, merges)
        // It would be one for each thread, and stay when the tokenizer goes.
        .cache_capacity(0)
        .fuse_unk(json.fuse_unk.unwrap_or(false))
        .byte_fallback(json.byte_fallback.unwrap_or(false))
        .ignore_merges(json.ignore_merges.unwrap_or(false));
    if let Some(unknown) = json.unk_token {
        builder = builder.unk_token(unknown);
    }
    if let Some(suffix) = suffix {
        builder = builder.end_of_word_suffix(suffix);
    }
    Ok(caught(|| builder.build())?.into())
}

/// Says that merges are missing, which would take all texts apart into other tokens. A merge makes one token; those that
/// none makes are few: ones that are looked for in texts, and bytes.
fn enough_merges(vocab: &bpe::Vocab, merges: usize, suffix: &str) -> Result<(), TokenizerError> {
    let is_long = |token: &str| {
        let token = token.strip_suffix(suffix).unwrap_or(token);
        token.chars().nth(1).is_some() && !token.starts_with('<')
    };
    let long = vocab.keys().filter(|token| is_long(token)).count();
    if merges < long.div_ceil(2) {
        return Err(refused(format!(
            "it has {merges} merges for {long} tokens of several letters; they are cut off or belong to a different vocabulary"
        )));
    }
    Ok(())
}

fn unigram(json: ModelJson<'_>) -> Result<ModelWrapper, TokenizerError> {
    let VocabJson::Scores(scores) = json.vocab else {
        return Err(refused("its vocabulary has ids, expected tokens with scores".into()));
    };
    if scores.is_empty() {
        return Err(refused("it has no tokens".into()));
    }
    if let Some((token, _)) = scores.iter().find(|(token, _)| token.0.len() > MAX_UNIGRAM_TOKEN_BYTES) {
        return Err(refused(format!(
            "it has a token of {} bytes, expected at most {MAX_UNIGRAM_TOKEN_BYTES}",
            token.0.len()
        )));
    }
    let nodes = trie_nodes(&scores);
    if nodes > MAX_TRIE_NODES {
        return Err(refused(format!("its tokens make a tree of {nodes} nodes, expected at most {MAX_TRIE_NODES}")));
    }
    let scores = scores.into_iter().map(|(token, score)| (token.0.into_owned(), score)).collect();
    let byte_fallback = json.byte_fallback.unwrap_or(false);
    Ok(caught(|| Unigram::from(scores, json.unk_id, byte_fallback))?.into())
}

/// Nodes of a trie of these tokens, at least where they may be too many.
fn trie_nodes(tokens: &[(Text<'_>, f64)]) -> usize {
    let all: usize = tokens.iter().map(|(token, _)| token.0.len()).sum();
    if all <= MAX_TRIE_NODES {
        return all;
    }
    let mut sorted: Vec<&[u8]> = tokens.iter().map(|(token, _)| token.0.as_bytes()).collect();
    sorted.sort_unstable();
    let shared = |pair: &[&[u8]]| pair[0].iter().zip(pair[1]).take_while(|(a, b)| a == b).count();
    all - sorted.windows(2).map(shared).sum::<usize>()
}

fn word_piece(json: ModelJson<'_>) -> Result<ModelWrapper, TokenizerError> {
    let most = json.max_input_chars_per_word.unwrap_or(100);
    if most > MAX_WORD_CHARS {
        return Err(refused(format!("it takes words of {most} letters, expected at most {MAX_WORD_CHARS}")));
    }
    let prefix = json.continuing_subword_prefix.unwrap_or_else(|| "##".to_owned());
    let prefix = affix("prefix inside words", Some(prefix))?.unwrap_or_default();
    let builder = WordPiece::builder()
        .vocab(vocabulary(json.vocab)?)
        .unk_token(json.unk_token.unwrap_or_else(|| "[UNK]".to_owned()))
        .continuing_subword_prefix(prefix)
        .max_input_chars_per_word(most);
    Ok(caught(|| builder.build())?.into())
}

fn word_level(json: ModelJson<'_>) -> Result<ModelWrapper, TokenizerError> {
    let builder = WordLevel::builder()
        .vocab(vocabulary(json.vocab)?)
        .unk_token(json.unk_token.unwrap_or_else(|| "<unk>".to_owned()));
    Ok(caught(|| builder.build())?.into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn build(model: Value) -> Result<HuggingFace, TokenizerError> {
        HuggingFace::new(&serde_json::to_vec(&json!({ "model": model })).unwrap())
    }

    fn refuse(model: Value, word: &str) {
        let error = build(model.clone()).err().unwrap().to_string();
        assert!(error.contains(word), "{model}: {error}");
    }

    #[test]
    fn models_that_lead_the_crate_astray_are_refused() {
        let bpe = |extra: Value| {
            let mut model = json!({ "type": "BPE", "vocab": { "a": 0, "b": 1, "ab": 2, "é": 3 }, "merges": ["a b"] });
            extra.as_object().unwrap().iter().for_each(|(key, value)| model[key] = value.clone());
            model
        };
        assert_eq!(build(bpe(json!({}))).unwrap().encode("abab", 9).unwrap(), [2, 2]);
        assert!(build(bpe(json!({ "continuing_subword_prefix": "", "end_of_word_suffix": null }))).is_ok());
        // Longer than a token, and as long as half a letter.
        refuse(bpe(json!({ "continuing_subword_prefix": "prefix" })), "prefix");
        refuse(bpe(json!({ "continuing_subword_prefix": "#", "merges": [["a", "é"]] })), "prefix");
        refuse(bpe(json!({ "merges": [["ab", "ab"]] })), "`abab`");
        refuse(bpe(json!({ "merges": ["a"] })), "line 1");
        refuse(bpe(json!({ "dropout": 0.5 })), "random");
        refuse(
            bpe(json!({ "merges": [], "vocab": { "a": 0, "b": 1, "ab": 2, "ba": 3, "<0x00>": 4 } })),
            "0 merges for 2",
        );
        assert!(build(bpe(json!({ "merges": [], "ignore_merges": true, "vocab": { "ab": 2, "ba": 3 } }))).is_ok());
        refuse(bpe(json!({ "end_of_word_suffix": "-".repeat(17) })), "17 bytes");
        refuse(bpe(json!({ "vocab": {} })), "no tokens");
        refuse(bpe(json!({ "vocab": [["a", 0.0]] })), "list");
        refuse(json!({ "vocab": { "a": 0 } }), "does not name");
        refuse(json!({ "type": "Magic", "vocab": { "a": 0 } }), "Magic");
        let unigram = |vocab: Value, unknown: Value| json!({ "type": "Unigram", "vocab": vocab, "unk_id": unknown });
        refuse(unigram(json!([["a", 0.0]]), json!(7)), "unk_id");
        refuse(unigram(json!([]), json!(null)), "no tokens");
        refuse(unigram(json!([["a".repeat(257), 0.0]]), json!(0)), "257 bytes");
        refuse(unigram(json!({ "a": 0 }), json!(0)), "scores");
        refuse(json!({ "type": "WordPiece", "vocab": { "a": 0 }, "max_input_chars_per_word": 100_000 }), "100000");
    }

    #[test]
    fn a_word_that_has_no_token_is_an_error() {
        let level = build(json!({ "type": "WordLevel", "vocab": { "a": 0 } })).unwrap();
        assert_eq!(level.encode("a", 9).unwrap(), [0]);
        assert!(level.encode("b", 9).is_err());
        let unigram = build(json!({ "type": "Unigram", "vocab": [["a", 0.0]] })).unwrap();
        assert!(unigram.encode("ab", 9).is_err());
    }

    #[test]
    fn tries_are_counted_by_their_nodes() {
        let tokens = |tokens: &[&str]| -> Vec<(Text<'static>, f64)> {
            tokens.iter().map(|token| (Text(token.to_string().into()), 0.0)).collect()
        };
        assert_eq!(trie_nodes(&tokens(&["ab", "ac"])), 4, "few are not worth counting");
        let long: Vec<String> = (0..10_000).map(|number| format!("{}{number}", "a".repeat(240))).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        let nodes = trie_nodes(&tokens(&long));
        assert_eq!(nodes, 240 + 10_000, "one for the letters in common, and one for each number");
    }

    #[test]
    fn panics_are_errors() {
        let error = caught::<()>(|| panic!("inside")).unwrap_err();
        assert!(matches!(error, TokenizerError::Panicked));
    }
}
