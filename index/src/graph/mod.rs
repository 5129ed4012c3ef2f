//! The search graph: HNSW (Malkov and Yashunin, 2016, <https://arxiv.org/abs/1603.09320>) by the crate hnsw_rs.
//!
//! The graph is a cache over the vector files, which it refers to instead of copying: a node is a number, and
//! [`RowDistance`] finds its row. Rows that the graph lacks, because they are newer or because no path in it leads to
//! them, are scanned exactly besides; removed rows keep their nodes, so that paths lead through them, but are filtered
//! from results.

mod components;
mod distance;
mod dump;
#[allow(dead_code)]
mod hnsw;
mod layers;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hnsw_rs::hnsw::Hnsw;
use rayon::prelude::*;
use roaring::RoaringTreemap;

use crate::error::IndexError;
use crate::exact;
use crate::layout::Layout;
use crate::manifest::GraphEntry;
use crate::record::Neighbour;
use crate::snapshot::{Place, Snapshot};
use distance::{RowDistance, encode_query};
pub(crate) use dump::KIND;
use layers::Layers;

/// hnsw_rs can store graphs with this number of layers only.
const LAYERS: usize = 16;
/// Insertions between two looks at progress and cancellation.
const STEP: usize = 512;
/// A filter that leaves fewer than one node in this many is faster, and exact, without the graph.
const SELECTIVE: u64 = 8;

/// How a graph is built, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphOptions {
    /// Edges of a node in the upper layers; twice as many in the lowest one. 2 to 255.
    pub connections: usize,
    /// Candidates looked at for each inserted row. Words and pictures lie in different parts of the space, so queries
    /// come from far off: that takes more candidates than search among pictures alone.
    pub ef_construction: usize,
    /// With fewer photos no graph is built: an exact scan of that many takes less than a millisecond.
    pub min_photos: u64,
    /// Share of removed nodes past which the graph is built anew.
    pub max_removed: f64,
    /// Share of photos that may be missing from the graph before they are added to it.
    pub max_missing: f64,
    /// Photos that may be added to a graph, as a share of those that it was built of, before it is built anew. What is
    /// added to a stored graph hardly ever gets into its upper layers (hnsw_rs forgets how often it should), so that these
    /// become too few to lead anywhere near.
    pub max_growth: f64,
}

impl Default for GraphOptions {
    fn default() -> GraphOptions {
        GraphOptions {
            connections: 32,
            ef_construction: 200,
            min_photos: 1000,
            max_removed: 0.15,
            max_missing: 0.05,
            max_growth: 1.0,
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

/// A graph in memory, tied to the snapshot that it was loaded for.
pub(crate) struct Graph {
    hnsw: Hnsw<'static, u32, RowDistance>,
    parameters: Parameters,
    /// The id of each node, ascending.
    ids: Vec<u64>,
    /// Nodes that it was built with, before others were added.
    built: u64,
    /// Nodes that no path from most others leads to.
    stranded: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parameters {
    connections: usize,
    ef_construction: usize,
}

impl Parameters {
    fn new(options: &GraphOptions) -> Parameters {
        // hnsw_rs stores the number of connections in a byte, and ends the process over more than 256.
        Parameters {
            connections: options.connections.clamp(2, 255),
            ef_construction: options.ef_construction.clamp(1, 100_000),
        }
    }
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("nodes", &self.ids.len()).field("stranded", &self.stranded.len()).finish()
    }
}

/// Reports insertions done and to be done.
pub(crate) type Progress<'a> = &'a mut dyn FnMut(usize, usize);

impl Graph {
    /// Builds a graph of all live rows; `None` if cancelled.
    pub(crate) fn build(
        snapshot: &Snapshot,
        options: &GraphOptions,
        progress: Progress<'_>,
        cancel: &AtomicBool,
    ) -> Option<Graph> {
        let (ids, places): (Vec<u64>, Vec<Place>) = snapshot.live_from(0).unzip();
        let parameters = Parameters::new(options);
        let distance = RowDistance::new(snapshot, places);
        let mut hnsw = Hnsw::new(parameters.connections, ids.len(), LAYERS, parameters.ef_construction, distance);
        hnsw.set_extend_candidates(true);
        hnsw.set_keeping_pruned(true);
        let built = ids.len() as u64;
        let mut graph = Graph { hnsw, parameters, ids, built, stranded: Vec::new() };
        graph.insert_from(0, progress, cancel).then_some(graph)
    }

    /// Loads the stored graph and adds the live rows that it lacks; `None` if cancelled.
    pub(crate) fn extend(
        snapshot: &Snapshot,
        entry: &GraphEntry,
        progress: Progress<'_>,
        cancel: &AtomicBool,
    ) -> Result<Option<Graph>, IndexError> {
        let mut graph = dump::load(snapshot, entry, true)?;
        let old = graph.hnsw.get_nb_point();
        graph.hnsw.set_extend_candidates(true);
        graph.hnsw.set_keeping_pruned(true);
        Ok(graph.insert_from(old, progress, cancel).then_some(graph))
    }

    /// Loads the stored graph, after all its checksums were found to match.
    pub(crate) fn load(snapshot: &Snapshot, entry: &GraphEntry) -> Result<Graph, IndexError> {
        dump::load(snapshot, entry, false)
    }

    /// Writes the graph's files under the number `file`, synced.
    pub(crate) fn store(&self, layout: &Layout, dimension: usize, file: u64) -> Result<GraphEntry, IndexError> {
        dump::store(self, layout, dimension, file)
    }

    pub(crate) fn nodes(&self) -> u64 {
        self.ids.len() as u64
    }

    fn insert_from(&mut self, first: usize, progress: Progress<'_>, cancel: &AtomicBool) -> bool {
        let nodes = spread(first as u32..self.ids.len() as u32);
        let insert = |node: &u32| {
            if !cancel.load(Ordering::Relaxed) {
                self.hnsw.insert_slice((std::slice::from_ref(node), *node as usize));
            }
        };
        let mut layers = Layers::of(&self.hnsw);
        // The first node becomes the entry point: two at once would know nothing of each other.
        let (head, tail) = nodes.split_at(nodes.len().min(usize::from(first == 0)));
        head.iter().zip(&mut layers).for_each(|(node, _)| insert(node));
        let mut done = head.len();
        progress(done, nodes.len());
        for step in tail.chunks(STEP) {
            for (together, alone) in layers::pieces(step, &mut layers) {
                together.par_iter().for_each(insert);
                alone.into_iter().for_each(insert);
            }
            if cancel.load(Ordering::Relaxed) {
                return false;
            }
            done += step.len();
            progress(done, nodes.len());
        }
        self.stranded = components::stranded(&self.hnsw, self.ids.len());
        !cancel.load(Ordering::Relaxed)
    }
}

/// The nodes in an order in which neighbours lie far apart.
///
/// Photos of one burst have numbers that follow each other. Inserted side by side they would not see each other, and a
/// graph that begins with a few bursts has its first edges among near-duplicates.
fn spread(nodes: Range<u32>) -> Vec<u32> {
    let count = nodes.len() as u64;
    // Steps of the golden section leave no two numbers close for long (Knuth, volume 3, 6.4).
    let mut step = (count as f64 * 0.618_033_988_749_894_9) as u64;
    while gcd(step, count) > 1 {
        step += 1;
    }
    (0..count).map(|index| nodes.start + (index * step % count) as u32).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A loaded graph with what a search needs to know about the snapshot besides.
#[derive(Debug)]
pub(crate) struct GraphSearcher {
    graph: Graph,
    /// Ids in the graph that are not removed.
    live: RoaringTreemap,
    /// Live rows that a walk through the graph does not find.
    missing: Vec<(u64, Place)>,
}

impl GraphSearcher {
    pub(crate) fn new(snapshot: &Snapshot, graph: Graph) -> GraphSearcher {
        let live: RoaringTreemap = graph.ids.iter().filter(|&&id| !snapshot.deleted().contains(id)).collect();
        let after = graph.ids.last().map_or(0, |last| last + 1);
        let stranded = graph.stranded.iter().map(|&node| graph.ids[node as usize]);
        let missing =
            stranded.filter_map(|id| Some((id, snapshot.locate_live(id)?))).chain(snapshot.live_from(after)).collect();
        GraphSearcher { graph, live, missing }
    }

    /// The best `k` of the rows, best first: those that a walk with `ef` candidates finds, rescored exactly, and those
    /// that the graph lacks.
    pub(crate) fn search(
        &self,
        snapshot: &Snapshot,
        query: &[f32],
        k: usize,
        ef: usize,
        filter: Option<&RoaringTreemap>,
    ) -> Vec<Neighbour> {
        let ef = ef.max(k).max(1);
        let wanted = match filter {
            None => self.live.len(),
            Some(filter) => self.live.intersection_len(filter),
        };
        if ef as u64 >= wanted || wanted < self.graph.nodes() / SELECTIVE {
            return exact::search(snapshot, query, k, filter);
        }
        let passes = |id: u64| filter.is_none_or(|filter| filter.contains(id));
        let accept = |node: &usize| self.graph.ids.get(*node).is_some_and(|&id| self.live.contains(id) && passes(id));
        let all_pass = filter.is_none() && self.live.len() == self.graph.nodes();
        let found =
            self.graph.hnsw.search_filter(&encode_query(query), ef, ef, if all_pass { None } else { Some(&accept) });
        // A walk that ends early was caught in a corner of the graph from where it could not see the rest.
        if found.len() < ef {
            return exact::search(snapshot, query, k, filter);
        }
        let found = found.iter().filter_map(|node| {
            let id = *self.graph.ids.get(node.d_id)?;
            Some((id, snapshot.locate_live(id)?))
        });
        let mut places: Vec<(u64, Place)> =
            found.chain(self.missing.iter().copied().filter(|&(id, _)| passes(id))).collect();
        places.sort_unstable_by_key(|&(id, _)| id);
        places.dedup_by_key(|&mut (id, _)| id);
        exact::search_places(snapshot, query, k, &places)
    }
}

/// The ids in a stored graph: all that is needed to tell how much of the index it covers.
pub(crate) fn stored_ids(layout: &Layout, entry: &GraphEntry) -> Result<RoaringTreemap, IndexError> {
    dump::read_ids(layout, entry).map(|(_, ids)| ids)
}

/// Shared by all users of a snapshot: rows of segments, reachable by node.
type Rows = Arc<Vec<Place>>;

/// How much of the index a stored graph covers.
#[derive(Debug)]
pub(crate) struct Coverage {
    nodes: u64,
    built: u64,
    removed: u64,
    missing: u64,
    same_parameters: bool,
}

impl Coverage {
    /// Reads it from the graph's files, all checksums included.
    pub(crate) fn of(snapshot: &Snapshot, entry: &GraphEntry, options: &GraphOptions) -> Result<Coverage, IndexError> {
        let stored = dump::check(snapshot.layout(), entry)?;
        let removed = stored.ids.intersection_len(snapshot.deleted());
        Ok(Coverage {
            nodes: stored.ids.len(),
            built: stored.built,
            removed,
            missing: snapshot.live() - (stored.ids.len() - removed).min(snapshot.live()),
            same_parameters: stored.parameters == Parameters::new(options),
        })
    }

    pub(crate) fn suffices(&self, options: &GraphOptions) -> bool {
        self.may_be_extended(options) && self.missing as f64 <= options.max_missing * self.nodes as f64
    }

    pub(crate) fn may_be_extended(&self, options: &GraphOptions) -> bool {
        let added = (self.nodes + self.missing).saturating_sub(self.built);
        self.same_parameters
            && self.removed as f64 <= options.max_removed * self.nodes as f64
            && added as f64 <= options.max_growth * self.built as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_is_inserted_once_and_neighbours_lie_apart() {
        for (first, count) in [(0, 0), (0, 1), (7, 2), (0, 3), (5, 100), (0, 1000), (3, 65_536), (0, 99_991)] {
            let nodes = spread(first..first + count);
            assert!(nodes.windows(2).all(|pair| count < 100 || pair[0].abs_diff(pair[1]) > count / 4));
            let mut sorted = nodes;
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(first..first + count));
        }
    }
}
