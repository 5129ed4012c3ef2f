//! The spare manifest: a second copy of the manifest, for when that one is damaged.
//!
//! It is written before the manifest in each commit, so it is never older than that, unless a program has committed that knows
//! nothing of it. Whether it is older shows: every commit that changes vectors or records writes files under new numbers, or
//! removes some. So a spare is used only if no file has a number that it has not given out, and if all that it names are there. What
//! is in these is for whoever opens them: their checksums are in the manifest.

use std::path::Path;

use clip_files::{regular, system_error};

use crate::commit_point::CommitPoint;
use crate::drives::Drives;
use crate::error::IndexError;
use crate::files;
use crate::layout::{Entry, Layout};
use crate::lock::WriteLock;
use crate::manifest::{self, GREATEST, MOST_BYTES, Manifest};
use crate::recognise::{Standing, standing};
use crate::sweep::entries;

/// Ids that a program may have given out which has left no other trace.
const GAP: u64 = 1 << 24;

/// Writes `bytes`, a manifest, as the spare one and then as the manifest, which commits. A commit does without a spare that cannot
/// be written: what is left in its place is older than the index, and not taken.
pub(crate) fn commit(layout: &Layout, bytes: &[u8]) -> Result<(), IndexError> {
    if let Err(error) = files::write_bytes(&layout.spare_manifest(), bytes) {
        log::warn!("{error}");
    }
    files::write_bytes(&layout.manifest(), bytes)
}

/// Puts the spare manifest of the index in `dir` in the place of one that is damaged or missing. `false` if there is nothing to
/// mend, or nothing to mend it with.
///
/// # Errors
/// [`IndexError::Locked`] if there is a writer, [`IndexError::Io`] if the system refuses something.
pub fn restore_manifest(dir: impl AsRef<Path>) -> Result<bool, IndexError> {
    let layout = Layout::new(dir.as_ref());
    if usable(&layout)?.is_none() {
        return Ok(false);
    }
    let _lock = WriteLock::acquire(&layout)?;
    restore(&layout)
}

/// The same, for whoever holds the lock.
pub(crate) fn restore(layout: &Layout) -> Result<bool, IndexError> {
    let Some(mut manifest) = usable(layout)? else { return Ok(false) };
    // If a program that knows nothing of spare manifests has made commits, neither their ids nor their generations come back.
    let seconds = manifest::now().max(0) as u64;
    let (next_id, generation) = (manifest.next_id + GAP, (manifest.generation + 1).max(seconds << 8));
    if next_id.max(generation) > GREATEST {
        return Ok(false);
    }
    manifest.drives = Drives::of(generation, manifest.drives());
    (manifest.next_id, manifest.generation) = (next_id, generation);
    log::warn!("{}: taking the spare manifest in its place", layout.manifest().display());
    commit(layout, &manifest.encode())?;
    Ok(true)
}

/// The spare manifest, if the manifest is damaged or missing and this one may take its place.
pub(crate) fn usable(layout: &Layout) -> Result<Option<Manifest>, IndexError> {
    Ok(newest(layout)?.filter(|manifest| {
        let segments = manifest.segments.iter().map(|entry| layout.segment(entry.file));
        let records = manifest.records.iter().map(|entry| layout.record_file(entry.file));
        let deleted = manifest.deleted.iter().map(|entry| layout.deleted(entry.file));
        segments.chain(records).chain(deleted).all(|path| path.is_file())
    }))
}

/// The spare manifest, if the manifest is damaged or missing and no file tells that this one is older. Files that it names may be
/// missing.
pub(crate) fn newest(layout: &Layout) -> Result<Option<Manifest>, IndexError> {
    match CommitPoint::read(layout) {
        Err(IndexError::NotFound { .. }) => {}
        Err(IndexError::Corrupt { path, .. }) if path == layout.manifest() => {}
        // What is whole needs no other, and what cannot be read may be whole.
        _ => return Ok(None),
    }
    if standing(layout)? != Standing::Index {
        return Ok(None);
    }
    let manifest = match read(layout) {
        Ok(Some(manifest)) if manifest.version <= manifest::VERSION => manifest,
        Ok(_) => return Ok(None),
        Err(error) => {
            log::info!("{error}");
            return Ok(None);
        }
    };
    let is_newest = entries(layout)?.into_iter().all(|(_, entry)| match entry {
        Entry::Segment(file)
        | Entry::Deleted(file)
        | Entry::Hubness(file)
        | Entry::Records(file)
        | Entry::BadFiles(file)
        | Entry::Graph(file) => file < manifest.next_file,
        Entry::V1Manifest(_) | Entry::V1Deleted(_) | Entry::Temporary => true,
    });
    Ok(is_newest.then_some(manifest))
}

/// Says what is wrong with the spare manifest. One that is missing is no damage, nor is one of another version.
pub(crate) fn damage(layout: &Layout) -> Option<IndexError> {
    read(layout).err().filter(|error| matches!(error, IndexError::Corrupt { .. }))
}

/// Reads the spare manifest; `None` if there is none.
fn read(layout: &Layout) -> Result<Option<Manifest>, IndexError> {
    let path = layout.spare_manifest();
    match regular::read(&path, MOST_BYTES) {
        Ok(bytes) => Manifest::decode(&bytes, &path).map(Some),
        Err(error) if system_error::says_missing(&error) => Ok(None),
        Err(error) => Err(IndexError::io("read", &path)(error)),
    }
}
