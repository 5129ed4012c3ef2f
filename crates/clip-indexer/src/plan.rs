//! What to do about every file: the index as it is against the folders as they are.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::file_system::{FileSystem, Folder};
use crate::found::{Blind, FoundFile, Known};
use crate::presence::{Devices, Drives, Occupied, Place, common_folder};
use clip_index::{Inode, Kind, Stamp};

/// A file that has to be read, because the index does not know it or its stamp changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub file: FoundFile,
    /// Id and content of the photo that the index has under this path.
    pub known: Option<(u64, [u8; 16])>,
}

/// A photo that was not found and stays in the index, unless its content turns up elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub id: u64,
    pub path: PathBuf,
    pub hash: [u8; 16],
    pub stamp: Stamp,
    /// The place in [`UpdatePlan::spots`] that it is in; `None` if the run did not look there at all.
    pub spot: Option<usize>,
}

/// A photo whose file is gone: moved, if its content turns up elsewhere, or else removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gone {
    pub id: u64,
    pub hash: [u8; 16],
    /// The place in [`UpdatePlan::spots`] that it is in, if that cannot be reached and is to be forgotten.
    pub spot: Option<usize>,
}

/// A place that could not be looked into, or whose photos were not found though they may not be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub path: PathBuf,
    /// A phrase that goes after the path.
    pub reason: String,
    /// A root that cannot be walked.
    pub root: bool,
    /// Photos that the index knows there.
    pub photos: u64,
}

/// The outcome of the comparison.
#[derive(Debug, Default)]
pub(crate) struct UpdatePlan {
    /// Files that are as the index knows them.
    pub unchanged: u64,
    /// Unchanged photos of whose stamps the index does not have all that the system tells, and photos that were not found and
    /// whose file system has to be told from one that has its number now.
    pub restamped: Vec<(u64, Stamp)>,
    /// Unchanged photos whose details are to be read again, with their ids.
    pub outdated: Vec<(u64, FoundFile)>,
    /// Files that are only in the cloud and differ from what the index has, or are not in it.
    pub in_cloud: u64,
    /// Files to read, in the order in which they were found.
    pub work: Vec<Work>,
    pub gone: Vec<Gone>,
    pub kept: Vec<Kept>,
    pub spots: Vec<Spot>,
    /// What the files that were found tell of file systems.
    pub devices: Devices,
    /// The numbers that photos on drives that are away get, by those that they had.
    pub renumbered: HashMap<u64, u64>,
    /// Stamps get the present numbers of file systems.
    pub writes: bool,
}

/// Compares what the index knows with what was found.
///
/// Only photos inside `scope` can be gone: the run did not look anywhere else. What lies in a blind spot is kept, and so is
/// what may be on a drive that is not mounted, unless `forget_unreachable`.
pub(crate) fn plan(
    known: &[Known],
    found: Vec<FoundFile>,
    scope: &[PathBuf],
    blind: &[Blind],
    forget_unreachable: bool,
    drives: &Drives,
    system: &dyn FileSystem,
) -> UpdatePlan {
    let mut by_path: HashMap<&Path, &Known> = known.iter().map(|k| (k.path.as_path(), k)).collect();
    let (mut plan, mut occupied) = (UpdatePlan::default(), Occupied::default());
    plan.devices.identify(drives);
    let (mut without_stamp, mut on_new_device, mut touched) = (Vec::new(), Vec::new(), Vec::new());
    for file in found {
        let known = by_path.remove(file.path.as_path());
        plan.devices.learn(&file, known.map(|known| &known.stamp));
        occupied.add(&file, known.map(|known| &known.stamp));
        match known {
            _ if file.in_cloud => {
                // When data are evicted from the disk, times other than this one may change.
                let is_same = |known: &Known| {
                    let at = |stamp: &Stamp| (stamp.size, stamp.mtime_ns);
                    file.stamp == Stamp::default() || at(&known.stamp) == at(&file.stamp)
                };
                *(if known.is_some_and(is_same) { &mut plan.unchanged } else { &mut plan.in_cloud }) += 1;
            }
            Some(known) if known.stamp.same_content(&file.stamp) => {
                plan.unchanged += 1;
                match (known.stamp.inode, file.stamp.inode) {
                    (None, Some(_)) => without_stamp.push((known.id, file.stamp)),
                    _ if known.stamp.ctime_ns.is_none() && file.stamp.ctime_ns.is_some() => {
                        without_stamp.push((known.id, file.stamp));
                    }
                    (Some(a), Some(b)) if a.device != b.device => on_new_device.push((known.id, file.stamp)),
                    _ => {}
                }
                if known.is_outdated || known.sidecars != file.sidecars.stamp {
                    plan.outdated.push((known.id, file));
                }
            }
            known => {
                touched.extend(known.and_then(|known| Touched::of(&file, known)));
                plan.work.push(Work { known: known.map(|k| (k.id, k.hash)), file });
            }
        }
    }
    plan.spots = blind.iter().map(Spot::from).collect();
    let missing = known.iter().filter(|known| by_path.contains_key(known.path.as_path()));
    let devices_of_missing = missing.clone().filter_map(|known| Some(known.stamp.inode?.device)).collect();
    Touched::compare(touched, &devices_of_missing, scope, drives, &mut plan.devices, system);
    let blind: HashMap<&Path, usize> =
        blind.iter().enumerate().map(|(place, spot)| (spot.path.as_path(), place)).collect();
    let mut places =
        Places { scope, blind, occupied: &occupied, drives, devices: &plan.devices, system, found: HashMap::new() };
    let (mut numbers, mut renumbered) = (HashMap::new(), Vec::new());
    for &Known { id, ref path, hash, stamp, .. } in missing {
        let spot = match places.of(path, &stamp, &mut plan.spots) {
            Whereabouts::Elsewhere => None,
            Whereabouts::Gone => {
                plan.gone.push(Gone { id, hash, spot: None });
                continue;
            }
            Whereabouts::Unreachable { spot, .. } if forget_unreachable => {
                plan.gone.push(Gone { id, hash, spot: Some(spot) });
                continue;
            }
            Whereabouts::Unreachable { spot, device } => {
                let number = device.and_then(|device| {
                    let of_their_own = || plan.devices.number_of_their_own(device, id, &hash);
                    *numbers.entry(device).or_insert_with(of_their_own)
                });
                if let Some((device, Inode { number, .. })) = number.zip(stamp.inode) {
                    renumbered.push((id, Stamp { inode: Some(Inode { device, number }), ..stamp }));
                }
                Some(spot)
            }
        };
        plan.kept.push(Kept { id, path: path.clone(), hash, stamp, spot });
    }
    places.name(&mut plan.spots);
    plan.renumbered = numbers.into_iter().filter_map(|(before, number)| Some((before, number?))).collect();
    // Device numbers change whenever a drive is mounted, so that alone is no reason to write. But photos that are added
    // now would have another number than those beside them.
    plan.writes = !(plan.work.is_empty() && plan.gone.is_empty() && without_stamp.is_empty());
    plan.restamped = without_stamp;
    plan.restamped.append(&mut renumbered);
    if plan.writes {
        plan.restamped.append(&mut on_new_device);
    }
    plan
}

/// A photo that was found with another stamp than it had, though with the same size.
struct Touched {
    path: PathBuf,
    hash: [u8; 16],
    /// The number that its file system had.
    indexed: u64,
    /// The number that its folder has.
    folder: u64,
}

impl Touched {
    fn of(file: &FoundFile, known: &Known) -> Option<Touched> {
        let is_same_size = known.kind == Kind::Photo && known.stamp.size == file.stamp.size;
        let (indexed, folder) =
            known.stamp.inode.filter(|_| is_same_size).map(|inode| inode.device).zip(file.folder_device)?;
        Some(Touched { path: file.path.clone(), hash: known.hash, indexed, folder })
    }

    /// Reads some of them, where it depends on them whether a drive that may be swapped is the one that it was: one with the content
    /// that it had tells that as well as one with the stamp that it had. `missing` are the numbers of photos that were not found.
    fn compare(
        touched: Vec<Touched>,
        missing: &HashSet<u64>,
        scope: &[PathBuf],
        drives: &Drives,
        devices: &mut Devices,
        system: &dyn FileSystem,
    ) {
        /// On another drive, files with the same names and sizes are rare.
        const TRIES: usize = 16;
        let mut tries: HashMap<(u64, u64), usize> = HashMap::new();
        for Touched { path, hash, indexed, folder } in touched {
            let root = scope.iter().find(|root| path.starts_with(root));
            let is_in_question = missing.contains(&indexed)
                && root.is_some_and(|root| drives.may_be_swapped(folder, root))
                && !devices.is_recognised(indexed, folder);
            let tries = tries.entry((indexed, folder)).or_default();
            if is_in_question && *tries < TRIES {
                *tries += 1;
                if system.content(&path) == Some(hash) {
                    devices.recognise(indexed, folder);
                }
            }
        }
    }
}

/// The photos of an index to be replaced that would be lost, because they are in a blind spot or only in the cloud. The
/// others of `known` were found or are gone.
pub(crate) fn lost(
    known: &[Known],
    found: &[FoundFile],
    scope: &[PathBuf],
    blind: &[Blind],
    drives: &Drives,
    system: &dyn FileSystem,
) -> (Vec<Kept>, Vec<Spot>) {
    let UpdatePlan { mut kept, mut spots, .. } = plan(known, found.to_vec(), scope, blind, false, drives, system);
    kept.retain(|kept| kept.spot.is_some());
    let in_cloud: HashSet<&Path> = found.iter().filter(|file| file.in_cloud).map(|file| file.path.as_path()).collect();
    for root in scope.iter().filter(|_| !in_cloud.is_empty()) {
        let is_lost = |known: &&Known| known.path.starts_with(root) && in_cloud.contains(known.path.as_path());
        let lost = known.iter().filter(is_lost).map(|Known { id, path, hash, stamp, .. }| Kept {
            id: *id,
            path: path.clone(),
            hash: *hash,
            stamp: *stamp,
            spot: Some(spots.len()),
        });
        let before = kept.len();
        kept.extend(lost);
        let photos = (kept.len() - before) as u64;
        let reason = "holds photos that are only in the cloud".to_owned();
        spots.push(Spot { path: root.clone(), reason, root: false, photos });
    }
    (kept, spots)
}

impl From<&Blind> for Spot {
    fn from(blind: &Blind) -> Spot {
        Spot { path: blind.path.clone(), reason: blind.reason.clone(), root: blind.root, photos: 0 }
    }
}

/// Where a photo is that was not found.
enum Whereabouts {
    /// Where the run did not look.
    Elsewhere,
    Gone,
    /// In a spot.
    Unreachable {
        /// The number of the spot.
        spot: usize,
        /// The number that the index has for the file system that it is on, if that is another than the one that is there.
        device: Option<u64>,
    },
}

/// Sorts photos that were not found into spots.
struct Places<'a> {
    scope: &'a [PathBuf],
    /// The places among the spots of those that could not be looked into.
    blind: HashMap<&'a Path, usize>,
    occupied: &'a Occupied,
    drives: &'a Drives,
    devices: &'a Devices,
    system: &'a dyn FileSystem,
    /// The spot of each place that was come upon; those on other devices by root.
    found: HashMap<(PathBuf, Option<u64>), usize>,
}

impl Places<'_> {
    fn of(&mut self, path: &Path, stamp: &Stamp, spots: &mut Vec<Spot>) -> Whereabouts {
        let Some(root) = self.scope.iter().find(|root| path.starts_with(root)) else { return Whereabouts::Elsewhere };
        if let Some(&spot) = path.ancestors().find_map(|folder| self.blind.get(folder)) {
            spots[spot].photos += 1;
            return Whereabouts::Unreachable { spot, device: None };
        }
        let Some(place) = self.occupied.place(path, stamp, root, (self.drives, self.devices), self.system) else {
            return Whereabouts::Gone;
        };
        let other_drive = self.other_drive(&place, stamp, root);
        let (key, reason) = match place {
            Place::Empty(folder) => ((folder, None), "is empty; is its drive mounted?"),
            Place::Unknown(folder) => ((folder, None), "cannot be read"),
            Place::OtherDevice(device) => ((root.clone(), Some(device)), ""),
        };
        let is_elsewhere = key.1.is_some();
        let first = || Spot { path: key.0.clone(), reason: reason.to_owned(), root: false, photos: 0 };
        let number = *self.found.entry(key.clone()).or_insert_with(|| {
            spots.push(first());
            spots.len() - 1
        });
        let spot = &mut spots[number];
        if is_elsewhere && let Some(folder) = path.parent() {
            // Named by the folder that all of them were in, which is the mount point or lies below it.
            spot.path = if spot.photos == 0 { folder.to_path_buf() } else { common_folder(&spot.path, folder) };
        }
        spot.photos += 1;
        Whereabouts::Unreachable { spot: number, device: key.1.or(other_drive) }
    }

    /// The number that the index has for the file system of a photo in an empty folder which may be another drive's, with a folder
    /// of the same name.
    fn other_drive(&self, place: &Place, stamp: &Stamp, root: &Path) -> Option<u64> {
        let Place::Empty(folder) = place else { return None };
        let Folder::There { device: Some(present) } = self.system.folder(folder) else { return None };
        let indexed = stamp.inode.filter(|_| self.drives.may_be_swapped(present, root))?.device;
        (!self.devices.is_recognised(indexed, present)).then_some(indexed)
    }

    /// Says what is the matter with the places on other devices, now that it is known where they are.
    fn name(&self, spots: &mut [Spot]) {
        for spot in self.found.iter().filter(|((_, device), _)| device.is_some()).map(|(_, spot)| *spot) {
            let there = self.system.folder(&spots[spot].path) != Folder::Missing;
            let reason = if there { "is on another drive than before" } else { "does not exist" };
            spots[spot].reason = format!("{reason}; is its drive mounted?");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All folders exist, and none is empty.
    struct Full;

    impl FileSystem for Full {
        fn folder(&self, _: &Path) -> Folder {
            Folder::There { device: Some(1) }
        }

        fn holds_nothing(&self, _: &Path) -> bool {
            false
        }

        fn is_missing(&self, _: &Path) -> bool {
            false
        }
    }

    fn stamp(mtime_ns: i128) -> Stamp {
        Stamp { size: 10, mtime_ns, ..Stamp::default() }
    }

    fn known(id: u64, path: &str) -> Known {
        Known { id, path: path.into(), hash: [id as u8; 16], stamp: stamp(1), ..Known::default() }
    }

    fn found(path: &str, mtime_ns: i128) -> FoundFile {
        FoundFile { path: path.into(), stamp: stamp(mtime_ns), ..FoundFile::default() }
    }

    fn planned(known: &[Known], found: Vec<FoundFile>, blind: &[Blind], forget: bool) -> UpdatePlan {
        plan(known, found, &["/photos".into()], blind, forget, &Drives::default(), &Full)
    }

    fn gone(plan: &UpdatePlan) -> Vec<u64> {
        plan.gone.iter().map(|gone| gone.id).collect()
    }

    #[test]
    fn same_stamp_is_unchanged_another_is_read_again_and_the_rest_is_new_or_gone() {
        let index = [known(1, "/photos/same"), known(2, "/photos/touched"), known(3, "/photos/gone")];
        let files = vec![found("/photos/new", 1), found("/photos/same", 1), found("/photos/touched", 2)];
        let plan = planned(&index, files, &[], false);
        assert_eq!(plan.unchanged, 1);
        assert_eq!(
            plan.work,
            [
                Work { file: found("/photos/new", 1), known: None },
                Work { file: found("/photos/touched", 2), known: Some((2, [2; 16])) },
            ]
        );
        assert_eq!(plan.gone, [Gone { id: 3, hash: [3; 16], spot: None }]);
        assert!(plan.spots.is_empty() && plan.kept.is_empty() && plan.restamped.is_empty());
    }

    #[test]
    fn what_is_only_in_the_cloud_is_not_read() {
        let index = [known(1, "/photos/same"), known(2, "/photos/stub"), known(3, "/photos/edited")];
        let in_cloud = |path: &str, stamp| FoundFile { stamp, in_cloud: true, ..found(path, 1) };
        let evicted = Stamp { ctime_ns: Some(99), ..stamp(1) };
        let files = vec![
            in_cloud("/photos/edited", stamp(2)),
            in_cloud("/photos/new", stamp(1)),
            in_cloud("/photos/same", evicted),
            in_cloud("/photos/stub", Stamp::default()),
        ];
        let plan = planned(&index, files.clone(), &[], true);
        assert_eq!((plan.unchanged, plan.in_cloud), (2, 2));
        assert!(plan.work.is_empty() && plan.gone.is_empty() && plan.kept.is_empty() && plan.restamped.is_empty());
        let (kept, spots) = lost(&index, &files, &["/photos".into()], &[], &Drives::default(), &Full);
        assert_eq!(kept.iter().map(|kept| kept.spot).collect::<Vec<_>>(), [Some(0); 3]);
        assert_eq!((spots[0].path.as_path(), spots[0].photos), (Path::new("/photos"), 3));
    }

    #[test]
    fn an_older_time_counts_as_a_change_too() {
        let plan = planned(&[known(1, "/photos/a")], vec![found("/photos/a", 0)], &[], false);
        assert_eq!((plan.unchanged, plan.work.len()), (0, 1));
    }

    #[test]
    fn what_lies_outside_the_roots_of_the_run_stays() {
        let index = [known(1, "/elsewhere/a"), known(2, "/photos-2/a")];
        let plan = planned(&index, vec![], &[], true);
        assert!(plan.gone.is_empty() && plan.spots.is_empty());
        assert_eq!(plan.kept.iter().map(|kept| (kept.id, kept.spot)).collect::<Vec<_>>(), [(1, None), (2, None)]);
    }

    #[test]
    fn what_cannot_be_reached_stays_unless_it_shall_be_forgotten() {
        let index = [known(1, "/photos/usb/a"), known(2, "/photos/usb/b"), known(3, "/photos/c")];
        let blind = |path: &str, root| Blind { path: path.into(), reason: "is away".into(), root };
        let spots = [blind("/photos/usb", false), blind("/photos/other", false), blind("/drive", true)];
        let kept = planned(&index, vec![], &spots, false);
        assert_eq!(gone(&kept), [3]);
        let places: Vec<_> = kept.spots.iter().map(|spot| (spot.path.to_str().unwrap(), spot.photos)).collect();
        assert_eq!(places, [("/photos/usb", 2), ("/photos/other", 0), ("/drive", 0)]);
        assert_eq!(kept.kept.iter().map(|kept| kept.spot).collect::<Vec<_>>(), [Some(0), Some(0)]);

        let forgotten = planned(&index, vec![], &spots, true);
        assert_eq!(gone(&forgotten), [1, 2, 3]);
        assert_eq!(forgotten.gone.iter().map(|gone| gone.spot).collect::<Vec<_>>(), [Some(0), Some(0), None]);
    }

    #[test]
    fn stamps_are_completed_and_device_numbers_follow_when_there_is_something_to_write() {
        let inode = |device| Some(clip_index::Inode { device, number: 7 });
        let at = |device| Stamp { ctime_ns: Some(5), inode: inode(device), ..stamp(1) };
        let old = Known { stamp: at(1), ..known(1, "/photos/a") };
        let file = |path, device| FoundFile { stamp: at(device), folder_device: Some(device), ..found(path, 1) };
        let restamped = |known: &[Known], found| {
            let plan = planned(known, found, &[], false);
            plan.restamped.iter().map(|(id, stamp)| (*id, *stamp)).collect::<Vec<_>>()
        };
        assert_eq!(restamped(std::slice::from_ref(&old), vec![file("/photos/a", 1)]), []);
        assert_eq!(restamped(std::slice::from_ref(&old), vec![file("/photos/a", 2)]), [], "nothing else to write");
        let with_new = vec![file("/photos/a", 2), file("/photos/b", 2)];
        assert_eq!(restamped(&[old], with_new), [(1, at(2))]);
        assert_eq!(
            restamped(&[known(1, "/photos/a")], vec![file("/photos/a", 1)]),
            [(1, at(1))],
            "of an older version"
        );
    }
}
