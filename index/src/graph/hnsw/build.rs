//! Insertion of nodes.
//!
//! Nodes are inserted in batches. First, all nodes of a batch search the graph as it is and choose their neighbours;
//! then the links are set, those of different nodes at once. So nothing is locked, and the graph is the same with any
//! number of threads. Nodes of one batch do not see each other, so batches are small, and near-duplicates are in
//! different ones (`levels::insertion_order`).

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use clip_progress::{Progress, Steps};
use rayon::prelude::*;

use super::connect;
use super::layers::{Layer, Layers, NONE};
use super::levels::insertion_order;
use super::neighbours::{Candidate, diversify};
use super::scores::{CodeRows, MAX_NODES};
use super::search::arrive;
use super::unit::UnitRows;
use super::walk::{Found, Scorer, Scratch, Scratches, walk};

/// A batch is at most one in this many of the nodes that are there and of those to be inserted.
const BATCH_SHARE: usize = 32;
/// A batch has at most this many nodes.
const MAX_BATCH: usize = 1024;

/// How a graph is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Slots of a node in the lowest layer.
    pub lowest_slots: usize,
    /// Slots of a node in the layers above, and neighbours that it chooses when it is inserted.
    pub connections: usize,
    /// Candidates that a node chooses its neighbours from.
    pub ef_construction: usize,
    /// Above 1, more neighbours are kept; see [`diversify`].
    pub alpha: f32,
}

/// A layer that grows.
#[derive(Debug)]
struct Growing {
    /// The nodes, ascending; `None` in the lowest layer.
    nodes: Option<Vec<u32>>,
    len: usize,
    slots: Vec<AtomicU32>,
    width: usize,
}

impl Growing {
    fn view(&self) -> Layer<'_, AtomicU32> {
        match &self.nodes {
            None => Layer::lowest(self.len, &self.slots, self.width),
            Some(nodes) => Layer::upper(nodes, &self.slots, self.width),
        }
    }
}

/// A graph that nodes are inserted into.
#[derive(Debug)]
pub struct Builder<'a, R> {
    rows: UnitRows<'a, R>,
    parameters: Parameters,
    /// The uppermost layer of each node.
    levels: Vec<u8>,
    layers: Vec<Growing>,
    /// `NONE` while the graph is empty.
    entry: u32,
    scratches: Scratches,
}

/// The neighbours that a node has chosen in a layer.
struct Chosen {
    layer: usize,
    neighbours: Vec<Candidate>,
}

/// A link to be set from a node to a new one, by their positions.
#[derive(Clone, Copy)]
struct Backlink {
    from: u32,
    to: u32,
    similarity: f32,
}

impl<'a, R: CodeRows> Builder<'a, R> {
    /// An empty graph for all rows. `level` gives the uppermost layer of a node.
    pub fn new(rows: &'a R, parameters: Parameters, level: impl Fn(u32) -> usize) -> Self {
        let count = rows.len().min(MAX_NODES);
        let levels: Vec<u8> = (0..count as u32).map(|node| level(node).min(usize::from(u8::MAX)) as u8).collect();
        let top = levels.iter().copied().max().unwrap_or(0);
        let layers = (0..=top)
            .map(|at| {
                let nodes = || (0..count as u32).filter(|&node| levels[node as usize] >= at).collect();
                let nodes: Option<Vec<u32>> = (at > 0).then(nodes);
                let len = nodes.as_ref().map_or(count, Vec::len);
                // One slot stays free for a link that `connect` may have to add, so there are two at least.
                let width = if at == 0 { parameters.lowest_slots } else { parameters.connections }.max(2);
                let mut slots = Vec::new();
                slots.resize_with(len * width, || AtomicU32::new(NONE));
                Growing { nodes, len, slots, width }
            })
            .collect();
        Builder { rows: UnitRows::new(rows), parameters, levels, layers, entry: NONE, scratches: Scratches::default() }
    }

    /// As [`Builder::new`], with the nodes of `old`, which are the first of the rows, and their links. `None` if `old`
    /// was not built with these levels and parameters.
    pub fn extend(
        rows: &'a R,
        parameters: Parameters,
        level: impl Fn(u32) -> usize,
        old: &Layers<'_, u32>,
    ) -> Option<Self> {
        let mut builder = Builder::new(rows, parameters, level);
        let count = old.layers.first()?.len();
        if count > builder.levels.len() || old.layers.len() > builder.layers.len() {
            return None;
        }
        let old_levels = &builder.levels[..count];
        let top = old.layers.len() - 1;
        if old_levels.iter().copied().max() != Some(top as u8)
            || old_levels.get(old.entry as usize) != Some(&(top as u8))
        {
            return None;
        }
        for (old, layer) in old.layers.iter().zip(&builder.layers) {
            let nodes =
                layer.nodes.as_ref().map_or(count, |nodes| nodes.partition_point(|&node| (node as usize) < count));
            let same_nodes = (0..nodes as u32).all(|position| old.node(position) == layer.view().node(position));
            if old.len() != nodes || old.width() != layer.width || !same_nodes {
                return None;
            }
            for position in 0..nodes as u32 {
                set_links(layer.view().slots(position), old.neighbours(position));
            }
        }
        builder.entry = old.entry;
        Some(builder)
    }

    /// The graph as it is.
    pub fn layers(&self) -> Layers<'_, AtomicU32> {
        Layers { layers: self.layers.iter().map(Growing::view).collect(), entry: self.entry }
    }

    /// For each layer, the lowest first: its nodes, but for the lowest, and the slots of all of its nodes.
    pub fn parts(&self) -> impl Iterator<Item = (Option<&[u32]>, &[AtomicU32])> {
        self.layers.iter().map(|layer| (layer.nodes.as_deref(), layer.slots.as_slice()))
    }

    /// Inserts nodes that are not in the graph yet, and connects what is not connected; `false` if cancelled.
    /// `progress` gets the number of nodes inserted and to be inserted.
    pub fn insert(&mut self, nodes: Range<u32>, progress: &dyn Progress<Steps>, cancel: &AtomicBool) -> bool {
        let mut there = nodes.start as usize;
        let all = nodes.len();
        let order = insertion_order(nodes, |node| usize::from(self.levels[node as usize]));
        let mut rest = order.as_slice();
        let tell = |done: usize| progress.event(Steps { done: done as u64, total: all as u64 });
        tell(0);
        while let Some(&first) = rest.first() {
            // A node that is above all others is inserted alone: it is where the next ones begin.
            let is_above = self.entry == NONE || self.level(first) > self.level(self.entry);
            let share = there.min(all) / BATCH_SHARE;
            let size = if is_above { 1 } else { share.clamp(1, MAX_BATCH).min(rest.len()) };
            let (batch, after) = rest.split_at(size);
            self.insert_batch(batch);
            if is_above {
                self.entry = first;
            }
            if cancel.load(Ordering::Relaxed) {
                return false;
            }
            rest = after;
            there += size;
            tell(all - rest.len());
        }
        self.connect();
        true
    }

    fn level(&self, node: u32) -> usize {
        usize::from(self.levels[node as usize])
    }

    fn insert_batch(&self, batch: &[u32]) {
        let chosen: Vec<(u32, Vec<Chosen>)> =
            batch.par_iter().with_max_len(8).map(|&node| (node, self.choose(node))).collect();
        for (at, layer) in self.layers.iter().enumerate() {
            let view = layer.view();
            let mut backlinks = Vec::new();
            for (node, chosen) in &chosen {
                let (Some(chosen), Some(own)) = (chosen.iter().find(|chosen| chosen.layer == at), view.position(*node))
                else {
                    continue;
                };
                set_links(view.slots(own), chosen.neighbours.iter().map(|neighbour| neighbour.position));
                backlinks.extend(chosen.neighbours.iter().map(|neighbour| Backlink {
                    from: neighbour.position,
                    to: own,
                    similarity: neighbour.similarity,
                }));
            }
            if backlinks.is_empty() {
                break;
            }
            backlinks.sort_unstable_by_key(|link| (link.from, link.to));
            let groups: Vec<&[Backlink]> = backlinks.chunk_by(|a, b| a.from == b.from).collect();
            groups.par_iter().with_max_len(64).for_each(|group| self.link_back(view, group));
        }
    }

    /// Searches for a node's neighbours in all of its layers.
    fn choose(&self, node: u32) -> Vec<Chosen> {
        let layers = self.layers();
        if self.entry == NONE {
            return Vec::new();
        }
        let top = self.level(node).min(self.level(self.entry));
        self.scratches.with(|scratch| {
            let (codes, scale) = self.rows.codes(node);
            scratch.query.set_codes(codes, scale);
            let mut result = Vec::with_capacity(top + 1);
            let mut starts = Vec::new();
            for at in (0..=top).rev() {
                let (query, mut parts) = scratch.split();
                let scorer = Scorer { rows: &self.rows, query };
                if at == top {
                    starts.extend(arrive(&layers, scorer, at).map(|(_, start)| start));
                }
                let layer = layers.layers[at];
                let found = walk(layer, scorer, &starts, self.parameters.ef_construction, &mut parts);
                starts.clear();
                // The same nodes, in the layer below.
                if at > 0 {
                    let below = layers.layers[at - 1];
                    starts.extend(found.iter().filter_map(|found| {
                        let position = below.position(layer.node(found.position))?;
                        Some(Found { position, ..*found })
                    }));
                }
                let candidates: Vec<Candidate> = found
                    .into_iter()
                    .map(|found| Candidate {
                        position: found.position,
                        node: layer.node(found.position),
                        similarity: scale * found.score,
                    })
                    .collect();
                let mut neighbours = Vec::new();
                let Parameters { connections, alpha, .. } = self.parameters;
                diversify(&self.rows, &candidates, connections, alpha, query, &mut neighbours);
                query.set_codes(codes, scale);
                result.push(Chosen { layer: at, neighbours });
            }
            result
        })
    }

    /// Sets links from one node to new ones, and leaves out some if that is too many.
    fn link_back(&self, layer: Layer<'_, AtomicU32>, links: &[Backlink]) {
        let Some(from) = links.first().map(|link| link.from) else { return };
        let slots = layer.slots(from);
        let limit = slots.len() - 1;
        let used = slots.iter().take_while(|slot| slot.load(Ordering::Relaxed) != NONE).count();
        if used + links.len() <= limit {
            for (slot, link) in slots[used..].iter().zip(links) {
                slot.store(link.to, Ordering::Relaxed);
            }
            return;
        }
        self.scratches.with(|scratch: &mut Scratch| {
            let query = &mut scratch.query;
            let own = layer.node(from);
            let (codes, scale) = self.rows.codes(own);
            query.set_codes(codes, scale);
            layer.neighbours(from).for_each(|position| self.rows.prefetch(layer.node(position)));
            let scorer = Scorer { rows: &self.rows, query };
            let mut candidates: Vec<Candidate> = layer
                .neighbours(from)
                .map(|position| {
                    let node = layer.node(position);
                    Candidate { position, node, similarity: scale * scorer.score(node) }
                })
                .collect();
            candidates.extend(links.iter().map(|link| Candidate {
                position: link.to,
                node: layer.node(link.to),
                similarity: link.similarity,
            }));
            candidates.sort_unstable_by(|a, b| {
                b.similarity.total_cmp(&a.similarity).then_with(|| a.position.cmp(&b.position))
            });
            let mut kept = Vec::with_capacity(limit);
            diversify(&self.rows, &candidates, limit, self.parameters.alpha, query, &mut kept);
            set_links(slots, kept.iter().map(|kept| kept.position));
        });
    }

    fn connect(&self) {
        connect::connect(&self.rows, &self.layers(), &self.scratches);
    }
}

/// Puts links into a node's slots, as many as there is room for, and clears the others.
fn set_links(slots: &[AtomicU32], links: impl Iterator<Item = u32>) {
    let links = links.chain(std::iter::repeat(NONE));
    slots.iter().zip(links).for_each(|(slot, link)| slot.store(link, Ordering::Relaxed));
}
