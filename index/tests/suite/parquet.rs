//! Importing Parquet files, and what clip-retrieval writes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use clip_index::{
    ExportFormat, ImportOptions, ImportSource, Imported, IndexError, IndexReader, IndexWriter, ModelId, Silent, Steps,
    export, import, verify,
};
use clip_parquet::{Datum, Field, Type, Writer};

use crate::common::*;

const DIMENSION: usize = 5;

fn never() -> AtomicBool {
    AtomicBool::new(false)
}

/// What `clip-retrieval inference` has written: `tests/golden/parquet_tables.py`.
fn clip_retrieval() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clip_retrieval")
}

/// A table of another program.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/clip-parquet/tests/fixtures").join(name)
}

fn open(dir: &Path) -> IndexWriter {
    IndexWriter::open_or_create(dir, &model(DIMENSION)).unwrap()
}

fn import_all(
    writer: &mut IndexWriter,
    source: &ImportSource,
    options: ImportOptions<'_>,
) -> Result<Imported, IndexError> {
    import(writer, source, options, &Silent, &never())
}

fn columns(path: Option<&str>, embedding: Option<&str>) -> ImportOptions<'static> {
    ImportOptions {
        path_column: path.map(str::to_owned),
        embedding_column: embedding.map(str::to_owned),
        folder: Some("/folder".into()),
        ..ImportOptions::default()
    }
}

/// Row, and why it was left out.
fn skipped(imported: &Imported) -> Vec<(usize, &str)> {
    let mut skipped: Vec<_> = imported.skipped.iter().map(|(place, reason)| (place.number, reason.as_str())).collect();
    skipped.sort_unstable();
    skipped
}

fn write(path: &Path, fields: &[Field<'_>], rows: &[&[Datum<'_>]]) -> ImportSource {
    let mut writer = Writer::new(File::create(path).unwrap(), fields, &[]).unwrap();
    rows.iter().for_each(|row| writer.row(row).unwrap());
    writer.finish().unwrap();
    ImportSource::of(path, &[])
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn what_clip_retrieval_wrote_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let source = ImportSource::find(&clip_retrieval()).unwrap();
    assert_eq!(source.ignored, [clip_retrieval().join("text_emb")]);
    let mut writer = open(dir.path());
    let seen = Mutex::new(Vec::new());
    let progress = |Steps { done, total }| seen.lock().unwrap().push((done, total));
    let imported = import(&mut writer, &source, columns(None, None), &progress, &never()).unwrap();
    assert_eq!(imported, Imported { added: 7, replaced: 0, skipped: Vec::new(), is_complete: true });
    assert_eq!(*seen.lock().unwrap(), [(0, 7), (7, 7)]);
    assert!(verify(dir.path()).unwrap().is_clean());
    let reader = IndexReader::open(dir.path()).unwrap();
    // As the script has made them: of the first, every second photo is in the first file.
    for (record, number) in reader.all_records().unwrap().iter().zip([0u16, 2, 4, 6, 1, 3, 5]) {
        assert_eq!(record.asset.path, PathBuf::from(format!("/folder/photos/{number}.jpg")));
        assert_eq!((record.asset.width, record.asset.height), (640, 480));
        let row = (0..5).map(|at| (f32::from(number * 5 + at) - 40.0) / 32.0).collect();
        let (expected, found) = (normalised(row), reader.embedding(record.id).unwrap());
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3), "{number}: {found:?}, {expected:?}");
    }
    // Once more; a place names the file.
    let imported = import_all(&mut writer, &source, columns(None, None)).unwrap();
    let last = imported.skipped.iter().map(|(place, _)| place).max().unwrap();
    assert_eq!(last.file.as_deref(), Some(&*clip_retrieval().join("metadata/metadata_1.parquet")));
    assert_eq!((imported.added, imported.skipped.len(), last.number), (0, 7, 3));
    // A file of paths, and several arrays of which the rows are of them.
    let dir = tempfile::tempdir().unwrap();
    let metadata = clip_retrieval().join("metadata/metadata_1.parquet");
    let source = ImportSource::of(&metadata, &[clip_retrieval().join("img_emb/img_emb_1.npy")]);
    assert_eq!(import_all(&mut open(dir.path()), &source, columns(None, None)).unwrap().added, 3);
}

#[test]
fn what_lacks_something_adds_nothing() {
    let (dir, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| files.path().join(name);
    copy(&clip_retrieval(), files.path());
    let mut writer = open(dir.path());
    let mut refused = |source: Result<ImportSource, IndexError>| {
        let error = source.and_then(|source| import_all(&mut writer, &source, columns(None, None))).unwrap_err();
        assert_eq!(writer.len(), 0);
        error.to_string()
    };
    // The arrays of each other.
    fs::rename(at("img_emb/img_emb_0.npy"), at("img_emb/other")).unwrap();
    fs::rename(at("img_emb/img_emb_1.npy"), at("img_emb/img_emb_0.npy")).unwrap();
    let error = refused(ImportSource::find(files.path()));
    assert!(error.contains("metadata_1.parquet: expected its embeddings in"), "{error}");
    fs::rename(at("img_emb/other"), at("img_emb/img_emb_1.npy")).unwrap();
    let error = refused(ImportSource::find(files.path()));
    assert!(error.contains("metadata_0.parquet: expected 3 rows, one for each row of the arrays, found 4"), "{error}");
    // Files with nothing of what is needed.
    let error = refused(ImportSource::find(&at("metadata/metadata_0.parquet")));
    assert!(error.contains("expected a column of embeddings"), "{error}");
    assert!(
        error.ends_with(
            "found image_path (texts), caption (texts), url (texts), key (texts), status (texts), width \
         (whole numbers), height (whole numbers)"
        ),
        "{error}"
    );
    let source = write(&at("no_path"), &[Field::list("embedding", Type::Float)], &[&[Datum::Floats(&[1.0; 5])]]);
    let error = refused(Ok(source));
    let expected = "expected a column of paths, such as path or image_path, found embedding (lists of 32-bit floating-point \
                    numbers)";
    assert!(error.ends_with(expected), "{error}");
    let fields = [Field::scalar("path", Type::Text), Field::list("embedding", Type::Double)];
    let path = Datum::Text("/a.jpg");
    let source = write(&at("narrow"), &fields, &[&[path, Datum::Null], &[path, Datum::Floats(&[1.0; 4])]]);
    let error = refused(Ok(source));
    assert!(error.contains("expected a vector of 5 dimensions, found 4"), "{error}");
    let fields = [fields[0], Field::list("a", Type::Double), Field::list("b", Type::Double)];
    let two = &[path, Datum::Floats(&[1.0; 5]), Datum::Floats(&[1.0; 5])];
    let error = refused(Ok(write(&at("two"), &fields, &[two])));
    assert!(error.contains("expected one column of embeddings") && error.contains("a (lists of 64-bit"), "{error}");
    let error = refused(ImportSource::find(&at("img_emb/img_emb_0.npy")));
    assert!(error.contains("expected a Parquet file, or NumPy arrays"), "{error}");
    // Those of another model, which only a file of ours says.
    let other = tempfile::tempdir().unwrap();
    let name = ModelId { name: "other".into(), fingerprint: "another".into(), dimension: DIMENSION };
    let mut foreign = IndexWriter::open_or_create(other.path(), &name).unwrap();
    foreign.add_photo(photo(1, DIMENSION)).unwrap();
    foreign.commit().unwrap();
    let reader = IndexReader::open(other.path()).unwrap();
    let exported = export(&reader, &at("out"), ExportFormat::Parquet, &Silent, &never()).unwrap().unwrap();
    assert_eq!(exported.embeddings, exported.records);
    let error = refused(ImportSource::find(&at("out")));
    assert!(error.contains("of the model test (test-5), found those of other (another)"), "{error}");
    // Damage that is seen at once.
    fs::write(at("damaged"), "PAR1 and nothing PAR1").unwrap();
    let error = refused(ImportSource::find(&at("damaged")));
    assert!(error.contains("damaged"), "{error}");
}

#[test]
fn rows_that_describe_nothing_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let fields = [
        Field::scalar("path", Type::Text),
        Field::list("embedding", Type::Float),
        Field::scalar("mtime_ns", Type::Text),
        Field::list("tags", Type::Text),
    ];
    let files = tempfile::tempdir().unwrap();
    let good = &[1.0; 5][..];
    let tags = vec!["tag".repeat(1000); 400];
    let long = Datum::Texts(&tags);
    let rows: [&[Datum<'_>]; 10] = [
        &[Datum::Text("/a"), Datum::Floats(good), Datum::Null, Datum::Texts(&tags[..2])],
        &[Datum::Null, Datum::Floats(good), Datum::Null, Datum::Null],
        &[Datum::Text("/c"), Datum::Null, Datum::Null, Datum::Null],
        &[Datum::Text("/d"), Datum::Floats(&[]), Datum::Null, Datum::Null],
        &[Datum::Text("/e"), Datum::Floats(&[1.0; 6]), Datum::Null, Datum::Null],
        &[Datum::Text("/f"), Datum::Floats(&[1.0, f32::NAN, 0.0, 0.0, 0.0]), Datum::Null, Datum::Null],
        &[Datum::Text("/g"), Datum::Floats(&[0.0; 5]), Datum::Null, Datum::Null],
        &[Datum::Text("/h"), Datum::Floats(good), Datum::Text("soon"), Datum::Null],
        &[Datum::Text("/i"), Datum::Floats(good), Datum::Null, long],
        &[Datum::Text("relative"), Datum::Floats(good), Datum::Null, Datum::Null],
    ];
    let source = write(&files.path().join("table"), &fields, &rows);
    let imported = import_all(&mut writer, &source, ImportOptions::default()).unwrap();
    assert_eq!(imported.added, 1);
    assert_eq!(
        skipped(&imported),
        [
            (2, "expected a path, found none"),
            (3, "expected an embedding, found none"),
            (4, "expected a vector of 5 dimensions, found 0"),
            (5, "expected a vector of 5 dimensions, found 6"),
            (6, "expected a vector that has a length, found one of NaN"),
            (7, "expected a vector that has a length, found one of 0"),
            (8, "expected mtime_ns to be a whole number, found \"soon\""),
            (9, "expected at most 1048576 bytes in a row, found 1200002"),
            (10, "expected an absolute path, found relative"),
        ]
    );
    let record = &IndexReader::open(dir.path()).unwrap().all_records().unwrap()[0];
    assert_eq!(record.asset.tags.len(), 2);
}

#[test]
fn tables_of_others_are_imported() {
    for (name, options, expected) in [
        ("pandas.parquet", columns(None, None), 23),
        ("polars.parquet", columns(None, None), 23),
        ("duckdb.parquet", columns(None, None), 23),
        ("duckdb_v2.parquet", columns(None, None), 23),
        // The path of a structure, and a `label` that is a number.
        ("datasets.parquet", columns(None, None), 23),
        // Every seventh row has no embedding there.
        ("pyarrow.parquet", columns(None, None), 20),
        ("half_fixed_zstd.parquet", columns(Some("image.path"), Some("embedding")), 20),
        ("no_rows.parquet", columns(None, None), 0),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let source = ImportSource::find(&fixture(name)).unwrap();
        let imported = import_all(&mut open(dir.path()), &source, options).unwrap();
        assert_eq!(imported.added, expected, "{name}: {imported:?}");
        let reader = IndexReader::open(dir.path()).unwrap();
        let records = reader.all_records().unwrap();
        for (record, number) in records.iter().zip((0..23u16).filter(|number| expected == 23 || number % 7 != 3)) {
            assert_eq!(record.asset.path, PathBuf::from(format!("/photos/2019/IMG_{number:04}.jpg")), "{name}");
            let row = (0..5).map(|at| (f32::from(number * 5 + at) - 40.0) / 32.0).collect();
            let (expected, found) = (normalised(row), reader.embedding(record.id).unwrap());
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3), "{name}: {number}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let source = ImportSource::find(&fixture("pandas.parquet")).unwrap();
    let error = import_all(&mut open(dir.path()), &source, columns(Some("nothing"), None)).unwrap_err().to_string();
    assert!(error.contains("expected a column nothing of texts, found image_path (texts)"), "{error}");
    let error = import_all(&mut open(dir.path()), &source, columns(None, Some("caption"))).unwrap_err().to_string();
    assert!(error.contains("expected a column caption of lists of floating-point numbers, found"), "{error}");
}
