//! Sizes and counts, and what a search gives.

use crate::asset::{Kind, Record};
use crate::model::ModelId;

/// A search result: an item and the dot product of its embedding with the query's (their cosine, both being unit
/// vectors).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The item's id.
    pub id: u64,
    /// Cosine similarity, -1 to 1; less a share of the item's hubness, if that was asked for.
    pub score: f32,
}

/// How many there are of what an index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Photos, and pages of documents.
    pub photos: u64,
    /// Videos.
    pub videos: u64,
    /// Frames of the videos.
    pub frames: u64,
}

impl Counts {
    /// What these assets are.
    pub(crate) fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Counts {
        let mut counts = Counts::default();
        for record in records {
            let items = record.positions.len() as u64;
            match record.asset.kind {
                Kind::Video => {
                    counts.videos += 1;
                    counts.frames += items;
                }
                Kind::Photo | Kind::Document => counts.photos += items,
            }
        }
        counts
    }

    /// All that has a vector: photos, pages and frames.
    pub fn items(&self) -> u64 {
        self.photos + self.frames
    }
}

/// What [`IndexReader::status`](crate::IndexReader::status) tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Photos, and pages of documents.
    pub photos: u64,
    /// Videos, which are not among the photos.
    pub videos: u64,
    /// Frames of these videos, each of which can be found by itself.
    pub frames: u64,
    /// Vector files.
    pub segments: usize,
    /// Bytes on disk, all files of the index together.
    pub bytes: u64,
    /// Counts commits.
    pub generation: u64,
    /// Time of the last commit, in seconds since 1970.
    pub committed_at: i64,
    /// Rows of removed items that still take up space.
    pub deleted: u64,
    /// Version of the format on disk.
    pub format_version: u32,
    /// The search graph, if one was built.
    pub graph: Option<GraphStatus>,
    /// How many files the last update had yet to read when it made the newest commit; 0 if it came to its end. Another
    /// process may be reading them now.
    pub remaining: u64,
    /// The index that is to take this one's place, if a rebuild is under way or was interrupted.
    pub rebuild: Option<RebuildStatus>,
}

/// How far a rebuild has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildStatus {
    /// The model of the new index.
    pub model: ModelId,
    /// Photos that it has so far.
    pub photos: u64,
    /// Videos that it has so far.
    pub videos: u64,
    /// How many files it had yet to read at its newest commit.
    pub remaining: u64,
}

/// The state of the search graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphStatus {
    /// Rows in the graph.
    pub nodes: u64,
    /// Rows in the graph whose items were removed since it was built.
    pub removed: u64,
    /// Items that the graph lacks; a graph search scans them besides.
    pub missing: u64,
}
