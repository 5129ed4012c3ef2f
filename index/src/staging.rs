//! The staging area of a rebuild: `rebuild/`, an index of its own inside the one that it is to replace.
//!
//! Its ids and file numbers lie beyond those of the index around it. That also tells when it is of no use any more: once
//! the index around it has reached these numbers, either because the staged index took its place or because it has grown
//! past the gap, the staged one can never take its place again.

use std::fs;
use std::io;

use crate::error::IndexError;
use crate::files;
use crate::layout::{self, Layout};
use crate::manifest::Manifest;
use crate::recognise::{Standing, standing};
use crate::snapshot::Snapshot;
use crate::status::RebuildStatus;
use crate::sweep::sweep;

/// The numbers that an index has not given out yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unused {
    /// `None` where nothing was ever given out, or nobody knows.
    pub(crate) next_id: Option<u64>,
    pub(crate) next_file: u64,
}

impl Unused {
    pub(crate) fn by(manifest: &Manifest) -> Unused {
        Unused { next_id: Some(manifest.next_id), next_file: manifest.next_file }
    }

    /// May this staged index take the place of the one that has these numbers left?
    pub(crate) fn allows(&self, staged: &Snapshot) -> bool {
        let manifest = staged.manifest();
        let first_id = staged.segments().first().map_or(manifest.next_id, |segment| segment.first_id());
        let first_file = manifest.files().min().unwrap_or(manifest.next_file);
        // Equal would be enough for the ids to be unique. But an index whose staging area took its place has the staged
        // one's next id, which is equal if there were no photos.
        self.next_id.is_none_or(|next_id| next_id < first_id) && self.next_file <= first_file
    }
}

/// Refuses a staging area that is not ours; `false` if there is none at all.
pub(crate) fn exists(layout: &Layout) -> Result<bool, IndexError> {
    let staged = layout.rebuild();
    let foreign = |found| IndexError::NotAnIndex { dir: layout.root().to_path_buf(), found };
    match staged.root().symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(foreign(staged.root().to_path_buf())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(IndexError::io("look at", staged.root())(error)),
    }
    match standing(&staged)? {
        Standing::Foreign(found) => Err(foreign(found)),
        Standing::Index | Standing::Empty => Ok(true),
    }
}

/// How far the rebuild has come whose index may take the place of the one with this manifest; `None` if there is none.
pub(crate) fn status(layout: &Layout, manifest: &Manifest) -> Option<RebuildStatus> {
    let staged = Snapshot::open(&layout.rebuild()).ok().filter(|staged| Unused::by(manifest).allows(staged))?;
    let Manifest { model, remaining, .. } = staged.manifest();
    Some(RebuildStatus { model: model.id.clone(), photos: staged.live(), videos: 0, remaining: *remaining })
}

/// Removes the staging area if it can never take the place of the index any more. For a writer that has just taken the
/// lock; that something is left behind is no reason for it not to write.
pub(crate) fn remove_spent(layout: &Layout, manifest: &Manifest) {
    let spent = || match exists(layout) {
        Ok(true) => match Snapshot::open(&layout.rebuild()) {
            Ok(staged) => !Unused::by(manifest).allows(&staged),
            // Nothing was ever committed there, or it was being removed.
            Err(error) => matches!(error, IndexError::NotFound { .. }),
        },
        _ => false,
    };
    if spent()
        && let Err(error) = remove(layout)
    {
        log::warn!("cannot remove the staging area of an earlier rebuild: {error}");
    }
}

/// Removes the staging area, but no file that is not ours.
pub(crate) fn remove(layout: &Layout) -> Result<(), IndexError> {
    if !exists(layout)? {
        return Ok(());
    }
    let staged = layout.rebuild();
    log::debug!("removing {}", staged.root().display());
    // Without a commit point it is no index any more. It goes first, so that nobody takes what is left for a whole one.
    remove_if_there(&staged.spare_manifest())?;
    remove_if_there(&staged.manifest())?;
    remove_if_there(&staged.v1_commit_point())?;
    sweep(&staged, None)?;
    for name in [layout::LOCK, layout::LOCK_HOLDER] {
        remove_if_there(&staged.root().join(name))?;
    }
    for dir in staged.folders().into_iter().chain([staged.root().to_path_buf()]) {
        match fs::remove_dir(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(IndexError::io("remove the directory", &dir)(error));
            }
            _ => {}
        }
    }
    files::sync_dir(layout.root())
}

fn remove_if_there(path: &std::path::Path) -> Result<(), IndexError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(IndexError::io("remove", path)(error)),
        _ => Ok(()),
    }
}
