//! An alternative of a query, ready to be searched for.

use clip_index::{Found, Hubness, IndexError, IndexReader, Neighbour, SearchOptions};
use roaring::RoaringTreemap;

use crate::embed::Embedded;
use crate::fusion::{self, Fused};
use crate::query::{Fusion, Query};
use crate::spread;

/// An alternative, ready to be searched for.
#[derive(Debug)]
pub(crate) struct Part {
    /// `None` for one that only sets conditions.
    pub embedded: Option<Embedded>,
    /// The items that meet its conditions, if it sets some.
    pub passing: Option<RoaringTreemap>,
    /// The items that have words of it, if some have.
    pub fused: Option<Fused>,
}

/// The scores of an item, and the alternative that they are of.
#[derive(Clone, Copy)]
pub(crate) struct Scores<'p> {
    /// Cosine similarity.
    pub score: f32,
    /// The same, less what counts against hubs, and with what words add.
    pub adjusted: f32,
    pub part: &'p Part,
    pub embedded: &'p Embedded,
}

/// What an item's hubness takes from its score.
fn correction(query: &Query, embedded: &Embedded) -> Hubness {
    if query.is_raw { Hubness::default() } else { embedded.shares }
}

impl Part {
    fn options<'a>(&'a self, query: &Query, embedded: &Embedded, k: usize) -> SearchOptions<'a> {
        SearchOptions {
            k,
            strategy: query.strategy,
            effort: query.effort,
            filter: self.passing.as_ref(),
            correction: correction(query, embedded),
        }
    }

    fn lets_pass(&self, item: u64) -> bool {
        self.passing.as_ref().is_none_or(|passing| passing.contains(item))
    }

    /// The `k` best items that pass, and how they were found. `None` if nothing is described.
    pub fn search(&self, query: &Query, reader: &IndexReader, k: usize) -> Result<Option<Found>, IndexError> {
        let Some(embedded) = &self.embedded else { return Ok(None) };
        let options = self.options(query, embedded, k);
        let Some(fused) = &self.fused else { return reader.search(&embedded.vector, &options).map(Some) };
        // Ranks are compared among many, whatever is wanted.
        let options =
            SearchOptions { k: if query.fusion == Fusion::Ranks { k.max(fusion::RANKED) } else { k }, ..options };
        let mut found = reader.search(&embedded.vector, &options)?;
        let with_words = fused.candidates(reader, &embedded.vector, &options)?;
        found.neighbours = match query.fusion {
            Fusion::Ranks => fused.by_ranks(&found.neighbours, &with_words),
            _ => fused.by_scores(found.neighbours, with_words),
        };
        // What was found by neither is less similar than the last that was found by its similarity, and has no words. So the
        // first `k` of both are the best of all.
        found.neighbours.truncate(k);
        Ok(Some(found))
    }

    /// Items that meet the conditions, for an alternative that describes nothing.
    pub fn listed(&self, k: usize) -> Vec<Neighbour> {
        let items = self.passing.iter().flatten().take(k);
        items.map(|id| Neighbour { id, score: f32::NEG_INFINITY }).collect()
    }

    /// The scores of an item; `None` if it does not pass, or nothing is described.
    pub fn scores(&self, query: &Query, reader: &IndexReader, item: u64) -> Option<Scores<'_>> {
        let embedded = self.embedded.as_ref().filter(|_| self.lets_pass(item))?;
        let score = reader.similarity(&embedded.vector, item)?;
        let hubness = if query.is_raw { None } else { reader.hubness(item) };
        let words = self.fused.as_ref().map_or(0.0, |fused| fused.bonus(item));
        let adjusted = score - embedded.penalty(hubness.unwrap_or_default()) + words;
        Some(Scores { score, adjusted, part: self, embedded })
    }

    /// The standard deviation of the scores of what is described over the library; `None` if nothing is described.
    pub fn deviation(&self, query: &Query, reader: &IndexReader) -> Result<Option<f32>, IndexError> {
        let Some(embedded) = &self.embedded else { return Ok(None) };
        spread::deviation(reader, &embedded.vector, correction(query, embedded)).map(Some)
    }

    /// Whether an item has the query as the name of its file.
    pub fn names(&self, item: u64) -> bool {
        self.fused.as_ref().is_some_and(|fused| fused.names(item))
    }
}
