//! Repairing an index: what is whole stays, what is damaged goes, and the result says what to index again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_index::{
    Asset, GraphOptions, IndexError, IndexReader, IndexWriter, NewItem, Record, Remedy, Repaired, Silent, Stamp, Steps,
    repair, verify,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common::*;

const DIMENSION: usize = 6;

fn repair_now(dir: &Path) -> Result<Repaired, IndexError> {
    repair(dir, &Silent, &AtomicBool::new(false)).map(|repaired| repaired.expect("not cancelled"))
}

fn open(dir: &Path) -> IndexWriter {
    IndexWriter::open_or_create(dir, &model(DIMENSION)).unwrap()
}

/// An index with every kind of file, several of most, removed photos, moved ones, and one in the place of another.
fn build(dir: &Path) {
    index_of(dir, 90, 30, DIMENSION);
    let mut writer = open(dir);
    let options = GraphOptions { connections: 6, ef_construction: 30, min_photos: 10, ..GraphOptions::default() };
    writer.update_graph(&options, &Silent, &AtomicBool::new(false)).unwrap();
    for id in [3, 40, 41, 77] {
        assert!(writer.remove(id).unwrap());
    }
    writer.relocate(7, "/moved.jpg".as_ref(), stamp(1, 1)).unwrap();
    // An older photo takes the path of a newer one, and a new photo that of an older one.
    writer.relocate(50, &photo(76, DIMENSION).asset.path, stamp(2, 2)).unwrap();
    let mut replacement = photo(200, DIMENSION);
    replacement.asset.path = photo(2, DIMENSION).asset.path;
    writer.add_photo(replacement).unwrap();
    for number in 201..210 {
        writer.add_photo(photo(number, DIMENSION)).unwrap();
    }
    let film = Asset { path: "/film.mp4".into(), kind: clip_index::Kind::Video, ..photo(300, DIMENSION).asset };
    let moments: Vec<NewItem> =
        (0..4).map(|position| NewItem { position, embedding: photo(400 + position, DIMENSION).embedding }).collect();
    writer.add_items(film, &moments).unwrap();
    writer.set_roots(&["/photos".into()]).unwrap();
    writer.commit().unwrap();
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
}

/// The ids at the beginning of a file of vectors or records.
fn ids_in(bytes: &[u8], count_at: usize) -> BTreeSet<u64> {
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    (0..number(count_at) as usize).map(|index| number(64 + index * 8)).collect()
}

struct Content {
    records: BTreeMap<u64, Record>,
    rows: BTreeMap<u64, Vec<f32>>,
    roots: Vec<PathBuf>,
}

fn read(dir: &Path) -> Content {
    let reader = IndexReader::open(dir).unwrap();
    Content {
        records: reader.all_records().unwrap().into_iter().map(|record| (record.id, record)).collect(),
        rows: reader.ids().map(|id| (id, reader.embedding(id).unwrap())).collect(),
        roots: reader.roots(),
    }
}

fn assert_clean(dir: &Path, case: &str) {
    let report = verify(dir).unwrap();
    assert!(report.is_clean(), "{case}: {report:?}");
}

/// Damages by removal, by cutting, and by changing some bits or bytes.
fn damages(bytes: &[u8], rng: &mut StdRng) -> Vec<Option<Vec<u8>>> {
    let mut damaged = vec![None];
    if bytes.is_empty() {
        return damaged;
    }
    for _ in 0..2 {
        let mut flipped = bytes.to_vec();
        flipped[rng.random_range(0..bytes.len())] ^= 1 << rng.random_range(0..8);
        damaged.push(Some(flipped));
        damaged.push(Some(bytes[..rng.random_range(0..bytes.len())].to_vec()));
    }
    damaged
}

#[test]
fn frames_are_not_counted_as_photos() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let expected = IndexReader::open(dir.path()).unwrap().counts().unwrap();
    assert_eq!((expected.videos, expected.frames), (1, 4));
    assert_eq!(verify(dir.path()).unwrap().counts, expected);
    fs::remove_dir_all(dir.path().join("words")).unwrap();
    assert_eq!(repair_now(dir.path()).unwrap().kept, expected);
    assert_eq!(verify(dir.path()).unwrap().counts, expected);
}

#[test]
fn whatever_is_damaged_the_rest_stays() {
    let good = tempfile::tempdir().unwrap();
    build(good.path());
    let content = read(good.path());
    let mut rng = StdRng::seed_from_u64(3);
    let mut kinds = BTreeSet::new();
    for file in files(good.path()) {
        let bytes = fs::read(&file).unwrap();
        let name = file.strip_prefix(good.path()).unwrap();
        let mut damages = damages(&bytes, &mut rng);
        if name.starts_with("words") {
            // There are many of them, and all are treated alike.
            damages.truncate(2);
        }
        for damage in damages {
            let dir = tempfile::tempdir().unwrap();
            copy(good.path(), dir.path());
            let target = dir.path().join(name);
            let cut = damage.as_ref().map(Vec::len);
            match damage {
                Some(bytes) => fs::write(&target, bytes).unwrap(),
                None => fs::remove_file(&target).unwrap(),
            }
            let case = format!("{}, {} bytes, now {cut:?}", name.display(), bytes.len());
            let noticed = !verify(dir.path()).is_ok_and(|report| report.is_clean());
            if name == Path::new("manifest.json") {
                // The spare one takes its place.
                let error = IndexReader::open(dir.path()).unwrap_err();
                assert_eq!(error.remedy(), Some(Remedy::RestoreManifest), "{case}: {error}");
            }
            let repaired = repair_now(dir.path()).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_clean(dir.path(), &case);
            assert_eq!(repaired.is_unchanged(), !noticed, "{case}: {repaired:?}");
            kinds.insert(name.extension().map(|extension| extension.to_str().unwrap().to_owned()));
            check(dir.path(), name, &bytes, &content, &repaired, &case);
            add_again(dir.path(), &content, &repaired, &case);
        }
    }
    for kind in ["vec", "del", "rec", "fast", "term"] {
        assert!(kinds.contains(&Some(kind.to_owned())), "{kinds:?}");
    }
}

/// What is not in the damaged file is there as it was, and what is lost is told.
fn check(dir: &Path, name: &Path, bytes: &[u8], before: &Content, repaired: &Repaired, case: &str) {
    let now = read(dir);
    assert_eq!(now.roots, before.roots);
    assert_eq!(repaired.kept.items(), now.rows.len() as u64);
    // Some of tantivy's files are called as some of ours.
    let is_own = !name.starts_with("words");
    let extension = name.extension().filter(|_| is_own).and_then(|name| name.to_str()).unwrap_or_default();
    let is_gone = |record: &Record, ids: &BTreeSet<u64>| record.items().any(|item| ids.contains(&item));
    let mut expected: BTreeMap<u64, Record> = before.records.clone();
    let mut lost = BTreeSet::new();
    match extension {
        "vec" => {
            let ids = ids_in(bytes, 16);
            lost.extend(before.records.values().filter(|record| is_gone(record, &ids)).map(|r| r.asset.path.clone()));
            assert!(!lost.is_empty());
            expected.retain(|_, record| !is_gone(record, &ids));
        }
        "rec" => {
            let ids = ids_in(bytes, 12);
            // Those that have an older record stay, to be looked at again; what they were before, no one knows.
            let has_two = |id: u64| [7, 50].contains(&id);
            let is_newer = ids.len() < 30;
            let gone = expected.values().filter(|record| ids.contains(&record.id) && !has_two(record.id));
            assert_eq!(repaired.lost_records, gone.map(|record| record.positions.len() as u64).sum::<u64>(), "{case}");
            expected.retain(|id, _| !ids.contains(id) || has_two(*id));
            for id in [7, 50] {
                if is_newer {
                    expected.get_mut(&id).unwrap().asset.path = photo(id - 1, DIMENSION).asset.path;
                }
            }
            let older_than = |record: &&Record| now.records[&record.id].asset.stamp == Stamp::default();
            assert_eq!(repaired.unchecked, expected.values().filter(older_than).count() as u64, "{case}");
            for record in expected.values_mut() {
                if now.records[&record.id].asset.stamp == Stamp::default() {
                    record.asset.stamp = Stamp::default();
                }
            }
        }
        // The word index knows which were removed.
        _ => {}
    }
    assert_eq!(repaired.perhaps_removed, 0, "{case}");
    let told: BTreeSet<PathBuf> = repaired.lost.iter().cloned().collect();
    assert_eq!(told, lost, "{case}");
    let differing = |id: &&u64| now.records.get(id) != expected.get(id);
    let different: BTreeSet<&u64> = now.records.keys().chain(expected.keys()).filter(differing).collect();
    assert!(different.is_empty(), "{case}: the records of {different:?}");
    for (id, row) in &now.rows {
        assert!(before.rows.get(id).is_none_or(|old| old == row), "{case}: the vector of {id}");
    }
    let items: BTreeSet<u64> = expected.values().flat_map(Record::items).collect();
    assert!(now.rows.keys().eq(&items), "{case}");
    let in_graph = extension != "vec" && !name.starts_with("graph");
    assert!(!in_graph || !repaired.graph_dropped, "{case}");
    assert!(!repaired.graph_dropped || !IndexReader::open(dir).unwrap().has_graph());
}

/// A writer goes on, and adds what the repair has lost.
fn add_again(dir: &Path, before: &Content, repaired: &Repaired, case: &str) {
    let mut writer = open(dir);
    for path in &repaired.lost {
        let record = before.records.values().find(|record| record.asset.path == *path).unwrap();
        let items: Vec<NewItem> = record
            .items()
            .zip(&record.positions)
            .map(|(item, &position)| NewItem { position, embedding: before.rows[&item].clone() })
            .collect();
        let id = writer.add_items(record.asset.clone(), &items).unwrap();
        assert!(!before.rows.contains_key(&id), "{case}: the id {id} was given out twice");
    }
    writer.add_photo(photo(999, DIMENSION)).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    assert_clean(dir, case);
    let now = read(dir);
    if repaired.lost_records == 0 {
        let paths = |content: &Content| {
            content.records.values().map(|record| record.asset.path.clone()).collect::<BTreeSet<_>>()
        };
        assert!(paths(&now).is_superset(&paths(before)), "{case}");
    }
    assert!(repair_now(dir).unwrap().is_unchanged(), "{case}");
}

/// Where nothing tells which photos were removed, they come back, but not without a word.
#[test]
fn removed_photos_come_back_only_where_that_is_told() {
    let good = tempfile::tempdir().unwrap();
    build(good.path());
    let before = read(good.path());
    for lost in ["none", "term", "idx", "pos", "store", "fieldnorm", "fast", "del"] {
        let dir = tempfile::tempdir().unwrap();
        copy(good.path(), dir.path());
        let is_set = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "del");
        fs::remove_file(files(&dir.path().join("vectors")).into_iter().find(is_set).unwrap()).unwrap();
        for file in files(&dir.path().join("words")) {
            if file.extension().is_some_and(|extension| extension == lost) {
                let mut bytes = fs::read(&file).unwrap();
                bytes[0] ^= 1;
                fs::write(&file, bytes).unwrap();
            }
        }
        let repaired = repair_now(dir.path()).unwrap();
        assert_clean(dir.path(), lost);
        let now = read(dir.path());
        let came_back: Vec<u64> = now.rows.keys().copied().filter(|id| !before.rows.contains_key(id)).collect();
        if repaired.perhaps_removed == 0 {
            assert!(came_back.is_empty(), "{lost}: {came_back:?}");
            assert_eq!(now.records, before.records, "{lost}");
        } else {
            // Others have the paths of the rest.
            assert_eq!((&came_back[..], repaired.perhaps_removed), (&[40, 41][..], now.rows.len() as u64), "{lost}");
        }
        // Of the other files, what is read when they are opened may be what is damaged.
        assert!(lost != "none" || repaired.perhaps_removed == 0, "{repaired:?}");
        assert!(!["fast", "del"].contains(&lost) || repaired.perhaps_removed > 0, "{lost}: {repaired:?}");
        assert!(repair_now(dir.path()).unwrap().is_unchanged(), "{lost}");
    }
}

/// Several files at once, with the set of removed photos among them.
#[test]
fn much_damage_at_once_is_repaired() {
    let good = tempfile::tempdir().unwrap();
    build(good.path());
    let content = read(good.path());
    let mut rng = StdRng::seed_from_u64(8);
    let all: Vec<PathBuf> = files(good.path()).into_iter().filter(|file| !file.ends_with("manifest.json")).collect();
    for round in 0..30 {
        let dir = tempfile::tempdir().unwrap();
        copy(good.path(), dir.path());
        for file in &all {
            let bytes = fs::read(file).unwrap();
            if rng.random_ratio(1, 4) && !bytes.is_empty() {
                let target = dir.path().join(file.strip_prefix(good.path()).unwrap());
                let all = damages(&bytes, &mut rng);
                match &all[rng.random_range(0..all.len())] {
                    Some(bytes) => fs::write(&target, bytes).unwrap(),
                    None => fs::remove_file(&target).unwrap(),
                }
            }
        }
        let case = format!("round {round}");
        repair_now(dir.path()).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_clean(dir.path(), &case);
        let now = read(dir.path());
        for (id, row) in &now.rows {
            assert!(content.rows.get(id).is_none_or(|old| old == row), "{case}: the vector of {id}");
        }
        // A path that belonged to a photo shows that photo or, where nothing better is known, one to be looked at
        // again.
        for record in now.records.values() {
            let owner = content.records.values().find(|other| other.asset.path == record.asset.path);
            let is_owner = owner.is_none_or(|owner| owner.id == record.id);
            assert!(is_owner || record.asset.stamp == Stamp::default(), "{case}: {record:?}");
            let was_removed = !content.records.contains_key(&record.id);
            assert!(!was_removed || owner.is_none(), "{case}: a removed photo has the path of another: {record:?}");
        }
        assert!(repair_now(dir.path()).unwrap().is_unchanged(), "{case}");
    }
}

/// Files of more than one block lose only what is in the damaged ones.
#[test]
fn only_damaged_blocks_of_large_files_are_lost() {
    const WIDE: usize = 200;
    const COUNT: u64 = 5000;
    let good = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(good.path(), &model(WIDE)).unwrap();
    let folder = "a folder with a long name ".repeat(12);
    let path = |number: u64| PathBuf::from(format!("/{folder}/{number}.jpg"));
    for number in 0..COUNT {
        let mut photo = photo(number, WIDE);
        photo.asset.path = path(number);
        writer.add_photo(photo).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    let before = read(good.path());
    for (folder, lost_at_most) in [("vectors", 2700), ("records", 3100)] {
        let dir = tempfile::tempdir().unwrap();
        copy(good.path(), dir.path());
        let file = &files(&dir.path().join(folder))[0];
        let mut bytes = fs::read(file).unwrap();
        assert!(bytes.len() > 3 << 19);
        let at = bytes.len() - 5000;
        bytes[at] ^= 4;
        fs::write(file, bytes).unwrap();
        let repaired = repair_now(dir.path()).unwrap();
        assert_clean(dir.path(), folder);
        assert_eq!(repaired.dropped_files, std::slice::from_ref(file));
        let now = read(dir.path());
        let gone = before.rows.len() - now.rows.len();
        assert!((50..lost_at_most).contains(&gone), "{gone} of {folder}");
        assert_eq!(gone as u64, repaired.lost.len() as u64 + repaired.lost_records);
        for (id, record) in &now.records {
            assert_eq!((record, &now.rows[id]), (&before.records[id], &before.rows[id]));
        }
        let mut writer = IndexWriter::open_or_create(dir.path(), &model(WIDE)).unwrap();
        let there: BTreeSet<&PathBuf> = now.records.values().map(|record| &record.asset.path).collect();
        for record in before.records.values().filter(|record| !there.contains(&record.asset.path)) {
            writer.add(record.asset.clone(), before.rows[&record.id].clone()).unwrap();
        }
        writer.commit().unwrap();
        assert_eq!(writer.len(), COUNT as usize);
        assert_clean(dir.path(), folder);
    }
}

#[test]
fn cancelled_it_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let file = &files(&dir.path().join("vectors"))[0];
    let mut bytes = fs::read(file).unwrap();
    bytes[300] ^= 1;
    fs::write(file, bytes).unwrap();
    let before: Vec<_> = files(dir.path()).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
    let totals = Mutex::new(BTreeSet::new());
    for limit in [0, 1, 3000, 9000] {
        let cancel = AtomicBool::new(false);
        let progress = |Steps { done, total }| {
            totals.lock().unwrap().insert(total);
            cancel.store(done >= limit, Ordering::Relaxed);
        };
        assert_eq!(repair(dir.path(), &progress, &cancel).unwrap(), None, "after {limit}");
        let now: Vec<_> = files(dir.path()).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
        assert!(now == before, "after {limit}");
    }
    let totals = totals.into_inner().unwrap();
    assert!(totals.iter().all(|&total| total > 9000), "{totals:?}");
    assert!(!repair_now(dir.path()).unwrap().lost.is_empty());
}

#[test]
fn what_cannot_be_repaired_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let error = repair_now(dir.path()).unwrap_err();
    assert!(matches!(error, IndexError::NotFound { .. }), "{error}");
    build(dir.path());
    let writer = open(dir.path());
    assert!(matches!(repair_now(dir.path()).unwrap_err(), IndexError::Locked { .. }));
    drop(writer);
    assert!(repair_now(dir.path()).unwrap().is_unchanged());
}
