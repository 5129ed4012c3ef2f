//! One generation of the index, as committed: manifest, mapped files of vectors and records, removed ids. Immutable.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use clip_files::regular;
use roaring::RoaringTreemap;

use crate::asset::Record;
use crate::commit_point::{CommitPoint, at_commit};
use crate::error::IndexError;
use crate::hubness::{self, HubnessFile};
use crate::id_set;
use crate::layout::Layout;
use crate::manifest::{Manifest, RecordsEntry, SegmentEntry, Unknown};
use crate::records::{RecordFile, Records};
use crate::segment::{RowRef, Segment};
use crate::unit;
use crate::v1;
use crate::words::ReadDirectory;
use crate::words::blocks::BlockSums;

/// Where a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) row: u32,
}

#[derive(Debug)]
pub(crate) struct Snapshot {
    layout: Layout,
    manifest: Manifest,
    segments: Vec<Arc<Segment>>,
    records: Records,
    /// The records of an index of version 1, in place of `records`.
    v1_records: Option<V1Records>,
    deleted: RoaringTreemap,
    /// For each segment with removed rows, one bit a row.
    dead: Vec<Option<Vec<u64>>>,
    /// For each segment, if it is known.
    hubness: Vec<Option<Arc<HubnessFile>>>,
    rows: u64,
}

/// Opened when they are first asked for, since all of tantivy's files are checked then.
#[derive(Debug)]
struct V1Records {
    files: ReadDirectory,
    opened: OnceLock<v1::Metadata>,
}

impl V1Records {
    fn get(&self) -> Result<&v1::Metadata, IndexError> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = v1::Metadata::open(&self.files)?;
        Ok(self.opened.get_or_init(|| opened))
    }
}

impl Snapshot {
    /// Opens the committed generation for a writer, which checks the ids. Takes no lock: where a writer replaces files
    /// meanwhile, it begins again.
    pub(crate) fn open(layout: &Layout) -> Result<Snapshot, IndexError> {
        at_commit(layout, |point| Snapshot::open_by(Segment::open_checked, layout, point))
    }

    /// Opens what a commit point names, with its vector files opened by `open`.
    pub(crate) fn open_by(open: OpenSegment, layout: &Layout, point: &CommitPoint) -> Result<Snapshot, IndexError> {
        let manifest = match point {
            CommitPoint::Version1(point) => return Snapshot::open_v1(open, layout, point),
            CommitPoint::Version2(manifest) => manifest.as_ref().clone(),
        };
        let segments = open_segments(open, layout, &manifest.segments)?;
        let mut records = Vec::with_capacity(manifest.records.len());
        for entry in &manifest.records {
            records.push(Arc::new(open_records(layout, entry)?));
        }
        let deleted = match &manifest.deleted {
            None => RoaringTreemap::new(),
            Some(entry) => read_deleted(&layout.deleted(entry.file), entry.crc32)?,
        };
        let hubness = open_hubness(layout, &manifest, &segments)?;
        let snapshot = Snapshot::assemble(layout.clone(), manifest, segments, Records::new(records), deleted)?;
        Ok(snapshot.with_hubness(hubness))
    }

    /// The same, with the hubness of the rows of these vector files.
    pub(crate) fn with_hubness(self, files: Vec<Option<Arc<HubnessFile>>>) -> Snapshot {
        Snapshot { hubness: files, ..self }
    }

    fn open_v1(open: OpenSegment, layout: &Layout, point: &v1::CommitPoint) -> Result<Snapshot, IndexError> {
        let path = layout.v1_manifest(point.generation());
        let old = v1::Manifest::read(&path, point.generation()).map_err(missing_is_corrupt)?;
        let mut manifest = Manifest::empty(&old.model, old.next_id, old.next_file);
        manifest.version = 1;
        manifest.generation = old.generation;
        manifest.committed_at = old.committed_at;
        manifest.roots = old.roots;
        let entry = |entry: v1::SegmentEntry| SegmentEntry {
            file: entry.file,
            rows: entry.rows,
            header_crc32: entry.header_crc32,
            unknown: Unknown::new(),
        };
        manifest.segments = old.segments.into_iter().map(entry).collect();
        let segments = open_segments(open, layout, &manifest.segments)?;
        let deleted = match old.deleted {
            None => RoaringTreemap::new(),
            Some(entry) => read_deleted(&layout.v1_deleted(entry.generation), entry.crc32)?,
        };
        let files = ReadDirectory::pin(&layout.v1_meta(), point.bytes().clone(), &BlockSums::new())?;
        // A migration removes these files while the commit point of version 1 is still there.
        if !files.is_complete() && CommitPoint::read(layout)? != CommitPoint::Version1(point.clone()) {
            let reason = "it was replaced while its files were being opened";
            return Err(IndexError::corrupt(&layout.v1_commit_point(), reason));
        }
        let mut snapshot = Snapshot::assemble(layout.clone(), manifest, segments, Records::default(), deleted)?;
        snapshot.v1_records = Some(V1Records { files, opened: OnceLock::new() });
        Ok(snapshot)
    }

    /// Puts parts together that agree with each other, or says why they do not.
    pub(crate) fn assemble(
        layout: Layout,
        manifest: Manifest,
        segments: Vec<Arc<Segment>>,
        records: Records,
        deleted: RoaringTreemap,
    ) -> Result<Snapshot, IndexError> {
        // The manifest has a checksum of its own, and the ids were not all read: it is they that do not fit.
        let path = layout.vectors();
        let mut last_id = None;
        for segment in &segments {
            if segment.dimension() != manifest.model.dimension {
                let reason = format!("expected dimension {}, found {}", manifest.model.dimension, segment.dimension());
                return Err(IndexError::corrupt(segment.path(), reason));
            }
            if last_id.is_some_and(|last| segment.first_id() <= last) {
                return Err(IndexError::corrupt(&path, "the id ranges of its files overlap"));
            }
            last_id = Some(segment.last_id());
        }
        if last_id.is_some_and(|last| last >= manifest.next_id) {
            return Err(IndexError::corrupt(&path, "the next id is already in use"));
        }
        let rows = segments.iter().map(|segment| segment.len() as u64).sum();
        let dead = vec![None; segments.len()];
        let hubness = vec![None; segments.len()];
        let v1_records = None;
        let mut snapshot = Snapshot { layout, manifest, segments, records, v1_records, deleted, dead, hubness, rows };
        for id in &snapshot.deleted {
            let Some(place) = locate(&snapshot.segments, id) else {
                return Err(IndexError::corrupt(&path, format!("the removed id {id} is not in any of its files")));
            };
            let words = snapshot.segments[place.segment as usize].len().div_ceil(64);
            let bits = snapshot.dead[place.segment as usize].get_or_insert_with(|| vec![0; words]);
            bits[place.row as usize / 64] |= 1 << (place.row % 64);
        }
        Ok(snapshot)
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(crate) fn dimension(&self) -> usize {
        self.manifest.model.dimension
    }

    pub(crate) fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// The files of hubness, one for each vector file that has one.
    pub(crate) fn hubness_files(&self) -> &[Option<Arc<HubnessFile>>] {
        &self.hubness
    }

    /// The bank of texts that the hubness of every row was measured with; `None` if that of some is not known, or they were
    /// measured with different ones.
    pub(crate) fn bank(&self) -> Option<&str> {
        let mut banks = self.hubness.iter().map(|file| file.as_ref().map(|file| file.entry().bank.as_str()));
        let first = banks.next()??;
        banks.all(|bank| bank == Some(first)).then_some(first)
    }

    /// True if the hubness of every row is known, all by the same bank of texts.
    pub(crate) fn knows_hubness(&self) -> bool {
        self.bank().is_some()
    }

    /// True if every file of hubness that the manifest names for a vector file could be opened.
    pub(crate) fn has_named_hubness(&self) -> bool {
        let is_named = |segment: &SegmentEntry| self.manifest.hubness_of(segment.file).is_some();
        self.manifest.segments.iter().zip(&self.hubness).all(|(segment, file)| file.is_some() || !is_named(segment))
    }

    /// The hubness of the rows of a vector file.
    pub(crate) fn hubness(&self, segment: usize) -> Option<&HubnessFile> {
        self.hubness.get(segment)?.as_deref()
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// The record of the asset that an item belongs to; `None` if there is no such item.
    pub(crate) fn record(&self, item: u64) -> Result<Option<Record>, IndexError> {
        if self.locate_live(item).is_none() {
            return Ok(None);
        }
        if let Some(v1) = &self.v1_records {
            return Ok(v1.get()?.records(&[item])?.pop());
        }
        let found = self.records.find_by_item(item)?;
        let path =
            || self.records.files().last().map_or_else(|| self.layout.records(), |file| file.path().to_path_buf());
        let found =
            found.ok_or_else(|| IndexError::corrupt(&path(), format!("there is no record of the item {item}")))?;
        found.record().map(Some)
    }

    /// The records of all assets, ascending.
    pub(crate) fn all_records(&self) -> Result<Vec<Record>, IndexError> {
        let Some(v1) = &self.v1_records else {
            return self.records.iter().filter(|found| self.is_live(found.id())).map(|found| found.record()).collect();
        };
        let mut records = v1.get()?.all()?;
        records.sort_unstable_by_key(|record| record.id);
        Ok(records)
    }

    /// Compares all checksums of vectors and records: of what cannot be made again.
    pub(crate) fn check_checksums(&self) -> Result<(), IndexError> {
        self.segments.iter().try_for_each(|segment| segment.verify())?;
        self.records.files().iter().try_for_each(|file| file.verify())
    }

    /// Is there an item with this id?
    pub(crate) fn is_live(&self, item: u64) -> bool {
        self.locate_live(item).is_some()
    }

    pub(crate) fn deleted(&self) -> &RoaringTreemap {
        &self.deleted
    }

    /// Rows in the vector files, removed ones included.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Photos that can be found.
    pub(crate) fn live(&self) -> u64 {
        self.rows - self.deleted.len()
    }

    /// The row of an id, even of a removed one.
    pub(crate) fn locate(&self, id: u64) -> Option<Place> {
        locate(&self.segments, id)
    }

    pub(crate) fn locate_live(&self, id: u64) -> Option<Place> {
        self.locate(id).filter(|place| self.is_live_at(place.segment as usize, place.row as usize))
    }

    pub(crate) fn is_live_at(&self, segment: usize, row: usize) -> bool {
        self.dead[segment].as_ref().is_none_or(|bits| bits[row / 64] >> (row % 64) & 1 == 0)
    }

    pub(crate) fn row(&self, place: Place) -> RowRef<'_> {
        self.segments[place.segment as usize].row(place.row as usize)
    }

    pub(crate) fn id_at(&self, place: Place) -> u64 {
        self.segments[place.segment as usize].ids()[place.row as usize]
    }

    /// All live ids, ascending, from `first` on, with their places.
    pub(crate) fn live_from(&self, first: u64) -> impl Iterator<Item = (u64, Place)> + '_ {
        let start = self.segments.partition_point(|segment| segment.last_id() < first);
        self.segments[start..].iter().zip(start..).flat_map(move |(segment, index)| {
            let skipped = segment.ids().partition_point(|&id| id < first);
            segment.ids().iter().enumerate().skip(skipped).filter_map(move |(row, &id)| {
                self.is_live_at(index, row).then_some((id, Place { segment: index as u32, row: row as u32 }))
            })
        })
    }

    /// Checks that a vector can be compared with the rows.
    pub(crate) fn check_query(&self, vector: &[f32]) -> Result<(), IndexError> {
        if vector.len() != self.dimension() {
            return Err(IndexError::Dimension { expected: self.dimension(), found: vector.len() });
        }
        let length = unit::length(vector);
        if !length.is_finite() {
            return Err(IndexError::NotUnit { length });
        }
        Ok(())
    }
}

pub(crate) fn locate(segments: &[Arc<Segment>], id: u64) -> Option<Place> {
    let index = segments.partition_point(|segment| segment.last_id() < id);
    let row = segments.get(index)?.position(id)?;
    Some(Place { segment: index as u32, row: row as u32 })
}

pub(crate) type OpenSegment = fn(&Path, u64) -> Result<Segment, IndexError>;

fn open_segments(
    open: OpenSegment,
    layout: &Layout,
    entries: &[SegmentEntry],
) -> Result<Vec<Arc<Segment>>, IndexError> {
    entries.iter().map(|entry| open_segment(open, layout, entry).map(Arc::new)).collect()
}

/// Opens the vector file that a manifest names.
pub(crate) fn open_segment(open: OpenSegment, layout: &Layout, entry: &SegmentEntry) -> Result<Segment, IndexError> {
    let path = layout.segment(entry.file);
    let segment = open(&path, entry.file).map_err(missing_is_corrupt)?;
    if segment.content_crc() != entry.header_crc32 || segment.len() as u64 != entry.rows {
        return Err(not_the_named_file(&path));
    }
    Ok(segment)
}

/// Opens the files of hubness that a manifest names for these vector files. What is damaged or missing can be measured again.
fn open_hubness(
    layout: &Layout,
    manifest: &Manifest,
    segments: &[Arc<Segment>],
) -> Result<Vec<Option<Arc<HubnessFile>>>, IndexError> {
    let of = |segment: &Arc<Segment>| {
        let Some(entry) = manifest.hubness_of(segment.file_id()) else { return Ok(None) };
        match hubness::open_of(layout, entry, segment.len() as u64) {
            Ok(file) => Ok(Some(Arc::new(file))),
            // It may be whole, and better than what would be measured in its place.
            Err(error) if matches!(error, IndexError::Io { .. }) && !is_lost(&error) => Err(error),
            Err(error) => {
                log::warn!("scores are not corrected until the next update of the index mends this: {error}");
                Ok(None)
            }
        }
    };
    segments.iter().map(of).collect()
}

/// Whether a file of what can be made again is to be made again.
fn is_lost(error: &IndexError) -> bool {
    error.is_missing_file() || error.is_unreadable_file()
}

/// Opens the file of records that a manifest names.
pub(crate) fn open_records(layout: &Layout, entry: &RecordsEntry) -> Result<RecordFile, IndexError> {
    let path = layout.record_file(entry.file);
    let file = RecordFile::open(&path, entry.file).map_err(missing_is_corrupt)?;
    if file.content_crc() != entry.header_crc32 { Err(not_the_named_file(&path)) } else { Ok(file) }
}

pub(crate) fn read_deleted(path: &Path, crc32: u32) -> Result<RoaringTreemap, IndexError> {
    let bytes = read_file(path)?;
    let is_named = crc32fast::hash(&bytes) == crc32;
    match id_set::decode(&bytes, path) {
        // Its own checksum leaves out the version, which is therefore believed only of the file that the manifest names.
        Ok(_) | Err(IndexError::NewerFormat { .. }) if !is_named => Err(not_the_named_file(path)),
        result => result,
    }
}

fn not_the_named_file(path: &Path) -> IndexError {
    IndexError::corrupt(path, "it is not the file named by the manifest")
}

/// A file that a committed manifest names is never missing in an index that is whole.
fn missing_is_corrupt(error: IndexError) -> IndexError {
    match error {
        IndexError::Io { ref path, .. } if error.is_missing_file() => IndexError::corrupt(path, "the file is missing"),
        other => other,
    }
}

/// A set of removed ids is smaller.
const MOST_BYTES: u64 = 1 << 32;

/// Reads a file of the index whole.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, IndexError> {
    regular::read(path, MOST_BYTES).map_err(IndexError::io("read", path)).map_err(missing_is_corrupt)
}
