//! Graph search against exact search.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_index::{GraphOptions, GraphUpdate, IndexReader, IndexWriter, Steps, verify};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use roaring::RoaringTreemap;

use crate::common::*;

const DIMENSION: usize = 64;

/// Vectors as CLIP has them: photos in clusters within one narrow cone, texts in another cone far from it.
struct World {
    rng: StdRng,
    photo_cone: Vec<f32>,
    text_cone: Vec<f32>,
    clusters: Vec<Vec<f32>>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = StdRng::seed_from_u64(seed);
        let photo_cone = unit(&mut rng, DIMENSION);
        let text_cone = unit(&mut rng, DIMENSION);
        let clusters = (0..60).map(|_| unit(&mut rng, DIMENSION)).collect();
        World { rng, photo_cone, text_cone, clusters }
    }

    /// A direction in the cone around `axis`, near one of the clusters.
    fn mix(&mut self, text: bool, noise: f32) -> Vec<f32> {
        let cluster = self.rng.random_range(0..self.clusters.len());
        let noise_vector = unit(&mut self.rng, DIMENSION);
        let axis = if text { &self.text_cone } else { &self.photo_cone };
        let parts = axis.iter().zip(&self.clusters[cluster]).zip(&noise_vector);
        normalised(parts.map(|((axis, cluster), random)| axis + 0.6 * cluster + noise * random).collect())
    }

    fn photo(&mut self, number: u64) -> Photo {
        let embedding = self.mix(false, 0.7);
        Photo { embedding, ..photo(number, DIMENSION) }
    }

    fn query(&mut self) -> Vec<f32> {
        self.mix(true, 0.5)
    }
}

fn update(writer: &mut IndexWriter, options: &GraphOptions) -> GraphUpdate {
    writer.update_graph(options, &clip_index::Silent, &AtomicBool::new(false)).unwrap()
}

/// Share of the exact ten best that the graph finds too.
fn recall(reader: &IndexReader, world: &mut World, filter: Option<&RoaringTreemap>) -> f64 {
    let (mut found, mut wanted) = (0, 0);
    for _ in 0..100 {
        let query = world.query();
        let exact = reader.search_exact(&query, 10, filter).unwrap();
        let graph = reader.search_graph(&query, 10, 128, filter).unwrap();
        assert!(graph.is_sorted_by(|a, b| a.score > b.score || (a.score == b.score && a.id < b.id)));
        let exact: BTreeSet<u64> = exact.iter().map(|hit| hit.id).collect();
        found += graph.iter().filter(|hit| exact.contains(&hit.id)).count();
        wanted += exact.len();
    }
    found as f64 / wanted as f64
}

#[test]
fn nearly_everything_is_found_from_far_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new(1);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    let options = GraphOptions::default();
    let mut ids: Vec<u64> = (0..3000).map(|number| writer.add_photo(world.photo(number)).unwrap()).collect();
    let reported = Mutex::new(Vec::new());
    let progress = |Steps { done, total }| reported.lock().unwrap().push((done, total));
    let built = writer.update_graph(&options, &progress, &AtomicBool::new(false)).unwrap();
    let reported = reported.into_inner().unwrap();
    assert_eq!(built, GraphUpdate::Built { nodes: 3000 });
    assert_eq!(reported.last(), Some(&(3000, 3000)));
    assert!(reported.is_sorted());
    assert_eq!(update(&mut writer, &options), GraphUpdate::Current);
    let reader = IndexReader::open(dir.path()).unwrap();
    assert!(recall(&reader, &mut world, None) >= 0.99);

    // With a filter inside, for half of the photos and for few of them.
    for share in [0.5, 0.13, 0.02] {
        let filter: RoaringTreemap = ids.iter().copied().filter(|_| world.rng.random_bool(share)).collect();
        assert!(recall(&reader, &mut world, Some(&filter)) >= 0.99, "{share}");
    }

    // More than there is, and nothing.
    let query = world.query();
    assert_eq!(reader.search_graph(&query, 5000, 10, None).unwrap(), reader.search_exact(&query, 5000, None).unwrap());
    assert_eq!(reader.search_graph(&query, 0, 10, None).unwrap(), []);
    assert_eq!(reader.search_graph(&query, 5, 0, None).unwrap().len(), 5);
    assert_eq!(reader.search_graph(&query, 5, 50, Some(&RoaringTreemap::new())).unwrap(), []);

    // Removed photos are not found, new ones are, without another graph.
    for id in ids.extract_if(.., |id| *id % 10 == 0).collect::<Vec<_>>() {
        assert!(writer.remove(id).unwrap());
    }
    ids.extend((3000..3100).map(|number| writer.add_photo(world.photo(number)).unwrap()));
    writer.commit().unwrap();
    assert_eq!(update(&mut writer, &options), GraphUpdate::Current);
    let reader = IndexReader::open(dir.path()).unwrap();
    let graph = reader.status().unwrap().graph.unwrap();
    assert_eq!((graph.nodes, graph.removed, graph.missing), (3000, 300, 100));
    assert!(recall(&reader, &mut world, None) >= 0.99);

    // Many new ones are added to the graph; with many removed ones, it is rebuilt and the rows go.
    ids.extend((3100..3300).map(|number| writer.add_photo(world.photo(number)).unwrap()));
    assert_eq!(update(&mut writer, &options), GraphUpdate::Extended { nodes: 3300 });
    let reader = IndexReader::open(dir.path()).unwrap();
    assert!(recall(&reader, &mut world, None) >= 0.99);
    for id in ids.extract_if(.., |id| *id % 10 < 5).collect::<Vec<_>>() {
        assert!(writer.remove(id).unwrap());
    }
    let nodes = ids.len() as u64;
    assert_eq!(update(&mut writer, &options), GraphUpdate::Built { nodes });
    writer.set_roots(&["/".into()]).unwrap();
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_eq!(reader.status().unwrap().deleted, 0);
    assert!(recall(&reader, &mut world, None) >= 0.99);
}

/// Photos that are added get into all layers, so a graph may be added to for ever.
#[test]
fn an_extended_graph_is_as_good_as_a_built_one() {
    let grown = |steps: &[u64]| {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new(5);
        let options = GraphOptions { min_photos: 100, connections: 8, ef_construction: 60, ..GraphOptions::default() };
        let mut added = 0;
        for (step, &to) in steps.iter().enumerate() {
            let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
            for number in added..to {
                writer.add_photo(world.photo(number)).unwrap();
            }
            added = to;
            let update = update(&mut writer, &options);
            let expected =
                if step == 0 { GraphUpdate::Built { nodes: to } } else { GraphUpdate::Extended { nodes: to } };
            assert_eq!(update, expected);
            assert!(verify(dir.path()).unwrap().is_clean());
        }
        recall(&IndexReader::open(dir.path()).unwrap(), &mut world, None)
    };
    let (built, extended) = (grown(&[4000]), grown(&[150, 200, 400, 500, 1000, 2500, 3000, 4000]));
    assert!(extended > built - 0.01, "{extended} instead of {built}");
}

/// A burst of nearly equal photos must not cut itself off from the rest, nor the rest from itself. With many threads,
/// which would insert much of a burst at once.
#[test]
fn bursts_of_near_duplicates_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new(2);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    let mut number = 0;
    for burst in 0..25 {
        let base = world.photo(0).embedding;
        // Some exactly equal, some nearly.
        let spread = if burst % 5 == 0 { 0.0 } else { 0.002 };
        for _ in 0..world.rng.random_range(60..200) {
            let near = base.iter().map(|x| x + spread * world.rng.random_range(-1.0f32..1.0)).collect();
            writer.add_photo(Photo { embedding: normalised(near), ..photo(number, DIMENSION) }).unwrap();
            number += 1;
        }
    }
    let threads = rayon::ThreadPoolBuilder::new().num_threads(16).build().unwrap();
    assert!(matches!(threads.install(|| update(&mut writer, &GraphOptions::default())), GraphUpdate::Built { .. }));
    let reader = IndexReader::open(dir.path()).unwrap();
    // Equal vectors have equal scores, so that scores must agree rather than ids.
    let mut right = 0;
    for _ in 0..100 {
        let query = world.query();
        let exact = reader.search_exact(&query, 10, None).unwrap();
        let graph = reader.search_graph(&query, 10, 128, None).unwrap();
        right += graph.iter().zip(&exact).filter(|(found, best)| (found.score - best.score).abs() < 1e-3).count();
    }
    assert!(right >= 990, "{right} of 1000");
}

/// A reader may live for long before it is first asked.
#[test]
fn a_reader_keeps_the_graph_of_its_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new(8);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    for number in 0..1200 {
        writer.add_photo(world.photo(number)).unwrap();
    }
    let options = GraphOptions::default();
    assert_eq!(update(&mut writer, &options), GraphUpdate::Built { nodes: 1200 });
    let reader = IndexReader::open(dir.path()).unwrap();

    for number in 1200..1500 {
        writer.add_photo(world.photo(number)).unwrap();
    }
    assert_eq!(update(&mut writer, &options), GraphUpdate::Extended { nodes: 1500 });
    writer.close().unwrap();
    assert_eq!(reader.search_graph(&world.query(), 10, 100, None).unwrap().len(), 10);
    assert!(recall(&reader, &mut world, None) >= 0.99);
    assert_eq!(reader.status().unwrap().graph.unwrap().nodes, 1200);
}

#[test]
fn few_photos_need_no_graph() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 50, 50, DIMENSION);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    assert_eq!(update(&mut writer, &GraphOptions::default()), GraphUpdate::TooFewPhotos);
    let one = GraphOptions { min_photos: 0, ..GraphOptions::default() };
    assert_eq!(update(&mut writer, &one), GraphUpdate::Built { nodes: 50 });
    for id in 2..=50 {
        assert!(writer.remove(id).unwrap());
    }
    assert_eq!(update(&mut writer, &one), GraphUpdate::Built { nodes: 1 });
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_eq!(reader.search_graph(&photo(0, DIMENSION).embedding, 10, 10, None).unwrap().len(), 1);
    assert!(writer.remove(1).unwrap());
    assert_eq!(update(&mut writer, &one), GraphUpdate::Current);
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_eq!(reader.search_graph(&photo(0, DIMENSION).embedding, 10, 10, None).unwrap(), []);
}

#[test]
fn cancelling_leaves_the_index_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let oracle = index_of(dir.path(), 1500, 500, 16);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(16)).unwrap();
    let before = IndexReader::open(dir.path()).unwrap().generation();
    let cancel = AtomicBool::new(false);
    let stop = |Steps { done, .. }| {
        if done > 500 {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    assert_eq!(writer.update_graph(&GraphOptions::default(), &stop, &cancel).unwrap(), GraphUpdate::Cancelled);
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_eq!(reader.generation(), before);
    assert!(!reader.has_graph());
    assert_same(&reader, &oracle);
}

#[test]
fn other_parameters_mean_another_graph() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 200, 200, 16);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(16)).unwrap();
    let small = GraphOptions { connections: 6, ef_construction: 20, min_photos: 10, ..GraphOptions::default() };
    assert_eq!(update(&mut writer, &small), GraphUpdate::Built { nodes: 200 });
    assert_eq!(update(&mut writer, &small), GraphUpdate::Current);
    let large = GraphOptions { connections: 12, ..small };
    assert_eq!(update(&mut writer, &large), GraphUpdate::Built { nodes: 200 });
    // What makes no sense is brought into its range.
    let absurd = GraphOptions { connections: 5000, ef_construction: 0, ..large };
    assert_eq!(update(&mut writer, &absurd), GraphUpdate::Built { nodes: 200 });
}
