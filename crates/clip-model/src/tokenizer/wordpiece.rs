//! BERT's uncased WordPiece, identical to Hugging Face's `BertTokenizer`, but quick to load.
//!
//! A command that answers one query pays for building the vocabulary every time, so this is two hash maps over a
//! plain list of tokens and nothing else. The vocabulary is one token a line and ids are line numbers (from 0), so a
//! model may carry a smaller one than BERT's.

use hashbrown::HashMap;
use unicode_categories::UnicodeCategories;
use unicode_normalization::UnicodeNormalization;

use super::error::TokenizerError;
use crate::limits;

/// Tokens with a meaning of their own. A text that spells one of them gets it, as in the original.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// What marks a token that continues a word.
const CONTINUES: &str = "##";

/// Longer words are unknown, as in the original.
const MAX_WORD_CHARS: usize = 100;

/// The encoder.
pub(super) struct WordPiece {
    /// Tokens that begin a word, and special ones.
    first: HashMap<Box<str>, u32>,
    /// Tokens that continue a word, without their mark.
    next: HashMap<Box<str>, u32>,
    /// Bytes of the longest token: no longer piece need be looked up.
    longest: usize,
    pub(super) unknown: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl WordPiece {
    /// Reads a vocabulary, one token a line. It must have `[UNK]`, `[CLS]` and `[SEP]`.
    pub(super) fn from_lines<'a>(tokens: impl Iterator<Item = &'a str>) -> Result<Self, TokenizerError> {
        let expected = tokens.size_hint().1.unwrap_or(32_768).min(limits::VOCABULARY);
        let mut first = HashMap::with_capacity(expected);
        let mut next = HashMap::with_capacity(expected / 4);
        let mut longest = 0;
        for (token, id) in tokens.zip(0..) {
            if id as usize >= limits::VOCABULARY {
                return Err(TokenizerError::TooMany { limit: limits::VOCABULARY });
            }
            longest = longest.max(token.len());
            match token.strip_prefix(CONTINUES) {
                Some(piece) if !piece.is_empty() => next.insert(Box::from(piece), id),
                _ => first.insert(Box::from(token), id),
            };
        }
        let id = |token: &str| first.get(token).copied().ok_or_else(|| TokenizerError::missing(token));
        let (unknown, start, end) = (id("[UNK]")?, id("[CLS]")?, id("[SEP]")?);
        Ok(Self { first, next, longest, unknown, start, end })
    }

    /// Appends the tokens of `text`, without start and end, until `limit` tokens are there.
    pub(super) fn encode(&self, text: &str, limit: usize, ids: &mut Vec<u32>) {
        let mut rest = text;
        while ids.len() < limit && !rest.is_empty() {
            let special = rest.match_indices('[').find_map(|(at, _)| {
                let name = SPECIAL.into_iter().find(|name| rest[at..].starts_with(name))?;
                Some((at, name, *self.first.get(name)?))
            });
            let plain = special.map_or(rest.len(), |(at, ..)| at);
            self.encode_plain(&rest[..plain], limit, ids);
            rest = match special {
                Some((at, name, id)) => {
                    ids.push(id);
                    &rest[at + name.len()..]
                }
                None => "",
            };
        }
        ids.truncate(limit);
    }

    fn encode_plain(&self, text: &str, limit: usize, ids: &mut Vec<u32>) {
        let normalized = normalize(text);
        for chunk in normalized.split_whitespace() {
            let mut rest = chunk;
            while let Some(c) = rest.chars().next() {
                if ids.len() >= limit {
                    return;
                }
                let end =
                    if is_punctuation(c) { c.len_utf8() } else { rest.find(is_punctuation).unwrap_or(rest.len()) };
                let (word, after) = rest.split_at(end);
                self.encode_word(word, ids);
                rest = after;
            }
        }
    }

    /// Cuts a word into the longest known pieces from its start; a word that cannot be cut is unknown as a whole.
    fn encode_word(&self, word: &str, ids: &mut Vec<u32>) {
        let before = ids.len();
        if word.chars().nth(MAX_WORD_CHARS).is_some() {
            ids.push(self.unknown);
            return;
        }
        let mut start = 0;
        while start < word.len() {
            let pieces = if start == 0 { &self.first } else { &self.next };
            let furthest = word.len().min(start + self.longest);
            let found = (start + 1..=furthest)
                .rev()
                .filter(|&end| word.is_char_boundary(end))
                .find_map(|end| Some((end, *pieces.get(&word[start..end])?)));
            let Some((end, id)) = found else {
                ids.truncate(before);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            start = end;
        }
    }
}

/// BERT's normaliser: control characters dropped, CJK characters set apart, accents stripped, lower case.
fn normalize(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\r' => spaced.push(' '),
            '\0' | char::REPLACEMENT_CHARACTER => {}
            // Control characters, formats and private use; unassigned ones stay, as in the original.
            _ if c.is_other() => {}
            _ if is_chinese(c) => spaced.extend([' ', c, ' ']),
            _ => spaced.push(c),
        }
    }
    spaced.nfd().filter(|c| !c.is_mark_nonspacing()).flat_map(char::to_lowercase).collect()
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || c.is_punctuation()
}

/// The blocks of CJK ideographs that BERT lists, gap at U+2B820 included. Kana and Hangul are written with spaces or
/// cut by the vocabulary.
fn is_chinese(c: char) -> bool {
    matches!(
        c,
        '\u{4e00}'..='\u{9fff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{20000}'..='\u{2a6df}'
            | '\u{2a700}'..='\u{2b73f}'
            | '\u{2b740}'..='\u{2b81f}'
            | '\u{2b920}'..='\u{2ceaf}'
            | '\u{f900}'..='\u{faff}'
            | '\u{2f800}'..='\u{2fa1f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ndog\n##s\n##gy\n'\n!\n犬\ncafe\nd";

    fn ids(text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        WordPiece::from_lines(VOCABULARY.lines()).unwrap().encode(text, 20, &mut ids);
        ids
    }

    #[test]
    fn longest_pieces_first() {
        assert_eq!(ids("A dogs' DOGGY!"), [5, 6, 7, 9, 6, 8, 10]);
        assert_eq!(ids("dogx a"), [1, 5]);
        assert_eq!(ids("a犬a Café"), [5, 11, 5, 12]);
    }

    #[test]
    fn special_tokens_in_the_text() {
        assert_eq!(ids("a[MASK]dog [mask] [MASK"), [5, 4, 6, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn too_long_a_word_is_unknown() {
        assert_eq!(ids(&"d".repeat(101)), [1]);
        assert_eq!(ids(&format!("{} a", "!".repeat(5))), [10, 10, 10, 10, 10, 5]);
    }

    #[test]
    fn a_vocabulary_without_special_tokens_is_refused() {
        let error = WordPiece::from_lines("a\nb".lines()).err().unwrap().to_string();
        assert!(error.contains("[UNK]"), "{error}");
    }
}
