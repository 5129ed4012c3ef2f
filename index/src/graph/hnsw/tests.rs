//! Graphs as a whole.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use clip_kernels::Isa;
use clip_kernels::similarity::{self, CodeQuery, code_len, quantise};
use clip_progress::Steps;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const DIMENSION: usize = 32;
const SMALL: Parameters = Parameters { lowest_slots: 48, connections: 24, ef_construction: 150, alpha: 1.0 };

struct Rows {
    codes: Vec<i8>,
    scales: Vec<f32>,
    len: usize,
}

impl Rows {
    fn new(vectors: &[Vec<f32>]) -> Rows {
        let len = code_len(DIMENSION);
        let mut rows = Rows { codes: vec![0; len * vectors.len()], scales: Vec::new(), len };
        for (vector, codes) in vectors.iter().zip(rows.codes.chunks_mut(len)) {
            rows.scales.push(quantise(vector, codes));
        }
        rows
    }

    /// The nodes of the best `k` rows that pass, by score, worst last.
    fn best(&self, query: &CodeQuery, k: usize, accept: impl Fn(u32) -> bool) -> Vec<f32> {
        let mut scores: Vec<f32> = (0..self.len() as u32)
            .filter(|&node| accept(node))
            .map(|node| {
                let (codes, scale) = self.codes(node);
                scale * query.dot(codes) as f32
            })
            .collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores.truncate(k);
        scores
    }
}

impl CodeRows for Rows {
    fn len(&self) -> usize {
        self.scales.len()
    }

    fn codes(&self, node: u32) -> (&[i8], f32) {
        let node = node as usize;
        (&self.codes[node * self.len..(node + 1) * self.len], self.scales[node])
    }

    fn prefetch(&self, node: u32) {
        similarity::prefetch(self.codes(node).0);
    }
}

fn unit(rng: &mut StdRng) -> Vec<f32> {
    normalised((0..DIMENSION).map(|_| rng.random_range(-1.0f32..1.0)).collect())
}

fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

/// Photos in clusters, and queries from elsewhere that look for them.
fn world(seed: u64, photos: usize, queries: usize) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let axes = [unit(&mut rng), unit(&mut rng)];
    let clusters: Vec<Vec<f32>> = (0..40).map(|_| unit(&mut rng)).collect();
    let mut mix = |axis: &[f32]| {
        let noise = unit(&mut rng);
        let cluster = &clusters[rng.random_range(0..clusters.len())];
        normalised((0..DIMENSION).map(|i| axis[i] + 0.6 * cluster[i] + 0.6 * noise[i]).collect())
    };
    let photos = (0..photos).map(|_| mix(&axes[0])).collect();
    (photos, (0..queries).map(|_| mix(&axes[1])).collect())
}

/// Bursts of near-duplicates, every third of them of equal vectors; each follows the one before it.
fn bursts(seed: u64, count: usize) -> Vec<Vec<f32>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut vectors = Vec::new();
    for burst in 0..count {
        let base = unit(&mut rng);
        let spread = if burst % 3 == 0 { 0.0 } else { 0.01 };
        for _ in 0..rng.random_range(50..400) {
            let near = base.iter().map(|x| x + spread * rng.random_range(-1.0f32..1.0)).collect();
            vectors.push(normalised(near));
        }
    }
    vectors
}

fn level_of(node: u32) -> usize {
    level(node.into(), SMALL.connections)
}

fn build(rows: &Rows) -> Builder<'_, Rows> {
    let mut builder = Builder::new(rows, SMALL, level_of);
    assert!(builder.insert(0..rows.len() as u32, &clip_progress::Silent, &AtomicBool::new(false)));
    builder
}

/// Plain numbers, as in a mapped file.
fn plain(builder: &Builder<'_, Rows>) -> Vec<(Option<Vec<u32>>, Vec<u32>)> {
    let load = |slots: &[AtomicU32]| slots.iter().map(|slot| slot.load(Ordering::Relaxed)).collect();
    builder.parts().map(|(nodes, slots)| (nodes.map(<[u32]>::to_vec), load(slots))).collect()
}

fn layers<'a>(parts: &'a [(Option<Vec<u32>>, Vec<u32>)], count: usize, entry: u32) -> Layers<'a, u32> {
    let layer = |(nodes, slots): &'a (Option<Vec<u32>>, Vec<u32>)| match nodes {
        None => Layer::lowest(count, slots, SMALL.lowest_slots),
        Some(nodes) => Layer::upper(nodes, slots, SMALL.connections),
    };
    Layers { layers: parts.iter().map(layer).collect(), entry }
}

fn query(vector: &[f32]) -> CodeQuery {
    CodeQuery::new(Isa::best(), vector)
}

/// Share of the ten best scores that searches find.
fn recall(builder: &Builder<'_, Rows>, rows: &Rows, queries: &[Vec<f32>], accept: Option<&dyn Fn(u32) -> bool>) -> f64 {
    let searcher = Searcher::default();
    let (mut right, mut wanted) = (0, 0);
    for vector in queries {
        let query = query(vector);
        let best = rows.best(&query, 10, |node| accept.is_none_or(|accept| accept(node)));
        let found = searcher.search(&builder.layers(), rows, &query, 100, accept);
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        assert!(found.iter().all(|found| accept.is_none_or(|accept| accept(found.position))));
        let worst = best.last().copied().unwrap_or(f32::INFINITY);
        right += found.iter().take(10).filter(|found| found.score >= worst).count();
        wanted += best.len();
    }
    right as f64 / wanted as f64
}

/// How many nodes can be reached from one, in the lowest layer.
fn reached(builder: &Builder<'_, Rows>, from: u32) -> usize {
    let layer = builder.layers().layers[0];
    let mut seen = vec![false; layer.len()];
    let mut open = vec![from];
    seen[from as usize] = true;
    let mut count = 0;
    while let Some(node) = open.pop() {
        count += 1;
        open.extend(layer.neighbours(node).filter(|&link| !std::mem::replace(&mut seen[link as usize], true)));
    }
    count
}

#[test]
fn nearly_everything_is_found() {
    let (photos, queries) = world(1, 4000, 200);
    let rows = Rows::new(&photos);
    let graph = build(&rows);
    assert!(graph.layers().layers.len() > 2);
    let all = recall(&graph, &rows, &queries, None);
    assert!(all > 0.98, "{all}");
    for share in [2, 10] {
        let accept = |node: u32| node.is_multiple_of(share);
        let some = recall(&graph, &rows, &queries, Some(&accept));
        assert!(some > 0.98, "{share}: {some}");
    }
    // Each node finds itself, or one that is equal to it.
    let searcher = Searcher::default();
    for (node, photo) in photos.iter().enumerate().step_by(7) {
        let query = query(photo);
        let found = searcher.search(&graph.layers(), &rows, &query, 30, None);
        assert!(found[0].score >= rows.best(&query, 1, |_| true)[0], "{node}");
    }
}

#[test]
fn threads_make_no_difference() {
    let (mut photos, _) = world(2, 1500, 0);
    photos.extend(bursts(3, 4));
    let rows = Rows::new(&photos);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| plain(&build(&rows)))
    };
    assert!(with(1) == with(7));
}

#[test]
fn no_node_is_stranded_among_near_duplicates() {
    for seed in 0..3 {
        let rows = Rows::new(&bursts(seed, 20));
        let graph = build(&rows);
        let step = rows.len() / 40;
        for from in (0..rows.len() as u32).step_by(step).chain([graph.layers().entry]) {
            assert_eq!(reached(&graph, from), rows.len(), "{seed}, from {from}");
        }
    }
}

#[test]
fn each_member_of_a_burst_is_found() {
    let photos = bursts(12, 12);
    let rows = Rows::new(&photos);
    let graph = build(&rows);
    let mut right = 0;
    let (_, queries) = world(13, 0, 100);
    for vector in &queries {
        let query = query(vector);
        let best = rows.best(&query, 10, |_| true);
        let found = Searcher::default().search(&graph.layers(), &rows, &query, 100, None);
        right += found
            .iter()
            .take(10)
            .zip(&best)
            .filter(|(found, best)| (**best - found.score) * query.scale() < 1e-3)
            .count();
    }
    assert!(right >= 985, "{right} of 1000");
}

#[test]
fn nodes_that_insertion_strands_are_connected() {
    // Ten islands that know nothing of each other, with no slot free, and nodes without any link.
    let (photos, _) = world(4, 300, 0);
    let rows = Rows::new(&photos);
    for width in [2, 3, 8] {
        let slots: Vec<AtomicU32> = (0..300u32)
            .flat_map(|node| {
                let links = if node < 200 { width as u32 } else { 0 };
                (0..width as u32).map(move |slot| {
                    let next = node / 20 * 20 + (node + slot + 1) % 20;
                    if slot < links { next } else { u32::MAX }
                })
            })
            .map(AtomicU32::new)
            .collect();
        let layers = Layers { layers: vec![Layer::lowest(300, &slots, width)], entry: 7 };
        connect::connect(&rows, &layers, &walk::Scratches::default());
        let layer = layers.layers[0];
        let mut seen = [false; 300];
        let mut open = vec![7u32];
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut seen[node as usize], true) {
                open.extend(layer.neighbours(node));
            }
        }
        assert!(seen.iter().all(|&seen| seen), "{width}");
    }
}

#[test]
fn thousands_of_equal_vectors_are_one_cluster_among_others() {
    let (mut photos, queries) = world(5, 2000, 100);
    let double = photos[17].clone();
    photos.splice(500..500, std::iter::repeat_n(double, 3000));
    let rows = Rows::new(&photos);
    let graph = build(&rows);
    for from in (0..rows.len() as u32).step_by(500) {
        assert_eq!(reached(&graph, from), rows.len());
    }
    let all = recall(&graph, &rows, &queries, None);
    assert!(all > 0.97, "{all}");
}

#[test]
fn an_extended_graph_is_as_good_as_a_built_one() {
    let (photos, queries) = world(6, 5000, 200);
    let rows = Rows::new(&photos);
    let built = recall(&build(&rows), &rows, &queries, None);
    // From hardly anything, in steps.
    let mut count = 300;
    let mut first = Rows::new(&photos[..count]);
    let mut graph = build(&first);
    let mut entry = graph.layers().entry;
    let mut parts = plain(&graph);
    while count < photos.len() {
        let more = (count + count / 4 + 1).min(photos.len());
        let rows = Rows::new(&photos[..more]);
        let old = layers(&parts, count, entry);
        let mut graph = Builder::extend(&rows, SMALL, level_of, &old).unwrap();
        assert!(graph.insert(count as u32..more as u32, &clip_progress::Silent, &AtomicBool::new(false)));
        assert_eq!(reached(&graph, graph.layers().entry), more);
        let next = plain(&graph);
        entry = graph.layers().entry;
        parts = next;
        count = more;
    }
    first = Rows::new(&photos);
    graph = Builder::extend(&first, SMALL, level_of, &layers(&parts, count, entry)).unwrap();
    let extended = recall(&graph, &first, &queries, None);
    assert!(extended > built - 0.01, "{extended} instead of {built}");
}

#[test]
fn what_does_not_fit_is_not_extended() {
    let (photos, _) = world(7, 600, 0);
    let rows = Rows::new(&photos);
    let graph = build(&Rows::new(&photos[..500])).layers().entry;
    let parts = plain(&build(&Rows::new(&photos[..500])));
    let fits = |parameters, level: &dyn Fn(u32) -> usize, entry| {
        Builder::extend(&rows, parameters, level, &layers(&parts, 500, entry)).is_some()
    };
    assert!(fits(SMALL, &level_of, graph));
    assert!(!fits(Parameters { lowest_slots: 20, ..SMALL }, &level_of, graph));
    assert!(!fits(Parameters { connections: 9, ..SMALL }, &level_of, graph));
    assert!(!fits(SMALL, &|node| level_of(node + 1), graph));
    assert!(!fits(SMALL, &level_of, 499_999));
    let few = Rows::new(&photos[..100]);
    assert!(Builder::extend(&few, SMALL, level_of, &layers(&parts, 500, graph)).is_none());
}

#[test]
fn few_nodes() {
    let (photos, _) = world(8, 40, 0);
    for count in 0..40 {
        let rows = Rows::new(&photos[..count]);
        let graph = build(&rows);
        let query = query(&photos[0]);
        let found = Searcher::default().search(&graph.layers(), &rows, &query, 100, None);
        let scores: Vec<f32> = found.iter().map(|found| found.score).collect();
        assert_eq!(scores, rows.best(&query, 100, |_| true), "{count}");
        let none = Searcher::default().search(&graph.layers(), &rows, &query, 100, Some(&|_| false));
        assert!(none.is_empty());
    }
}

#[test]
fn cancelling_stops_soon_and_progress_is_complete() {
    let (photos, _) = world(9, 3000, 0);
    let rows = Rows::new(&photos);
    let cancel = AtomicBool::new(false);
    let reports = Mutex::new(Vec::new());
    let mut builder = Builder::new(&rows, SMALL, level_of);
    let report = |Steps { done, total }| {
        reports.lock().unwrap().push((done, total));
        cancel.store(done > 1000, Ordering::Relaxed);
    };
    assert!(!builder.insert(0..3000, &report, &cancel));
    let reports = reports.into_inner().unwrap();
    assert!(reports.is_sorted() && reports[0] == (0, 3000));
    assert!(reports.last().unwrap().0 < 1500);
    let last = Mutex::new(None);
    let mut builder = Builder::new(&rows, SMALL, level_of);
    assert!(builder.insert(0..3000, &|steps: Steps| *last.lock().unwrap() = Some(steps), &AtomicBool::new(false)));
    assert_eq!(last.into_inner().unwrap(), Some(Steps { done: 3000, total: 3000 }));
}

#[test]
fn damaged_links_lead_nowhere() {
    let (photos, queries) = world(10, 700, 5);
    let rows = Rows::new(&photos);
    let graph = build(&rows);
    let entry = graph.layers().entry;
    let whole = plain(&graph);
    let mut rng = StdRng::seed_from_u64(11);
    let searcher = Searcher::default();
    for round in 0..200 {
        let mut parts = whole.clone();
        for _ in 0..rng.random_range(1..200) {
            let layer = rng.random_range(0..parts.len());
            let (nodes, slots) = &mut parts[layer];
            let numbers = if let (Some(nodes), true) = (nodes, rng.random()) { nodes } else { slots };
            let at = rng.random_range(0..numbers.len());
            numbers[at] = if rng.random() { rng.random() } else { rng.random_range(0..1000) };
        }
        let entry = if round % 10 == 0 { rng.random_range(0..1000) } else { entry };
        let layers = layers(&parts, 700, entry);
        for vector in &queries {
            for accept in [None, Some(&(|node: u32| node.is_multiple_of(3)) as &dyn Fn(u32) -> bool)] {
                let found = searcher.search(&layers, &rows, &query(vector), 50, accept);
                assert!(found.iter().all(|found| (found.position as usize) < 700));
            }
        }
        let _ = Builder::extend(&rows, SMALL, level_of, &layers);
    }
}
