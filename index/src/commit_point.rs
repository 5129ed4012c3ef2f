//! The commit point: tantivy's `meta.json`, whose payload is the generation that was committed last.
//!
//! A commit replaces that one file by a rename. Whoever reads it once, and takes both the generation and the list of
//! tantivy's files from the same bytes, has one committed state and no mixture of two.

use std::fs;
use std::path::Path;
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
        let path = layout.commit_point();
        let not_found = || IndexError::NotFound { dir: layout.root().to_path_buf() };
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => not_found(),
            _ => IndexError::io("read", &path)(error),
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

    /// The content of a `meta.json` for the same state of the metadata as another generation; `None` if this one is not
    /// the JSON object that tantivy writes, of which only the payload was looked at so far.
    pub(crate) fn with_generation(&self, generation: u64) -> Option<Vec<u8>> {
        let mut point: serde_json::Value = serde_json::from_slice(&self.bytes).ok()?;
        point.as_object_mut()?.insert("payload".into(), generation.to_string().into());
        serde_json::to_vec_pretty(&point).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_tantivy_writes_is_given_another_generation() {
        let parse = |text: &str| CommitPoint::parse(text.into(), Path::new("f")).unwrap().unwrap();
        let again = parse(r#"{"segments":[],"payload":"3"}"#).with_generation(8).unwrap();
        assert_eq!(CommitPoint::parse(again, Path::new("f")).unwrap().unwrap().generation(), 8);
        // Members that are skipped are not checked.
        for text in [r#"["3"]"#, r#"{"payload":"3","schema":"\ud800"}"#] {
            assert_eq!(parse(text).generation(), 3);
            assert_eq!(parse(text).with_generation(8), None, "{text}");
        }
    }
}
