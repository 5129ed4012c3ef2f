//! What is left out of the roots: paths that were removed, and patterns.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use clip_index::{Exclude, StoredPath};

use crate::error::IndexerError;
use crate::pattern::Pattern;

/// What a run leaves out, ready to be compared with paths.
#[derive(Debug, Default)]
pub(crate) struct Excluded {
    paths: HashSet<PathBuf>,
    patterns: Vec<Pattern>,
    roots: Vec<PathBuf>,
}

impl Excluded {
    /// `roots` are canonical; patterns that are not absolute are compared with what comes after them in a path.
    pub fn new(excludes: &[Exclude], roots: &[PathBuf]) -> Excluded {
        let mut excluded = Excluded { roots: roots.to_vec(), ..Excluded::default() };
        for exclude in excludes {
            match exclude {
                Exclude::Path(path) => drop(excluded.paths.insert(path.path())),
                Exclude::Pattern(pattern) => excluded.patterns.push(Pattern::new(pattern)),
            }
        }
        excluded
    }

    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.patterns.is_empty()
    }

    /// Whether this very file or folder is left out. The folders that it is in are another question.
    pub fn names(&self, path: &Path, is_folder: bool) -> bool {
        if self.paths.contains(path) {
            return true;
        }
        if self.patterns.is_empty() {
            return false;
        }
        let all = components(path);
        let root = self.roots.iter().find(|root| path.starts_with(root));
        let below_root = root.map_or(all.len(), |root| components(root).len());
        self.patterns.iter().any(|pattern| {
            let start = if pattern.is_absolute { 0 } else { below_root };
            pattern.matches(&all[start..], is_folder)
        })
    }

    /// Whether this file or folder is left out, or one of the folders that it is in.
    pub fn covers(&self, path: &Path, is_folder: bool) -> bool {
        !self.is_empty()
            && (self.names(path, is_folder) || path.ancestors().skip(1).any(|folder| self.names(folder, true)))
    }
}

/// The names that a path is made of, without its root; a drive of Windows is one of them.
fn components(path: &Path) -> Vec<&[u8]> {
    let name = |component| match component {
        Component::RootDir | Component::CurDir => None,
        // Canonical paths have more before the drive's letter.
        Component::Prefix(prefix) => {
            let name = prefix.as_os_str().as_encoded_bytes();
            Some(name.strip_prefix(br"\\?\").unwrap_or(name))
        }
        other => Some(other.as_os_str().as_encoded_bytes()),
    };
    path.components().filter_map(name).collect()
}

/// An exclude as it was given: a path if there is something at it and it is more than a name, else a pattern.
///
/// # Errors
/// [`IndexerError::EmptyExclude`], or [`IndexerError::Index`] for a path that cannot be stored.
pub fn parse_exclude(given: &Path) -> Result<Exclude, IndexerError> {
    let is_name = matches!(given.components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
    match given.to_str() {
        Some(text) if text.trim_matches('/').is_empty() => Err(IndexerError::EmptyExclude),
        Some(text) if is_name => Ok(Exclude::Pattern(text.to_owned())),
        Some(text) => match given.canonicalize() {
            Ok(path) => as_path(&path),
            Err(_) => Ok(Exclude::Pattern(text.to_owned())),
        },
        None => as_path(&spellings(given).remove(0)),
    }
}

/// The exclude of a file or a folder.
pub(crate) fn as_path(path: &Path) -> Result<Exclude, IndexerError> {
    let unstorable = || clip_index::IndexError::Path { path: path.to_path_buf() };
    Ok(Exclude::Path(StoredPath::new(path).ok_or_else(unstorable)?))
}

/// The excludes of an index after some were taken back and others added.
///
/// # Errors
/// [`IndexerError::NotExcluded`] if one is to be taken back that is not there; those of [`parse_exclude`].
pub(crate) fn changed(old: &[Exclude], exclude: &[PathBuf], include: &[PathBuf]) -> Result<Vec<Exclude>, IndexerError> {
    let mut excludes = old.to_vec();
    for given in include {
        let paths = spellings(given);
        let is_given = |exclude: &Exclude| match exclude {
            Exclude::Pattern(pattern) => Some(pattern.as_str()) == given.to_str(),
            Exclude::Path(path) => paths.contains(&path.path()),
        };
        let before = excludes.len();
        excludes.retain(|exclude| !is_given(exclude));
        if excludes.len() == before {
            let covering = excludes.iter().find(|exclude| {
                let one = Excluded::new(std::slice::from_ref(exclude), &[]);
                paths.iter().any(|path| one.covers(path, path.is_dir()))
            });
            return Err(IndexerError::NotExcluded {
                given: given.clone(),
                by: covering.map(describe),
                excluded: excludes.iter().map(describe).collect(),
            });
        }
    }
    for given in exclude {
        let exclude = parse_exclude(given)?;
        if !excludes.contains(&exclude) {
            excludes.push(exclude);
        }
    }
    Ok(excludes)
}

/// An exclude as it may be given to be taken back.
pub(crate) fn describe(exclude: &Exclude) -> String {
    match exclude {
        Exclude::Path(path) => path.path().display().to_string(),
        Exclude::Pattern(pattern) => pattern.clone(),
    }
}

/// The names that an index may have for a path, the canonical one first: links on the way may have been followed or not,
/// and what does not exist any more has no links to resolve, but the folders that it was in may.
pub(crate) fn spellings(path: &Path) -> Vec<PathBuf> {
    let Ok(absolute) = std::path::absolute(path) else { return vec![path.to_path_buf()] };
    let mut spellings = Vec::new();
    let mut push = |path: PathBuf| {
        // Where a step back leads is only known where the folder before it exists.
        if !path.components().any(|component| component == Component::ParentDir) && !spellings.contains(&path) {
            spellings.push(path);
        }
    };
    for folder in absolute.ancestors() {
        if let Ok(canonical) = folder.canonicalize() {
            let rest = absolute.strip_prefix(folder).unwrap_or(Path::new(""));
            // Joining nothing would add a slash.
            push(if rest.as_os_str().is_empty() { canonical } else { canonical.join(rest) });
        }
    }
    push(absolute.clone());
    if spellings.is_empty() { vec![absolute] } else { spellings }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(excludes: &[&str]) -> Excluded {
        let exclude = |text: &&str| match text.strip_prefix('=') {
            Some(path) => as_path(Path::new(path)).unwrap(),
            None => Exclude::Pattern((*text).to_owned()),
        };
        Excluded::new(&excludes.iter().map(exclude).collect::<Vec<_>>(), &["/home/raw".into()])
    }

    #[test]
    fn a_path_covers_what_is_in_it_and_nothing_beside_it() {
        let excluded = excluded(&["=/home/raw/2019"]);
        for path in ["/home/raw/2019", "/home/raw/2019/a.jpg", "/home/raw/2019/x/a.jpg"] {
            assert!(excluded.covers(Path::new(path), false), "{path}");
        }
        for path in ["/home/raw/2019.jpg", "/home/raw/20", "/home/raw", "/other/2019"] {
            assert!(!excluded.covers(Path::new(path), false), "{path}");
        }
    }

    #[test]
    fn patterns_do_not_look_at_where_the_roots_are() {
        let covers = |pattern: &str, path: &str| excluded(&[pattern]).covers(Path::new(path), false);
        assert!(!covers("raw", "/home/raw/a.jpg") && !covers("home", "/home/raw/a.jpg"));
        assert!(covers("raw", "/home/raw/raw/a.jpg"));
        assert!(covers("/home/raw/*.jpg", "/home/raw/a.jpg") && covers("/home/*/x", "/home/raw/x/y/a.jpg"));
        assert!(covers("x/", "/home/raw/x/a.jpg") && !covers("x/", "/home/raw/x"));
        assert!(!excluded(&[]).covers(Path::new("/home"), true));
    }

    #[test]
    fn what_is_given_is_a_path_if_there_is_one_else_a_pattern() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir(base.join("private")).unwrap();
        let path = as_path(&base.join("private")).unwrap();
        assert_eq!(parse_exclude(&base.join("private/../private/")).unwrap(), path);
        for pattern in ["*.png", "private", "raw/*.jpg", "/nowhere/x"] {
            assert_eq!(parse_exclude(Path::new(pattern)).unwrap(), Exclude::Pattern(pattern.into()));
        }
        assert!(parse_exclude(Path::new("")).is_err() && parse_exclude(Path::new("/")).is_err());
    }

    #[test]
    fn excludes_are_added_once_and_taken_back_by_what_they_are_called() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let gone = base.join("gone");
        let old = [as_path(&gone).unwrap(), Exclude::Pattern("*.png".into())];
        let same = changed(&old, &["*.png".into(), "*.gif".into(), "*.gif".into()], &[]).unwrap();
        assert_eq!(same[2..], [Exclude::Pattern("*.gif".into())]);
        assert_eq!(changed(&old, &[], &[base.join("./x/../gone"), "*.png".into()]).ok(), None, "x is nowhere");
        assert_eq!(changed(&old, &[], &[base.join("./gone"), "*.png".into()]).unwrap(), []);
        let error = changed(&old, &[], &[gone.join("inside.jpg")]).unwrap_err().to_string();
        assert!(error.contains("inside.jpg") && error.contains(&gone.display().to_string()), "{error}");
        let error = changed(&old, &[], &["*.jpg".into()]).unwrap_err().to_string();
        assert!(error.contains("*.png"), "{error}");
        assert!(changed(&[], &[], &["*.jpg".into()]).unwrap_err().to_string().contains("nothing is excluded"));
    }

    #[cfg(unix)]
    #[test]
    fn a_path_has_a_spelling_for_every_link_on_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("real/inner")).unwrap();
        std::os::unix::fs::symlink(base.join("real"), base.join("link")).unwrap();
        assert_eq!(spellings(&base.join("link/inner"))[..2], [base.join("real/inner"), base.join("link/inner")]);
        assert_eq!(spellings(&base.join("link/none")), [base.join("real/none"), base.join("link/none")]);
    }
}
