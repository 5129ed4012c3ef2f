//! From folders to the list of files that may be photos.
//!
//! The walk opens folders only; files are judged by name and type, so a named pipe or a device is never opened. It
//! goes through the real tree of every root first and follows symbolic links afterwards, in sorted order: what is
//! reachable without a link is therefore always listed under its real path, and a link adds only what is reachable in
//! no other way. That makes loops harmless and the result independent of the order in which a file system lists names.
//!
//! Whatever cannot be looked at is a blind spot, and so is a root that is not in its place any more when its walk is over: a
//! drive that goes away half-way looks like a folder that was emptied.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clip_files::system_error::describe;
use clip_index::Stamp;
use walkdir::WalkDir;

use crate::excluded::Excluded;
use crate::passed_over::Tally;
use crate::progress::{Event, Progress};
use crate::report::{SkipReason, Skipped};
use crate::stamp::{device_of, stamp_of};
use crate::system_folders::{is_hidden, is_system_folder};

/// How many files are found between two [`Event::Walking`].
const EVENT_EVERY: usize = 256;

/// A regular file whose name says that it is a photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFile {
    /// Absolute, and canonical except for the links followed on the way.
    pub path: PathBuf,
    /// Size and time of change when the walk came by.
    pub stamp: Stamp,
    /// Number of the file system of the folder that it is in, where the system tells.
    pub folder_device: Option<u64>,
}

/// How many blind spots of a folder are worth telling apart from the folder.
const BLIND_IN_FOLDER: usize = 3;

/// A place that the walk could not look into: what the index knows below it must not be taken for deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blind {
    pub path: PathBuf,
    /// A phrase that goes after the path.
    pub reason: String,
    /// A root that cannot be walked: worth a word even if the index knows no photo there.
    pub root: bool,
}

/// What a walk came back with.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub files: Vec<FoundFile>,
    pub skipped: Vec<Skipped>,
    pub blind: Vec<Blind>,
    /// What was passed over because of its name.
    pub passed_over: Tally,
    /// The walk stopped early: absence from `files` means nothing.
    pub cancelled: bool,
}

/// Walks `roots`, which are canonical and disjoint, without what is `excluded`.
pub(crate) fn walk(
    roots: &[PathBuf],
    excluded: &Excluded,
    follow_links: bool,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Walk {
    let mut walker = Walker {
        out: Walk::default(),
        excluded,
        follow_links,
        links: BTreeSet::new(),
        folders: HashSet::new(),
        files: HashSet::new(),
        devices: HashMap::new(),
        progress,
        cancel,
    };
    for root in roots.iter().filter(|root| !excluded.covers(root, true)) {
        walker.tree(root, Phase::Real);
        walker.look_at_root_again(root);
    }
    walker.follow_links();
    walker.merge_blind_spots();
    walker.out.skipped.sort_by(|a, b| a.path.cmp(&b.path));
    progress.event(Event::Walking { found: walker.out.files.len() as u64 });
    walker.out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The tree of a root, links noted for later.
    Real,
    /// The tree behind a link; folders that were already visited are left out.
    Linked,
}

/// What two paths to the same file or folder have in common.
#[derive(PartialEq, Eq, Hash)]
struct Identity(#[cfg(unix)] (u64, u64), #[cfg(not(unix))] PathBuf);

impl Identity {
    #[cfg(unix)]
    fn of(_path: &Path, metadata: &Metadata) -> Option<Identity> {
        use std::os::unix::fs::MetadataExt;
        Some(Identity((metadata.dev(), metadata.ino())))
    }

    #[cfg(not(unix))]
    fn of(path: &Path, _metadata: &Metadata) -> Option<Identity> {
        path.canonicalize().ok().map(Identity)
    }
}

struct Walker<'a> {
    out: Walk,
    excluded: &'a Excluded,
    follow_links: bool,
    links: BTreeSet<PathBuf>,
    folders: HashSet<Identity>,
    files: HashSet<Identity>,
    /// The file systems of the folders that were visited.
    devices: HashMap<PathBuf, u64>,
    progress: &'a dyn Progress,
    cancel: &'a AtomicBool,
}

impl Walker<'_> {
    /// Walks everything below `root` without following links.
    fn tree(&mut self, root: &Path, phase: Phase) {
        let mut entries = WalkDir::new(root).follow_links(false).sort_by_file_name().into_iter();
        while let Some(entry) = entries.next() {
            if self.stopped() {
                return;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.unreadable(error, root);
                    continue;
                }
            };
            let (path, name, kind) = (entry.path(), entry.file_name(), entry.file_type());
            if entry.depth() > 0 {
                let parent = path.parent().and_then(Path::file_name);
                let hidden = is_hidden(name);
                if hidden || kind.is_dir() && is_system_folder(name, parent) {
                    if kind.is_dir() {
                        entries.skip_current_dir();
                    }
                    if hidden {
                        self.out.passed_over.hidden()
                    } else {
                        self.out.passed_over.system_folder()
                    }
                    continue;
                }
                if self.excluded.names(path, kind.is_dir()) {
                    if kind.is_dir() {
                        entries.skip_current_dir();
                    }
                    continue;
                }
                if kind.is_symlink() {
                    self.links.insert(path.to_path_buf());
                    continue;
                }
                // Anything else that is no photo by name costs no further system call.
                if !kind.is_dir() && !clip_image::looks_like_photo(path) {
                    if kind.is_file() {
                        self.out.passed_over.file(path);
                    }
                    continue;
                }
            }
            // At depth 0 in the linked phase the entry is the link itself; its target is what counts.
            let metadata =
                if entry.depth() == 0 { std::fs::metadata(path) } else { entry.metadata().map_err(system_error) };
            let metadata = match metadata {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.blind(path, &error);
                    continue;
                }
            };
            if metadata.is_dir() {
                if let Some(device) = device_of(&metadata) {
                    self.devices.insert(path.to_path_buf(), device);
                }
                let first_visit = Identity::of(path, &metadata).is_none_or(|identity| self.folders.insert(identity));
                // Real trees are disjoint, so there an identity seen before only means a file system that numbers
                // its files carelessly: nothing is left out for it.
                if phase == Phase::Linked && !first_visit {
                    entries.skip_current_dir();
                } else if entry.depth() > 0 {
                    self.name_folder(path);
                }
            } else {
                self.file(path, &metadata);
            }
        }
    }

    /// Follows the links found so far, and those found on the way. Links to folders come first: a file that one of
    /// those holds is then listed there, whichever other links point at it.
    fn follow_links(&mut self) {
        if !self.follow_links {
            return;
        }
        let mut to_files = BTreeSet::new();
        while let Some(link) = self.links.pop_first() {
            if self.stopped() {
                return;
            }
            match std::fs::metadata(&link) {
                Ok(target) if target.is_dir() => self.linked_folder(&link),
                Ok(_) => {
                    to_files.insert(link);
                }
                Err(error) => self.broken_link(link, &error),
            }
        }
        for link in to_files {
            if self.stopped() {
                return;
            }
            match std::fs::metadata(&link) {
                Ok(target) => {
                    let known = Identity::of(&link, &target).is_some_and(|identity| self.files.contains(&identity));
                    let excluded = || link.canonicalize().is_ok_and(|target| self.excluded.covers(&target, false));
                    if clip_image::looks_like_photo(&link) && !known && !excluded() {
                        self.file(&link, &target);
                    }
                }
                Err(error) => self.broken_link(link, &error),
            }
        }
    }

    fn linked_folder(&mut self, link: &Path) {
        let target = link.canonicalize();
        let parent = link.parent().map(Path::canonicalize);
        match (target, parent) {
            // A link to a folder that contains the link is a loop. Nothing is lost by leaving it: inside a root its
            // target is being walked anyway, and outside one it would drag in all that lies around the root.
            (Ok(target), Some(Ok(parent))) if parent.starts_with(&target) => {}
            // What is excluded does not come back through a link.
            (Ok(target), Some(Ok(_))) if self.excluded.names(link, true) || self.excluded.covers(&target, true) => {}
            (Ok(_), Some(Ok(_))) => {
                self.name_folder(link);
                self.tree(link, Phase::Linked);
            }
            (Err(error), _) | (_, Some(Err(error))) => self.broken_link(link.to_path_buf(), &error),
            (_, None) => {}
        }
    }

    /// Makes sure that what was walked is the root that it seemed to be when its walk began.
    fn look_at_root_again(&mut self, root: &Path) {
        if self.out.cancelled || self.out.blind.iter().any(|spot| spot.path == root) {
            return;
        }
        let look = || {
            let metadata = std::fs::metadata(root)?;
            if metadata.is_dir() {
                std::fs::read_dir(root)?;
            }
            Ok(device_of(&metadata))
        };
        let reason = match look() {
            Ok(device) if device.zip(self.devices.get(root).copied()).is_none_or(|(now, before)| now == before) => {
                return;
            }
            Ok(_) => "was on another drive when the run began".to_owned(),
            Err(error) => format!("went away while it was being listed ({})", describe(&error)),
        };
        self.out.blind.retain(|spot| !spot.path.starts_with(root));
        self.out.blind.push(Blind { path: root.to_path_buf(), reason, root: true });
    }

    /// Names a folder instead of everything in it, so that a drive that fails is one place that cannot be reached.
    fn merge_blind_spots(&mut self) {
        let mut told = HashSet::new();
        self.out.blind.retain(|spot| told.insert(spot.path.clone()));
        let mut spots: HashMap<PathBuf, usize> = HashMap::new();
        for folder in self.out.blind.iter().filter(|spot| !spot.root).filter_map(|spot| spot.path.parent()) {
            *spots.entry(folder.to_path_buf()).or_default() += 1;
        }
        spots.retain(|_, count| *count >= BLIND_IN_FOLDER);
        for spot in self.out.blind.iter_mut().filter(|spot| !spot.root) {
            if let Some(folder) = spot.path.parent().filter(|folder| spots.contains_key(*folder)) {
                spot.reason = format!("cannot be read in part: {} {}", spot.path.display(), spot.reason);
                spot.path = folder.to_path_buf();
            }
        }
        let mut merged = HashSet::new();
        self.out.blind.retain(|spot| !spots.contains_key(&spot.path) || merged.insert(spot.path.clone()));
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) {
        if !metadata.is_file() {
            self.skip(path, SkipReason::NotAFile { kind: clip_files::kind::name(metadata.file_type()) });
            return;
        }
        if let Some(identity) = Identity::of(path, metadata) {
            self.files.insert(identity);
        }
        let folder_device = path.parent().and_then(|folder| self.devices.get(folder)).copied();
        self.out.files.push(FoundFile { path: path.to_path_buf(), stamp: stamp_of(metadata), folder_device });
        if self.out.files.len().is_multiple_of(EVENT_EVERY) {
            self.progress.event(Event::Walking { found: self.out.files.len() as u64 });
        }
    }

    /// A folder called like a photo is more often a mistake than a wish, so it is named; its contents still count.
    fn name_folder(&mut self, path: &Path) {
        if clip_image::looks_like_photo(path) {
            self.skip(path, SkipReason::NotAFile { kind: "a folder" });
        }
    }

    fn unreadable(&mut self, error: walkdir::Error, root: &Path) {
        let path = error.path().unwrap_or(root).to_path_buf();
        self.blind(&path, &system_error(error));
    }

    /// Notes a file or folder that cannot be looked at. What vanished between being listed and being looked at is not
    /// worth a word, but a root always is.
    fn blind(&mut self, path: &Path, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.skip(path, SkipReason::Unreadable { error: describe(error) });
        }
        self.out.blind.push(Blind {
            path: path.to_path_buf(),
            reason: format!("cannot be read ({})", describe(error)),
            root: false,
        });
    }

    fn broken_link(&mut self, link: PathBuf, error: &io::Error) {
        let reason = match std::fs::read_link(&link) {
            Ok(target) if error.kind() == io::ErrorKind::NotFound => SkipReason::DanglingLink { target },
            // The link itself vanished meanwhile, perhaps with the drive that it is on.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => {
                let reason = format!("cannot be read ({})", describe(&gone));
                self.out.blind.push(Blind { path: link, reason, root: false });
                return;
            }
            _ => SkipReason::BadLink { error: describe(error) },
        };
        self.out.blind.push(Blind { path: link.clone(), reason: format!("is {reason}"), root: false });
        self.skip(&link, reason);
    }

    fn skip(&mut self, path: &Path, reason: SkipReason) {
        let skipped = Skipped { path: path.to_path_buf(), reason };
        self.progress.event(Event::Skipped(&skipped));
        self.out.skipped.push(skipped);
    }

    fn stopped(&mut self) -> bool {
        self.out.cancelled |= self.cancel.load(Ordering::Relaxed);
        self.out.cancelled
    }
}

/// What the system said, without the path that walkdir adds.
fn system_error(error: walkdir::Error) -> io::Error {
    // Only a loop has no error of the system's behind it, and without following links there is none.
    error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into())
}

#[cfg(test)]
mod tests;
