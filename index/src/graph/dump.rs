//! A graph's files: hnsw_rs's two dump files, the ids of the nodes, and a descriptor with checksums of all three.
//!
//! hnsw_rs trusts its dumps: it ends the process or allocates without bound when they are damaged. So its loader is
//! called only after length and checksum of both files were found to match.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use hnsw_rs::api::AnnT;
use hnsw_rs::hnsw::Hnsw;
use hnsw_rs::hnswio::HnswIo;
use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

use super::distance::RowDistance;
use super::{Graph, Parameters};
use crate::checked_json;
use crate::error::IndexError;
use crate::files;
use crate::id_set;
use crate::layout::Layout;
use crate::manifest::GraphEntry;
use crate::snapshot::{Place, Snapshot, read_file};

pub(crate) const KIND: &str = "clip-search graph";
const VERSION: u32 = 1;
/// hnsw_rs writes numbers as the machine has them, so a dump is good only for machines alike.
const PLATFORM: &str = if cfg!(target_pointer_width = "64") { "64-bit little-endian" } else { "32-bit little-endian" };
/// The version of hnsw_rs whose dumps these are.
const LIBRARY: &str = "hnsw_rs 0.3";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Descriptor {
    platform: String,
    library: String,
    nodes: u64,
    /// Not there in graphs of before this was looked at; those are not added to.
    #[serde(default)]
    built: u64,
    dimension: usize,
    connections: usize,
    ef_construction: usize,
    topology: Sum,
    data: Sum,
    ids: Sum,
    stranded: Vec<u32>,
}

impl Descriptor {
    fn parameters(&self) -> Parameters {
        Parameters { connections: self.connections, ef_construction: self.ef_construction }
    }
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sum {
    bytes: u64,
    crc32: u32,
}

impl Sum {
    fn of_file(path: &Path) -> Result<Sum, IndexError> {
        let read = || {
            let mut file = File::open(path)?;
            let mut crc = crc32fast::Hasher::new();
            let mut buffer = vec![0; 1 << 20];
            let mut bytes = 0;
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok(Sum { bytes, crc32: crc.finalize() }),
                    read => {
                        crc.update(&buffer[..read]);
                        bytes += read as u64;
                    }
                }
            }
        };
        read().map_err(IndexError::io("read", path))
    }

    fn of_bytes(bytes: &[u8]) -> Sum {
        Sum { bytes: bytes.len() as u64, crc32: crc32fast::hash(bytes) }
    }

    fn check(&self, found: &Sum, path: &Path) -> Result<(), IndexError> {
        if self == found { Ok(()) } else { Err(IndexError::corrupt(path, "length or checksum does not match")) }
    }
}

pub(super) fn store(graph: &Graph, layout: &Layout, dimension: usize, file: u64) -> Result<GraphEntry, IndexError> {
    let dir = layout.graphs();
    files::create_dir(&dir)?;
    let temporary = files::temporary_dir(&dir)?;
    let base = Layout::graph_base(file);
    // hnsw_rs panics where it cannot create a file.
    let dump = || graph.hnsw.file_dump(temporary.path(), &base);
    let reason = match catch_unwind(AssertUnwindSafe(dump)) {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("hnsw_rs could not write it".into()),
    };
    if let Some(reason) = reason {
        return Err(IndexError::Graph { dir, reason });
    }
    for path in [layout.graph_topology(file), layout.graph_data(file)] {
        files::publish(&temporary.path().join(path.file_name().unwrap_or_default()), &path)?;
    }
    let ids = id_set::encode(&graph.ids.iter().copied().collect());
    files::write_bytes(&layout.graph_ids(file), &ids)?;
    let descriptor = Descriptor {
        platform: PLATFORM.into(),
        library: LIBRARY.into(),
        nodes: graph.nodes(),
        built: graph.built,
        dimension,
        connections: graph.parameters.connections,
        ef_construction: graph.parameters.ef_construction,
        topology: Sum::of_file(&layout.graph_topology(file))?,
        data: Sum::of_file(&layout.graph_data(file))?,
        ids: Sum::of_bytes(&ids),
        stranded: graph.stranded.clone(),
    };
    let bytes = checked_json::encode(KIND, VERSION, &descriptor).expect("a descriptor is always valid JSON");
    files::write_bytes(&layout.graph_descriptor(file), &bytes)?;
    files::sync_dir(&dir)?;
    Ok(GraphEntry { file, header_crc32: crc32fast::hash(&bytes) })
}

/// The descriptor and the set of ids, both checked.
pub(super) fn read_ids(layout: &Layout, entry: &GraphEntry) -> Result<(Descriptor, RoaringTreemap), IndexError> {
    let path = layout.graph_descriptor(entry.file);
    let bytes = read_file(&path)?;
    let (descriptor, _): (Descriptor, _) = checked_json::decode(KIND, VERSION, &bytes, &path)?;
    if crc32fast::hash(&bytes) != entry.header_crc32 {
        return Err(IndexError::corrupt(&path, "it is not the file that the manifest names"));
    }
    let path = layout.graph_ids(entry.file);
    let bytes = read_file(&path)?;
    let ids = id_set::decode(&bytes, &path)?;
    descriptor.ids.check(&Sum::of_bytes(&bytes), &path)?;
    if ids.len() != descriptor.nodes || descriptor.stranded.iter().any(|&node| u64::from(node) >= descriptor.nodes) {
        return Err(IndexError::corrupt(&path, "the number of ids is not that of the graph's nodes"));
    }
    Ok((descriptor, ids))
}

/// What a stored graph was made of.
pub(super) struct Stored {
    pub(super) ids: RoaringTreemap,
    pub(super) built: u64,
    pub(super) parameters: Parameters,
}

/// Compares all checksums, and that the dump is one that this build can read.
pub(super) fn check(layout: &Layout, entry: &GraphEntry) -> Result<Stored, IndexError> {
    let (descriptor, ids) = read_verified(layout, entry)?;
    Ok(Stored { ids, built: descriptor.built, parameters: descriptor.parameters() })
}

fn read_verified(layout: &Layout, entry: &GraphEntry) -> Result<(Descriptor, RoaringTreemap), IndexError> {
    let (descriptor, ids) = read_ids(layout, entry)?;
    if descriptor.platform != PLATFORM || descriptor.library != LIBRARY {
        let found = format!("{}, {}", descriptor.library, descriptor.platform);
        let reason = format!("expected a graph of {LIBRARY}, {PLATFORM}, found one of {found}");
        return Err(IndexError::Graph { dir: layout.graphs(), reason });
    }
    for (path, sum) in
        [(layout.graph_topology(entry.file), &descriptor.topology), (layout.graph_data(entry.file), &descriptor.data)]
    {
        sum.check(&Sum::of_file(&path)?, &path)?;
    }
    Ok((descriptor, ids))
}

/// Loads a graph. With `extended`, its distance knows the live rows that the graph lacks too, as the nodes that come
/// next.
pub(super) fn load(snapshot: &Snapshot, entry: &GraphEntry, extended: bool) -> Result<Graph, IndexError> {
    let layout = snapshot.layout();
    let unusable = |reason: String| IndexError::Graph { dir: layout.graphs(), reason };
    let (descriptor, stored_ids) = read_verified(layout, entry).map_err(|error| match error {
        error @ IndexError::Graph { .. } => error,
        // It may be whole: the system did not let us look.
        error @ IndexError::Io { .. } if !error.is_missing_file() => error,
        other => unusable(other.to_string()),
    })?;
    if descriptor.dimension != snapshot.dimension() {
        return Err(unusable("it belongs to vectors of another dimension".into()));
    }
    let mut ids: Vec<u64> = stored_ids.iter().collect();
    if extended {
        let newer = ids.last().map_or(0, |last| last.saturating_add(1));
        ids.extend(snapshot.live_from(newer).map(|(id, _)| id));
    }
    let places: Option<Vec<Place>> = ids.iter().map(|&id| snapshot.locate(id)).collect();
    let places = places.ok_or_else(|| unusable("one of its rows is in no vector file".into()))?;
    let hnsw = read_dump(&layout.graphs(), &Layout::graph_base(entry.file), RowDistance::new(snapshot, places))
        .map_err(unusable)?;
    if hnsw.get_nb_point() as u64 != descriptor.nodes {
        return Err(unusable("the number of nodes does not match".into()));
    }
    let (parameters, built) = (descriptor.parameters(), descriptor.built);
    Ok(Graph { hnsw, parameters, ids, built, stranded: descriptor.stranded })
}

/// Calls hnsw_rs's loader; the files must have been verified.
fn read_dump(dir: &Path, base: &str, distance: RowDistance) -> Result<Hnsw<'static, u32, RowDistance>, String> {
    // hnsw_rs lets a graph borrow its loader, for a mode with mapped files that is not used here. A leaked loader (two
    // short strings) is the price of a graph that can be kept.
    let loader: &'static HnswIo = Box::leak(Box::new(HnswIo::new(dir, base)));
    let load = || loader.load_hnsw_with_dist::<u32, RowDistance>(distance);
    match catch_unwind(AssertUnwindSafe(load)) {
        Ok(Ok(hnsw)) => Ok(hnsw),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("hnsw_rs could not read it".into()),
    }
}
