//! The best of many scored rows.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::status::Neighbour;

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
    pub(crate) fn wants(&self, id: u64, score: f32) -> bool {
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

    pub(crate) fn merge(mut self, other: Best) -> Best {
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
