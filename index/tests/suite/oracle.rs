//! Random changes, commits, reopenings and graph updates, compared with what should come of them.

use std::sync::atomic::AtomicBool;

use clip_index::{GraphOptions, GraphUpdate, IndexReader, IndexWriter, Rebuild, verify};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};

use crate::common::*;

const DIMENSION: usize = 12;

#[test]
fn random_histories() {
    for seed in 0..4 {
        history(seed);
    }
}

fn history(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut oracle = Oracle::new();
    let mut committed = Oracle::new();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    let mut number = seed * 1_000_000;
    let mut graphs = 0;
    let options = GraphOptions { connections: 8, ef_construction: 40, min_photos: 60, ..GraphOptions::default() };
    for _ in 0..40 {
        for _ in 0..rng.random_range(0..40) {
            let id = oracle.keys().copied().choose(&mut rng);
            match (rng.random_range(0..10), id) {
                (0 | 1, Some(id)) => {
                    assert!(writer.remove(id).unwrap());
                    assert!(!writer.remove(id).unwrap());
                    oracle.remove(&id);
                }
                (2, Some(id)) => {
                    let path = format!("/moved/{number}.jpg");
                    writer.relocate(id, path.as_ref(), stamp(number, 7)).unwrap();
                    let record = &mut oracle.get_mut(&id).unwrap().0;
                    (record.asset.path, record.asset.stamp) = (path.into(), stamp(number, 7));
                }
                (3, Some(id)) => {
                    writer.touch(id, stamp(3, -5)).unwrap();
                    oracle.get_mut(&id).unwrap().0.asset.stamp = stamp(3, -5);
                }
                _ => {
                    add(&mut writer, &mut oracle, photo(number, DIMENSION));
                }
            }
            number += 1;
        }
        assert_eq!(writer.len(), oracle.len());
        match rng.random_range(0..10) {
            // The writer goes without a commit: what was not committed never was.
            0 => {
                drop(writer);
                writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
                // The ids that were given out are not committed either, and may come again.
                oracle = committed.clone();
            }
            1 => {
                let update = writer.update_graph(&options, &clip_index::Silent, &AtomicBool::new(false)).unwrap();
                graphs += usize::from(matches!(update, GraphUpdate::Built { .. } | GraphUpdate::Extended { .. }));
                committed = oracle.clone();
            }
            2 => {
                writer.commit().unwrap();
                committed = oracle.clone();
                writer.close().unwrap();
                writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
            }
            _ => {
                writer.commit().unwrap();
                committed = oracle.clone();
            }
        }
        assert!(!writer.has_changes());
        let reader = IndexReader::open(dir.path()).unwrap();
        assert_same(&reader, &committed);
        let query = unit(&mut rng, DIMENSION);
        let expected: Vec<u64> = brute_force(&committed, &query, 10, |_| true).iter().map(|hit| hit.0).collect();
        let found = reader.search_exact(&query, 10, None).unwrap();
        assert_eq!(found.iter().map(|hit| hit.id).collect::<Vec<_>>(), expected);
        if reader.has_graph() {
            let found = reader.search_graph(&query, 10, 60, None).unwrap();
            assert_eq!(found.len(), expected.len());
            let common = found.iter().filter(|hit| expected.contains(&hit.id)).count();
            assert!(common + 2 >= expected.len(), "{common} of {}", expected.len());
        }
    }
    let known = writer.records().unwrap();
    assert_eq!(known.iter().map(|file| file.id).collect::<Vec<_>>(), committed.keys().copied().collect::<Vec<_>>());
    assert!(known.iter().all(|file| committed[&file.id].0 == *file));
    let report = verify(dir.path()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.counts.items(), committed.len() as u64);
    assert!(graphs > 0, "no graph was built with the seed {seed}");
    let status = IndexReader::open(dir.path()).unwrap().status().unwrap();
    assert!(status.segments < 16, "{status:?}");
}

#[test]
fn ids_are_never_used_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..5 {
        let mut writer = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
        let id = writer.add_photo(photo(round, 4)).unwrap();
        assert!(id > last);
        last = id;
        writer.commit().unwrap();
        assert!(writer.remove(id).unwrap());
        writer.commit().unwrap();
        assert!(writer.is_empty());
    }
    // Not even by an index that was begun anew.
    let rebuild = Rebuild::begin(dir.path(), &model(4)).unwrap();
    let mut writer = IndexWriter::open_or_create(rebuild.dir(), &model(4)).unwrap();
    assert!(writer.add_photo(photo(9, 4)).unwrap() > last);
}

#[test]
fn removed_photos_free_their_space() {
    let dir = tempfile::tempdir().unwrap();
    let oracle = index_of(dir.path(), 400, 100, 64);
    let before = std::fs::read_dir(dir.path().join("vectors")).unwrap().count();
    assert_eq!(before, 4);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(64)).unwrap();
    oracle.keys().skip(1).for_each(|&id| assert!(writer.remove(id).unwrap()));
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    let status = reader.status().unwrap();
    assert_eq!((status.photos, status.segments, status.deleted), (1, 1, 0));
    assert_same(&reader, &oracle.into_iter().take(1).collect());
    assert_eq!(std::fs::read_dir(dir.path().join("vectors")).unwrap().count(), 1);
}
