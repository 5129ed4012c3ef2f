//! The index on disk: embeddings, records, search graph, words, one commit point.
//!
//! An index is a directory. One [`IndexWriter`] at a time changes it, in steps that are committed whole; any number of
//! [`IndexReader`]s, in any process, see the state that was committed when they were opened. Killing the writer at any
//! moment loses nothing but what it had not committed. `docs/index-format.md` describes the files.
//!
//! This crate knows nothing of models or pixels: an embedding is a unit vector, and a [`ModelId`] names what made it.
//!
//! ```
//! use clip_index::{Asset, IndexReader, IndexWriter, Kind, ModelId, Stamp};
//!
//! # fn main() -> Result<(), clip_index::IndexError> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let dir = dir.path().join("index");
//! let model = ModelId { name: "example".into(), fingerprint: "example-1".into(), dimension: 2 };
//! let mut writer = IndexWriter::open_or_create(&dir, &model)?;
//! let photo = Asset {
//!     path: "/photos/beach.jpg".into(),
//!     stamp: Stamp { size: 1000, ..Stamp::default() },
//!     hash: [0; 16],
//!     kind: Kind::Photo,
//!     width: 640,
//!     height: 480,
//!     taken_at: None,
//!     camera: None,
//!     lens: None,
//!     gps: None,
//!     ..Asset::default()
//! };
//! let id = writer.add(photo, vec![0.6, 0.8])?;
//! writer.commit()?;
//!
//! let reader = IndexReader::open(&dir)?;
//! let best = reader.search_exact(&[0.0, 1.0], 10, None)?;
//! assert_eq!(best[0].id, id);
//! assert_eq!(reader.records(&[id])?[0].asset.path, std::path::Path::new("/photos/beach.jpg"));
//! # Ok(())
//! # }
//! ```

mod asset;
mod bad_files;
mod best;
mod candidates;
mod cast;
mod catalogue;
mod checked_json;
mod commit_point;
mod compaction;
mod drives;
mod error;
mod exact;
mod exchange;
mod fields;
mod files;
mod filter;
mod frame;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod graph;
mod hubness;
mod id_set;
mod kin;
mod layout;
mod lock;
mod lost;
mod manifest;
mod mapped;
mod measure;
mod model;
mod plan;
mod privacy;
mod reader;
mod rebuild;
mod recognise;
mod records;
pub mod refinement;
mod repair;
mod scan;
pub mod searches;
mod segment;
mod shortlist;
mod snapshot;
mod sought;
mod source;
mod spare;
mod staging;
mod status;
mod sweep;
mod unit;
mod v1;
mod verify;
mod watch;
mod words;
mod writer;

pub use clip_progress::{Progress, Silent, Steps};

pub use asset::{
    Asset, Exposure, Inode, Kind, NewItem, PictureText, Position, Record, Related, Stamp, UNKNOWN_CONTENT,
};
pub use bad_files::BadFile;
pub use catalogue::Catalogue;
pub use drives::Drive;
pub use error::{IndexError, Remedy};
pub use exchange::{
    Describe, ExportFormat, Exported, ImportOptions, ImportPlace, ImportSource, Imported, export, import,
};
pub use filter::{Filter, NumberField, Property, Shape, TextField};
pub use graph::{GraphOptions, GraphUpdate};
pub use hubness::{Bank, Hubness};
pub use kin::{KinKeys, ShotName, Variant};
pub use model::{Exclude, ModelId, ModelOrigin, StoredPath};
pub use plan::{Method, Plan, Reason, SearchOptions, Strategy};
pub use reader::{BankScores, Found, IndexReader, Mean};
pub use rebuild::Rebuild;
pub use repair::{Repaired, repair};
pub use segment::RowFormat;
pub use source::IndexSource;
pub use spare::restore_manifest;
pub use status::{Counts, GraphStatus, Neighbour, RebuildStatus, Status};
pub use verify::{Problem, VerifyReport, verify, verify_with};
pub use writer::{Compacted, IndexWriter};

/// Sets of ids, as filters of searches.
pub use roaring::RoaringTreemap;
