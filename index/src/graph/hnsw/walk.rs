//! Best-first search in one layer.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Mutex;

use clip_kernels::Isa;
use clip_kernels::similarity::CodeQuery;

use super::layers::{Layer, Links, Slot};
use super::scores::{MAX_NODES, Scores};

/// A node that a search has found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Its position in the layer.
    pub position: u32,
    /// The dot product of its codes with those of the query, times its scale: the similarity, but for the query's
    /// scale.
    pub score: f32,
}

/// A node with its score, in one number that is ordered like it: by score, equal ones by position, the lower the
/// better. The lowest bit is free for a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    const MARK: u64 = 1;

    #[inline(always)]
    fn new(score: f32, position: u32) -> Key {
        // The bits of a float are ordered like the numbers once those of negative ones are reversed (`f32::total_cmp`).
        let bits = score.to_bits();
        let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
        Key(u64::from(ordered) << 32 | u64::from(MAX_NODES as u32 - 1 - position) << 1)
    }

    fn found(self) -> Found {
        let ordered = (self.0 >> 32) as u32;
        let bits = if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered };
        Found { position: self.position(), score: f32::from_bits(bits) }
    }

    #[inline(always)]
    fn position(self) -> u32 {
        MAX_NODES as u32 - 1 - ((self.0 as u32) >> 1)
    }

    fn is_marked(self) -> bool {
        self.0 & Key::MARK != 0
    }
}

/// The best candidates, best first. Those whose neighbours were looked at are marked.
#[derive(Debug, Default)]
struct Pool {
    keys: Vec<Key>,
    limit: usize,
    /// Before it, all are marked.
    next: usize,
}

impl Pool {
    fn clear(&mut self, limit: usize) {
        self.keys.clear();
        self.limit = limit;
        self.next = 0;
    }

    #[inline]
    fn offer(&mut self, key: Key) {
        if self.keys.len() == self.limit {
            if self.keys.last().is_some_and(|worst| key <= *worst) {
                return;
            }
            self.keys.pop();
        }
        let at = self.keys.partition_point(|&other| other > key);
        self.keys.insert(at, key);
        self.next = self.next.min(at);
    }

    /// The best one without a mark, which gets one.
    fn take(&mut self) -> Option<u32> {
        self.skip_marked();
        let key = self.keys.get_mut(self.next)?;
        key.0 |= Key::MARK;
        Some(key.position())
    }

    /// The one that comes after.
    fn peek(&mut self) -> Option<u32> {
        self.skip_marked();
        self.keys.get(self.next).map(|key| key.position())
    }

    fn skip_marked(&mut self) {
        while self.keys.get(self.next).is_some_and(|key| key.is_marked()) {
            self.next += 1;
        }
    }
}

/// Which nodes were seen: one bit each. Only what was touched is cleared, so that a search in a large graph costs no
/// more than one in a small graph.
#[derive(Debug, Default)]
struct Visited {
    words: Vec<u64>,
    touched: Vec<u32>,
}

impl Visited {
    fn clear(&mut self, len: usize) {
        for &word in &self.touched {
            self.words[word as usize] = 0;
        }
        self.touched.clear();
        let words = len.div_ceil(64);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
    }

    /// True the first time.
    #[inline(always)]
    fn insert(&mut self, position: u32) -> bool {
        let index = position / 64;
        let word = &mut self.words[index as usize];
        if *word == 0 {
            self.touched.push(index);
        }
        let bit = 1 << (position % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// The memory of a search, used again by the next one.
#[derive(Debug)]
pub struct Scratch {
    pool: Pool,
    visited: Visited,
    /// Neighbours to be scored.
    batch: Vec<u32>,
    /// With a filter: nodes whose neighbours were not looked at yet, best first, and the best of those that pass, worst
    /// first.
    open: BinaryHeap<Key>,
    passed: BinaryHeap<Reverse<Key>>,
    /// A row as the query.
    pub query: CodeQuery,
}

impl Scratch {
    pub fn new() -> Scratch {
        Scratch {
            pool: Pool::default(),
            visited: Visited::default(),
            batch: Vec::new(),
            open: BinaryHeap::new(),
            passed: BinaryHeap::new(),
            query: CodeQuery::from_codes(Isa::best(), &[], 0.0),
        }
    }
}

/// Scratches that are not in use.
#[derive(Debug, Default)]
pub struct Scratches(Mutex<Vec<Scratch>>);

impl Scratches {
    pub fn with<T>(&self, use_it: impl FnOnce(&mut Scratch) -> T) -> T {
        let lock = || self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let pooled = lock().pop();
        let mut scratch = pooled.unwrap_or_else(Scratch::new);
        let result = use_it(&mut scratch);
        lock().push(scratch);
        result
    }
}

/// Rows scored against a query.
pub struct Scorer<'a, R> {
    pub rows: &'a R,
    pub query: &'a CodeQuery,
}

impl<R> Clone for Scorer<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Scorer<'_, R> {}

impl<R: Scores> Scorer<'_, R> {
    #[inline(always)]
    pub fn score(&self, node: u32) -> f32 {
        self.rows.score(node, self.query)
    }
}

/// Goes from `start` to better and better neighbours until there is none.
pub fn descend<R: Scores, S: Slot>(layer: Layer<'_, S>, scorer: Scorer<'_, R>, start: Found) -> Found {
    let count = scorer.rows.count();
    let is_there = |&position: &u32| (layer.node(position) as usize) < count;
    let mut best = start;
    loop {
        let from = best;
        layer.neighbours(from.position).filter(is_there).for_each(|link| scorer.rows.ask_for(layer.node(link)));
        for position in layer.neighbours(from.position).filter(is_there) {
            let score = scorer.score(layer.node(position));
            if score > best.score {
                best = Found { position, score };
            }
        }
        if best.position == from.position {
            return best;
        }
    }
}

/// Looks at the neighbours of the best candidates until the `ef` best ones are all looked at. Gives them best first.
pub fn walk<R: Scores, L: Links>(
    layer: L,
    scorer: Scorer<'_, R>,
    starts: &[Found],
    ef: usize,
    scratch: &mut Walk<'_>,
) -> Vec<Found> {
    let Walk { pool, visited, batch, .. } = scratch;
    visited.clear(layer.len());
    pool.clear(ef.max(1));
    for start in starts {
        if visited.insert(start.position) {
            pool.offer(Key::new(start.score, start.position));
        }
    }
    while let Some(position) = pool.take() {
        unseen(layer, scorer, position, visited, batch);
        if let Some(next) = pool.peek() {
            layer.ask_for(next);
        }
        for &position in batch.iter() {
            pool.offer(Key::new(scorer.score(layer.node(position)), position));
        }
    }
    pool.keys.iter().map(|key| key.found()).collect()
}

/// As [`walk`], but gives only nodes that pass: the others are gone through.
pub fn walk_filtered<R: Scores, L: Links>(
    layer: L,
    scorer: Scorer<'_, R>,
    starts: &[Found],
    ef: usize,
    accept: &dyn Fn(u32) -> bool,
    scratch: &mut Walk<'_>,
) -> Vec<Found> {
    let Walk { pool, visited, batch, open, passed } = scratch;
    let ef = ef.max(1);
    visited.clear(layer.len());
    open.clear();
    passed.clear();
    batch.clear();
    batch.extend(starts.iter().map(|start| start.position).filter(|&position| visited.insert(position)));
    loop {
        for &position in batch.iter() {
            let node = layer.node(position);
            let key = Key::new(scorer.score(node), position);
            if passed.len() == ef && passed.peek().is_some_and(|worst| key <= worst.0) {
                continue;
            }
            open.push(key);
            if accept(node) {
                if passed.len() == ef {
                    passed.pop();
                }
                passed.push(Reverse(key));
            }
        }
        match open.pop() {
            Some(best) if passed.len() < ef || passed.peek().is_none_or(|worst| best > worst.0) => {
                unseen(layer, scorer, best.position(), visited, batch);
                if let Some(next) = open.peek() {
                    layer.ask_for(next.position());
                }
            }
            _ => break,
        }
    }
    pool.keys.clear();
    pool.keys.extend(passed.drain().map(|Reverse(key)| key));
    pool.keys.sort_unstable_by(|a, b| b.cmp(a));
    pool.keys.iter().map(|key| key.found()).collect()
}

/// The parts of a [`Scratch`] that a walk changes.
pub struct Walk<'a> {
    pool: &'a mut Pool,
    visited: &'a mut Visited,
    batch: &'a mut Vec<u32>,
    open: &'a mut BinaryHeap<Key>,
    passed: &'a mut BinaryHeap<Reverse<Key>>,
}

impl Scratch {
    /// The query beside what a walk changes.
    pub fn split(&mut self) -> (&mut CodeQuery, Walk<'_>) {
        let Scratch { pool, visited, batch, open, passed, query } = self;
        (query, Walk { pool, visited, batch, open, passed })
    }
}

/// Puts the neighbours that were not seen yet into `batch`, and asks for their rows.
#[inline(always)]
fn unseen<R: Scores, L: Links>(
    layer: L,
    scorer: Scorer<'_, R>,
    position: u32,
    visited: &mut Visited,
    batch: &mut Vec<u32>,
) {
    let count = scorer.rows.count();
    batch.clear();
    layer.visit(position, |link| {
        let node = layer.node(link);
        if (node as usize) < count && visited.insert(link) {
            scorer.rows.ask_for(node);
            batch.push(link);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_are_ordered_like_scores(a: f32, b: f32, p in 0..MAX_NODES as u32, q in 0..MAX_NODES as u32) {
            let (first, second) = (Key::new(a, p), Key::new(b, q));
            prop_assert_eq!(first.cmp(&second), a.total_cmp(&b).then(q.cmp(&p)));
            prop_assert_eq!(first.found().score.to_bits(), a.to_bits());
            prop_assert_eq!(Key(first.0 | Key::MARK).position(), p);
        }

        #[test]
        fn the_pool_keeps_the_best(scores in prop::collection::vec(0u8..20, 0..60), limit in 1usize..20) {
            let mut pool = Pool::default();
            pool.clear(limit);
            for (position, &score) in scores.iter().enumerate() {
                pool.offer(Key::new(score.into(), position as u32));
            }
            let mut best: Vec<(Reverse<u8>, u32)> =
                scores.iter().enumerate().map(|(position, &score)| (Reverse(score), position as u32)).collect();
            best.sort_unstable();
            best.truncate(limit);
            let taken: Vec<u32> = std::iter::from_fn(|| pool.take()).collect();
            prop_assert_eq!(taken, best.into_iter().map(|(_, position)| position).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_was_seen_is_forgotten() {
        let mut visited = Visited::default();
        for len in [100, 1000, 10] {
            visited.clear(len);
            assert!((0..len as u32).all(|position| visited.insert(position)));
            assert!((0..len as u32).all(|position| !visited.insert(position)));
        }
    }
}
