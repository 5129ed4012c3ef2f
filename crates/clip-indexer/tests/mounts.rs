//! Drives that are mounted and that go away in the middle of a run, where the system lets tests mount: each has a mount
//! namespace of its own.
#![cfg(target_os = "linux")]

mod support;

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::thread;

use clip_index::{Exclude, IndexWriter, Inode, Stamp};
use clip_indexer::{Event, IndexOptions, Indexer, Report};
use support::{BLUE, GREEN, GREY, Library, RED, counts};

/// Runs a test in a thread that alone sees what it mounts. Does nothing where that is not allowed.
fn with_mounts(test: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let run = || {
            // SAFETY: both calls take numbers, strings that end with NUL, and null pointers where nothing is to be said. They
            // change what this thread and those that it starts see of the file system.
            let may_mount = unsafe {
                libc::unshare(libc::CLONE_NEWNS) == 0
                    && libc::mount(
                        std::ptr::null(),
                        c"/".as_ptr(),
                        std::ptr::null(),
                        libc::MS_REC | libc::MS_PRIVATE,
                        std::ptr::null(),
                    ) == 0
            };
            if may_mount {
                test();
            }
        };
        scope.spawn(run).join().unwrap();
    });
}

fn c_string(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

/// Mounts an empty drive, which is made by that.
fn mount(path: &Path) {
    fs::create_dir_all(path).unwrap();
    // No two drives were made at the same time, and the system's clock for files ticks slowly.
    thread::sleep(std::time::Duration::from_millis(20));
    let path = c_string(path);
    // SAFETY: the strings end with NUL and outlive the call, and the last argument may be null.
    let result = unsafe { libc::mount(c"none".as_ptr(), path.as_ptr(), c"tmpfs".as_ptr(), 0, std::ptr::null()) };
    assert_eq!(result, 0, "{path:?}");
}

/// Mounts a drive at another place, too.
fn bind(from: &Path, to: &Path) {
    let (from, to) = (c_string(from), c_string(to));
    // SAFETY: the strings end with NUL and outlive the call, and the other arguments may be null.
    let result = unsafe { libc::mount(from.as_ptr(), to.as_ptr(), std::ptr::null(), libc::MS_BIND, std::ptr::null()) };
    assert_eq!(result, 0, "{to:?}");
}

/// Takes a drive away at once, whoever uses it.
fn unplug(path: &Path) {
    let path = c_string(path);
    // SAFETY: the string ends with NUL and outlives the call.
    assert_eq!(unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) }, 0, "{path:?}");
}

/// A library with a drive in it.
fn with_drive() -> Library {
    let library = Library::new();
    library.photo("a/red.png", RED);
    mount(&library.at("drive"));
    library.photo("drive/a/green.png", GREEN);
    library.photo("drive/b/blue.png", BLUE);
    library.photo("drive/b/grey.png", [99, 99, 99]);
    library
}

fn run_and_meanwhile(library: &Library, act: impl Fn(Event<'_>) + Sync) -> Report {
    Indexer::new(&library.encoder, &library.index()).progress(&act).run(&[library.root()]).unwrap()
}

fn on_one_file_system(library: &Library, one_file_system: bool) -> Report {
    let options = IndexOptions { one_file_system: Some(one_file_system), ..IndexOptions::default() };
    Indexer::new(&library.encoder, &library.index()).options(options).run(&[library.root()]).unwrap()
}

#[test]
fn other_file_systems_are_left_out_until_that_is_taken_back() {
    with_mounts(|| {
        let library = with_drive();
        let elsewhere = Library::new();
        mount(&elsewhere.at(""));
        elsewhere.photo("x.png", [1, 1, 1]);
        elsewhere.photo("y.png", [2, 2, 2]);
        std::os::unix::fs::symlink(elsewhere.at(""), library.at("link")).unwrap();
        std::os::unix::fs::symlink(elsewhere.at("y.png"), library.at("a/link.png")).unwrap();
        library.run();
        assert_eq!(library.records().len(), 6);
        let report = on_one_file_system(&library, true);
        assert_eq!((counts(&report), report.unreachable.len()), ([0, 0, 1, 0, 5, 0], 0));
        assert_eq!(library.reader().excluded(), [Exclude::OtherFileSystems]);
        assert_eq!(counts(&library.again()), [0, 0, 1, 0, 0, 0]);
        assert_eq!(on_one_file_system(&library, false).indexed, 5);
    });
}

#[test]
fn a_root_on_a_drive_of_its_own_is_entered() {
    with_mounts(|| {
        let library = Library::new();
        mount(&library.root());
        library.photo("a/red.png", RED);
        assert_eq!(on_one_file_system(&library, true).indexed, 1);
    });
}

/// Two drives in turn at one place. Device numbers are given again at once, so the second has that of the first.
#[test]
fn drives_that_are_swapped_cost_no_photos() {
    with_mounts(|| {
        for (folder, is_root) in [("usb", true), ("usb", false), ("usb/DCIM", true)] {
            let library = Library::new();
            library.photo("here.png", [1, 2, 3]);
            let drive = library.at("usb");
            let (red, green) = (format!("{folder}/a/red.png"), format!("{folder}/b/green.png"));
            let blue = format!("{folder}/a/blue.png");
            // What is on a drive, kept elsewhere while it is not mounted, with the times that it had.
            let number = |path: &Path| std::os::unix::fs::MetadataExt::dev(&fs::metadata(path).unwrap());
            mount(&drive);
            let first = number(&drive);
            library.photo(&red, RED);
            library.photo(&green, GREEN);
            let roots = [if is_root { library.at(folder) } else { library.root() }];
            let run = || Indexer::new(&library.encoder, &library.index()).run(&roots).unwrap();
            run();
            let others = usize::from(!is_root);
            let indexed = library.records();
            unplug(&drive);
            mount(&drive);
            let is_same = number(&drive) == first;
            library.photo(&blue, BLUE);
            // Again and again, even when the second drive's photos are known.
            for round in 0..3 {
                let report = run();
                let news = (report.indexed, report.removed, report.unreachable.len());
                assert_eq!(news, (u64::from(round == 0), 0, 1), "{folder} {round} {is_same}: {report:?}");
                assert_eq!(report.unreachable[0].photos_kept, 2, "{report:?}");
                assert!(report.unreachable[0].reason.contains("another drive"), "{report:?}");
                assert_eq!(library.records().len(), 3 + others);
            }
            // A photo that is gone from the drive that is there is gone.
            library.photo(format!("{folder}/a/grey.png"), GREY);
            assert_eq!((run().indexed, library.records().len()), (1, 4 + others));
            fs::remove_file(library.at(format!("{folder}/a/grey.png"))).unwrap();
            let report = run();
            assert_eq!((report.removed, report.unreachable[0].photos_kept), (1, 2), "{report:?}");
            let kept = |path: &str| library.records().into_iter().any(|record| record.asset.path == library.at(path));
            assert!(kept(&red) && kept(&green) && kept(&blue));
            assert!(
                indexed
                    .iter()
                    .all(|photo| kept(photo.asset.path.strip_prefix(library.root()).unwrap().to_str().unwrap()))
            );
        }
    });
}

/// The same drive, detached and mounted again, with another in between.
#[test]
fn a_drive_that_comes_back_is_known_again() {
    with_mounts(|| {
        let library = Library::new();
        let (drive, first, second) = (library.at("usb"), library.beside("first"), library.beside("second"));
        mount(&first);
        mount(&second);
        fs::create_dir_all(&drive).unwrap();
        let plug = |from: &Path| bind(from, &drive);
        plug(&first);
        library.photo("usb/red.png", RED);
        library.photo("usb/green.png", GREEN);
        let run = || Indexer::new(&library.encoder, &library.index()).run(std::slice::from_ref(&drive)).unwrap();
        assert_eq!(run().indexed, 2);
        // As if the second one had the number of the first.
        let renumber = |from: &Path, to: &Path| {
            let number = |path: &Path| std::os::unix::fs::MetadataExt::dev(&fs::metadata(path).unwrap());
            let (from, to) = (number(from), number(to));
            let mut writer = IndexWriter::open_or_create(library.index(), &support::model()).unwrap();
            for record in library.records() {
                let stamp = record.asset.stamp;
                if let Some(inode) = stamp.inode.filter(|inode| inode.device == from) {
                    let inode = Some(Inode { device: to, ..inode });
                    writer.touch(record.id, Stamp { inode, ..stamp }).unwrap();
                }
            }
            let mut drives = writer.drives().to_vec();
            for number in drives.iter_mut().flat_map(|drive| &mut drive.numbers).filter(|number| **number == from) {
                *number = to;
            }
            writer.set_drives(drives);
            writer.commit().unwrap();
        };
        renumber(&first, &second);
        unplug(&drive);
        plug(&second);
        library.photo("usb/blue.png", BLUE);
        let report = run();
        assert_eq!((report.indexed, report.removed, report.unreachable[0].photos_kept), (1, 0, 2), "{report:?}");
        renumber(&second, &first);
        unplug(&drive);
        plug(&first);
        fs::remove_file(library.at("usb/green.png")).unwrap();
        for removed in [1, 0] {
            let report = run();
            assert_eq!((report.indexed, report.unchanged, report.removed), (0, 1, removed), "{report:?}");
            assert_eq!(report.unreachable[0].photos_kept, 1, "{report:?}");
        }
        unplug(&drive);
        plug(&second);
        let report = run();
        assert_eq!((report.unchanged, report.removed, report.unreachable[0].photos_kept), (1, 0, 1), "{report:?}");
        assert_eq!(library.encoder.embedded(), 3);
    });
}

/// A drive of its own that was mounted all the time, and on which no photo is left as it was.
#[test]
fn a_photo_that_was_deleted_leaves_the_index_though_no_other_tells_that_its_drive_is_there() {
    with_mounts(|| {
        // The photos of an inbox, all replaced; the same in the mount point itself; all rewritten and one deleted; all with other
        // rights and one deleted.
        type Act = fn(&Library);
        let cases: [(&str, Act, [u64; 6]); 4] = [
            (
                "nas/inbox",
                |library| {
                    fs::remove_dir_all(library.at("nas/inbox")).unwrap();
                    library.photo("nas/inbox/new.png", GREY);
                },
                [1, 0, 0, 0, 2, 0],
            ),
            (
                "nas",
                |library| {
                    for name in ["red", "green"] {
                        fs::remove_file(library.at(format!("nas/{name}.png"))).unwrap();
                    }
                    library.photo("nas/new.png", GREY);
                },
                [1, 0, 0, 0, 2, 0],
            ),
            (
                "nas",
                |library| {
                    library.photo("nas/red.png", GREY);
                    fs::remove_file(library.at("nas/green.png")).unwrap();
                },
                [1, 0, 0, 0, 1, 0],
            ),
            (
                "nas",
                |library| {
                    touch(&library.at("nas/red.png"));
                    fs::remove_file(library.at("nas/green.png")).unwrap();
                },
                [0, 0, 1, 0, 1, 0],
            ),
        ];
        for (number, (folder, act, expected)) in cases.into_iter().enumerate() {
            // Where the index knows nothing of drives yet, contents that are the same tell as much.
            for is_known in [true, false].into_iter().filter(|known| *known || number == 3) {
                let library = Library::new();
                mount(&library.at("nas"));
                library.photo(format!("{folder}/red.png"), RED);
                library.photo(format!("{folder}/green.png"), GREEN);
                let run = || Indexer::new(&library.encoder, &library.index()).run(&[library.at(folder)]).unwrap();
                run();
                if !is_known {
                    let mut writer = IndexWriter::open_or_create(library.index(), &support::model()).unwrap();
                    writer.set_drives(Vec::new());
                    writer.commit().unwrap();
                }
                act(&library);
                let report = run();
                assert_eq!(counts(&report), expected, "{number}: {report:?}");
                assert!(report.unreachable.is_empty(), "{number}: {report:?}");
                assert!(run().unreachable.is_empty(), "{number}");
            }
        }
    });
}

/// Gives a file other rights, which changes its stamp.
fn touch(path: &Path) {
    thread::sleep(std::time::Duration::from_millis(20));
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// A drive that is mounted in the place of another, both with their photos replaced in between: each keeps those of the other.
#[test]
fn a_drive_that_is_known_by_its_topmost_folder_does_not_speak_for_another() {
    with_mounts(|| {
        let library = Library::new();
        let (drive, first, second) = (library.at("usb"), library.beside("first"), library.beside("second"));
        mount(&first);
        mount(&second);
        fs::create_dir_all(&drive).unwrap();
        let run = || Indexer::new(&library.encoder, &library.index()).run(std::slice::from_ref(&drive)).unwrap();
        let kept = |report: &Report| report.unreachable.iter().map(|place| place.photos_kept).sum::<u64>();
        bind(&first, &drive);
        library.photo("usb/red.png", RED);
        library.photo("usb/green.png", GREEN);
        run();
        unplug(&drive);
        bind(&second, &drive);
        library.photo("usb/blue.png", BLUE);
        assert_eq!(kept(&run()), 2);
        fs::remove_file(library.at("usb/blue.png")).unwrap();
        library.photo("usb/grey.png", GREY);
        let report = run();
        assert_eq!((report.indexed, report.removed, kept(&report)), (1, 1, 2), "{report:?}");
        unplug(&drive);
        bind(&first, &drive);
        for name in ["red", "green"] {
            fs::remove_file(library.at(format!("usb/{name}.png"))).unwrap();
        }
        library.photo("usb/last.png", [1, 2, 3]);
        let report = run();
        assert_eq!((report.indexed, report.removed, kept(&report)), (1, 2, 1), "{report:?}");
        assert_eq!(library.reader().drives().iter().filter(|known| known.folder.path() == drive).count(), 2);
    });
}

/// Cards have folders of the same names. One that is empty on the card that is there says nothing about the other card's photos.
#[test]
fn an_empty_folder_of_another_drive_costs_no_photos_once_it_is_gone() {
    with_mounts(|| {
        let library = Library::new();
        let drive = library.at("usb");
        let run = || Indexer::new(&library.encoder, &library.index()).run(std::slice::from_ref(&drive)).unwrap();
        mount(&drive);
        library.photo("usb/DCIM/red.png", RED);
        run();
        unplug(&drive);
        mount(&drive);
        fs::create_dir(library.at("usb/DCIM")).unwrap();
        library.photo("usb/other/blue.png", BLUE);
        let report = run();
        assert_eq!((report.indexed, report.unreachable[0].photos_kept), (1, 1), "{report:?}");
        fs::remove_dir(library.at("usb/DCIM")).unwrap();
        for _ in 0..2 {
            let report = run();
            assert_eq!((report.unchanged, report.removed, report.unreachable[0].photos_kept), (1, 0, 1), "{report:?}");
        }
    });
}

/// An indexed folder without photos, on a drive that is away, is not one that was deleted.
#[test]
fn a_folder_without_photos_stays_indexed_while_its_drive_is_away() {
    with_mounts(|| {
        for entries in [&[][..], &["not mounted.txt", "other/letter.txt", "list.txt"]] {
            let library = Library::new();
            let (disk, hold) = (library.at("disk"), library.beside("hold"));
            mount(&hold);
            fs::create_dir_all(&disk).unwrap();
            bind(&hold, &disk);
            library.photo("disk/in/red.png", RED);
            fs::create_dir(library.at("disk/sorted")).unwrap();
            let run =
                |roots: &[std::path::PathBuf]| Indexer::new(&library.encoder, &library.index()).run(roots).unwrap();
            run(&[library.at("disk/in"), library.at("disk/sorted")]);
            fs::rename(library.at("disk/in/red.png"), library.at("disk/sorted/red.png")).unwrap();
            fs::remove_dir(library.at("disk/in")).unwrap();
            unplug(&disk);
            for entry in entries {
                fs::create_dir_all(disk.join(entry).parent().unwrap()).unwrap();
                fs::write(disk.join(entry), "x").unwrap();
            }
            let report = run(&[]);
            assert!(report.forgotten.is_empty(), "{report:?}");
            let places =
                report.unreachable.iter().map(|place| (place.path.clone(), place.photos_kept)).collect::<Vec<_>>();
            assert_eq!(places, [(library.at("disk/in"), 1), (library.at("disk/sorted"), 0)]);
            assert_eq!(library.reader().roots(), [library.at("disk/in"), library.at("disk/sorted")]);
            bind(&hold, &disk);
            let report = run(&[]);
            assert_eq!((report.moved, report.unreachable.len()), (1, 0), "{report:?}");
            assert_eq!(library.reader().roots(), [library.at("disk/sorted")]);
            // And one that was deleted while its drive is there is forgotten, though nothing else is on that.
            fs::remove_file(library.at("disk/sorted/red.png")).unwrap();
            let other = library.at("other");
            library.photo("other/green.png", GREEN);
            assert_eq!(run(&[other.clone(), library.at("disk/sorted")]).unreachable[0].photos_kept, 1);
            fs::write(library.at("disk/sorted/x.txt"), "x").unwrap();
            fs::write(library.at("disk/sorted/y.txt"), "y").unwrap();
            assert_eq!(run(&[]).removed, 1);
            fs::remove_dir_all(library.at("disk/sorted")).unwrap();
            let report = run(&[]);
            assert_eq!((report.forgotten.len(), report.unreachable.len()), (1, 0), "{report:?}");
            assert_eq!(library.reader().roots(), [other]);
        }
    });
}

#[test]
fn a_drive_that_goes_away_while_it_is_listed_costs_no_photos() {
    with_mounts(|| {
        for folder in ["drive", ""] {
            let library = Library::new();
            mount(&library.root());
            library.photo("a/red.png", RED);
            mount(&library.at("drive"));
            library.photo("drive/a/green.png", GREEN);
            library.photo("drive/b/blue.png", BLUE);
            // A sign that the walk has come to the drive, and a photo that is gone.
            let sign = std::os::unix::net::UnixListener::bind(library.at("drive/aa.png")).unwrap();
            drop(sign);
            library.photo("drive/b/gone.png", [9, 9, 9]);
            library.run();
            fs::remove_file(library.at("drive/b/gone.png")).unwrap();
            let report = run_and_meanwhile(&library, |event| {
                if let Event::Skipped(skipped) = event
                    && skipped.path == library.at("drive/aa.png")
                {
                    unplug(&library.at(folder));
                }
            });
            assert_eq!((report.removed, report.indexed), (0, 0), "{folder:?}: {report:?}");
            assert_eq!(library.records().len(), 4, "{folder:?}");
            assert!(report.unreachable.iter().map(|place| place.photos_kept).sum::<u64>() >= 2, "{report:?}");
        }
    });
}

#[test]
fn a_drive_that_goes_away_before_its_photos_are_read_costs_none() {
    with_mounts(|| {
        let library = with_drive();
        library.run();
        // One that is gone, one that was changed, one that is new.
        fs::remove_file(library.at("drive/b/grey.png")).unwrap();
        library.photo("drive/a/green.png", [8, 8, 8]);
        library.photo("drive/a/new.png", [7, 7, 7]);
        let report = run_and_meanwhile(&library, |event| {
            if matches!(event, Event::Planned { .. }) {
                unplug(&library.at("drive"));
            }
        });
        assert_eq!((counts(&report)[..5].to_vec(), report.skipped.len()), (vec![0, 0, 2, 0, 1], 0), "{report:?}");
        assert_eq!(library.records().len(), 3);
        // Once, and not for each of the two.
        let [away] = report.unreachable.as_slice() else { panic!("{report:?}") };
        assert_eq!((away.path.clone(), away.photos_kept), (library.at("drive"), 2));
        assert_eq!(away.reason, "went away during the run, with 2 files that were not read yet");
        library.assert_holds("drive/a/green.png", GREEN);
        // And again without it.
        let report = library.again();
        assert_eq!((report.removed, report.unreachable[0].photos_kept), (0, 2));
    });
}
