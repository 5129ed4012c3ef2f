//! Reading an index.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use roaring::RoaringTreemap;

use crate::commit_point::{CommitPoint, at_commit};
use crate::error::IndexError;
use crate::exact;
use crate::files;
use crate::graph::{self, Graph};
use crate::layout::Layout;
use crate::manifest;
use crate::metadata::{MetadataReader, ReadDirectory};
use crate::record::{ModelId, Neighbour, PhotoRecord, Status};
use crate::scan;
use crate::snapshot::Snapshot;

/// A view of the index as it was committed when the reader was opened: vectors and metadata of one commit, whatever
/// writers and rebuilds do meanwhile. It takes no lock and writes nothing.
///
/// Opening maps the files of the vectors and of the metadata and reads a few small ones. The metadata is checked when it
/// is first asked for, and the graph is opened then.
#[derive(Debug)]
pub struct IndexReader {
    snapshot: Snapshot,
    metadata_files: ReadDirectory,
    metadata: OnceLock<MetadataReader>,
    graph: OnceLock<Result<Graph, String>>,
}

impl IndexReader {
    /// Opens the index in `dir`.
    ///
    /// # Errors
    /// [`IndexError::NotFound`] if there is none, [`IndexError::NewerFormat`] or [`IndexError::Corrupt`] if it cannot be
    /// read.
    pub fn open(dir: impl AsRef<Path>) -> Result<IndexReader, IndexError> {
        let layout = Layout::new(dir.as_ref());
        let (snapshot, metadata_files) = open_commit(&layout)?;
        Ok(IndexReader { snapshot, metadata_files, metadata: OnceLock::new(), graph: OnceLock::new() })
    }

    /// False if another commit was made after the one that this reader shows, be it by a writer or by a rebuild. Reads one
    /// small file.
    ///
    /// # Errors
    /// [`IndexError::NotFound`] if the index is gone, [`IndexError::Io`] or [`IndexError::Corrupt`] if its commit point
    /// cannot be read.
    pub fn is_current(&self) -> Result<bool, IndexError> {
        Ok(CommitPoint::read(self.snapshot.layout())?.generation() == self.generation())
    }

    /// The directory of the index, as it was given.
    pub fn dir(&self) -> &Path {
        self.snapshot.layout().root()
    }

    /// The model that made the embeddings.
    pub fn model(&self) -> &ModelId {
        &self.snapshot.manifest().model
    }

    /// Length of every embedding.
    pub fn dimension(&self) -> usize {
        self.snapshot.dimension()
    }

    /// Number of photos.
    pub fn len(&self) -> usize {
        self.snapshot.live() as usize
    }

    /// True if there are no photos.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts commits; greater in a later view of the same index.
    pub fn generation(&self) -> u64 {
        self.snapshot.manifest().generation
    }

    /// The folders that the index was made of.
    pub fn roots(&self) -> Vec<PathBuf> {
        self.snapshot.manifest().roots.iter().map(manifest::Root::path).collect()
    }

    /// The ids of all photos, ascending.
    pub fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.snapshot.live_from(0).map(|(id, _)| id)
    }

    /// Is there a photo with this id?
    pub fn contains(&self, id: u64) -> bool {
        self.snapshot.locate_live(id).is_some()
    }

    /// The embedding of a photo, as it is stored; `None` if there is no such photo. Rows in half precision differ from
    /// what was added by the rounding.
    pub fn embedding(&self, id: u64) -> Option<Vec<f32>> {
        self.snapshot.locate_live(id).map(|place| self.snapshot.row(place).to_vec())
    }

    /// Sizes and counts. The bytes on disk include those of a rebuild under way.
    ///
    /// # Errors
    /// [`IndexError::Io`] if the directory cannot be listed.
    pub fn status(&self) -> Result<Status, IndexError> {
        let manifest = self.snapshot.manifest();
        let layout = self.snapshot.layout();
        Ok(Status {
            photos: self.snapshot.live(),
            segments: self.snapshot.segments().len(),
            bytes: directory_bytes(layout.root())?,
            generation: manifest.generation,
            committed_at: manifest.committed_at,
            deleted: self.snapshot.deleted().len(),
            format_version: manifest::VERSION,
            graph: manifest.graph.as_ref().and_then(|entry| graph::status(&self.snapshot, entry).ok()),
        })
    }

    /// True if the index has a graph; whether it can be used shows when it is.
    pub fn has_graph(&self) -> bool {
        self.snapshot.manifest().graph.is_some()
    }

    /// The `k` photos whose embeddings have the greatest dot product with `query`, best first, equal ones in ascending
    /// order of ids; only those in `filter`, if one is given. All rows are looked at, on all processors if they are many.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] or [`IndexError::NotUnit`] if the query cannot be compared.
    pub fn search_exact(
        &self,
        query: &[f32],
        k: usize,
        filter: Option<&RoaringTreemap>,
    ) -> Result<Vec<Neighbour>, IndexError> {
        self.snapshot.check_query(query)?;
        Ok(exact::search(&self.snapshot, query, k, filter))
    }

    /// As [`IndexReader::search_exact`], but candidates are found by a scan over eight-bit codes of all rows, which are a
    /// half or a quarter of the bytes. Scores are exact; in rare cases a photo among the last of the `k` is missed.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] or [`IndexError::NotUnit`] if the query cannot be compared.
    pub fn search_scan(
        &self,
        query: &[f32],
        k: usize,
        filter: Option<&RoaringTreemap>,
    ) -> Result<Vec<Neighbour>, IndexError> {
        self.snapshot.check_query(query)?;
        Ok(scan::search(&self.snapshot, query, k, filter))
    }

    /// As [`IndexReader::search_exact`], but found by a walk through the graph with `ef` candidates (at least `k`; ten
    /// times as many find nearly all). Scores are exact, and photos newer than the graph are scanned besides. Where the
    /// graph would not help, because few photos pass or many are asked for, the result is that of an exact search.
    ///
    /// The first call opens the graph.
    ///
    /// # Errors
    /// [`IndexError::NoGraph`] or [`IndexError::Graph`] if there is none that can be used: exact search always can.
    pub fn search_graph(
        &self,
        query: &[f32],
        k: usize,
        ef: usize,
        filter: Option<&RoaringTreemap>,
    ) -> Result<Vec<Neighbour>, IndexError> {
        self.snapshot.check_query(query)?;
        let graph = self.graph()?;
        if k == 0 {
            return Ok(Vec::new());
        }
        Ok(graph.search(&self.snapshot, query, k, ef, filter))
    }

    /// The records of photos, in the order of `ids`, as they were when the reader was opened. Ids that name no photo are
    /// left out.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if the metadata cannot be read.
    pub fn photos(&self, ids: &[u64]) -> Result<Vec<PhotoRecord>, IndexError> {
        self.metadata()?.records(ids)
    }

    /// The records of all photos, in ascending order of ids.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if the metadata cannot be read.
    pub fn all_photos(&self) -> Result<Vec<PhotoRecord>, IndexError> {
        let mut records = self.metadata()?.all()?;
        records.sort_unstable_by_key(|record| record.id);
        Ok(records)
    }

    /// The photo at exactly this path.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if the metadata cannot be read.
    pub fn find_path(&self, path: impl AsRef<Path>) -> Result<Option<u64>, IndexError> {
        self.metadata()?.find_path(path.as_ref())
    }

    /// Photos whose path has at least one of the words, best first with their BM25 scores; equal scores in ascending
    /// order of ids. Letters and digits make up words, upper and lower case are the same.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if the metadata cannot be read.
    pub fn search_words(&self, words: &str, limit: usize) -> Result<Vec<(u64, f32)>, IndexError> {
        self.metadata()?.search_words(words, limit)
    }

    fn metadata(&self) -> Result<&MetadataReader, IndexError> {
        if let Some(metadata) = self.metadata.get() {
            return Ok(metadata);
        }
        let opened = MetadataReader::open(&self.metadata_files)?;
        Ok(self.metadata.get_or_init(|| opened))
    }

    fn graph(&self) -> Result<&Graph, IndexError> {
        let layout = self.snapshot.layout();
        let Some(entry) = &self.snapshot.manifest().graph else {
            return Err(IndexError::NoGraph { dir: layout.root().to_path_buf() });
        };
        let opened = self.graph.get_or_init(|| match Graph::open(&self.snapshot, entry) {
            Ok(graph) => Ok(graph),
            Err(IndexError::Graph { reason, .. }) => Err(reason),
            Err(other) => Err(other.to_string()),
        });
        opened.as_ref().map_err(|reason| IndexError::Graph { dir: layout.graphs(), reason: reason.clone() })
    }
}

/// The vectors and the metadata of the newest commit.
pub(crate) fn open_commit(layout: &Layout) -> Result<(Snapshot, ReadDirectory), IndexError> {
    at_commit(layout, |point| {
        let snapshot = Snapshot::open_generation(layout, point.generation())?;
        let files = ReadDirectory::pin(&layout.meta(), point)?;
        if !files.is_complete() && CommitPoint::read(layout)? != *point {
            return Err(IndexError::corrupt(&layout.commit_point(), "it was replaced while its files were opened"));
        }
        Ok((snapshot, files))
    })
}

fn directory_bytes(dir: &Path) -> Result<u64, IndexError> {
    let mut bytes = 0;
    for path in files::list(dir)? {
        // A writer may be removing files.
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => bytes += directory_bytes(&path)?,
            Ok(metadata) => bytes += metadata.len(),
            Err(_) => {}
        }
    }
    Ok(bytes)
}
