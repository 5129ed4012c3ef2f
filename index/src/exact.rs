//! Exact search: every row's dot product, the best k kept.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::ops::Range;

use rayon::prelude::*;
use roaring::RoaringTreemap;

use crate::dot::dot;
use crate::snapshot::{Place, Snapshot};
use crate::status::Neighbour;

/// Rows that one task scores.
const BLOCK: usize = 1024;
/// Below this many multiplications, waking other threads costs more than it saves.
const PARALLEL: usize = 1 << 20;
/// A filter that lets fewer than one row in this many pass is followed id by id instead of asked for each row.
const SELECTIVE: u64 = 8;

/// The best `k` live rows, best first; equal scores in ascending order of ids.
pub(crate) fn search(snapshot: &Snapshot, query: &[f32], k: usize, filter: Option<&RoaringTreemap>) -> Vec<Neighbour> {
    if k == 0 {
        return Vec::new();
    }
    match filter {
        Some(filter) if filter.len() < snapshot.rows() / SELECTIVE => {
            let places: Vec<(u64, Place)> =
                filter.iter().filter_map(|id| Some((id, snapshot.locate_live(id)?))).collect();
            search_places(snapshot, query, k, &places)
        }
        _ => search_all(snapshot, query, k, filter),
    }
}

/// The best `k` of the given rows.
pub(crate) fn search_places(snapshot: &Snapshot, query: &[f32], k: usize, places: &[(u64, Place)]) -> Vec<Neighbour> {
    let score = |best: &mut Best, places: &[(u64, Place)]| {
        for &(id, place) in places {
            best.offer(id, dot(query, snapshot.row(place)));
        }
    };
    if places.len() * query.len() < PARALLEL {
        let mut best = Best::new(k);
        score(&mut best, places);
        return best.into_sorted();
    }
    collect(k, places.par_chunks(BLOCK), |best, places| score(best, places))
}

fn search_all(snapshot: &Snapshot, query: &[f32], k: usize, filter: Option<&RoaringTreemap>) -> Vec<Neighbour> {
    let blocks: Vec<(usize, Range<usize>)> = snapshot
        .segments()
        .iter()
        .enumerate()
        .flat_map(|(index, segment)| {
            let count = segment.len();
            (0..count).step_by(BLOCK).map(move |start| (index, start..count.min(start + BLOCK)))
        })
        .collect();
    let score = |best: &mut Best, (index, range): &(usize, Range<usize>)| {
        let segment = &snapshot.segments()[*index];
        let ids = &segment.ids()[range.clone()];
        let rows = &segment.rows()[range.start * query.len()..range.end * query.len()];
        for ((row, &id), position) in rows.chunks_exact(query.len()).zip(ids).zip(range.clone()) {
            let score = dot(query, row);
            // Asked last: looking an id up in a set costs as much as a short dot product.
            if best.wants(id, score)
                && snapshot.is_live_at(*index, position)
                && filter.is_none_or(|filter| filter.contains(id))
            {
                best.offer(id, score);
            }
        }
    };
    if snapshot.rows() as usize * query.len() < PARALLEL {
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

/// The best `k` seen so far. Which they are does not depend on the order in which they are offered.
pub(crate) struct Best {
    k: usize,
    /// The worst on top.
    heap: BinaryHeap<Reverse<Ranked>>,
}

impl Best {
    pub(crate) fn new(k: usize) -> Best {
        Best { k, heap: BinaryHeap::new() }
    }

    /// Would [`Best::offer`] keep this one?
    fn wants(&self, id: u64, score: f32) -> bool {
        self.heap.len() < self.k || self.heap.peek().is_some_and(|worst| Ranked::new(id, score) > worst.0)
    }

    pub(crate) fn offer(&mut self, id: u64, score: f32) {
        if !self.wants(id, score) {
            return;
        }
        if self.heap.len() == self.k {
            self.heap.pop();
        }
        self.heap.push(Reverse(Ranked::new(id, score)));
    }

    fn merge(mut self, other: Best) -> Best {
        for Reverse(Ranked(neighbour)) in other.heap {
            self.offer(neighbour.id, neighbour.score);
        }
        self
    }

    pub(crate) fn into_sorted(self) -> Vec<Neighbour> {
        // Ascending order of `Reverse` is descending order of what is inside.
        self.heap.into_sorted_vec().into_iter().map(|Reverse(Ranked(neighbour))| neighbour).collect()
    }
}

/// Ordered by score, then by descending id: the greater one comes first in results.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ranked(Neighbour);

impl Ranked {
    fn new(id: u64, score: f32) -> Ranked {
        // A damaged row may hold anything; it must neither win nor upset the order.
        let score = if score.is_nan() { f32::NEG_INFINITY } else { score };
        Ranked(Neighbour { id, score })
    }
}

impl Eq for Ranked {}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        self.0.score.total_cmp(&other.0.score).then_with(|| other.0.id.cmp(&self.0.id))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(k: usize, offers: &[(u64, f32)]) -> Vec<u64> {
        let mut best = Best::new(k);
        offers.iter().for_each(|&(id, score)| best.offer(id, score));
        best.into_sorted().iter().map(|neighbour| neighbour.id).collect()
    }

    #[test]
    fn equal_scores_come_in_the_order_of_ids() {
        assert_eq!(best(3, &[(5, 0.5), (2, 0.5), (9, 0.5), (1, 0.1), (7, 0.9)]), [7, 2, 5]);
        assert_eq!(best(3, &[(7, 0.9), (1, 0.1), (9, 0.5), (2, 0.5), (5, 0.5)]), [7, 2, 5]);
    }

    #[test]
    fn fewer_than_k_and_k_zero() {
        assert_eq!(best(10, &[(1, 0.1), (2, 0.2)]), [2, 1]);
        assert!(best(0, &[(1, 0.1)]).is_empty());
    }

    #[test]
    fn nan_comes_last() {
        assert_eq!(best(3, &[(1, f32::NAN), (2, -1.0), (3, 0.0)]), [3, 2, 1]);
        assert_eq!(best(2, &[(1, -f32::NAN), (2, -1.0), (3, 0.0)]), [3, 2]);
    }
}
