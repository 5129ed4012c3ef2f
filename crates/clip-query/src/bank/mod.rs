//! Texts that hubness is measured with, and how much it counts against a photo.
//!
//! "Nearest Neighbor Normalization" (Chowdhury et al. 2024, arXiv 2410.24114) takes from a photo's score a share of its mean
//! similarity to those texts of a bank that lie nearest to it: see [`clip_index::Bank`]. What the texts are and what it gains
//! is in `docs/search.md`; `recipes/bank` makes them. README.md beside this file says who wrote the captions.

use clip_index::Hubness;

/// How many of the nearest texts count.
pub const NEIGHBOURS: usize = 16;
/// Distinguishes banks; part of a bank's name.
const VERSION: u32 = 1;

const CAPTIONS: &str = include_str!("captions.txt");
const PHRASES: &str = include_str!("phrases.txt");

/// The share of the nearness to captions that counts against a photo, for a query like a caption.
const SHARE_OF_CAPTIONS: f32 = 0.5;
/// The share of the nearness to phrases that counts against a photo, for a query like a phrase.
const SHARE_OF_PHRASES: f32 = 0.7;
/// Up to so many words, a query is like a phrase, and from so many on, like a caption.
const WORDS_OF_A_PHRASE: f32 = 3.0;
const WORDS_OF_A_CAPTION: f32 = 6.0;

const ARTICLES: &[&str] = &["a", "an", "the"];
/// "A photo of a dog" is a phrase like "dog".
const PICTURES: &[&str] =
    &["photo", "picture", "image", "photograph", "close-up", "drawing", "painting", "sketch", "cartoon"];

/// Captions, as people write them under photos.
pub fn captions() -> impl ExactSizeIterator<Item = &'static str> {
    lines(CAPTIONS)
}

/// Words and short descriptions, as people type them into a search box.
pub fn phrases() -> impl ExactSizeIterator<Item = &'static str> {
    lines(PHRASES)
}

fn lines(text: &'static str) -> impl ExactSizeIterator<Item = &'static str> {
    text.lines().collect::<Vec<_>>().into_iter()
}

/// The name of the bank of these texts, embedded by the model with this fingerprint.
pub fn name(fingerprint: &str) -> String {
    let mut hash = blake3::Hasher::new();
    for part in [&VERSION.to_string(), &NEIGHBOURS.to_string(), CAPTIONS, PHRASES, fingerprint] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    format!("{VERSION}-{}", &hash.finalize().to_hex()[..16])
}

/// The shares of a photo's hubness that count against it, for a text of the query: short ones are compared with phrases, long
/// ones with captions, and those in between with both.
pub fn shares(text: &str) -> Hubness {
    shares_at(phrase_weight(text))
}

/// The same, for a text that is so much like a phrase (1) rather than a caption (0).
pub(crate) fn shares_at(phrase: f32) -> Hubness {
    Hubness { captions: SHARE_OF_CAPTIONS * (1.0 - phrase), phrases: SHARE_OF_PHRASES * phrase }
}

/// How much a text is like a phrase (1) rather than a caption (0).
pub fn phrase_weight(text: &str) -> f32 {
    let words = words(text) as f32;
    ((WORDS_OF_A_CAPTION - words) / (WORDS_OF_A_CAPTION - WORDS_OF_A_PHRASE)).clamp(0.0, 1.0)
}

/// How many words a text has, without articles and "a photo of". Where words have no blanks between them, each character is
/// one.
fn words(text: &str) -> usize {
    let lower = text.to_lowercase();
    let mut rest = lower.split_whitespace().filter(|word| !ARTICLES.contains(word)).peekable();
    if rest.peek().is_some_and(|first| PICTURES.contains(first)) {
        let mut after = rest.clone();
        after.next();
        if after.next() == Some("of") {
            rest = after;
        }
    }
    let is_ideograph = |c: char| matches!(u32::from(c), 0x3040..=0x30ff | 0x3400..=0x9fff | 0xf900..=0xfaff);
    let count = |word: &str| {
        let ideographs = word.chars().filter(|&c| is_ideograph(c)).count();
        let others = word.split(|c: char| !c.is_alphanumeric() || is_ideograph(c)).filter(|part| !part.is_empty());
        ideographs + others.count()
    };
    rest.map(count).sum()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_are_there_once() {
        assert!(captions().len() >= 1000 && phrases().len() >= 1000);
        let all: Vec<&str> = captions().chain(phrases()).collect();
        assert!(all.iter().all(|text| !text.trim().is_empty() && text.trim() == *text));
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn short_queries_are_told_from_captions() {
        for text in
            ["cat", "red car", "a photo of a dog", "the beach at sunset", "北京", "", "drawing of the old house"]
        {
            assert_eq!(shares(text), Hubness { captions: 0.0, phrases: SHARE_OF_PHRASES }, "{text}");
        }
        for text in ["a man in a red jacket riding a bike", "two dogs playing in the deep snow", "北京的秋天很美"]
        {
            assert_eq!(shares(text), Hubness { captions: SHARE_OF_CAPTIONS, phrases: 0.0 }, "{text}");
        }
        let between = shares("a dog on the sunny beach");
        assert!(between.captions > 0.0 && between.phrases > 0.0, "{between:?}");
        let whole = between.captions / SHARE_OF_CAPTIONS + between.phrases / SHARE_OF_PHRASES;
        assert!((whole - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_bank_is_that_of_a_model() {
        assert_ne!(name("a"), name("b"));
        assert_eq!(name("a"), name("a"));
        assert!(name("a").starts_with("1-"));
    }
}
