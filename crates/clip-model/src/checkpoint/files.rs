//! The files of a checkpoint's folder.
//!
//! A file that is there and cannot be read is an error, whatever it is: a link to a blob that was lost, a folder, a pipe. Only
//! where there is nothing at all is a file taken for absent, since a default in its place gives other embeddings.

use std::io::{self, Read};
use std::path::Path;

use clip_files::system_error;
use serde_json::{Map, Value};

use crate::ModelError;
use crate::json;

/// Largest configuration or index file that is read.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// Whether there is something under a path, be it a link that leads nowhere.
///
/// # Errors
/// [`ModelError::Io`] where the system does not say.
pub(super) fn is_there(path: &Path) -> Result<bool, ModelError> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if system_error::says_missing(&error) => Ok(false),
        Err(source) => Err(ModelError::Io { action: "read", path: path.to_path_buf(), source }),
    }
}

/// Reads a file of JSON with an object, if there is one.
///
/// # Errors
/// [`ModelError::Io`], and [`ModelError::Config`] for one that holds something else.
pub(super) fn optional_object(path: &Path) -> Result<Option<Map<String, Value>>, ModelError> {
    if !is_there(path)? {
        return Ok(None);
    }
    let parsed = json::object(&read_text(path)?);
    parsed.map(Some).map_err(|reason| ModelError::Config { origin: path.display().to_string(), reason })
}

/// Reads a file of text.
///
/// # Errors
/// [`ModelError::Io`], and [`ModelError::Config`] for one that is too large or no text.
pub(super) fn read_text(path: &Path) -> Result<String, ModelError> {
    String::from_utf8(read(path, MAX_JSON_BYTES)?)
        .map_err(|_| ModelError::Config { origin: path.display().to_string(), reason: "it is not UTF-8 text".into() })
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// [`ModelError::Io`], and [`ModelError::Config`] for one that is too large.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    let failed =
        |source| ModelError::Io { action: "read", path: path.to_path_buf(), source: without_target(path, source) };
    let mut bytes = Vec::new();
    clip_files::regular::open(path).map_err(failed)?.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(ModelError::Config {
            origin: path.display().to_string(),
            reason: format!("it is larger than {limit} bytes"),
        });
    }
    Ok(bytes)
}

/// Says of a link that what it leads to is not there, not the link.
fn without_target(path: &Path, error: io::Error) -> io::Error {
    match std::fs::read_link(path) {
        Ok(target) if system_error::says_missing(&error) => {
            io::Error::new(error.kind(), format!("it is a link to {}, which does not exist", target.display()))
        }
        _ => error,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_read_or_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preprocessor_config.json");
        assert_eq!(optional_object(&path).unwrap(), None);
        std::fs::create_dir(&path).unwrap();
        let error = optional_object(&path).unwrap_err().to_string();
        assert!(error.contains("preprocessor_config.json") && error.contains("found a folder"), "{error}");
        std::fs::remove_dir(&path).unwrap();
        for target in ["../blobs/0123", "preprocessor_config.json"] {
            std::os::unix::fs::symlink(target, &path).unwrap();
            let error = optional_object(&path).unwrap_err().to_string();
            assert!(error.contains("preprocessor_config.json") && !error.contains("os error"), "{error}");
            assert_eq!(error.contains("a link to ../blobs/0123"), target.contains("blobs"), "{error}");
            std::fs::remove_file(&path).unwrap();
        }
        for json in ["null", "[]", "[{}]", "", "7"] {
            std::fs::write(&path, json).unwrap();
            assert!(matches!(optional_object(&path), Err(ModelError::Config { .. })), "{json}");
        }
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(optional_object(&path).unwrap(), Some(Map::new()));
    }
}
