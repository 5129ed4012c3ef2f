//! Makes a damaged index one that is whole again, of what is left.
//!
//! What is kept was found to be as it was written. An item stays if both its vector and its asset's record do; what the
//! index loses is found again by the next update, which indexes the files that are missing. No path is given to a
//! vector unless a record says so, and no other record can say otherwise. Where the set of removed ids is lost, the word index
//! tells which assets there are; only where that is lost too, removed photos may come back, which is told, and which do not take
//! a path that belongs to another by now.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clip_progress::{Progress, Steps};
use roaring::RoaringTreemap;

use crate::asset::{Record, Stamp};
use crate::bad_files;
use crate::commit_point::CommitPoint;
use crate::compaction;
use crate::error::IndexError;
use crate::files;
use crate::graph::Graph;
use crate::hubness::{self, HubnessFile};
use crate::layout::Layout;
use crate::lock::WriteLock;
use crate::lost;
use crate::manifest::{self, Manifest};
use crate::privacy;
use crate::records::{self, RecordFile, Records};
use crate::segment::{self, NewRow, Segment};
use crate::snapshot::{self, Snapshot};
use crate::spare;
use crate::status::Counts;
use crate::sweep::sweep;
use crate::verify::{has_words_of, rows_not_of_unit_length, rows_with_other_codes};
use crate::watch::Watch;
use crate::words::{self, ReadDirectory};
use crate::writer::IndexWriter;

/// What [`repair`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repaired {
    /// What is in the index now.
    pub kept: Counts,
    /// Files whose records could be read, but whose vectors are lost: to be indexed again.
    pub lost: Vec<PathBuf>,
    /// Items whose records are lost, so that nobody knows which files they belong to. Where the set of removed items
    /// was damaged too, some of them may be of files that were removed from the index.
    pub lost_records: u64,
    /// Assets that are kept by an older record than may be the newest: the next update reads their files again.
    pub unchecked: u64,
    /// Items that are kept though they may have been removed: which were is not known any more.
    pub perhaps_removed: u64,
    /// Files of the index that were damaged or missing. What was left of them was written into new ones.
    pub dropped_files: Vec<PathBuf>,
    /// The graph was damaged, or referred to vectors that are lost. The next update builds another.
    pub graph_dropped: bool,
    /// The word index was damaged, or had assets that are lost, and was made again.
    pub words_rebuilt: bool,
    /// The list of files that could not be indexed was damaged. The next update tries them again.
    pub bad_files_dropped: bool,
    /// What was measured to correct scores was damaged. The next update measures it again.
    pub hubness_dropped: bool,
}

impl Repaired {
    /// True if nothing was wrong. Nothing was written then.
    pub fn is_unchanged(&self) -> bool {
        self.dropped_files.is_empty()
            && self.lost.is_empty()
            && self.lost_records == 0
            && self.unchecked == 0
            && !self.graph_dropped
            && !self.words_rebuilt
            && !self.bad_files_dropped
            && !self.hubness_dropped
    }
}

/// Drops what is damaged in the index in `dir`, keeps the rest, and commits that in one step. The result tells what
/// must be indexed again.
///
/// Of a vector file, the rows in damaged blocks go; of a file of records, the records in them. A file goes whole if
/// what tells its rows or records apart is damaged, and what is missing counts as damaged. Of several records with one
/// path, the newest is kept.
///
/// `progress` gets the bytes read so far and in all. `None` if `cancel` was set: the index is as it was, but for a spare manifest
/// that has taken the place of a damaged one.
///
/// # Errors
/// [`IndexError::Corrupt`] if neither the manifest nor the spare one can be used, or if an index of version 1 of the format is
/// damaged: these must be rebuilt. [`IndexError::NotFound`] if there is no index, [`IndexError::NotAnIndex`] if the manifest is of something else, [`IndexError::Locked`] if there is a writer,
/// [`IndexError::NewerFormat`] if a newer version made it, [`IndexError::Io`] if the system refuses something: that is
/// no damage.
pub fn repair(
    dir: impl AsRef<Path>,
    progress: &dyn Progress<Steps>,
    cancel: &AtomicBool,
) -> Result<Option<Repaired>, IndexError> {
    let layout = Layout::new(dir.as_ref());
    let is_restored = spare::restore_manifest(layout.root())?;
    match CommitPoint::read(&layout) {
        Ok(CommitPoint::Version2(_)) => {}
        Ok(CommitPoint::Version1(_)) => {
            let model = Snapshot::open(&layout)?.manifest().model.id.clone();
            IndexWriter::open_or_create(dir.as_ref(), &model)?.close()?;
        }
        Err(error) => return Err(lost::explained(&layout, error)),
    }
    let lock = WriteLock::acquire(&layout)?;
    let manifest = match CommitPoint::read(&layout)? {
        CommitPoint::Version2(manifest) => *manifest,
        CommitPoint::Version1(_) => return Err(IndexError::corrupt(&layout.manifest(), "it was removed meanwhile")),
    };
    manifest.refuse_newer(&layout.manifest())?;
    // Whoever made the commit may have died before it was on the disk. What it has replaced must stay until then.
    files::sync_dir(layout.root())?;
    privacy::tighten(&layout)?;
    for folder in layout.folders() {
        files::restore_inner_dir(&folder)?;
    }
    let watch = Watch::new(total_bytes(&layout, &manifest), progress, cancel);
    let result = Repair::new(&layout, &manifest, &watch).and_then(|repair| repair.commit(lock));
    let result = watch.outcome(result);
    if matches!(result, Ok(None)) {
        // What was written is of no use: nothing names it.
        sweep(&layout, Some(&manifest))?;
    }
    let tell = |mut repaired: Repaired| {
        if is_restored {
            repaired.dropped_files.push(layout.manifest());
        }
        repaired
    };
    result.map(|repaired| repaired.map(tell))
}

fn total_bytes(layout: &Layout, manifest: &Manifest) -> usize {
    let segments = manifest.segments.iter().map(|entry| layout.segment(entry.file));
    let records = manifest.records.iter().map(|entry| layout.record_file(entry.file));
    let bytes = segments.chain(records).filter_map(|path| Some(path.metadata().ok()?.len()));
    usize::try_from(bytes.sum::<u64>()).unwrap_or(usize::MAX)
}

/// Damage, to be told from a system that does not let us look.
fn damage<T>(result: Result<T, IndexError>) -> Result<Option<T>, IndexError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error @ (IndexError::Corrupt { .. } | IndexError::Graph { .. } | IndexError::Metadata { .. })) => {
            log::info!("{error}");
            Ok(None)
        }
        Err(error) if error.is_missing_file() || error.is_unreadable_file() => {
            log::info!("{error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A generation that is put together.
struct Repair<'a> {
    layout: &'a Layout,
    manifest: Manifest,
    watch: &'a Watch<'a>,
    segments: Vec<Arc<Segment>>,
    records: Vec<Arc<RecordFile>>,
    /// The set of removed ids; `None` if it is damaged, and nothing else tells.
    removed: Option<RoaringTreemap>,
    /// Ids of lost rows: those of known ones, and where lost files may have had some.
    lost_ids: RoaringTreemap,
    lost_ranges: Vec<Range<u64>>,
    report: Repaired,
}

impl<'a> Repair<'a> {
    /// Looks at all files, and writes those again that are damaged in part.
    fn new(layout: &'a Layout, manifest: &Manifest, watch: &'a Watch<'a>) -> Result<Repair<'a>, IndexError> {
        let mut repair = Repair {
            layout,
            manifest: manifest.clone(),
            watch,
            segments: Vec::new(),
            records: Vec::new(),
            removed: Some(RoaringTreemap::new()),
            lost_ids: RoaringTreemap::new(),
            lost_ranges: Vec::new(),
            report: Repaired::default(),
        };
        repair.watch.check().map_err(IndexError::io("repair", layout.root()))?;
        repair.salvage_segments()?;
        if let Some(entry) = &manifest.deleted {
            let path = layout.deleted(entry.file);
            repair.removed = damage(snapshot::read_deleted(&path, entry.crc32))?;
            if repair.removed.is_none() {
                repair.report.dropped_files.push(path);
                repair.removed = repair.not_in_words()?;
            }
        }
        repair.salvage_records()?;
        Ok(repair)
    }

    /// The ids that the word index lacks, which were removed. `None` if it is damaged itself.
    fn not_in_words(&self) -> Result<Option<RoaringTreemap>, IndexError> {
        let Some(files) = ReadDirectory::of(self.layout, &self.manifest)? else { return Ok(None) };
        let Some(live) = damage(words::live_items(&files))? else { return Ok(None) };
        let all: RoaringTreemap = self.segments.iter().flat_map(|segment| segment.ids()).collect();
        Ok(Some(all - live))
    }

    fn salvage_segments(&mut self) -> Result<(), IndexError> {
        // No smaller id can be in the files to come.
        let mut next = 0;
        let mut has_gap = false;
        for entry in self.manifest.segments.clone() {
            let path = self.layout.segment(entry.file);
            let dimension = self.manifest.model.dimension;
            let open = || {
                let segment = snapshot::open_segment(Segment::open, self.layout, &entry)?;
                if segment.dimension() != dimension {
                    return Err(IndexError::corrupt(&path, "its vectors have another dimension than the index"));
                }
                let survey = segment.survey()?;
                if segment.first_id() < next || segment.last_id() >= manifest::GREATEST {
                    return Err(IndexError::corrupt(&path, "its ids overlap with those of other files"));
                }
                Ok((segment, survey))
            };
            let Some((segment, mut survey)) = damage(open())? else {
                self.report.dropped_files.push(path);
                has_gap = true;
                continue;
            };
            for (row, _) in rows_not_of_unit_length(&segment) {
                survey.is_damaged = true;
                survey.lost.insert(row as u32);
            }
            // These can be made again.
            survey.is_damaged |= rows_with_other_codes(&segment).next().is_some();
            if std::mem::take(&mut has_gap) {
                self.lost_ranges.push(next..segment.first_id());
            }
            next = segment.last_id() + 1;
            self.step(segment.byte_len(), &path)?;
            if !survey.is_damaged {
                self.segments.push(Arc::new(segment));
                continue;
            }
            self.lost_ids.extend(survey.lost.iter().map(|row| segment.ids()[row as usize]));
            let kept = (0..segment.len()).filter(|&row| !survey.lost.contains(row as u32));
            if kept.clone().next().is_some() {
                let file = self.take_file_number();
                let target = self.layout.segment(file);
                let rows = kept.map(|row| NewRow::without_codes(&segment, row));
                segment::write(&target, dimension, segment.format(), rows)?;
                self.segments.push(Arc::new(Segment::open_checked(&target, file)?));
            }
            self.report.dropped_files.push(path);
        }
        if has_gap {
            self.lost_ranges.push(next..self.manifest.next_id.max(next));
        }
        self.manifest.next_id = self.manifest.next_id.max(next);
        Ok(())
    }

    /// Keeps the records that can be read, and chooses the assets that stay.
    fn salvage_records(&mut self) -> Result<(), IndexError> {
        // The file with the newest record of each asset; `None` if that record is lost, or the asset was removed.
        let mut newest: BTreeMap<u64, Option<usize>> = BTreeMap::new();
        // There may have been newer records than those in the files before this one.
        let mut certain_from = 0;
        for entry in self.manifest.records.clone() {
            let path = self.layout.record_file(entry.file);
            let open = || {
                let file = snapshot::open_records(self.layout, &entry)?;
                let survey = file.survey()?;
                Ok((file, survey))
            };
            let Some((file, survey)) = damage(open())? else {
                self.report.dropped_files.push(path);
                certain_from = self.records.len();
                continue;
            };
            self.step(file.byte_len(), &path)?;
            let is_kept = |at: usize| survey.as_ref().is_none_or(|lost| !lost.contains(at as u64));
            let is_removed = |id: u64| self.removed.as_ref().is_some_and(|removed| removed.contains(id));
            for (at, &id) in file.ids().iter().enumerate() {
                newest.insert(id, (is_kept(at) && !is_removed(id)).then_some(self.records.len()));
            }
            if survey.is_none() {
                self.records.push(Arc::new(file));
                continue;
            }
            self.report.dropped_files.push(path);
            let kept: Vec<usize> = (0..file.len()).filter(|&at| is_kept(at)).collect();
            if !kept.is_empty() {
                let number = self.take_file_number();
                let target = self.layout.record_file(number);
                // All of them were read just now.
                let records = || kept.iter().map(|&at| (file.ids()[at], file.bytes(at).unwrap_or_default()));
                records::write(&target, records)?;
                self.records.push(Arc::new(RecordFile::open(&target, number)?));
            }
        }
        let newest = newest.into_iter().filter_map(|(id, file)| Some((id, file?))).collect();
        self.choose(newest, certain_from)
    }

    /// Chooses the assets that stay, of those with a record in a file. All other items are removed.
    fn choose(&mut self, newest: Vec<(u64, usize)>, certain_from: usize) -> Result<(), IndexError> {
        let all: RoaringTreemap = self.segments.iter().flat_map(|segment| segment.ids()).collect();
        let live = self.removed.as_ref().map_or_else(|| all.clone(), |removed| &all - removed);
        let owners = self.owners_of_paths(&newest)?;
        let mut owned = RoaringTreemap::new();
        // Items whose record is known, though they do not stay.
        let mut explained = RoaringTreemap::new();
        let mut unchecked = Vec::new();
        for (id, file) in newest {
            let mut record = self.record(file, id)?;
            if !owners.contains(id) {
                explained.insert_range(record.items());
                continue;
            }
            let found = record.items().filter(|&item| live.contains(item)).count();
            if found == 0 {
                // An asset that was removed long ago may still have a record.
                if record.items().any(|item| self.may_have_lost(item)) {
                    self.report.lost.push(record.asset.path);
                }
                continue;
            }
            explained.insert_range(record.items());
            let is_certain = file >= certain_from;
            let overlaps = owned.max().is_some_and(|last| last >= id);
            if found < record.positions.len() || overlaps || (!is_certain && self.removed.is_none()) {
                self.report.lost.push(record.asset.path);
                continue;
            }
            owned.insert_range(record.items());
            if !is_certain {
                // Without size and time, the next update looks whether the file has the content that it had.
                record.asset.stamp = Stamp::default();
                let mut bytes = Vec::new();
                records::encode(&record, &mut bytes)?;
                unchecked.push((id, bytes));
            }
        }
        self.report.lost_records = (&live - &owned - &explained).len();
        self.report.unchecked = unchecked.len() as u64;
        if self.removed.is_none() {
            self.report.perhaps_removed = owned.len();
        }
        if !unchecked.is_empty() {
            let number = self.take_file_number();
            let target = self.layout.record_file(number);
            records::write(&target, || unchecked.iter().map(|(id, bytes)| (*id, &bytes[..])))?;
            self.records.push(Arc::new(RecordFile::open(&target, number)?));
        }
        self.removed = Some(&all - &owned);
        Ok(())
    }

    /// For each path, the asset with the newest record that says so: whose file it is now. Whoever had the path before
    /// was removed or moved, since that record was written later.
    fn owners_of_paths(&self, newest: &[(u64, usize)]) -> Result<RoaringTreemap, IndexError> {
        let mut order: Vec<(usize, u64)> = newest.iter().map(|&(id, file)| (file, id)).collect();
        order.sort_unstable();
        let mut owners: HashMap<PathBuf, u64> = HashMap::with_capacity(order.len());
        for (file, id) in order {
            owners.insert(self.record(file, id)?.asset.path, id);
        }
        Ok(owners.into_values().collect())
    }

    fn record(&self, file: usize, id: u64) -> Result<Record, IndexError> {
        let file = &self.records[file];
        let unreadable = || IndexError::corrupt(file.path(), "it was changed while it was read");
        file.record(file.ids().binary_search(&id).map_err(|_| unreadable())?)
    }

    fn may_have_lost(&self, item: u64) -> bool {
        self.lost_ids.contains(item) || self.lost_ranges.iter().any(|range| range.contains(&item))
    }

    fn take_file_number(&mut self) -> u64 {
        self.manifest.next_file += 1;
        self.manifest.next_file - 1
    }

    fn step(&self, bytes: u64, path: &Path) -> Result<(), IndexError> {
        self.watch.steps(usize::try_from(bytes).unwrap_or(usize::MAX)).map_err(IndexError::io("repair", path))?;
        self.watch.check().map_err(IndexError::io("repair", path))
    }

    /// The files of hubness of the vector files that stay. Those of files that were written again go with them.
    fn salvage_hubness(&mut self) -> Result<Vec<Option<Arc<HubnessFile>>>, IndexError> {
        let mut kept = Vec::with_capacity(self.segments.len());
        for segment in &self.segments {
            let entry = self.manifest.hubness_of(segment.file_id());
            let open = |entry| {
                let file = hubness::open_of(self.layout, entry, segment.len() as u64)?;
                file.verify()?;
                Ok(Arc::new(file))
            };
            let file = entry.map(|entry| damage(open(entry))).transpose()?.flatten();
            self.report.hubness_dropped |= entry.is_some() && file.is_none();
            kept.push(file);
        }
        Ok(kept)
    }

    /// Looks at graph and words, which can be made again, and commits.
    fn commit(mut self, lock: WriteLock) -> Result<Repaired, IndexError> {
        // Written again with the others.
        self.manifest.deleted = None;
        let removed = self.removed.take().unwrap_or_default();
        let hubness = self.salvage_hubness()?;
        let (layout, records) = (self.layout.clone(), Records::new(self.records));
        let assemble = |manifest: &Manifest| {
            let (layout, manifest, segments) = (layout.clone(), manifest.clone(), self.segments.clone());
            let snapshot = Snapshot::assemble(layout, manifest, segments, records.clone(), removed.clone())?;
            Ok::<_, IndexError>(snapshot.with_hubness(hubness.clone()))
        };
        let mut snapshot = assemble(&self.manifest)?;
        let live = snapshot.all_records()?;
        self.report.kept = Counts::of(&live);
        // A row that it refers to and that went makes it useless.
        if let Some(entry) = &self.manifest.graph
            && (compaction::purgeable(&layout, Some(entry), &self.lost_ids) != self.lost_ids
                || damage(Graph::verify(&snapshot, entry))?.is_none())
        {
            self.report.graph_dropped = true;
            self.manifest.graph = None;
            snapshot = assemble(&self.manifest)?;
        }
        if let Some(entry) = &self.manifest.bad_files
            && damage(bad_files::read(&layout.bad_files(entry.file), entry))?.is_none()
        {
            self.report.bad_files_dropped = true;
            self.manifest.bad_files = None;
            snapshot = assemble(&self.manifest)?;
        }
        let has_words = match damage(ReadDirectory::of(&layout, &self.manifest))?.flatten() {
            None => false,
            Some(files) => damage(has_words_of(&live, &files))?.unwrap_or(false),
        };
        self.report.words_rebuilt = !has_words;
        if spare::damage(&layout).is_some() {
            self.report.dropped_files.push(layout.spare_manifest());
        }
        self.watch.check().map_err(IndexError::io("repair", layout.root()))?;
        if !self.report.is_unchanged() {
            IndexWriter::adopt(snapshot, has_words, lock).commit_all()?;
        }
        Ok(self.report)
    }
}
