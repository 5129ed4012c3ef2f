//! An open index and a model, ready to answer.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use clip_encoder::Encoder;
use clip_index::{IndexError, IndexReader, Neighbour, Position, Record};
use roaring::RoaringTreemap;

use crate::embed::embed;
use crate::error::QueryError;
use crate::plan::{Method, SCANS_BEFORE_GRAPH, Sizes, choose};
use crate::query::{Query, Strategy};

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

/// Answers queries over one index as it was when the searcher was opened. Searching takes `&self`: a server shares one
/// searcher among its threads, and opens another when the index has changed.
#[derive(Debug)]
pub struct Searcher<E> {
    reader: IndexReader,
    encoder: E,
    in_graph: OnceLock<Option<u64>>,
    /// See [`Sizes::scans`].
    scans: AtomicU32,
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
        Ok(Searcher { reader, encoder, in_graph: OnceLock::new(), scans: AtomicU32::new(0) })
    }

    /// The photos that answer the query best, best first. An index without photos, or a filter that none passes, gives
    /// an empty list.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>, QueryError> {
        // Encoded first, so that a query that makes no sense says so over an empty index too.
        let vector = self.embed(query)?;
        let filter = self.filter(query)?;
        let neighbours = self.neighbours(query, &vector, filter.as_ref())?;
        self.hits(query, neighbours)
    }

    /// How a query would be carried out.
    ///
    /// # Errors
    /// Those of reading the index.
    pub fn method(&self, query: &Query) -> Result<Method, QueryError> {
        let filter = self.filter(query)?;
        self.choose(query, filter.as_ref())
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

    fn neighbours(
        &self,
        query: &Query,
        vector: &[f32],
        filter: Option<&RoaringTreemap>,
    ) -> Result<Vec<Neighbour>, QueryError> {
        if let Method::Graph { effort } = self.choose(query, filter)? {
            match self.reader.search_graph(vector, query.limit, effort, filter) {
                // The graph is only a cache: who did not insist on it gets the same answer a little later.
                Err(error @ (IndexError::Graph { .. } | IndexError::NoGraph { .. }))
                    if query.strategy == Strategy::Auto =>
                {
                    log::warn!("{error}");
                }
                result => {
                    // Loaded now.
                    self.scans.store(SCANS_BEFORE_GRAPH, Ordering::Relaxed);
                    return Ok(result?);
                }
            }
        } else if filter.is_none() {
            // Far from overflowing, but a graph that is never used must not bring it there.
            let counted = |scans: u32| (scans < SCANS_BEFORE_GRAPH).then(|| scans + 1);
            let _ = self.scans.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted);
        }
        Ok(self.reader.search_exact(vector, query.limit, filter)?)
    }

    fn choose(&self, query: &Query, filter: Option<&RoaringTreemap>) -> Result<Method, QueryError> {
        let photos = self.reader.len() as u64;
        let sizes = Sizes {
            candidates: filter.map_or(photos, RoaringTreemap::len),
            photos,
            in_graph: self.in_graph()?,
            scans: self.scans.load(Ordering::Relaxed),
        };
        Ok(choose(query.strategy, sizes, query.limit, query.effort))
    }

    /// How many photos a graph search reaches through the graph. Counted once: it takes reading a file.
    fn in_graph(&self) -> Result<Option<u64>, QueryError> {
        if let Some(known) = self.in_graph.get() {
            return Ok(*known);
        }
        let in_graph = if self.reader.has_graph() {
            self.reader.status()?.graph.map(|graph| graph.nodes - graph.removed)
        } else {
            None
        };
        Ok(*self.in_graph.get_or_init(|| in_graph))
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
