//! Importing what was exported or made elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_index::{
    Asset, ExportFormat, ImportOptions, ImportSource, Imported, IndexError, IndexReader, IndexWriter, Kind, NewItem,
    PictureText, Record, Silent, Stamp, Steps, export, import, verify,
};

use crate::common::*;

const DIMENSION: usize = 5;

fn never() -> AtomicBool {
    AtomicBool::new(false)
}

fn open(dir: &Path) -> IndexWriter {
    IndexWriter::open_or_create(dir, &model(DIMENSION)).unwrap()
}

fn import_all(
    writer: &mut IndexWriter,
    arrays: &[PathBuf],
    items: &Path,
    options: ImportOptions<'_>,
) -> Result<Imported, IndexError> {
    import(writer, &ImportSource::of(items, arrays), options, &Silent, &never())
}

/// An array of `f64`, as NumPy writes it.
fn array(path: &Path, rows: &[Vec<f64>]) -> PathBuf {
    let columns = rows[0].len();
    let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}, {columns}), }}", rows.len());
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{text:117}\n").bytes());
    bytes.extend(rows.iter().flatten().flat_map(|x| x.to_le_bytes()));
    fs::write(path, bytes).unwrap();
    path.to_path_buf()
}

fn row(number: u64, length: f64) -> Vec<f64> {
    photo(number, DIMENSION).embedding.iter().map(|&x| f64::from(x) * length).collect()
}

fn records(dir: &Path) -> Vec<Record> {
    assert!(verify(dir).unwrap().is_clean());
    IndexReader::open(dir).unwrap().all_records().unwrap()
}

#[test]
fn an_exported_index_comes_back() {
    comes_back(ExportFormat::Npy);
}

#[cfg(feature = "parquet")]
#[test]
fn an_index_exported_to_parquet_comes_back() {
    comes_back(ExportFormat::Parquet);
}

#[cfg(not(feature = "parquet"))]
#[test]
fn without_parquet_there_is_none() {
    let (old, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    index_of(old.path(), 2, 2, DIMENSION);
    let reader = IndexReader::open(old.path()).unwrap();
    let error = export(&reader, out.path(), ExportFormat::Parquet, &Silent, &never()).unwrap_err();
    assert!(error.to_string().contains("built without Parquet"), "{error}");
    let table = out.path().join("table.parquet");
    fs::write(&table, "PAR1").unwrap();
    let source = ImportSource::find(&table).unwrap();
    let error = import(&mut open(old.path()), &source, ImportOptions::default(), &Silent, &never()).unwrap_err();
    assert!(error.to_string().contains("built without Parquet"), "{error}");
}

fn comes_back(format: ExportFormat) {
    let (old, out, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    index_of(old.path(), 60, 25, DIMENSION);
    let mut writer = open(old.path());
    assert!(writer.remove(9).unwrap());
    let text = PictureText {
        version: 3,
        languages: "eng+deu".into(),
        words: "ein Wort\nund mehr".into(),
        confidences: vec![90, 0, 255, 7],
    };
    let film = Asset {
        path: "/film.mp4".into(),
        kind: Kind::Video,
        gps: Some((47.123_456_789, -8.5)),
        tags: vec!["a".into(), String::new(), "ü".into()],
        people: vec!["somebody".into()],
        label: Some("red".into()),
        text: Some(text),
        ..photo(90, DIMENSION).asset
    };
    let moments: Vec<NewItem> = [0, 500, 2500]
        .map(|position| NewItem { position, embedding: photo(100 + position, DIMENSION).embedding })
        .into();
    writer.add_items(film, &moments).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        writer.relocate(5, Path::new(std::ffi::OsStr::from_bytes(b"/a\xff")), stamp(5, 5)).unwrap();
    }
    writer.commit().unwrap();
    let reader = IndexReader::open(old.path()).unwrap();
    let exported = export(&reader, out.path(), format, &Silent, &never()).unwrap().unwrap();
    assert_eq!(exported.items, 62);
    let mut writer = open(new.path());
    let seen = Mutex::new(Vec::new());
    let progress = |Steps { done, total }| seen.lock().unwrap().push((done, total));
    let source = ImportSource::find(out.path()).unwrap();
    let imported = import(&mut writer, &source, ImportOptions::default(), &progress, &never()).unwrap();
    assert_eq!(imported, Imported { added: 60, replaced: 0, skipped: Vec::new(), is_complete: true });
    assert_eq!(*seen.lock().unwrap(), [(0, 62), (62, 62)]);
    let (before, after) = (records(old.path()), records(new.path()));
    assert_eq!(before.len(), after.len());
    let copy = IndexReader::open(new.path()).unwrap();
    for (before, after) in before.iter().zip(&after) {
        let stamp = Stamp { ctime_ns: None, inode: None, ..before.asset.stamp };
        // Files beside it are looked at when the photo is next seen.
        let read_again =
            Asset { sidecars: None, companions: Vec::new(), picture_hash: Vec::new(), ..before.asset.clone() };
        assert_eq!(after.asset, Asset { stamp, ..read_again });
        assert_eq!(after.positions, before.positions);
        for (old, new) in before.items().zip(after.items()) {
            assert_eq!(reader.embedding(old), copy.embedding(new), "vectors come back unchanged");
        }
    }
}

#[test]
fn what_others_made_is_added_and_the_rest_told() {
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    index_of(dir.path(), 3, 3, DIMENSION);
    let known = photo(1, DIMENSION).asset.path;
    let lines = [
        r#"{"image_path": "/one.jpg", "caption": "a dog", "width": 640.0}"#.to_owned(),
        r#"{"path": "/zero.jpg"}"#.to_owned(),
        r#"{"path": "two.jpg"}"#.to_owned(),
        "no JSON".to_owned(),
        String::new(),
        serde_json::json!({"path": known}).to_string(),
        r#"{"path": "/one.jpg"}"#.to_owned(),
        r#"{"path": "/nan.jpg"}"#.to_owned(),
        r#"{"path": "/last.jpg", "hash": "0102030405060708090a0b0c0d0e0f10", "size": 7, "mtime_ns": "8"}"#.to_owned(),
    ];
    let items = files.path().join("items.ndjson");
    fs::write(&items, lines.join("\n")).unwrap();
    let nan = vec![f64::NAN; DIMENSION];
    let arrays = [
        array(&files.path().join("0.npy"), &[row(10, 3.0), vec![0.0; DIMENSION], row(11, 1.0)]),
        array(&files.path().join("1.npy"), &[row(12, 1.0), row(13, 0.5), row(14, 1.0), nan, row(15, 1e9)]),
    ];
    let mut writer = open(dir.path());
    let imported = import_all(&mut writer, &arrays, &items, ImportOptions::default()).unwrap();
    let numbers: Vec<usize> = imported.skipped.iter().map(|(place, _)| place.number).collect();
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [2, 3, 4, 6, 7, 8], "{imported:?}");
    assert_eq!((imported.added, imported.replaced), (2, 0));
    let found = records(dir.path());
    assert_eq!(found.len(), 5);
    let reader = IndexReader::open(dir.path()).unwrap();
    let (one, last) = (&found[3], &found[4]);
    assert_eq!(
        (one.asset.path.as_path(), one.asset.width, one.asset.stamp),
        (Path::new("/one.jpg"), 640, Stamp::default())
    );
    assert_eq!((last.asset.path.as_path(), last.asset.stamp), (Path::new("/last.jpg"), stamp(7, 8)));
    for (id, number) in [(one.id, 10), (last.id, 15)] {
        let found = reader.embedding(id).unwrap();
        let expected = photo(number, DIMENSION).embedding;
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3), "{found:?} for {expected:?}");
    }
    // Again, with what was known replaced, and paths that begin somewhere.
    let mut asked = Vec::new();
    let mut describe = |path: &Path| {
        asked.push(path.to_path_buf());
        (path != Path::new("/one.jpg")).then_some((stamp(70, 71), [9; 16]))
    };
    let options = ImportOptions {
        replace: true,
        folder: Some("/folder".into()),
        describe: Some(&mut describe),
        ..ImportOptions::default()
    };
    let imported = import_all(&mut writer, &arrays, &items, options).unwrap();
    assert_eq!((imported.added, imported.replaced), (1, 3), "{imported:?}");
    let relative = PathBuf::from("/folder/two.jpg");
    assert_eq!(asked, [Path::new("/one.jpg"), &relative, &known], "only where the line does not tell");
    let found = records(dir.path());
    assert_eq!(found.len(), 6);
    let replaced = found.iter().find(|record| record.asset.path == known).unwrap();
    assert!(replaced.id > 5);
    assert_eq!((replaced.asset.stamp, replaced.asset.hash), (stamp(70, 71), [9; 16]));
    let one = found.iter().find(|record| record.asset.path == Path::new("/one.jpg")).unwrap();
    assert_eq!((one.asset.stamp, one.asset.hash), (Stamp::default(), [0; 16]));
}

#[test]
fn what_does_not_fit_together_adds_nothing() {
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut writer = open(dir.path());
    let items = files.path().join("items.ndjson");
    fs::write(&items, "{\"path\": \"/a\"}\n{\"path\": \"/b\"}\n").unwrap();
    let good = array(&files.path().join("good.npy"), &[row(1, 1.0), row(2, 1.0)]);
    let short = array(&files.path().join("short.npy"), &[row(1, 1.0)]);
    let narrow = array(&files.path().join("narrow.npy"), &[vec![1.0], vec![1.0]]);
    let mut generation = IndexReader::open(dir.path()).unwrap().generation();
    let mut refused = |arrays: &[PathBuf], items: &Path| {
        let error = import_all(&mut writer, arrays, items, ImportOptions::default()).unwrap_err();
        let now = IndexReader::open(dir.path()).unwrap().generation();
        assert_eq!(std::mem::replace(&mut generation, now), now);
        error
    };
    let error = refused(std::slice::from_ref(&short), &items);
    assert!(matches!(&error, IndexError::Import { path, .. } if *path == items), "{error}");
    assert!(error.to_string().contains("expected 1 lines") && error.to_string().contains("found 2"), "{error}");
    assert!(matches!(refused(&[good.clone(), short], &items), IndexError::Import { .. }));
    let error = refused(&[narrow], &items);
    assert!(matches!(error, IndexError::Dimension { expected: DIMENSION, found: 1 }), "{error}");
    let error = refused(std::slice::from_ref(&items), &items);
    assert!(matches!(&error, IndexError::Import { path, .. } if *path == items), "{error}");
    assert!(matches!(refused(&[good], &files.path().join("none")), IndexError::Exchange { .. }));
    assert_eq!(writer.len(), 0);
}

#[test]
fn commits_on_the_way_and_keeps_what_is_done_when_cancelled() {
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let count = 2600u64;
    let items = files.path().join("items.ndjson");
    let lines: Vec<String> = (0..count).map(|number| format!("{{\"path\": \"/{number}.jpg\"}}\n")).collect();
    fs::write(&items, lines.concat()).unwrap();
    let rows: Vec<Vec<f64>> = (0..count).map(|number| row(number, 1.0)).collect();
    let arrays = [array(&files.path().join("rows.npy"), &rows)];
    let mut writer = open(dir.path());
    let cancel = never();
    let seen = Mutex::new(Vec::new());
    let progress = |Steps { done, .. }| {
        seen.lock().unwrap().push(IndexReader::open(dir.path()).unwrap().len());
        cancel.store(done >= 2304, Ordering::Relaxed);
    };
    let source = ImportSource::of(&items, &arrays);
    let imported = import(&mut writer, &source, ImportOptions::default(), &progress, &cancel).unwrap();
    assert_eq!((imported.added, imported.is_complete), (2304, false));
    let seen = seen.into_inner().unwrap();
    assert!(seen.contains(&2000) && seen.iter().all(|&len| len == 0 || len == 2000), "{seen:?}");
    assert_eq!(IndexReader::open(dir.path()).unwrap().len(), 2304);
    // The next run goes on from there.
    let imported = import_all(&mut writer, &arrays, &items, ImportOptions::default()).unwrap();
    assert_eq!((imported.added, imported.skipped.len(), imported.is_complete), (296, 2304, true));
    assert_eq!(records(dir.path()).len(), 2600);
}
