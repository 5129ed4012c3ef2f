//! The commit point: tantivy's `meta.json`, whose payload is the generation that was committed last.
//!
//! A commit replaces that one file by a rename. Whoever reads it once, and takes both the generation and the list of
//! tantivy's files from the same bytes, has one committed state and no mixture of two.

use std::fs;
use std::sync::Arc;

use serde::Deserialize;

use crate::error::IndexError;
use crate::layout::Layout;

/// The bytes of `meta.json` as they were read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitPoint {
    bytes: Arc<[u8]>,
    generation: u64,
}

impl CommitPoint {
    /// Reads the commit point; [`IndexError::NotFound`] if nothing was ever committed.
    pub(crate) fn read(layout: &Layout) -> Result<CommitPoint, IndexError> {
        #[derive(Deserialize)]
        struct Payload {
            payload: Option<String>,
        }
        let path = layout.commit_point();
        let not_found = || IndexError::NotFound { dir: layout.root().to_path_buf() };
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => not_found(),
            _ => IndexError::io("read", &path)(error),
        })?;
        let point: Payload = serde_json::from_slice(&bytes)
            .map_err(|error| IndexError::corrupt(&path, format!("it is not valid JSON: {error}")))?;
        // Without a payload the very first commit was never made.
        let payload = point.payload.ok_or_else(not_found)?;
        let generation = parse_generation(&payload).ok_or_else(|| {
            IndexError::corrupt(&path, format!("expected a generation as payload, found {payload:?}"))
        })?;
        Ok(CommitPoint { bytes: bytes.into(), generation })
    }

    /// The content of `meta.json`.
    pub(crate) fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The content of a `meta.json` for the same state of the metadata as another generation.
    pub(crate) fn with_generation(&self, generation: u64) -> Vec<u8> {
        let mut point: serde_json::Value = serde_json::from_slice(&self.bytes).expect("it was read as JSON before");
        point["payload"] = generation.to_string().into();
        serde_json::to_vec_pretty(&point).expect("a JSON value is always valid JSON")
    }
}

/// Opens what belongs to the newest commit. Takes no lock: a writer may replace files between the reading of the commit
/// point and their opening. Files of a committed generation never change, so what could be opened is whole, even if it is
/// not the newest any more; only where something could not be opened, and the commit point has changed, it begins again.
pub(crate) fn at_commit<T>(
    layout: &Layout,
    open: impl Fn(&CommitPoint) -> Result<T, IndexError>,
) -> Result<T, IndexError> {
    let mut point = CommitPoint::read(layout)?;
    loop {
        let result = open(&point);
        if result.is_ok() {
            return result;
        }
        let now = CommitPoint::read(layout)?;
        if now == point {
            return result;
        }
        point = now;
    }
}

pub(crate) fn parse_generation(payload: &str) -> Option<u64> {
    payload.parse().ok().filter(|generation: &u64| generation.to_string() == payload)
}
