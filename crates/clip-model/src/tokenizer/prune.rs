//! Dropping the rows of a WordPiece vocabulary that a model never needs.
//!
//! Half of a small text encoder's size is its word table. BERT's vocabulary spends rows on placeholders and on
//! scripts that the training captions never show; a model for queries in Latin script does without them.

use super::wordpiece::{CONTINUES, SPECIAL};

/// A vocabulary with fewer tokens, and where they came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunedVocabulary {
    /// One token a line, in the old order; a token's new id is its line number.
    pub vocabulary: String,
    /// The old id of each new id: the rows of the embedding table to keep, ascending.
    pub rows: Vec<u32>,
}

/// Keeps the tokens for which `keep` says so, and the special ones whatever it says.
///
/// `vocabulary` has one token a line. Every kept word is cut into pieces as before as long as its pieces are kept;
/// a word that loses one is cut into smaller ones or becomes `[UNK]`.
pub fn prune_vocabulary(vocabulary: &str, keep: impl Fn(&str) -> bool) -> PrunedVocabulary {
    let mut pruned = PrunedVocabulary { vocabulary: String::new(), rows: Vec::new() };
    for (token, row) in vocabulary.lines().zip(0..) {
        if SPECIAL.contains(&token) || keep(token) {
            pruned.vocabulary.push_str(token);
            pruned.vocabulary.push('\n');
            pruned.rows.push(row);
        }
    }
    pruned
}

/// True for tokens worth keeping where queries are in Latin script: no placeholders, no letters of other scripts.
/// Digits, punctuation and symbols stay.
pub fn is_latin_token(token: &str) -> bool {
    let placeholder = token.strip_prefix("[unused").is_some_and(|rest| rest.ends_with(']'));
    let piece = token.strip_prefix(CONTINUES).unwrap_or(token);
    !placeholder && piece.chars().all(|c| !c.is_alphabetic() || is_latin(c))
}

/// The Latin blocks of Unicode, phonetic ones included, and the letter-like signs inside Latin text.
fn is_latin(c: char) -> bool {
    matches!(
        c,
        'A'..='Z'
            | 'a'..='z'
            | 'ª'
            | 'º'
            | '\u{c0}'..='\u{2ff}'
            | '\u{1d00}'..='\u{1dbf}'
            | '\u{1e00}'..='\u{1eff}'
            | '\u{2071}'
            | '\u{207f}'
            | '\u{2090}'..='\u{209c}'
            | '\u{2c60}'..='\u{2c7f}'
            | '\u{a720}'..='\u{a7ff}'
            | '\u{fb00}'..='\u{fb06}'
            | '\u{ff21}'..='\u{ff5a}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::wordpiece::WordPiece;

    const VOCABULARY: &str = "[PAD]\n[unused0]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n犬\ndog\nсоба\n##s\n##ка\n5\n!\nß\n";

    #[test]
    fn keeps_latin_digits_signs_and_special_tokens() {
        let pruned = prune_vocabulary(VOCABULARY, is_latin_token);
        assert_eq!(pruned.vocabulary, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ndog\n##s\n5\n!\nß\n");
        assert_eq!(pruned.rows, [0, 2, 3, 4, 5, 7, 9, 11, 12, 13]);
        assert_eq!(prune_vocabulary(VOCABULARY, |_| false).rows, [0, 2, 3, 4, 5]);
    }

    #[test]
    fn new_ids_lead_to_the_old_rows() {
        let pruned = prune_vocabulary(VOCABULARY, is_latin_token);
        let whole = WordPiece::from_lines(VOCABULARY.lines()).unwrap();
        let small = WordPiece::from_lines(pruned.vocabulary.lines()).unwrap();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let text = "dogs! 5 dog [MASK] ß?";
        whole.encode(text, 99, &mut before);
        small.encode(text, 99, &mut after);
        let traced: Vec<u32> = after.iter().map(|&id| pruned.rows[id as usize]).collect();
        assert_eq!(traced, before);
        assert_eq!(pruned.rows[small.unknown as usize], whole.unknown);
    }
}
