//! Changing an index.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clip_files::system_error;
use clip_progress::{Progress, Steps};
use roaring::RoaringTreemap;

use crate::asset::{Asset, NewItem, PictureText, Record, Stamp, stored_path};
use crate::bad_files::{self, BadFile, BadFiles};
use crate::commit_point::CommitPoint;
use crate::compaction;
use crate::drives::{Drive, Drives};
use crate::error::IndexError;
use crate::files;
use crate::graph::{self, GraphOptions, GraphUpdate};
use crate::hubness::{self, Bank, HubnessFile};
use crate::id_set;
use crate::layout::Layout;
use crate::lock::WriteLock;
use crate::lost;
use crate::manifest::{self, DeletedEntry, GraphEntry, Manifest, ModelEntry, RecordsEntry, SegmentEntry, Unknown};
use crate::measure;
use crate::model::{Exclude, ModelId, ModelOrigin, StoredPath};
use crate::privacy;
use crate::recognise::refuse_foreign_files;
use crate::records::{self, RecordFile, Records};
use crate::segment::{self, NewRow, RowFormat, Segment};
use crate::snapshot::{self, Snapshot};
use crate::spare;
use crate::staging;
use crate::sweep::sweep;
use crate::unit::{self, UNIT_TOLERANCE};
use crate::watch::Watch;
use crate::words::WordsWriter;

/// What is told of faults in folders is kept up to this number of texts.
const MOST_TOLD: usize = 1_000;

/// The one writer of an index: it holds the lock as long as it lives.
///
/// Changes are kept in memory until [`IndexWriter::commit`] makes them all visible and durable in one step. What is not
/// committed is lost with the writer. Memory grows with the uncommitted photos, so callers commit every thousand or so.
pub struct IndexWriter {
    snapshot: Snapshot,
    words: WordIndex,
    model: ModelId,
    origin: Option<ModelOrigin>,
    roots: Vec<StoredPath>,
    remaining: u64,
    remaining_in: Vec<StoredPath>,
    alignment: Option<f32>,
    text_languages: Option<String>,
    told: Vec<String>,
    drives: Vec<Drive>,
    excluded: Vec<Exclude>,
    bad_files: BadFiles,
    next_id: u64,
    row_format: RowFormat,
    /// What hubness is measured with.
    bank: Option<Arc<Bank>>,
    pending: Pending,
    /// The newest commit may not be on the disk yet: the commit point was replaced, but syncing that has failed.
    unsynced: bool,
    /// Given back last, when nothing writes any more.
    _lock: WriteLock,
}

/// The word index, as a writer has it.
#[derive(Debug)]
enum WordIndex {
    /// As the last commit left it.
    Committed(Box<WordsWriter>),
    /// To be opened as the last commit left it: what was written since was not committed.
    Closed,
    /// To be made again of all records: it is damaged, or there was none.
    Missing,
}

/// What [`IndexWriter::compact`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Rows of removed items that are gone.
    pub purged: u64,
    /// Files of vectors and records before.
    pub files_before: usize,
    /// Files of vectors and records now.
    pub files_after: usize,
    /// The graph referred to removed rows and went with them.
    pub graph_dropped: bool,
}

/// What the next commit will change.
#[derive(Debug, Default)]
struct Pending {
    manifest_changed: bool,
    bad_files_changed: bool,
    /// Ids of added items, ascending, and their rows.
    added: Vec<u64>,
    rows: Vec<f32>,
    /// Added items that were removed again.
    withdrawn: RoaringTreemap,
    /// Committed items that were removed.
    removed: RoaringTreemap,
    /// Committed assets that were removed.
    removed_assets: Vec<u64>,
    /// Records of added and of changed assets.
    records: BTreeMap<u64, Record>,
    /// Those of `records` of which only the stamp or the version of the details changed, so that the word index has them already.
    restamped: RoaringTreemap,
}

impl Pending {
    fn is_empty(&self) -> bool {
        !self.manifest_changed
            && !self.bad_files_changed
            && self.added.is_empty()
            && self.removed.is_empty()
            && self.records.is_empty()
    }

    fn has_added(&self, id: u64) -> bool {
        self.added.binary_search(&id).is_ok() && !self.withdrawn.contains(id)
    }
}

/// What a commit makes of the vector files.
struct Staged {
    segments: Vec<Arc<Segment>>,
    /// For each of them, if its hubness is known.
    hubness: Vec<Option<Arc<HubnessFile>>>,
    records: Vec<Arc<RecordFile>>,
    deleted: RoaringTreemap,
    graph: Option<GraphEntry>,
    next_file: u64,
}

impl std::fmt::Debug for IndexWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexWriter")
            .field("snapshot", &self.snapshot)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

impl IndexWriter {
    /// Opens the index in `dir` for writing, or creates an empty one, for embeddings of `model`.
    ///
    /// # Errors
    /// [`IndexError::Locked`] if there is a writer already, [`IndexError::Fingerprint`] if the index was made with
    /// another model, [`IndexError::NotAnIndex`] if the directory holds other files.
    pub fn open_or_create(dir: impl AsRef<Path>, model: &ModelId) -> Result<IndexWriter, IndexError> {
        IndexWriter::open(dir.as_ref(), model, (1, 1))
    }

    /// Creates an index whose ids and file numbers begin with these, greater than 0.
    pub(crate) fn create(
        dir: &Path,
        model: &ModelId,
        first_id: u64,
        first_file: u64,
    ) -> Result<IndexWriter, IndexError> {
        IndexWriter::open(dir, model, (first_id, first_file))
    }

    /// `first` are the id and the file number that a new index begins with.
    fn open(dir: &Path, model: &ModelId, first: (u64, u64)) -> Result<IndexWriter, IndexError> {
        if model.dimension == 0 {
            return Err(IndexError::Dimension { expected: 1, found: 0 });
        }
        let layout = Layout::new(dir);
        refuse_foreign_files(&layout)?;
        files::create_dir(dir)?;
        let lock = WriteLock::acquire(&layout)?;
        // Again, now that nobody changes it.
        refuse_foreign_files(&layout)?;
        privacy::tighten(&layout)?;
        for folder in layout.folders() {
            files::create_inner_dir(&folder)?;
        }
        spare::restore(&layout)?;
        let (snapshot, is_new) = match Snapshot::open(&layout) {
            Ok(snapshot) => (snapshot, false),
            Err(IndexError::NotFound { .. }) => {
                lost::refuse_lost_commit_point(&layout)?;
                let manifest = Manifest::empty(model, first.0, first.1);
                let (records, deleted) = (Records::default(), RoaringTreemap::new());
                (Snapshot::assemble(layout.clone(), manifest, Vec::new(), records, deleted)?, true)
            }
            Err(error) => return Err(error),
        };
        let indexed = &snapshot.manifest().model;
        if indexed.fingerprint != model.fingerprint || indexed.dimension != model.dimension {
            return Err(IndexError::Fingerprint {
                dir: dir.to_path_buf(),
                indexed_name: indexed.name.clone(),
                indexed_fingerprint: indexed.fingerprint.clone(),
                wanted_name: model.name.clone(),
                wanted_fingerprint: model.fingerprint.clone(),
            });
        }
        let is_v1 = snapshot.manifest().version < manifest::VERSION;
        snapshot.manifest().refuse_newer(&layout.manifest())?;
        if !is_new {
            // Whoever made the commit may have died before it was on the disk. What it has replaced must stay until then.
            files::sync_dir(dir)?;
        }
        if !is_v1 {
            sweep(&layout, Some(snapshot.manifest()))?;
        }
        if !is_new {
            staging::remove_spent(&layout, snapshot.manifest());
        }
        let words = match &snapshot.manifest().words {
            None => WordIndex::Missing,
            Some(meta) => match WordsWriter::open(&layout, Some(meta)) {
                Ok(words) => WordIndex::Committed(Box::new(words)),
                Err(error @ IndexError::Io { .. }) if !error.is_unreadable_file() => return Err(error),
                Err(error) => {
                    log::warn!("rebuilding the word index: {error}");
                    WordIndex::Missing
                }
            },
        };
        let mut writer = IndexWriter::over(snapshot, words, lock);
        if is_v1 {
            writer.migrate()?;
        } else if is_new || matches!(writer.words, WordIndex::Missing) {
            // A reader is to find an empty index, not none, before the first photos are committed.
            let staged = writer.stage()?;
            writer.publish(staged)?;
        }
        Ok(writer)
    }

    /// A writer of a generation that is put together of what is left of a damaged one. Its manifest is not committed yet;
    /// [`IndexWriter::commit_all`] does that. `has_words` if the word index of the manifest is that of its records.
    pub(crate) fn adopt(snapshot: Snapshot, has_words: bool, lock: WriteLock) -> IndexWriter {
        IndexWriter::over(snapshot, if has_words { WordIndex::Closed } else { WordIndex::Missing }, lock)
    }

    /// A writer without pending changes.
    fn over(snapshot: Snapshot, words: WordIndex, lock: WriteLock) -> IndexWriter {
        let manifest = snapshot.manifest();
        let mut pending = Pending::default();
        let bad_files = match &manifest.bad_files {
            None => BadFiles::new(),
            Some(entry) => {
                bad_files::read(&snapshot.layout().bad_files(entry.file), entry).unwrap_or_else(|error| {
                    log::warn!("bad files are tried again: {error}");
                    // The next commit does without the list.
                    pending.bad_files_changed = true;
                    BadFiles::new()
                })
            }
        };
        IndexWriter {
            words,
            model: manifest.model.id.clone(),
            origin: manifest.origin.clone(),
            roots: manifest.roots.clone(),
            remaining: manifest.remaining,
            remaining_in: manifest.remaining_in.clone(),
            alignment: manifest.alignment,
            text_languages: manifest.text_languages.clone(),
            told: manifest.told.clone(),
            drives: manifest.drives().to_vec(),
            next_id: manifest.next_id,
            row_format: manifest.rows,
            excluded: manifest.excluded.clone(),
            bad_files,
            bank: None,
            pending,
            unsynced: false,
            snapshot,
            _lock: lock,
        }
    }

    /// Commits the files as they are as the next generation.
    pub(crate) fn commit_all(&mut self) -> Result<(), IndexError> {
        let manifest = self.snapshot.manifest();
        let staged = Staged {
            segments: self.snapshot.segments().to_vec(),
            hubness: self.snapshot.hubness_files().to_vec(),
            records: self.snapshot.records().files().to_vec(),
            deleted: self.snapshot.deleted().clone(),
            graph: manifest.graph.clone(),
            next_file: manifest.next_file,
        };
        self.publish(staged)
    }

    /// Makes an index of version 1 one of this version: the same assets with the same ids and vectors, in new files. Until
    /// the manifest is there, it stays what it was.
    fn migrate(&mut self) -> Result<(), IndexError> {
        let layout = self.snapshot.layout().clone();
        log::info!("{}: bringing the index to version {} of its format", layout.root().display(), manifest::VERSION);
        self.pending.records = self.snapshot.all_records()?.into_iter().map(|record| (record.id, record)).collect();
        let mut staged = self.stage()?;
        for segment in staged.segments.iter_mut().filter(|segment| !segment.has_codes()) {
            let path = layout.segment(staged.next_file);
            *segment = Arc::new(compaction::rewrite(segment, self.row_format, &path, staged.next_file)?);
            staged.next_file += 1;
        }
        staged.hubness = vec![None; staged.segments.len()];
        self.publish(staged)
    }

    /// The directory of the index.
    pub fn dir(&self) -> &Path {
        self.snapshot.layout().root()
    }

    /// The model of all embeddings.
    pub(crate) fn model(&self) -> &ModelId {
        &self.model
    }

    /// Length of every embedding.
    pub fn dimension(&self) -> usize {
        self.model.dimension
    }

    /// The folders that the index is made of.
    pub fn roots(&self) -> Vec<PathBuf> {
        self.roots.iter().map(StoredPath::path).collect()
    }

    /// Sets the folders, with the next commit.
    ///
    /// # Errors
    /// [`IndexError::Path`] if one cannot be stored.
    pub fn set_roots(&mut self, roots: &[PathBuf]) -> Result<(), IndexError> {
        let stored = |root: &PathBuf| StoredPath::new(root).ok_or_else(|| IndexError::Path { path: root.clone() });
        let roots = roots.iter().map(stored).collect::<Result<Vec<_>, _>>()?;
        self.pending.manifest_changed |= roots != self.roots;
        self.roots = roots;
        Ok(())
    }

    /// The file systems that these folders are on, as far as an update has noted them.
    pub fn drives(&self) -> &[Drive] {
        &self.drives
    }

    /// Notes the file systems that the folders are on, with the next commit.
    pub fn set_drives(&mut self, drives: Vec<Drive>) {
        self.pending.manifest_changed |= drives != self.drives;
        self.drives = drives;
    }

    /// What is left out of these folders.
    pub fn excluded(&self) -> &[Exclude] {
        &self.excluded
    }

    /// Sets what is left out of the folders, with the next commit. Nothing leaves the index by that.
    pub fn set_excluded(&mut self, excluded: Vec<Exclude>) {
        self.pending.manifest_changed |= excluded != self.excluded;
        self.excluded = excluded;
    }

    /// Files that could not be indexed, uncommitted changes included, in the order of their paths.
    pub fn bad_files(&self) -> impl Iterator<Item = &BadFile> {
        self.bad_files.values()
    }

    /// Remembers, with the next commit, that a file could not be indexed, in place of what was remembered of its path. Where
    /// paths are not bytes, one that is no Unicode is not remembered.
    pub fn remember_bad_file(&mut self, file: BadFile) {
        if self.bad_files.get(&file.path) != Some(&file) {
            self.bad_files.insert(file.path.clone(), file);
            self.pending.bad_files_changed = true;
        }
    }

    /// Forgets a file that could not be indexed, with the next commit; `false` if it was not remembered.
    pub fn forget_bad_file(&mut self, path: &Path) -> bool {
        let was_known = self.bad_files.remove(path).is_some();
        self.pending.bad_files_changed |= was_known;
        was_known
    }

    /// Sets how embeddings are stored in vector files that are written from now on. The index remembers it, with the next
    /// commit, and hands it on to an index that is rebuilt from it. Files that were written before are converted when they are
    /// merged, and all of them by [`IndexWriter::compact`].
    pub fn set_row_format(&mut self, format: RowFormat) {
        self.pending.manifest_changed |= format != self.row_format;
        self.row_format = format;
    }

    /// Sets what the hubness of items is measured with: that of new items by each commit, that of all others by
    /// [`IndexWriter::update_hubness`]. Without a bank, hubness that was measured before is kept.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] if the bank's embeddings have another dimension than the index.
    pub fn set_bank(&mut self, bank: Arc<Bank>) -> Result<(), IndexError> {
        if bank.dimension() != self.model.dimension {
            return Err(IndexError::Dimension { expected: self.model.dimension, found: bank.dimension() });
        }
        self.bank = Some(bank);
        Ok(())
    }

    /// Notes how many files whoever makes the index has yet to read, with the next commit; 0 when all is done. So whoever
    /// comes upon an index whose making was interrupted sees that it is not complete.
    pub fn set_remaining(&mut self, files: u64) {
        self.pending.manifest_changed |= files != self.remaining;
        self.remaining = files;
    }

    /// Notes in which folders and files these are, with the next commit.
    pub fn set_remaining_in(&mut self, places: &[PathBuf]) {
        let places: Vec<StoredPath> = places.iter().filter_map(|place| StoredPath::new(place)).collect();
        self.pending.manifest_changed |= places != self.remaining_in;
        self.remaining_in = places;
    }

    /// How many files are yet to be read, and in which folders and files; anywhere if there are none.
    pub fn remaining(&self) -> (u64, Vec<PathBuf>) {
        (self.remaining, self.remaining_in.iter().map(StoredPath::path).collect())
    }

    /// Notes how well the model tells which words go with which pictures, with the next commit: a number for whoever reads the
    /// scores, who knows how it was measured.
    pub fn set_alignment(&mut self, alignment: f32) {
        // JSON has no other numbers.
        let alignment = alignment.is_finite().then_some(alignment);
        self.pending.manifest_changed |= alignment != self.alignment;
        self.alignment = alignment;
    }

    /// The languages of the text that updates are to read in pictures; `None` if they are to read none.
    pub fn text_languages(&self) -> Option<&str> {
        self.text_languages.as_deref()
    }

    /// Notes for later updates, with the next commit, which languages of text they are to read in pictures, as `eng+deu`; `None` if
    /// they are to read none. What was read stays.
    pub fn set_text_languages(&mut self, languages: Option<String>) {
        self.pending.manifest_changed |= languages != self.text_languages;
        self.text_languages = languages;
    }

    /// Notes for later updates, with the next commit, what this one has told of faults that folders have, such as patterns that
    /// cannot be read: what is known need not be told each night. Texts of the caller's making, of which at most 1,000 are kept.
    pub fn set_told(&mut self, mut told: Vec<String>) {
        told.truncate(MOST_TOLD);
        self.pending.manifest_changed |= told != self.told;
        self.told = told;
    }

    /// Notes where the model came from, with the next commit.
    pub fn set_origin(&mut self, origin: Option<ModelOrigin>) {
        self.pending.manifest_changed |= origin != self.origin;
        self.origin = origin;
    }

    /// The records of all committed assets, in ascending order of ids.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if they cannot be read.
    pub fn records(&self) -> Result<Vec<Record>, IndexError> {
        self.snapshot.all_records()
    }

    /// Number of items, uncommitted changes included: that of the photos, in an index of photos.
    pub fn len(&self) -> usize {
        let committed = self.snapshot.live() - self.pending.removed.len();
        committed as usize + self.pending.added.len() - self.pending.withdrawn.len() as usize
    }

    /// True if there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an asset with one item, as a photo is, and returns its id. Ids ascend, and none is ever used twice.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] or [`IndexError::NotUnit`] if the embedding does not fit, [`IndexError::Path`] if the path
    /// cannot be stored.
    pub fn add(&mut self, asset: Asset, embedding: Vec<f32>) -> Result<u64, IndexError> {
        self.add_items(asset, &[NewItem { position: 0, embedding }])
    }

    /// Adds an asset with its items, at least one, and returns its id, which is that of its first item; the others have the
    /// ids that follow.
    ///
    /// # Errors
    /// [`IndexError::NoItems`] if there is no item, else those of [`IndexWriter::add`].
    pub fn add_items(&mut self, asset: Asset, items: &[NewItem]) -> Result<u64, IndexError> {
        if items.is_empty() {
            return Err(IndexError::NoItems { path: asset.path });
        }
        for NewItem { embedding, .. } in items {
            if embedding.len() != self.model.dimension {
                return Err(IndexError::Dimension { expected: self.model.dimension, found: embedding.len() });
            }
            let length = unit::length(embedding);
            // Written so that NaN is refused too.
            if length.is_nan() || (length - 1.0).abs() > UNIT_TOLERANCE {
                return Err(IndexError::NotUnit { length });
            }
        }
        stored_path(&asset.path)?;
        let id = self.next_id;
        self.next_id += items.len() as u64;
        self.pending.added.extend(id..self.next_id);
        self.pending.rows.extend(items.iter().flat_map(|item| &item.embedding));
        let positions = items.iter().map(|item| item.position).collect();
        self.pending.records.insert(id, Record { id, asset, positions });
        Ok(id)
    }

    /// An asset with all its items, as the next commit will have them; `None` if there is none with this id.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if its record cannot be read.
    pub fn asset(&self, id: u64) -> Result<Option<(Asset, Vec<NewItem>)>, IndexError> {
        let record = if self.pending.has_added(id) {
            self.pending.records.get(&id).filter(|_| !self.pending.withdrawn.contains(id)).cloned()
        } else {
            let changed = self.pending.records.get(&id).cloned();
            changed.map_or_else(|| self.committed(id), |record| Ok(Some(record)))?
        };
        let Some(record) = record else { return Ok(None) };
        let embedding = |item: u64| match self.pending.added.binary_search(&item) {
            Ok(place) => self.pending.rows.chunks_exact(self.model.dimension).nth(place).map(<[f32]>::to_vec),
            Err(_) => self.snapshot.locate_live(item).map(|place| self.snapshot.row(place).to_vec()),
        };
        let items = record.items().zip(&record.positions);
        let items = items.map(|(item, &position)| Some(NewItem { position, embedding: embedding(item)? }));
        let items: Option<Vec<NewItem>> = items.collect();
        Ok(items.map(|items| (record.asset, items)))
    }

    /// Removes an asset with all its items; `false` if there is none with this id.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if its record cannot be read.
    pub fn remove(&mut self, id: u64) -> Result<bool, IndexError> {
        if self.pending.has_added(id) {
            let Some(record) = self.pending.records.remove(&id) else { return Ok(false) };
            self.pending.withdrawn.extend(record.items());
            return Ok(true);
        }
        let Some(record) = self.committed(id)? else { return Ok(false) };
        self.pending.removed.extend(record.items().filter(|&item| self.snapshot.is_live(item)));
        self.pending.removed_assets.push(id);
        self.pending.records.remove(&id);
        Ok(true)
    }

    /// Notes that an asset's file has another path now; its content is the same.
    ///
    /// # Errors
    /// [`IndexError::UnknownId`], or those of reading the record.
    pub fn relocate(&mut self, id: u64, path: &Path, stamp: Stamp) -> Result<(), IndexError> {
        stored_path(path)?;
        self.pending.restamped.remove(id);
        let asset = self.asset_mut(id)?;
        asset.path = path.to_path_buf();
        asset.stamp = stamp;
        Ok(())
    }

    /// Notes that an asset's file has another stamp, but the same content.
    ///
    /// # Errors
    /// [`IndexError::UnknownId`], or those of reading the record.
    pub fn touch(&mut self, id: u64, stamp: Stamp) -> Result<(), IndexError> {
        let is_committed = !self.pending.records.contains_key(&id);
        let asset = self.asset_mut(id)?;
        // Conditions ask for sizes.
        let has_size = asset.stamp.size == stamp.size;
        asset.stamp = stamp;
        if is_committed && has_size {
            self.pending.restamped.insert(id);
        }
        Ok(())
    }

    /// Takes over the details of `read` and their version: when, where and with what the photo was taken, and what is said about
    /// it. All else stays as it is, embeddings, the hash of the picture and the text in it included.
    ///
    /// # Errors
    /// [`IndexError::UnknownId`], or those of reading the record.
    pub fn set_details(&mut self, id: u64, read: Asset) -> Result<(), IndexError> {
        let is_committed = !self.pending.records.contains_key(&id);
        let asset = self.asset_mut(id)?;
        let with_version = |details_version| Asset {
            path: asset.path.clone(),
            stamp: asset.stamp,
            hash: asset.hash,
            kind: asset.kind,
            width: asset.width,
            height: asset.height,
            picture_hash: asset.picture_hash.clone(),
            text: asset.text.clone(),
            details_version,
            ..read.clone()
        };
        // The word index has no versions.
        let is_same = with_version(asset.details_version) == *asset;
        *asset = with_version(read.details_version);
        if !is_same {
            self.pending.restamped.remove(id);
        } else if is_committed {
            self.pending.restamped.insert(id);
        }
        Ok(())
    }

    /// Keeps an asset's details as they are, and notes that this version of what reads them can do no better.
    ///
    /// # Errors
    /// [`IndexError::UnknownId`], or those of reading the record.
    pub fn keep_details(&mut self, id: u64, version: u32) -> Result<(), IndexError> {
        let pending = self.pending.records.get(&id).cloned();
        let record = pending.map_or_else(|| self.committed(id), |record| Ok(Some(record)))?;
        let Record { asset, .. } = record.ok_or(IndexError::UnknownId { id })?;
        self.set_details(id, Asset { details_version: version, ..asset })
    }

    /// Notes the text in an asset's picture, in place of what was noted before.
    ///
    /// # Errors
    /// [`IndexError::UnknownId`], or those of reading the record.
    pub fn set_text(&mut self, id: u64, text: PictureText) -> Result<(), IndexError> {
        let is_committed = !self.pending.records.contains_key(&id);
        let asset = self.asset_mut(id)?;
        // The word index has the words alone, and most pictures have none.
        let is_same = asset.text.as_ref().map_or("", |text| &text.words) == text.words;
        asset.text = Some(text);
        if !is_same {
            self.pending.restamped.remove(id);
        } else if is_committed {
            self.pending.restamped.insert(id);
        }
        Ok(())
    }

    /// True if there is something to commit.
    pub fn has_changes(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Makes all changes since the last commit visible and durable in one step. If it fails, or the process dies on the
    /// way, the index is as it was; the changes are still there, and the call may be repeated. If only the last sync fails,
    /// the changes are visible, and repeating the call makes them durable.
    ///
    /// # Errors
    /// [`IndexError::Io`] or [`IndexError::Metadata`] if something could not be written, [`IndexError::Gone`] if the directory is
    /// not there any more.
    pub fn commit(&mut self) -> Result<(), IndexError> {
        self.commit_pending().map_err(|error| {
            // Whatever failed then, this is why.
            let is_gone = matches!(self.dir().symlink_metadata(), Err(error) if system_error::says_missing(&error));
            if is_gone { IndexError::Gone { dir: self.dir().to_path_buf() } } else { error }
        })
    }

    fn commit_pending(&mut self) -> Result<(), IndexError> {
        if !self.pending.is_empty() {
            let staged = self.stage()?;
            return self.publish(staged);
        }
        if self.unsynced {
            files::sync_dir(self.dir())?;
            self.unsynced = false;
            self.sweep();
        }
        Ok(())
    }

    /// Measures the hubness of all items for which that was not done with the writer's bank, if it has one; commits before and
    /// after. `progress` gets the rows measured and in all, on this thread. After `cancel` was set, the call returns soon, with
    /// what was measured thrown away and `false`.
    ///
    /// # Errors
    /// Those of [`IndexWriter::commit`].
    pub fn update_hubness(&mut self, progress: &dyn Progress<Steps>, cancel: &AtomicBool) -> Result<bool, IndexError> {
        self.commit()?;
        let Some(bank) = self.bank.clone() else { return Ok(true) };
        let known = measure::Known::new(&self.snapshot, bank.name());
        let is_missing = |segment: &&Arc<Segment>| known.file_of(segment).is_none();
        let rows = self.snapshot.segments().iter().filter(is_missing).map(|segment| segment.len()).sum();
        if rows == 0 {
            return Ok(true);
        }
        // With nothing pending, this compacts and no more.
        let mut staged = self.stage()?;
        let watch = Watch::new(rows, progress, cancel);
        let layout = self.snapshot.layout();
        let mut measure = || {
            for (segment, file) in staged.segments.iter().zip(&mut staged.hubness).filter(|(_, file)| file.is_none()) {
                let numbers = measure::measure(segment, &bank, &watch)?;
                *file = Some(Arc::new(hubness::write(layout, staged.next_file, segment, bank.name(), &numbers)?));
                staged.next_file += 1;
            }
            Ok(())
        };
        if watch.outcome(measure())?.is_none() {
            self.sweep();
            return Ok(false);
        }
        self.publish(staged)?;
        Ok(true)
    }

    /// Builds the search graph, or adds what it lacks, if that is worth it by `options`; commits before and after.
    /// `progress` gets the rows inserted so far and in all, on this thread. After `cancel` was set, the call returns
    /// soon, and the index is as it was.
    ///
    /// # Errors
    /// Those of [`IndexWriter::commit`], or [`IndexError::Graph`] if the graph could not be written.
    pub fn update_graph(
        &mut self,
        options: &GraphOptions,
        progress: &dyn Progress<Steps>,
        cancel: &AtomicBool,
    ) -> Result<GraphUpdate, IndexError> {
        self.commit()?;
        let current = self.snapshot.manifest().graph.clone();
        let live = self.snapshot.live();
        if live < options.min_photos.max(1) {
            return Ok(if current.is_some() { GraphUpdate::Current } else { GraphUpdate::TooFewPhotos });
        }
        let mut to_extend = None;
        if let Some(entry) = &current {
            match graph::Coverage::of(&self.snapshot, entry, options) {
                Ok(coverage) if coverage.suffices(options) => return Ok(GraphUpdate::Current),
                Ok(coverage) if coverage.may_be_extended(options) => to_extend = Some(entry),
                Ok(_) => {}
                Err(error) => log::warn!("rebuilding the search graph: {error}"),
            }
        }
        // With nothing pending, this compacts and no more.
        let mut staged = self.stage()?;
        let file = staged.next_file;
        let mut extended = None;
        if let Some(entry) = to_extend {
            match graph::extend(&self.snapshot, entry, file, progress, cancel) {
                Ok(None) => return Ok(GraphUpdate::Cancelled),
                Ok(graph) => extended = graph,
                Err(error @ IndexError::Graph { .. }) => log::warn!("rebuilding the search graph: {error}"),
                Err(error) => return Err(error),
            }
        }
        let is_extended = extended.is_some();
        let built = match extended {
            Some(extended) => Some(extended),
            None => graph::build(&self.snapshot, options, file, progress, cancel)?,
        };
        let Some(graph::Built { entry, nodes }) = built else {
            return Ok(GraphUpdate::Cancelled);
        };
        staged.graph = Some(entry);
        staged.next_file += 1;
        self.publish(staged)?;
        Ok(if is_extended { GraphUpdate::Extended { nodes } } else { GraphUpdate::Built { nodes } })
    }

    /// Makes the vector files one, without the rows of removed items, and the files of records one; commits before and
    /// after. A graph that refers to rows of removed items goes with them: [`IndexWriter::update_graph`] builds another.
    ///
    /// Nothing is kept in memory but one row, but both the old files and the new ones are on the disk for a while.
    /// `progress` gets the steps done and in all. `None` if `cancel` was set: the index is as it was after the first
    /// commit then.
    ///
    /// # Errors
    /// Those of [`IndexWriter::commit`]; [`IndexError::Corrupt`] if a file is damaged, which changes nothing.
    pub fn compact(
        &mut self,
        progress: &dyn Progress<Steps>,
        cancel: &AtomicBool,
    ) -> Result<Option<Compacted>, IndexError> {
        self.commit()?;
        let watch = Watch::new(self.compaction_steps(), progress, cancel);
        let Some(staged) = watch.outcome(self.stage_compacted(&watch))? else {
            // Files that are complete, but of no use: nothing names them.
            self.sweep();
            return Ok(None);
        };
        let old = &self.snapshot;
        let compacted = Compacted {
            purged: old.deleted().len(),
            files_before: old.segments().len() + old.records().files().len(),
            files_after: staged.segments.len() + staged.records.len(),
            graph_dropped: old.manifest().graph.is_some() && staged.graph.is_none(),
        };
        if staged.next_file > old.manifest().next_file || compacted.graph_dropped {
            self.publish(staged)?;
        }
        Ok(Some(compacted))
    }

    /// Gives the index back. What was not committed is lost, as it is when the writer is dropped.
    ///
    /// # Errors
    /// None at present.
    pub fn close(self) -> Result<(), IndexError> {
        Ok(())
    }

    /// The record of an asset that is committed and not removed since.
    fn committed(&self, id: u64) -> Result<Option<Record>, IndexError> {
        if self.pending.removed.contains(id) {
            return Ok(None);
        }
        let record = self.snapshot.record(id)?;
        Ok(record.filter(|record| record.id == id))
    }

    /// The asset as the next commit will write it.
    fn asset_mut(&mut self, id: u64) -> Result<&mut Asset, IndexError> {
        if !self.pending.records.contains_key(&id) {
            let record = self.committed(id)?.ok_or(IndexError::UnknownId { id })?;
            self.pending.records.insert(id, record);
        }
        let record = self.pending.records.get_mut(&id).ok_or(IndexError::UnknownId { id })?;
        Ok(&mut record.asset)
    }

    /// Writes the files of vectors and records of the next generation, compacted.
    fn stage(&self) -> Result<Staged, IndexError> {
        let layout = self.snapshot.layout();
        let manifest = self.snapshot.manifest();
        let pending = &self.pending;
        let mut staged = Staged {
            segments: self.snapshot.segments().to_vec(),
            hubness: Vec::new(),
            records: self.snapshot.records().files().to_vec(),
            deleted: self.snapshot.deleted() | &pending.removed,
            graph: manifest.graph.clone(),
            next_file: manifest.next_file,
        };
        let kept = || {
            let rows = pending.rows.chunks_exact(self.model.dimension);
            let rows = pending.added.iter().zip(rows).filter(|&(&id, _)| !pending.withdrawn.contains(id));
            rows.map(|(&id, row)| NewRow::new(id, row))
        };
        if kept().next().is_some() {
            let path = layout.segment(staged.next_file);
            segment::write(&path, self.model.dimension, self.row_format, kept())?;
            staged.segments.push(Arc::new(Segment::open(&path, staged.next_file)?));
            staged.next_file += 1;
        }
        if !pending.records.is_empty() {
            let mut bytes = Vec::new();
            let mut ends = Vec::with_capacity(pending.records.len());
            for record in pending.records.values() {
                records::encode(record, &mut bytes)?;
                ends.push((record.id, bytes.len()));
            }
            let path = layout.record_file(staged.next_file);
            let starts = || std::iter::once(0).chain(ends.iter().map(|&(_, end)| end));
            records::write(&path, || starts().zip(&ends).map(|(start, &(id, end))| (id, &bytes[start..end])))?;
            staged.records.push(Arc::new(RecordFile::open(&path, staged.next_file)?));
            staged.next_file += 1;
        }
        compact(layout, self.row_format, &mut staged)?;
        compact_records(layout, &mut staged)?;
        self.stage_hubness(&mut staged)?;
        Ok(staged)
    }

    /// Takes over what is known of the hubness of the staged rows, and measures that of new ones.
    fn stage_hubness(&self, staged: &mut Staged) -> Result<(), IndexError> {
        let layout = self.snapshot.layout();
        let bank = match (&self.bank, self.snapshot.hubness_files().iter().flatten().next()) {
            (Some(bank), _) => bank.name(),
            (None, Some(file)) => file.entry().bank.as_str(),
            (None, None) => "",
        };
        let known = measure::Known::new(&self.snapshot, bank);
        staged.hubness = Vec::with_capacity(staged.segments.len());
        for segment in &staged.segments {
            let mut file = known.file_of(segment);
            if file.is_none()
                && let Some(numbers) = known.numbers_of(segment, self.bank.as_deref(), |id| self.pending.has_added(id))
            {
                file = Some(Arc::new(hubness::write(layout, staged.next_file, segment, bank, &numbers)?));
                staged.next_file += 1;
            }
            staged.hubness.push(file);
        }
        Ok(())
    }

    /// How many steps [`IndexWriter::stage_compacted`] takes at most.
    fn compaction_steps(&self) -> usize {
        let records: usize = self.snapshot.records().files().iter().map(|file| file.len()).sum();
        usize::try_from(self.snapshot.live()).unwrap_or(usize::MAX / 4) * 2 + records
    }

    /// Writes the committed generation into as few files as can be.
    fn stage_compacted(&self, watch: &Watch<'_>) -> Result<Staged, IndexError> {
        let layout = self.snapshot.layout();
        let manifest = self.snapshot.manifest();
        let removed = self.snapshot.deleted();
        let mut staged = Staged {
            segments: Vec::new(),
            hubness: Vec::new(),
            records: Vec::new(),
            deleted: RoaringTreemap::new(),
            graph: manifest.graph.clone(),
            next_file: manifest.next_file,
        };
        if compaction::purgeable(layout, staged.graph.as_ref(), removed) != *removed {
            staged.graph = None;
        }
        for group in compaction::groups(self.snapshot.segments(), removed) {
            let parts = &self.snapshot.segments()[group];
            if let [only] = parts
                && compaction::is_compact(only, removed, self.row_format)
            {
                staged.segments.push(Arc::clone(only));
                watch.steps(2 * only.len()).map_err(IndexError::io("compact", only.path()))?;
                continue;
            }
            let path = layout.segment(staged.next_file);
            let mut step = || watch.step();
            let merged = compaction::merge(parts, removed, self.row_format, &path, staged.next_file, &mut step)?;
            staged.next_file += 1;
            staged.segments.extend(merged.map(Arc::new));
        }
        let files = self.snapshot.records().files();
        let is_live = |id: u64| self.snapshot.is_live(id);
        if let [only] = files
            && only.ids().iter().all(|&id| is_live(id))
        {
            staged.records.push(Arc::clone(only));
        } else if !files.is_empty() {
            let path = layout.record_file(staged.next_file);
            let merged = compaction::merge_records(files, &is_live, &path, staged.next_file, &mut || watch.step())?;
            staged.next_file += 1;
            staged.records.extend(merged.map(Arc::new));
        }
        self.stage_hubness(&mut staged)?;
        // The last moment: what comes now commits.
        watch.check().map_err(IndexError::io("compact", layout.root()))?;
        Ok(staged)
    }

    /// Commits the next generation.
    fn publish(&mut self, staged: Staged) -> Result<(), IndexError> {
        let layout = self.snapshot.layout().clone();
        let old = self.snapshot.manifest().clone();
        let generation = old.generation + 1;
        if generation.max(self.next_id).max(staged.next_file) > manifest::GREATEST {
            return Err(IndexError::corrupt(layout.root(), "it has run out of ids, file numbers or generations"));
        }
        let mut next_file = staged.next_file;
        let deleted = if staged.deleted.is_empty() {
            None
        } else if staged.deleted == *self.snapshot.deleted() && old.deleted.is_some() {
            old.deleted.clone()
        } else {
            let bytes = id_set::encode(&staged.deleted);
            files::write_bytes(&layout.deleted(next_file), &bytes)?;
            next_file += 1;
            Some(DeletedEntry { file: next_file - 1, crc32: crc32fast::hash(&bytes), unknown: Unknown::new() })
        };
        // Entries of files that stay are kept with all that a later version has added to them.
        let segment = |segment: &Arc<Segment>| {
            let known = old.segments.iter().find(|entry| entry.file == segment.file_id());
            SegmentEntry {
                file: segment.file_id(),
                rows: segment.len() as u64,
                header_crc32: segment.content_crc(),
                unknown: known.map(|entry| entry.unknown.clone()).unwrap_or_default(),
            }
        };
        let records = |file: &Arc<RecordFile>| {
            let known = old.records.iter().find(|entry| entry.file == file.number());
            let unknown = known.map(|entry| entry.unknown.clone()).unwrap_or_default();
            RecordsEntry { file: file.number(), header_crc32: file.content_crc(), unknown }
        };
        let bad_files = if !self.pending.bad_files_changed {
            old.bad_files.clone()
        } else if self.bad_files.is_empty() {
            None
        } else {
            next_file += 1;
            Some(bad_files::write(&layout.bad_files(next_file - 1), next_file - 1, &self.bad_files)?)
        };
        let mut manifest = Manifest {
            version: manifest::VERSION,
            generation,
            committed_at: manifest::now(),
            model: ModelEntry { id: self.model.clone(), unknown: old.model.unknown.clone() },
            origin: self.origin.clone(),
            next_id: self.next_id,
            next_file,
            roots: self.roots.clone(),
            remaining: self.remaining,
            remaining_in: self.remaining_in.clone(),
            rows: self.row_format,
            segments: staged.segments.iter().map(segment).collect(),
            records: staged.records.iter().map(records).collect(),
            deleted,
            graph: staged.graph,
            words: None,
            word_sums: BTreeMap::new(),
            excluded: self.excluded.clone(),
            bad_files,
            hubness: staged.hubness.iter().flatten().map(|file| file.entry().clone()).collect(),
            alignment: self.alignment,
            text_languages: self.text_languages.clone(),
            told: self.told.clone(),
            drives: Drives::of(generation, &self.drives),
            unknown: old.unknown.clone(),
        };
        // Whatever goes wrong from here on, the word index in memory is not the committed one any more.
        let mut words = self.write_words()?;
        let (meta, sums) = words.commit(&old.word_sums)?;
        (manifest.words, manifest.word_sums) = (Some(meta), sums);
        let bytes = manifest.encode();
        let next = Snapshot::assemble(
            layout.clone(),
            manifest,
            staged.segments,
            Records::new(staged.records),
            staged.deleted,
        )?
        .with_hubness(staged.hubness);
        let result = spare::commit(&layout, &bytes);
        // Even where an error came back, what counts is whether the commit point was replaced.
        if result.is_err() && CommitPoint::read(&layout).ok().map(|point| point.generation()) != Some(generation) {
            return result;
        }
        self.snapshot = next;
        self.words = WordIndex::Committed(words);
        self.pending = Pending::default();
        self.unsynced = result.is_err();
        // A power cut may bring the older commit back, which must find its files then.
        if !self.unsynced {
            self.sweep();
        }
        result
    }

    /// Removes files of older generations.
    fn sweep(&self) {
        if let Err(error) = sweep(self.snapshot.layout(), Some(self.snapshot.manifest())) {
            // The commit is made; the next writer tries again.
            log::warn!("cannot remove files of older generations: {error}");
        }
    }
}

impl IndexWriter {
    /// Gives the word index the pending changes, which are yet to be committed.
    fn write_words(&mut self) -> Result<Box<WordsWriter>, IndexError> {
        let layout = self.snapshot.layout();
        let pending = &self.pending;
        let mut words = match std::mem::replace(&mut self.words, WordIndex::Closed) {
            WordIndex::Committed(words) => words,
            WordIndex::Closed => Box::new(WordsWriter::open(layout, self.snapshot.manifest().words.as_deref())?),
            WordIndex::Missing => {
                self.words = WordIndex::Missing;
                let mut words = Box::new(WordsWriter::open(layout, None)?);
                let has_changed = |id: u64| pending.records.contains_key(&id) && !pending.restamped.contains(id);
                let is_removed = |id: u64| pending.removed.contains(id) || has_changed(id);
                for found in self.snapshot.records().iter() {
                    if self.snapshot.is_live(found.id()) && !is_removed(found.id()) {
                        words.add(&found.record()?)?;
                    }
                }
                words
            }
        };
        let changed = || pending.records.iter().filter(|&(&id, _)| !pending.restamped.contains(id));
        for &id in pending.removed_assets.iter().chain(changed().map(|(id, _)| id)) {
            words.remove(id);
        }
        for (_, record) in changed() {
            words.add(record)?;
        }
        Ok(words)
    }
}

fn compact_records(layout: &Layout, staged: &mut Staged) -> Result<(), IndexError> {
    while let Some(range) = compaction::plan_records(&staged.records) {
        let segments = &staged.segments;
        let is_live = |id: u64| snapshot::locate(segments, id).is_some() && !staged.deleted.contains(id);
        let path = layout.record_file(staged.next_file);
        let parts = &staged.records[range.clone()];
        let merged = compaction::merge_records(parts, &is_live, &path, staged.next_file, &mut || Ok(()));
        let merged = match merged {
            Ok(merged) => merged,
            Err(error @ IndexError::Corrupt { .. }) => {
                log::warn!("cannot merge files of records: {error}");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        staged.next_file += 1;
        staged.records.splice(range, merged.map(Arc::new));
    }
    Ok(())
}

fn compact(layout: &Layout, format: RowFormat, staged: &mut Staged) -> Result<(), IndexError> {
    let mut purgeable = compaction::purgeable(layout, staged.graph.as_ref(), &staged.deleted);
    while let Some(range) = compaction::plan(&staged.segments, &purgeable) {
        let parts = &staged.segments[range.clone()];
        let path = layout.segment(staged.next_file);
        let merged = match compaction::merge(parts, &purgeable, format, &path, staged.next_file, &mut || Ok(())) {
            Ok(merged) => merged,
            Err(error @ IndexError::Corrupt { .. }) => {
                // New photos can be committed all the same.
                log::warn!("cannot merge vector files: {error}");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let gone: RoaringTreemap =
            parts.iter().flat_map(|part| part.ids()).filter(|&&id| purgeable.contains(id)).collect();
        purgeable -= &gone;
        staged.deleted -= &gone;
        staged.next_file += 1;
        staged.segments.splice(range, merged.map(Arc::new));
    }
    Ok(())
}
