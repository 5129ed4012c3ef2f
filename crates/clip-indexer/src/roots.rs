//! Which folders a run walks, and which the index remembers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clip_files::system_error;
use clip_index::Exclude;

use crate::error::IndexerError;
use crate::excluded::{self, Excluded};
use crate::found::Blind;
use crate::ignore_file::IgnoreFiles;
use crate::report::{Ignored, LinkedRoot};

/// The roots of a run, made canonical.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Roots {
    /// What to walk, folders and single files: canonical, sorted, none inside another.
    pub walk: Vec<PathBuf>,
    /// Known roots that cannot be walked.
    pub blind: Vec<Blind>,
    /// What the run is about: `walk` and the paths of `blind`. Nothing outside is ever removed.
    pub scope: Vec<PathBuf>,
    /// Those that were given as links and that the index does not know.
    pub linked: Vec<LinkedRoot>,
}

/// Resolves the roots that were `given`, or all that are `known` to the index at `index` if none was.
///
/// A root that the index knows may be missing, for a drive comes and goes; one that it does not know must exist.
pub(crate) fn resolve(given: &[PathBuf], known: &[PathBuf], index: &Path) -> Result<Roots, IndexerError> {
    let wanted = if given.is_empty() { known } else { given };
    if wanted.is_empty() {
        return Err(IndexerError::NoRoots { index: index.to_path_buf() });
    }
    let (mut walk, mut blind, mut linked) = (Vec::new(), Vec::new(), Vec::new());
    for path in wanted {
        match open_root(path) {
            Ok(canonical) => {
                if is_link(path) && !known.iter().any(|known| canonical.starts_with(known)) {
                    let link = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                    linked.push(LinkedRoot { link, target: canonical.clone() });
                }
                walk.push(canonical);
            }
            Err(error) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                if !known.contains(&path) {
                    return Err(match special(&path) {
                        Some(found) => IndexerError::NotIndexable { path, found },
                        None => IndexerError::Root { path, source: error },
                    });
                }
                let reason = match error.kind() {
                    io::ErrorKind::NotFound => "does not exist; is its drive mounted?".to_owned(),
                    io::ErrorKind::NotADirectory => "is neither a folder nor a file any more".to_owned(),
                    _ => format!("cannot be read: {}", system_error::describe(&error)),
                };
                blind.push(Blind { path, reason, root: true });
            }
        }
    }
    let walk = outermost(walk);
    let scope = outermost(walk.iter().chain(blind.iter().map(|b| &b.path)).cloned().collect());
    Ok(Roots { walk, blind, scope, linked })
}

impl Roots {
    /// Takes single files that were deleted out of the blind spots: of a file that the index knows under a root's very path,
    /// and whose folder is there and holds something, nothing else can have become. Returns them; they are roots no longer.
    pub fn deleted_files(&mut self, is_photo: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let is_deleted = |blind: &Blind| {
            let gone = || fs::symlink_metadata(&blind.path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
            let folder = blind.path.parent();
            blind.root && is_photo(&blind.path) && gone() && folder.is_some_and(holds_something)
        };
        let (deleted, blind) = std::mem::take(&mut self.blind).into_iter().partition(is_deleted);
        self.blind = blind;
        let deleted: Vec<Blind> = deleted;
        deleted.into_iter().map(|blind| blind.path).collect()
    }

    /// Takes the folders that are excluded out of what is to be walked, and gives them. `all` are the roots of the index, too.
    ///
    /// # Errors
    /// [`IndexerError::Excluded`] or [`IndexerError::TooDeep`] if no other is left.
    pub fn leave_out(&mut self, excludes: &[Exclude], all: &[PathBuf]) -> Result<Vec<PathBuf>, IndexerError> {
        let excluded = Excluded::new(excludes, all);
        let is_left_out = |root: &Path| {
            if root.is_dir() { excluded.shuts(root) } else { excluded.covers(root, false) }
        };
        let left_out: Vec<PathBuf> = self.walk.extract_if(.., |root| is_left_out(root)).collect();
        self.blind.retain(|spot| !left_out.contains(&spot.path));
        let Some(path) = left_out.first().filter(|_| self.walk.is_empty() && self.blind.is_empty()) else {
            return Ok(left_out);
        };
        let path = path.clone();
        let levels = excludes.iter().find_map(|exclude| match exclude {
            Exclude::DeeperThan(levels) => Some(*levels),
            _ => None,
        });
        Err(match (excluded.left_out_by(&path, path.is_dir()), levels) {
            (None, Some(levels)) => {
                let root = all.iter().find(|root| path.starts_with(root)).cloned().unwrap_or_default();
                IndexerError::TooDeep { path, root, levels }
            }
            (by, _) => {
                IndexerError::Excluded { path, by: by.map(|by| excluded::describe(&excludes[by])).unwrap_or_default() }
            }
        })
    }

    /// Removes and returns the roots that `.clipignore` files exclude, in the folders above them up to one of `all`, the
    /// roots of the index. The files are read.
    ///
    /// # Errors
    /// [`IndexerError::Ignored`] if no other is left.
    pub fn leave_out_ignored(
        &mut self,
        files: &mut IgnoreFiles,
        all: &[PathBuf],
    ) -> Result<Vec<Ignored>, IndexerError> {
        let mut left_out = Vec::new();
        self.walk.retain(|path| {
            let outer = all.iter().find(|root| path.starts_with(root));
            let by = outer.and_then(|outer| files.read_above(path, outer));
            left_out.extend(by.clone().map(|by| Ignored { path: path.clone(), by }));
            by.is_none()
        });
        match left_out.first() {
            Some(Ignored { path, by }) if self.walk.is_empty() && self.blind.is_empty() => {
                Err(IndexerError::Ignored { path: path.clone(), by: by.clone() })
            }
            _ => Ok(left_out),
        }
    }

    /// What the index remembers from now on: this run's roots and those it knew before, none inside another.
    pub fn remembered(&self, known: &[PathBuf]) -> Vec<PathBuf> {
        outermost(self.scope.iter().chain(known).cloned().collect())
    }
}

/// The canonical path of a folder that can be listed, or of a file.
fn open_root(path: &Path) -> io::Result<PathBuf> {
    let canonical = path.canonicalize()?;
    let metadata = fs::metadata(&canonical)?;
    if metadata.is_file() {
        return Ok(canonical);
    }
    if !metadata.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    fs::read_dir(&canonical)?;
    Ok(canonical)
}

/// Whether a path is that of a symbolic link, be it with a slash at its end.
fn is_link(path: &Path) -> bool {
    // Going through the components drops the slash, with which the system would look at what the link leads to.
    let path: PathBuf = path.components().collect();
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Whether a folder is there and not empty.
fn holds_something(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// What is neither a folder nor a file.
fn special(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
    (!kind.is_dir() && !kind.is_file()).then(|| clip_files::kind::name(kind))
}

/// Sorts folders and leaves out duplicates and those inside another.
fn outermost(mut folders: Vec<PathBuf>) -> Vec<PathBuf> {
    // Paths compare by component, so a folder comes right before all that lies inside it.
    folders.sort();
    let mut kept: Vec<PathBuf> = Vec::with_capacity(folders.len());
    for folder in folders {
        if !kept.last().is_some_and(|outer| folder.starts_with(outer)) {
            kept.push(folder);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(paths: &[&str]) -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn nested_and_duplicate_folders_collapse() {
        assert_eq!(outermost(paths(&["/b/c", "/a", "/b", "/b-side", "/a", "/b/c/d"])), paths(&["/a", "/b", "/b-side"]));
    }

    #[test]
    fn roots_are_canonical_and_the_known_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        for name in ["a/inner", "b"] {
            fs::create_dir_all(base.join(name)).unwrap();
            fs::write(base.join(name).join("x"), "x").unwrap();
        }
        let given = [base.join("a/inner/.."), base.join("a/inner")];
        let roots = resolve(&given, &[base.join("b")], Path::new("index")).unwrap();
        assert_eq!(roots.walk, [base.join("a")]);
        assert_eq!(roots.scope, [base.join("a")]);
        assert_eq!(roots.remembered(&[base.join("b")]), [base.join("a"), base.join("b")]);
        assert!(roots.blind.is_empty());
    }

    #[test]
    fn no_folder_given_means_all_known_ones_and_a_missing_one_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        fs::create_dir(base.join("here")).unwrap();
        let known = [base.join("gone"), base.join("here")];
        let roots = resolve(&[], &known, Path::new("index")).unwrap();
        assert_eq!(roots.walk, [base.join("here")]);
        let blind: Vec<_> = roots.blind.iter().map(|b| b.path.clone()).collect();
        assert_eq!(blind, [base.join("gone")]);
        assert_eq!(roots.scope, known);
        assert_eq!(roots.remembered(&known), known);
    }

    #[test]
    fn what_cannot_be_walked_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("photo.jpg");
        fs::write(&file, "x").unwrap();
        let missing = dir.path().join("missing");
        let error = resolve(std::slice::from_ref(&missing), &[], Path::new("index")).unwrap_err();
        assert!(matches!(&error, IndexerError::Root { path, .. } if *path == missing), "{error}");
        let single = resolve(std::slice::from_ref(&file), &[], Path::new("index")).unwrap();
        assert_eq!(single.walk, [file.canonicalize().unwrap()]);
        let both = resolve(&[file.clone(), dir.path().to_path_buf()], &[], Path::new("index")).unwrap();
        assert_eq!(both.walk, [dir.path().canonicalize().unwrap()], "a folder takes its files in");
        let error = resolve(&[], &[], Path::new("index")).unwrap_err();
        assert!(matches!(error, IndexerError::NoRoots { .. }), "{error}");
    }

    #[test]
    fn a_file_that_was_deleted_is_told_from_one_that_is_away() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        for name in ["here/other.jpg", "empty/x.jpg"] {
            fs::create_dir_all(base.join(name).parent().unwrap()).unwrap();
            fs::write(base.join(name), "x").unwrap();
        }
        fs::remove_file(base.join("empty/x.jpg")).unwrap();
        let known = ["away/x.jpg", "empty/x.jpg", "here/folder", "here/x.jpg"].map(|name| base.join(name));
        let mut roots = resolve(&[], &known, Path::new("index")).unwrap();
        assert_eq!(roots.blind.len(), 4);
        let deleted = roots.deleted_files(|path| path.extension().is_some());
        assert_eq!(deleted, [base.join("here/x.jpg")]);
        assert_eq!(roots.blind.len(), 3);
    }
}
