//! Drives that come and go: no system tells of all of these.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders and files that are watched, and what they were when they were last looked at.
#[derive(Debug, Default)]
pub(crate) struct Roots(Vec<(PathBuf, Identity)>);

/// What tells a folder from another that takes its place; `None` if there is none.
type Identity = Option<(u64, u64)>;

impl Roots {
    /// Sets which they are. What was known of them stays.
    pub fn set(&mut self, roots: &[PathBuf]) {
        let before = std::mem::take(&mut self.0);
        let known = |root: &PathBuf| before.iter().find(|(path, _)| path == root).map(|(_, identity)| *identity);
        self.0 = roots.iter().map(|root| (root.clone(), known(root).unwrap_or_else(|| identity(root)))).collect();
    }

    /// Notes that what was at this path is gone, which was told. If it comes back, that is a change.
    pub fn forget(&mut self, path: &Path) {
        for (_, identity) in self.0.iter_mut().filter(|(root, _)| root.starts_with(path)) {
            *identity = None;
        }
    }

    /// Those that are no more what they were at the last call: gone, back, or another drive's.
    pub fn changed(&mut self) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for (root, before) in &mut self.0 {
            let now = identity(root);
            if *before != now {
                *before = now;
                changed.push(root.clone());
            }
        }
        changed
    }
}

fn identity(path: &Path) -> Identity {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_dir)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        Some((0, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_goes_and_comes_back_is_told_of_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("drive");
        let mut roots = Roots::default();
        roots.set(std::slice::from_ref(&root));
        assert!(roots.changed().is_empty());
        fs::create_dir(&root).unwrap();
        assert_eq!(roots.changed(), std::slice::from_ref(&root));
        roots.set(std::slice::from_ref(&root));
        assert!(roots.changed().is_empty());
        fs::rename(&root, dir.path().join("other")).unwrap();
        assert_eq!(roots.changed(), [root]);
    }
}
