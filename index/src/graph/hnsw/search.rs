//! Searches through all layers.

use clip_kernels::similarity::CodeQuery;

use super::layers::{Layer, Layers, Links, Slot};
use super::scores::Scores;
use super::walk::{Found, Scorer, Scratches, descend, walk, walk_filtered};

/// Nodes of the layer above from which the lowest one is searched: one for each four candidates, within these bounds. In a
/// graph of a million nodes, 64 to 128 of them halve the candidates that are needed for the same recall, and 256 find single
/// words whose best lie in a burst that 128 miss (0.9978 instead of 0.9952 with 1,200 candidates); in one of 100,000, 16 do.
const STARTS: std::ops::RangeInclusive<usize> = 16..=256;

/// Searches graphs, with memory that is used again.
#[derive(Debug, Default)]
pub struct Searcher {
    scratches: Scratches,
}

impl Searcher {
    /// The best nodes that a walk with `ef` candidates finds, best first, `ef` of them if that many pass; only those
    /// that `accept` passes, if it is given.
    pub fn search<R: Scores, S: Slot>(
        &self,
        layers: &Layers<'_, S>,
        rows: &R,
        query: &CodeQuery,
        ef: usize,
        accept: Option<&dyn Fn(u32) -> bool>,
    ) -> Vec<Found> {
        let Some(lowest) = layers.layers.first() else { return Vec::new() };
        self.search_over(layers, *lowest, rows, query, ef, accept)
    }

    /// As [`Searcher::search`], with the links of the lowest layer from somewhere else.
    pub fn search_over<R: Scores, S: Slot, L: Links>(
        &self,
        layers: &Layers<'_, S>,
        lowest: L,
        rows: &R,
        query: &CodeQuery,
        ef: usize,
        accept: Option<&dyn Fn(u32) -> bool>,
    ) -> Vec<Found> {
        let scorer = Scorer { rows, query };
        // The layer above the lowest is looked at a little more widely: best-first search may not come out of a burst
        // of near-duplicates with more members than it has candidates, so it should begin at several.
        let above = usize::from(layers.layers.len() > 1);
        let Some((layer, start)) = arrive(layers, scorer, above) else { return Vec::new() };
        self.scratches.with(|scratch| {
            let (_, mut parts) = scratch.split();
            let mut starts = vec![start];
            if above > 0 {
                starts = walk(layer, scorer, &starts, (ef / 4).clamp(*STARTS.start(), *STARTS.end()), &mut parts);
                starts.iter_mut().for_each(|start| start.position = layer.node(start.position));
                starts.retain(|start| (start.position as usize) < lowest.len());
            }
            match accept {
                None => walk(lowest, scorer, &starts, ef, &mut parts),
                Some(accept) => walk_filtered(lowest, scorer, &starts, ef, accept, &mut parts),
            }
        })
    }
}

/// Goes down greedily from the entry to `level`; gives the layer and where in it one arrives. `None` if the graph is
/// empty or its entry is not where it should be.
pub fn arrive<'a, R: Scores, S: Slot>(
    layers: &Layers<'a, S>,
    scorer: Scorer<'_, R>,
    level: usize,
) -> Option<(Layer<'a, S>, Found)> {
    let is_there = |node: u32| ((node as usize) < scorer.rows.count()).then_some(node);
    let mut node = is_there(layers.entry)?;
    let mut score = scorer.score(node);
    for layer in layers.layers.get(level + 1..).unwrap_or_default().iter().rev() {
        // A damaged file may have a node in a layer, but not in the one below.
        let Some(position) = layer.position(node) else { continue };
        let found = descend(*layer, scorer, Found { position, score });
        node = is_there(layer.node(found.position))?;
        score = found.score;
    }
    let layer = *layers.layers.get(level)?;
    Some((layer, Found { position: layer.position(node)?, score }))
}
