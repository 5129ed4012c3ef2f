//! The plain types that go in and out of an index.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clip_files::path_bytes;

use crate::error::IndexError;

/// Which model made the embeddings of an index. Vectors of different models cannot be compared, so an index belongs to
/// exactly one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ModelId {
    /// Name for people, such as `pocket`.
    pub name: String,
    /// Identifies weights, configuration, tokenizer and preprocessing; compared byte by byte.
    pub fingerprint: String,
    /// Length of every embedding, at least 1.
    pub dimension: usize,
}

/// What the index knows about a photo besides its embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct PhotoRecord {
    /// Given out by [`IndexWriter::add`](crate::IndexWriter::add); never used twice.
    pub id: u64,
    /// Where the file is; byte-exact on Unix, even if it is not UTF-8.
    pub path: PathBuf,
    /// Hash of the file's content.
    pub hash: [u8; 16],
    /// Size of the file in bytes.
    pub size: u64,
    /// Time of last modification, in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// When the photo was taken, in seconds since 1970.
    pub taken_at: Option<i64>,
    /// Make and model of the camera.
    pub camera: Option<String>,
    /// Lens.
    pub lens: Option<String>,
    /// Latitude and longitude in degrees.
    pub gps: Option<(f64, f64)>,
}

/// A photo to be added: a [`PhotoRecord`] without id, and its embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPhoto {
    /// Where the file is.
    pub path: PathBuf,
    /// Hash of the file's content.
    pub hash: [u8; 16],
    /// Size of the file in bytes.
    pub size: u64,
    /// Time of last modification, in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// When the photo was taken, in seconds since 1970.
    pub taken_at: Option<i64>,
    /// Make and model of the camera.
    pub camera: Option<String>,
    /// Lens.
    pub lens: Option<String>,
    /// Latitude and longitude in degrees.
    pub gps: Option<(f64, f64)>,
    /// Unit vector of the index's dimension.
    pub embedding: Vec<f32>,
}

impl NewPhoto {
    pub(crate) fn into_parts(self, id: u64) -> (PhotoRecord, Vec<f32>) {
        let record = PhotoRecord {
            id,
            path: self.path,
            hash: self.hash,
            size: self.size,
            mtime_ns: self.mtime_ns,
            width: self.width,
            height: self.height,
            taken_at: self.taken_at,
            camera: self.camera,
            lens: self.lens,
            gps: self.gps,
        };
        (record, self.embedding)
    }
}

/// What is needed of a known photo to tell whether its file has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// The photo's id.
    pub id: u64,
    /// Where the file was.
    pub path: PathBuf,
    /// Hash of its content.
    pub hash: [u8; 16],
    /// Its size in bytes.
    pub size: u64,
    /// Its time of last modification, in nanoseconds since 1970.
    pub mtime_ns: i128,
}

/// A search result: a photo and the dot product of its embedding with the query's (their cosine, both being unit
/// vectors).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The photo's id.
    pub id: u64,
    /// Cosine similarity, -1 to 1.
    pub score: f32,
}

/// What [`IndexReader::status`](crate::IndexReader::status) tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Photos that can be found.
    pub photos: u64,
    /// Vector files.
    pub segments: usize,
    /// Bytes on disk, all files of the index together.
    pub bytes: u64,
    /// Counts commits.
    pub generation: u64,
    /// Time of the last commit, in seconds since 1970.
    pub committed_at: i64,
    /// Rows of removed photos that still take up space.
    pub deleted: u64,
    /// Version of the format on disk.
    pub format_version: u32,
    /// The search graph, if one was built.
    pub graph: Option<GraphStatus>,
}

/// The state of the search graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphStatus {
    /// Rows in the graph.
    pub nodes: u64,
    /// Rows in the graph whose photos were removed since it was built.
    pub removed: u64,
    /// Photos that the graph lacks; a graph search scans them besides.
    pub missing: u64,
}

/// A path as it is stored: byte-exact on Unix, UTF-8 elsewhere.
pub(crate) fn stored_path(path: &Path) -> Result<Cow<'_, [u8]>, IndexError> {
    path_bytes::exact(path).ok_or_else(|| IndexError::Path { path: path.to_path_buf() })
}
