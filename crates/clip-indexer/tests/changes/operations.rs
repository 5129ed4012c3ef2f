//! Random changes to a tree of small photos, as cameras, editors and file managers make them, and the paths that a watcher
//! would tell of.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use clip_index::IndexReader;
use clip_indexer::Changes;
use image::{Rgb, RgbImage};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

pub struct Operations {
    random: StdRng,
    root: PathBuf,
    outside: PathBuf,
    paths: Vec<PathBuf>,
    /// Files of which half is written, and the rest.
    growing: Vec<(PathBuf, Vec<u8>)>,
    colours: u32,
}

impl Operations {
    pub fn new(seed: u64, root: &Path, outside: &Path) -> Operations {
        let random = StdRng::seed_from_u64(seed);
        let (root, outside) = (root.to_path_buf(), outside.to_path_buf());
        let mut operations = Operations { random, root, outside, paths: Vec::new(), growing: Vec::new(), colours: 0 };
        for folder in [operations.root.clone(), operations.linked()] {
            operations.make_folder(&folder);
        }
        for number in 0..3 {
            let (path, bytes) = (operations.linked().join(format!("{number}.png")), operations.picture());
            fs::write(&path, bytes).unwrap();
            // Files of one size that are made within one tick of the clock are the same to whoever does not read them.
            let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000 + number);
            fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
        }
        operations
    }

    /// A folder that links lead to. Nobody tells of changes in it, so there are none.
    fn linked(&self) -> PathBuf {
        self.outside.join("linked")
    }

    /// Makes some changes; how many, and the paths that they are about.
    pub fn batch(&mut self) -> (usize, Changes) {
        for (path, rest) in std::mem::take(&mut self.growing) {
            // Its folder may have gone meanwhile.
            if let Ok(mut bytes) = fs::read(&path)
                && self.random.random_bool(0.9)
            {
                bytes.extend(rest);
                let _ = fs::write(&path, bytes);
            }
            self.paths.push(path);
        }
        let count = self.random.random_range(1..20);
        for _ in 0..count {
            self.change();
        }
        let unsettled = self.growing.iter().map(|(path, _)| path.clone()).collect();
        (count, Changes { paths: std::mem::take(&mut self.paths), unsettled })
    }

    pub fn is_time_to_compare(&mut self) -> bool {
        self.random.random_bool(0.3)
    }

    /// The folder, with what keeps it from being taken for the mount point of a drive that is away.
    fn make_folder(&mut self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for name in ["notes.txt", "more.txt"] {
            fs::write(folder.join(name), "text").unwrap();
        }
    }

    fn picture(&mut self) -> Vec<u8> {
        // A few contents come again and again.
        let number = if self.random.random_bool(0.25) {
            self.random.random_range(0..8)
        } else {
            self.colours += 1;
            self.colours + 8
        };
        let colour = [(number % 256) as u8, (number / 256 % 256) as u8, 90];
        let mut bytes = std::io::Cursor::new(Vec::new());
        RgbImage::from_pixel(3, 2, Rgb(colour)).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn all(&self, folder: &Path, is_meant: &dyn Fn(&fs::Metadata, &Path) -> bool) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let metadata = fs::symlink_metadata(&path).unwrap();
            if is_meant(&metadata, &path) {
                found.push(path.clone());
            }
            if metadata.is_dir() {
                found.extend(self.all(&path, is_meant));
            }
        }
        found
    }

    fn some_folder(&mut self) -> PathBuf {
        let mut folders = self.all(&self.root, &|metadata, _| metadata.is_dir());
        folders.push(self.root.clone());
        folders.choose(&mut self.random).unwrap().clone()
    }

    fn is_photo(metadata: &fs::Metadata, path: &Path) -> bool {
        metadata.is_file() && path.extension().is_some_and(|extension| extension == "png")
    }

    fn some_photo(&mut self) -> Option<PathBuf> {
        let growing: Vec<PathBuf> = self.growing.iter().map(|(path, _)| path.clone()).collect();
        let is_whole = |metadata: &fs::Metadata, path: &Path| {
            Operations::is_photo(metadata, path) && !growing.iter().any(|growing| growing == path)
        };
        self.all(&self.root, &is_whole).choose(&mut self.random).cloned()
    }

    fn some_outside(&mut self) -> Option<PathBuf> {
        let linked = self.linked();
        let may_move =
            |metadata: &fs::Metadata, path: &Path| Operations::is_photo(metadata, path) && !path.starts_with(&linked);
        self.all(&self.outside, &may_move).choose(&mut self.random).cloned()
    }

    fn new_name(&mut self) -> String {
        let number = self.random.random_range(0..60);
        format!("{}{number}.png", ["a", "b", "raw_"][number % 3])
    }

    fn changed(&mut self, path: impl Into<PathBuf>) {
        self.paths.push(path.into());
    }

    /// A place for a file or folder, unless something of the other kind is there.
    fn place(&mut self, name: String) -> Option<PathBuf> {
        let path = self.some_folder().join(name);
        let is_growing = self.growing.iter().any(|(growing, _)| *growing == path);
        (!is_growing && !path.is_dir() && fs::symlink_metadata(&path).is_ok_and(|it| it.is_file()) | !path.exists())
            .then_some(path)
    }

    fn new_place(&mut self) -> Option<PathBuf> {
        let name = self.new_name();
        self.place(name).filter(|path| fs::symlink_metadata(path).is_err() || path.is_file())
    }

    fn change(&mut self) {
        let kind = self.random.random_range(0..100);
        self.one(kind);
    }

    fn one(&mut self, kind: u32) -> Option<()> {
        match kind {
            // Created, or written over.
            0..22 => {
                let (path, bytes) = (self.new_place()?, self.picture());
                fs::write(&path, bytes).unwrap();
                self.changed(path);
            }
            // Rewritten with the same size, as solid pictures of one size nearly always have.
            22..28 => {
                let (path, bytes) = (self.some_photo()?, self.picture());
                fs::write(&path, bytes).unwrap();
                self.changed(path);
            }
            // Written slowly.
            28..33 => {
                let (path, bytes) = (self.new_place()?, self.picture());
                let (half, rest) = bytes.split_at(bytes.len() / 2);
                fs::write(&path, half).unwrap();
                self.growing.push((path, rest.to_vec()));
            }
            // Renamed, perhaps over another.
            33..43 => {
                let (from, to) = (self.some_photo()?, self.new_place()?);
                fs::rename(&from, &to).unwrap();
                self.changed(from);
                self.changed(to);
            }
            // A folder renamed or moved.
            43..48 => {
                let (from, into) = (self.some_folder(), self.some_folder());
                let to = into.join(format!("d{}", self.random.random_range(0..6)));
                let holds_growing = self.growing.iter().any(|(path, _)| path.starts_with(&from));
                if from == self.root || to.starts_with(&from) || fs::symlink_metadata(&to).is_ok() || holds_growing {
                    return None;
                }
                fs::rename(&from, &to).unwrap();
                self.changed(from);
                self.changed(to);
            }
            // A folder made.
            48..52 => {
                let folder = self.some_folder().join(format!("d{}", self.random.random_range(0..6)));
                if folder.components().count() - self.root.components().count() > 4
                    || fs::symlink_metadata(&folder).is_ok()
                {
                    return None;
                }
                self.make_folder(&folder);
                self.changed(folder);
            }
            52..60 => {
                let path = self.some_photo()?;
                fs::remove_file(&path).unwrap();
                self.changed(path);
            }
            // A folder removed with all that is in it.
            60..62 => {
                let folder = self.some_folder();
                if folder == self.root {
                    return None;
                }
                self.growing.retain(|(path, _)| !path.starts_with(&folder));
                fs::remove_dir_all(&folder).unwrap();
                self.changed(folder);
            }
            // Copied.
            62..68 => {
                let (from, to) = (self.some_photo()?, self.new_place()?);
                fs::copy(&from, &to).ok()?;
                self.changed(to);
            }
            // Moved out and in.
            68..72 => {
                let (from, name) = (self.some_photo()?, self.new_name());
                fs::rename(&from, self.outside.join(name)).unwrap();
                self.changed(from);
            }
            72..76 => {
                let (from, to) = (self.some_outside()?, self.new_place()?);
                fs::rename(&from, &to).unwrap();
                self.changed(to);
            }
            // Sidecars.
            76..83 => {
                let photo = self.some_photo()?;
                let sidecar = if self.random.random_bool(0.5) {
                    photo.with_extension("xmp")
                } else {
                    photo.with_extension("png.xmp")
                };
                if sidecar.exists() && self.random.random_bool(0.4) {
                    fs::remove_file(&sidecar).unwrap();
                } else {
                    let rating = self.random.random_range(1..6);
                    let xmp = format!(
                        r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{rating}"/></rdf:RDF></x:xmpmeta>"#
                    );
                    fs::write(&sidecar, xmp).unwrap();
                }
                self.changed(sidecar);
            }
            // Replaced as editors do it.
            83..89 => {
                let (path, bytes) = (self.some_photo()?, self.picture());
                let temporary = path.with_file_name(".writing.tmp");
                fs::write(&temporary, bytes).unwrap();
                fs::rename(&temporary, &path).unwrap();
                self.changed(temporary);
                self.changed(path);
            }
            // Ignore files.
            89..92 => {
                let file = self.some_folder().join(".clipignore");
                if file.exists() && self.random.random_bool(0.6) {
                    fs::remove_file(&file).unwrap();
                } else {
                    let number = self.random.random_range(0..6);
                    let line = ["raw_*", "d1/", "b1*.png", "!a*", "/d2", "*7.png"][number];
                    fs::write(&file, format!("{line}\n")).unwrap();
                }
                self.changed(file);
            }
            // No pictures.
            92..94 => {
                let path = self.new_place()?;
                fs::write(&path, "no picture").unwrap();
                self.changed(path);
            }
            // Links, seldom: everything is walked when they change.
            94.. if self.random.random_bool(0.7) => {}
            #[cfg(unix)]
            94..97 => {
                let target = match self.random.random_range(0..4) {
                    0 => self.some_photo()?,
                    1 => self.linked().join(format!("{}.png", self.random.random_range(0..3))),
                    2 => self.some_folder(),
                    _ => self.linked(),
                };
                // Two in a folder: where three lead nowhere, the folder counts as one that cannot be read.
                let link = self.some_folder().join(format!("l{}.png", self.random.random_range(0..2)));
                if fs::symlink_metadata(&link).is_ok_and(|metadata| !metadata.is_symlink()) {
                    return None;
                }
                let _ = fs::remove_file(&link);
                std::os::unix::fs::symlink(target, &link).unwrap();
                self.changed(link);
            }
            #[cfg(unix)]
            _ => {
                let link =
                    self.all(&self.root, &|metadata, _| metadata.is_symlink()).choose(&mut self.random).cloned()?;
                fs::remove_file(&link).unwrap();
                self.changed(link);
            }
            #[cfg(not(unix))]
            _ => {}
        }
        Some(())
    }
}

/// The first difference in what two indexes say of photos, but for their ids.
pub fn difference(fresh: &IndexReader, changed: &IndexReader) -> Option<String> {
    let photos = |index: &IndexReader| -> BTreeMap<PathBuf, String> {
        let records = index.all_records().unwrap();
        assert_eq!(records.len(), index.len());
        let said = |record: clip_index::Record| {
            let embedding = index.embedding(record.id).unwrap();
            let asset = record.asset;
            (asset.path.clone(), format!("{asset:?} {embedding:?}"))
        };
        records.into_iter().map(said).collect()
    };
    let (expected, found) = (photos(fresh), photos(changed));
    for (path, said) in &expected {
        match found.get(path) {
            None => return Some(format!("{} is missing", path.display())),
            Some(other) if other != said => return Some(format!("{}: {other} instead of {said}", path.display())),
            Some(_) => {}
        }
    }
    if let Some(dead) = found.keys().find(|path| !expected.contains_key(*path)) {
        return Some(format!("{} is dead", dead.display()));
    }
    let bad = |index: &IndexReader| -> Vec<PathBuf> {
        index.bad_files().unwrap().into_iter().map(|file| file.path).collect()
    };
    (bad(changed) != bad(fresh)).then(|| format!("bad files {:?} instead of {:?}", bad(changed), bad(fresh)))
}
