//! Drives that come and go, made up.

use std::collections::BTreeMap;

use clip_index::Inode;

use super::*;

/// The number of the file system that everything is on unless it is said otherwise.
const MAIN: u64 = 1;

/// Folders and the file systems that they are on. What is not listed is missing.
#[derive(Default)]
struct MadeUp {
    folders: BTreeMap<PathBuf, u64>,
    empty: Vec<PathBuf>,
    files: Vec<PathBuf>,
    unreadable: Vec<PathBuf>,
}

impl MadeUp {
    fn new(folders: &[(&str, u64)]) -> MadeUp {
        let folders = folders.iter().map(|(path, device)| (PathBuf::from(path), *device)).collect();
        MadeUp { folders, ..MadeUp::default() }
    }
}

impl FileSystem for MadeUp {
    fn folder(&self, path: &Path) -> Folder {
        if self.unreadable.iter().any(|unreadable| unreadable == path) {
            return Folder::Unknown;
        }
        match self.folders.get(path) {
            Some(device) => Folder::There { device: Some(*device) },
            None => Folder::Missing,
        }
    }

    fn holds_nothing(&self, path: &Path) -> bool {
        self.empty.iter().any(|empty| empty == path)
    }

    fn is_missing(&self, path: &Path) -> bool {
        !self.files.iter().any(|file| file == path)
    }
}

fn on(device: u64) -> Stamp {
    Stamp { size: 1, mtime_ns: 1, ctime_ns: Some(1), inode: Some(Inode { device, number: 7 }) }
}

fn file(path: &str, folder: u64, device: u64) -> FoundFile {
    let stamp = Stamp { ctime_ns: Some(2), ..on(device) };
    FoundFile { path: path.into(), stamp, folder_device: Some(folder), ..FoundFile::default() }
}

/// Where a photo that was indexed on a file system is, after a walk of `/photos` that found files on file systems: path,
/// number in the index if it is known there, number now.
fn place(system: &MadeUp, path: &str, indexed: u64, found: &[(&str, Option<u64>, u64)]) -> Option<Place> {
    place_among(&Drives::default(), system, path, indexed, found)
}

fn place_among(
    drives: &Drives,
    system: &MadeUp,
    path: &str,
    indexed: u64,
    found: &[(&str, Option<u64>, u64)],
) -> Option<Place> {
    let (mut devices, mut occupied) = (Devices::default(), Occupied::default());
    for (path, before, now) in found {
        devices.learn(&file(path, *now, *now), before.map(on).as_ref());
        occupied.add(&file(path, *now, *now), before.map(on).as_ref());
    }
    occupied.place(Path::new(path), &on(indexed), Path::new("/photos"), (drives, &devices), system)
}

#[test]
fn a_drive_that_was_swapped_for_another_with_its_number() {
    let system = MadeUp::new(&[("/photos", MAIN), ("/photos/usb", 5)]);
    let drives =
        |fixed| Drives { fixed: Some(HashSet::from([fixed])), whole: vec!["/photos".into()], ..Drives::default() };
    let place = |fixed, found: &[_]| place_among(&drives(fixed), &system, "/photos/usb/1", 5, found);
    let other = ("/photos/usb/2", None, 5);
    assert_eq!(place(MAIN, &[other]), Some(Place::OtherDevice(5)));
    // Both have a photo of this name, but it is not the same: `file` has another change time than `on`.
    let same_name = ("/photos/usb/3", Some(5), 5);
    assert_eq!(place(MAIN, &[other, same_name]), Some(Place::OtherDevice(5)));
    assert_eq!(place(5, &[other]), None, "the index is on it, so it is the same");
    let elsewhere = Drives { whole: Vec::new(), ..drives(MAIN) };
    assert_eq!(place_among(&elsewhere, &system, "/photos/usb/1", 5, &[other]), None, "not looked at whole");

    let devices = |found: &[FoundFile]| {
        let mut devices = Devices::default();
        found.iter().for_each(|file| devices.learn(file, Some(&on(5))));
        devices
    };
    let same = FoundFile { path: "/photos/usb/3".into(), stamp: on(5), folder_device: Some(5), ..FoundFile::default() };
    assert!(devices(std::slice::from_ref(&same)).is_recognised(5, 5));
    assert!(!devices(&[]).is_recognised(5, 5));
    let own = devices(&[same]).number_of_their_own(5, 1, &[7; 16]).unwrap();
    assert!(own > 1 << 63);
    assert_eq!(devices(&[]).number_of_their_own(5, 1, &[7; 16]), None);
}

#[test]
fn a_photo_that_is_gone_from_a_folder_that_is_in_its_place() {
    let system = MadeUp::new(&[("/photos", MAIN), ("/photos/a", MAIN)]);
    let beside = [("/photos/a/other", Some(MAIN), MAIN)];
    assert_eq!(place(&system, "/photos/a/gone", MAIN, &beside), None);
    assert_eq!(place(&system, "/photos/a/gone", MAIN, &[]), None, "other files are there");
    assert_eq!(place(&system, "/photos/b/c/gone", MAIN, &[]), None, "with its folders");
    // Those beside it were written there while its drive was away.
    assert_eq!(place(&system, "/photos/a/gone", 9, &beside), Some(Place::OtherDevice(9)));
}

#[test]
fn a_drive_below_the_root_that_is_away() {
    // Its mount point is empty, or is removed with it, or has something in it that was written there meanwhile.
    let mut system = MadeUp::new(&[("/photos", MAIN), ("/photos/usb", MAIN)]);
    let elsewhere = [("/photos/a", Some(MAIN), MAIN)];
    for path in ["/photos/usb/1", "/photos/usb/2019/1"] {
        assert_eq!(place(&system, path, 5, &elsewhere), Some(Place::OtherDevice(5)), "{path}");
        let meanwhile = [elsewhere[0], ("/photos/usb/new", None, MAIN)];
        assert_eq!(place(&system, path, 5, &meanwhile), Some(Place::OtherDevice(5)), "{path}");
    }
    assert_eq!(place(&system, "/photos/card/1", 5, &elsewhere), Some(Place::OtherDevice(5)));
    system.empty.push("/photos/usb".into());
    for path in ["/photos/usb/1", "/photos/usb/2019/1"] {
        assert_eq!(place(&system, path, 5, &elsewhere), Some(Place::Empty("/photos/usb".into())), "{path}");
        // Whatever the index knows of file systems.
        assert_eq!(place(&system, path, MAIN, &elsewhere), Some(Place::Empty("/photos/usb".into())), "{path}");
    }
}

#[test]
fn the_outermost_empty_folder_is_named() {
    let mut system = MadeUp::new(&[("/photos", MAIN), ("/photos/a", MAIN), ("/photos/a/b", MAIN)]);
    system.empty = vec!["/photos/a".into(), "/photos/a/b".into()];
    assert_eq!(place(&system, "/photos/a/b/1", MAIN, &[]), Some(Place::Empty("/photos/a".into())));
    // What holds a photo is not empty, even if it was when it was looked at.
    let found = [("/photos/a/c/2", None, MAIN)];
    assert_eq!(place(&system, "/photos/a/b/1", MAIN, &found), Some(Place::Empty("/photos/a/b".into())));
}

#[test]
fn a_folder_that_cannot_be_looked_at_tells_nothing() {
    let mut system = MadeUp::new(&[("/photos", MAIN)]);
    system.unreadable.push("/photos/a".into());
    assert_eq!(place(&system, "/photos/a/1", MAIN, &[]), Some(Place::Unknown("/photos/a".into())));
    let nothing = MadeUp::default();
    assert_eq!(place(&nothing, "/photos/a/1", MAIN, &[]), Some(Place::Unknown("/photos".into())), "the root vanished");
}

#[test]
fn numbers_that_changed_when_a_drive_was_mounted_again_are_learnt() {
    // All of it was 1 and is 2 now.
    let system = MadeUp::new(&[("/photos", 2), ("/photos/a", 2)]);
    let found = [("/photos/1", Some(1), 2)];
    assert_eq!(place(&system, "/photos/a/gone", 1, &found), None);
    // A drive that was 2 is away; the number is another's now.
    assert_eq!(place(&system, "/photos/usb/1", 2, &found), Some(Place::OtherDevice(2)));
    // Photos that were added in between have the new number.
    let mixed = [("/photos/1", Some(1), 2), ("/photos/2", Some(2), 2)];
    assert_eq!(place(&system, "/photos/a/gone", 2, &mixed), None);
    // Nothing else was found: numbers are all that there is to go by.
    assert_eq!(place(&system, "/photos/a/gone", 1, &[]), Some(Place::OtherDevice(1)));
}

#[test]
fn files_may_have_other_numbers_than_their_folders() {
    // As on overlays: the folders are on 1, the files on 3.
    let system = MadeUp::new(&[("/photos", MAIN), ("/photos/a", MAIN)]);
    let (mut devices, mut occupied) = (Devices::default(), Occupied::default());
    devices.learn(&file("/photos/x", MAIN, 3), Some(&on(3)));
    occupied.add(&file("/photos/x", MAIN, 3), Some(&on(3)));
    let drives = Drives::default();
    let place =
        |path: &str| occupied.place(Path::new(path), &on(3), Path::new("/photos"), (&drives, &devices), &system);
    assert_eq!(place("/photos/a/gone"), None);
}

/// Whether a photo that was indexed at `path` has become a copy of it at `/photos/new`.
fn has_become(system: &MadeUp, path: &str, indexed: u64) -> bool {
    let mut devices = Devices::default();
    devices.learn(&file("/photos/other", MAIN, MAIN), Some(&on(MAIN)));
    let departures =
        Departures { devices, system, roots: ["/photos", "/media/usb", "/data/in"].map(PathBuf::from).into() };
    departures.has_become(Path::new(path), &on(indexed), &file("/photos/new", MAIN, MAIN))
}

#[test]
fn a_photo_has_moved_if_its_drive_is_there_without_it() {
    let mut system = MadeUp::new(&[("/photos", MAIN), ("/data", MAIN), ("/data/in", MAIN)]);
    assert!(has_become(&system, "/data/in/1", MAIN), "the last photo of a root");
    system.folders.remove(Path::new("/data/in"));
    assert!(has_become(&system, "/data/in/1", MAIN), "a root that was renamed");
    assert!(has_become(&system, "/data/in/deep/1", MAIN));
    system.folders.remove(Path::new("/data"));
    assert!(!has_become(&system, "/data/in/1", MAIN), "what its root was in is away too");
    system.folders.insert("/data".into(), MAIN);
    system.files.push("/data/in/1".into());
    assert!(!has_become(&system, "/data/in/1", MAIN), "it is still there");
    system.unreadable.push("/data".into());
    assert!(!has_become(&system, "/data/in/2", MAIN), "nobody knows");
}

#[test]
fn a_photo_on_a_drive_that_is_not_mounted_has_not_moved() {
    for mount_points in [&[("/media", MAIN)][..], &[("/media", MAIN), ("/media/usb", MAIN)]] {
        let system = MadeUp::new(mount_points);
        assert!(!has_become(&system, "/media/usb/1", 5));
        assert!(!has_become(&system, "/media/usb/deep/1", 5));
    }
    let mounted = MadeUp::new(&[("/media", MAIN), ("/media/usb", 5)]);
    assert!(has_become(&mounted, "/media/usb/1", 5));
}

#[test]
fn the_same_file_has_moved_wherever_its_folder_is_now() {
    let system = MadeUp::default();
    let departures = Departures { devices: Devices::default(), system: &system, roots: vec!["/media/usb".into()] };
    let became = |before: Stamp, now: Stamp| {
        let now = FoundFile { path: "/media/usb1/1".into(), stamp: now, ..FoundFile::default() };
        departures.has_become(Path::new("/media/usb/1"), &before, &now)
    };
    // A drive that is mounted elsewhere, under another number.
    assert!(became(on(5), on(6)));
    for other in [
        Stamp { ctime_ns: Some(9), ..on(6) },
        Stamp { ctime_ns: None, ..on(6) },
        Stamp { inode: None, ..on(6) },
        Stamp { inode: Some(Inode { device: 5, number: 8 }), ..on(6) },
    ] {
        assert!(!became(on(5), other), "{other:?}");
    }
    let without = Stamp { ctime_ns: None, inode: None, ..on(5) };
    assert!(!became(without, without), "nothing tells that it is the same");
}

#[test]
fn folders_in_common() {
    assert_eq!(common_folder(Path::new("/a/b/c"), Path::new("/a/b/d/e")), Path::new("/a/b"));
    assert_eq!(common_folder(Path::new("/a/b"), Path::new("/a/b")), Path::new("/a/b"));
    assert_eq!(common_folder(Path::new("/a/bc"), Path::new("/a/b")), Path::new("/a"));
}
