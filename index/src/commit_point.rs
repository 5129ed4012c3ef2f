//! The commit point: the manifest, or what an index of version 1 has in its place.
//!
//! A commit replaces that one file by a rename. Whoever reads it once, and opens the files that it names, has one
//! committed state and no mixture of two.

use clip_files::{regular, system_error};

use crate::error::IndexError;
use crate::layout::Layout;
use crate::manifest::{MOST_BYTES, Manifest};
use crate::v1;

/// The commit point as it was read once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CommitPoint {
    Version1(v1::CommitPoint),
    Version2(Box<Manifest>),
}

impl CommitPoint {
    /// Reads the commit point; [`IndexError::NotFound`] if nothing was ever committed.
    pub(crate) fn read(layout: &Layout) -> Result<CommitPoint, IndexError> {
        if let Some(manifest) = read_manifest(layout)? {
            return Ok(CommitPoint::Version2(Box::new(manifest)));
        }
        match v1::CommitPoint::read(layout) {
            Ok(point) => Ok(CommitPoint::Version1(point)),
            // A writer may have migrated the index between these two looks at it.
            Err(error @ IndexError::NotFound { .. }) => match read_manifest(layout)? {
                Some(manifest) => Ok(CommitPoint::Version2(Box::new(manifest))),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        match self {
            CommitPoint::Version1(point) => point.generation(),
            CommitPoint::Version2(manifest) => manifest.generation,
        }
    }
}

fn read_manifest(layout: &Layout) -> Result<Option<Manifest>, IndexError> {
    let path = layout.manifest();
    match regular::read(&path, MOST_BYTES) {
        Ok(bytes) => Manifest::decode(&bytes, &path).map(Some),
        Err(error) if system_error::says_missing(&error) => Ok(None),
        Err(error) => Err(IndexError::io("read", &path)(error)),
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
