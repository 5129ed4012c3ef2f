//! Words of a query that occur in names, folders, keywords, titles, descriptions and cameras of photos.
//!
//! What a photo shows and what is written about it are evidence of different kinds. Here the written one is found, and weighed: a
//! rare word tells more than a common one, as in BM25 (Robertson and Zaragoza 2009). [`fusion`](crate::fusion) puts both together.

use clip_index::{Filter, IndexError, IndexReader, TextField};
use roaring::RoaringTreemap;

use crate::query::Term;

/// More words of a query are not looked for: the rarest tell enough.
const MOST_WORDS: usize = 8;
/// Longer queries are no names of files.
const LONGEST_NAME: usize = 255;
/// Numbers on plates, bibs and in names are found inside words too, from this length on.
const SHORTEST_PART: usize = 3;
/// Words that occur in more than this share of the photos tell nothing.
const COMMON: f64 = 0.5;
/// Words that say nothing of a photo by themselves.
const STOP_WORDS: &[&str] = &[
    "a",
    "an",
    "the",
    "of",
    "in",
    "on",
    "at",
    "to",
    "and",
    "or",
    "with",
    "without",
    "by",
    "for",
    "from",
    "is",
    "are",
    "was",
    "were",
    "be",
    "being",
    "it",
    "its",
    "as",
    "that",
    "this",
    "these",
    "those",
    "there",
    "their",
    "his",
    "her",
    "my",
    "our",
    "your",
    "he",
    "she",
    "they",
    "we",
    "i",
    "you",
    "them",
    "up",
    "down",
    "out",
    "over",
    "into",
    "some",
    "who",
    "which",
    "while",
    "has",
    "have",
    "having",
    "not",
    "no",
    "photo",
    "photos",
    "picture",
    "pictures",
    "image",
    "images",
    "photograph",
    "photographs",
];

/// A word of the query, and in how many items it occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundWord {
    /// As it is in the query.
    pub word: String,
    /// How many items have it, of those that meet the conditions.
    pub items: u64,
}

/// Items with the same words of the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Level {
    /// How much of the query their words are, 0 to 1: each word counts by its rarity.
    pub share: f32,
    /// The query is the name of their file.
    pub is_named: bool,
    pub items: RoaringTreemap,
}

/// What is written about photos that a query asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WordHits {
    /// Disjoint sets, the best first.
    pub levels: Vec<Level>,
    pub words: Vec<FoundWord>,
    /// The query is nothing but numbers and the like, as on plates and in names of files, which no picture shows by itself.
    pub is_code: bool,
}

impl WordHits {
    /// Looks for the words of the terms that are texts and are wanted. `None` if no item that passes has one.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if the word index cannot be used.
    pub fn of(
        terms: &[(Term, f32)],
        passing: Option<&RoaringTreemap>,
        reader: &IndexReader,
    ) -> Result<Option<WordHits>, IndexError> {
        let all = reader.len() as f64;
        let named = named(terms, passing, reader)?;
        let mut words = Vec::new();
        for (text, weight) in wanted_texts(terms) {
            for word in words_of(text) {
                let mut items = RoaringTreemap::new();
                for form in forms(word) {
                    items |= reader.items_with_words(&form)?;
                }
                if has_number(word) {
                    let part = Filter::Text { field: TextField::Any, text: word.to_owned() };
                    items |= reader.matching(&part)?;
                }
                let count = items.len() as f64;
                if count > COMMON * all {
                    continue;
                }
                // The inverse document frequency of BM25.
                let rarity = (1.0 + (all - count + 0.5) / (count + 0.5)).ln();
                words.push(Word { word: word.to_owned(), weight: rarity * f64::from(weight), items });
            }
        }
        let is_code = words.iter().all(|word| has_number(&word.word));
        let whole: f64 = words.iter().map(|word| word.weight).sum();
        words.retain(|word| !word.items.is_empty());
        words.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        words.truncate(MOST_WORDS);
        if let Some(passing) = passing {
            words.iter_mut().for_each(|word| word.items &= passing);
        }
        let found = words.iter().map(|word| FoundWord { word: word.word.clone(), items: word.items.len() }).collect();
        let mut levels = levels(words, whole);
        if !named.is_empty() {
            levels.iter_mut().for_each(|level| level.items -= &named);
            levels.insert(0, Level { share: 1.0, is_named: true, items: named });
        }
        levels.retain(|level| !level.items.is_empty());
        Ok((!levels.is_empty()).then_some(WordHits { levels, words: found, is_code }))
    }

    /// The level of an item.
    pub fn level_of(&self, item: u64) -> Option<&Level> {
        self.level_at(item).map(|at| &self.levels[at])
    }

    /// The place of the level of an item, 0 for the best.
    pub fn level_at(&self, item: u64) -> Option<usize> {
        self.levels.iter().position(|level| level.items.contains(item))
    }
}

struct Word {
    word: String,
    weight: f64,
    items: RoaringTreemap,
}

/// Divides the items by which words they have. The best first.
fn levels(words: Vec<Word>, whole: f64) -> Vec<Level> {
    let mut parts: Vec<(f64, RoaringTreemap)> = Vec::new();
    let mut rest = RoaringTreemap::new();
    for word in &words {
        rest |= &word.items;
    }
    parts.push((0.0, rest));
    for Word { weight, items, .. } in words {
        let mut divided = Vec::with_capacity(parts.len() * 2);
        for (sum, part) in parts {
            let with = &part & &items;
            let without = part - &items;
            divided.extend([(sum + weight, with), (sum, without)].into_iter().filter(|(_, part)| !part.is_empty()));
        }
        parts = divided;
    }
    let mut levels: Vec<Level> = parts
        .into_iter()
        .map(|(sum, items)| Level { share: (sum / whole).min(1.0) as f32, is_named: false, items })
        .collect();
    levels.sort_by(|a, b| b.share.total_cmp(&a.share));
    levels
}

fn wanted_texts(terms: &[(Term, f32)]) -> impl Iterator<Item = (&str, f32)> {
    terms.iter().filter_map(|(term, weight)| match term {
        Term::Text(text) if *weight > 0.0 => Some((text.as_str(), *weight)),
        _ => None,
    })
}

/// The items whose file has the query as its name.
fn named(
    terms: &[(Term, f32)],
    passing: Option<&RoaringTreemap>,
    reader: &IndexReader,
) -> Result<RoaringTreemap, IndexError> {
    let mut wanted = wanted_texts(terms);
    let name = match (wanted.next(), wanted.next()) {
        (Some((text, _)), None) if text.len() <= LONGEST_NAME => text,
        _ => return Ok(RoaringTreemap::new()),
    };
    let mut named = reader.items_named(name)?;
    if let Some(passing) = passing {
        named &= passing;
    }
    Ok(named)
}

/// The words of a text that say something of a photo, each once.
fn words_of(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let lower = word.to_lowercase();
        let is_letter = word.len() == 1;
        if word.is_empty() || is_letter || STOP_WORDS.contains(&lower.as_str()) {
            continue;
        }
        if words.iter().all(|known| known.to_lowercase() != lower) {
            words.push(word);
        }
    }
    words
}

fn has_number(word: &str) -> bool {
    word.chars().filter(char::is_ascii_digit).count() >= SHORTEST_PART
}

/// A word as it is, and in the singular or plural that it has in English.
fn forms(word: &str) -> Vec<String> {
    let word = word.to_lowercase();
    let mut forms = vec![word.clone()];
    if word.len() < 3 || !word.chars().all(|c| c.is_ascii_lowercase()) {
        return forms;
    }
    let ends_in = |ends: &[&str]| ends.iter().any(|end| word.ends_with(end));
    let hisses = ["s", "x", "z", "ch", "sh"];
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        forms.push(format!("{stem}y"));
    } else if ends_in(&["ses", "xes", "zes", "ches", "shes"]) {
        forms.extend([word[..word.len() - 2].to_owned(), word[..word.len() - 1].to_owned()]);
    } else if ends_in(&["ss", "us", "is"]) || !word.ends_with('s') && ends_in(&hisses) {
        forms.push(format!("{word}es"));
    } else if let Some(stem) = word.strip_suffix('s') {
        forms.push(stem.to_owned());
    } else if let Some(stem) = word.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u'])) {
        forms.push(format!("{stem}ies"));
    } else {
        forms.push(format!("{word}s"));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singular_and_plural() {
        for (word, other) in [
            ("dog", "dogs"),
            ("Dogs", "dog"),
            ("beach", "beaches"),
            ("beaches", "beach"),
            ("city", "cities"),
            ("cities", "city"),
            ("glass", "glasses"),
            ("glasses", "glass"),
            ("boy", "boys"),
            ("houses", "house"),
        ] {
            assert!(forms(word).contains(&other.to_owned()), "{word}: {:?}", forms(word));
        }
        assert_eq!(forms("собака"), ["собака"]);
        assert_eq!(forms("b2"), ["b2"]);
    }

    #[test]
    fn words_that_say_something() {
        assert_eq!(words_of("a photo of the Dog, and a dog's IMG_1234.jpg!"), ["Dog", "dog's", "IMG_1234.jpg"]);
        assert_eq!(words_of("北京 的"), ["北京", "的"]);
        assert!(words_of("of the - ...").is_empty());
        assert!(has_number("IMG_1234") && !has_number("mp3"));
    }

    #[test]
    fn items_are_divided_by_their_words() {
        let word =
            |weight: f64, items: &[u64]| Word { word: "w".into(), weight, items: items.iter().copied().collect() };
        let found = levels(vec![word(3.0, &[1, 2]), word(1.0, &[2, 3, 4])], 8.0);
        let found: Vec<(f32, Vec<u64>)> =
            found.into_iter().map(|level| (level.share, level.items.iter().collect())).collect();
        assert_eq!(found, [(0.5, vec![2]), (0.375, vec![1]), (0.125, vec![3, 4])]);
    }
}
