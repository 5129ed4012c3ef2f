//! Results of threads, one after the other as the work has them.

use std::collections::BTreeMap;

/// Holds what comes too early until its turn.
#[derive(Debug)]
pub(crate) struct InOrder<T> {
    next: usize,
    early: BTreeMap<usize, T>,
}

impl<T> InOrder<T> {
    /// Begins with place 0.
    pub fn new() -> InOrder<T> {
        InOrder { next: 0, early: BTreeMap::new() }
    }

    /// Takes the result for a place.
    pub fn put(&mut self, place: usize, result: T) {
        self.early.insert(place, result);
    }

    /// The result whose turn it is, with its place.
    pub fn next(&mut self) -> Option<(usize, T)> {
        let result = self.early.remove(&self.next)?;
        self.next += 1;
        Some((self.next - 1, result))
    }

    /// Takes back what [`next`](InOrder::next) returned last: it is not ready after all.
    pub fn put_back(&mut self, place: usize, result: T) {
        self.early.insert(place, result);
        self.next = place;
    }

    /// Takes out a result before its turn, for another to be put in its place.
    pub fn take(&mut self, place: usize) -> Option<T> {
        self.early.remove(&place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(results: &mut InOrder<char>) -> Vec<(usize, char)> {
        std::iter::from_fn(|| results.next()).collect()
    }

    #[test]
    fn results_come_in_the_order_of_their_places() {
        let mut results = InOrder::new();
        results.put(1, 'b');
        assert_eq!(ready(&mut results), []);
        results.put(3, 'd');
        results.put(0, 'a');
        assert_eq!(ready(&mut results), [(0, 'a'), (1, 'b')]);
        results.put(2, 'c');
        assert_eq!(ready(&mut results), [(2, 'c'), (3, 'd')]);
    }

    #[test]
    fn what_is_put_back_is_next_again_and_what_is_taken_out_is_waited_for() {
        let mut results = InOrder::new();
        results.put(0, 'a');
        let (place, result) = results.next().unwrap();
        results.put_back(place, result);
        assert_eq!(results.take(0), Some('a'));
        assert_eq!((results.take(5), ready(&mut results)), (None, vec![]));
        results.put(0, 'A');
        assert_eq!(ready(&mut results), [(0, 'A')]);
    }
}
