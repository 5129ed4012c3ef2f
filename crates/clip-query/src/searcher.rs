//! An open index and a model, ready to answer.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clip_encoder::Encoder;
use clip_files::system_error;
use clip_index::{IndexError, IndexReader, Neighbour, Plan, Position, Record, SearchOptions};
use roaring::RoaringTreemap;

use crate::distinct::{self, Group};
use crate::embed::embed;
use crate::error::QueryError;
use crate::query::{Query, Term};

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
    /// The other photos with the same bytes that the query's filter lets pass, in ascending order of ids. A photo is found
    /// once, however many copies of its file there are.
    pub duplicates: Vec<Record>,
}

impl Hit {
    /// Where the photo is: `path`, then those of its duplicates.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.path.as_path()).chain(self.duplicates.iter().map(|record| record.asset.path.as_path()))
    }

    /// Whether there is no file at any of its paths at present: it was moved or removed since the index was updated, or is on a
    /// drive that is not mounted. What cannot be looked at for another reason is not said to be missing.
    pub fn is_missing(&self) -> bool {
        self.paths().all(is_absent)
    }
}

/// Whether it is certain that no file is there.
fn is_absent(path: &Path) -> bool {
    path.metadata().is_err_and(|error| system_error::says_missing(&error))
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
    /// Better results than the last one that were left out because their files are [not there](Query::only_present).
    pub missing: u64,
}

struct Clock(Instant);

impl Clock {
    /// The time since the last call.
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now))
    }
}

/// How many times as many items are searched for where too many of those found are copies of one another.
const MORE: usize = 4;

/// Where the files of this many results are missing, others are no longer looked for in their place: a whole drive may be
/// away.
const MOST_MISSING: u64 = 250;

/// How many items are searched for at first: one more than are wanted, which shows that no copy of the last one follows.
fn first_k(query: &Query) -> usize {
    if query.limit == 0 { 0 } else { query.limit.saturating_add(1) }
}

fn options<'a>(query: &Query, k: usize, filter: Option<&'a RoaringTreemap>) -> SearchOptions<'a> {
    SearchOptions { k, strategy: query.strategy, effort: query.effort, filter }
}

/// What was found so far, and what finding it took.
#[derive(Default)]
struct Records {
    /// By item, so that none is read twice.
    known: HashMap<u64, Record>,
    time: Duration,
}

impl Records {
    /// Adds to each item the record of its file.
    fn of(&mut self, reader: &IndexReader, found: &[Neighbour]) -> Result<Vec<(Neighbour, Record)>, IndexError> {
        let started = Instant::now();
        let mut pairs = Vec::with_capacity(found.len());
        for &neighbour in found {
            let record = match self.known.get(&neighbour.id) {
                Some(record) => record.clone(),
                None => {
                    let Some(record) = reader.records(&[neighbour.id])?.pop() else { continue };
                    self.known.insert(neighbour.id, record.clone());
                    record
                }
            };
            pairs.push((neighbour, record));
        }
        self.time += started.elapsed();
        Ok(pairs)
    }
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

    /// The photos that answer the query best, best first. Identical files are one of them, and [`Hit::duplicates`] names
    /// the others. An index without photos, or a filter that none passes, gives an empty list.
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
        let mut records = Records::default();
        let (groups, missing, plan) = self.distinct(query, &vector, filter.as_ref(), &mut records)?;
        let searching = clock.lap().saturating_sub(records.time);
        let hits = hits(query, groups);
        let records = records.time + clock.lap();
        Ok((hits, Explanation { plan, embedding, filtering, searching, records, missing }))
    }

    /// How a query would be carried out.
    ///
    /// # Errors
    /// Those of reading the index.
    pub fn plan(&self, query: &Query) -> Result<Plan, QueryError> {
        let filter = self.filter(query)?;
        Ok(self.reader.plan(&options(query, first_k(query), filter.as_ref())))
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

    /// Searches for more and more items, until there are as many different contents as are wanted and no copy of them is
    /// missing, or nothing else is left. Gives also how many were left out because their files are not there.
    fn distinct(
        &self,
        query: &Query,
        vector: &[f32],
        filter: Option<&RoaringTreemap>,
        records: &mut Records,
    ) -> Result<(Vec<Group>, u64, Plan), QueryError> {
        let mut k = first_k(query);
        loop {
            let found = self.reader.search(vector, &options(query, k, filter))?;
            let mut neighbours = found.neighbours;
            let mut is_all = neighbours.len() < k;
            if let Some(least) = query.min_score {
                let before = neighbours.len();
                neighbours.retain(|neighbour| neighbour.score >= least);
                is_all |= neighbours.len() < before;
            }
            let last = neighbours.last().map(|neighbour| neighbour.score);
            let mut groups = distinct::groups(records.of(&self.reader, &neighbours)?);
            let mut missing = 0;
            if query.only_present {
                (groups, missing) = distinct::present(groups, query.limit, is_absent);
            }
            let is_enough = last.is_none_or(|last| distinct::suffice(&groups, query.limit, last));
            if is_all || is_enough || missing >= MOST_MISSING {
                groups.truncate(query.limit);
                return Ok((groups, missing, found.plan));
            }
            k = k.saturating_mul(MORE);
        }
    }
}

/// A result for each group: the photo that the query names, if it is among them, else the one that was indexed first.
fn hits(query: &Query, groups: Vec<Group>) -> Vec<Hit> {
    let is_named = |id: u64| query.terms.iter().any(|(term, _)| *term == Term::Like(id));
    let hit = |(place, Group { score, mut members }): (usize, Group)| {
        let first = members.iter().position(|(_, record)| is_named(record.id)).unwrap_or(0);
        let (item, record) = members.swap_remove(first);
        let mut duplicates: Vec<Record> = members.into_iter().map(|(_, record)| record).collect();
        duplicates.sort_by_key(|record| record.id);
        Hit {
            rank: place + 1,
            score,
            id: record.id,
            item,
            position: record.position(item).unwrap_or_default(),
            path: record.asset.path.clone(),
            record,
            duplicates,
        }
    };
    groups.into_iter().enumerate().map(hit).collect()
}
