//! The manifest: which files make up a generation of the index.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clip_files::path_bytes;
use serde::{Deserialize, Deserializer, Serialize};

use crate::checked_json;
use crate::error::IndexError;
use crate::record::{ModelId, stored_path};

pub(crate) const KIND: &str = "clip-search manifest";
/// Version of the format of the index as a whole.
pub(crate) const VERSION: u32 = 1;
/// No id, file number or generation is greater, so that counting on from one that was read never overflows.
pub(crate) const GREATEST: u64 = 1 << 62;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    pub(crate) roots: Vec<Root>,
    /// In ascending order of ids; their ranges do not overlap.
    pub(crate) segments: Vec<SegmentEntry>,
    pub(crate) deleted: Option<DeletedEntry>,
    #[serde(deserialize_with = "current_graph")]
    pub(crate) graph: Option<GraphEntry>,
}

/// Leaves out a graph of an earlier version, which is of no use any more: it is only a cache.
fn current_graph<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<GraphEntry>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, deny_unknown_fields)]
    enum Stored {
        Current {
            file: u64,
            header_crc32: u32,
        },
        Earlier {
            #[serde(rename = "file")]
            _file: u64,
            #[serde(rename = "descriptor_crc32")]
            _descriptor_crc32: u32,
        },
    }
    Ok(match Option::deserialize(deserializer)? {
        Some(Stored::Current { file, header_crc32 }) => Some(GraphEntry { file, header_crc32 }),
        Some(Stored::Earlier { .. }) | None => None,
    })
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentEntry {
    pub(crate) file: u64,
    pub(crate) rows: u64,
    /// CRC-32 of the file's header, which holds the checksums of the rest.
    pub(crate) header_crc32: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeletedEntry {
    /// The generation in the file's name.
    pub(crate) generation: u64,
    pub(crate) crc32: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct GraphEntry {
    pub(crate) file: u64,
    /// CRC-32 of the file's header without its own checksum.
    pub(crate) header_crc32: u32,
}

/// A folder that the index was made of. Text where it is Unicode, bytes where it is not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Root {
    Text(String),
    Bytes(Vec<u8>),
}

impl Root {
    pub(crate) fn new(path: &Path) -> Result<Root, IndexError> {
        match path.to_str() {
            Some(text) => Ok(Root::Text(text.into())),
            None => Ok(Root::Bytes(stored_path(path)?.into_owned())),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Root::Text(text) => PathBuf::from(text),
            Root::Bytes(bytes) => path_bytes::to_path(bytes),
        }
    }
}

impl Manifest {
    /// Of an index without photos in which nothing was committed yet.
    pub(crate) fn empty(model: &ModelId, next_id: u64, next_file: u64) -> Manifest {
        Manifest {
            generation: 0,
            committed_at: now(),
            model: model.clone(),
            next_id,
            next_file,
            roots: Vec::new(),
            segments: Vec::new(),
            deleted: None,
            graph: None,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        // Plain structs of numbers and strings: nothing in them can fail to become JSON.
        checked_json::encode(KIND, VERSION, self).expect("a manifest is always valid JSON")
    }

    pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Manifest, IndexError> {
        checked_json::decode(KIND, VERSION, bytes, path)
    }

    pub(crate) fn read(path: &Path, generation: u64) -> Result<Manifest, IndexError> {
        let bytes = fs::read(path).map_err(IndexError::io("read", path))?;
        let manifest = Manifest::decode(&bytes, path)?;
        if manifest.generation != generation {
            let found = manifest.generation;
            return Err(IndexError::corrupt(path, format!("expected generation {generation}, found {found}")));
        }
        if manifest.model.dimension == 0 {
            return Err(IndexError::corrupt(path, "the dimension is 0"));
        }
        if manifest.generation.max(manifest.next_id).max(manifest.next_file) > GREATEST {
            return Err(IndexError::corrupt(path, "a generation, id or file number is too great"));
        }
        Ok(manifest)
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs() as i64,
        Err(before) => -(before.duration().as_secs() as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn manifests() -> impl Strategy<Value = Manifest> {
        (
            any::<(u64, i64, String, String, u64, u64)>(),
            1usize..5000,
            prop::collection::vec(".*", 0..3),
            prop::collection::vec(any::<(u64, u64, u32)>(), 0..5),
            any::<Option<(u64, u32)>>(),
            any::<Option<(u64, u32)>>(),
        )
            .prop_map(|(plain, dimension, roots, segments, deleted, graph)| {
                let (generation, committed_at, name, fingerprint, next_id, next_file) = plain;
                Manifest {
                    generation,
                    committed_at,
                    model: ModelId { name, fingerprint, dimension },
                    next_id,
                    next_file,
                    roots: roots.into_iter().map(Root::Text).chain([Root::Bytes(vec![0xff, b'/'])]).collect(),
                    segments: segments
                        .into_iter()
                        .map(|(file, rows, header_crc32)| SegmentEntry { file, rows, header_crc32 })
                        .collect(),
                    deleted: deleted.map(|(generation, crc32)| DeletedEntry { generation, crc32 }),
                    graph: graph.map(|(file, header_crc32)| GraphEntry { file, header_crc32 }),
                }
            })
    }

    proptest! {
        #[test]
        fn round_trip(manifest in manifests()) {
            prop_assert_eq!(Manifest::decode(&manifest.encode(), Path::new("f")).unwrap(), manifest);
        }

        #[test]
        fn damage_is_noticed(manifest in manifests(), at: prop::sample::Index, bit in 0u8..8, cut: prop::sample::Index) {
            let bytes = manifest.encode();
            let mut flipped = bytes.clone();
            flipped[at.index(bytes.len())] ^= 1 << bit;
            prop_assert!(Manifest::decode(&flipped, Path::new("f")).is_err());
            prop_assert!(Manifest::decode(&bytes[..cut.index(bytes.len())], Path::new("f")).is_err());
        }
    }
}
