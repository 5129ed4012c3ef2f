//! Symbolic links, as a walk of everything left them.
//!
//! A link is followed only if what it leads to is reached in no other way, which cannot be told from a part of the folders. So
//! a run of a region takes over what was found out about links, and is of no use where one has changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// What became of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The folder that it leads to was walked.
    Folder,
    /// The photo that it leads to was listed.
    File,
    /// It leads to what was reached otherwise, to nothing, or to no photo.
    None,
}

/// A link and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    role: Role,
    /// What it says, from the root of the file system; `None` if it is no link.
    says: Option<PathBuf>,
    /// Where that is, through all other links; `None` if it leads nowhere.
    target: Option<PathBuf>,
}

impl Link {
    /// Looks at the link in this place.
    pub fn of(path: &Path, role: Role) -> Link {
        let says = fs::read_link(path).ok().map(|says| normal(&path.parent().unwrap_or(path).join(says)));
        Link { role, target: says.as_ref().and_then(|_| path.canonicalize().ok()), says }
    }

    /// Whether it leads to this path or into it.
    fn leads_into(&self, path: &Path) -> bool {
        [&self.says, &self.target].into_iter().flatten().any(|to| to.starts_with(path))
    }
}

/// Links by their places.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links(BTreeMap<PathBuf, Link>);

impl Links {
    pub fn insert(&mut self, link: Link, path: PathBuf) {
        self.0.insert(path, link);
    }

    /// Whether there is a link here whose folder was walked.
    pub fn enters(&self, path: &Path) -> bool {
        self.0.get(path).is_some_and(|link| link.role == Role::Folder)
    }

    /// Whether there is a link here whose photo was listed.
    pub fn lists(&self, path: &Path) -> bool {
        self.0.get(path).is_some_and(|link| link.role == Role::File)
    }

    /// Whether a path is that of a link whose folder was walked, or lies behind one.
    pub fn are_above(&self, path: &Path) -> bool {
        !self.0.is_empty() && path.ancestors().any(|path| self.enters(path))
    }

    /// How many lead to folders that were walked.
    pub fn folders(&self) -> usize {
        self.0.values().filter(|link| link.role == Role::Folder).count()
    }

    /// Whether a link is as it was.
    pub fn is_unchanged(&self, path: &Path) -> bool {
        self.0.get(path).is_some_and(|link| *link == Link::of(path, link.role))
    }

    /// Whether a link that mattered is gone from a part of the folders, or leads elsewhere.
    pub fn have_changed_in(&self, covers: impl Fn(&Path) -> bool) -> bool {
        self.0.iter().any(|(path, link)| link.role != Role::None && covers(path) && !self.is_unchanged(path))
    }

    /// Whether a link leads to this path, or into it, and does not lead where it did before.
    pub fn have_lost(&self, path: &Path) -> bool {
        self.0.iter().any(|(place, link)| link.leads_into(path) && !self.is_unchanged(place))
    }

    /// Whether any link leads into this folder, or is in it and was followed.
    pub fn concern(&self, folder: &Path) -> bool {
        let is_followed = |path: &Path, link: &Link| link.role != Role::None && path.starts_with(folder);
        self.0.iter().any(|(path, link)| link.leads_into(folder) || is_followed(path, link))
    }
}

/// A path without `.` and `..`, as far as that can be told without looking at the disk.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_that_leads_elsewhere_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        fs::create_dir(base.join("target")).unwrap();
        let link = base.join("link");
        symlink("x/../target", &link).unwrap();
        let mut links = Links::default();
        links.insert(Link::of(&link, Role::Folder), link.clone());
        // `x` does not exist, so the link leads nowhere, but what it says is remembered.
        assert!(links.is_unchanged(&link) && links.concern(&base.join("target")) && links.enters(&link));
        assert!(links.are_above(&link.join("a/b")) && !links.are_above(&base.join("linked")));
        assert!(!links.have_lost(&base.join("target")));
        fs::create_dir(base.join("x")).unwrap();
        assert!(!links.is_unchanged(&link) && links.have_lost(&base.join("target")));
        assert!(!links.have_lost(&base.join("other")));
    }
}
