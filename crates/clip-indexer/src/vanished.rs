//! Files that went away after they were listed and before they were read: one by one, or all at once with their drive.
//!
//! A photo that was deleted meanwhile is not worth a word. A drive that was pulled out is worth one, not one for each of its
//! photos.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clip_files::system_error::says_missing;

use crate::file_system::{Disk, FileSystem};
use crate::found::FoundFile;
use crate::report::{SkipReason, Unreachable};
use crate::stamp::device_of;

/// The places that went away, and how many files in each were not read for that.
#[derive(Debug, Default)]
pub(crate) struct Vanished {
    places: BTreeMap<PathBuf, u64>,
}

impl Vanished {
    /// Whether a file that could not be read, for this reason, went away; notes the place that did, if it was not the file
    /// alone. `scope` are the roots of the run.
    pub fn takes(&mut self, file: &FoundFile, reason: &SkipReason, scope: &[PathBuf]) -> bool {
        let path = &file.path;
        let is_missing = fs::symlink_metadata(path).is_err_and(|error| says_missing(&error));
        if !is_missing && reason.is_about_content() {
            return false;
        }
        if let Some((_, files)) = self.places.iter_mut().find(|(place, _)| path.starts_with(place)) {
            *files += 1;
            return true;
        }
        let Some(root) = scope.iter().find(|root| path.starts_with(root)) else { return is_missing };
        let place = if is_missing { place_of_missing(file, root) } else { lost_root(root) };
        match place {
            Some(place) => {
                *self.places.entry(place).or_default() += 1;
                true
            }
            None => is_missing,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The places, each with a word on what was not read. `photos` counts those that the index knows in one.
    pub fn into_unreachable(self, photos: impl Fn(&Path) -> u64) -> Vec<Unreachable> {
        let told = |(path, files): (PathBuf, u64)| {
            let are = if files == 1 { "file that was" } else { "files that were" };
            let reason = format!("went away during the run, with {files} {are} not read yet");
            Unreachable { reason, photos_kept: photos(&path), path }
        };
        self.places.into_iter().map(told).collect()
    }
}

/// The place that went away with a file that is missing; `None` if the file or its folder was deleted, for the drive is there.
fn place_of_missing(file: &FoundFile, root: &Path) -> Option<PathBuf> {
    let parent = file.path.parent()?;
    if file.path == root {
        let is_in_use = !Disk::default().holds_nothing(parent) && parent.is_dir();
        return (!is_in_use).then(|| root.to_path_buf());
    }
    for folder in parent.ancestors().take_while(|folder| folder.starts_with(root)) {
        let metadata = match fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => metadata,
            Ok(_) => continue,
            Err(error) if says_missing(&error) => continue,
            Err(_) => return Some(folder.to_path_buf()),
        };
        let (before, now) = file.folder_device.zip(device_of(&metadata))?;
        if before == now {
            return None;
        }
        // The mount point is this folder, or was the one in it, which went with the drive.
        let is_mount_point = folder == parent || Disk::default().holds_nothing(folder);
        let inner = || parent.ancestors().find(|inner| inner.parent() == Some(folder));
        let place = if is_mount_point { folder } else { inner().unwrap_or(folder) };
        return Some(place.to_path_buf());
    }
    Some(root.to_path_buf())
}

/// The root, if it cannot be looked into any more.
fn lost_root(root: &Path) -> Option<PathBuf> {
    let look = || if fs::metadata(root)?.is_dir() { fs::read_dir(root).map(drop) } else { Ok(()) };
    look().is_err().then(|| root.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder `root` with a photo `a/b.jpg` and a file that is none.
    struct Tree {
        dir: tempfile::TempDir,
        vanished: Vanished,
    }

    impl Tree {
        fn new() -> Tree {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("root/a")).unwrap();
            fs::write(dir.path().join("root/a/b.jpg"), "x").unwrap();
            fs::write(dir.path().join("root/notes.odt"), "x").unwrap();
            Tree { dir, vanished: Vanished::default() }
        }

        fn at(&self, path: &str) -> PathBuf {
            self.dir.path().join(path)
        }

        /// Whether this file went away, that was on another drive than its folder is on now.
        fn takes(&mut self, path: &str, reason: &SkipReason, was_elsewhere: bool) -> bool {
            let device = device_of(&fs::metadata(self.dir.path()).unwrap());
            let folder_device = device.map(|device| device + u64::from(was_elsewhere));
            let file = FoundFile { path: self.at(path), folder_device, ..FoundFile::default() };
            self.vanished.takes(&file, reason, &[self.at("root")])
        }

        fn places(self) -> Vec<(String, u64)> {
            let Tree { dir, vanished } = self;
            let inside = |path: PathBuf| path.strip_prefix(dir.path()).unwrap().display().to_string();
            vanished.places.into_iter().map(|(path, files)| (inside(path), files)).collect()
        }
    }

    fn missing() -> SkipReason {
        SkipReason::Image(clip_image::ImageError::Io(std::io::ErrorKind::NotFound.into()))
    }

    fn damaged() -> SkipReason {
        SkipReason::Image(clip_image::ImageError::Empty)
    }

    #[test]
    fn what_is_there_is_not_taken() {
        let mut tree = Tree::new();
        assert!(!tree.takes("root/a/b.jpg", &missing(), false) && !tree.takes("root/a/b.jpg", &damaged(), false));
        assert!(tree.vanished.is_empty());
    }

    #[test]
    fn deleted_files_and_folders_are_no_places() {
        let mut tree = Tree::new();
        fs::remove_file(tree.at("root/a/b.jpg")).unwrap();
        assert!(tree.takes("root/a/b.jpg", &missing(), false));
        fs::remove_dir(tree.at("root/a")).unwrap();
        assert!(tree.takes("root/a/b.jpg", &missing(), false) && tree.takes("root/c/d/e.jpg", &damaged(), false));
        assert!(tree.vanished.is_empty());
    }

    #[test]
    fn a_root_that_is_gone_is_one_place() {
        let mut tree = Tree::new();
        fs::rename(tree.at("root"), tree.at("away")).unwrap();
        assert!(tree.takes("root/a/b.jpg", &missing(), false) && tree.takes("root/c.jpg", &missing(), false));
        assert_eq!(tree.places(), [("root".to_owned(), 2)]);
    }

    #[cfg(unix)]
    #[test]
    fn a_drive_below_the_root_is_one_place() {
        // Its mount point is there and empty, or holds something, or went with it.
        for (mount_point, path, place) in [
            (Some("root/usb"), "root/usb/2019/a.jpg", "root/usb"),
            (Some("root/a"), "root/a/c.jpg", "root/a"),
            (None, "root/usb/2019/a.jpg", "root/usb"),
        ] {
            let mut tree = Tree::new();
            mount_point.iter().for_each(|folder| fs::create_dir_all(tree.at(folder)).unwrap());
            assert!(tree.takes(path, &missing(), true), "{path}");
            let inside = format!("{place}/other/b.jpg");
            assert!(tree.takes(&inside, &missing(), true) && tree.takes(&inside, &missing(), true));
            assert_eq!(tree.places(), [(place.to_owned(), 3)]);
        }
    }
}
