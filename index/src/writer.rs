//! Changing an index.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use roaring::RoaringTreemap;

use crate::commit_point::CommitPoint;
use crate::compaction;
use crate::error::IndexError;
use crate::files;
use crate::graph::{self, GraphOptions, GraphUpdate};
use crate::id_set;
use crate::layout::{Entry, Layout};
use crate::lock::WriteLock;
use crate::manifest::{self, DeletedEntry, GraphEntry, Manifest, Root, SegmentEntry};
use crate::metadata::MetadataWriter;
use crate::privacy;
use crate::recognise::refuse_foreign_files;
use crate::record::{KnownFile, ModelId, NewPhoto, PhotoRecord, stored_path};
use crate::segment::{self, NewRow, RowFormat, Segment};
use crate::snapshot::{self, Snapshot};
use crate::staging;
use crate::sweep::{entries, sweep};

/// How far an embedding's length may be from 1.
pub(crate) const UNIT_TOLERANCE: f32 = 1e-3;

/// The one writer of an index: it holds the lock as long as it lives.
///
/// Changes are kept in memory until [`IndexWriter::commit`] makes them all visible and durable in one step. What is not
/// committed is lost with the writer. Memory grows with the uncommitted photos, so callers commit every thousand or so.
pub struct IndexWriter {
    snapshot: Snapshot,
    metadata: MetadataWriter,
    model: ModelId,
    roots: Vec<Root>,
    next_id: u64,
    row_format: RowFormat,
    pending: Pending,
    /// Given back last, when nothing writes any more.
    _lock: WriteLock,
}

/// What the next commit will change.
#[derive(Debug, Default)]
struct Pending {
    roots_changed: bool,
    /// Ids of added photos, ascending, and their rows.
    added: Vec<u64>,
    rows: Vec<f32>,
    /// Added photos that were removed again.
    withdrawn: RoaringTreemap,
    /// Committed photos that were removed.
    removed: RoaringTreemap,
    /// Records of added and of changed photos.
    records: BTreeMap<u64, PhotoRecord>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        !self.roots_changed && self.added.is_empty() && self.removed.is_empty() && self.records.is_empty()
    }

    fn has_added(&self, id: u64) -> bool {
        self.added.binary_search(&id).is_ok() && !self.withdrawn.contains(id)
    }
}

/// What a commit makes of the vector files.
struct Staged {
    segments: Vec<Arc<Segment>>,
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
        let writer = IndexWriter::open(dir.as_ref(), model, (1, 1))?;
        let indexed = &writer.snapshot.manifest().model;
        if indexed.fingerprint != model.fingerprint || indexed.dimension != model.dimension {
            return Err(IndexError::Fingerprint {
                dir: dir.as_ref().to_path_buf(),
                indexed_name: indexed.name.clone(),
                indexed_fingerprint: indexed.fingerprint.clone(),
                wanted_name: model.name.clone(),
                wanted_fingerprint: model.fingerprint.clone(),
            });
        }
        Ok(writer)
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
        files::create_dir(&layout.vectors())?;
        files::create_dir(&layout.graphs())?;
        let (snapshot, is_new) = match Snapshot::open(&layout) {
            Ok(snapshot) => (snapshot, false),
            Err(IndexError::NotFound { .. }) => {
                refuse_lost_commit_point(&layout)?;
                let manifest = Manifest::empty(model, first.0, first.1);
                (Snapshot::assemble(layout.clone(), manifest, Vec::new(), RoaringTreemap::new())?, true)
            }
            Err(error) => return Err(error),
        };
        sweep(&layout, Some(snapshot.manifest()))?;
        if !is_new {
            staging::remove_spent(&layout, snapshot.manifest());
        }
        let mut writer = IndexWriter {
            metadata: MetadataWriter::open_or_create(&layout)?,
            model: model.clone(),
            roots: snapshot.manifest().roots.clone(),
            next_id: snapshot.manifest().next_id,
            row_format: RowFormat::default(),
            pending: Pending::default(),
            snapshot,
            _lock: lock,
        };
        if is_new {
            // So that a reader finds an empty index, not none, before the first photos are committed.
            let staged = writer.stage()?;
            writer.publish(staged)?;
        }
        Ok(writer)
    }

    /// The directory of the index.
    pub fn dir(&self) -> &Path {
        self.snapshot.layout().root()
    }

    /// The folders that the index is made of.
    pub fn roots(&self) -> Vec<PathBuf> {
        self.roots.iter().map(Root::path).collect()
    }

    /// Sets the folders, with the next commit.
    ///
    /// # Errors
    /// [`IndexError::Path`] if one cannot be stored.
    pub fn set_roots(&mut self, roots: &[PathBuf]) -> Result<(), IndexError> {
        let roots = roots.iter().map(|root| Root::new(root)).collect::<Result<Vec<_>, _>>()?;
        self.pending.roots_changed |= roots != self.roots;
        self.roots = roots;
        Ok(())
    }

    /// Sets how embeddings are stored by the vector files that this writer writes.
    pub fn set_row_format(&mut self, format: RowFormat) {
        self.row_format = format;
    }

    /// All committed photos, as far as one needs to know them to tell what has changed, in ascending order of ids.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if the metadata cannot be read.
    pub fn files(&self) -> Result<Vec<KnownFile>, IndexError> {
        let mut files = self.metadata.reader().files()?;
        files.sort_unstable_by_key(|file| file.id);
        Ok(files)
    }

    /// Number of photos, uncommitted changes included.
    pub fn len(&self) -> usize {
        let committed = self.snapshot.live() - self.pending.removed.len();
        committed as usize + self.pending.added.len() - self.pending.withdrawn.len() as usize
    }

    /// True if there are no photos.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a photo and returns its id. Ids ascend, and none is ever used twice.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] or [`IndexError::NotUnit`] if the embedding does not fit.
    pub fn add(&mut self, photo: NewPhoto) -> Result<u64, IndexError> {
        if photo.embedding.len() != self.model.dimension {
            return Err(IndexError::Dimension { expected: self.model.dimension, found: photo.embedding.len() });
        }
        let length = snapshot::length(&photo.embedding);
        // Written so that NaN is refused too.
        if length.is_nan() || (length - 1.0).abs() > UNIT_TOLERANCE {
            return Err(IndexError::NotUnit { length });
        }
        stored_path(&photo.path)?;
        let id = self.next_id;
        self.next_id += 1;
        let (record, row) = photo.into_parts(id);
        self.pending.added.push(id);
        self.pending.rows.extend_from_slice(&row);
        self.pending.records.insert(id, record);
        Ok(id)
    }

    /// Removes a photo; `false` if there is none with this id.
    pub fn remove(&mut self, id: u64) -> bool {
        if self.pending.has_added(id) {
            self.pending.withdrawn.insert(id);
        } else if self.is_committed(id) {
            self.pending.removed.insert(id);
        } else {
            return false;
        }
        self.pending.records.remove(&id);
        true
    }

    /// Notes that a photo's file has another path now; its content is the same.
    ///
    /// # Errors
    /// [`IndexError::UnknownId`], or those of reading the metadata.
    pub fn relocate(&mut self, id: u64, path: &Path, size: u64, mtime_ns: i128) -> Result<(), IndexError> {
        stored_path(path)?;
        let record = self.record_mut(id)?;
        record.path = path.to_path_buf();
        record.size = size;
        record.mtime_ns = mtime_ns;
        Ok(())
    }

    /// Notes that a photo's file has another time of modification, but the same content.
    ///
    /// # Errors
    /// [`IndexError::UnknownId`], or those of reading the metadata.
    pub fn touch(&mut self, id: u64, mtime_ns: i128) -> Result<(), IndexError> {
        self.record_mut(id)?.mtime_ns = mtime_ns;
        Ok(())
    }

    /// True if there is something to commit.
    pub fn has_changes(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Makes all changes since the last commit visible and durable in one step. If it fails, or the process dies on the
    /// way, the index is as it was; the changes are still there, and the call may be repeated.
    ///
    /// # Errors
    /// [`IndexError::Io`] or [`IndexError::Metadata`] if something could not be written.
    pub fn commit(&mut self) -> Result<(), IndexError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let staged = self.stage()?;
        self.publish(staged)
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
        progress: &mut dyn FnMut(usize, usize),
        cancel: &AtomicBool,
    ) -> Result<GraphUpdate, IndexError> {
        self.commit()?;
        let current = self.snapshot.manifest().graph.clone();
        let live = self.snapshot.live();
        if live < options.min_photos.max(1) {
            return Ok(if current.is_some() { GraphUpdate::Current } else { GraphUpdate::TooFewPhotos });
        }
        // With nothing pending, this compacts and no more.
        let mut staged = self.stage()?;
        let file = staged.next_file;
        let mut extended = None;
        if let Some(entry) = &current {
            match graph::Coverage::of(&self.snapshot, entry, options) {
                Ok(coverage) if coverage.suffices(options) => return Ok(GraphUpdate::Current),
                Ok(coverage) if coverage.may_be_extended(options) => {
                    match graph::extend(&self.snapshot, entry, file, progress, cancel) {
                        Ok(None) => return Ok(GraphUpdate::Cancelled),
                        Ok(graph) => extended = graph,
                        Err(error) => log::warn!("the search graph is rebuilt: {error}"),
                    }
                }
                Ok(_) => {}
                Err(error) => log::warn!("the search graph is rebuilt: {error}"),
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

    /// Lets background work on the metadata finish before the writer goes. A writer that is simply dropped throws such
    /// work away, which costs nothing but time. Commits nothing.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if that work failed.
    pub fn close(self) -> Result<(), IndexError> {
        self.metadata.finish()
    }

    fn is_committed(&self, id: u64) -> bool {
        !self.pending.removed.contains(id) && self.snapshot.locate_live(id).is_some()
    }

    /// The record that the next commit will write.
    fn record_mut(&mut self, id: u64) -> Result<&mut PhotoRecord, IndexError> {
        if !self.pending.records.contains_key(&id) {
            if !self.is_committed(id) {
                return Err(IndexError::UnknownId { id });
            }
            let record = self.metadata.reader().records(&[id])?.pop().ok_or(IndexError::UnknownId { id })?;
            self.pending.records.insert(id, record);
        }
        self.pending.records.get_mut(&id).ok_or(IndexError::UnknownId { id })
    }

    /// Writes the vector files of the next generation, compacted.
    fn stage(&self) -> Result<Staged, IndexError> {
        let layout = self.snapshot.layout();
        let manifest = self.snapshot.manifest();
        let pending = &self.pending;
        let mut staged = Staged {
            segments: self.snapshot.segments().to_vec(),
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
        compact(layout, self.row_format, &mut staged)?;
        Ok(staged)
    }

    /// Commits the next generation.
    fn publish(&mut self, staged: Staged) -> Result<(), IndexError> {
        let layout = self.snapshot.layout().clone();
        let old = self.snapshot.manifest();
        let generation = old.generation + 1;
        if generation.max(self.next_id).max(staged.next_file) > manifest::GREATEST {
            return Err(IndexError::corrupt(layout.root(), "its ids, file numbers or generations are used up"));
        }
        let deleted = if staged.deleted.is_empty() {
            None
        } else if staged.deleted == *self.snapshot.deleted() && old.deleted.is_some() {
            old.deleted.clone()
        } else {
            let bytes = id_set::encode(&staged.deleted);
            files::write_bytes(&layout.deleted(generation), &bytes)?;
            Some(DeletedEntry { generation, crc32: crc32fast::hash(&bytes) })
        };
        let entry = |segment: &Arc<Segment>| SegmentEntry {
            file: segment.file_id(),
            rows: segment.len() as u64,
            header_crc32: segment.content_crc(),
        };
        let manifest = Manifest {
            generation,
            committed_at: manifest::now(),
            model: self.model.clone(),
            next_id: self.next_id,
            next_file: staged.next_file,
            roots: self.roots.clone(),
            segments: staged.segments.iter().map(entry).collect(),
            deleted,
            graph: staged.graph,
        };
        files::write_bytes(&layout.manifest(generation), &manifest.encode())?;
        let next = Snapshot::assemble(layout.clone(), manifest, staged.segments, staged.deleted)?;
        let Pending { removed, records, .. } = &self.pending;
        let result = self.metadata.commit(generation, removed, records);
        // Even where an error came back, what counts is whether the commit point was replaced.
        if result.is_err() && CommitPoint::read(&layout).ok().map(|point| point.generation()) != Some(generation) {
            return result;
        }
        self.snapshot = next;
        self.pending = Pending::default();
        if let Err(error) = sweep(&layout, Some(self.snapshot.manifest())) {
            // The commit is made; the next writer tries again.
            log::warn!("files of older generations were not removed: {error}");
        }
        result
    }
}

fn compact(layout: &Layout, format: RowFormat, staged: &mut Staged) -> Result<(), IndexError> {
    // The graph refers to rows of removed photos, which must stay as long as it does.
    let purgeable = match &staged.graph {
        None => staged.deleted.clone(),
        Some(entry) => graph::unreferenced(layout, entry, &staged.deleted).unwrap_or_default(),
    };
    let mut purgeable = purgeable;
    while let Some(range) = compaction::plan(&staged.segments, &purgeable) {
        let parts = &staged.segments[range.clone()];
        let path = layout.segment(staged.next_file);
        let merged = match compaction::merge(parts, &purgeable, format, &path, staged.next_file) {
            Ok(merged) => merged,
            Err(error @ IndexError::Corrupt { .. }) => {
                // New photos can be committed all the same.
                log::warn!("vector files are not merged: {error}");
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

/// An index that has lost its commit point must not be taken for one in which nothing was committed yet: its files would
/// be removed, and its ids given out again.
fn refuse_lost_commit_point(layout: &Layout) -> Result<(), IndexError> {
    // A first rebuild that died just before its commit leaves a manifest too: that of the staged index.
    let staged = if staging::exists(layout)? { Snapshot::open(&layout.rebuild()).ok() } else { None };
    let is_staged =
        |manifest: &Manifest| staged.as_ref().is_some_and(|staged| staged.manifest().segments == manifest.segments);
    for (path, entry) in entries(layout)? {
        let Entry::Manifest(generation) = entry else { continue };
        // The first commit of a new index has no photos. What cannot be read was more than that: it was damaged later.
        let lost = match Manifest::read(&path, generation) {
            Ok(manifest) => (!manifest.segments.is_empty() || manifest.generation > 1) && !is_staged(&manifest),
            Err(IndexError::Corrupt { .. }) => true,
            Err(error) => return Err(error),
        };
        if lost {
            return Err(IndexError::corrupt(&layout.commit_point(), "it is missing, but belongs to the index"));
        }
    }
    Ok(())
}
