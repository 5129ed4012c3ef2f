//! What a real system tells of changes in real folders.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clip_watch::{Interest, Timing, Watcher};

/// Longer than any system takes.
const PATIENCE: Duration = Duration::from_secs(30);

struct Folders {
    _dir: tempfile::TempDir,
    root: PathBuf,
    watcher: Watcher,
}

impl Folders {
    /// Watches a folder with these folders in it.
    fn new(folders: &[&str]) -> Folders {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("root");
        fs::create_dir(&root).unwrap();
        let mut all = vec![root.clone()];
        for folder in folders {
            fs::create_dir_all(root.join(folder)).unwrap();
            all.push(root.join(folder));
        }
        let timing = Timing {
            quiet: Duration::from_millis(100),
            longest: Duration::from_secs(2),
            settle: Duration::from_millis(60),
            roots: Duration::from_millis(500),
        };
        let interest = |path: &Path| match path.extension() {
            _ if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) => Interest::No,
            Some(extension) if extension == "jpg" => Interest::Yes,
            _ => Interest::AsFolder,
        };
        let mut watcher = Watcher::new(timing, interest).unwrap();
        let coverage = watcher.follow(std::slice::from_ref(&root), all.iter().map(PathBuf::as_path));
        assert!(coverage.unwatched == 0 && !coverage.is_full && coverage.watched > 0);
        let mut folders = Folders { _dir: dir, root, watcher };
        // What was not watched before counts as changed.
        assert_eq!(folders.told(&[""]), [""]);
        folders
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Waits until all these paths were told of; gives all that were.
    fn told(&mut self, expected: &[&str]) -> Vec<String> {
        let (mut told, patience) = (BTreeSet::new(), Instant::now() + PATIENCE);
        while !expected.iter().all(|path| told.contains(*path)) {
            assert!(Instant::now() < patience, "{told:?} instead of {expected:?}");
            if let Some(batch) = self.watcher.next(Duration::from_millis(200)) {
                let inside = |path: &PathBuf| path.strip_prefix(&self.root).unwrap().display().to_string();
                told.extend(batch.paths.iter().map(inside));
            }
        }
        told.into_iter().collect()
    }
}

#[test]
fn files_come_change_and_go() {
    let mut folders = Folders::new(&["a"]);
    fs::write(folders.at("a/1.jpg"), "1").unwrap();
    fs::write(folders.at("a/notes.txt"), "1").unwrap();
    fs::write(folders.at("a/.hidden.jpg"), "1").unwrap();
    assert_eq!(folders.told(&["a/1.jpg"]), ["a/1.jpg"]);
    fs::read(folders.at("a/1.jpg")).unwrap();
    fs::write(folders.at("a/2.jpg"), "2").unwrap();
    assert_eq!(folders.told(&["a/2.jpg"]), ["a/2.jpg"], "reading is no change");
    fs::rename(folders.at("a/1.jpg"), folders.at("3.jpg")).unwrap();
    fs::remove_file(folders.at("a/2.jpg")).unwrap();
    assert_eq!(folders.told(&["3.jpg", "a/1.jpg", "a/2.jpg"]).len(), 3);
}

#[test]
fn new_folders_are_watched_with_all_that_is_in_them() {
    let mut folders = Folders::new(&["a"]);
    fs::create_dir_all(folders.at("b/c/d")).unwrap();
    fs::write(folders.at("b/c/d/1.jpg"), "1").unwrap();
    // Systems that watch trees tell of the inner folders by themselves.
    let told = folders.told(&["b"]);
    if !told.contains(&"b/c/d/1.jpg".to_owned()) {
        folders.told(&["b/c/d/1.jpg"]);
    }
    fs::write(folders.at("b/c/d/2.jpg"), "2").unwrap();
    folders.told(&["b/c/d/2.jpg"]);
    fs::rename(folders.at("b"), folders.at("z")).unwrap();
    folders.told(&["b", "z"]);
    fs::write(folders.at("z/c/d/3.jpg"), "3").unwrap();
    folders.told(&["z/c/d/3.jpg"]);
    fs::remove_dir_all(folders.at("z")).unwrap();
    folders.told(&["z"]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_not_followed_is_not_watched() {
    let mut folders = Folders::new(&["a"]);
    fs::create_dir(folders.at("left-out")).unwrap();
    folders.told(&["left-out"]);
    // The caller did not go into it.
    let all = [folders.at(""), folders.at("a")];
    let root = folders.root.clone();
    let coverage = folders.watcher.follow(&[root], all.iter().map(PathBuf::as_path));
    assert_eq!(coverage.watched, 2);
    fs::write(folders.at("left-out/1.jpg"), "1").unwrap();
    fs::write(folders.at("a/1.jpg"), "1").unwrap();
    assert_eq!(folders.told(&["a/1.jpg"]), ["a/1.jpg"]);
}

#[test]
fn a_root_that_goes_is_told_of() {
    let mut folders = Folders::new(&[]);
    let away = folders.root.with_file_name("away");
    fs::rename(&folders.root, &away).unwrap();
    folders.told(&[""]);
    // Another takes its place: nothing but a look at it tells.
    let root = folders.root.clone();
    folders.watcher.follow(std::slice::from_ref(&root), std::iter::empty());
    fs::rename(&away, &root).unwrap();
    folders.told(&[""]);
}
