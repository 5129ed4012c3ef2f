//! Indexes in formats that were released: every later version must read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clip_index::{Asset, Filter, GraphOptions, IndexReader, IndexWriter, Kind, ModelId, verify};

use crate::common::{AddPhoto, Oracle, Photo, assert_same, files, record, stamp, stored};

pub fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}"))
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { assert!(fs::copy(&path, &target).is_ok()) }
    }
}

pub fn model() -> ModelId {
    ModelId { name: "fixture".into(), fingerprint: "fixture-0123456789abcdef".into(), dimension: 3 }
}

/// Written out, so that nothing but the files decides what is read.
fn photos() -> Vec<Photo> {
    let photo = |number: u8, embedding: [f32; 3]| Photo {
        asset: Asset {
            path: format!("/photos/fixture {number}.jpg").into(),
            stamp: stamp(1000 + u64::from(number), 1_700_000_000_123_456_789 + i128::from(number)),
            hash: [number; 16],
            kind: Kind::Photo,
            width: 4000,
            height: 3000,
            taken_at: (number != 2).then_some(1_600_000_000),
            camera: (number != 2).then(|| "Camera".into()),
            lens: (number == 1).then(|| "Lens".into()),
            gps: (number == 1).then_some((52.25, -13.5)),
            ..Asset::default()
        },
        embedding: embedding.to_vec(),
    };
    vec![
        photo(1, [1.0, 0.0, 0.0]),
        photo(2, [0.0, 1.0, 0.0]),
        photo(3, [0.0, 0.0, -1.0]),
        photo(4, [0.6, 0.8, 0.0]),
        photo(5, [0.0, -0.6, 0.8]),
    ]
}

pub fn expected() -> Oracle {
    let mut oracle = Oracle::new();
    for (photo, id) in photos().into_iter().zip(1..) {
        oracle.insert(id, (record(id, &photo), photo.embedding));
    }
    oracle.remove(&3);
    let moved = &mut oracle.get_mut(&2).unwrap().0;
    (moved.asset.path, moved.asset.stamp) = ("/photos/moved.jpg".into(), stamp(7, -1));
    oracle
}

/// The index is the fixture of version 1, or what it becomes; returns its version.
pub fn check_either_version(reader: &IndexReader) -> u32 {
    let mut expected = expected();
    let version = reader.status().unwrap().format_version;
    if version > 1 {
        expected.values_mut().for_each(|(_, row)| *row = stored(row));
    }
    assert_same(reader, &expected);
    version
}

/// Run once for each released format, with `cargo test -p clip-index -- --ignored write_fixture`.
#[test]
#[ignore = "writes the fixture of the current format"]
fn write_fixture() {
    let dir = fixture(2);
    assert!(!dir.exists(), "a released fixture is never changed");
    let mut writer = IndexWriter::open_or_create(&dir, &model()).unwrap();
    let mut photos = photos();
    let last = photos.split_off(4);
    photos.into_iter().for_each(|photo| assert!(writer.add_photo(photo).is_ok()));
    writer.set_roots(&["/photos".into()]).unwrap();
    writer.commit().unwrap();
    let options = GraphOptions { min_photos: 1, connections: 4, ef_construction: 10, ..GraphOptions::default() };
    writer.update_graph(&options, &clip_index::Silent, &AtomicBool::new(false)).unwrap();
    last.into_iter().for_each(|photo| assert!(writer.add_photo(photo).is_ok()));
    assert!(writer.remove(3).unwrap());
    writer.relocate(2, "/photos/moved.jpg".as_ref(), stamp(7, -1)).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    // A lock is no part of the format.
    fs::remove_file(dir.join("lock")).unwrap();
}

#[test]
fn version_2_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    copy(&fixture(2), &index);
    let mut expected = expected();
    expected.values_mut().for_each(|(_, row)| *row = stored(row));
    let reader = IndexReader::open(&index).unwrap();
    assert_same(&reader, &expected);
    assert_eq!(reader.roots(), [PathBuf::from("/photos")]);
    for method in [IndexReader::search_exact, IndexReader::search_scan] {
        let best = method(&reader, &[0.6, 0.8, 0.0], 2, None).unwrap();
        assert_eq!(best.iter().map(|hit| hit.id).collect::<Vec<_>>(), [4, 2]);
    }
    let best = reader.search_graph(&[0.6, 0.8, 0.0], 2, 10, None).unwrap();
    assert_eq!(best.iter().map(|hit| hit.id).collect::<Vec<_>>(), [4, 2]);
    assert_eq!(reader.search_words("fixture", 9).unwrap().len(), 3);
    assert_eq!(reader.status().unwrap().format_version, 2);
    assert!(verify(&index).unwrap().is_clean());
}

#[test]
fn version_1_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    copy(&fixture(1), &index);
    let expected = expected();
    let reader = IndexReader::open(&index).unwrap();
    assert_same(&reader, &expected);
    assert_eq!(reader.model(), &model());
    assert_eq!(reader.roots(), [PathBuf::from("/photos")]);
    let best = reader.search_exact(&[0.6, 0.8, 0.0], 2, None).unwrap();
    assert_eq!(best.iter().map(|hit| hit.id).collect::<Vec<_>>(), [4, 2]);
    assert_eq!(reader.find_path("/photos/moved.jpg").unwrap(), Some(2));
    let status = reader.status().unwrap();
    assert_eq!((status.photos, status.deleted, status.format_version), (4, 1, 1));
    assert!(verify(&index).unwrap().is_clean());

    // The next writer migrates it, with the same ids and vectors, and then there are words to be found.
    drop(IndexWriter::open_or_create(&index, &model()).unwrap());
    let migrated = IndexReader::open(&index).unwrap();
    let v1 = expected;
    let mut expected = v1.clone();
    expected.values_mut().for_each(|(_, row)| *row = stored(row));
    assert_same(&migrated, &expected);
    assert_eq!(migrated.status().unwrap().format_version, 2);
    assert_eq!(migrated.roots(), [PathBuf::from("/photos")]);
    assert_eq!(migrated.search_words("fixture", 9).unwrap().len(), 3);
    assert!(verify(&index).unwrap().is_clean());
    let left = |name: &str| fs::read_dir(index.join(name)).map_or(0, Iterator::count);
    assert_eq!((left("meta"), left("graph")), (0, 0));
    assert!(!index.join("manifest-4.json").exists() && !index.join("deleted-4.bin").exists());
    // Who opened it before still sees what it was.
    assert_same(&reader, &v1);

    // And it can be written on.
    let mut writer = IndexWriter::open_or_create(&index, &model()).unwrap();
    let mut photo = photos().remove(0);
    photo.asset.path = "/photos/new.jpg".into();
    let id = writer.add_photo(photo.clone()).unwrap();
    assert_eq!(id, 6);
    writer.commit().unwrap();
    expected.insert(id, (record(id, &photo), stored(&photo.embedding)));
    assert_same(&IndexReader::open(&index).unwrap(), &expected);
    assert!(verify(&index).unwrap().is_clean());
}

#[test]
fn the_words_of_an_earlier_version_are_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    copy(&fixture(2), &index);
    let photos = Filter::Under("/photos".into());
    let answers =
        |reader: &IndexReader| (reader.matching(&photos).unwrap(), reader.matching(&Filter::Month(1)).unwrap());
    let before = answers(&IndexReader::open(&index).unwrap());
    assert!(!before.0.is_empty());
    let words = || files(&index.join("words"));
    let old = words();
    drop(IndexWriter::open_or_create(&index, &model()).unwrap());
    assert!(words().iter().all(|file| !old.contains(file)), "they were not made again");
    let reader = IndexReader::open(&index).unwrap();
    assert_eq!(answers(&reader), before);
    assert_eq!(reader.search_words("fixture", 9).unwrap().len(), 3);
    assert!(verify(&index).unwrap().is_clean());
}
