//! What a search answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clip_index::{IndexError, IndexReader, Plan, Position, Record};

use crate::absent::is_absent;
use crate::pairs::{Member, members_of};
use crate::query::Term;
use crate::words::FoundWord;

/// One result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// 1 for the best.
    pub rank: usize,
    /// Cosine similarity of the photo and the query, -1 to 1. Words and pictures lie apart in CLIP's space: for words,
    /// 0.3 is a good score; among pictures, 0.7 is. `None` if the query only sets conditions.
    pub score: Option<f32>,
    /// What results are ranked by: the similarity, less what counts against photos that are near to every text, and with what
    /// words in names, keywords and texts [add](crate::Fusion).
    pub adjusted: Option<f32>,
    /// The estimate that the photo shows what was asked for, 0 to 1: see [`relevance`](crate::relevance). `None` where none is
    /// to be had: the model is not calibrated, or the query has examples.
    pub relevance: Option<f32>,
    /// False if this is only one of the nearest: the relevance is known, and too low for a right answer.
    pub is_match: bool,
    /// The photo's id in the index.
    pub id: u64,
    /// The id of the item that was found: the photo's own, or that of a moment of a video or a page of a document.
    pub item: u64,
    /// Where the item is in its asset.
    pub position: Position,
    /// Where the photo is; byte-exact.
    pub path: PathBuf,
    /// All that the index knows of it.
    pub record: Record,
    /// The other photos with the same bytes that the query's filter lets pass, in ascending order of ids. A photo is found
    /// once, however many copies of its file there are.
    pub duplicates: Vec<Record>,
    /// Files that belong to the photo, by their roles: its raw file, edited versions, the other shots of its burst, the video of a Live
    /// Photo. The query's filter lets those pass that are assets. None with [`Query::without_pairs`](crate::Query::without_pairs).
    pub members: Vec<Member>,
    /// With [`Query::collapse`](crate::Query::collapse): near duplicates and other shots of the same moment that the query's
    /// filter lets pass, the most similar first. They are no results of their own.
    pub alike: Vec<Record>,
}

impl Hit {
    /// Where the photo is: `path`, then those of its duplicates.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.path.as_path()).chain(self.duplicates.iter().map(|record| record.asset.path.as_path()))
    }

    /// Whether there is no file at `path` at present: it was moved or removed since the index was updated, or is on a drive that
    /// is not mounted. What cannot be looked at for another reason is not said to be missing.
    pub fn is_missing(&self) -> bool {
        is_absent(&self.path)
    }
}

/// A result without what the index knows of the photo: some hundred bytes, so that thousands of them can be kept until
/// somebody looks at them.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// [`Hit::rank`].
    pub rank: usize,
    /// [`Hit::score`].
    pub score: Option<f32>,
    /// [`Hit::adjusted`].
    pub adjusted: Option<f32>,
    /// [`Hit::relevance`].
    pub relevance: Option<f32>,
    /// [`Hit::is_match`].
    pub is_match: bool,
    /// [`Hit::item`].
    pub item: u64,
    /// The ids of [`Hit::duplicates`].
    pub duplicates: Box<[u64]>,
    /// The ids of those of [`Hit::members`] that are assets of their own.
    pub members: Box<[u64]>,
    /// The ids of [`Hit::alike`].
    pub alike: Box<[u64]>,
}

impl Ranked {
    /// A result of a query that only sets conditions.
    pub fn unscored(rank: usize, item: u64, duplicates: impl Into<Box<[u64]>>) -> Ranked {
        Ranked {
            rank,
            score: None,
            adjusted: None,
            relevance: None,
            is_match: true,
            item,
            duplicates: duplicates.into(),
            members: Box::default(),
            alike: Box::default(),
        }
    }

    /// The result with its records, in the index that it was found in; `None` if the index has no such item.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if a record cannot be read.
    pub fn hit(&self, index: &IndexReader) -> Result<Option<Hit>, IndexError> {
        let Some(record) = index.records(&[self.item])?.pop() else { return Ok(None) };
        let kin = index.records(&self.members)?.into_iter().map(|record| (record.id, record)).collect();
        let members = members_of(&record.asset, kin);
        Ok(Some(Hit {
            rank: self.rank,
            score: self.score,
            adjusted: self.adjusted,
            relevance: self.relevance,
            is_match: self.is_match,
            id: record.id,
            item: self.item,
            position: record.position(self.item).unwrap_or_default(),
            path: record.asset.path.clone(),
            record,
            duplicates: index.records(&self.duplicates)?,
            members,
            alike: index.records(&self.alike)?,
        }))
    }
}

impl From<&Hit> for Ranked {
    fn from(hit: &Hit) -> Ranked {
        let ids = |records: &[Record]| records.iter().map(|record| record.id).collect();
        Ranked {
            rank: hit.rank,
            score: hit.score,
            adjusted: hit.adjusted,
            relevance: hit.relevance,
            is_match: hit.is_match,
            item: hit.item,
            duplicates: ids(&hit.duplicates),
            members: hit.members.iter().filter_map(|member| Some(member.record.as_ref()?.id)).collect(),
            alike: ids(&hit.alike),
        }
    }
}

/// How the score of a result is put together.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Breakdown {
    /// Which of the query's alternatives it answers best, from 0.
    pub alternative: usize,
    /// Cosine similarity.
    pub score: f32,
    /// What is taken from it because the photo is near to every text; negative if something is added.
    pub correction: f32,
    /// What is added for words in names, keywords and texts.
    pub words: f32,
    /// What results are ranked by: the rest of it.
    pub adjusted: f32,
    /// How much the texts of the alternative are like phrases (1) rather than captions (0); `None` where that does not count.
    pub phrase_weight: Option<f32>,
    /// Those of the alternative, in their order.
    pub terms: Vec<TermBreakdown>,
}

/// How a result answers a term by itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TermBreakdown {
    /// The term.
    pub term: Term,
    /// Its weight in the query; negative if it is not wanted.
    pub weight: f32,
    /// The cosine similarity of the photo and the term.
    pub score: f32,
    /// The estimate that the photo shows it, were it the best result for this term alone. `None` where none is to be had.
    pub relevance: Option<f32>,
}

/// How a query was carried out, and what each part of it took.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// How the index was searched for each alternative that describes photos, and why so.
    pub plans: Vec<Plan>,
    /// Scores were corrected: photos that are near to every text count for less.
    pub is_corrected: bool,
    /// The words of the query that are in names, folders, keywords, titles, descriptions or cameras of photos.
    pub words: Vec<FoundWord>,
    /// How many items each alternative lets pass; `None` for one without conditions.
    pub passing: Vec<Option<u64>>,
    /// Encoding the query.
    pub embedding: Duration,
    /// Finding what passes the filter.
    pub filtering: Duration,
    /// Looking for words in names, keywords and texts.
    pub matching_words: Duration,
    /// Searching the vectors.
    pub searching: Duration,
    /// Reading the records of the results.
    pub records: Duration,
    /// Better results than the last one that were left out because their files are [not there](crate::Query::only_present).
    pub missing: u64,
}

impl Explanation {
    /// What all parts took together.
    pub fn total(&self) -> Duration {
        self.embedding + self.filtering + self.matching_words + self.searching + self.records
    }
}
