//! An index of version 1 of the format becomes one of version 2 by an update, which encodes nothing.
#![cfg(unix)]

mod support;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clip_index::{IndexReader, Record, verify};
use support::{Library, counts, model, three};
use tantivy::TantivyDocument;
use tantivy::schema::{BytesOptions, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions};

const NANOS: i128 = 1_000_000_000;

#[test]
fn an_index_of_version_1_is_migrated_without_encoding() {
    let library = three();
    library.run();
    let before = library.records();
    let rows: Vec<Vec<f32>> = vectors(&library.reader(), &before);
    as_version_1(&library);
    assert_eq!(library.reader().status().unwrap().format_version, 1);
    assert_eq!(vectors(&library.reader(), &before), rows);
    let encoded = library.encoder.embedded();

    // A new photo is encoded, and nothing else is.
    library.photo("new.png", [1, 2, 3]);
    assert_eq!(counts(&library.again()), [1, 0, 3, 0, 0, 0]);
    assert_eq!(library.encoder.embedded(), encoded + 1);
    assert_eq!(library.reader().status().unwrap().format_version, 2);
    assert_eq!(vectors(&library.reader(), &before), rows);
    let after = library.records();
    for record in &before {
        let found = after.iter().find(|found| found.id == record.id).unwrap();
        assert_eq!((&found.asset.path, found.asset.hash), (&record.asset.path, record.asset.hash));
        assert_eq!(found.asset.stamp, record.asset.stamp, "it was not completed");
    }
    let new = after.iter().find(|record| record.asset.path.ends_with("new.png")).unwrap();
    assert!(before.iter().all(|record| record.id < new.id));
    assert!(verify(library.index()).unwrap().is_clean());
    assert!(!library.index().join("meta").exists());
}

/// Where nothing has changed, the update migrates all the same.
#[test]
fn an_update_without_news_migrates_too() {
    let library = three();
    library.run();
    as_version_1(&library);
    let encoded = library.encoder.embedded();
    assert_eq!(counts(&library.again()), [0, 0, 3, 0, 0, 0]);
    assert_eq!(library.encoder.embedded(), encoded);
    assert_eq!(library.reader().status().unwrap().format_version, 2);
    assert!(verify(library.index()).unwrap().is_clean());
}

fn vectors(reader: &IndexReader, records: &[Record]) -> Vec<Vec<f32>> {
    records.iter().map(|record| reader.embedding(record.id).unwrap()).collect()
}

/// Writes the photos of the index as version 1 had them, in the place of what is there. No program writes that any more, so this
/// follows `docs/index-format.md`.
fn as_version_1(library: &Library) {
    let reader = library.reader();
    let mut records = library.records();
    records.sort_by_key(|record| record.id);
    let rows = vectors(&reader, &records);
    drop(reader);
    let index = library.index();
    fs::remove_dir_all(&index).unwrap();
    for folder in ["vectors", "meta"] {
        fs::create_dir_all(index.join(folder)).unwrap();
    }
    let segment = vector_file(&records, &rows);
    fs::write(index.join("vectors/00000001.vec"), &segment).unwrap();
    let manifest = serde_json::json!({
        "generation": 1,
        "committed_at": 1_700_000_000,
        "model": {"name": model().name, "fingerprint": model().fingerprint, "dimension": model().dimension},
        "next_id": records.last().unwrap().id + 1,
        "next_file": 2,
        "roots": [library.root().to_str().unwrap()],
        "segments": [{"file": 1, "rows": records.len(), "header_crc32": crc32fast::hash(&segment[..64])}],
        "deleted": null,
        "graph": null,
    });
    let manifest = manifest.to_string();
    let crc = crc32fast::hash(manifest.as_bytes());
    let head = format!("{{\"kind\":\"clip-search manifest\",\"version\":1,\"crc32\":\"{crc:08x}\"}}\n");
    fs::write(index.join("manifest-1.json"), head + &manifest).unwrap();
    write_metadata(&index.join("meta"), &records);
}

fn vector_file(records: &[Record], rows: &[Vec<f32>]) -> Vec<u8> {
    let mut ids: Vec<u8> = records.iter().flat_map(|record| record.id.to_le_bytes()).collect();
    ids.resize(ids.len().next_multiple_of(64), 0);
    let rows: Vec<u8> = rows.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
    let mut file = b"clipvec\0".to_vec();
    file.extend(1_u32.to_le_bytes());
    file.extend((model().dimension as u32).to_le_bytes());
    file.extend((records.len() as u64).to_le_bytes());
    file.extend(crc32fast::hash(&ids).to_le_bytes());
    file.extend(crc32fast::hash(&rows).to_le_bytes());
    file.resize(60, 0);
    file.extend(crc32fast::hash(&file).to_le_bytes());
    [file, ids, rows].concat()
}

fn write_metadata(folder: &Path, records: &[Record]) {
    let mut schema = Schema::builder();
    let number = || NumericOptions::default().set_stored();
    let filter = || number().set_indexed().set_fast();
    let bytes = || BytesOptions::default().set_stored().set_indexed();
    let words = || {
        let freqs = IndexRecordOption::WithFreqs;
        let indexing = TextFieldIndexing::default().set_tokenizer("default").set_index_option(freqs);
        TextOptions::default().set_indexing_options(indexing)
    };
    let id = schema.add_u64_field("id", filter());
    let path = schema.add_bytes_field("path", bytes());
    let hash = schema.add_bytes_field("hash", bytes());
    let size = schema.add_u64_field("size", number());
    let mtime_s = schema.add_i64_field("mtime_s", number());
    let mtime_ns = schema.add_u64_field("mtime_ns", number());
    let width = schema.add_u64_field("width", filter());
    let height = schema.add_u64_field("height", filter());
    schema.add_i64_field("taken_at", filter());
    schema.add_text_field("camera", words().set_stored());
    schema.add_text_field("lens", words().set_stored());
    schema.add_f64_field("latitude", filter());
    schema.add_f64_field("longitude", filter());
    schema.add_text_field("words", words());
    let index = tantivy::Index::create_in_dir(folder, schema.build()).unwrap();
    let mut writer = index.writer_with_num_threads::<TantivyDocument>(1, 15_000_000).unwrap();
    for record in records {
        let stamp = &record.asset.stamp;
        let mut document = TantivyDocument::new();
        document.add_u64(id, record.id);
        document.add_bytes(path, record.asset.path.as_os_str().as_bytes());
        document.add_bytes(hash, &record.asset.hash);
        document.add_u64(size, stamp.size);
        document.add_i64(mtime_s, stamp.mtime_ns.div_euclid(NANOS) as i64);
        document.add_u64(mtime_ns, stamp.mtime_ns.rem_euclid(NANOS) as u64);
        document.add_u64(width, record.asset.width.into());
        document.add_u64(height, record.asset.height.into());
        writer.add_document(document).unwrap();
    }
    let mut commit = writer.prepare_commit().unwrap();
    commit.set_payload("1");
    commit.commit().unwrap();
    writer.wait_merging_threads().unwrap();
}
