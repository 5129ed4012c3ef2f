//! What is left out of the roots: paths that were removed, and patterns.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use clip_index::{Exclude, StoredPath};

use crate::error::IndexerError;
use crate::options::{Depth, IndexOptions};
use crate::pattern::Pattern;

/// What a run leaves out, ready to be compared with paths.
///
/// If several excludes and exceptions match a path, or a folder that contains it, the last decides. The limits on depth and
/// file systems have no exceptions.
#[derive(Debug, Default)]
pub(crate) struct Excluded {
    /// For each path that is named, the last entry that names it.
    paths: HashMap<PathBuf, Naming>,
    patterns: Vec<(Naming, Pattern)>,
    has_exceptions: bool,
    max_depth: Option<u32>,
    one_file_system: bool,
    roots: Vec<PathBuf>,
}

/// An exclude or an exception: its position in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Naming {
    place: usize,
    is_exception: bool,
}

impl Excluded {
    /// `roots` are canonical; patterns that are not absolute are compared with what comes after them in a path.
    pub fn new(excludes: &[Exclude], roots: &[PathBuf]) -> Excluded {
        let mut excluded = Excluded { roots: roots.to_vec(), ..Excluded::default() };
        for (place, exclude) in excludes.iter().enumerate() {
            match exclude {
                Exclude::DeeperThan(levels) => excluded.max_depth = Some(*levels),
                Exclude::OtherFileSystems => excluded.one_file_system = true,
                Exclude::Except(named) => excluded.name(named, Naming { place, is_exception: true }),
                named => excluded.name(named, Naming { place, is_exception: false }),
            }
        }
        excluded
    }

    fn name(&mut self, named: &Exclude, naming: Naming) {
        match named {
            Exclude::Path(path) => drop(self.paths.insert(path.path(), naming)),
            Exclude::Pattern(pattern) => self.patterns.push((naming, Pattern::new(pattern))),
            // An exception to an exception is never written.
            _ => return,
        }
        self.has_exceptions |= naming.is_exception;
    }

    /// Whether everything on another file system than its root is left out.
    pub fn is_one_file_system(&self) -> bool {
        self.one_file_system
    }

    /// Whether this file or folder is left out, provided that the folders above it are not, or only because of exceptions
    /// in them.
    pub fn names(&self, path: &Path, is_folder: bool) -> bool {
        if self.has_exceptions {
            return self.covers(path, is_folder);
        }
        self.is_too_deep(path, is_folder) || self.naming(path, is_folder).is_some()
    }

    /// Whether this file or folder, or one of the folders above it, is left out.
    pub fn covers(&self, path: &Path, is_folder: bool) -> bool {
        self.is_too_deep(path, is_folder) || self.deciding(path, is_folder).is_some_and(|naming| !naming.is_exception)
    }

    /// Whether this folder is left out, and nothing in it is kept by an exception.
    pub fn shuts(&self, folder: &Path) -> bool {
        if self.is_too_deep(folder, true) {
            return true;
        }
        let Some(naming) = self.deciding(folder, true).filter(|naming| !naming.is_exception) else { return false };
        let is_kept = |exception: &Naming| exception.is_exception && exception.place > naming.place;
        // A pattern may match anywhere; that is not known before the folder is read.
        let may_match = self.patterns.iter().any(|(exception, _)| is_kept(exception));
        !may_match && !self.paths.iter().any(|(path, exception)| is_kept(exception) && path.starts_with(folder))
    }

    /// The position of the exclude that leaves out this file or folder.
    pub fn left_out_by(&self, path: &Path, is_folder: bool) -> Option<usize> {
        self.deciding(path, is_folder).filter(|naming| !naming.is_exception).map(|naming| naming.place)
    }

    /// Whether it is deeper than the maximum depth. A folder is if everything in it is.
    pub fn is_too_deep(&self, path: &Path, is_folder: bool) -> bool {
        let Some(most) = self.max_depth else { return false };
        let Some(root) = self.root_of(path) else { return false };
        let depth = path.components().count() - root.components().count() + usize::from(is_folder);
        depth > most as usize
    }

    /// The entry that decides about a file or folder, by its own name or by that of a folder above it.
    fn deciding(&self, path: &Path, is_folder: bool) -> Option<Naming> {
        if self.paths.is_empty() && self.patterns.is_empty() {
            return None;
        }
        let above = path.ancestors().skip(1).filter_map(|folder| self.naming(folder, true));
        self.naming(path, is_folder).into_iter().chain(above).max()
    }

    /// The last entry that matches this very file or folder.
    fn naming(&self, path: &Path, is_folder: bool) -> Option<Naming> {
        let by_path = self.paths.get(path).copied();
        if self.patterns.is_empty() {
            return by_path;
        }
        let all = components(path);
        let below_root = self.root_of(path).map_or(all.len(), |root| components(root).len());
        let matches = |pattern: &Pattern| {
            pattern.matches(&all[below_root..], is_folder) || pattern.is_absolute && pattern.matches(&all, is_folder)
        };
        let by_pattern = self.patterns.iter().rev().find(|(_, pattern)| matches(pattern)).map(|(naming, _)| *naming);
        by_path.max(by_pattern)
    }

    fn root_of(&self, path: &Path) -> Option<&Path> {
        self.roots.iter().find(|root| path.starts_with(root)).map(PathBuf::as_path)
    }
}

/// The names that a path is made of, without its root; a drive of Windows is one of them.
pub(crate) fn components(path: &Path) -> Vec<&[u8]> {
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
/// [`IndexerError::EmptyExclude`]; [`IndexerError::Pattern`] for a pattern that cannot mean what it says; or
/// [`IndexerError::Index`] for a path that cannot be stored.
pub fn parse_exclude(given: &Path) -> Result<Exclude, IndexerError> {
    let pattern = |text: &str| match Pattern::fault(text) {
        None => Ok(Exclude::Pattern(text.to_owned())),
        Some(fault) => Err(IndexerError::Pattern { pattern: text.to_owned(), fault }),
    };
    let is_name = matches!(given.components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
    match given.to_str() {
        Some(text) if text.trim_matches('/').is_empty() => Err(IndexerError::EmptyExclude),
        Some(text) if is_name => pattern(text),
        Some(text) => match given.canonicalize() {
            Ok(path) => as_path(&path),
            Err(_) => pattern(text),
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
/// An include removes the exclude that it names; otherwise, it becomes an exception to all excludes, including those given
/// with it. An exclude replaces an exception of the same name.
///
/// # Errors
/// [`IndexerError::NotExcluded`] if an include names nothing that an exclude could match; the errors of [`parse_exclude`].
pub(crate) fn changed(old: &[Exclude], options: &IndexOptions) -> Result<Vec<Exclude>, IndexerError> {
    let mut excludes = old.to_vec();
    let mut exceptions = Vec::new();
    for given in &options.include {
        let before = excludes.len();
        excludes.retain(|exclude| !is_called(exclude, given));
        if excludes.len() == before {
            exceptions.push(given);
        }
    }
    for given in &options.exclude {
        let exclude = parse_exclude(given)?;
        excludes.retain(|other| !is_exception(other, &exclude));
        if !excludes.contains(&exclude) {
            excludes.push(exclude);
        }
    }
    for given in exceptions {
        let exception = parse_exclude(given)?;
        if !is_about(&excludes, given, &exception) {
            let excluded = excludes.iter().filter(|exclude| is_plain(exclude)).map(describe).collect();
            return Err(IndexerError::NotExcluded { given: given.clone(), excluded });
        }
        excludes.retain(|other| !is_exception(other, &exception));
        excludes.push(Exclude::Except(Box::new(exception)));
    }
    // An exception to nothing.
    let rest = excludes.split_off(excludes.iter().position(is_plain).unwrap_or(excludes.len()));
    excludes.retain(|exclude| !matches!(exclude, Exclude::Except(_)));
    excludes.extend(rest);
    if let Some(depth) = options.max_depth {
        excludes.retain(|exclude| !matches!(exclude, Exclude::DeeperThan(_)));
        if let Depth::UpTo(levels) = depth {
            excludes.push(Exclude::DeeperThan(levels.get()));
        }
    }
    if let Some(is_one) = options.one_file_system {
        excludes.retain(|exclude| *exclude != Exclude::OtherFileSystems);
        excludes.extend(is_one.then_some(Exclude::OtherFileSystems));
    }
    Ok(excludes)
}

/// Whether it is an exclude rather than an exception or a limit.
fn is_plain(exclude: &Exclude) -> bool {
    matches!(exclude, Exclude::Path(_) | Exclude::Pattern(_))
}

fn is_exception(exclude: &Exclude, of: &Exclude) -> bool {
    matches!(exclude, Exclude::Except(named) if **named == *of)
}

/// Whether an include names this exclude.
fn is_called(exclude: &Exclude, given: &Path) -> bool {
    match exclude {
        Exclude::Pattern(pattern) => Some(pattern.as_str()) == given.to_str(),
        Exclude::Path(path) => spellings(given).contains(&path.path()),
        _ => false,
    }
}

/// Whether an exception can apply to any of the excludes. If not, it is misspelt.
fn is_about(excludes: &[Exclude], given: &Path, exception: &Exclude) -> bool {
    let bare = |text: &str| text.trim_matches('/').to_owned();
    match exception {
        // With a missing or an extra slash.
        Exclude::Pattern(text) => {
            let is_same =
                |exclude: &Exclude| matches!(exclude, Exclude::Pattern(pattern) if bare(pattern) == bare(text));
            excludes.iter().any(is_plain) && !excludes.iter().any(is_same)
        }
        _ => {
            // Patterns may match below any folder, and whether it is indexed is not known here.
            let has_patterns = excludes.iter().any(|exclude| matches!(exclude, Exclude::Pattern(_)));
            let excluded = Excluded::new(excludes, &[]);
            has_patterns || spellings(given).iter().any(|path| excluded.left_out_by(path, path.is_dir()).is_some())
        }
    }
}

/// An exclude as it may be given to be taken back.
pub(crate) fn describe(exclude: &Exclude) -> String {
    match exclude {
        Exclude::Path(path) => path.path().display().to_string(),
        Exclude::Pattern(pattern) => pattern.clone(),
        Exclude::Except(named) => describe(named),
        Exclude::DeeperThan(levels) => format!("what is deeper than {levels}"),
        Exclude::OtherFileSystems => "other file systems".to_owned(),
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
            None if text.starts_with('!') => {
                let named = match text[1..].strip_prefix('=') {
                    Some(path) => as_path(Path::new(path)).unwrap(),
                    None => Exclude::Pattern(text[1..].to_owned()),
                };
                Exclude::Except(Box::new(named))
            }
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
        for broken in ["[", "a[z-a]b", "*/[x"] {
            let error = parse_exclude(Path::new(broken)).unwrap_err();
            assert!(matches!(&error, IndexerError::Pattern { pattern, .. } if pattern == broken), "{error}");
        }
        assert!(parse_exclude(Path::new("")).is_err() && parse_exclude(Path::new("/")).is_err());
    }

    #[test]
    fn a_leading_slash_is_the_root_or_that_of_all() {
        let covers = |pattern: &str, path: &str| excluded(&[pattern]).covers(Path::new(path), false);
        assert!(covers("/2019/", "/home/raw/2019/a.jpg") && !covers("/2019/", "/home/raw/x/2019/a.jpg"));
        assert!(covers("/home/raw/2019/", "/home/raw/2019/a.jpg"));
    }

    #[test]
    fn the_last_that_names_a_path_or_a_folder_above_it_decides() {
        let covers = |excludes: &[&str], path: &str| excluded(excludes).covers(Path::new(path), false);
        let keep = ["*.png", "!keep*.png", "!best/"];
        for (path, expected) in [("a.png", true), ("keep1.png", false), ("best/a.png", false), ("a.jpg", false)] {
            assert_eq!(covers(&keep, &format!("/home/raw/{path}")), expected, "{path}");
        }
        assert!(covers(&["!keep.png", "*.png"], "/home/raw/keep.png"));
        // In a folder that is left out, too, by path or by pattern.
        for excludes in
            [["=/home/raw/a", "!=/home/raw/a/b"], ["a/", "!b/"], ["=/home/raw/a", "!b/"], ["a/", "!=/home/raw/a/b"]]
        {
            assert!(
                !covers(&excludes, "/home/raw/a/b/1.jpg") && covers(&excludes, "/home/raw/a/1.jpg"),
                "{excludes:?}"
            );
            assert!(!excluded(&excludes).shuts(Path::new("/home/raw/a")), "{excludes:?}");
        }
        let shuts = |excludes: &[&str]| excluded(excludes).shuts(Path::new("/home/raw/a"));
        assert!(shuts(&["a/"]) && shuts(&["!b", "a/"]) && shuts(&["a/", "!=/home/raw/b"]) && !shuts(&["b/"]));
    }

    #[test]
    fn depth_is_counted_from_the_root_on() {
        let excluded = Excluded::new(&[Exclude::DeeperThan(2)], &["/home/raw".into()]);
        let too_deep = |path: &str| excluded.covers(Path::new(path), path.ends_with('/'));
        for (path, expected) in
            [("1.jpg", false), ("a/1.jpg", false), ("a/b/1.jpg", true), ("a/", false), ("a/b/", true)]
        {
            assert_eq!(too_deep(&format!("/home/raw/{path}")), expected, "{path}");
        }
        assert!(!too_deep("/elsewhere/a/b/c/d.jpg") && !too_deep("/home/raw/"));
    }

    fn include(old: &[Exclude], include: &[PathBuf]) -> Result<Vec<Exclude>, IndexerError> {
        changed(old, &IndexOptions { include: include.to_vec(), ..IndexOptions::default() })
    }

    fn exclude(old: &[Exclude], exclude: &[&str]) -> Vec<Exclude> {
        let exclude = exclude.iter().map(PathBuf::from).collect();
        changed(old, &IndexOptions { exclude, ..IndexOptions::default() }).unwrap()
    }

    fn pattern(text: &str) -> Exclude {
        Exclude::Pattern(text.into())
    }

    fn except(text: &str) -> Exclude {
        Exclude::Except(Box::new(pattern(text)))
    }

    #[test]
    fn excludes_are_added_once_and_taken_back_by_what_they_are_called() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let gone = base.join("gone");
        let old = [as_path(&gone).unwrap(), pattern("*.png")];
        assert_eq!(exclude(&old, &["*.png", "*.gif", "*.gif"])[1..], [pattern("*.png"), pattern("*.gif")]);
        assert_eq!(include(&old, &[base.join("./gone"), "*.png".into()]).unwrap(), []);
        let error = include(&old, &["*.png/".into()]).unwrap_err().to_string();
        assert!(error.contains("*.png") && error.contains(&gone.display().to_string()), "{error}");
        assert!(include(&[], &["*.jpg".into()]).unwrap_err().to_string().contains("nothing is excluded"));
        std::fs::create_dir(base.join("beside")).unwrap();
        assert!(include(&old[..1], &[base.join("beside")]).is_err(), "it is not in what is excluded");
    }

    #[test]
    fn what_takes_nothing_back_is_an_exception_until_it_is_excluded() {
        let both = changed(
            &[],
            &IndexOptions {
                exclude: vec!["*.png".into()],
                include: vec!["keep.png".into()],
                ..IndexOptions::default()
            },
        )
        .unwrap();
        assert_eq!(both, [pattern("*.png"), except("keep.png")]);
        assert_eq!(include(&both, &["keep.png".into()]).unwrap(), both, "once");
        assert_eq!(exclude(&both, &["keep.png"]), [pattern("*.png"), pattern("keep.png")]);
        assert_eq!(include(&both, &["*.png".into()]).unwrap(), [], "there is nothing to make an exception to");
        assert_eq!(exclude(&both, &["*.png"]), both, "it was excluded already");
        assert_eq!(exclude(&both, &["*.p*"])[2], pattern("*.p*"), "what is excluded later counts for more");
    }

    #[test]
    fn limits_last_until_they_are_changed() {
        let with = |old: &[Exclude], max_depth, one_file_system| {
            changed(old, &IndexOptions { max_depth, one_file_system, ..IndexOptions::default() }).unwrap()
        };
        let up_to = |levels| Some(Depth::UpTo(std::num::NonZeroU32::new(levels).unwrap()));
        let both = with(&[], up_to(3), Some(true));
        assert_eq!(both, [Exclude::DeeperThan(3), Exclude::OtherFileSystems]);
        assert_eq!(with(&both, None, None), both);
        assert_eq!(with(&both, up_to(2), Some(false)), [Exclude::DeeperThan(2)]);
        assert_eq!(with(&both, Some(Depth::Any), None), [Exclude::OtherFileSystems]);
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
