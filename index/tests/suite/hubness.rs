//! Scores less a share of the hubness, by every way of searching, and what becomes of hubness when an index changes.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_index::{
    Bank, GraphOptions, Hubness, IndexError, IndexReader, IndexWriter, SearchOptions, Steps, Strategy, repair, verify,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use roaring::RoaringTreemap;

use crate::common::*;

const DIMENSION: usize = 24;
const SHARES: Hubness = Hubness { captions: 0.7, phrases: 0.2 };

fn penalty(hubness: Hubness) -> f32 {
    SHARES.captions * hubness.captions + SHARES.phrases * hubness.phrases
}

fn writer(dir: &Path, bank: &Arc<Bank>) -> IndexWriter {
    let mut writer = IndexWriter::open_or_create(dir, &model(DIMENSION)).unwrap();
    writer.set_bank(Arc::clone(bank)).unwrap();
    writer
}

fn add_some(writer: &mut IndexWriter, numbers: std::ops::Range<u64>) {
    for number in numbers {
        writer.add_photo(photo(number, DIMENSION)).unwrap();
    }
    writer.commit().unwrap();
}

fn update(writer: &mut IndexWriter) -> bool {
    writer.update_hubness(&clip_index::Silent, &AtomicBool::new(false)).unwrap()
}

/// The hubness of every item is that of its row.
fn assert_measured(reader: &IndexReader, bank: &Bank) {
    assert_eq!(reader.bank(), Some(bank.name()));
    for id in reader.ids() {
        assert_eq!(reader.hubness(id), Some(bank.hubness(&reader.embedding(id).unwrap())));
    }
}

/// The best by the definition.
fn expected(reader: &IndexReader, bank: &Bank, query: &[f32], k: usize, filter: Option<&RoaringTreemap>) -> Vec<u64> {
    let score = |id: u64| {
        let row = reader.embedding(id).unwrap();
        let dot: f64 = row.iter().zip(query).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        dot - f64::from(penalty(bank.hubness(&row)))
    };
    let passing = reader.ids().filter(|&id| filter.is_none_or(|filter| filter.contains(id)));
    let mut all: Vec<(u64, f64)> = passing.map(|id| (id, score(id))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.iter().take(k).map(|found| found.0).collect()
}

#[test]
fn all_ways_of_searching_correct_scores() {
    let dir = tempfile::tempdir().unwrap();
    let bank = bank(1, DIMENSION);
    let mut writer = writer(dir.path(), &bank);
    add_some(&mut writer, 0..1500);
    let options = GraphOptions { min_photos: 100, ..GraphOptions::default() };
    writer.update_graph(&options, &clip_index::Silent, &AtomicBool::new(false)).unwrap();
    add_some(&mut writer, 1500..1540);
    for id in (1..1500).step_by(7) {
        writer.remove(id).unwrap();
    }
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_measured(&reader, &bank);
    let mut rng = StdRng::seed_from_u64(5);
    let some: RoaringTreemap = (0..1600).filter(|id| id % 3 != 0).collect();
    let few: RoaringTreemap = (0..1600).filter(|id| id % 40 == 0).collect();
    let mut differ = 0;
    for round in 0..20 {
        let query = unit(&mut rng, DIMENSION);
        for filter in [None, Some(&some), Some(&few)] {
            let best = expected(&reader, &bank, &query, 10, filter);
            for strategy in [Strategy::Exact, Strategy::Scan, Strategy::Graph, Strategy::Auto] {
                let options = SearchOptions {
                    strategy,
                    filter,
                    effort: Some(400),
                    correction: SHARES,
                    ..SearchOptions::best(10)
                };
                let found = reader.search(&query, &options).unwrap();
                assert!(found.is_corrected);
                let ids: Vec<u64> = found.neighbours.iter().map(|neighbour| neighbour.id).collect();
                assert_eq!(ids, best, "{strategy:?}, round {round}");
                for neighbour in &found.neighbours {
                    let plain = reader.similarity(&query, neighbour.id).unwrap();
                    let hubness = reader.hubness(neighbour.id).unwrap();
                    assert!((neighbour.score - (plain - penalty(hubness))).abs() < 1e-6);
                }
                let plain = SearchOptions { correction: Hubness::default(), ..options };
                let plain = reader.search(&query, &plain).unwrap();
                assert!(!plain.is_corrected);
                differ += usize::from(plain.neighbours.iter().map(|neighbour| neighbour.id).ne(best.iter().copied()));
            }
        }
    }
    assert!(differ > 50, "the correction changes hardly anything: {differ} of 240");
    assert_eq!(reader.similarity(&[0.0; 3], 2), None);
    assert_eq!(reader.similarity(&[0.0; DIMENSION], 1), None, "it was removed");
}

/// What was measured once is kept through everything that rewrites vector files, by writers with the bank and without.
#[test]
fn it_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let bank = bank(1, DIMENSION);
    let mut rng = StdRng::seed_from_u64(9);
    for round in 0..30u64 {
        if rng.random_bool(0.3) {
            let mut without = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
            for _ in 0..20 {
                let _ = without.remove(rng.random_range(0..round * 40 + 1)).unwrap();
            }
            without.commit().unwrap();
            without.compact(&clip_index::Silent, &AtomicBool::new(false)).unwrap();
        }
        let mut with = writer(dir.path(), &bank);
        add_some(&mut with, round * 40..round * 40 + 40);
        drop(with);
        assert_measured(&IndexReader::open(dir.path()).unwrap(), &bank);
    }
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[test]
fn it_is_measured_where_it_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let first = bank(1, DIMENSION);
    index_of(dir.path(), 300, 60, DIMENSION);
    let query = unit(&mut StdRng::seed_from_u64(2), DIMENSION);
    let corrected = SearchOptions { correction: SHARES, ..SearchOptions::best(5) };
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_eq!((reader.bank(), reader.hubness(3)), (None, None));
    assert!(!reader.search(&query, &corrected).unwrap().is_corrected);

    // New items are measured with a commit, but scores are corrected only where those of all can be.
    let mut with = writer(dir.path(), &first);
    add_some(&mut with, 300..310);
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_eq!((reader.bank(), reader.hubness(305)), (None, None));
    let found = reader.search(&query, &corrected).unwrap();
    assert!(!found.is_corrected);
    assert_eq!(found.neighbours, reader.search(&query, &SearchOptions::best(5)).unwrap().neighbours);

    // Interrupted, and gone on with.
    let generation = reader.generation();
    let cancel = AtomicBool::new(false);
    let done = with.update_hubness(&|steps: Steps| cancel.store(steps.done > 0, Ordering::Relaxed), &cancel).unwrap();
    assert!(!done);
    assert_eq!(IndexReader::open(dir.path()).unwrap().generation(), generation);
    let seen = Mutex::new(Vec::new());
    let progress = |Steps { done, total }| seen.lock().unwrap().push((done, total));
    assert!(with.update_hubness(&progress, &AtomicBool::new(false)).unwrap());
    assert_eq!(seen.lock().unwrap().last(), Some(&(300, 300)));
    assert_measured(&IndexReader::open(dir.path()).unwrap(), &first);

    // Nothing is left to be done.
    let generation = IndexReader::open(dir.path()).unwrap().generation();
    assert!(update(&mut with));
    assert_eq!(IndexReader::open(dir.path()).unwrap().generation(), generation);
    drop(with);

    // Another bank.
    let second = bank(2, DIMENSION);
    let mut with = writer(dir.path(), &second);
    assert!(update(&mut with));
    assert_measured(&IndexReader::open(dir.path()).unwrap(), &second);
    assert!(verify(dir.path()).unwrap().is_clean());
    let files = fs::read_dir(dir.path().join("vectors")).unwrap();
    let hubs = files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "hub"));
    assert_eq!(hubs.count(), IndexReader::open(dir.path()).unwrap().status().unwrap().segments);
}

#[test]
fn a_bank_for_another_model_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    let error = writer.set_bank(bank(1, 7)).unwrap_err();
    assert!(matches!(error, IndexError::Dimension { expected: DIMENSION, found: 7 }), "{error}");
}

/// A damaged file is named, costs no more than the correction, and is neither copied nor kept by a repair.
#[test]
fn damage_is_measured_again() {
    for damage in [0, 1, 2] {
        let dir = tempfile::tempdir().unwrap();
        let bank = bank(1, DIMENSION);
        let mut with = writer(dir.path(), &bank);
        for start in [0, 50, 100] {
            add_some(&mut with, start..start + 50);
        }
        drop(with);
        let hub = files(dir.path()).into_iter().find(|file| file.extension().is_some_and(|end| end == "hub")).unwrap();
        let mut bytes = fs::read(&hub).unwrap();
        bytes[[70, 16, 0][damage]] ^= 1;
        fs::remove_file(&hub).unwrap();
        if damage < 2 {
            fs::write(&hub, bytes).unwrap();
        }
        let report = verify(dir.path()).unwrap();
        assert_eq!(report.problems.len(), 1, "{report:?}");
        assert_eq!(report.problems[0].path, hub);
        let reader = IndexReader::open(dir.path()).unwrap();
        assert_eq!(reader.len(), 150);
        // A number among the rows is not looked at, and does no harm.
        assert_eq!(reader.bank().is_some(), damage == 0);
        if damage != 1 {
            let mut without = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
            without.compact(&clip_index::Silent, &AtomicBool::new(false)).unwrap();
            assert_eq!(IndexReader::open(dir.path()).unwrap().bank(), None, "damage was copied");
        } else {
            let repaired = repair(dir.path(), &clip_index::Silent, &AtomicBool::new(false)).unwrap().unwrap();
            assert!(repaired.hubness_dropped && repaired.kept.items() == 150, "{repaired:?}");
        }
        assert!(verify(dir.path()).unwrap().is_clean());
        assert!(update(&mut writer(dir.path(), &bank)));
        assert_measured(&IndexReader::open(dir.path()).unwrap(), &bank);
    }
}

#[test]
fn the_mean_is_that_of_the_items() {
    let dir = tempfile::tempdir().unwrap();
    let bank = bank(1, DIMENSION);
    let mut writer = writer(dir.path(), &bank);
    add_some(&mut writer, 0..300);
    add_some(&mut writer, 300..500);
    for id in 1..40 {
        writer.remove(id).unwrap();
    }
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    // So few are all of the sample.
    let mean = reader.mean().unwrap();
    let count = reader.len() as f64;
    let rows: Vec<Vec<f32>> = reader.ids().map(|id| reader.embedding(id).unwrap()).collect();
    for (at, found) in mean.embedding.iter().enumerate() {
        let expected = rows.iter().map(|row| f64::from(row[at])).sum::<f64>() / count;
        assert!((f64::from(*found) - expected).abs() < 1e-5);
    }
    let expected = reader.ids().map(|id| f64::from(reader.hubness(id).unwrap().captions)).sum::<f64>() / count;
    assert!((f64::from(mean.hubness.unwrap().captions) - expected).abs() < 1e-5);
    let shares = Hubness { captions: 0.5, phrases: 0.0 };
    let scores = reader.sample_scores(&rows[0], shares).unwrap();
    assert_eq!(scores.len(), reader.len());
    for (id, score) in reader.ids().zip(scores) {
        let expected = reader.similarity(&rows[0], id).unwrap() - reader.hubness(id).unwrap().penalty(shares);
        assert!((score - expected).abs() < 1e-6);
    }
    // Those of the bank are what its texts score, less as much.
    let nothing = Hubness::default();
    let plain = reader.bank_scores(&bank, nothing, nothing).unwrap();
    let less = reader.bank_scores(&bank, shares, nothing).unwrap();
    assert!(plain.captions.len() > 1000 && plain.phrases.len() > 1000);
    assert!(plain.captions.iter().all(|score| score.abs() < 1.01));
    assert!(plain.captions != less.captions && plain.phrases == less.phrases);
    assert_eq!(reader.bank_scores(&self::bank(1, DIMENSION + 1), nothing, nothing), None);
    // Of more, every few are looked at, of all files.
    add_some(&mut writer, 500..4000);
    let mean = IndexReader::open(dir.path()).unwrap().mean().unwrap();
    assert!(mean.embedding.iter().all(|number| number.abs() < 0.1));
    assert_eq!(IndexReader::open(dir.path()).unwrap().mean(), Some(mean));
}
