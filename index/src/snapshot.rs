//! One generation of the index, as committed: manifest, mapped vector files, removed ids. Immutable.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use roaring::RoaringTreemap;

use crate::commit_point::at_commit;
use crate::error::IndexError;
use crate::id_set;
use crate::layout::Layout;
use crate::manifest::Manifest;
use crate::segment::{RowRef, Segment};

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
    deleted: RoaringTreemap,
    /// For each segment with removed rows, one bit a row.
    dead: Vec<Option<Vec<u64>>>,
    rows: u64,
}

impl Snapshot {
    /// Opens the committed generation for a writer, which checks the ids. Takes no lock: where a writer replaces files
    /// meanwhile, it begins again.
    pub(crate) fn open(layout: &Layout) -> Result<Snapshot, IndexError> {
        at_commit(layout, |point| Snapshot::open_by(Segment::open_checked, layout, point.generation()))
    }

    /// Opens a generation for a reader, in time that does not grow with the number of rows.
    pub(crate) fn open_generation(layout: &Layout, generation: u64) -> Result<Snapshot, IndexError> {
        Snapshot::open_by(Segment::open, layout, generation)
    }

    fn open_by(
        open: fn(&Path, u64) -> Result<Segment, IndexError>,
        layout: &Layout,
        generation: u64,
    ) -> Result<Snapshot, IndexError> {
        let path = layout.manifest(generation);
        let manifest = Manifest::read(&path, generation).map_err(missing_is_corrupt)?;
        let mut segments = Vec::with_capacity(manifest.segments.len());
        for entry in &manifest.segments {
            let path = layout.segment(entry.file);
            let segment = open(&path, entry.file).map_err(missing_is_corrupt)?;
            if segment.content_crc() != entry.header_crc32 || segment.len() as u64 != entry.rows {
                return Err(IndexError::corrupt(&path, "it is not the file that the manifest names"));
            }
            segments.push(Arc::new(segment));
        }
        let deleted = match &manifest.deleted {
            None => RoaringTreemap::new(),
            Some(entry) => {
                let path = layout.deleted(entry.generation);
                let bytes = read_file(&path)?;
                if crc32fast::hash(&bytes) != entry.crc32 {
                    return Err(match id_set::decode(&bytes, &path) {
                        Err(error) => error,
                        Ok(_) => IndexError::corrupt(&path, "it is not the file that the manifest names"),
                    });
                }
                id_set::decode(&bytes, &path)?
            }
        };
        Snapshot::assemble(layout.clone(), manifest, segments, deleted)
    }

    /// Puts parts together that agree with each other, or says why they do not.
    pub(crate) fn assemble(
        layout: Layout,
        manifest: Manifest,
        segments: Vec<Arc<Segment>>,
        deleted: RoaringTreemap,
    ) -> Result<Snapshot, IndexError> {
        let path = layout.manifest(manifest.generation);
        let mut last_id = None;
        for segment in &segments {
            if segment.dimension() != manifest.model.dimension {
                let reason = format!("expected dimension {}, found {}", manifest.model.dimension, segment.dimension());
                return Err(IndexError::corrupt(segment.path(), reason));
            }
            if last_id.is_some_and(|last| segment.first_id() <= last) {
                return Err(IndexError::corrupt(&path, "the ranges of ids of its vector files overlap"));
            }
            last_id = Some(segment.last_id());
        }
        if last_id.is_some_and(|last| last >= manifest.next_id) {
            return Err(IndexError::corrupt(&path, "the next id is in use already"));
        }
        let rows = segments.iter().map(|segment| segment.len() as u64).sum();
        let mut snapshot = Snapshot { dead: vec![None; segments.len()], layout, manifest, segments, deleted, rows };
        for id in &snapshot.deleted {
            let Some(place) = locate(&snapshot.segments, id) else {
                return Err(IndexError::corrupt(&path, format!("the removed id {id} is in none of its vector files")));
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
        let length = length(vector);
        if !length.is_finite() {
            return Err(IndexError::NotUnit { length });
        }
        Ok(())
    }
}

/// Euclidean length, in double precision inside: it decides whether a vector is accepted.
pub(crate) fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt() as f32
}

fn locate(segments: &[Arc<Segment>], id: u64) -> Option<Place> {
    let index = segments.partition_point(|segment| segment.last_id() < id);
    let row = segments.get(index)?.position(id)?;
    Some(Place { segment: index as u32, row: row as u32 })
}

/// A file that a committed manifest names is never missing in an index that is whole.
fn missing_is_corrupt(error: IndexError) -> IndexError {
    match error {
        IndexError::Io { ref path, .. } if error.is_missing_file() => {
            IndexError::corrupt(path, "it is missing, but belongs to the index")
        }
        other => other,
    }
}

/// Reads a file of the index whole.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, IndexError> {
    fs::read(path).map_err(IndexError::io("read", path)).map_err(missing_is_corrupt)
}
