//! `--examples`: a folder with a subfolder of photos for each class.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clip_search::Model;
use clip_search::classify::{FewShot, Templates, ZeroShot};

use crate::escape::escaped;
use crate::output::count;
use crate::photo::embed_each;
use crate::progress::Meter;

use super::{embed_labels, skipped};

/// The classes of a folder and the files in their subfolders, both sorted.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Examples {
    /// Names of the subfolders.
    pub classes: Vec<String>,
    photos: Vec<PathBuf>,
    class_of: Vec<usize>,
    folders: Vec<PathBuf>,
}

impl Examples {
    /// Lists the folder. Hidden entries and files without a photo's extension are ignored.
    pub fn list(folder: &Path) -> Result<Self> {
        let mut examples = Self::default();
        for class in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
            let Some(name) = class.file_name().and_then(|name| name.to_str()) else {
                bail!("the class folder {} has a name that is not valid UTF-8; rename it", escaped(&class));
            };
            let photos =
                entries(&class)?.into_iter().filter(|path| clip_image::looks_like_photo(path) && path.is_file());
            let number = examples.classes.len();
            examples.classes.push(name.to_owned());
            for photo in photos {
                examples.photos.push(photo);
                examples.class_of.push(number);
            }
            examples.folders.push(class);
        }
        let found = examples.classes.len();
        if found < 2 {
            bail!(
                "{} has {}; expected at least two, one per class, each with example photos",
                escaped(folder),
                count(found as u64, "subfolder")
            );
        }
        examples.check(&examples.class_of)?;
        Ok(examples)
    }

    /// Every class must have an example.
    fn check(&self, class_of: &[usize]) -> Result<()> {
        match (0..self.classes.len()).find(|class| !class_of.contains(class)) {
            Some(class) => {
                bail!("{} contains no readable photo; expected at least one", escaped(&self.folders[class]))
            }
            None => Ok(()),
        }
    }

    /// Fits a classifier, and says how many examples could not be read.
    pub fn fit(&self, model: &Model, templates: &Templates) -> Result<(FewShot, usize)> {
        let meter = Meter::new("example");
        meter.start("embedding", self.photos.len() as u64);
        let (mut vectors, mut class_of) = (Vec::with_capacity(self.photos.len() * model.dimension()), Vec::new());
        embed_each(model, &self.photos, |index, vector| {
            match vector {
                Ok(vector) => {
                    vectors.extend_from_slice(vector);
                    class_of.push(self.class_of[index]);
                }
                Err(error) => meter.aside(|| skipped(&self.photos[index], &error)),
            }
            meter.set(index as u64 + 1);
            Ok(())
        })?;
        meter.clear();
        self.check(&class_of)?;
        // Folders are often named with underscores, sentences are not written with them.
        let names: Vec<String> = self.classes.iter().map(|name| name.replace('_', " ")).collect();
        let names: ZeroShot = embed_labels(model, &names, templates)?;
        Ok((FewShot::fit(&vectors, &class_of, &names)?, self.photos.len() - class_of.len()))
    }
}

/// The entries of a folder that are not hidden, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        let kind = fs::metadata(folder)?.file_type();
        if !kind.is_dir() {
            let found = clip_files::kind::name(kind);
            return Err(io::Error::new(io::ErrorKind::NotADirectory, format!("expected a folder, found {found}")));
        }
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                paths.push(entry.path());
            }
        }
        paths.sort();
        Ok(paths)
    };
    read().with_context(|| format!("cannot read the examples in {}", escaped(folder)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subfolders_are_classes() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        for name in ["b/2.jpg", "b/1.PNG", "b/notes.txt", "b/._1.jpg", "a/x.jpg", ".hidden/x.jpg", "loose.jpg"] {
            put(name);
        }
        let found = Examples::list(folder.path()).unwrap();
        assert_eq!(found.classes, ["a", "b"]);
        assert_eq!(found.photos, ["a/x.jpg", "b/1.PNG", "b/2.jpg"].map(|name| folder.path().join(name)));
        assert_eq!(found.class_of, [0, 1, 1]);

        put("c/notes.txt");
        let error = Examples::list(folder.path()).unwrap_err().to_string();
        assert!(error.contains("c contains no readable photo"), "{error}");
        let error = Examples::list(&folder.path().join("a")).unwrap_err().to_string();
        assert!(error.contains("has 0 subfolders; expected"), "{error}");
        let error = Examples::list(&folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("cannot read the examples"), "{error}");
    }
}
