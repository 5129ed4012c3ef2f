//! Reading an index of version 1 of the format: until the next writer migrates it.
//!
//! There, tantivy's `meta.json` was the commit point, tantivy stored the records, and vector files had no codes.

mod commit_point;
mod manifest;
mod metadata;

pub(crate) use commit_point::{CommitPoint, parse_generation};
pub(crate) use manifest::{KIND, Manifest, SegmentEntry};
pub(crate) use metadata::{Metadata, schema_as_json};
