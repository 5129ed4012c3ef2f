//! What a search found, kept for the pages of its results.

use std::sync::Arc;

use clip_search::{Hit, LibrarySearcher, RoaringTreemap};
use clip_search::{Ranked, Record};

use super::catalogue::Catalogue;
use crate::problem::Problem;

/// What a search found, in order.
#[derive(Debug)]
pub(crate) struct Ranking {
    /// The index that it was found in.
    pub(crate) searcher: Arc<LibrarySearcher>,
    pub(crate) list: List,
    /// There is nothing else.
    pub(crate) is_all: bool,
    /// Something matches well.
    pub(crate) matches: bool,
}

/// Results in order.
#[derive(Debug)]
pub(crate) enum List {
    /// By what they show.
    Ranked(Vec<Ranked>),
    /// All that meet conditions.
    Listed {
        catalogue: Arc<Catalogue>,
        /// Numbers of entries.
        entries: Vec<u32>,
        /// What meets the conditions; everything if there are none.
        passing: Option<RoaringTreemap>,
    },
}

impl Ranking {
    pub(crate) fn len(&self) -> usize {
        match &self.list {
            List::Ranked(ranked) => ranked.len(),
            List::Listed { entries, .. } => entries.len(),
        }
    }

    /// How many bytes it takes, about.
    pub(crate) fn weight(&self) -> usize {
        let list = match &self.list {
            List::Ranked(ranked) => ranked
                .iter()
                .map(|one| size_of::<Ranked>() + 8 * (one.duplicates.len() + one.alike.len()))
                .sum::<usize>(),
            List::Listed { entries, passing, .. } => {
                4 * entries.len() + passing.as_ref().map_or(0, RoaringTreemap::serialized_size)
            }
        };
        list + size_of::<Ranking>()
    }

    /// The items of the results, in order.
    pub(crate) fn items(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        match &self.list {
            List::Ranked(ranked) => Box::new(ranked.iter().map(|one| one.item)),
            List::Listed { catalogue, entries, .. } => Box::new(entries.iter().map(|at| catalogue.entry(*at).item)),
        }
    }

    /// The results from `offset`, at most `limit` of them.
    ///
    /// # Errors
    /// Where a record cannot be read.
    pub(crate) fn page(&self, offset: usize, limit: usize) -> Result<Vec<Hit>, Problem> {
        let to = offset.saturating_add(limit).min(self.len());
        let mut hits = Vec::with_capacity(to.saturating_sub(offset));
        for at in offset..to {
            let hit = match &self.list {
                List::Ranked(ranked) => ranked[at].hit(self.searcher.reader())?,
                List::Listed { catalogue, entries, passing } => {
                    let (entry, passing) = (entries[at], passing.as_ref());
                    let ranked = Ranked {
                        members: catalogue.members(entry, passing).into(),
                        ..Ranked::unscored(at + 1, catalogue.entry(entry).item, catalogue.copies(entry, passing))
                    };
                    ranked.hit(self.searcher.reader())?
                }
            };
            hits.extend(hit);
        }
        Ok(hits)
    }

    /// The record of the asset that an item belongs to.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) fn record(&self, item: u64) -> Result<Option<Record>, Problem> {
        Ok(self.searcher.reader().records(&[item])?.pop())
    }
}
