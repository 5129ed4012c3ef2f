//! Sidecar files: found by the walk, and assigned to their photos.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use clip_image::{hash_bytes, looks_like_live_video, names_for_sidecars, subject_of_sidecar};
use clip_index::Stamp;

use crate::placeholder::is_placeholder;
use crate::stamp::stamp_of;

/// The sidecars of a photo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sidecars {
    /// The most specific first: those with the photo's whole name, and XMP before others. Videos that may be the moving half of a
    /// Live Photo are among them.
    pub paths: Vec<PathBuf>,
    /// A hash of their names, sizes and times; `None` if there are none. It changes if one is added, changed or removed.
    pub stamp: Option<u64>,
}

/// Sidecars by folder and subject.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    files: HashMap<(PathBuf, String), Vec<Sidecar>>,
}

#[derive(Debug)]
struct Sidecar {
    path: PathBuf,
    stamp: Stamp,
    /// It was assigned to a photo.
    is_used: bool,
}

impl Beside {
    /// Adds a file if it may be a sidecar.
    pub fn add(&mut self, path: &Path, metadata: impl FnOnce() -> Option<Metadata>) -> bool {
        let Some((folder, subject)) = path.parent().zip(subject_of_sidecar(path)) else { return false };
        // One that has vanished meanwhile is silently skipped.
        if let Some(metadata) = metadata() {
            // It would be downloaded to be read.
            if looks_like_live_video(path) && is_placeholder(&metadata) {
                return false;
            }
            let same_subject = self.files.entry((folder.to_path_buf(), subject)).or_default();
            if !same_subject.iter().any(|sidecar| sidecar.path == path) {
                same_subject.push(Sidecar { path: path.to_path_buf(), stamp: stamp_of(&metadata), is_used: false });
            }
        }
        true
    }

    /// Assigns sidecars to all photos, by their paths. Returns those without a photo, in order, and all videos: they may be more than
    /// the moving half of a photo, and are not indexed.
    pub fn share_out<'a>(&mut self, photos: impl Iterator<Item = (&'a Path, &'a mut Sidecars)>) -> Vec<PathBuf> {
        let mut files = std::mem::take(&mut self.files);
        if files.is_empty() {
            return Vec::new();
        }
        for same_subject in files.values_mut() {
            let is_xmp = |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xmp"));
            same_subject.sort_by(|a, b| (!is_xmp(&a.path), &a.path).cmp(&(!is_xmp(&b.path), &b.path)));
        }
        for (photo, sidecars) in photos {
            let Some(folder) = photo.parent() else { continue };
            let mut said = Vec::new();
            for name in names_for_sidecars(photo) {
                for sidecar in files.get_mut(&(folder.to_path_buf(), name)).into_iter().flatten() {
                    sidecar.is_used = true;
                    push(sidecar, &mut said);
                    sidecars.paths.push(sidecar.path.clone());
                }
            }
            sidecars.stamp = (!said.is_empty()).then(|| stamp_for(&said));
        }
        let unused =
            files.into_values().flatten().filter(|sidecar| !sidecar.is_used || looks_like_live_video(&sidecar.path));
        let mut unused: Vec<PathBuf> = unused.map(|sidecar| sidecar.path).collect();
        unused.sort();
        unused
    }
}

/// Adds what tells a file from others, and from what it was before.
fn push(sidecar: &Sidecar, to: &mut Vec<u8>) {
    let name = sidecar.path.file_name().unwrap_or_default().as_encoded_bytes();
    to.extend((name.len() as u64).to_le_bytes());
    to.extend(name);
    to.extend(sidecar.stamp.size.to_le_bytes());
    to.extend(sidecar.stamp.mtime_ns.to_le_bytes());
}

fn stamp_for(said: &[u8]) -> u64 {
    let hash = hash_bytes(said).0;
    u64::from_le_bytes(std::array::from_fn(|at| hash[at]))
}
