//! The search graph: HNSW over the codes in the vector files.
//!
//! The graph is a cache: one file that is written once, mapped, and searched where it lies. Its nodes are rows of the
//! vector files, which it refers to instead of copying. What a search finds is scored again by the rows. Rows that are
//! newer than the graph are scanned besides; removed rows keep their nodes, so that paths lead through them, but are no
//! results.
//!
//! | module | |
//! | --- | --- |
//! | `hnsw` | the algorithm, over codes that lie anywhere |
//! | `file` | the file |
//! | `rows` | the rows of nodes |
//! | `unmapped` | rows and links for the first walk of a reader |

mod file;
mod hnsw;
mod rows;
mod unmapped;

use std::cell::Cell;
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_kernels::Isa;
use clip_kernels::similarity::CodeQuery;
use clip_progress::{Progress, Steps};
use roaring::RoaringTreemap;

use crate::error::IndexError;
use crate::layout::Layout;
use crate::manifest::{GraphEntry, Unknown};
use crate::segment::Segment;
use crate::snapshot::{Place, Snapshot};
use crate::sought::Sought;
use crate::status::{GraphStatus, Neighbour};
use crate::{exact, plan, scan};
pub(crate) use file::{GraphFile, KIND};
use hnsw::{Builder, Found, Layers, Parameters, Searcher};
use rows::{Codes, NodeRows};
use unmapped::{CopiedLinks, CopiedRows};

/// See [`hnsw::Parameters::alpha`]. With 1.1, as many rows are looked at for the same recall, but searches come out of
/// bursts of near-duplicates less often.
const ALPHA: f32 = 1.0;

/// How a graph is built, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphOptions {
    /// Edges that a row gets when it is added. It has room for twice as many in the lowest layer, each of which takes
    /// four bytes on disk. 2 to 512.
    pub connections: usize,
    /// Candidates looked at for each inserted row. Words and pictures lie in different parts of the space, so queries
    /// come from far off: that takes more candidates than search among pictures alone.
    pub ef_construction: usize,
    /// With fewer photos no graph is built: a scan of that many takes less than a millisecond.
    pub min_photos: u64,
    /// Share of removed nodes past which the graph is rebuilt.
    pub max_removed: f64,
    /// Share of photos that may be missing from the graph before they are added to it.
    pub max_missing: f64,
}

impl Default for GraphOptions {
    fn default() -> GraphOptions {
        GraphOptions { connections: 24, ef_construction: 200, min_photos: 1000, max_removed: 0.15, max_missing: 0.05 }
    }
}

impl GraphOptions {
    fn parameters(&self) -> Parameters {
        let connections = self.connections.clamp(2, 512);
        Parameters {
            lowest_slots: 2 * connections,
            connections,
            ef_construction: self.ef_construction.clamp(1, 100_000),
            alpha: ALPHA,
        }
    }
}

/// What [`IndexWriter::update_graph`](crate::IndexWriter::update_graph) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphUpdate {
    /// Fewer photos than [`GraphOptions::min_photos`], and no graph is there.
    TooFewPhotos,
    /// The graph is good enough as it is.
    Current,
    /// Photos were added to the graph that was there.
    Extended {
        /// Rows in the graph now.
        nodes: u64,
    },
    /// A graph was built from all photos.
    Built {
        /// Rows in the graph.
        nodes: u64,
    },
    /// Cancelled: the index is as it was.
    Cancelled,
}

/// Which nodes may be results.
type Accept<'a> = &'a dyn Fn(u32) -> bool;

/// Reports insertions done and to be done.
pub(crate) type OnInsertion<'a> = &'a dyn Progress<Steps>;

/// A graph that was written, but is not part of the index yet.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) entry: GraphEntry,
    pub(crate) nodes: u64,
}

/// Builds a graph of all live rows and writes its file, under the number `file`; `None` if cancelled.
///
/// # Errors
/// [`IndexError::Io`] if the file cannot be written, [`IndexError::Graph`] if a vector file has no codes.
pub(crate) fn build(
    snapshot: &Snapshot,
    options: &GraphOptions,
    file: u64,
    progress: OnInsertion<'_>,
    cancel: &AtomicBool,
) -> Result<Option<Built>, IndexError> {
    let ids: Vec<u64> = snapshot.live_from(0).map(|(id, _)| id).collect();
    construct(snapshot, &ids, options.parameters(), None, file, progress, cancel)
}

/// As [`build`], but with the nodes and links of the graph that is there, and the live rows that it lacks.
///
/// # Errors
/// Those of [`build`], and [`IndexError::Graph`] if the graph that is there cannot be used.
pub(crate) fn extend(
    snapshot: &Snapshot,
    entry: &GraphEntry,
    file: u64,
    progress: OnInsertion<'_>,
    cancel: &AtomicBool,
) -> Result<Option<Built>, IndexError> {
    let old = open_file(snapshot.layout(), entry)?;
    // Damage must not be copied into the new file.
    old.verify_checksums().map_err(|error| unusable(snapshot.layout(), error))?;
    let after = old.ids().last().map_or(0, |last| last.saturating_add(1));
    let ids: Vec<u64> = old.ids().iter().copied().chain(snapshot.live_from(after).map(|(id, _)| id)).collect();
    construct(snapshot, &ids, old.parameters(), Some(&old.layers()), file, progress, cancel)
}

fn construct(
    snapshot: &Snapshot,
    ids: &[u64],
    parameters: Parameters,
    old: Option<&Layers<'_, u32>>,
    file: u64,
    progress: OnInsertion<'_>,
    cancel: &AtomicBool,
) -> Result<Option<Built>, IndexError> {
    let layout = snapshot.layout();
    let impossible = |reason: &str| IndexError::Graph { dir: layout.graphs(), reason: reason.into() };
    if ids.is_empty() || ids.len() > hnsw::MAX_NODES {
        return Err(impossible("a graph has at least one node, and at most 2^31"));
    }
    let rows = NodeRows::new(snapshot.segments(), ids).map_err(impossible)?;
    let codes = rows.codes();
    let level = |node: u32| hnsw::level(ids[node as usize], parameters.connections);
    let (mut builder, first) = match old {
        None => (Builder::new(&codes, parameters, level), 0),
        Some(old) => {
            let builder = Builder::extend(&codes, parameters, level, old);
            let first = old.layers.first().map_or(0, hnsw::Layer::len);
            (builder.ok_or_else(|| impossible("its layers do not match its ids"))?, first)
        }
    };
    if !builder.insert(first as u32..ids.len() as u32, progress, cancel) {
        return Ok(None);
    }
    crate::files::create_inner_dir(&layout.graphs())?;
    let path = layout.graph(file);
    file::write(&path, snapshot.dimension(), ids, parameters, &builder)?;
    let header_crc32 = GraphFile::open(&path)?.content_crc();
    Ok(Some(Built { entry: GraphEntry { file, header_crc32, unknown: Unknown::new() }, nodes: ids.len() as u64 }))
}

/// A graph, tied to the snapshot that it was opened for.
#[derive(Debug)]
pub(crate) struct Graph {
    file: Arc<GraphFile>,
    rows: NodeRows,
    searcher: Searcher,
    /// Live rows that are newer than the graph.
    missing: Vec<(u64, Place)>,
    /// There was a walk before: most pages are mapped, or will be soon.
    was_walked: AtomicBool,
}

impl Graph {
    /// Opens the graph that the manifest names.
    ///
    /// # Errors
    /// [`IndexError::Graph`] if it cannot be used, [`IndexError::Io`] if the system refuses to read it.
    pub(crate) fn open(snapshot: &Snapshot, entry: &GraphEntry) -> Result<Graph, IndexError> {
        Graph::of_file(snapshot, Arc::new(open_file(snapshot.layout(), entry)?))
    }

    /// The graph in a file, in time that does not grow with it, but for rows that it lacks.
    ///
    /// # Errors
    /// [`IndexError::Graph`] if it does not fit the rows.
    pub(crate) fn of_file(snapshot: &Snapshot, file: Arc<GraphFile>) -> Result<Graph, IndexError> {
        let layout = snapshot.layout();
        let reason = |reason: &str| IndexError::Graph { dir: layout.graphs(), reason: reason.into() };
        if file.dimension() != snapshot.dimension() {
            return Err(reason("it was built for vectors of a different dimension"));
        }
        let rows = NodeRows::new(snapshot.segments(), file.ids()).map_err(reason)?;
        let after = file.ids().last().map_or(0, |last| last.saturating_add(1));
        let missing = snapshot.live_from(after).collect();
        Ok(Graph { file, rows, searcher: Searcher::default(), missing, was_walked: AtomicBool::new(false) })
    }

    /// Checks everything about the graph.
    ///
    /// # Errors
    /// As [`Graph::open`].
    pub(crate) fn verify(snapshot: &Snapshot, entry: &GraphEntry) -> Result<(), IndexError> {
        let graph = Graph::open(snapshot, entry)?;
        graph.file.verify().map_err(|error| unusable(snapshot.layout(), error))
    }

    /// Number of nodes.
    pub(crate) fn nodes(&self) -> u64 {
        self.file.ids().len() as u64
    }

    /// The best `k` of the rows, best first: those that a walk with `ef` candidates finds, scored again, and those that
    /// the graph lacks.
    pub(crate) fn search(
        &self,
        snapshot: &Snapshot,
        sought: Sought<'_>,
        k: usize,
        ef: usize,
        filter: Option<&RoaringTreemap>,
    ) -> Vec<Neighbour> {
        let ef = ef.max(k).max(1);
        let ids = self.file.ids();
        let codes = self.rows.codes();
        let code_query = CodeQuery::new(Isa::best(), sought.vector);
        let passes = |id: u64| filter.is_none_or(|filter| filter.contains(id));
        let accept = |node: u32| {
            let place = codes.place(node);
            snapshot.is_live_at(place.segment as usize, place.row as usize)
                && ids.get(node as usize).is_some_and(|&id| passes(id))
        };
        let all_pass = filter.is_none() && snapshot.deleted().is_empty();
        let accept: Option<Accept<'_>> = if all_pass { None } else { Some(&accept) };
        let found = self.walk(&codes, &code_query, ef, accept);
        // In a graph that is whole, a walk ends early only if fewer pass, and has been everywhere. In one that is
        // damaged, it may have got stuck.
        if found.len() < ef {
            return scan::search(snapshot, sought, k, filter);
        }
        // Links lead to what is near. What is best once hubness counts may be anywhere among what was found.
        let shortlist = if sought.is_corrected() { found.len() } else { scan::shortlist_len(k) };
        let mut places: Vec<(u64, Place)> = found
            .iter()
            .take(shortlist)
            .map(|found| {
                let place = codes.place(found.position);
                (snapshot.id_at(place), place)
            })
            .collect();
        places.extend(best_by_codes(snapshot, sought, &code_query, shortlist, &self.missing, passes));
        // In a damaged file, nodes may have the same row.
        places.sort_unstable_by_key(|&(id, _)| id);
        places.dedup_by_key(|&mut (id, _)| id);
        exact::search_places(snapshot, sought, k, &places)
    }

    /// The best nodes that a walk finds.
    fn walk(&self, codes: &Codes<'_>, query: &CodeQuery, ef: usize, accept: Option<Accept<'_>>) -> Vec<Found> {
        if !self.was_walked.swap(true, Ordering::Relaxed)
            && plan::copies_first(self.nodes() as usize * codes.code_len(), ef)
            && let Some(found) = self.walk_copying(codes, query, ef, accept)
        {
            return found;
        }
        self.searcher.search(&self.file.layers(), codes, query, ef, accept)
    }

    /// The same nodes, by a walk that copies the rows and links that it looks at; `None` if some cannot be read.
    fn walk_copying(
        &self,
        codes: &Codes<'_>,
        query: &CodeQuery,
        ef: usize,
        accept: Option<Accept<'_>>,
    ) -> Option<Vec<Found>> {
        let failed = Cell::new(false);
        let rows = CopiedRows::new(codes, &failed);
        let links = CopiedLinks::new(&self.file, &failed);
        let found = self.searcher.search_over(&self.file.layers(), &links, &rows, query, ef, accept);
        (!failed.get()).then_some(found)
    }
}

/// The best `count` of some rows, as far as their codes tell.
fn best_by_codes(
    snapshot: &Snapshot,
    sought: Sought<'_>,
    query: &CodeQuery,
    count: usize,
    places: &[(u64, Place)],
    passes: impl Fn(u64) -> bool,
) -> Vec<(u64, Place)> {
    let passing = places.iter().copied().filter(|&(id, _)| passes(id));
    if places.len() <= count {
        return passing.collect();
    }
    let score = |place: Place| match snapshot.segments()[place.segment as usize].codes(place.row as usize) {
        Some((codes, scale)) => query.scale() * scale * query.dot(codes) as f32 - sought.penalty(snapshot, place),
        // A row without codes is scored by itself.
        None => f32::INFINITY,
    };
    let mut scored: Vec<(Reverse<i32>, u64, Place)> =
        passing.map(|(id, place)| (Reverse(ordered(score(place))), id, place)).collect();
    if scored.len() > count {
        scored.select_nth_unstable_by_key(count, |&(score, id, _)| (score, id));
        scored.truncate(count);
    }
    scored.into_iter().map(|(_, id, place)| (id, place)).collect()
}

/// A number that is ordered like a float (`f32::total_cmp`).
fn ordered(score: f32) -> i32 {
    let bits = score.to_bits() as i32;
    bits ^ (((bits >> 31) as u32) >> 1) as i32
}

/// Opens the file that the manifest names.
///
/// # Errors
/// As [`Graph::open`].
pub(crate) fn open_file(layout: &Layout, entry: &GraphEntry) -> Result<GraphFile, IndexError> {
    let file = GraphFile::open(&layout.graph(entry.file)).map_err(|error| unusable(layout, error))?;
    if file.content_crc() != entry.header_crc32 {
        let reason = "it is not the file named by the manifest".into();
        return Err(IndexError::Graph { dir: layout.graphs(), reason });
    }
    Ok(file)
}

fn unusable(layout: &Layout, error: IndexError) -> IndexError {
    match error {
        error @ IndexError::Graph { .. } => error,
        // It may be whole: the system did not let us look.
        error @ IndexError::Io { .. } if !error.is_missing_file() && !error.is_unreadable_file() => error,
        other => IndexError::Graph { dir: layout.graphs(), reason: other.to_string() },
    }
}

/// The removed ids that no node of a stored graph has: their rows are not needed any more.
///
/// # Errors
/// As [`Graph::open`].
pub(crate) fn unreferenced(
    layout: &Layout,
    entry: &GraphEntry,
    removed: &RoaringTreemap,
) -> Result<RoaringTreemap, IndexError> {
    if removed.is_empty() {
        return Ok(RoaringTreemap::new());
    }
    let file = open_file(layout, entry)?;
    Ok(removed.iter().filter(|id| file.ids().binary_search(id).is_err()).collect())
}

/// How much of the index a stored graph covers.
pub(crate) fn status(snapshot: &Snapshot, file: &GraphFile) -> GraphStatus {
    // All rows that were there when the graph was built have lesser ids than those that came later.
    let last = file.ids().last().copied().unwrap_or(0);
    // Most files have older rows only, which their ends tell: a search of them would touch pages that nothing else needs.
    let newer = |segment: &Arc<Segment>| match segment.last_id() <= last {
        true => 0,
        false => segment.len() - segment.ids().partition_point(|&id| id <= last),
    };
    let newer: u64 = snapshot.segments().iter().map(|segment| newer(segment) as u64).sum();
    let newer_removed = snapshot.deleted().len() - snapshot.deleted().rank(last);
    let missing = newer.saturating_sub(newer_removed).min(snapshot.live());
    let nodes = file.ids().len() as u64;
    GraphStatus { nodes, removed: nodes.saturating_sub(snapshot.live() - missing), missing }
}

/// What a stored graph is good for.
#[derive(Debug)]
pub(crate) struct Coverage {
    status: GraphStatus,
    same_parameters: bool,
}

impl Coverage {
    /// Compares the checksums of a part of the file: this is asked in every update, most of which change next to nothing, and
    /// the graph of a million photos has 200 MB. Who adds to a graph compares all.
    ///
    /// # Errors
    /// As [`Graph::open`].
    pub(crate) fn of(snapshot: &Snapshot, entry: &GraphEntry, options: &GraphOptions) -> Result<Coverage, IndexError> {
        let graph = Graph::open(snapshot, entry)?;
        graph.file.verify_a_part().map_err(|error| unusable(snapshot.layout(), error))?;
        let same_parameters = graph.file.parameters() == options.parameters();
        Ok(Coverage { status: status(snapshot, &graph.file), same_parameters })
    }

    pub(crate) fn suffices(&self, options: &GraphOptions) -> bool {
        let GraphStatus { nodes, missing, .. } = self.status;
        self.may_be_extended(options) && missing as f64 <= options.max_missing * nodes as f64
    }

    pub(crate) fn may_be_extended(&self, options: &GraphOptions) -> bool {
        let GraphStatus { nodes, removed, .. } = self.status;
        self.same_parameters && removed as f64 <= options.max_removed * nodes as f64
    }
}
