//! The cache's layout, which `huggingface_hub` defines:
//!
//! ```text
//! models--ORG--NAME/
//!   blobs/HASH                 contents, by the hash that the hub knows them by
//!   refs/main                  the commit that a branch or tag stood for when it was last asked for
//!   snapshots/COMMIT/FILE      links to blobs (copies where links are not possible)
//! .locks/models--ORG--NAME/HASH.lock
//! ```

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use clip_files::{atomic, kind, regular, system_error};

use crate::HubError;
use crate::digest::Digest;
use crate::escape::{EscapedPath, shortened};
use crate::repository::{Repository, is_commit, is_revision};

/// How many bytes of a reference are read: enough for a commit and white space around it.
const MAX_REFERENCE: u64 = 256;
/// How many characters of a reference a message repeats.
const SHOWN: usize = 100;

/// What is expected in most places of the cache.
pub(crate) const A_FILE: &str = "a file";
/// What is expected in the others.
pub(crate) const A_FOLDER: &str = "a folder";

/// A folder of checkpoints, shared with other programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

/// The files of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The folder with the files.
    pub folder: PathBuf,
    /// The commit, in hexadecimal.
    pub commit: String,
}

/// Why there is no checkpoint to use.
#[derive(Debug)]
pub(crate) enum Lack {
    /// It, or this part of it, is not there; a download mends that.
    Missing(String),
    /// Whether it is there cannot be told, or something else is in its place. A download would meet the same.
    Unusable(HubError),
}

impl From<HubError> for Lack {
    fn from(error: HubError) -> Self {
        Self::Unusable(error)
    }
}

impl Cache {
    /// A cache in this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The cache's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The snapshot that a branch, tag or commit stands for, complete or not, if there is one.
    pub fn snapshot(&self, repository: &Repository, revision: &str) -> Option<Snapshot> {
        self.look_up(repository, revision).ok()
    }

    /// The same; the error says why there is none.
    pub(crate) fn look_up(&self, repository: &Repository, revision: &str) -> Result<Snapshot, Lack> {
        let nothing = || Lack::Missing(format!("nothing of {repository} is cached"));
        let (commit, named_by) = if is_commit(revision) {
            (revision.to_ascii_lowercase(), String::new())
        } else {
            let reference = self.reference(repository, revision).ok_or_else(nothing)?;
            let mut text = Vec::new();
            let read = regular::open(&reference).and_then(|file| file.take(MAX_REFERENCE).read_to_end(&mut text));
            let shown = EscapedPath(&reference);
            match read {
                Err(error) if system_error::says_missing(&error) && obstacle(&reference, A_FILE).is_none() => {
                    return Err(nothing());
                }
                Err(source) => return Err(Lack::Unusable(fault("read", &reference, A_FILE, source))),
                Ok(_) => {}
            }
            let commit = parse_reference(&text).ok_or_else(|| {
                let found = shortened(&String::from_utf8_lossy(&text), SHOWN);
                Lack::Missing(format!("expected the hash of a commit in {shown}, found `{found}`"))
            })?;
            (commit, format!(", which {shown} names,"))
        };
        let folder = self.snapshot_folder(repository, &commit);
        match fs::metadata(&folder) {
            Ok(metadata) if metadata.is_dir() => Ok(Snapshot { folder, commit }),
            Err(error) if system_error::says_missing(&error) && obstacle(&folder, A_FOLDER).is_none() => {
                Err(Lack::Missing(format!("the snapshot of commit {commit}{named_by} is not there")))
            }
            other => {
                let source = other.err().unwrap_or_else(|| io::ErrorKind::NotADirectory.into());
                Err(Lack::Unusable(fault("read", &folder, A_FOLDER, source)))
            }
        }
    }

    /// All model repositories that the cache holds something of, sorted.
    pub fn repositories(&self) -> Vec<Repository> {
        let mut repositories: Vec<Repository> = fs::read_dir(&self.root)
            .into_iter()
            .flatten()
            .filter_map(|entry| Repository::of_folder(entry.ok()?.file_name().to_str()?))
            .collect();
        repositories.sort();
        repositories
    }

    /// The folder with a commit's files.
    pub(crate) fn snapshot_folder(&self, repository: &Repository, commit: &str) -> PathBuf {
        self.repository(repository).join("snapshots").join(commit)
    }

    pub(crate) fn blob(&self, repository: &Repository, digest: Digest) -> PathBuf {
        self.repository(repository).join("blobs").join(digest.to_string())
    }

    /// The part of a blob that has been fetched so far.
    pub(crate) fn partial(&self, repository: &Repository, digest: Digest) -> PathBuf {
        self.repository(repository).join("blobs").join(format!("{digest}.incomplete"))
    }

    /// The file that is locked by whoever fetches a blob.
    pub(crate) fn lock_file(&self, repository: &Repository, digest: Digest) -> PathBuf {
        self.root.join(".locks").join(repository.folder_name()).join(format!("{digest}.lock"))
    }

    /// Remembers which commit a branch or tag stands for; the next reader finds either the old or the new one.
    pub(crate) fn set_reference(&self, repository: &Repository, revision: &str, commit: &str) -> Result<(), HubError> {
        let Some(path) = self.reference(repository, revision).filter(|_| !is_commit(revision)) else { return Ok(()) };
        if regular::read_to_string(&path, MAX_REFERENCE).is_ok_and(|known| known == commit) {
            return Ok(());
        }
        create_parent(&path)?;
        // After a power failure the reference is the old or the new one.
        atomic::write_shared(&path, commit.as_bytes()).map_err(|source| fault("write", &path, A_FILE, source))
    }

    fn repository(&self, repository: &Repository) -> PathBuf {
        self.root.join(repository.folder_name())
    }

    fn reference(&self, repository: &Repository, revision: &str) -> Option<PathBuf> {
        is_revision(revision).then(|| self.repository(repository).join("refs").join(revision))
    }
}

/// The commit that a reference holds. It may hold anything, and only a commit becomes a path.
pub(crate) fn parse_reference(text: &[u8]) -> Option<String> {
    let commit = std::str::from_utf8(text).ok()?.trim();
    is_commit(commit).then(|| commit.to_owned())
}

/// A name in the same folder that nobody else uses, in this process or another.
pub(crate) fn beside(path: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let (name, number) = (path.file_name().unwrap_or_default(), COUNTER.fetch_add(1, Ordering::Relaxed));
    path.with_file_name(format!(".{}.{}-{number}.tmp", name.to_string_lossy(), std::process::id()))
}

pub(crate) fn create_parent(path: &Path) -> Result<(), HubError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::create_dir_all(parent).map_err(|source| match dangling(parent) {
        Some(source) => HubError::Io { action: "create", path: parent.to_owned(), source },
        None => fault("create", parent, A_FOLDER, source),
    })
}

/// Why a file or folder of the cache cannot be used: what is in its place or above it, or else the system's reason.
pub(crate) fn fault(action: &'static str, path: &Path, expected: &'static str, source: io::Error) -> HubError {
    obstacle(path, expected).unwrap_or_else(|| HubError::Io { action, path: path.to_owned(), source })
}

/// What lies in the place of a file or folder, or of one of the folders above it, and is of another kind. Links are
/// followed.
pub(crate) fn obstacle(path: &Path, expected: &'static str) -> Option<HubError> {
    let found = path.ancestors().find_map(|place| Some((place, fs::metadata(place).ok()?)));
    let (place, metadata) = found?;
    let expected = if place == path { expected } else { A_FOLDER };
    let fits = if expected == A_FILE { metadata.is_file() } else { metadata.is_dir() };
    let found = kind::name(metadata.file_type());
    (!fits).then(|| HubError::InTheWay { path: place.to_owned(), expected, found })
}

/// Where a folder cannot be made because a link above it, or in its place, leads nowhere: what the link is.
fn dangling(folder: &Path) -> Option<io::Error> {
    let is_dangling = |path: &&Path| path.is_symlink() && !path.exists();
    let link = folder.ancestors().find(is_dangling)?;
    let target = fs::read_link(link).ok()?;
    let (link, target) = (EscapedPath(link), EscapedPath(&target));
    let reason = format!("expected a folder, found that {link} is a link to {target}, which is not there");
    Some(io::Error::new(io::ErrorKind::NotFound, reason))
}

/// Renames a file, over an older one if need be.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), HubError> {
    fs::rename(from, to).map_err(|source| fault("write", to, A_FILE, source))
}

/// Gives a temporary file its name, over an older one; it is removed if that fails.
pub(crate) fn replace(temporary: &Path, path: &Path) -> Result<(), HubError> {
    fs::rename(temporary, path).map_err(|source| {
        let _ = fs::remove_file(temporary);
        fault("replace", path, A_FILE, source)
    })
}

/// Removes a file that may not be there.
pub(crate) fn remove(path: &Path) -> Result<(), HubError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(fault("remove", path, A_FILE, source)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_to_snapshots_and_nowhere_else() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path());
        let repository = Repository::parse("org/name").unwrap();
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let missing = |revision: &str| match cache.look_up(&repository, revision) {
            Err(Lack::Missing(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(cache.snapshot(&repository, "main"), None);
        cache.set_reference(&repository, "main", commit).unwrap();
        assert_eq!(cache.snapshot(&repository, "main"), None, "there are no files yet");
        let reason = missing("main");
        assert!(reason.contains(commit) && reason.contains("refs/main"), "{reason}");
        let folder = root.path().join("models--org--name/snapshots").join(commit);
        fs::create_dir_all(&folder).unwrap();
        let expected = Some(Snapshot { folder, commit: commit.to_owned() });
        assert_eq!(cache.snapshot(&repository, "main"), expected);
        assert_eq!(cache.snapshot(&repository, commit), expected);
        assert_eq!(cache.snapshot(&repository, &commit.to_uppercase()), expected);
        assert_eq!(cache.snapshot(&repository, "../../x"), None);
        fs::write(root.path().join("models--org--name/refs/main"), "../../..").unwrap();
        assert_eq!(cache.snapshot(&repository, "main"), None);
        fs::write(root.path().join("models--org--name/refs/main"), format!("\u{feff}{commit}")).unwrap();
        let reason = missing("main");
        assert!(reason.contains(&format!("found `\\u{{feff}}{commit}`")), "{reason}");
        assert_eq!(missing("other"), "nothing of org/name is cached");
        fs::create_dir(root.path().join("datasets--org--name")).unwrap();
        assert_eq!(cache.repositories(), [repository]);
        assert_eq!(Cache::new(root.path().join("none")).repositories(), []);
        let left: Vec<_> = fs::read_dir(root.path().join("models--org--name/refs")).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file stays");
    }

    #[test]
    fn a_reference_that_cannot_be_replaced_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path());
        let repository = Repository::parse("org/name").unwrap();
        let references = root.path().join("models--org--name/refs");
        fs::create_dir_all(references.join("main/x")).unwrap();
        let error = cache.set_reference(&repository, "main", "0123456789abcdef0123456789abcdef01234567").unwrap_err();
        assert!(error.to_string().contains("refs/main"), "{error}");
        assert_eq!(fs::read_dir(references).unwrap().count(), 1);
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path());
        let repository = Repository::parse("org/name").unwrap();
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let folder = root.path().join("models--org--name");
        let unusable = |revision: &str| match cache.look_up(&repository, revision) {
            Err(Lack::Unusable(error @ HubError::InTheWay { .. })) => error.to_string(),
            other => panic!("{other:?}"),
        };
        fs::create_dir_all(folder.join("refs/main")).unwrap();
        assert!(unusable("main").starts_with("expected a file at "), "{}", unusable("main"));
        fs::remove_dir_all(folder.join("refs")).unwrap();
        fs::write(folder.join("refs"), "").unwrap();
        assert!(unusable("main").ends_with("refs, found a file"), "{}", unusable("main"));
        fs::remove_file(folder.join("refs")).unwrap();
        fs::write(folder.join("snapshots"), "").unwrap();
        assert!(unusable(commit).ends_with("snapshots, found a file"), "{}", unusable(commit));
        let blocked = [
            create_parent(&folder.join("snapshots/x/config.json")).unwrap_err(),
            rename(&folder.join("snapshots"), root.path()).unwrap_err(),
            remove(&folder).unwrap_err(),
        ];
        for error in blocked {
            assert!(matches!(error, HubError::InTheWay { .. }), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_may_not_be_looked_at_is_not_missing() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path());
        let repository = Repository::parse("org/name").unwrap();
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let snapshots = root.path().join("models--org--name/snapshots");
        fs::create_dir_all(snapshots.join(commit)).unwrap();
        fs::set_permissions(&snapshots, fs::Permissions::from_mode(0o000)).unwrap();
        let found = cache.look_up(&repository, commit);
        let everything_is_allowed = snapshots.join(commit).metadata().is_ok();
        fs::set_permissions(&snapshots, fs::Permissions::from_mode(0o700)).unwrap();
        match found {
            Err(Lack::Unusable(HubError::Io { action: "read", source, .. })) => {
                assert_eq!(source.kind(), io::ErrorKind::PermissionDenied);
            }
            // The superuser may.
            other => assert!(everything_is_allowed, "{other:?}"),
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_named() {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("hub");
        std::os::unix::fs::symlink("/no/such/drive", &link).unwrap();
        let error = create_parent(&link.join("models--a--b/blobs/x")).unwrap_err().to_string();
        assert!(error.contains("hub is a link to /no/such/drive, which is not there"), "{error}");
    }
}
