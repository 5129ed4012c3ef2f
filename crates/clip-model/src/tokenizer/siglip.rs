//! SigLIP's tokenizers: a SentencePiece vocabulary from a `tokenizer.json` behind the clean-up that belongs to it.

use unicode_normalization::char::compose;

use super::clean;
use super::error::TokenizerError;
use super::hugging_face::HuggingFace;

/// A vocabulary and what happens to a text before it.
pub(super) struct Siglip {
    vocabulary: HuggingFace,
    clean_up: CleanUp,
}

enum CleanUp {
    /// `SiglipTokenizer.canonicalize_text`, between special tokens that a text spells.
    Canonical { special_tokens: Vec<String> },
    /// open_clip's `canonicalize`.
    OpenClip,
    /// None: the vocabulary's own normaliser was made to lower-case.
    None,
}

impl Siglip {
    /// transformers' `SiglipTokenizer`.
    pub(super) fn canonical(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let vocabulary = HuggingFace::new(bytes)?;
        let mut special_tokens = vocabulary.special_tokens();
        // Where one begins with another, the longer counts.
        special_tokens.sort_by_key(|token| std::cmp::Reverse(token.len()));
        Ok(Self { vocabulary, clean_up: CleanUp::Canonical { special_tokens } })
    }

    /// transformers' `Siglip2Tokenizer`.
    pub(super) fn lower_case(bytes: &[u8]) -> Result<Self, TokenizerError> {
        Ok(Self { vocabulary: HuggingFace::lower_case(bytes)?, clean_up: CleanUp::None })
    }

    /// open_clip's `HFTokenizer` with `clean="canonicalize"`.
    pub(super) fn open_clip(bytes: &[u8]) -> Result<Self, TokenizerError> {
        Ok(Self { vocabulary: HuggingFace::new(bytes)?, clean_up: CleanUp::OpenClip })
    }

    /// The ids of `text` with the end token, which survives truncation; not filled up.
    pub(super) fn encode(&self, text: &str, limit: usize) -> Result<Vec<u32>, TokenizerError> {
        match &self.clean_up {
            CleanUp::Canonical { special_tokens } => {
                self.vocabulary.encode(&canonical_between(text, special_tokens), limit)
            }
            CleanUp::OpenClip => self.vocabulary.encode(&clean::canonicalize(text), limit),
            CleanUp::None => self.vocabulary.encode(text, limit),
        }
    }
}

/// Canonicalises what lies between special tokens.
fn canonical_between(text: &str, special_tokens: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut start, mut at) = (0, 0);
    while at < text.len() {
        let special = special_tokens.iter().find(|token| !token.is_empty() && text[at..].starts_with(token.as_str()));
        match special {
            Some(token) => {
                out.push_str(&canonical(&text[start..at]));
                out.push_str(token);
                at += token.len();
                start = at;
            }
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    out.push_str(&canonical(&text[start..]));
    out
}

/// Lower case, no ASCII punctuation, single spaces.
fn canonical(text: &str) -> String {
    let kept = text.to_lowercase();
    clean::single_spaces(&composed(kept.chars().filter(|c| !c.is_ascii_punctuation())))
}

/// Joins letters with the accents behind them, as SentencePiece's rules do from left to right. The `tokenizers` crate
/// follows these rules only where a letter has few accents, so it is done before.
fn composed(chars: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    let mut last: Option<char> = None;
    for c in chars {
        match last.and_then(|last| compose(last, c)) {
            Some(joined) => last = Some(joined),
            None => {
                out.extend(last.replace(c));
            }
        }
    }
    out.extend(last);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_is_that_of_transformers() {
        for (text, expected) in [
            ("  A  Dog,\truns_fast!\n", "a dog runsfast"),
            ("it's 5 o'clock (really)", "its 5 oclock really"),
            ("ΌΣΟΣ CAFÉ — «ok»", "όσος café — «ok»"),
            ("!?", ""),
            ("a\u{1c}b\u{a0}c", "a b c"),
            ("a\u{300}\u{301}\u{302} e\u{301}\u{323}", "à\u{301}\u{302} é\u{323}"),
        ] {
            assert_eq!(canonical(text), expected, "{text:?}");
        }
    }

    #[test]
    fn special_tokens_are_left_alone() {
        let special = ["</s>".to_owned(), "<pad>".to_owned()];
        assert_eq!(canonical_between("A dog </s> É<pad>x", &special), "a dog</s>é<pad>x");
        assert_eq!(canonical_between("", &special), "");
    }
}
