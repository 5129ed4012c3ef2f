//! The rows that come into question after a first look at all of them.

use std::cmp::Ordering;
use std::sync::atomic::{self, AtomicI32};

use crate::snapshot::Place;

/// A row and about what its score is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) score: f32,
    pub(crate) place: Place,
}

/// Better ones first; equal ones in the order of their places, which is that of their ids.
fn order(a: &Candidate, b: &Candidate) -> Ordering {
    let place = |candidate: &Candidate| (candidate.place.segment, candidate.place.row);
    b.score.total_cmp(&a.score).then_with(|| place(a).cmp(&place(b)))
}

/// The best `size` candidates of those that were offered. Which they are does not depend on the order in which they were
/// offered, nor on how they were divided among threads.
///
/// Candidates are gathered to twice the size, then the worse half goes. So each costs the same on average, however long
/// the list is, where a heap takes longer the longer it is.
#[derive(Debug)]
pub(crate) struct Shortlist {
    size: usize,
    candidates: Vec<Candidate>,
    /// No candidate with a lower score is among the best.
    floor: f32,
}

impl Shortlist {
    /// `size` must be at least 1.
    pub(crate) fn new(size: usize) -> Shortlist {
        Shortlist { size, candidates: Vec::new(), floor: f32::NEG_INFINITY }
    }

    /// Candidates with a lower score need not be offered. `shared` tells what other threads know about that, and is told
    /// what this list knows.
    pub(crate) fn floor(&mut self, shared: &SharedFloor) -> f32 {
        self.floor = shared.raise(self.floor);
        self.floor
    }

    /// The floor as far as this list alone knows.
    pub(crate) fn own_floor(&self) -> f32 {
        self.floor
    }

    pub(crate) fn offer(&mut self, score: f32, place: Place) {
        // A damaged row may have any score; it must neither win nor upset the order.
        let score = if score.is_nan() { f32::NEG_INFINITY } else { score };
        if score < self.floor {
            return;
        }
        self.candidates.push(Candidate { score, place });
        if self.candidates.len() >= self.size.saturating_mul(2) {
            self.shorten();
        }
    }

    pub(crate) fn merge(mut self, other: Shortlist) -> Shortlist {
        self.candidates.extend(other.candidates);
        self.floor = self.floor.max(other.floor);
        if self.candidates.len() > self.size {
            self.shorten();
        }
        self
    }

    /// The best, in the order of their places.
    pub(crate) fn into_places(mut self) -> Vec<Place> {
        if self.candidates.len() > self.size {
            self.shorten();
        }
        let mut places: Vec<Place> = self.candidates.iter().map(|candidate| candidate.place).collect();
        places.sort_unstable_by_key(|place| (place.segment, place.row));
        places
    }

    /// Keeps the best, of more than these.
    fn shorten(&mut self) {
        let (_, worst, _) = self.candidates.select_nth_unstable_by(self.size - 1, order);
        self.floor = self.floor.max(worst.score);
        self.candidates.truncate(self.size);
    }
}

/// The highest floor of several lists. Each list's floor holds for all: what is not among the best of a part is not among
/// the best of the whole.
#[derive(Debug)]
pub(crate) struct SharedFloor(AtomicI32);

impl SharedFloor {
    pub(crate) fn new() -> SharedFloor {
        SharedFloor(AtomicI32::new(to_ordered(f32::NEG_INFINITY)))
    }

    /// Raises it to at least `floor`, and says what it is then.
    fn raise(&self, floor: f32) -> f32 {
        let mine = to_ordered(floor);
        // Read first: most of the time there is nothing to write, and lines that nobody writes are shared.
        let theirs = self.0.load(atomic::Ordering::Relaxed);
        if mine > theirs {
            self.0.fetch_max(mine, atomic::Ordering::Relaxed);
        }
        from_ordered(mine.max(theirs))
    }
}

/// Integers in the order of `f32::total_cmp`.
fn to_ordered(x: f32) -> i32 {
    let bits = x.to_bits() as i32;
    bits ^ (((bits >> 31) as u32) >> 1) as i32
}

fn from_ordered(x: i32) -> f32 {
    f32::from_bits((x ^ (((x >> 31) as u32) >> 1) as i32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(number: usize) -> Place {
        Place { segment: number as u32 / 10, row: number as u32 % 10 }
    }

    proptest! {
        #[test]
        fn the_best_are_kept_however_they_are_divided(
            // Few different scores, so that there are many equal ones.
            scores in prop::collection::vec(-5i8..5, 0..200),
            size in 1usize..30,
            parts in 1usize..5,
            seed: u64,
        ) {
            let mut expected: Vec<usize> = (0..scores.len()).collect();
            expected.sort_by_key(|&number| (-scores[number], number));
            expected.truncate(size);
            expected.sort_unstable();
            let expected: Vec<Place> = expected.into_iter().map(place).collect();
            let shared = SharedFloor::new();
            let mut lists: Vec<Shortlist> = (0..parts).map(|_| Shortlist::new(size)).collect();
            for (number, &score) in scores.iter().enumerate() {
                let list = &mut lists[(seed.rotate_left(number as u32 * 7) % parts as u64) as usize];
                if f32::from(score) >= list.floor(&shared) {
                    list.offer(f32::from(score), place(number));
                }
            }
            let merged = lists.into_iter().reduce(Shortlist::merge).unwrap();
            prop_assert_eq!(merged.into_places(), expected);
        }

        #[test]
        fn ordered_integers_are_in_the_order_of_floats(a: f32, b: f32) {
            prop_assert_eq!(to_ordered(a).cmp(&to_ordered(b)), a.total_cmp(&b));
            prop_assert_eq!(from_ordered(to_ordered(a)).to_bits(), a.to_bits());
        }
    }

    #[test]
    fn nan_comes_last() {
        let mut list = Shortlist::new(2);
        for (number, score) in [f32::NAN, 0.5, -1.0, -f32::NAN, 0.1].into_iter().enumerate() {
            list.offer(score, place(number));
        }
        assert_eq!(list.into_places(), [place(1), place(4)]);
    }
}
