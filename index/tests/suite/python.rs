//! A reader in Python that was written after `docs/index-format.md` alone finds what our own reader finds: the document
//! says enough. It needs nothing but Python 3, as `python3`; without it, these tests are passed over.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clip_index::{
    BadFile, Exclude, GraphOptions, IndexReader, IndexWriter, ModelOrigin, NewItem, Record, RowFormat, StoredPath,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::common::*;

/// False, with a message, where there is no Python.
#[expect(clippy::print_stderr, reason = "whoever runs the tests is told")]
fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("passed over: there is no python3");
    }
    found
}

fn run(index: &Path) -> Result<Value, String> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read_index.py");
    // Without a folder of compiled code beside the program.
    let output = Command::new("python3").arg("-B").arg(program).arg(index).output().expect("python3 is installed");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).expect("the program prints JSON"))
}

fn expected(reader: &IndexReader) -> Value {
    let records = reader.all_records().unwrap();
    let assets: serde_json::Map<String, Value> =
        records.iter().map(|record| (record.id.to_string(), asset(reader, record))).collect();
    let graph = reader.status().unwrap().graph.map(|graph| json!({ "nodes": graph.nodes, "reached": graph.nodes }));
    json!({
        "graph": graph,
        "generation": reader.generation(),
        "model": reader.model(),
        "origin": reader.origin(),
        "roots": reader.roots(),
        "remaining": reader.remaining(),
        "excluded": reader.excluded(),
        "alignment": reader.alignment(),
        "text_languages": reader.text_languages(),
        "told": reader.told(),
        "measured_with": reader.bank(),
        "bad_files": reader.bad_files().unwrap().iter().map(bad_file).collect::<Vec<_>>(),
        "assets": assets,
    })
}

fn bad_file(file: &BadFile) -> Value {
    json!({
        "path": file.path.to_str().unwrap(),
        "hash": file.hash,
        "size": file.stamp.size,
        "mtime_ns": file.stamp.mtime_ns as i64,
        "ctime_ns": file.stamp.ctime_ns.map(|time| time as i64),
        "inode": file.stamp.inode.map(|inode| [inode.device, inode.number]),
        "reason": file.reason,
        "decoder": file.decoder,
    })
}

fn asset(reader: &IndexReader, record: &Record) -> Value {
    let embeddings: Vec<Vec<f64>> =
        record.items().map(|item| reader.embedding(item).unwrap().into_iter().map(f64::from).collect()).collect();
    let hubness: Option<Vec<[f64; 2]>> = reader.bank().map(|_| {
        let of = |item| reader.hubness(item).map(|near| [near.captions.into(), near.phrases.into()]).unwrap();
        record.items().map(of).collect()
    });
    let asset = &record.asset;
    json!({
        "path": asset.path.to_str().unwrap(),
        "hash": asset.hash,
        "size": asset.stamp.size,
        "mtime_ns": asset.stamp.mtime_ns as i64,
        "ctime_ns": asset.stamp.ctime_ns.map(|time| time as i64),
        "inode": asset.stamp.inode.map(|inode| [inode.device, inode.number]),
        "kind": format!("{:?}", asset.kind).to_lowercase(),
        "width": asset.width,
        "height": asset.height,
        "taken_at": asset.taken_at,
        "camera": asset.camera,
        "lens": asset.lens,
        "gps": asset.gps.map(|(latitude, longitude)| [latitude, longitude]),
        "picture_hash": asset.picture_hash,
        "positions": record.positions,
        "utc_offset": asset.utc_offset,
        "iso": asset.iso,
        "focal_length": asset.focal_length,
        "rating": asset.rating,
        "title": asset.title,
        "description": asset.description,
        "tags": asset.tags,
        "details_version": asset.details_version,
        "people": asset.people,
        "label": asset.label,
        "places": asset.places,
        "sidecars": asset.sidecars,
        "exposure_time": asset.exposure.time,
        "f_number": asset.exposure.aperture,
        "exposure_compensation": asset.exposure.compensation,
        "flash": asset.exposure.flash,
        "burst": asset.related.burst,
        "live_photo": asset.related.live_photo,
        "marks": u8::from(asset.related.is_burst_primary) | (u8::from(asset.related.has_motion) << 1),
        "duration": asset.duration,
        "rotation": asset.rotation,
        "companions": asset.companions.iter().map(|name| name.to_str().unwrap()).collect::<Vec<_>>(),
        "text": asset.text,
        "embeddings": embeddings,
        "hubness": hubness,
    })
}

/// Compares piece by piece: all at once would make an unreadable message.
fn assert_equal(found: &Value, expected: &Value) {
    for (name, value) in expected["assets"].as_object().unwrap() {
        assert_eq!(&found["assets"][name], value, "asset {name}");
    }
    let count = |value: &Value| value["assets"].as_object().unwrap().len();
    assert_eq!(count(found), count(expected));
    for (name, value) in expected.as_object().unwrap().iter().filter(|(name, _)| *name != "assets") {
        assert_eq!(&found[name], value, "{name}");
    }
}

#[test]
fn a_reader_written_after_the_document_finds_the_same() {
    if !has_python() {
        return;
    }
    for (dimension, format) in [(37, RowFormat::F16), (64, RowFormat::F32)] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = IndexWriter::open_or_create(dir.path(), &model(dimension)).unwrap();
        writer.set_row_format(format);
        let texts = bank(3, dimension);
        if dimension == 64 {
            writer.set_bank(Arc::clone(&texts)).unwrap();
            texts.store(dir.path()).unwrap();
        }
        tell_of_the_whole(&mut writer);
        writer.set_roots(&["/photos".into(), "/Bilder/Öland".into()]).unwrap();
        assert_eq!(run(dir.path()).map(|found| found["assets"].clone()), Ok(json!({})));
        let mut ids = Vec::new();
        for number in 0..1500 {
            let mut photo = photo(number, dimension);
            photo.asset.details_version = number as u32 % 3;
            ids.push(writer.add_photo(photo).unwrap());
            if number % 400 == 399 {
                writer.commit().unwrap();
            }
        }
        let mut rng = StdRng::seed_from_u64(17);
        let items: Vec<NewItem> = [0, 1500, 700]
            .into_iter()
            .map(|position| NewItem { position, embedding: unit(&mut rng, dimension) })
            .collect();
        let film = clip_index::Asset { kind: clip_index::Kind::Video, ..photo(9999, dimension).asset };
        ids.push(writer.add_items(film, &items).unwrap());
        writer.commit().unwrap();
        if dimension == 64 {
            writer.update_graph(&GraphOptions::default(), &clip_index::Silent, &AtomicBool::new(false)).unwrap();
        }
        // Runs, a few and many of them: every kind of container of a set.
        for (at, &id) in ids.iter().enumerate() {
            if (200..600).contains(&at) || rng.random_bool(0.05) {
                assert!(writer.remove(id).unwrap());
            }
        }
        writer.commit().unwrap();
        writer.relocate(ids[0], "/photos/moved.jpg".as_ref(), stamp(5, -1)).unwrap();
        writer.commit().unwrap();
        writer.close().unwrap();
        let reader = IndexReader::open(dir.path()).unwrap();
        let found = run(dir.path()).unwrap();
        assert_equal(&found, &expected(&reader));
        assert_eq!(reader.has_graph(), dimension == 64);
        assert_eq!(reader.bank().is_some(), dimension == 64);
        assert_eq!(found["rows"], ["f16", "f32"][usize::from(dimension == 64)]);
        let stored = json!({ "name": "bank-3", "dimension": 64, "neighbours": 4, "captions": 30, "phrases": 20 });
        assert_eq!(found["bank"], if dimension == 64 { stored } else { Value::Null });
    }
}

/// Gives an index everything that is not about its assets.
fn tell_of_the_whole(writer: &mut IndexWriter) {
    let pattern = |text: &str| Exclude::Pattern(text.into());
    writer.set_excluded(vec![
        Exclude::Path(StoredPath::new("/photos/Öl".as_ref()).unwrap()),
        pattern("*.png"),
        Exclude::Except(Box::new(pattern("keep/*.png"))),
        Exclude::DeeperThan(4),
        Exclude::OtherFileSystems,
    ]);
    writer.set_origin(Some(ModelOrigin::Repository {
        repository: "org/model".into(),
        commit: "00ff".into(),
        name: None,
    }));
    writer.set_alignment(0.75);
    writer.set_text_languages(Some("eng+deu".into()));
    writer.set_told(vec!["/photos/.clipignore, line 2: wrong".into()]);
    writer.set_remaining(3);
    for number in 0..20u64 {
        let is_read = number.is_multiple_of(3);
        writer.remember_bad_file(BadFile {
            path: format!("/photos/Été {number}.heic").into(),
            stamp: photo(number, 2).asset.stamp,
            hash: is_read.then_some([number as u8; 16]),
            reason: format!("the file ends after {number} bytes — {}", "x".repeat(number as usize * 20)),
            decoder: is_read.then_some(u64::MAX - number),
        });
    }
}

/// The index of the fixtures has what earlier programs wrote.
#[test]
fn the_reader_finds_the_same_in_the_fixture() {
    if !has_python() {
        return;
    }
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v2");
    assert_equal(&run(&fixture).unwrap(), &expected(&IndexReader::open(&fixture).unwrap()));
}

/// The program would notice if it were not so.
#[test]
fn the_reader_notices_damage() {
    if !has_python() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 50, 20, 8);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(8)).unwrap();
    writer.set_bank(bank(1, 8)).unwrap();
    tell_of_the_whole(&mut writer);
    assert!(writer.update_hubness(&clip_index::Silent, &AtomicBool::new(false)).unwrap());
    let options = GraphOptions { min_photos: 1, ..GraphOptions::default() };
    writer.update_graph(&options, &clip_index::Silent, &AtomicBool::new(false)).unwrap();
    writer.close().unwrap();
    run(dir.path()).unwrap();
    let mut damaged = 0;
    for folder in ["vectors", "records", "graph"] {
        for entry in std::fs::read_dir(dir.path().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let whole = std::fs::read(&path).unwrap();
            let mut flipped = whole.clone();
            flipped[whole.len() / 2] ^= 4;
            std::fs::write(&path, flipped).unwrap();
            assert!(run(dir.path()).is_err(), "{}", path.display());
            std::fs::write(&path, whole).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged >= 5, "rows, hubness, records, bad files and the graph");
    run(dir.path()).unwrap();
}
