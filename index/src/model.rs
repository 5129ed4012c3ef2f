//! What a manifest says in words: which model made the embeddings, where it came from, and what is left out.

use clip_files::path_bytes;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Which model made the embeddings of an index. Vectors of different models cannot be compared, so an index belongs to
/// exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelId {
    /// Name for people, such as `pocket`.
    pub name: String,
    /// Identifies weights, configuration, tokenizer and preprocessing; compared byte by byte.
    pub fingerprint: String,
    /// Length of every embedding, at least 1.
    pub dimension: usize,
}

/// Where a model came from, so that it can be had again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelOrigin {
    /// It is part of the program.
    BuiltIn,
    /// A repository of models.
    Repository {
        /// Organisation and name.
        repository: String,
        /// The commit.
        commit: String,
        /// The name that the model has in the program's catalogue, if it has one.
        #[serde(default)]
        name: Option<String>,
    },
    /// A file or folder of this machine.
    Path {
        /// Where it was.
        path: StoredPath,
    },
}

/// A path in a JSON document: text where it is Unicode, bytes where it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StoredPath {
    /// Unicode.
    Text(String),
    /// The bytes of a path on Unix.
    Bytes(Vec<u8>),
}

impl StoredPath {
    /// `None` for a path that is not Unicode on a platform whose paths are no bytes.
    pub fn new(path: &Path) -> Option<StoredPath> {
        match path.to_str() {
            Some(text) => Some(StoredPath::Text(text.into())),
            None => Some(StoredPath::Bytes(path_bytes::exact(path)?.into_owned())),
        }
    }

    /// The path.
    pub fn path(&self) -> PathBuf {
        match self {
            StoredPath::Text(text) => PathBuf::from(text),
            StoredPath::Bytes(bytes) => path_bytes::to_path(bytes),
        }
    }
}

/// What an index leaves out of the folders that it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclude {
    /// This file, or this folder and all that is in it.
    Path(StoredPath),
    /// All files and folders that the pattern matches, and all that is in them. `docs/index-format.md` says what a pattern
    /// is.
    Pattern(String),
    /// What this names is not left out by anything that comes before it. It is a path or a pattern, never another exception.
    Except(Box<Exclude>),
    /// All that lies deeper than so many levels below a root. The files of the root itself are on the first.
    DeeperThan(u32),
    /// All that is on another file system than the root that it lies below.
    OtherFileSystems,
}
