//! Indexes in formats that were released: every later version must read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clip_index::{GraphOptions, IndexReader, IndexWriter, ModelId, NewPhoto, verify};

use crate::common::{Oracle, assert_same, record};

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { assert!(fs::copy(&path, &target).is_ok()) }
    }
}

fn model() -> ModelId {
    ModelId { name: "fixture".into(), fingerprint: "fixture-0123456789abcdef".into(), dimension: 3 }
}

/// Written out, so that nothing but the files decides what is read.
fn photos() -> Vec<NewPhoto> {
    let photo = |number: u8, embedding: [f32; 3]| NewPhoto {
        path: format!("/photos/fixture {number}.jpg").into(),
        hash: [number; 16],
        size: 1000 + u64::from(number),
        mtime_ns: 1_700_000_000_123_456_789 + i128::from(number),
        width: 4000,
        height: 3000,
        taken_at: (number != 2).then_some(1_600_000_000),
        camera: (number != 2).then(|| "Camera".into()),
        lens: (number == 1).then(|| "Lens".into()),
        gps: (number == 1).then_some((52.25, -13.5)),
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

fn expected() -> Oracle {
    let mut oracle = Oracle::new();
    for (photo, id) in photos().into_iter().zip(1..) {
        oracle.insert(id, (record(id, &photo), photo.embedding));
    }
    oracle.remove(&3);
    let moved = &mut oracle.get_mut(&2).unwrap().0;
    (moved.path, moved.size, moved.mtime_ns) = ("/photos/moved.jpg".into(), 7, -1);
    oracle
}

/// Run once for each released format, with `cargo test -p clip-index -- --ignored write_fixture`.
#[test]
#[ignore = "writes the fixture of the current format"]
fn write_fixture() {
    let dir = fixture(1);
    assert!(!dir.exists(), "a released fixture is never changed");
    let mut writer = IndexWriter::open_or_create(&dir, &model()).unwrap();
    let mut photos = photos();
    let last = photos.split_off(4);
    photos.into_iter().for_each(|photo| assert!(writer.add(photo).is_ok()));
    writer.set_roots(&["/photos".into()]).unwrap();
    writer.commit().unwrap();
    let options = GraphOptions { min_photos: 1, connections: 4, ef_construction: 10, ..GraphOptions::default() };
    writer.update_graph(&options, &mut |_, _| {}, &AtomicBool::new(false)).unwrap();
    last.into_iter().for_each(|photo| assert!(writer.add(photo).is_ok()));
    assert!(writer.remove(3));
    writer.relocate(2, "/photos/moved.jpg".as_ref(), 7, -1).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    // Locks are no part of the format.
    fs::remove_file(dir.join("lock")).unwrap();
    for name in [".tantivy-meta.lock", ".tantivy-writer.lock"] {
        let _ = fs::remove_file(dir.join("meta").join(name));
    }
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
    assert_eq!(reader.search_words("fixture", 9).unwrap().len(), 3);
    let status = reader.status().unwrap();
    assert_eq!((status.photos, status.deleted, status.format_version), (4, 1, 1));
    assert!(verify(&index).unwrap().is_clean());

    // And it can be written on.
    let mut writer = IndexWriter::open_or_create(&index, &model()).unwrap();
    let mut photo = photos().remove(0);
    photo.path = "/photos/new.jpg".into();
    let id = writer.add(photo.clone()).unwrap();
    assert_eq!(id, 6);
    writer.commit().unwrap();
    let mut expected = expected;
    expected.insert(id, (record(id, &photo), photo.embedding));
    assert_same(&IndexReader::open(&index).unwrap(), &expected);
    assert!(verify(&index).unwrap().is_clean());
}
