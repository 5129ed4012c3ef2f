//! Exporting, and importing what was exported or made elsewhere.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_index::{
    Asset, ExportFormat, ImportSource, IndexError, IndexReader, IndexWriter, Kind, NewItem, Silent, Stamp, Steps,
    export,
};

use crate::common::*;

const DIMENSION: usize = 5;

fn never() -> AtomicBool {
    AtomicBool::new(false)
}

/// The numbers of an array that `export` has written.
fn numbers(path: &Path, rows: usize) -> Vec<Vec<f32>> {
    let bytes = fs::read(path).unwrap();
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!(header % 64, 0);
    let text = std::str::from_utf8(&bytes[10..header]).unwrap();
    let shape = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {DIMENSION}), }}");
    assert_eq!(text.trim_end(), shape);
    assert_eq!(bytes.len(), header + rows * DIMENSION * 4);
    let floats = bytes[header..].chunks(4).map(|number| f32::from_le_bytes(number.try_into().unwrap()));
    floats.collect::<Vec<_>>().chunks(DIMENSION).map(<[f32]>::to_vec).collect()
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn video(path: &str) -> Asset {
    Asset {
        path: path.into(),
        stamp: Stamp::default(),
        hash: [0xab; 16],
        kind: Kind::Video,
        width: 1,
        height: 2,
        taken_at: None,
        camera: None,
        lens: None,
        gps: None,
        ..Asset::default()
    }
}

#[test]
fn everything_is_exported_in_the_order_of_ids() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut oracle = index_of(dir.path(), 50, 20, DIMENSION);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    for id in [2, 30] {
        assert!(writer.remove(id).unwrap());
        oracle.remove(&id);
    }
    let moments: Vec<NewItem> = (0..3)
        .map(|moment| NewItem { position: moment * 500, embedding: photo(moment, DIMENSION).embedding })
        .collect();
    let first = writer.add_items(video("/film.mp4"), &moments).unwrap();
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    let seen = Mutex::new(Vec::new());
    let progress = |Steps { done, total }| seen.lock().unwrap().push((done, total));
    let target = out.path().join("new/folder");
    let exported = export(&reader, &target, ExportFormat::Npy, &progress, &never()).unwrap().unwrap();
    assert_eq!(exported.items, 51);
    let seen = seen.into_inner().unwrap();
    assert_eq!((seen[0], *seen.last().unwrap()), ((0, 102), (102, 102)));
    let (rows, lines) = (numbers(&target.join("embeddings.npy"), 51), lines(&target.join("items.ndjson")));
    assert_eq!(lines.len(), 51);
    for (((id, (record, embedding)), row), line) in oracle.iter().zip(&rows).zip(&lines) {
        let asset = &record.asset;
        assert_eq!(row, embedding);
        assert_eq!(line["id"], *id);
        assert_eq!(line["asset"], *id);
        assert_eq!(line["position"], 0);
        assert_eq!(line["path"], asset.path.to_str().unwrap());
        assert_eq!(line["size"], asset.stamp.size);
        assert_eq!(line["mtime_ns"], asset.stamp.mtime_ns.to_string());
        let hash: String = asset.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(line["hash"], hash);
        assert_eq!((&line["width"], &line["height"]), (&asset.width.into(), &asset.height.into()));
        assert_eq!(line["taken_at"].as_i64(), asset.taken_at);
        assert_eq!(line["camera"].as_str(), asset.camera.as_deref());
        assert_eq!(line["lens"].as_str(), asset.lens.as_deref());
        let gps = line["gps"].as_array().map(|gps| (gps[0].as_f64().unwrap(), gps[1].as_f64().unwrap()));
        assert_eq!(gps, asset.gps);
    }
    for moment in 0..3 {
        let line = &lines[48 + moment];
        assert_eq!(line["id"], first + moment as u64);
        assert_eq!(line["asset"], first);
        assert_eq!(line["position"], 500 * moment);
        assert_eq!(line["kind"], "video");
        assert_eq!(rows[48 + moment], stored(&moments[moment].embedding));
    }
    let written: clip_index::ModelId = serde_json::from_slice(&fs::read(target.join("model.json")).unwrap()).unwrap();
    assert_eq!(written, model(DIMENSION));
}

#[test]
fn no_file_is_overwritten_and_none_is_left_when_cancelled() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    index_of(dir.path(), 300, 300, DIMENSION);
    let reader = IndexReader::open(dir.path()).unwrap();
    for name in ["embeddings.npy", "items.ndjson", "model.json"] {
        let path = out.path().join(name);
        fs::write(&path, "precious").unwrap();
        let error = export(&reader, out.path(), ExportFormat::Npy, &Silent, &never()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
    }
    for limit in [0, 256, 512] {
        let cancel = never();
        let progress = |steps: Steps| cancel.store(steps.done >= limit, Ordering::Relaxed);
        assert_eq!(export(&reader, out.path(), ExportFormat::Npy, &progress, &cancel).unwrap(), None);
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "after {limit} steps");
    }
}

#[cfg(unix)]
#[test]
fn paths_that_are_no_text_are_exported_as_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    let mut one = photo(1, DIMENSION);
    one.asset.path = std::ffi::OsStr::from_bytes(b"/a\xff").into();
    writer.add_photo(one).unwrap();
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    export(&reader, out.path(), ExportFormat::Npy, &Silent, &never()).unwrap().unwrap();
    let lines = lines(&out.path().join("items.ndjson"));
    assert_eq!(lines[0]["path_bytes"], serde_json::json!([47, 97, 255]));
    assert_eq!(lines[0].get("path"), None);
}

/// What is exported has no checksums, so damage must not get into it.
#[test]
fn damage_is_not_exported() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    index_of(dir.path(), 20, 20, DIMENSION);
    for (folder, offset) in [("vectors", 10), ("records", 10)] {
        let file = fs::read_dir(dir.path().join(folder)).unwrap().next().unwrap().unwrap().path();
        let whole = fs::read(&file).unwrap();
        let mut bytes = whole.clone();
        let at = bytes.len() - offset;
        bytes[at] ^= 1;
        fs::write(&file, bytes).unwrap();
        let reader = IndexReader::open(dir.path()).unwrap();
        let error = export(&reader, out.path(), ExportFormat::Npy, &Silent, &never()).unwrap_err();
        assert!(matches!(error, clip_index::IndexError::Corrupt { .. }), "{error}");
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
        fs::write(&file, whole).unwrap();
    }
}

/// A file that cannot be read is no damage of an index that has no part in it.
#[cfg(unix)]
#[test]
fn an_imported_file_that_cannot_be_read_is_not_the_indexs_fault() {
    let files = tempfile::tempdir().unwrap();
    let circle = files.path().join("circle.parquet");
    std::os::unix::fs::symlink(&circle, &circle).unwrap();
    let error = ImportSource::find(&circle).unwrap_err();
    assert!(matches!(&error, IndexError::Exchange { path, .. } if *path == circle), "{error}");
    assert_eq!(error.remedy(), None);
    let target = files.path().join("file");
    fs::write(&target, "").unwrap();
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 5, 20, DIMENSION);
    let reader = IndexReader::open(dir.path()).unwrap();
    let error = export(&reader, &target, ExportFormat::Npy, &Silent, &never()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot export to {}: it is a file", target.display()));
    assert_eq!(error.remedy(), None);
}

/// Nor is a lock that cannot be taken.
#[test]
fn a_lock_that_cannot_be_taken_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 5, 20, DIMENSION);
    let lock = dir.path().join("lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let error = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap_err();
    assert!(error.to_string().contains("lock"), "{error}");
    assert_eq!(error.remedy(), None);
    assert!(!error.is_unreadable_file());
    assert!(clip_index::verify(dir.path()).unwrap().is_clean());
}
