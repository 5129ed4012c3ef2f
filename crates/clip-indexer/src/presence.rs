//! What became of a photo that the index knows and a walk did not find: gone, or somewhere that cannot be reached.
//!
//! An unmounted drive looks much like a folder that was emptied, and encoding its photos again takes hours. So a photo
//! counts as gone only if nothing speaks for an unmounted drive. In this order:
//!
//! 1. Its folder still holds another photo that the index knows there, on the same file system: the folder is in its place,
//!    the photo is gone.
//! 2. Its folder, or one above it up to the root, holds nothing but what systems leave in empty folders and under mount
//!    points (hidden entries, system folders, empty folders, one small file as a marker): the photo is kept.
//! 3. The folder, or the nearest one above it that exists, is on another file system than the photo was, or may be: it is kept.
//!
//! File systems are told apart by device numbers, which may change whenever a drive is mounted. [`Devices`] therefore
//! learns from the photos that were found which old numbers stand for which present ones.
//!
//! A drive may also get the number that another one had, as cards do that are put into the same reader. So a drive that may
//! be swapped ([`Drives`]) counts as the one that it was only if it gives what another one cannot: a photo that is as the index
//! knows it, by its stamp or, where stamps were touched, by its content, or the topmost folder that it had ([`identified`]). Where the
//! photos of two drives would have the same number in the index from then on, those that were not found get one that no system
//! gives ([`Devices::number_of_their_own`]), so that the two are told apart in later runs, too.
//!
//! A photo with the same content at another path is a move if the old path does not exist any more, unless its drive
//! seems to be unmounted; see [`Departures`].

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use clip_index::{Drive, Stamp};

use crate::file_system::{FileSystem, Folder};
use crate::found::FoundFile;
use crate::mounted::{Mounted, identified};

/// Which file systems may be swapped for others between two runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drives {
    /// Numbers of those that stay: the one that the index itself is on, and that of the system. `None` if nothing is known, and
    /// all count as such.
    pub fixed: Option<HashSet<u64>>,
    /// The roots that were looked at whole. Elsewhere, no photo that is as it was may have been looked for.
    pub whole: Vec<PathBuf>,
    /// What the index knows of file systems.
    pub known: Vec<Drive>,
    /// The file systems that are there.
    pub mounted: Vec<Mounted>,
}

impl Drives {
    /// Those of a run over `whole`, with the index in the folder `index`.
    pub fn of(index: &Path, whole: Vec<PathBuf>, system: &dyn FileSystem) -> Drives {
        let number = |folder: &Path| match system.folder(folder) {
            Folder::There { device } => device,
            _ => None,
        };
        let of_index = index.canonicalize().ok().and_then(|index| number(&index));
        let top = Path::new(std::path::Component::RootDir.as_os_str());
        Drives {
            fixed: of_index.map(|of_index| number(top).into_iter().chain([of_index]).collect()),
            whole,
            ..Drives::default()
        }
    }

    /// Adds what the index knows of file systems, and those that these roots and the files that were found are on. `roots` are all
    /// of the index.
    pub fn among(self, known: &[Drive], roots: &[PathBuf], found: &[FoundFile], system: &dyn FileSystem) -> Drives {
        let places: Vec<PathBuf> = known.iter().map(|drive| drive.folder.path()).collect();
        let places = roots.iter().chain(&places).map(PathBuf::as_path);
        let mounted = Mounted::of(places, found, self.fixed.as_ref(), system);
        Drives { known: known.to_vec(), mounted, ..self }
    }

    /// Whether the file system with the number `folder`, in `root`, may be another than before though its number is the same.
    pub fn may_be_swapped(&self, folder: u64, root: &Path) -> bool {
        self.fixed.as_ref().is_some_and(|fixed| !fixed.contains(&folder))
            && self.whole.iter().any(|whole| root.starts_with(whole))
    }
}

/// Whether a file that was found is the one that the index knows there.
fn is_recognised(file: &FoundFile, known: &Stamp) -> bool {
    file.in_cloud || known.same_content(&file.stamp)
}

/// Which file systems the photos of folders are on: those that they were on when they were indexed, and those that they
/// are on now, by the device number of the folder that they are in.
///
/// The number of a file may differ from that of its folder (overlays), so the two are never compared directly where there
/// is anything to learn from.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    seen: HashMap<u64, Seen>,
    /// Numbers that the index has for what is on file systems that were known by their topmost folders.
    identified: HashMap<u64, HashSet<u64>>,
}

/// What was found in folders with one device number.
#[derive(Debug, Default)]
struct Seen {
    /// Numbers that the index has for photos that are still there.
    indexed: HashSet<u64>,
    /// Numbers that the files there have now.
    present: HashSet<u64>,
    /// Those of `indexed` that the index has for photos that are as they were.
    recognised: HashSet<u64>,
    /// The two differ for some photo: the file system was mounted again under another number.
    renumbered: bool,
}

impl Devices {
    /// Learns from a file that was found; `known` is the stamp that the index has for its path.
    pub fn learn(&mut self, file: &FoundFile, known: Option<&Stamp>) {
        let Some(folder) = file.folder_device else { return };
        let (now, before) = (device(&file.stamp), known.and_then(device));
        let seen = self.seen.entry(folder).or_default();
        seen.present.extend(now);
        seen.indexed.extend(before);
        seen.recognised.extend(known.filter(|known| is_recognised(file, known)).and_then(device));
        seen.renumbered |= now.zip(before).is_some_and(|(now, before)| now != before);
    }

    /// Learns which of the file systems that the index knows are there.
    pub fn identify(&mut self, drives: &Drives) {
        self.identified = identified(&drives.known, &drives.mounted);
    }

    /// Learns that a photo which was indexed with the number `indexed` is still there, in a folder with the number `folder`, though
    /// its stamp was touched.
    pub fn recognise(&mut self, indexed: u64, folder: u64) {
        self.seen.entry(folder).or_default().recognised.insert(indexed);
    }

    /// The numbers that the index has for files that are as they were, in folders with the number `folder`.
    pub fn recognised(&self, folder: u64) -> HashSet<u64> {
        self.seen.get(&folder).map(|seen| seen.recognised.clone()).unwrap_or_default()
    }

    /// The present numbers of the files in folders with the number `folder`.
    pub fn present(&self, folder: u64) -> HashSet<u64> {
        self.seen.get(&folder).map(|seen| seen.present.clone()).unwrap_or_default()
    }

    fn is_identified(&self, indexed: u64, folder: u64) -> bool {
        self.identified.get(&folder).is_some_and(|numbers| numbers.contains(&indexed))
    }

    /// Whether what was indexed on the file system with the number `indexed` belongs in folders that have the number
    /// `folder` now.
    fn belongs(&self, indexed: u64, folder: u64) -> bool {
        if self.is_identified(indexed, folder) {
            return true;
        }
        match self.seen.get(&folder) {
            None => indexed == folder,
            Some(seen) if seen.indexed.is_empty() => indexed == folder || seen.present.contains(&indexed),
            // The old number of one file system may be the present number of another.
            Some(seen) => seen.indexed.contains(&indexed) || !seen.renumbered && seen.present.contains(&indexed),
        }
    }

    /// The same for a file system that may be swapped: something that was indexed with this number is there as it was, or its
    /// topmost folder is.
    pub fn is_recognised(&self, indexed: u64, folder: u64) -> bool {
        self.is_identified(indexed, folder)
            || self.seen.get(&folder).is_some_and(|seen| seen.recognised.contains(&indexed))
    }

    /// Whether a file that was found has this number now.
    fn is_present(&self, number: u64) -> bool {
        self.seen.values().any(|seen| seen.present.contains(&number))
    }

    /// The number that the index is to have from now on for photos that are on another file system than those that were found
    /// though they were indexed with the same number, `indexed`; `None` if no file that was found has it. It is made of what
    /// the index knows of one of them.
    pub fn number_of_their_own(&self, indexed: u64, id: u64, hash: &[u8; 16]) -> Option<u64> {
        /// Systems give numbers from 0 up, which never come that far.
        const MADE_UP: u64 = 1 << 63;
        let [a, b, c, d, e, f, g, h, ..] = *hash;
        let mixed = u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ id.rotate_left(32) ^ indexed;
        self.is_present(indexed).then_some(mixed | MADE_UP)
    }
}

fn device(stamp: &Stamp) -> Option<u64> {
    stamp.inode.map(|inode| inode.device)
}

/// Where a photo that was not found is, if it may not be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this folder, which holds nothing.
    Empty(PathBuf),
    /// In this folder, which cannot be looked at.
    Unknown(PathBuf),
    /// On another file system, which has this number in the index.
    OtherDevice(u64),
}

/// The folders in which a walk found photos.
#[derive(Debug, Default)]
pub(crate) struct Occupied {
    /// Folders that still hold a photo that the index knows in them, and the file systems that it knows such photos on.
    with_known: HashMap<PathBuf, HashSet<Option<u64>>>,
    /// Those of them with a photo that is as it was.
    with_recognised: HashMap<PathBuf, HashSet<Option<u64>>>,
    /// Folders that hold a photo, or whose subfolders do.
    with_any: HashSet<PathBuf>,
}

impl Occupied {
    /// Adds a photo that was found; `known` is the stamp that the index has for its path.
    pub fn add(&mut self, file: &FoundFile, known: Option<&Stamp>) {
        let Some(folder) = file.path.parent() else { return };
        let note = |folders: &mut HashMap<PathBuf, HashSet<Option<u64>>>, known| match folders.get_mut(folder) {
            Some(devices) => drop(devices.insert(device(known))),
            None => drop(folders.insert(folder.to_path_buf(), HashSet::from([device(known)]))),
        };
        if let Some(known) = known {
            note(&mut self.with_known, known);
            if is_recognised(file, known) {
                note(&mut self.with_recognised, known);
            }
        }
        for folder in folder.ancestors() {
            if self.with_any.contains(folder) {
                break;
            }
            self.with_any.insert(folder.to_path_buf());
        }
    }

    /// Where the photo at `path`, below `root`, may still be though it was not found; `None` if it is gone.
    pub fn place(
        &self,
        path: &Path,
        stamp: &Stamp,
        root: &Path,
        (drives, devices): (&Drives, &Devices),
        system: &dyn FileSystem,
    ) -> Option<Place> {
        let folder = path.parent()?;
        let may_be_swapped = |number: Option<u64>| number.is_some_and(|number| drives.may_be_swapped(number, root));
        let neighbours = match system.folder(folder) {
            Folder::There { device } if may_be_swapped(device) => &self.with_recognised,
            _ => &self.with_known,
        };
        if neighbours.get(folder).is_some_and(|devices| devices.contains(&device(stamp))) {
            return None;
        }
        // A photo has become a folder, or a folder a photo: on the file system that it was on, what was there is gone.
        let replacement = match system.folder(root) {
            Folder::There { device } if path == root => Some(device),
            Folder::Other { device } if path != root => Some(device),
            _ => None,
        };
        if let Some(present) = replacement {
            let (indexed, present) = device(stamp).zip(present)?;
            return (!devices.belongs(indexed, present)).then_some(Place::OtherDevice(indexed));
        }
        let up_to_root = || folder.ancestors().take_while(|folder| folder.starts_with(root));
        let mut nearest = None;
        for folder in up_to_root() {
            match system.folder(folder) {
                Folder::There { device } => {
                    nearest = Some((folder, device));
                    break;
                }
                Folder::Unknown => return Some(Place::Unknown(folder.to_path_buf())),
                Folder::Missing | Folder::Other { .. } => {}
            }
        }
        // The root was there when the walk began.
        let Some((nearest, present)) = nearest else { return Some(Place::Unknown(root.to_path_buf())) };
        let is_empty = |folder: &&Path| !self.with_any.contains(*folder) && system.holds_nothing(folder);
        let existing = || up_to_root().filter(|folder| nearest.starts_with(folder));
        // The outermost one is named: what lies below it is empty too.
        if let Some(empty) = existing().take_while(is_empty).last() {
            return Some(Place::Empty(empty.to_path_buf()));
        }
        let (indexed, present) = device(stamp).zip(present)?;
        let is_in_place = if may_be_swapped(Some(present)) {
            devices.is_recognised(indexed, present)
        } else {
            devices.belongs(indexed, present)
        };
        (!is_in_place).then_some(Place::OtherDevice(indexed))
    }
}

/// Tells whether photos that the index knows elsewhere have left their old places, now that their content has turned up.
pub(crate) struct Departures<'a> {
    pub devices: Devices,
    pub system: &'a dyn FileSystem,
    /// All folders that the index knows, and those of the run.
    pub roots: Vec<PathBuf>,
}

impl Departures<'_> {
    /// Whether the photo that was at `path`, with this stamp, has become `file`, which has the same content. It has if its old path does not exist any more and
    /// one of these holds:
    ///
    /// - It is the same file: inode and change time are as they were. A folder above it was renamed, or its drive is
    ///   mounted elsewhere.
    /// - Its root, or the folder that its root was in, exists, and the nearest folder above the old path that exists is on
    ///   the file system that the photo was on. So this file system is mounted, and the photo is not there.
    ///
    /// Where the index does not have the file system, only the folders count.
    pub fn has_become(&self, path: &Path, stamp: &Stamp, file: &FoundFile) -> bool {
        if !self.system.is_missing(path) {
            return false;
        }
        if is_same_file(stamp, &file.stamp) {
            return true;
        }
        let Some(folder) = path.parent() else { return false };
        let root = self.roots.iter().map(PathBuf::as_path).find(|root| path.starts_with(root)).unwrap_or(folder);
        let around = root.parent().unwrap_or(root);
        for folder in folder.ancestors().take_while(|folder| folder.starts_with(around)) {
            match self.system.folder(folder) {
                Folder::Missing | Folder::Other { .. } => {}
                Folder::Unknown => return false,
                Folder::There { device: present } => {
                    let Some((indexed, present)) = device(stamp).zip(present) else { return true };
                    // What has turned up is itself an example of a photo on a file system.
                    let is_beside = file.folder_device == Some(present) && device(&file.stamp) == Some(indexed);
                    return is_beside || self.devices.belongs(indexed, present);
                }
            }
        }
        false
    }
}

/// Whether two stamps are those of one file that was renamed, or whose folder was. Device numbers may have changed.
pub(crate) fn is_same_file(before: &Stamp, now: &Stamp) -> bool {
    let number = |stamp: &Stamp| stamp.inode.map(|inode| inode.number).filter(|number| *number != 0);
    before.ctime_ns.is_some()
        && before.ctime_ns == now.ctime_ns
        && number(before).is_some()
        && number(before) == number(now)
        && before.size == now.size
}

/// The longest folder that holds both paths.
pub(crate) fn common_folder(a: &Path, b: &Path) -> PathBuf {
    a.components().zip(b.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

#[cfg(test)]
mod tests;
