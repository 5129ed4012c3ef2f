//! Compacting an index.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_index::{
    Compacted, GraphOptions, GraphUpdate, IndexError, IndexReader, IndexWriter, RowFormat, Silent, Steps, verify,
};

use crate::common::*;

const DIMENSION: usize = 6;

fn open(dir: &Path) -> IndexWriter {
    IndexWriter::open_or_create(dir, &model(DIMENSION)).unwrap()
}

/// Several files of each kind, removed photos and a moved one.
fn build(dir: &Path) -> Oracle {
    let mut oracle = index_of(dir, 300, 60, DIMENSION);
    let mut writer = open(dir);
    for id in [3, 40, 41, 299] {
        assert!(writer.remove(id).unwrap());
        oracle.remove(&id);
    }
    writer.relocate(7, "/moved.jpg".as_ref(), stamp(1, 1)).unwrap();
    let (record, _) = oracle.get_mut(&7).unwrap();
    (record.asset.path, record.asset.stamp) = ("/moved.jpg".into(), stamp(1, 1));
    writer.commit().unwrap();
    oracle
}

fn count(dir: &Path, folder: &str) -> usize {
    fs::read_dir(dir.join(folder)).unwrap().count()
}

fn assert_whole(dir: &Path, oracle: &Oracle) {
    assert_same(&IndexReader::open(dir).unwrap(), oracle);
    let report = verify(dir).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn one_file_of_each_kind_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut oracle = build(dir.path());
    let mut writer = open(dir.path());
    // What was not committed is committed first.
    add(&mut writer, &mut oracle, photo(1000, DIMENSION));
    let seen = Mutex::new(Vec::new());
    let progress = |Steps { done, total }| seen.lock().unwrap().push((done, total));
    let compacted = writer.compact(&progress, &AtomicBool::new(false));
    let seen = seen.into_inner().unwrap();
    let Compacted { purged, files_before, files_after, graph_dropped } = compacted.unwrap().unwrap();
    assert_eq!((purged, files_after, graph_dropped), (4, 2, false));
    assert!(files_before > 8, "{files_before}");
    assert!(seen.is_sorted() && seen.iter().all(|&(done, total)| done <= total), "{seen:?}");
    assert!(seen.last().unwrap().0 > 500, "{seen:?}");
    assert_eq!((count(dir.path(), "vectors"), count(dir.path(), "records")), (1, 1));
    assert_eq!(IndexReader::open(dir.path()).unwrap().status().unwrap().deleted, 0);
    assert_whole(dir.path(), &oracle);
    let generation = IndexReader::open(dir.path()).unwrap().generation();
    let again = writer.compact(&Silent, &AtomicBool::new(false)).unwrap().unwrap();
    assert_eq!(again, Compacted { purged: 0, files_before: 2, files_after: 2, graph_dropped: false });
    assert_eq!(IndexReader::open(dir.path()).unwrap().generation(), generation, "there was nothing to do");
    // Writing goes on.
    let id = add(&mut writer, &mut oracle, photo(1001, DIMENSION));
    assert_eq!(id, 302);
    writer.commit().unwrap();
    assert_whole(dir.path(), &oracle);
    // All rows go.
    let ids: Vec<u64> = oracle.keys().copied().collect();
    for id in ids {
        assert!(writer.remove(id).unwrap());
    }
    let compacted = writer.compact(&Silent, &AtomicBool::new(false)).unwrap().unwrap();
    assert_eq!(compacted.files_after, 0);
    assert_whole(dir.path(), &Oracle::new());
}

#[test]
fn a_graph_goes_only_with_rows_that_it_refers_to() {
    let dir = tempfile::tempdir().unwrap();
    let oracle = index_of(dir.path(), 100, 30, DIMENSION);
    let mut writer = open(dir.path());
    let options = GraphOptions { connections: 6, ef_construction: 30, min_photos: 10, ..GraphOptions::default() };
    writer.update_graph(&options, &Silent, &AtomicBool::new(false)).unwrap();
    let compacted = writer.compact(&Silent, &AtomicBool::new(false)).unwrap().unwrap();
    assert!(!compacted.graph_dropped && compacted.files_after < compacted.files_before);
    let query = photo(5000, DIMENSION).embedding;
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_eq!(reader.search_graph(&query, 5, 50, None).unwrap(), reader.search_exact(&query, 5, None).unwrap());
    assert_whole(dir.path(), &oracle);
    assert!(writer.remove(9).unwrap());
    let compacted = writer.compact(&Silent, &AtomicBool::new(false)).unwrap().unwrap();
    assert!(compacted.graph_dropped && compacted.purged == 1);
    let reader = IndexReader::open(dir.path()).unwrap();
    assert!(!reader.has_graph());
    assert!(verify(dir.path()).unwrap().is_clean());
    let update = writer.update_graph(&options, &Silent, &AtomicBool::new(false)).unwrap();
    assert_eq!(update, GraphUpdate::Built { nodes: 99 });
}

#[test]
fn rows_get_the_format_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    writer.set_row_format(RowFormat::F32);
    writer.add_photo(photo(1, DIMENSION)).unwrap();
    writer.commit().unwrap();
    assert_eq!(IndexReader::open(dir.path()).unwrap().embedding(1).unwrap(), photo(1, DIMENSION).embedding);
    writer.set_row_format(RowFormat::F16);
    writer.compact(&Silent, &AtomicBool::new(false)).unwrap().unwrap();
    assert_eq!(IndexReader::open(dir.path()).unwrap().embedding(1).unwrap(), stored(&photo(1, DIMENSION).embedding));
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[test]
fn cancelled_or_stopped_by_damage_it_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let oracle = build(dir.path());
    let before = fs::read(dir.path().join("manifest.json")).unwrap();
    let names = |folder: &str| {
        let mut names: Vec<_> =
            fs::read_dir(dir.path().join(folder)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let files = [names("vectors"), names("records"), names("words")];
    let mut writer = open(dir.path());
    let totals = Mutex::new(Vec::new());
    for limit in [0, 256, 512, 768] {
        let cancel = AtomicBool::new(false);
        let progress = |Steps { done, total }| {
            totals.lock().unwrap().push(total);
            cancel.store(done >= limit, Ordering::Relaxed);
        };
        assert_eq!(writer.compact(&progress, &cancel).unwrap(), None, "after {limit} steps");
        assert_eq!(fs::read(dir.path().join("manifest.json")).unwrap(), before);
        assert_eq!([names("vectors"), names("records"), names("words")], files, "after {limit} steps");
    }
    let totals = totals.into_inner().unwrap();
    assert!(totals[0] >= 768, "the limits reach all parts: {}", totals[0]);
    assert_whole(dir.path(), &oracle);
    let file = dir.path().join("vectors").join(&files[0][0]);
    let whole = fs::read(&file).unwrap();
    let mut bytes = whole.clone();
    bytes[200] ^= 1;
    fs::write(&file, bytes).unwrap();
    let error = writer.compact(&Silent, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, IndexError::Corrupt { .. }), "{error}");
    assert_eq!(fs::read(dir.path().join("manifest.json")).unwrap(), before);
    fs::write(&file, whole).unwrap();
    writer.compact(&Silent, &AtomicBool::new(false)).unwrap().unwrap();
    assert_whole(dir.path(), &oracle);
}
