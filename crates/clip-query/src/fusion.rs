//! Words and meaning together.
//!
//! A photo has two scores: how similar it is to what was described, and how much of the description is written about it. Reciprocal
//! rank fusion (Cormack et al. 2009) adds up 1/(60 + rank) of both lists. It does not see that the second word is as good as the
//! first, or that the best similarity is far better than the next. [`Scores`](crate::Fusion::Scores) adds up the scores themselves, in one unit:
//! how far the similarities of this query are spread over the library. `docs/search.md` compares the two.

use std::collections::HashMap;

use clip_index::{IndexError, IndexReader, Neighbour, SearchOptions};
use roaring::RoaringTreemap;

use crate::embed::Embedded;
use crate::ordering;
use crate::spread;
use crate::words::{FoundWord, WordHits};

/// What all words of a description are worth, in standard deviations of the similarities.
const WORTH: f32 = 3.0;
/// The same of a description that is nothing but numbers and the like: they are what is meant, and nothing is similar to them.
const WORTH_OF_A_CODE: f32 = 12.0;
/// One word of many is often there by chance, so it counts for less than its share.
const POWER: f32 = 1.5;
/// What comes first in any case: no difference of cosines is as large.
const NAMED: f32 = 4.0;
/// The constant of reciprocal rank fusion.
const RANK: f32 = 60.0;
/// How many of either list have a rank.
pub(crate) const RANKED: usize = 1_000;
/// Up to so many items with the same words are all compared.
const FEW: u64 = 2_048;
/// About so many are compared in all.
const MOST_COMPARED: u64 = 16_384;
/// For so many levels with more items, the best are searched for. What comes after has the fewest and most common words.
const MOST_SEARCHES: usize = 8;

/// The items that have words of an alternative, and what these are worth.
#[derive(Debug)]
pub(crate) struct Fused {
    hits: WordHits,
    worth: f32,
}

impl Fused {
    /// What the words are worth is told from the similarities of the library.
    pub fn new(hits: WordHits, embedded: &Embedded, reader: &IndexReader) -> Result<Fused, IndexError> {
        let deviation = spread::deviation(reader, &embedded.vector, embedded.shares)?;
        let worth = if hits.is_code { WORTH_OF_A_CODE } else { WORTH };
        Ok(Fused { hits, worth: worth * deviation })
    }

    /// The words that were found.
    pub fn words(&self) -> &[FoundWord] {
        &self.hits.words
    }

    /// What is added to the score of an item.
    pub fn bonus(&self, item: u64) -> f32 {
        self.hits
            .level_of(item)
            .map_or(0.0, |level| if level.is_named { NAMED } else { self.worth * level.share.powf(POWER) })
    }

    /// Whether the query is the name of an item's file.
    pub fn names(&self, item: u64) -> bool {
        self.hits.level_of(item).is_some_and(|level| level.is_named)
    }

    /// Items with words and their scores by similarity, those with the most and rarest words first: the `k` best of each level
    /// at least.
    pub fn candidates(
        &self,
        reader: &IndexReader,
        vector: &[f32],
        options: &SearchOptions<'_>,
    ) -> Result<Vec<Neighbour>, IndexError> {
        let (mut few, mut many) = (RoaringTreemap::new(), Vec::new());
        for level in &self.hits.levels {
            if level.items.len() <= FEW && few.len() <= MOST_COMPARED {
                few |= &level.items;
            } else if many.len() < MOST_SEARCHES {
                many.push(&level.items);
            }
        }
        let all_of_few = SearchOptions { k: few.len() as usize, filter: Some(&few), ..*options };
        let mut candidates = reader.search(vector, &all_of_few)?.neighbours;
        for items in many {
            candidates.extend(reader.search(vector, &SearchOptions { filter: Some(items), ..*options })?.neighbours);
        }
        candidates.sort_by_cached_key(|neighbour| self.hits.level_at(neighbour.id));
        Ok(candidates)
    }

    /// Adds what words are worth to the scores of what was found by either.
    pub fn by_scores(&self, similar: Vec<Neighbour>, with_words: Vec<Neighbour>) -> Vec<Neighbour> {
        let known: RoaringTreemap = with_words.iter().map(|neighbour| neighbour.id).collect();
        let similar = similar.into_iter().filter(|neighbour| !known.contains(neighbour.id));
        let mut all: Vec<Neighbour> = similar.chain(with_words).collect();
        all.iter_mut().for_each(|neighbour| neighbour.score += self.bonus(neighbour.id));
        ordering::best_first(&mut all);
        all
    }

    /// Reciprocal rank fusion of both lists. Of items with the same words, the more similar comes first.
    pub fn by_ranks(&self, similar: &[Neighbour], with_words: &[Neighbour]) -> Vec<Neighbour> {
        let mut scores = HashMap::new();
        for list in [similar, with_words] {
            for (place, neighbour) in list.iter().take(RANKED).enumerate() {
                *scores.entry(neighbour.id).or_insert(0.0) += 1.0 / (RANK + 1.0 + place as f32);
            }
        }
        let named = |id: u64| if self.names(id) { 1.0 } else { 0.0 };
        let mut all: Vec<Neighbour> =
            scores.into_iter().map(|(id, score)| Neighbour { id, score: score + named(id) }).collect();
        ordering::best_first(&mut all);
        all
    }
}
