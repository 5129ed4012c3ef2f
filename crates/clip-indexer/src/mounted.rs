//! The file systems that are there, and those that the index knows: which of them are the same.
//!
//! A device number may stand for another drive in the next run. What a drive cannot have in common with one that is mounted in its
//! place is the inode of its topmost folder together with the time at which that folder was made, to the nanosecond. Where a file
//! system keeps no such time, the time at which the folder was last changed stands for it, which holds until something is put
//! into that folder or taken out of it. File systems that keep neither, as FAT does, are never known again by this.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use clip_index::{Drive, StoredPath};

use crate::file_system::{FileSystem, Folder};
use crate::found::FoundFile;
use crate::identity::Identity;

/// A file system that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mounted {
    /// Its topmost folder.
    pub folder: PathBuf,
    /// Its number now.
    pub device: u64,
    pub identity: Identity,
    /// It stays where it is: the system's, or that of the index.
    pub is_fixed: bool,
}

impl Mounted {
    /// Those that roots and files that were found are on.
    pub fn of<'a>(
        roots: impl IntoIterator<Item = &'a Path>,
        found: &[FoundFile],
        fixed: Option<&HashSet<u64>>,
        system: &dyn FileSystem,
    ) -> Vec<Mounted> {
        let mut mounted: Vec<Mounted> = Vec::new();
        let mut tops: HashMap<u64, Vec<PathBuf>> = HashMap::new();
        let mut add = |folder: &Path, device: Option<u64>| {
            let is_known =
                |device| tops.get(&device).is_some_and(|tops| tops.iter().any(|top| folder.starts_with(top)));
            if device.is_some_and(is_known) {
                return;
            }
            let Some((top, device)) = top(folder, system) else { return };
            tops.entry(device).or_default().push(top.clone());
            let is_new = !mounted.iter().any(|mounted| mounted.folder == top);
            if let Some(identity) = system.identity(&top).filter(|_| is_new) {
                let is_fixed = fixed.is_none_or(|fixed| fixed.contains(&device));
                mounted.push(Mounted { folder: top, device, identity, is_fixed });
            }
        };
        roots.into_iter().for_each(|root| add(root, None));
        for file in found {
            file.path.parent().into_iter().for_each(|folder| add(folder, file.folder_device));
        }
        mounted
    }

    /// Whether this is a drive that the index knows, in its place.
    fn is(&self, drive: &Drive) -> bool {
        drive.folder.path() == self.folder && (self.is_fixed || self.identity.is(drive))
    }

    /// Whether anything tells it from another one that is mounted in its place.
    fn can_be_told(&self) -> bool {
        !self.is_fixed && (self.identity.made_ns.or(self.identity.changed_ns)).is_some()
    }

    /// Whether nothing tells either from others in the same place.
    fn is_nameless(&self, drive: &Drive) -> bool {
        let are_without = |times: [Option<i64>; 2]| times == [None, None];
        drive.folder.path() == self.folder
            && are_without([drive.made_ns, drive.changed_ns])
            && are_without([self.identity.made_ns, self.identity.changed_ns])
    }

    /// Whether photos of a drive may be looked for on this file system.
    fn is_in_the_way_of(&self, drive: &Drive) -> bool {
        let folder = drive.folder.path();
        folder.starts_with(&self.folder) || self.folder.starts_with(&folder)
    }
}

/// The topmost folder of the file system that a folder is on, and the number of that.
fn top(folder: &Path, system: &dyn FileSystem) -> Option<(PathBuf, u64)> {
    let number = |folder: &Path| match system.folder(folder) {
        Folder::There { device } => device,
        _ => None,
    };
    let device = number(folder)?;
    let top = folder.ancestors().take_while(|folder| number(folder) == Some(device)).last()?;
    Some((top.to_path_buf(), device))
}

/// The numbers that the index has for files on the file systems that are there, by their present numbers. A number that a drive has
/// too which may be in the same place and is not there tells nothing.
pub(crate) fn identified(drives: &[Drive], mounted: &[Mounted]) -> HashMap<u64, HashSet<u64>> {
    let mut numbers: HashMap<u64, HashSet<u64>> = HashMap::new();
    let away: Vec<&Drive> = drives.iter().filter(|drive| !mounted.iter().any(|here| here.is(drive))).collect();
    for here in mounted {
        let others: HashSet<u64> = away
            .iter()
            .filter(|drive| here.is_in_the_way_of(drive))
            .flat_map(|drive| drive.numbers.iter().copied())
            .collect();
        let own = drives.iter().filter(|drive| here.is(drive)).flat_map(|drive| drive.numbers.iter().copied());
        numbers.entry(here.device).or_default().extend(own.filter(|number| !others.contains(number)));
    }
    numbers
}

/// Whether it is certain that a root which is missing was deleted, and is not on a drive that is away: the one that it was on is
/// there, or, where none is known, the folder that it was in is there and holds something.
pub(crate) fn is_deleted(root: &Path, drives: &[Drive], index: &Path, system: &dyn FileSystem) -> bool {
    let mut holding = drives.iter().filter(|drive| drive.holds(root));
    match (holding.next(), holding.next()) {
        (Some(drive), None) => {
            let folder = drive.folder.path();
            // An index that can be read is on a drive that is there.
            index.starts_with(&folder) || system.identity(&folder).is_some_and(|identity| identity.is(drive))
        }
        // Drives that are mounted in turn.
        (Some(_), Some(_)) => false,
        _ => root.parent().is_some_and(|parent| {
            matches!(system.folder(parent), Folder::There { .. }) && !system.holds_nothing(parent)
        }),
    }
}

/// What a run has found out about drives.
pub(crate) struct News<'a> {
    pub mounted: &'a [Mounted],
    pub system: &'a dyn FileSystem,
    /// The numbers that the index has for files on a file system which are as they were, by the present number of that.
    pub recognised: &'a dyn Fn(u64) -> HashSet<u64>,
    /// The same for files that were or will be written in this run.
    pub written: &'a dyn Fn(u64) -> HashSet<u64>,
    /// Numbers that photos on drives that are away have got in place of others.
    pub renumbered: &'a HashMap<u64, u64>,
    /// All roots of the index.
    pub roots: &'a [PathBuf],
    /// The numbers that photos below the topmost folders of the drives that the index knows have in it, if all are known.
    pub used: Option<&'a HashMap<PathBuf, HashSet<u64>>>,
}

impl News<'_> {
    /// What the index is to know of drives from now on.
    pub fn update(&self, known: &[Drive]) -> Vec<Drive> {
        let mut drives = known.to_vec();
        let mut here: Vec<Option<&Mounted>> = drives.iter().map(|drive| self.of(drive)).collect();
        for (drive, _) in drives.iter_mut().zip(&here).filter(|(_, here)| here.is_none()) {
            self.take_numbers(drive);
        }
        for mounted in self.mounted {
            let Some(folder) = StoredPath::new(&mounted.folder) else { continue };
            let Identity { inode, made_ns, changed_ns } = mounted.identity;
            let place = here.iter().position(|here| *here == Some(mounted)).unwrap_or_else(|| {
                let (numbers, roots) = (Vec::new(), Vec::new());
                drives.push(Drive { folder, inode, made_ns, changed_ns: None, numbers, roots });
                here.push(Some(mounted));
                drives.len() - 1
            });
            // The time at which it was made is enough, and does not change.
            let changed_ns = changed_ns.filter(|_| made_ns.is_none() && !mounted.is_fixed);
            drives[place] = Drive { inode, made_ns, changed_ns, ..drives[place].clone() };
        }
        for (drive, here) in drives.iter_mut().zip(&here) {
            if let Some(used) = self.used {
                let used = used.get(&drive.folder.path());
                drive.numbers.retain(|number| used.is_some_and(|used| used.contains(number)));
            }
            if let Some(mounted) = here.filter(|mounted| mounted.can_be_told()) {
                drive.numbers.extend((self.recognised)(mounted.device));
                drive.numbers.extend((self.written)(mounted.device));
            }
            drive.numbers.sort_unstable();
            drive.numbers.dedup();
        }
        self.note_roots(&mut drives, &here);
        let mut is_here = here.iter().map(Option::is_some);
        drives.retain(|drive| is_here.next() == Some(true) || !(drive.numbers.is_empty() && drive.roots.is_empty()));
        drives
    }

    /// The file system that is there and that is this drive.
    fn of(&self, drive: &Drive) -> Option<&Mounted> {
        let is_same = |mounted: &&Mounted| {
            // Its topmost folder has changed, and is all that tells it from others; but its photos are there.
            let is_changed = || {
                let recognised = (self.recognised)(mounted.device);
                let has_time = |made_ns: Option<i64>| made_ns.is_some();
                drive.folder.path() == mounted.folder
                    && drive.inode == mounted.identity.inode
                    && !has_time(drive.made_ns)
                    && !has_time(mounted.identity.made_ns)
                    && drive.numbers.iter().any(|number| recognised.contains(number))
            };
            mounted.is(drive) || mounted.is_nameless(drive) || is_changed()
        };
        self.mounted.iter().find(is_same)
    }

    /// Gives a drive that is away the numbers that its photos have got, and takes those from it that have turned out to be those of
    /// another one in its place.
    fn take_numbers(&self, drive: &mut Drive) {
        for number in &mut drive.numbers {
            *number = self.renumbered.get(number).copied().unwrap_or(*number);
        }
        let in_its_place = self.mounted.iter().filter(|mounted| mounted.is_in_the_way_of(drive));
        let theirs: HashSet<u64> = in_its_place.flat_map(|mounted| (self.recognised)(mounted.device)).collect();
        drive.numbers.retain(|number| !theirs.contains(number));
    }

    /// Notes which roots are on which drives.
    fn note_roots(&self, drives: &mut [Drive], here: &[Option<&Mounted>]) {
        for drive in drives.iter_mut() {
            drive.roots.retain(|root| self.roots.contains(&root.path()));
        }
        let there = |root: &&PathBuf| matches!(self.system.folder(root), Folder::There { .. });
        for root in self.roots.iter().filter(there) {
            // The innermost one, if some of them lie in others.
            let holds = |place: &usize| here[*place].is_some_and(|here| root.starts_with(&here.folder));
            let depth = |place: &usize| here[*place].map(|here| here.folder.components().count());
            let innermost = (0..here.len()).filter(holds).max_by_key(depth);
            if let Some((place, root)) = innermost.zip(StoredPath::new(root))
                && !drives[place].roots.contains(&root)
            {
                drives[place].roots.push(root);
            }
        }
        // Of a drive without photos, only the roots matter that are not at its place on another one.
        let (present, away): (Vec<_>, Vec<_>) =
            drives.iter_mut().zip(here).partition(|(_, here): &(&mut Drive, _)| here.is_some());
        for (drive, _) in away.into_iter().filter(|(drive, _)| drive.numbers.is_empty()) {
            let is_elsewhere = |root: &StoredPath| {
                present.iter().any(|(other, _)| other.folder == drive.folder && other.roots.contains(root))
            };
            let roots = std::mem::take(&mut drive.roots);
            drive.roots = roots.into_iter().filter(|root| !is_elsewhere(root)).collect();
        }
    }
}

#[cfg(test)]
mod tests;
