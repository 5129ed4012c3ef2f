//! Sidecar files: found by the walk, and assigned to their photos.

use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use clip_image::{
    hash_bytes, looks_like_live_video, looks_like_photo, looks_like_video, names_for_sidecars, subject_of_sidecar,
    subjects_of_video_text,
};
use clip_index::Stamp;

use crate::placeholder::is_placeholder;
use crate::stamp::stamp_of;

/// The sidecars of a photo or a video.
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
    /// Words about videos likewise, where these are indexed.
    texts: HashMap<(PathBuf, String), Vec<Sidecar>>,
}

/// What there is about files beside photos and videos, besides their [`Sidecars`].
#[derive(Debug, Default)]
pub(crate) struct Assigned {
    /// Files without a photo or video, in order, and all videos: they may be more than the moving half of a photo.
    pub unused: Vec<PathBuf>,
    /// For videos that may be the moving half of photos, those.
    pub photos: HashMap<PathBuf, Vec<PathBuf>>,
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

    /// Adds a file if it may have words about a video.
    pub fn add_text(&mut self, path: &Path, metadata: impl FnOnce() -> Option<Metadata>) -> bool {
        let subjects = subjects_of_video_text(path);
        let Some(folder) = path.parent().filter(|_| !subjects.is_empty()) else { return false };
        let Some(stamp) = metadata().map(|metadata| stamp_of(&metadata)) else { return true };
        for subject in subjects {
            let same_subject = self.texts.entry((folder.to_path_buf(), subject)).or_default();
            same_subject.push(Sidecar { path: path.to_path_buf(), stamp, is_used: false });
        }
        true
    }

    /// Assigns sidecars to all photos and videos, by their paths.
    pub fn share_out<'a>(&mut self, photos: impl Iterator<Item = (&'a Path, &'a mut Sidecars)>) -> Assigned {
        let (mut files, mut texts) = (std::mem::take(&mut self.files), std::mem::take(&mut self.texts));
        let mut assigned = Assigned::default();
        if files.is_empty() && texts.is_empty() {
            return assigned;
        }
        for same_subject in files.values_mut().chain(texts.values_mut()) {
            let is_xmp = |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xmp"));
            same_subject.sort_by(|a, b| (!is_xmp(&a.path), &a.path).cmp(&(!is_xmp(&b.path), &b.path)));
        }
        for (photo, sidecars) in photos {
            let Some(folder) = photo.parent() else { continue };
            let mut said = Vec::new();
            let is_video = is_video(photo);
            for name in names_for_sidecars(photo) {
                let key = (folder.to_path_buf(), name);
                let about_all = files.get_mut(&key).into_iter().flatten();
                let about_videos = texts.get_mut(&key).filter(|_| is_video).into_iter().flatten();
                for sidecar in about_all.chain(about_videos) {
                    let is_moving = looks_like_live_video(&sidecar.path);
                    // No video is half of a video, itself included.
                    if is_video && is_moving || sidecars.paths.contains(&sidecar.path) {
                        continue;
                    }
                    if is_moving {
                        assigned.photos.entry(sidecar.path.clone()).or_default().push(photo.to_path_buf());
                    }
                    sidecar.is_used = true;
                    push(sidecar, &mut said);
                    sidecars.paths.push(sidecar.path.clone());
                }
            }
            sidecars.stamp = (!said.is_empty()).then(|| stamp_for(&said));
        }
        let all = || files.values().chain(texts.values()).flatten();
        // One with a language in its name was to be found under two names.
        let used: HashSet<&Path> =
            all().filter(|sidecar| sidecar.is_used).map(|sidecar| sidecar.path.as_path()).collect();
        let unused = all().map(|sidecar| &sidecar.path);
        let unused = unused.filter(|path| !used.contains(path.as_path()) || looks_like_live_video(path));
        assigned.unused = unused.cloned().collect();
        assigned.unused.sort();
        assigned.unused.dedup();
        assigned
    }
}

/// Whether a file is a video by its name.
pub(crate) fn is_video(path: &Path) -> bool {
    looks_like_video(path) && !looks_like_photo(path)
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
