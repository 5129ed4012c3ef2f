//! Short queries that a caption answers: its words, and pairs of neighbouring words.
//!
//! Captions are sentences, and people type "cat" or "red car". A model that has seen sentences alone ranks photos for a word
//! worse than it could.

use std::collections::HashMap;

/// Shortest word that counts.
const SHORTEST: usize = 3;

/// How many captions of a set have to say a phrase. What is said once is often a slip, and learned from one photo.
const FEWEST: usize = 3;

/// Words that tell nothing of a picture by themselves.
const SILENT: &[&str] = &[
    "about",
    "across",
    "after",
    "against",
    "all",
    "along",
    "and",
    "another",
    "are",
    "around",
    "away",
    "back",
    "background",
    "before",
    "behind",
    "being",
    "beside",
    "between",
    "both",
    "can",
    "does",
    "doing",
    "down",
    "each",
    "for",
    "foreground",
    "from",
    "front",
    "has",
    "have",
    "her",
    "hers",
    "him",
    "his",
    "inside",
    "into",
    "its",
    "itself",
    "just",
    "left",
    "like",
    "many",
    "middle",
    "near",
    "next",
    "not",
    "off",
    "one",
    "only",
    "onto",
    "other",
    "others",
    "our",
    "out",
    "outside",
    "over",
    "right",
    "several",
    "she",
    "side",
    "sides",
    "some",
    "someone",
    "something",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "three",
    "through",
    "together",
    "too",
    "top",
    "toward",
    "towards",
    "two",
    "under",
    "very",
    "was",
    "were",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whose",
    "will",
    "with",
    "without",
];

/// The phrases of a caption, in lower case, with repetitions.
pub fn of_caption(caption: &str) -> Vec<String> {
    let caption = caption.to_lowercase();
    let words: Vec<&str> = caption.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
    let says = |word: &str| {
        word.chars().count() >= SHORTEST
            && word.chars().all(char::is_alphabetic)
            && SILENT.binary_search(&word).is_err()
    };
    let mut phrases = Vec::new();
    for (at, word) in words.iter().enumerate().filter(|(_, word)| says(word)) {
        phrases.push((*word).to_owned());
        if let Some(next) = words.get(at + 1).filter(|next| says(next)) {
            phrases.push(format!("{word} {next}"));
        }
    }
    phrases
}

/// Of the phrases of each of a set's photos, those that enough captions say.
pub fn frequent(photos: &mut [Vec<String>]) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for phrase in photos.iter().flatten() {
        *counts.entry(phrase.clone()).or_default() += 1;
    }
    for phrases in photos {
        phrases.retain(|phrase| counts[phrase] >= FEWEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_pairs_that_say_something() {
        assert_eq!(
            of_caption("A red Car, parked in front of 2 houses."),
            ["red", "red car", "car", "parked", "houses"],
            "neither articles nor numbers, nor pairs across a comma"
        );
        assert!(of_caption("it is on the left").is_empty());
        assert!(SILENT.is_sorted(), "it is searched by halves");
    }

    #[test]
    fn rare_phrases_are_dropped() {
        let said = |phrases: &[&str]| phrases.iter().map(|&phrase| phrase.to_owned()).collect::<Vec<String>>();
        let mut photos = [said(&["cat", "dog"]), said(&["cat", "cat"])];
        frequent(&mut photos);
        assert_eq!(photos, [said(&["cat"]), said(&["cat", "cat"])]);
    }
}
