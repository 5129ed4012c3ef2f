//! Taking photos out of an index, and keeping them out.

use std::path::{Path, PathBuf};

use clip_index::IndexWriter;

use crate::error::IndexerError;
use crate::excluded::{as_path, spellings};

/// What [`remove`] took out of the index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// How many photos.
    pub photos: u64,
    /// Folders that are not indexed any more.
    pub folders: Vec<PathBuf>,
    /// Files and folders inside those that still are: they are excluded from now on.
    pub excluded: Vec<PathBuf>,
    /// Paths, as they were given, at which the index has nothing and the disk has nothing that it could have.
    pub unknown: Vec<PathBuf>,
}

/// Removes photos from an index, never from the disk: those at `paths`, and those inside where a path is a folder. What lies
/// in a folder that is still indexed is excluded from now on, so that later runs leave it out; folders that were indexed
/// themselves and lie at or inside one of the paths are forgotten. The change is committed.
///
/// Paths need not exist. They are compared as the index has them: absolute, with the links on the way resolved or not.
///
/// # Errors
/// [`IndexerError::Index`] if the index cannot be read or written, or a path cannot be stored.
pub fn remove(writer: &mut IndexWriter, paths: &[PathBuf]) -> Result<Removed, IndexerError> {
    let mut removed = Removed::default();
    let spelt: Vec<Vec<PathBuf>> = paths.iter().map(|path| spellings(path)).collect();
    // Which of the paths anything was found for.
    let mut found = vec![false; paths.len()];
    let mut find = |path: &Path| {
        let mut is_inside = false;
        for (found, spellings) in found.iter_mut().zip(&spelt) {
            if spellings.iter().any(|removed| path.starts_with(removed)) {
                *found = true;
                is_inside = true;
            }
        }
        is_inside
    };
    for record in writer.records()? {
        removed.photos += u64::from(find(&record.asset.path) && writer.remove(record.id)?);
    }
    let bad: Vec<PathBuf> = writer.bad_files().map(|file| file.path.clone()).filter(|path| find(path)).collect();
    for path in bad {
        writer.forget_bad_file(&path);
    }
    let (gone, kept): (Vec<_>, Vec<_>) = writer.roots().into_iter().partition(|root| find(root));

    let mut excluded = writer.excluded().to_vec();
    for ((given, spellings), found) in paths.iter().zip(&spelt).zip(found) {
        let in_root = |path: &&PathBuf| kept.iter().any(|root| path.starts_with(root));
        let exists = given.symlink_metadata().is_ok();
        let to_exclude: Vec<&PathBuf> = spellings.iter().filter(in_root).filter(|_| found || exists).collect();
        if !found && to_exclude.is_empty() {
            removed.unknown.push(given.clone());
        }
        for path in to_exclude {
            let exclude = as_path(path)?;
            // The last decides, whatever exceptions there were.
            excluded.retain(|other| *other != exclude);
            excluded.push(exclude);
            if !removed.excluded.contains(path) {
                removed.excluded.push(path.clone());
            }
        }
    }
    removed.folders = gone;
    writer.set_roots(&kept)?;
    writer.set_excluded(excluded);
    writer.commit()?;
    Ok(removed)
}
