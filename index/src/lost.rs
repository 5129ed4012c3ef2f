//! Tells an index that has lost its commit point from a directory without one.

use crate::error::IndexError;
use crate::files;
use crate::layout::{Entry, Layout};
use crate::recognise::{Standing, standing};
use crate::snapshot::Snapshot;
use crate::spare;
use crate::staging;
use crate::sweep::entries;
use crate::v1;

/// An index that has lost its commit point must not be taken for one in which nothing was committed yet: its files would
/// be removed, and its ids given out again.
pub(crate) fn refuse_lost_commit_point(layout: &Layout) -> Result<(), IndexError> {
    // A first rebuild that died just before its commit leaves the staged index's files here too.
    let staged = if staging::exists(layout)? { Snapshot::open(&layout.rebuild()).ok() } else { None };
    let is_staged =
        |file: u64| staged.as_ref().is_some_and(|staged| staged.manifest().files().any(|staged| staged == file));
    for (path, entry) in entries(layout)? {
        let (lost, commit_point) = match entry {
            // The first commit of a new index has no photos.
            Entry::Segment(file) | Entry::Records(file) => (!is_staged(file), layout.manifest()),
            Entry::V1Manifest(generation) => {
                let lost = match v1::Manifest::read(&path, generation) {
                    Ok(manifest) => !manifest.segments.is_empty() || manifest.generation > 1,
                    // It was more than the first one: it was damaged later.
                    Err(IndexError::Corrupt { .. }) => true,
                    Err(error) => return Err(error),
                };
                (lost, layout.v1_commit_point())
            }
            _ => continue,
        };
        if lost {
            return Err(IndexError::corrupt(&commit_point, "the file is missing"));
        }
    }
    Ok(())
}

/// Why the commit point could not be read, if more can be said of it than `error` does: an index without one is damaged,
/// not missing, and one that is not ours makes the directory no index.
pub(crate) fn explained(layout: &Layout, error: IndexError) -> IndexError {
    match explained_without_spare(layout, error) {
        IndexError::Corrupt { path, reason }
            if path == layout.manifest() && matches!(spare::usable(layout), Ok(Some(_))) =>
        {
            IndexError::ManifestLost { path, reason }
        }
        error => error,
    }
}

fn explained_without_spare(layout: &Layout, error: IndexError) -> IndexError {
    if matches!(error, IndexError::NotFound { .. } | IndexError::Io { .. })
        && let Some(found) = files::not_a_directory(layout.root())
    {
        return IndexError::NotADirectory { path: layout.root().to_path_buf(), found };
    }
    let is_about_manifest = match &error {
        IndexError::NotFound { .. } => true,
        IndexError::Corrupt { path, .. } => *path == layout.manifest(),
        _ => false,
    };
    // What the system refuses to tell is left at what was known before.
    match is_about_manifest.then(|| standing(layout)) {
        Some(Ok(Standing::Index)) if matches!(error, IndexError::NotFound { .. }) => {
            match refuse_lost_commit_point(layout) {
                Err(lost @ IndexError::Corrupt { .. }) => lost,
                _ => error,
            }
        }
        Some(Ok(Standing::Foreign(found))) if matches!(error, IndexError::Corrupt { .. }) => {
            IndexError::NotAnIndex { dir: layout.root().to_path_buf(), found }
        }
        _ => error,
    }
}
