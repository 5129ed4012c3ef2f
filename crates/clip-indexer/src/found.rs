//! What there is: files and places that a walk came upon, and photos that the index knows.

use std::path::PathBuf;

use clip_index::{Kind, Stamp};

use crate::sidecars::Sidecars;

/// A regular file whose name says that it is a photo, or a video where these are indexed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FoundFile {
    /// Absolute, and canonical except for the links followed on the way.
    pub path: PathBuf,
    /// Size and time of change when the walk came by.
    pub stamp: Stamp,
    /// Its sidecars.
    pub sidecars: Sidecars,
    /// Number of the file system of the folder that it is in, where the system tells.
    pub folder_device: Option<u64>,
    /// Photos beside a video that it may be the moving half of.
    pub photos: Vec<PathBuf>,
    /// Reading it would download it. The stamp is empty if its placeholder has another name, and a size and time of its
    /// own.
    pub in_cloud: bool,
}

/// A place that the walk could not look into: what the index knows below it must not be taken for deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blind {
    pub path: PathBuf,
    /// A phrase that goes after the path.
    pub reason: String,
    /// A root that cannot be walked: worth a word even if the index knows no photo there.
    pub root: bool,
}

/// A photo as the index knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub id: u64,
    pub path: PathBuf,
    pub hash: [u8; 16],
    pub stamp: Stamp,
    pub kind: Kind,
    /// More is understood of its file's metadata now than when it was read.
    pub is_outdated: bool,
    /// The stamp of the sidecars when they were read.
    pub sidecars: Option<u64>,
    /// Names of files beside it that belong to it.
    pub companions: Vec<PathBuf>,
}
