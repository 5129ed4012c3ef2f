//! Exact search: the score of every row, the best k kept.

use clip_kernels::Isa;
use rayon::prelude::*;
use roaring::RoaringTreemap;

use crate::best::Best;
use crate::candidates::{Block, PARALLEL_BYTES, blocks, places_of};
use crate::plan::follows_filter;
use crate::snapshot::{Place, Snapshot};
use crate::sought::Sought;
use crate::status::Neighbour;

/// Rows that one task scores.
const BLOCK: usize = 1024;

/// The best `k` live rows, best first; equal scores in ascending order of ids.
pub(crate) fn search(
    snapshot: &Snapshot,
    sought: Sought<'_>,
    k: usize,
    filter: Option<&RoaringTreemap>,
) -> Vec<Neighbour> {
    if k == 0 {
        return Vec::new();
    }
    match filter {
        Some(filter) if follows_filter(snapshot.rows(), filter.len(), size_of_val(sought.vector) / 2) => {
            search_places(snapshot, sought, k, &places_of(snapshot, filter))
        }
        _ => search_all(snapshot, sought, k, filter),
    }
}

/// The best `k` of the given rows.
pub(crate) fn search_places(
    snapshot: &Snapshot,
    sought: Sought<'_>,
    k: usize,
    places: &[(u64, Place)],
) -> Vec<Neighbour> {
    let isa = Isa::best();
    let score = |best: &mut Best, places: &[(u64, Place)]| {
        for &(id, place) in places {
            best.offer(id, snapshot.row(place).dot(isa, sought.vector) - sought.penalty(snapshot, place));
        }
    };
    if k == 0 {
        return Vec::new();
    }
    if size_of_val(sought.vector) * places.len() < PARALLEL_BYTES {
        let mut best = Best::new(k);
        score(&mut best, places);
        return best.into_sorted();
    }
    collect(k, places.par_chunks(BLOCK), |best, places| score(best, places))
}

fn search_all(snapshot: &Snapshot, sought: Sought<'_>, k: usize, filter: Option<&RoaringTreemap>) -> Vec<Neighbour> {
    let isa = Isa::best();
    let score = |best: &mut Best, block: &Block| {
        let segment = &snapshot.segments()[block.segment];
        let ids = &segment.ids()[block.rows.clone()];
        let rows = segment.rows(block.rows.clone()).split(sought.vector.len());
        let penalties = sought.penalties(snapshot, block.segment);
        for ((row, &id), position) in rows.zip(ids).zip(block.rows.clone()) {
            let penalty = penalties.map_or(0.0, |penalties| penalties.of(position));
            let score = row.dot(isa, sought.vector) - penalty;
            // Asked last: looking an id up in a set costs as much as a short dot product.
            if best.wants(id, score)
                && snapshot.is_live_at(block.segment, position)
                && filter.is_none_or(|filter| filter.contains(id))
            {
                best.offer(id, score);
            }
        }
    };
    let blocks = blocks(snapshot, BLOCK);
    if size_of_val(sought.vector) as u64 * snapshot.rows() < PARALLEL_BYTES as u64 {
        let mut best = Best::new(k);
        blocks.iter().for_each(|block| score(&mut best, block));
        return best.into_sorted();
    }
    collect(k, blocks.par_iter(), |best, block| score(best, block))
}

fn collect<T: Send>(
    k: usize,
    parts: impl ParallelIterator<Item = T>,
    score: impl Fn(&mut Best, T) + Sync + Send,
) -> Vec<Neighbour> {
    parts
        .fold(
            || Best::new(k),
            |mut best, part| {
                score(&mut best, part);
                best
            },
        )
        .reduce(|| Best::new(k), Best::merge)
        .into_sorted()
}
