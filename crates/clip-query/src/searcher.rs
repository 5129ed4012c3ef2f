//! An open index and a model, ready to answer.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clip_encoder::Encoder;
use clip_index::{IndexError, IndexReader, Neighbour, Plan, Position, Record, SearchOptions};
use roaring::RoaringTreemap;

use crate::embed::embed;
use crate::error::QueryError;
use crate::query::Query;

/// One result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// 1 for the best.
    pub rank: usize,
    /// Cosine similarity of the photo and the query, -1 to 1. Words and pictures lie apart in CLIP's space: for words,
    /// 0.3 is a good score; among pictures, 0.7 is.
    pub score: f32,
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
}

impl Hit {
    /// Whether there is no file at the path at present: it was moved or removed since the index was updated, or is on a drive
    /// that is not mounted. What cannot be looked at for another reason is not said to be missing.
    pub fn is_missing(&self) -> bool {
        let is_absent = |kind| matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        self.path.metadata().is_err_and(|error| is_absent(error.kind()))
    }
}

/// How a query was carried out, and what each part of it took.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// How the index was searched, and why so.
    pub plan: Plan,
    /// Encoding the query.
    pub embedding: Duration,
    /// Finding what passes the filter.
    pub filtering: Duration,
    /// Searching the vectors.
    pub searching: Duration,
    /// Reading the records of the results.
    pub records: Duration,
}

struct Clock(Instant);

impl Clock {
    /// The time since the last call.
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now))
    }
}

fn options<'a>(query: &Query, filter: Option<&'a RoaringTreemap>) -> SearchOptions<'a> {
    SearchOptions { k: query.limit, strategy: query.strategy, effort: query.effort, filter }
}

/// Answers queries over one index as it was when the searcher was opened. Searching takes `&self`: a server shares one
/// searcher among its threads, and opens another when the index has changed.
#[derive(Debug)]
pub struct Searcher<E> {
    reader: IndexReader,
    encoder: E,
}

impl<E: Encoder> Searcher<E> {
    /// Opens the index in the folder `index`, to be searched with the model that made it.
    ///
    /// # Errors
    /// [`IndexError::NotFound`] if there is no index, [`IndexError::Fingerprint`] if another model made it: both within
    /// [`QueryError::Index`], and both messages say what to do.
    pub fn open(index: impl AsRef<Path>, encoder: E) -> Result<Searcher<E>, QueryError> {
        Searcher::over(IndexReader::open(index)?, encoder)
    }

    /// Searches an index that is open already, with the model that made it.
    ///
    /// # Errors
    /// [`IndexError::Fingerprint`], within [`QueryError::Index`], if another model made the index.
    pub fn over(reader: IndexReader, encoder: E) -> Result<Searcher<E>, QueryError> {
        let made_with = reader.model();
        if made_with.fingerprint != encoder.fingerprint() {
            return Err(QueryError::Index(IndexError::Fingerprint {
                dir: reader.dir().to_path_buf(),
                indexed_name: made_with.name.clone(),
                indexed_fingerprint: made_with.fingerprint.clone(),
                wanted_name: encoder.name().to_owned(),
                wanted_fingerprint: encoder.fingerprint().to_owned(),
            }));
        }
        Ok(Searcher { reader, encoder })
    }

    /// The photos that answer the query best, best first. An index without photos, or a filter that none passes, gives
    /// an empty list.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>, QueryError> {
        self.search_explained(query).map(|(hits, _)| hits)
    }

    /// As [`search`](Searcher::search), and how it was done.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn search_explained(&self, query: &Query) -> Result<(Vec<Hit>, Explanation), QueryError> {
        let mut clock = Clock(Instant::now());
        // Encoded first, so that a query that makes no sense says so over an empty index too.
        let vector = self.embed(query)?;
        let embedding = clock.lap();
        let filter = self.filter(query)?;
        let filtering = clock.lap();
        let found = self.reader.search(&vector, &options(query, filter.as_ref()))?;
        let searching = clock.lap();
        let hits = self.hits(query, found.neighbours)?;
        Ok((hits, Explanation { plan: found.plan, embedding, filtering, searching, records: clock.lap() }))
    }

    /// How a query would be carried out.
    ///
    /// # Errors
    /// Those of reading the index.
    pub fn plan(&self, query: &Query) -> Result<Plan, QueryError> {
        let filter = self.filter(query)?;
        Ok(self.reader.plan(&options(query, filter.as_ref())))
    }

    /// The unit vector that stands for a query.
    ///
    /// # Errors
    /// Those of [`search`](Searcher::search) that are about the query or the model.
    pub fn embed(&self, query: &Query) -> Result<Vec<f32>, QueryError> {
        embed(query, &self.reader, &self.encoder)
    }

    /// The index that is searched.
    pub fn reader(&self) -> &IndexReader {
        &self.reader
    }

    /// The model that encodes queries.
    pub fn encoder(&self) -> &E {
        &self.encoder
    }

    /// The photos inside the folders that the query names; `None` if it names none.
    fn filter(&self, query: &Query) -> Result<Option<RoaringTreemap>, QueryError> {
        if query.under.is_empty() {
            return Ok(None);
        }
        let records = self.reader.all_records()?;
        let is_inside = |record: &&Record| query.under.iter().any(|folder| record.asset.path.starts_with(folder));
        Ok(Some(records.iter().filter(is_inside).flat_map(Record::items).collect()))
    }

    fn hits(&self, query: &Query, mut neighbours: Vec<Neighbour>) -> Result<Vec<Hit>, QueryError> {
        if let Some(least) = query.min_score {
            neighbours.retain(|neighbour| neighbour.score >= least);
        }
        let mut hits = Vec::with_capacity(neighbours.len());
        for Neighbour { id: item, score } in neighbours {
            let Some(record) = self.reader.records(&[item])?.pop() else { continue };
            hits.push(Hit {
                rank: hits.len() + 1,
                score,
                id: record.id,
                item,
                position: record.position(item).unwrap_or_default(),
                path: record.asset.path.clone(),
                record,
            });
        }
        Ok(hits)
    }
}
