//! The commit point of version 1: tantivy's `meta.json`, whose payload is the generation that was committed last.
//!
//! A commit replaces that one file by a rename. Whoever reads it once, and takes both the generation and the list of
//! tantivy's files from the same bytes, has one committed state and no mixture of two.

use std::path::Path;
use std::sync::Arc;

use clip_files::{regular, system_error};
use serde::Deserialize;

use crate::error::IndexError;
use crate::layout::Layout;
use crate::manifest::MOST_BYTES;

/// The bytes of `meta.json` as they were read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitPoint {
    bytes: Arc<[u8]>,
    generation: u64,
}

impl CommitPoint {
    /// Reads the commit point; [`IndexError::NotFound`] if nothing was ever committed.
    pub(crate) fn read(layout: &Layout) -> Result<CommitPoint, IndexError> {
        let path = layout.v1_commit_point();
        let not_found = || IndexError::NotFound { dir: layout.root().to_path_buf() };
        let bytes = regular::read(&path, MOST_BYTES).map_err(|error| {
            if system_error::says_missing(&error) { not_found() } else { IndexError::io("read", &path)(error) }
        })?;
        // Without a payload the very first commit was never made.
        CommitPoint::parse(bytes, &path)?.ok_or_else(not_found)
    }

    /// `None` if there is no payload.
    pub(crate) fn parse(bytes: Vec<u8>, path: &Path) -> Result<Option<CommitPoint>, IndexError> {
        #[derive(Deserialize)]
        struct Payload {
            payload: Option<String>,
        }
        let point: Payload = serde_json::from_slice(&bytes)
            .map_err(|error| IndexError::corrupt(path, format!("it is not valid JSON: {error}")))?;
        let Some(payload) = point.payload else { return Ok(None) };
        let generation = parse_generation(&payload)
            .ok_or_else(|| IndexError::corrupt(path, format!("expected a generation as payload, found {payload:?}")))?;
        Ok(Some(CommitPoint { bytes: bytes.into(), generation }))
    }

    /// The content of `meta.json`.
    pub(crate) fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

pub(crate) fn parse_generation(payload: &str) -> Option<u64> {
    payload.parse().ok().filter(|generation: &u64| generation.to_string() == payload)
}
