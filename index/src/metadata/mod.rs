//! What is known of each photo, in tantivy; and its commit, which is the index's commit point.

mod guard;
mod read_directory;
mod write_directory;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clip_files::path_bytes;
use roaring::RoaringTreemap;
use tantivy::collector::TopDocs;
use tantivy::directory::error::OpenReadError;
use tantivy::error::DataCorruption;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{
    BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::{DocAddress, DocSet, Index, ReloadPolicy, Searcher, TERMINATED, TantivyDocument, TantivyError, Term};

use crate::error::IndexError;
use crate::files;
use crate::layout::{self, Layout, MetaEntry};
use crate::record::{KnownFile, PhotoRecord, stored_path};
use guard::guard;
pub(crate) use read_directory::ReadDirectory;
use write_directory::{Gate, WriteDirectory};

/// Memory for documents that are not written yet, in bytes; tantivy's minimum is 15 million.
const WRITER_MEMORY: usize = 20_000_000;
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
    words: Field,
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
        words: schema.add_text_field("words", words()),
    };
    (schema.build(), fields)
}

impl Fields {
    fn document(&self, record: &PhotoRecord) -> Result<TantivyDocument, IndexError> {
        let mut document = TantivyDocument::new();
        document.add_u64(self.id, record.id);
        document.add_bytes(self.path, &stored_path(&record.path)?);
        document.add_bytes(self.hash, &record.hash);
        document.add_u64(self.size, record.size);
        // Times beyond the range of 64-bit seconds do not occur on any file system.
        let seconds = record.mtime_ns.div_euclid(NANOS).clamp(i64::MIN.into(), i64::MAX.into());
        document.add_i64(self.mtime_s, seconds as i64);
        document.add_u64(self.mtime_ns, record.mtime_ns.rem_euclid(NANOS) as u64);
        document.add_u64(self.width, record.width.into());
        document.add_u64(self.height, record.height.into());
        if let Some(taken_at) = record.taken_at {
            document.add_i64(self.taken_at, taken_at);
        }
        if let Some(camera) = &record.camera {
            document.add_text(self.camera, camera);
        }
        if let Some(lens) = &record.lens {
            document.add_text(self.lens, lens);
        }
        if let Some((latitude, longitude)) = record.gps {
            document.add_f64(self.latitude, latitude);
            document.add_f64(self.longitude, longitude);
        }
        document.add_text(self.words, words_of(&record.path));
        Ok(document)
    }

    /// `None` if a field is missing, or has a value that [`Fields::document`] never writes.
    fn record(&self, document: &TantivyDocument) -> Option<PhotoRecord> {
        let u64 = |field| document.get_first(field)?.as_u64();
        let i64 = |field| document.get_first(field)?.as_i64();
        let f64 = |field| document.get_first(field)?.as_f64();
        let text = |field| Some(document.get_first(field)?.as_str()?.to_owned());
        Some(PhotoRecord {
            id: u64(self.id)?,
            path: path_bytes::to_path(document.get_first(self.path)?.as_bytes()?),
            hash: document.get_first(self.hash)?.as_bytes()?.try_into().ok()?,
            size: u64(self.size)?,
            mtime_ns: i128::from(i64(self.mtime_s)?) * NANOS + i128::from(u64(self.mtime_ns)?),
            width: u64(self.width)?.try_into().ok()?,
            height: u64(self.height)?.try_into().ok()?,
            taken_at: i64(self.taken_at),
            camera: text(self.camera),
            lens: text(self.lens),
            gps: f64(self.latitude).zip(f64(self.longitude)),
        })
    }
}

/// The names of folders and file, as text to be tokenised.
fn words_of(path: &Path) -> String {
    let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
    names.join(" ")
}

/// Reads one committed state of the metadata.
pub(crate) struct MetadataReader {
    dir: PathBuf,
    fields: Fields,
    searcher: Searcher,
}

impl std::fmt::Debug for MetadataReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetadataReader").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl MetadataReader {
    /// Opens the metadata of one commit, after all its checksums were found to match: tantivy does not check them by
    /// itself, and damaged records can make it ask for so much memory that the process is ended. Reading everything once
    /// costs a fraction of what a scan of the vectors does.
    pub(crate) fn open(files: &ReadDirectory) -> Result<MetadataReader, IndexError> {
        let dir = files.root().to_path_buf();
        guard(&dir, || {
            let index = Index::open(files.clone())?;
            refuse_damage(&damaged_files(&index)?)?;
            let (expected, fields) = schema();
            if index.schema() != expected {
                return Err(TantivyError::SchemaError("the fields are not those of this version".into()));
            }
            let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
            let searcher = reader.searcher();
            for segment in searcher.segment_readers() {
                // meta.json has no checksum, but what it says must agree with what has one.
                let documents = segment.fast_fields().u64("id")?.num_docs();
                if segment.max_doc() != documents || segment.num_docs() + segment.num_deleted_docs() != documents {
                    let comment = format!("expected {documents} documents in a segment, found {}", segment.max_doc());
                    return Err(TantivyError::DataCorruption(DataCorruption::new("meta.json".into(), comment)));
                }
            }
            Ok(MetadataReader { dir: dir.clone(), fields, searcher })
        })
    }

    /// The records of the ids that are known, in the order of `ids`.
    pub(crate) fn records(&self, ids: &[u64]) -> Result<Vec<PhotoRecord>, IndexError> {
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

    pub(crate) fn find_path(&self, path: &Path) -> Result<Option<u64>, IndexError> {
        let Some(bytes) = path_bytes::exact(path) else { return Ok(None) };
        guard(&self.dir, || match self.find(&Term::from_field_bytes(self.fields.path, &bytes))? {
            Some(address) => Ok(Some(self.record(address)?.id)),
            None => Ok(None),
        })
    }

    /// All photos, in no particular order.
    pub(crate) fn all(&self) -> Result<Vec<PhotoRecord>, IndexError> {
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

    /// As [`MetadataReader::all`], but only what tells whether a file has changed.
    pub(crate) fn files(&self) -> Result<Vec<KnownFile>, IndexError> {
        let known = |record: PhotoRecord| KnownFile {
            id: record.id,
            path: record.path,
            hash: record.hash,
            size: record.size,
            mtime_ns: record.mtime_ns,
        };
        Ok(self.all()?.into_iter().map(known).collect())
    }

    /// Photos whose path has at least one of the words, best first by BM25; equal scores in ascending order of ids.
    pub(crate) fn search_words(&self, words: &str, limit: usize) -> Result<Vec<(u64, f32)>, IndexError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        guard(&self.dir, || {
            let mut tokenizer = self.searcher.index().tokenizer_for_field(self.fields.words)?;
            let mut tokens = tokenizer.token_stream(words);
            let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
            while let Some(token) = tokens.next() {
                let term = Term::from_field_text(self.fields.words, &token.text);
                clauses.push((Occur::Should, Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))));
            }
            drop(tokens);
            let top =
                self.searcher.search(&BooleanQuery::new(clauses), &TopDocs::with_limit(limit).order_by_score())?;
            let mut hits = Vec::with_capacity(top.len());
            for (score, address) in top {
                let ids = self.searcher.segment_reader(address.segment_ord).fast_fields().u64("id")?;
                hits.push((ids.first(address.doc_id).ok_or_else(unreadable)?, score));
            }
            hits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            Ok(hits)
        })
    }

    /// Looks every photo up in the ways that searches do; the records are those of [`MetadataReader::all`].
    pub(crate) fn check(&self, records: &[PhotoRecord]) -> Result<(), IndexError> {
        if self.searcher.num_docs() != records.len() as u64 {
            let reason = format!("expected {} records, found {}", self.searcher.num_docs(), records.len());
            return Err(IndexError::Metadata { dir: self.dir.clone(), reason });
        }
        for record in records {
            if self.records(&[record.id])?.first() != Some(record) || self.find_path(&record.path)?.is_none() {
                let reason = format!("the photo {} is not found by its id and its path", record.id);
                return Err(IndexError::Metadata { dir: self.dir.clone(), reason });
            }
            // The file's own words will do: a fault in them shows in the first few as well as in all.
            if record.id.is_multiple_of(1024) || std::ptr::eq(record, &records[0]) {
                self.search_words(&words_of(&record.path), 1)?;
            }
        }
        Ok(())
    }

    /// The files whose checksum does not match.
    pub(crate) fn damaged_files(files: &ReadDirectory) -> Result<Vec<PathBuf>, IndexError> {
        guard(files.root(), || damaged_files(&Index::open(files.clone())?))
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

    fn record(&self, address: DocAddress) -> tantivy::Result<PhotoRecord> {
        self.fields.record(&self.searcher.doc(address)?).ok_or_else(unreadable)
    }
}

/// Changes the metadata. There is one in all processes, since the index's own lock is held.
pub(crate) struct MetadataWriter {
    dir: PathBuf,
    fields: Fields,
    /// Closed before anything else goes: see [`Gate`].
    closing: CloseOnDrop,
    writer: tantivy::IndexWriter,
    reader: tantivy::IndexReader,
}

struct CloseOnDrop(Arc<Gate>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl MetadataWriter {
    /// Opens the metadata, or creates it without committing anything.
    pub(crate) fn open_or_create(layout: &Layout) -> Result<MetadataWriter, IndexError> {
        let dir = layout.meta();
        files::create_dir(&dir)?;
        guard(&dir, || {
            let (schema, fields) = schema();
            mend_list_of_files(&dir)?;
            let directory = WriteDirectory::open(&dir)?;
            let closing = CloseOnDrop(directory.gate());
            let index = Index::open_or_create(directory, schema)?;
            refuse_damage(&damaged_files(&index)?)?;
            let live = index.load_metas()?.list_segment_files();
            sweep_except(&dir, &live).map_err(|error| TantivyError::SystemError(error.to_string()))?;
            let writer = index.writer_with_num_threads(1, WRITER_MEMORY)?;
            let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
            Ok(MetadataWriter { dir: dir.clone(), fields, closing, writer, reader })
        })
    }

    /// The committed state.
    pub(crate) fn reader(&self) -> MetadataReader {
        MetadataReader { dir: self.dir.clone(), fields: self.fields, searcher: self.reader.searcher() }
    }

    /// Makes all changes and the generation visible in one step. If that fails, nothing has changed.
    pub(crate) fn commit(
        &mut self,
        generation: u64,
        removed: &RoaringTreemap,
        changed: &BTreeMap<u64, PhotoRecord>,
    ) -> Result<(), IndexError> {
        let documents = changed.values().map(|record| self.fields.document(record)).collect::<Result<Vec<_>, _>>()?;
        let Self { dir, fields, writer, reader, .. } = self;
        let result = guard(dir, || {
            for id in removed.iter().chain(changed.keys().copied()) {
                writer.delete_term(Term::from_field_u64(fields.id, id));
            }
            for document in documents {
                writer.add_document(document)?;
            }
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&generation.to_string());
            commit.commit()?;
            Ok(())
        });
        if let Err(error) = result {
            if let Err(second) = guard(dir, || writer.rollback()) {
                log::warn!("could not roll back the metadata: {second}");
            }
            return Err(error);
        }
        // The rename of meta.json is durable only now.
        files::sync_dir(dir)?;
        guard(dir, || reader.reload())
    }

    /// Lets background merges finish, instead of throwing their work away.
    pub(crate) fn finish(self) -> Result<(), IndexError> {
        let Self { dir, writer, closing, .. } = self;
        let result = guard(&dir, || writer.wait_merging_threads());
        drop(closing);
        result
    }
}

fn refuse_damage(damaged: &[PathBuf]) -> tantivy::Result<()> {
    let Some(file) = damaged.first() else { return Ok(()) };
    let comment = "the checksum does not match".to_owned();
    Err(TantivyError::DataCorruption(DataCorruption::new(file.clone(), comment)))
}

fn damaged_files(index: &Index) -> tantivy::Result<Vec<PathBuf>> {
    let mut damaged = Vec::new();
    for file in index.load_metas()?.list_segment_files() {
        match index.directory().validate_checksum(&file) {
            Ok(true) => {}
            // Some of the names are of files that a segment may have.
            Err(OpenReadError::FileDoesNotExist(_)) => {}
            Ok(false) => damaged.push(file),
            Err(error) => return Err(error.into()),
        }
    }
    damaged.sort();
    Ok(damaged)
}

/// Removes what a writer that died left of a commit that was never made. Tantivy itself would do so only after its next
/// commit, which fails when it comes upon such a file under a name that it is about to use.
pub(crate) fn sweep_except(dir: &Path, live: &HashSet<PathBuf>) -> Result<(), IndexError> {
    for path in files::list(dir)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let orphan = match layout::entry_in_meta(name) {
            Some(MetaEntry::OfSegment) => !live.contains(Path::new(name)),
            Some(MetaEntry::Temporary) => true,
            Some(MetaEntry::CommitPoint | MetaEntry::Administration) | None => false,
        };
        if orphan {
            files::remove_orphan(&path);
        }
    }
    Ok(())
}

/// Removes all files of tantivy's; the commit point first, so that it is no index any more.
pub(crate) fn remove_all(dir: &Path) -> Result<(), IndexError> {
    let mut own: Vec<(PathBuf, MetaEntry)> = files::list(dir)?
        .into_iter()
        .filter_map(|path| {
            let entry = layout::entry_in_meta(path.file_name()?.to_str()?)?;
            Some((path, entry))
        })
        .collect();
    own.sort_by_key(|(_, entry)| *entry != MetaEntry::CommitPoint);
    own.iter().try_for_each(|(path, _)| fs::remove_file(path).map_err(IndexError::io("remove", path)))
}

/// Adds the files that tantivy lists in one folder to those that it lists in another.
pub(crate) fn adopt_list_of_files(from: &Path, to: &Path) -> Result<(), IndexError> {
    let mut names: Vec<String> = Vec::new();
    for dir in [to, from] {
        // A list that cannot be read is done without: files that are in none are removed by name.
        match fs::read(dir.join(layout::MANAGED_FILES)) {
            Ok(bytes) => names.extend(serde_json::from_slice::<Vec<String>>(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(IndexError::io("read", &dir.join(layout::MANAGED_FILES))(error)),
        }
    }
    names.sort();
    names.dedup();
    let bytes = serde_json::to_vec(&names).expect("a list of names is always valid JSON");
    files::write_bytes(&to.join(layout::MANAGED_FILES), &bytes)
}

/// The fields, as `meta.json` has them.
pub(crate) fn schema_as_json() -> serde_json::Value {
    serde_json::to_value(schema().0).expect("a schema is always valid JSON")
}

/// Removes tantivy's list of its own files if it cannot be read: it is of use to [`sweep_except`] only, which does without it,
/// but tantivy refuses to open an index where it is damaged.
fn mend_list_of_files(dir: &Path) -> tantivy::Result<()> {
    let path = dir.join(layout::MANAGED_FILES);
    match fs::read(&path) {
        Ok(bytes) if serde_json::from_slice::<Vec<String>>(&bytes).is_ok() => Ok(()),
        Ok(_) => {
            files::remove_orphan(&path);
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(OpenReadError::wrap_io_error(error, layout::MANAGED_FILES.into()).into()),
    }
}

fn unreadable() -> TantivyError {
    TantivyError::DataCorruption(DataCorruption::comment_only("a photo's record has a missing field"))
}
