//! Exact search: the dot product with every row, the best k kept.

use clip_kernels::Isa;
use rayon::prelude::*;
use roaring::RoaringTreemap;

use crate::best::Best;
use crate::candidates::{Block, PARALLEL_BYTES, blocks, places_of};
use crate::snapshot::{Place, Snapshot};
use crate::status::Neighbour;

/// Rows that one task scores.
const BLOCK: usize = 1024;
/// A filter that lets fewer than one row in this many pass is followed id by id instead of asked for each row.
const SELECTIVE: u64 = 8;

/// The best `k` live rows, best first; equal scores in ascending order of ids.
pub(crate) fn search(snapshot: &Snapshot, query: &[f32], k: usize, filter: Option<&RoaringTreemap>) -> Vec<Neighbour> {
    if k == 0 {
        return Vec::new();
    }
    match filter {
        Some(filter) if filter.len() < snapshot.rows() / SELECTIVE => {
            search_places(snapshot, query, k, &places_of(snapshot, filter))
        }
        _ => search_all(snapshot, query, k, filter),
    }
}

/// The best `k` of the given rows.
pub(crate) fn search_places(snapshot: &Snapshot, query: &[f32], k: usize, places: &[(u64, Place)]) -> Vec<Neighbour> {
    let isa = Isa::best();
    let score = |best: &mut Best, places: &[(u64, Place)]| {
        for &(id, place) in places {
            best.offer(id, snapshot.row(place).dot(isa, query));
        }
    };
    if k == 0 {
        return Vec::new();
    }
    if size_of_val(query) * places.len() < PARALLEL_BYTES {
        let mut best = Best::new(k);
        score(&mut best, places);
        return best.into_sorted();
    }
    collect(k, places.par_chunks(BLOCK), |best, places| score(best, places))
}

fn search_all(snapshot: &Snapshot, query: &[f32], k: usize, filter: Option<&RoaringTreemap>) -> Vec<Neighbour> {
    let isa = Isa::best();
    let score = |best: &mut Best, block: &Block| {
        let segment = &snapshot.segments()[block.segment];
        let ids = &segment.ids()[block.rows.clone()];
        let rows = segment.rows(block.rows.clone()).split(query.len());
        for ((row, &id), position) in rows.zip(ids).zip(block.rows.clone()) {
            let score = row.dot(isa, query);
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
    if size_of_val(query) as u64 * snapshot.rows() < PARALLEL_BYTES as u64 {
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
