//! The photos of a folder, for programs that index nothing.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clip_progress::Silent;

use crate::report::{SkipReason, Skipped};
use crate::walk::{Selection, walk};

/// What [`find_photos`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct FoundPhotos {
    /// Files that look like photos, in the order of the walk. Their paths begin with the folder as it was given.
    pub photos: Vec<PathBuf>,
    /// What looked like a photo or a folder and could not be looked at.
    pub skipped: Vec<Skipped>,
}

/// Lists the photos in a folder and in all folders below it, by the rules of [`Indexer::run`](crate::Indexer::run): links
/// are followed; hidden entries, system folders, photos that [`IGNORE_FILE`](crate::IGNORE_FILE)s exclude and photos that
/// are only in the cloud are left out. No photo is opened.
pub fn find_photos(folder: &Path) -> FoundPhotos {
    let never = AtomicBool::new(false);
    let selection = Selection { follow_links: true, ..Selection::default() };
    let walked = walk(&[folder.to_path_buf()], selection, &Silent, &never);
    let mut found = FoundPhotos { photos: Vec::new(), skipped: walked.skipped };
    for file in walked.files {
        if file.in_cloud {
            found.skipped.push(Skipped { path: file.path, reason: SkipReason::InCloud });
        } else {
            found.photos.push(file.path);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_of_all_subfolders_under_the_name_that_was_given() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b/2.jpg",
            "a.JPG",
            "b/c/1.png",
            "notes.txt",
            ".hidden/x.jpg",
            "@eaDir/x.jpg",
            "b/left/3.jpg",
            "b/.4.jpg.icloud",
        ] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::fs::write(dir.path().join(".clipignore"), "left/").unwrap();
        let folder = dir.path().join("b/..");
        let found = find_photos(&folder);
        assert_eq!(found.photos, ["a.JPG", "b/2.jpg", "b/c/1.png"].map(|name| folder.join(name)));
        assert_eq!(found.skipped.len(), 1);
        assert_eq!(found.skipped[0].path, folder.join("b/4.jpg"));
        let missing = find_photos(&dir.path().join("none"));
        assert!(missing.photos.is_empty());
    }
}
