//! The records of version 1, which tantivy stored.

use std::path::PathBuf;

use clip_files::path_bytes;
use tantivy::error::DataCorruption;
use tantivy::schema::{
    BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::{DocAddress, DocSet, Searcher, TERMINATED, TantivyDocument, TantivyError, Term};

use crate::asset::{Asset, Kind, Record, Stamp};
use crate::error::IndexError;
use crate::words::{ReadDirectory, guard, open_checked};

/// Splits at everything that is neither letter nor digit, and lower-cases.
const TOKENIZER: &str = "default";
const NANOS: i128 = 1_000_000_000;

#[derive(Debug, Clone, Copy)]
struct Fields {
    id: Field,
    path: Field,
    hash: Field,
    size: Field,
    mtime_s: Field,
    mtime_ns: Field,
    width: Field,
    height: Field,
    taken_at: Field,
    camera: Field,
    lens: Field,
    latitude: Field,
    longitude: Field,
    _words: Field,
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let number = || NumericOptions::default().set_stored();
    let filter = || number().set_indexed().set_fast();
    let bytes = || BytesOptions::default().set_stored().set_indexed();
    let words = || {
        let indexing =
            TextFieldIndexing::default().set_tokenizer(TOKENIZER).set_index_option(IndexRecordOption::WithFreqs);
        TextOptions::default().set_indexing_options(indexing)
    };
    let fields = Fields {
        id: schema.add_u64_field("id", filter()),
        path: schema.add_bytes_field("path", bytes()),
        hash: schema.add_bytes_field("hash", bytes()),
        size: schema.add_u64_field("size", number()),
        mtime_s: schema.add_i64_field("mtime_s", number()),
        mtime_ns: schema.add_u64_field("mtime_ns", number()),
        width: schema.add_u64_field("width", filter()),
        height: schema.add_u64_field("height", filter()),
        taken_at: schema.add_i64_field("taken_at", filter()),
        camera: schema.add_text_field("camera", words().set_stored()),
        lens: schema.add_text_field("lens", words().set_stored()),
        latitude: schema.add_f64_field("latitude", filter()),
        longitude: schema.add_f64_field("longitude", filter()),
        _words: schema.add_text_field("words", words()),
    };
    (schema.build(), fields)
}

impl Fields {
    /// `None` if a field is missing, or has a value that was never written.
    fn record(&self, document: &TantivyDocument) -> Option<Record> {
        let u64 = |field| document.get_first(field)?.as_u64();
        let i64 = |field| document.get_first(field)?.as_i64();
        let f64 = |field| document.get_first(field)?.as_f64();
        let text = |field| Some(document.get_first(field)?.as_str()?.to_owned());
        let asset = Asset {
            path: path_bytes::to_path(document.get_first(self.path)?.as_bytes()?),
            stamp: Stamp {
                size: u64(self.size)?,
                mtime_ns: i128::from(i64(self.mtime_s)?) * NANOS + i128::from(u64(self.mtime_ns)?),
                ctime_ns: None,
                inode: None,
            },
            hash: document.get_first(self.hash)?.as_bytes()?.try_into().ok()?,
            kind: Kind::Photo,
            width: u64(self.width)?.try_into().ok()?,
            height: u64(self.height)?.try_into().ok()?,
            taken_at: i64(self.taken_at),
            camera: text(self.camera),
            lens: text(self.lens),
            gps: f64(self.latitude).zip(f64(self.longitude)),
            ..Asset::default()
        };
        Some(Record { id: u64(self.id)?, asset, positions: vec![0] })
    }
}

/// Reads one committed state of the metadata.
pub(crate) struct Metadata {
    dir: PathBuf,
    fields: Fields,
    searcher: Searcher,
}

impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metadata").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Metadata {
    /// Opens the metadata of one commit, after all its checksums were found to match: tantivy does not check them by
    /// itself, and damaged records can make it ask for so much memory that the process is ended.
    pub(crate) fn open(files: &ReadDirectory) -> Result<Metadata, IndexError> {
        let dir = files.root().to_path_buf();
        let (expected, fields) = schema();
        let searcher = guard(&dir, || open_checked(files, &expected, |_| true))?;
        Ok(Metadata { dir, fields, searcher })
    }

    /// The records of the ids that are known, in the order of `ids`.
    pub(crate) fn records(&self, ids: &[u64]) -> Result<Vec<Record>, IndexError> {
        guard(&self.dir, || {
            let mut records = Vec::with_capacity(ids.len());
            for &id in ids {
                if let Some(address) = self.find(&Term::from_field_u64(self.fields.id, id))? {
                    records.push(self.record(address)?);
                }
            }
            Ok(records)
        })
    }

    /// All records, in no particular order.
    pub(crate) fn all(&self) -> Result<Vec<Record>, IndexError> {
        guard(&self.dir, || {
            let mut records = Vec::with_capacity(self.searcher.num_docs() as usize);
            for segment in self.searcher.segment_readers() {
                let store = segment.get_store_reader(1)?;
                for document in store.iter::<TantivyDocument>(segment.alive_bitset()) {
                    records.push(self.fields.record(&document?).ok_or_else(unreadable)?);
                }
            }
            Ok(records)
        })
    }

    fn find(&self, term: &Term) -> tantivy::Result<Option<DocAddress>> {
        for (ord, segment) in self.searcher.segment_readers().iter().enumerate() {
            let inverted = segment.inverted_index(term.field())?;
            let Some(mut postings) = inverted.read_postings(term, IndexRecordOption::Basic)? else { continue };
            let mut doc = postings.doc();
            while doc != TERMINATED {
                if !segment.is_deleted(doc) {
                    return Ok(Some(DocAddress::new(ord as u32, doc)));
                }
                doc = postings.advance();
            }
        }
        Ok(None)
    }

    fn record(&self, address: DocAddress) -> tantivy::Result<Record> {
        self.fields.record(&self.searcher.doc(address)?).ok_or_else(unreadable)
    }
}

/// The fields, as `meta.json` has them.
pub(crate) fn schema_as_json() -> serde_json::Value {
    serde_json::to_value(schema().0).expect("a schema is always valid JSON")
}

fn unreadable() -> TantivyError {
    TantivyError::DataCorruption(DataCorruption::comment_only("a photo's record has a missing field"))
}
