//! The manifest of version 1: which files make up a generation of the index.

use std::path::Path;

use clip_files::regular;
use serde::Deserialize;

use crate::checked_json;
use crate::error::IndexError;
use crate::manifest::{GREATEST, MOST_BYTES};
use crate::model::{ModelId, StoredPath};

pub(crate) const KIND: &str = "clip-search manifest";
const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) generation: u64,
    /// Seconds since 1970.
    pub(crate) committed_at: i64,
    pub(crate) model: ModelId,
    /// The next photo's id. Never falls, so that ids are never used twice.
    pub(crate) next_id: u64,
    /// The next segment's or graph's file id. Never falls either: a name stands for one content.
    pub(crate) next_file: u64,
    pub(crate) roots: Vec<StoredPath>,
    /// In ascending order of ids; their ranges do not overlap.
    pub(crate) segments: Vec<SegmentEntry>,
    pub(crate) deleted: Option<DeletedEntry>,
    pub(crate) graph: Option<GraphEntry>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentEntry {
    pub(crate) file: u64,
    pub(crate) rows: u64,
    /// CRC-32 of the file's header, which holds the checksums of the rest.
    pub(crate) header_crc32: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeletedEntry {
    /// The generation in the file's name.
    pub(crate) generation: u64,
    pub(crate) crc32: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GraphEntry {
    pub(crate) file: u64,
    /// CRC-32 of the graph's descriptor, which holds the checksums of its other files.
    pub(crate) descriptor_crc32: u32,
}

impl Manifest {
    pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Manifest, IndexError> {
        checked_json::decode(KIND, VERSION, bytes, path)
    }

    pub(crate) fn read(path: &Path, generation: u64) -> Result<Manifest, IndexError> {
        let bytes = regular::read(path, MOST_BYTES).map_err(IndexError::io("read", path))?;
        let manifest = Manifest::decode(&bytes, path)?;
        if manifest.generation != generation {
            let found = manifest.generation;
            return Err(IndexError::corrupt(path, format!("expected generation {generation}, found {found}")));
        }
        if manifest.model.dimension == 0 {
            return Err(IndexError::corrupt(path, "the dimension is 0"));
        }
        if manifest.generation.max(manifest.next_id).max(manifest.next_file) > GREATEST {
            return Err(IndexError::corrupt(path, "a generation, id or file number is out of range"));
        }
        Ok(manifest)
    }
}
