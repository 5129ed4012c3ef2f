//! One writer, many readers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use clip_index::{IndexError, IndexReader, IndexWriter, verify};

use crate::common::*;

#[test]
fn a_second_writer_is_told_to_wait() {
    let dir = tempfile::tempdir().unwrap();
    let first = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
    let error = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap_err();
    assert!(matches!(error, IndexError::Locked { .. }), "{error}");
    drop(first);
    IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
}

#[test]
fn a_reader_keeps_its_view() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(8)).unwrap();
    let mut oracle = Oracle::new();
    for number in 0..30 {
        add(&mut writer, &mut oracle, photo(number, 8));
    }
    assert!(IndexReader::open(dir.path()).unwrap().is_empty());
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    // Asked for before the metadata changes.
    assert_same(&reader, &oracle);
    for &id in oracle.keys() {
        assert!(writer.remove(id).unwrap());
    }
    for number in 100..200 {
        writer.add_photo(photo(number, 8)).unwrap();
        if number % 10 == 0 {
            writer.commit().unwrap();
        }
    }
    writer.commit().unwrap();
    // All files that the reader had opened are gone by now.
    assert_same(&reader, &oracle);
    assert_eq!(IndexReader::open(dir.path()).unwrap().len(), 100);

    // Nor does it matter when the metadata is first asked for: it is that of the same commit.
    let late = IndexReader::open(dir.path()).unwrap();
    assert!(late.is_current().unwrap());
    let before = IndexReader::open(dir.path()).unwrap().all_records().unwrap();
    let ids: Vec<u64> = late.ids().collect();
    assert!(writer.remove(ids[0]).unwrap());
    writer.relocate(ids[1], "/elsewhere.jpg".as_ref(), stamp(1, 1)).unwrap();
    writer.commit().unwrap();
    assert!(!late.is_current().unwrap());
    assert_eq!(late.all_records().unwrap(), before);
    assert_eq!(late.records(&ids[..2]).unwrap(), before[..2]);
    assert_eq!(late.find_path("/elsewhere.jpg").unwrap(), None);
    let renewed = IndexReader::open(dir.path()).unwrap();
    assert!(renewed.is_current().unwrap());
    assert_eq!(renewed.find_path("/elsewhere.jpg").unwrap(), Some(ids[1]));
}

#[cfg(unix)]
#[test]
fn an_index_that_is_moved_away_while_it_is_written_is_told_as_that() {
    let dir = tempfile::tempdir().unwrap();
    let (here, there) = (dir.path().join("here"), dir.path().join("there"));
    let mut writer = IndexWriter::open_or_create(&here, &model(8)).unwrap();
    writer.add_photo(photo(1, 8)).unwrap();
    writer.commit().unwrap();
    std::fs::rename(&here, &there).unwrap();
    writer.add_photo(photo(2, 8)).unwrap();
    let error = writer.commit().unwrap_err();
    assert!(matches!(&error, IndexError::Gone { dir } if *dir == here), "{error}");
    assert_eq!(IndexReader::open(&there).unwrap().len(), 1, "what was saved is there");
    // Once it is back, nothing is lost.
    std::fs::rename(&there, &here).unwrap();
    writer.commit().unwrap();
    assert_eq!(IndexReader::open(&here).unwrap().len(), 2);
}

/// Readers open the index all the time while a writer replaces its files; each view is whole.
#[test]
fn readers_never_see_half_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(8)).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                let mut views = 0;
                while !done.load(Ordering::Relaxed) {
                    let reader = IndexReader::open(dir.path()).unwrap();
                    assert!(reader.generation() >= last);
                    last = reader.generation();
                    // Every commit replaces all photos by ten others.
                    assert!(reader.is_empty() || reader.len() == 10, "{}", reader.len());
                    let found = reader.search_exact(&[0.125f32.sqrt(); 8], 20, None).unwrap();
                    assert_eq!(found.len(), reader.len());
                    // The metadata is of the same commit.
                    let ids: Vec<u64> = reader.all_records().unwrap().iter().map(|photo| photo.id).collect();
                    assert_eq!(ids, reader.ids().collect::<Vec<_>>());
                    views += 1;
                }
                assert!(views > 5);
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let report = verify(dir.path()).unwrap();
                assert!(report.is_clean(), "{report:?}");
            }
        });
        let mut ids: Vec<u64> = Vec::new();
        for round in 0..60 {
            for id in ids.drain(..) {
                assert!(writer.remove(id).unwrap());
            }
            for number in 0..10 {
                ids.push(writer.add_photo(photo(round * 10 + number, 8)).unwrap());
            }
            writer.commit().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}
