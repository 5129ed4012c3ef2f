//! The word index: what finds photos by what is known of them, in tantivy: words, numbers, dates, places.
//!
//! It is made of the records, and can be made again from them. Tantivy's own commit point, `meta.json`, is no file here: it
//! is part of the manifest, so that words, vectors and records are committed together.

pub(crate) mod blocks;
mod document;
mod guard;
mod items;
mod matching;
mod read_directory;
mod write_directory;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use roaring::RoaringTreemap;
use tantivy::collector::TopDocs;
use tantivy::directory::error::OpenReadError;
use tantivy::error::DataCorruption;
use tantivy::indexer::{LogMergePolicy, MergePolicy, NoMergePolicy};
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{IndexRecordOption, Schema};
use tantivy::{Index, ReloadPolicy, Searcher, TantivyError, Term};

use crate::asset::Record;
use crate::error::IndexError;
use crate::files;
use crate::filter::{Filter, fold};
use crate::layout::{self, Layout, MetaEntry};
use blocks::BlockSums;
use document::{Fields, schema, words_of};
pub(crate) use guard::guard;
use items::Items;
pub(crate) use read_directory::ReadDirectory;
use write_directory::{Gate, WriteDirectory};

/// Memory for documents that are not written yet, in bytes; tantivy's minimum is 15 million.
const WRITER_MEMORY: usize = 20_000_000;

/// Reads one committed state of the word index.
pub(crate) struct Words {
    dir: PathBuf,
    files: ReadDirectory,
    fields: Fields,
    /// Made by an earlier version of the program: it has words only, and is made again by the next writer.
    is_earlier: bool,
    searcher: Searcher,
    items: OnceLock<Items>,
    /// Set once the checksums of these files were found to match.
    checked_postings: OnceLock<()>,
    checked_rest: OnceLock<()>,
}

/// Files that are read to see whether there is a word at all, and which assets there are, by their extensions.
const AT_FIRST: [&str; 3] = ["term", "fast", "del"];
const POSTINGS: [&str; 1] = ["idx"];

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Words {
    /// Opens the word index of one commit, after all its checksums were found to match: tantivy does not check them by
    /// itself, and what it makes of damaged files cannot be foreseen.
    pub(crate) fn open(files: &ReadDirectory) -> Result<Words, IndexError> {
        let words = Words::open_lazily(files)?;
        guard(&words.dir, || refuse_damage(words.searcher.index(), |_| true))?;
        Ok(words)
    }

    /// As [`open`](Words::open), but what is read is checked when it is read. Where the manifest has no checksums of blocks, which
    /// earlier versions did not write, that is whole files, the larger ones when they are first read: most descriptions have no word
    /// that is written anywhere, and need none of them.
    pub(crate) fn open_lazily(files: &ReadDirectory) -> Result<Words, IndexError> {
        let dir = files.root().to_path_buf();
        let (expected, mut fields) = schema();
        let (searcher, found) = guard(&dir, || {
            let found = Index::open(files.clone())?.schema();
            if found != expected {
                (fields.id, fields.words) = (found.get_field(document::column::ID)?, found.get_field("words")?);
            }
            Ok((open_checked(files, &found, |file| is_unchecked(files, file, &AT_FIRST))?, found))
        })?;
        Ok(Words {
            dir,
            files: files.clone(),
            fields,
            is_earlier: found != expected,
            searcher,
            items: OnceLock::new(),
            checked_postings: OnceLock::new(),
            checked_rest: OnceLock::new(),
        })
    }

    fn check_postings(&self) -> Result<(), IndexError> {
        self.check(&self.checked_postings, |file| is_unchecked(&self.files, file, &POSTINGS))
    }

    fn check_all(&self) -> Result<(), IndexError> {
        self.check_postings()?;
        let is_other = |file: &Path| !has_extension(file, &AT_FIRST) && !has_extension(file, &POSTINGS);
        self.check(&self.checked_rest, |file| is_other(file) && !self.files.checks(file))
    }

    fn check(&self, checked: &OnceLock<()>, is_part: impl Fn(&Path) -> bool) -> Result<(), IndexError> {
        if checked.get().is_none() {
            guard(&self.dir, || refuse_damage(self.searcher.index(), is_part))?;
            checked.get_or_init(|| ());
        }
        Ok(())
    }

    /// The items of assets that meet a condition.
    pub(crate) fn matching(&self, filter: &Filter) -> Result<RoaringTreemap, IndexError> {
        self.refuse_earlier()?;
        self.check_all()?;
        guard(&self.dir, || matching::items(&self.searcher, &self.items, &self.fields, filter))
    }

    fn refuse_earlier(&self) -> Result<(), IndexError> {
        if self.is_earlier {
            let reason = "it was made by an earlier version".to_owned();
            return Err(IndexError::Metadata { dir: self.dir.clone(), reason });
        }
        Ok(())
    }

    /// The items of assets that have all words of a text. Words are whole, and in any of an asset's texts.
    pub(crate) fn with_all(&self, text: &str) -> Result<RoaringTreemap, IndexError> {
        self.refuse_earlier()?;
        let folded = fold::folded(text);
        let words: Vec<Term> =
            folded.split_whitespace().map(|word| Term::from_field_text(self.fields.words, word)).collect();
        if words.is_empty() {
            return Ok(RoaringTreemap::new());
        }
        if !guard(&self.dir, || matching::are_there(&self.searcher, &words))? {
            return Ok(RoaringTreemap::new());
        }
        self.check_postings()?;
        guard(&self.dir, || matching::items_with(&self.searcher, &self.items, &words))
    }

    /// The items of the assets that have this key; none if it is only one asset.
    pub(crate) fn with_kin_key(&self, key: u64) -> Result<RoaringTreemap, IndexError> {
        self.refuse_earlier()?;
        let term = Term::from_field_u64(self.fields.kin, key);
        if guard(&self.dir, || matching::count(&self.searcher, &term))? < 2 {
            return Ok(RoaringTreemap::new());
        }
        self.check_postings()?;
        guard(&self.dir, || matching::items_with(&self.searcher, &self.items, std::slice::from_ref(&term)))
    }

    /// The items of all assets that have a key in common with another.
    pub(crate) fn with_kin(&self) -> Result<RoaringTreemap, IndexError> {
        self.refuse_earlier()?;
        let shared = guard(&self.dir, || matching::shared_terms(&self.searcher, self.fields.kin))?;
        if shared.is_empty() {
            return Ok(RoaringTreemap::new());
        }
        self.check_postings()?;
        guard(&self.dir, || matching::items_with_any(&self.searcher, &self.items, &shared))
    }

    /// Assets that have at least one of the words, best first by BM25; equal scores in ascending order of ids.
    pub(crate) fn search(&self, words: &str, limit: usize) -> Result<Vec<(u64, f32)>, IndexError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.check_all()?;
        guard(&self.dir, || {
            let mut tokenizer = self.searcher.index().tokenizer_for_field(self.fields.words)?;
            let words = fold::folded(words);
            let mut tokens = tokenizer.token_stream(&words);
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

    /// The ids of all assets that it has.
    pub(crate) fn ids(&self) -> Result<Vec<u64>, IndexError> {
        guard(&self.dir, || {
            let mut all = Vec::with_capacity(self.searcher.num_docs() as usize);
            for segment in self.searcher.segment_readers() {
                let ids = segment.fast_fields().u64("id")?;
                for doc in segment.doc_ids_alive() {
                    all.push(ids.first(doc).ok_or_else(unreadable)?);
                }
            }
            Ok(all)
        })
    }

    /// Are the words of an asset's own path found?
    pub(crate) fn finds(&self, record: &Record) -> Result<bool, IndexError> {
        let words = words_of(&record.asset);
        // A path of signs alone has no words.
        let has_words = words.chars().any(char::is_alphanumeric);
        Ok(!has_words || !self.search(&words, 1)?.is_empty())
    }
}

fn has_extension(file: &Path, extensions: &[&str]) -> bool {
    file.extension().and_then(OsStr::to_str).is_some_and(|extension| extensions.contains(&extension))
}

/// Is this a file with such an extension whose bytes are not checked when they are read?
fn is_unchecked(files: &ReadDirectory, file: &Path, extensions: &[&str]) -> bool {
    has_extension(file, extensions) && !files.checks(file)
}

/// The files in `words/` that belong to the word index with this `meta.json`; some are of kinds that it need not have.
pub(crate) fn live_files(root: &Path, meta: Option<&str>) -> Result<HashSet<PathBuf>, IndexError> {
    let Some(meta) = meta else { return Ok(HashSet::new()) };
    let empty = ReadDirectory::without_files(root, meta.as_bytes().into());
    guard(root, || Ok(Index::open(empty)?.load_metas()?.list_segment_files()))
}

/// Changes the word index. There is one in all processes, since the index's own lock is held.
pub(crate) struct WordsWriter {
    dir: PathBuf,
    fields: Fields,
    directory: WriteDirectory,
    /// Closed before anything else goes: see [`Gate`].
    _closing: CloseOnDrop,
    writer: tantivy::IndexWriter,
}

struct CloseOnDrop(Arc<Gate>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl std::fmt::Debug for WordsWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WordsWriter").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl WordsWriter {
    /// Opens the word index of a commit, after all its checksums were found to match, or an empty one.
    pub(crate) fn open(layout: &Layout, meta: Option<&str>) -> Result<WordsWriter, IndexError> {
        let dir = layout.words();
        files::create_inner_dir(&dir)?;
        guard(&dir, || {
            let (schema, fields) = schema();
            let directory = WriteDirectory::open(&dir, meta)?;
            let closing = CloseOnDrop(directory.gate());
            let index = Index::open_or_create(directory.clone(), schema)?;
            refuse_damage(&index, |_| true)?;
            let writer = index.writer_with_num_threads(1, WRITER_MEMORY)?;
            // What is merged, and when, is for `commit` to say: a merge in the background would change what a manifest
            // names at any time.
            writer.set_merge_policy(Box::new(NoMergePolicy));
            Ok(WordsWriter { dir: dir.clone(), fields, directory, _closing: closing, writer })
        })
    }

    /// Adds an asset to the next commit.
    pub(crate) fn add(&mut self, record: &Record) -> Result<(), IndexError> {
        let Self { dir, fields, writer, .. } = self;
        let document = fields.document(record);
        guard(dir, || writer.add_document(document).map(drop))
    }

    /// Removes an asset with the next commit; what is added after it stays.
    pub(crate) fn remove(&mut self, asset: u64) {
        self.writer.delete_term(Term::from_field_u64(self.fields.id, asset));
    }

    /// Writes all changes and gives the `meta.json` that names them, and the checksums of the files' blocks, of which some are
    /// `known`. They are committed once that is in the manifest. After an error the writer must be opened again.
    pub(crate) fn commit(&mut self, known: &BlockSums) -> Result<(String, BlockSums), IndexError> {
        let Self { dir, writer, directory, .. } = self;
        let live = guard(dir, || {
            writer.commit()?;
            let policy = LogMergePolicy::default();
            loop {
                let segments = writer.index().load_metas()?.segments;
                let Some(candidate) = policy.compute_merge_candidates(&segments).into_iter().next() else { break };
                writer.merge(&candidate.0).wait()?;
            }
            Ok(writer.index().load_metas()?.list_segment_files())
        })?;
        files::sync_dir(dir)?;
        let sums = directory.sums(&live, known).map_err(IndexError::io("read files in", dir))?;
        Ok((directory.meta(), sums))
    }
}

/// Removes from a folder of tantivy's what belongs to no commit.
pub(crate) fn sweep_except(dir: &Path, live: &HashSet<PathBuf>) -> Result<(), IndexError> {
    for path in files::list(dir)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let orphan = match layout::entry_in_words(name) {
            Some(MetaEntry::OfSegment) => !live.contains(Path::new(name)),
            Some(MetaEntry::Temporary | MetaEntry::CommitPoint | MetaEntry::Administration) => true,
            None => false,
        };
        if orphan {
            files::remove_orphan(&path);
        }
    }
    Ok(())
}

/// Opens one committed state of an index of tantivy's with these fields, after the checksums of certain files were found to match.
/// Every document must have a number in the fast field `id`.
pub(crate) fn open_checked(
    files: &ReadDirectory,
    expected: &Schema,
    is_checked: impl Fn(&Path) -> bool,
) -> tantivy::Result<Searcher> {
    let index = Index::open(files.clone())?;
    refuse_damage(&index, is_checked)?;
    if index.schema() != *expected {
        return Err(TantivyError::SchemaError("the schema does not match this version".into()));
    }
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    let searcher = reader.searcher();
    for segment in searcher.segment_readers() {
        // A file of version 1, meta.json has no checksum, but what it says must agree with what has one. That of a manifest is as it
        // was written, and reading the column to see that would take the longer the more there is in it.
        if files.checks(Path::new(&format!("{}.fast", segment.segment_id().uuid_string()))) {
            continue;
        }
        let documents = segment.fast_fields().u64("id")?.num_docs();
        if segment.max_doc() != documents || segment.num_docs() + segment.num_deleted_docs() != documents {
            let comment = format!("expected {documents} documents in a segment, found {}", segment.max_doc());
            return Err(TantivyError::DataCorruption(DataCorruption::new("meta.json".into(), comment)));
        }
    }
    Ok(searcher)
}

/// The items of all assets that a word index has, which are those that were not removed. Of its files, those that tell must be
/// whole, and what is read of the others to open them.
///
/// # Errors
/// [`IndexError::Metadata`] if they are not, or an earlier version has made them, [`IndexError::Io`] if the system refuses
/// something.
pub(crate) fn live_items(files: &ReadDirectory) -> Result<RoaringTreemap, IndexError> {
    guard(files.root(), || {
        let searcher = open_checked(files, &schema().0, |file| has_extension(file, &["fast", "del"]))?;
        Ok(Items::of(&searcher)?.of_all(&searcher))
    })
}

/// The files of a word index that are damaged or missing, and what is wrong with them.
///
/// # Errors
/// [`IndexError::Metadata`] if nobody knows which files there should be.
pub(crate) fn damaged_files(files: &ReadDirectory) -> Result<Vec<(PathBuf, String)>, IndexError> {
    guard(files.root(), || {
        let index = Index::open(files.clone())?;
        let damaged = damage(&index, |_| true)?.into_iter();
        damaged.map(|(file, error)| Ok((files.root().join(file), guard::reason_of_file(error)?))).collect()
    })
}

/// Refuses an index of tantivy's with a file that is missing, or whose checksum does not match, among some of its files.
fn refuse_damage(index: &Index, is_checked: impl Fn(&Path) -> bool) -> tantivy::Result<()> {
    damage(index, is_checked)?.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
}

/// Those of some files that are not as they were written. Tantivy itself would open a segment without some of
/// them, and find less in it.
fn damage(index: &Index, is_checked: impl Fn(&Path) -> bool) -> tantivy::Result<Vec<(PathBuf, TantivyError)>> {
    let metas = index.load_metas()?;
    // The others are of files that a segment may have.
    let expected = read_directory::expected_files(&metas);
    let files = metas.list_segment_files().into_iter();
    let mut files: Vec<PathBuf> = files.filter(|file| is_checked(file)).collect();
    files.sort();
    let mut damaged = Vec::new();
    for file in files {
        let error = match index.directory().validate_checksum(&file) {
            Ok(true) => continue,
            Err(OpenReadError::FileDoesNotExist(_)) if !expected.contains(&file) => continue,
            Ok(false) => {
                let io_error = std::io::Error::new(std::io::ErrorKind::InvalidData, "the checksum does not match");
                OpenReadError::wrap_io_error(io_error, file.clone())
            }
            Err(error) => error,
        };
        damaged.push((file, error.into()));
    }
    Ok(damaged)
}

fn unreadable() -> TantivyError {
    TantivyError::DataCorruption(DataCorruption::comment_only("an asset has no id"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Asset;
    use crate::filter::TextField;

    fn record(id: u64) -> Record {
        let scramble = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let asset = Asset {
            path: format!("/photos/{:x}/IMG {scramble:x}.jpg", id / 100).into(),
            camera: Some(format!("Camera {}", id % 7)),
            title: Some(format!("{:x} {:x}", scramble >> 20, scramble >> 40)),
            taken_at: Some((scramble >> 32) as i64),
            ..Asset::default()
        };
        Record { id, asset, positions: vec![0] }
    }

    /// Who asks a question waits for what the answer is read from, not for the whole word index.
    #[test]
    fn questions_read_a_part_and_damage_elsewhere_does_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let mut writer = WordsWriter::open(&layout, None).unwrap();
        (1..=8000).for_each(|id| writer.add(&record(id)).unwrap());
        let (meta, sums) = writer.commit(&BlockSums::new()).unwrap();
        drop(writer);
        let total: u64 = files::list(&layout.words()).unwrap().iter().map(|path| path.metadata().unwrap().len()).sum();
        let pin = || ReadDirectory::pin(&layout.words(), meta.as_bytes().into(), &sums).unwrap();
        let camera = Filter::Text { field: TextField::Camera, text: "Camera 3".into() };
        let share = |pinned: &ReadDirectory| pinned.checked_bytes() as f64 / total as f64;

        let pinned = pin();
        let words = Words::open_lazily(&pinned).unwrap();
        assert!(share(&pinned) < 0.25, "{} of {total} bytes", share(&pinned));
        assert_eq!(words.with_all("nowhere").unwrap().len(), 0);
        assert!(share(&pinned) < 0.45, "{} of {total} bytes", share(&pinned));
        assert_eq!(words.matching(&camera).unwrap().len(), 1143);
        assert!(share(&pinned) < 0.6, "{} of {total} bytes", share(&pinned));

        // Nothing is checked when it is opened that was not asked for, and nothing is read that was not checked.
        let asked = |words: Words| Ok((words.matching(&camera)?, words.with_all("camera 5")?));
        let expected = asked(words).unwrap();
        for path in files::list(&layout.words()).unwrap() {
            let whole = std::fs::read(&path).unwrap();
            let mut answers = 0;
            for at in (0..whole.len()).step_by(whole.len() / 12 + 1) {
                let mut bytes = whole.clone();
                bytes[at] ^= 0x10;
                std::fs::remove_file(&path).unwrap();
                std::fs::write(&path, bytes).unwrap();
                match Words::open_lazily(&pin()).and_then(asked) {
                    Ok(found) => {
                        assert!(found == expected, "{} from {at}", path.display());
                        answers += 1;
                    }
                    Err(error) => assert!(matches!(error, IndexError::Metadata { .. }), "{error}"),
                }
                // Where everything is to be checked, everything is.
                assert!(Words::open(&pin()).is_err(), "{} from {at}", path.display());
                assert_eq!(damaged_files(&pin()).unwrap().len(), 1);
            }
            assert!(path.extension().is_none_or(|kind| kind != "pos") || answers > 0, "{}", path.display());
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, whole).unwrap();
        }
    }
}
