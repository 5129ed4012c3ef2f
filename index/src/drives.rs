//! The file systems that the folders of an index are on, as updates have found them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::StoredPath;

/// A file system that indexed folders are or were on, so that a later update can tell whether it is the one that is there: device
/// numbers are given again, to other drives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drive {
    /// Its topmost folder, where it is or was mounted.
    pub folder: StoredPath,
    /// The inode of that folder.
    pub inode: u64,
    /// When that folder was made, in nanoseconds since 1970, where the file system keeps that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_ns: Option<i64>,
    /// When that folder was changed, in nanoseconds since 1970, where nothing better tells what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_ns: Option<i64>,
    /// The device numbers that files on it have in this index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<u64>,
    /// The indexed folders that are on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<StoredPath>,
}

impl Drive {
    /// Whether an indexed folder is known to be on it.
    pub fn holds(&self, root: &Path) -> bool {
        self.roots.iter().any(|stored| stored.path() == root)
    }
}

/// All of them, as a manifest has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Drives {
    /// The generation that they are about. A program that does not know them keeps them, but gives other numbers to files: what
    /// is older than its manifest says nothing.
    pub(crate) generation: u64,
    pub(crate) drives: Vec<Drive>,
}

impl Drives {
    /// Those of a generation; `None` if there are none.
    pub(crate) fn of(generation: u64, drives: &[Drive]) -> Option<Drives> {
        (!drives.is_empty()).then(|| Drives { generation, drives: drives.to_vec() })
    }
}
