//! From folders to the list of files that may be photos.
//!
//! The walk opens folders and [`IGNORE_FILE`]s only; files are judged by name and type, so a named pipe or a device is never
//! opened. It goes through the real tree of every root first and follows symbolic links afterwards, in sorted order: what is
//! reachable without a link is therefore always listed under its real path, and a link adds only what is reachable in
//! no other way. That makes loops harmless and the result independent of the order in which a file system lists names.
//!
//! Whatever cannot be read is a blind spot, and so is a root that is no longer in its place when its walk is over: a drive
//! that goes away half-way looks like a folder that was emptied.
//!
//! A walk of a [`Region`] finds there what a walk of everything would. It goes down to each part from its root, so that all that
//! leaves out a folder on the way is heeded, and lists nothing but the parts. Which links lead where is known from the walk of
//! everything before it; where one has changed, the walk of the region is of no use ([`Walk::links_have_changed`]).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{DirEntry, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clip_files::system_error::{describe, says_missing};
use clip_progress::Progress;
use walkdir::WalkDir;

use crate::excluded::Excluded;
use crate::found::{Blind, FoundFile};
use crate::ignore_file::{IGNORE_FILE, IgnoreFault, IgnoreFiles};
use crate::links::{Link, Links, Role};
use crate::passed_over::Tally;
use crate::placeholder::{is_placeholder, stands_for};
use crate::progress::Event;
use crate::region::Region;
use crate::report::{SkipReason, Skipped};
use crate::sidecars::{Beside, is_video};
use crate::stamp::{device_of, stamp_of};
use crate::system_folders::{is_hidden, is_system_folder};

/// How many files are found between two [`Event::Walking`].
const EVENT_EVERY: usize = 256;

/// How many blind spots of a folder are worth telling apart from the folder.
const BLIND_IN_FOLDER: usize = 3;

/// What a walk looks at.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub excluded: Excluded,
    /// The ignore files above the roots; the walk reads the others.
    pub ignore_files: IgnoreFiles,
    pub follow_links: bool,
    /// Whether files that reading would download are treated like others.
    pub download: bool,
    /// Whether videos are listed, too.
    pub videos: bool,
}

/// What a walk came back with.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub files: Vec<FoundFile>,
    pub skipped: Vec<Skipped>,
    pub blind: Vec<Blind>,
    /// What was passed over because of its name.
    pub passed_over: Tally,
    /// Files and folders that were left out by a `.clipignore`, or for being on another file system.
    pub left_out: HashSet<PathBuf>,
    pub ignore_faults: Vec<IgnoreFault>,
    /// The folders that were entered.
    pub folders: Vec<PathBuf>,
    /// The symbolic links that were followed or looked at.
    pub links: Links,
    /// A link in the region is new, gone or leads elsewhere, which may matter anywhere.
    pub links_have_changed: bool,
    /// The walk stopped early: absence from `files` means nothing.
    pub cancelled: bool,
}

impl Walk {
    /// Whether a file, or a folder above it, was left out by something other than the excludes of the index.
    pub fn has_left_out(&self, path: &Path) -> bool {
        !self.left_out.is_empty() && path.ancestors().any(|path| self.left_out.contains(path))
    }
}

/// Walks `roots`, which are canonical and disjoint, as far as `selection` goes.
pub(crate) fn walk(
    roots: &[PathBuf],
    selection: Selection,
    progress: &dyn for<'e> Progress<Event<'e>>,
    cancel: &AtomicBool,
) -> Walk {
    let mut walker = Walker::new(roots, selection, progress, cancel);
    for root in roots {
        walker.tree(root, Phase::Real);
        walker.look_at_root_again(root);
    }
    walker.follow_links();
    walker.finish()
}

/// Walks the parts of `roots` that are in `region`; `links` are those of the last walk of everything.
pub(crate) fn walk_region(
    roots: &[PathBuf],
    region: &Region,
    links: &Links,
    selection: Selection,
    progress: &dyn for<'e> Progress<Event<'e>>,
    cancel: &AtomicBool,
) -> Walk {
    let mut walker = Walker::new(roots, selection, progress, cancel);
    walker.unsettled.clone_from(&region.unsettled);
    for root in roots {
        walker.parts(root, region, links);
    }
    walker.look_at_links(region, links);
    walker.finish()
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
    roots: &'a [PathBuf],
    excluded: Excluded,
    ignore_files: IgnoreFiles,
    follow_links: bool,
    download: bool,
    videos: bool,
    links: BTreeSet<PathBuf>,
    folders: HashSet<Identity>,
    files: HashSet<Identity>,
    /// Photos that have a placeholder with another name.
    stand_ins: Vec<PathBuf>,
    /// The file systems of the folders that were visited.
    devices: HashMap<PathBuf, u64>,
    /// Sidecar files.
    beside: Beside,
    /// The folders of roots that are files.
    listed: HashSet<PathBuf>,
    /// Links that lead nowhere.
    broken_links: HashSet<PathBuf>,
    /// Photos that are still being written: passed by.
    unsettled: HashSet<PathBuf>,
    progress: &'a dyn for<'e> Progress<Event<'e>>,
    cancel: &'a AtomicBool,
}

impl<'a> Walker<'a> {
    fn new(
        roots: &'a [PathBuf],
        selection: Selection,
        progress: &'a dyn for<'e> Progress<Event<'e>>,
        cancel: &'a AtomicBool,
    ) -> Walker<'a> {
        let Selection { excluded, ignore_files, follow_links, download, videos } = selection;
        Walker {
            out: Walk::default(),
            roots,
            excluded,
            ignore_files,
            follow_links,
            download,
            videos,
            links: BTreeSet::new(),
            folders: HashSet::new(),
            files: HashSet::new(),
            stand_ins: Vec::new(),
            devices: HashMap::new(),
            beside: Beside::default(),
            listed: HashSet::new(),
            broken_links: HashSet::new(),
            unsettled: HashSet::new(),
            progress,
            cancel,
        }
    }

    /// Puts together what was found.
    fn finish(mut self) -> Walk {
        self.add_stand_ins();
        self.merge_blind_spots();
        self.out.ignore_faults = self.ignore_files.take_faults();
        let photos = self.out.files.iter_mut().map(|file| (file.path.as_path(), &mut file.sidecars));
        let mut assigned = self.beside.share_out(photos);
        for path in std::mem::take(&mut assigned.unused) {
            if !self.is_wanted(&path) {
                self.out.passed_over.file(&path);
            }
        }
        for file in &mut self.out.files {
            file.photos = assigned.photos.remove(&file.path).unwrap_or_default();
        }
        self.out.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        self.progress.event(Event::Walking { found: self.out.files.len() as u64 });
        self.out
    }

    /// Whether a file is one to be listed, by its name.
    fn is_wanted(&self, path: &Path) -> bool {
        clip_image::looks_like_photo(path) || self.videos && clip_image::looks_like_video(path)
    }

    /// Walks everything below `root` without following links.
    fn tree(&mut self, root: &Path, phase: Phase) {
        let mut entries = WalkDir::new(root).follow_links(false).sort_by_file_name().into_iter();
        let mut listed = root.to_path_buf();
        while let Some(entry) = entries.next() {
            if self.stopped() {
                return;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    // What fails while a folder is being listed comes without a path, and before all that the folder holds.
                    let path = error.path().unwrap_or(&listed).to_path_buf();
                    self.blind(&path, &system_error(error));
                    continue;
                }
            };
            let path = entry.path();
            let is_entered = if entry.depth() > 0 {
                let metadata = || entry.metadata().map_err(system_error);
                self.entry(path, entry.file_type(), metadata, phase)
            } else {
                // In the linked phase the entry is the link itself; its target is what counts.
                self.top(path, phase)
            };
            if is_entered {
                listed = path.to_path_buf();
            } else if entry.depth() == 0 || entry.file_type().is_dir() {
                entries.skip_current_dir();
            }
        }
    }

    /// Looks at where a walk begins; false for what is no folder that can be entered.
    fn top(&mut self, path: &Path, phase: Phase) -> bool {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.enter(path, &metadata, phase),
            Ok(metadata) => {
                self.list_beside(path);
                self.file(path, &metadata);
                false
            }
            Err(error) => {
                self.blind(path, &error);
                false
            }
        }
    }

    /// Looks at what a folder holds; false for what is no folder that can be entered.
    fn entry(
        &mut self,
        path: &Path,
        kind: FileType,
        metadata: impl Fn() -> io::Result<Metadata>,
        phase: Phase,
    ) -> bool {
        if kind.is_file()
            && let Some(photo) = stands_for(path).filter(|photo| self.is_wanted(photo))
        {
            if self.looks_at(&photo, false) {
                self.stand_ins.push(photo);
            } else {
                self.out.passed_over.excluded();
            }
            return false;
        }
        let name = path.file_name().unwrap_or_default();
        let hidden = is_hidden(name);
        if hidden || kind.is_dir() && is_system_folder(name, path.parent().and_then(Path::file_name)) {
            if hidden {
                self.out.passed_over.hidden()
            } else {
                self.out.passed_over.system_folder()
            }
            return false;
        }
        if !self.looks_at(path, kind.is_dir()) {
            if kind.is_dir() {
                self.out.passed_over.excluded_folder();
            } else if self.is_wanted(path) {
                self.out.passed_over.excluded();
            }
            if kind.is_symlink() {
                // It may lead to a folder.
                self.out.left_out.insert(path.to_path_buf());
            }
            return false;
        }
        if kind.is_symlink() {
            self.links.insert(path.to_path_buf());
            return false;
        }
        // Anything else that is no photo by name costs no further system call.
        if !kind.is_dir() && !self.is_wanted(path) {
            if kind.is_file() && !self.add_beside(path, || metadata().ok()) {
                self.out.passed_over.file(path);
            }
            return false;
        }
        if kind.is_file() && is_video(path) {
            // It may be the moving half of a photo.
            self.add_beside(path, || metadata().ok());
        }
        if self.unsettled.contains(path) {
            return false;
        }
        match metadata() {
            Ok(metadata) if metadata.is_dir() => self.enter(path, &metadata, phase),
            Ok(metadata) => {
                self.file(path, &metadata);
                false
            }
            Err(error) => {
                self.blind(path, &error);
                false
            }
        }
    }

    /// Whether to go into a folder.
    fn enter(&mut self, path: &Path, metadata: &Metadata, phase: Phase) -> bool {
        if let Some(device) = device_of(metadata) {
            self.devices.insert(path.to_path_buf(), device);
        }
        if !self.is_on_right_file_system(path, metadata) {
            self.out.left_out.insert(path.to_path_buf());
            self.out.passed_over.excluded_folder();
            return false;
        }
        let first_visit = Identity::of(path, metadata).is_none_or(|identity| self.folders.insert(identity));
        // Real trees are disjoint, so there an identity seen before only means a file system that numbers its files
        // carelessly: nothing is left out for it.
        if phase == Phase::Linked && !first_visit {
            return false;
        }
        if let Err(error) = self.ignore_files.read(path) {
            self.unknown_rules(path, &error);
            return false;
        }
        self.out.folders.push(path.to_path_buf());
        true
    }

    /// Walks the parts of a root that are in a region.
    fn parts(&mut self, root: &Path, region: &Region, links: &Links) {
        let mut passed = HashMap::new();
        let walked = || region.walked.iter().filter(|part| part.starts_with(root));
        let listed = region.listed.iter().filter(|part| part.starts_with(root));
        let mut is_touched = false;
        for part in walked().chain(listed) {
            if self.stopped() {
                return;
            }
            is_touched = true;
            if part == root && !self.is_folder(root) {
                self.tree(root, Phase::Real);
            } else if self.pass(part, root, links, &mut passed) {
                if region.walked.contains(part) { self.tree(part, Phase::Real) } else { self.list(part) }
            }
        }
        if is_touched {
            self.look_at_root_again(root);
        }
    }

    fn is_folder(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
    }

    /// Whether a walk of `root` enters this folder.
    fn pass(&mut self, folder: &Path, root: &Path, links: &Links, passed: &mut HashMap<PathBuf, bool>) -> bool {
        if let Some(passes) = passed.get(folder) {
            return *passes;
        }
        let passes = if folder == root {
            self.top(folder, Phase::Real)
        } else {
            folder.parent().is_some_and(|parent| self.pass(parent, root, links, passed))
                && self.pass_into(folder, links)
        };
        passed.insert(folder.to_path_buf(), passes);
        passes
    }

    /// The same for a folder in one that is entered.
    fn pass_into(&mut self, folder: &Path, links: &Links) -> bool {
        match std::fs::symlink_metadata(folder) {
            Ok(metadata) if metadata.is_symlink() => {
                // Where it leads is looked at with the other links.
                links.enters(folder) && self.top(folder, Phase::Real)
            }
            Ok(metadata) if metadata.is_dir() => {
                self.entry(folder, metadata.file_type(), || Ok(metadata.clone()), Phase::Real)
            }
            Ok(_) => false,
            // It is gone, like everything in it.
            Err(error) if says_missing(&error) => false,
            Err(error) => {
                self.blind(folder, &error);
                false
            }
        }
    }

    /// Looks at the files of a folder, and at no folder in it.
    fn list(&mut self, folder: &Path) {
        let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.blind(folder, &error),
        };
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            if self.stopped() {
                return;
            }
            let (path, kind) = (entry.path(), entry.file_type());
            match kind {
                Ok(kind) if kind.is_dir() => {}
                Ok(kind) => drop(self.entry(&path, kind, || entry.metadata(), Phase::Real)),
                Err(error) => self.blind(&path, &error),
            }
        }
    }

    /// Adds the photos that links of the region lead to, if all is as it was when they were followed.
    fn look_at_links(&mut self, region: &Region, links: &Links) {
        if !self.follow_links {
            return;
        }
        for link in std::mem::take(&mut self.links) {
            if links.is_unchanged(&link) {
                match std::fs::metadata(&link) {
                    Ok(target) if links.lists(&link) => self.file(&link, &target),
                    // What was wrong with it still is: what is not told again is forgotten.
                    Err(error) if region.covers(&link) => self.broken_link(link, &error),
                    _ => {}
                }
            } else if self.may_matter(&link) {
                self.out.links_have_changed = true;
            }
        }
        self.out.links_have_changed |= links.have_changed_in(|path| region.covers(path));
    }

    /// Looks for the sidecars of a photo that is itself a root, so that the rest of its folder is not walked.
    fn list_beside(&mut self, root: &Path) {
        let Some(folder) = root.parent().filter(|folder| self.listed.insert(folder.to_path_buf())) else { return };
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_file()) && !self.excluded.names(&path, false) {
                self.add_beside(&path, || entry.metadata().ok());
            }
        }
    }

    /// Adds a file that may tell of others.
    fn add_beside(&mut self, path: &Path, metadata: impl Fn() -> Option<Metadata>) -> bool {
        self.beside.add(path, &metadata) || self.videos && self.beside.add_text(path, &metadata)
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
                Ok(target) if target.is_dir() => {
                    let role = if self.linked_folder(&link) { Role::Folder } else { Role::None };
                    self.out.links.insert(Link::of(&link, role), link);
                }
                Ok(_) => {
                    to_files.insert(link);
                }
                Err(error) => {
                    self.out.links.insert(Link::of(&link, Role::None), link.clone());
                    self.broken_link(link, &error);
                }
            }
        }
        for link in to_files {
            if self.stopped() {
                return;
            }
            match std::fs::metadata(&link) {
                Ok(target) => {
                    let known = Identity::of(&link, &target).is_some_and(|identity| self.files.contains(&identity));
                    let is_listed = self.is_wanted(&link) && !known && self.looks_at_target(&link);
                    let role = if is_listed { Role::File } else { Role::None };
                    self.out.links.insert(Link::of(&link, role), link.clone());
                    if is_listed {
                        self.file(&link, &target);
                    }
                }
                Err(error) => self.broken_link(link, &error),
            }
        }
    }

    /// Goes into the folder that a link leads to; false if that is not for it to do.
    fn linked_folder(&mut self, link: &Path) -> bool {
        let target = link.canonicalize();
        let parent = link.parent().map(Path::canonicalize);
        match (target, parent) {
            // A link to a folder that contains the link is a loop. Nothing is lost by leaving it: inside a root its
            // target is being walked anyway, and outside one it would drag in all that lies around the root.
            (Ok(target), Some(Ok(parent))) if parent.starts_with(&target) => false,
            // What is excluded does not come back through a link.
            (Ok(target), Some(Ok(_)))
                if !self.looks_at(link, true) || self.excluded.shuts(&target) || self.out.has_left_out(&target) =>
            {
                self.out.left_out.insert(link.to_path_buf());
                false
            }
            (Ok(_), Some(Ok(_))) => {
                self.tree(link, Phase::Linked);
                true
            }
            (Err(error), _) | (_, Some(Err(error))) => {
                self.broken_link(link.to_path_buf(), &error);
                false
            }
            (_, None) => false,
        }
    }

    /// Whether a file or folder is not left out, provided that the folders above it are not. A folder is entered if
    /// anything in it may be indexed.
    fn looks_at(&mut self, path: &Path, is_folder: bool) -> bool {
        if self.excluded.names(path, is_folder) && (!is_folder || self.excluded.shuts(path)) {
            return false;
        }
        let is_ignored = self.ignore_files.ignores(path, is_folder);
        if is_ignored && (is_folder || self.is_wanted(path)) {
            self.out.left_out.insert(path.to_path_buf());
        }
        !is_ignored
    }

    /// Whether to index the file that a link leads to: what is left out does not come back through a link.
    fn looks_at_target(&mut self, link: &Path) -> bool {
        let Ok(target) = link.canonicalize() else { return false };
        let folder = target.parent().and_then(|folder| folder.metadata().ok());
        let is_left_out = self.excluded.covers(&target, false)
            || self.out.has_left_out(&target)
            || folder.is_some_and(|folder| !self.is_on_right_file_system(link, &folder));
        if is_left_out {
            self.out.left_out.insert(link.to_path_buf());
        }
        !is_left_out
    }

    /// Whether a folder, or the target of a link at `path`, is on the file system of its root; always true without that
    /// limit.
    fn is_on_right_file_system(&self, path: &Path, metadata: &Metadata) -> bool {
        if !self.excluded.is_one_file_system() {
            return true;
        }
        let Some(root) = self.roots.iter().find(|root| path.starts_with(root)) else { return true };
        match (device_of(metadata), self.devices.get(root)) {
            (Some(device), Some(of_root)) => device == *of_root,
            // Without device numbers, compare drives and shares, which canonical paths begin with.
            _ => path.canonicalize().map_or(true, |path| path.components().next() == root.components().next()),
        }
    }

    /// Makes sure that the root is still the folder that it was when its walk began.
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

    /// Adds the photos that have a placeholder with another name, unless they are there themselves.
    fn add_stand_ins(&mut self) {
        if self.stand_ins.is_empty() {
            return;
        }
        let mut found: HashSet<PathBuf> = self.out.files.iter().map(|file| file.path.clone()).collect();
        for path in std::mem::take(&mut self.stand_ins) {
            if found.insert(path.clone()) {
                let folder_device = path.parent().and_then(|folder| self.devices.get(folder)).copied();
                self.out.files.push(FoundFile { path, folder_device, in_cloud: true, ..FoundFile::default() });
            }
        }
    }

    /// Names a folder instead of everything in it, so that a failing drive is reported as one place.
    fn merge_blind_spots(&mut self) {
        let mut told = HashSet::new();
        self.out.blind.retain(|spot| told.insert(spot.path.clone()));
        // A link that leads nowhere says nothing about the folder that it is in.
        let is_merged = |spot: &Blind| !spot.root && !self.broken_links.contains(&spot.path);
        let mut spots: HashMap<PathBuf, usize> = HashMap::new();
        for folder in self.out.blind.iter().filter(|spot| is_merged(spot)).filter_map(|spot| spot.path.parent()) {
            *spots.entry(folder.to_path_buf()).or_default() += 1;
        }
        spots.retain(|_, count| *count >= BLIND_IN_FOLDER);
        for spot in self.out.blind.iter_mut().filter(|spot| is_merged(spot)) {
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
        let in_cloud = !self.download && is_placeholder(metadata);
        self.out.files.push(FoundFile {
            path: path.to_path_buf(),
            stamp: stamp_of(metadata),
            folder_device,
            in_cloud,
            ..FoundFile::default()
        });
        if self.out.files.len().is_multiple_of(EVENT_EVERY) {
            self.progress.event(Event::Walking { found: self.out.files.len() as u64 });
        }
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

    /// Notes a folder whose excludes are unknown: its photos may be private.
    fn unknown_rules(&mut self, folder: &Path, error: &io::Error) {
        match std::fs::read_dir(folder) {
            Err(error) => self.blind(folder, &error),
            // Its names can be listed, but nothing in it can be looked at.
            Ok(_) if std::fs::symlink_metadata(folder.join(IGNORE_FILE)).is_err() => self.blind(folder, error),
            Ok(_) => {
                let error = describe(error);
                let reason = format!("has a {IGNORE_FILE} that cannot be read ({error})");
                self.skip(&folder.join(IGNORE_FILE), SkipReason::Unreadable { error });
                self.out.blind.push(Blind { path: folder.to_path_buf(), reason, root: false });
            }
        }
    }

    fn broken_link(&mut self, link: PathBuf, error: &io::Error) {
        let target = std::fs::read_link(&link);
        let reason = match &target {
            Ok(target) if error.kind() == io::ErrorKind::NotFound => {
                SkipReason::DanglingLink { target: target.clone() }
            }
            // The link itself vanished meanwhile, perhaps with the drive that it is on.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => {
                let reason = format!("cannot be read ({})", describe(gone));
                self.out.blind.push(Blind { path: link, reason, root: false });
                return;
            }
            _ => SkipReason::BadLink { error: describe(error) },
        };
        let target = target.ok();
        self.broken_links.insert(link.clone());
        self.out.blind.push(Blind { path: link.clone(), reason: format!("is {reason}"), root: false });
        // Where the index knows photos behind it, the blind spot is told of.
        if self.is_wanted(&link) || may_be_folder(&link) && target.as_deref().is_none_or(may_be_folder) {
            self.skip(&link, reason);
        } else {
            self.out.passed_over.file(&link);
        }
    }

    fn skip(&mut self, path: &Path, reason: SkipReason) {
        let skipped = Skipped { path: path.to_path_buf(), reason };
        self.progress.event(Event::Skipped(&skipped));
        self.out.skipped.push(skipped);
    }

    /// Whether a link may lead to photos, or nowhere, which is worth a word.
    fn may_matter(&self, link: &Path) -> bool {
        self.is_wanted(link) || std::fs::metadata(link).is_ok_and(|target| target.is_dir()) || !link.exists()
    }

    fn stopped(&mut self) -> bool {
        self.out.cancelled |= self.cancel.load(Ordering::Relaxed);
        self.out.cancelled
    }
}

/// Whether a name that is not a photo's may be that of a folder: it does not end as the names of files do.
fn may_be_folder(path: &Path) -> bool {
    /// Those that are longer are part of a title, or those of folders that programs make ("photoslibrary").
    const LONGEST: usize = 8;
    let is_extension = |extension: &str| {
        extension.len() <= LONGEST
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && extension.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    !path.extension().and_then(|extension| extension.to_str()).is_some_and(is_extension)
}

/// What the system said, without the path that walkdir adds.
fn system_error(error: walkdir::Error) -> io::Error {
    // Only a loop has no error of the system's behind it, and without following links there is none.
    error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into())
}

#[cfg(test)]
mod tests;
