//! Drives that are not mounted, as far as folders that are empty, missing or replaced can stand for them. `tests/cli` mounts
//! some.

mod support;

use std::fs;
use std::path::Path;

use clip_index::IndexWriter;
use clip_indexer::{Event, Indexer, PassedOverKind};
use support::{BLUE, GREEN, GREY, Library, RED, counts, three};

/// Takes the photos out of `folder`, as unmounting a drive does, and puts these entries there, and a photo elsewhere in the
/// index that is none of them.
fn unmount(library: &Library, folder: &str, entries: &[&str]) {
    fs::rename(library.at(folder), library.beside("unplugged")).unwrap();
    fs::create_dir_all(library.at(folder)).unwrap();
    for entry in entries {
        let path = library.at(folder).join(entry);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "left here").unwrap();
    }
}

fn mount(library: &Library, folder: &str) {
    fs::remove_dir_all(library.at(folder)).unwrap();
    fs::rename(library.beside("unplugged"), library.at(folder)).unwrap();
}

/// Places that could not be reached, and the photos kept there.
fn unreachable(library: &Library, report: &clip_indexer::Report) -> Vec<(String, u64)> {
    let inside = |path: &Path| path.strip_prefix(library.root()).unwrap().display().to_string();
    report.unreachable.iter().map(|place| (inside(&place.path), place.photos_kept)).collect()
}

#[test]
fn an_unmounted_drive_costs_no_photos() {
    let library = three();
    library.run();
    let away = library.root().with_file_name("away");

    fs::rename(library.root(), &away).unwrap();
    let missing = library.run();
    assert_eq!(counts(&missing), [0, 0, 0, 0, 0, 0]);
    assert_eq!(missing.unreachable[0].path, library.root());
    assert_eq!(missing.unreachable[0].photos_kept, 3);
    assert!(missing.unreachable[0].reason.contains("does not exist"), "{:?}", missing.unreachable);
    assert_eq!(library.records().len(), 3);

    fs::create_dir(library.root()).unwrap();
    let empty = library.run();
    assert_eq!(empty.unreachable[0].photos_kept, 3);
    assert!(empty.unreachable[0].reason.contains("empty"), "{:?}", empty.unreachable);
    assert_eq!(library.records().len(), 3);

    fs::remove_dir(library.root()).unwrap();
    fs::rename(&away, library.root()).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 3, 0, 0, 0]);
    assert_eq!(library.encoder.embedded(), 3);
}

#[test]
fn unreachable_photos_are_forgotten_on_demand() {
    let mut library = three();
    library.run();
    fs::remove_dir_all(library.root()).unwrap();
    library.options.forget_unreachable = true;
    let report = library.run();
    assert_eq!(counts(&report), [0, 0, 0, 0, 3, 0]);
    assert!(report.unreachable.is_empty(), "{:?}", report.unreachable);
    assert_eq!((report.forgotten[0].path.as_path(), report.forgotten[0].photos_removed), (library.root().as_path(), 3));
    assert_eq!(library.records().len(), 0);
    assert!(library.reader().roots().is_empty());
}

#[test]
fn a_root_that_is_gone_and_had_no_photos_is_forgotten() {
    let library = three();
    fs::create_dir(library.beside("empty")).unwrap();
    fs::create_dir(library.beside("bad")).unwrap();
    fs::write(library.beside("bad/x.png"), "no picture").unwrap();
    let all = [library.root(), library.beside("empty"), library.beside("bad")];
    library.try_run(&all).unwrap();
    fs::remove_dir(library.beside("empty")).unwrap();
    // Somebody else's run leaves it alone.
    assert!(library.run().forgotten.is_empty());
    let report = library.again();
    let told: Vec<_> = report.forgotten.iter().map(|place| (place.path.clone(), place.photos_removed)).collect();
    assert_eq!(told, [(library.beside("empty"), 0)]);
    assert!(report.unreachable.is_empty(), "{report:?}");
    assert_eq!(library.reader().roots(), [library.beside("bad"), library.root()]);
    let report = library.again();
    assert!(report.forgotten.is_empty() && report.unreachable.is_empty(), "{report:?}");
    // There was something in this one, so it may be a drive.
    fs::rename(library.beside("bad"), library.beside("away")).unwrap();
    for _ in 0..2 {
        let report = library.again();
        assert_eq!((report.forgotten.len(), report.unreachable[0].path.clone()), (0, library.beside("bad")));
    }
}

/// What stands for a drive that is not mounted at `folder`.
const LEFT: &[&[&str]] = &[
    &[],
    &[".DS_Store"],
    &["@eaDir/x/SYNOPHOTO_THUMB_M.jpg"],
    &["lost+found/x"],
    &[".Trash-1000/files/a.jpg"],
    &["Thumbs.db", "desktop.ini"],
    &["NOT-MOUNTED"],
    &[".nomount", "README.txt", "@eaDir/y"],
];

#[test]
fn a_mount_point_below_the_root_keeps_its_photos() {
    for left in LEFT {
        for folder in ["a", "deep/in/a"] {
            let mut library = Library::new();
            library.photo(format!("{folder}/red.png"), RED);
            library.photo(format!("{folder}/2019/green.png"), GREEN);
            library.photo("blue.png", BLUE);
            library.run();
            unmount(&library, folder, left);
            let report = library.run();
            assert_eq!(counts(&report), [0, 0, 1, 0, 0, 0], "{left:?}");
            let places = unreachable(&library, &report);
            let [(place, 2)] = places.as_slice() else { panic!("{report:?}") };
            assert!(!place.is_empty() && folder.starts_with(place), "{place}");
            assert!(report.unreachable[0].reason.contains("is empty"), "{report:?}");

            mount(&library, folder);
            let report = library.run();
            assert_eq!(counts(&report), [0, 0, 3, 0, 0, 0], "{left:?}");
            assert!(report.unreachable.is_empty());
            assert_eq!(library.encoder.embedded(), 3);

            unmount(&library, folder, left);
            library.options.forget_unreachable = true;
            let report = library.run();
            assert_eq!(counts(&report), [0, 0, 1, 0, 2, 0], "{left:?}");
            assert!(report.unreachable.is_empty() && report.forgotten[0].photos_removed == 2, "{report:?}");
            assert_eq!(library.all(), ["photos/blue.png"]);
        }
    }
}

#[test]
fn a_mount_point_that_is_a_root_keeps_its_photos() {
    for left in LEFT {
        let library = three();
        library.try_run(&[library.at("a")]).unwrap();
        unmount(&library, "a", left);
        let report = library.again();
        assert_eq!(unreachable(&library, &report), [("a".to_owned(), 2)], "{left:?}");
        assert_eq!((report.removed, library.all().len()), (0, 2));
        mount(&library, "a");
        assert_eq!(counts(&library.again()), [0, 0, 2, 0, 0, 0]);
    }
}

#[test]
fn a_folder_that_is_in_use_is_mounted() {
    // Other files than photos, so this is no mount point without its drive.
    let library = three();
    library.run();
    unmount(&library, "a", &["letter.odt", "list.txt"]);
    let report = library.run();
    assert_eq!(counts(&report), [0, 0, 1, 0, 2, 0]);
    assert!(report.unreachable.is_empty());

    // A folder that is gone, from a folder that is not empty.
    let library = three();
    library.run();
    fs::remove_dir_all(library.at("a")).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 1, 0, 2, 0]);
}

#[test]
fn a_folder_that_was_emptied_may_be_removed() {
    let library = three();
    library.run();
    fs::remove_file(library.at("a/red.png")).unwrap();
    fs::remove_file(library.at("a/green.png")).unwrap();
    let report = library.run();
    assert_eq!(unreachable(&library, &report), [("a".to_owned(), 2)]);
    fs::remove_dir(library.at("a")).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 1, 0, 2, 0]);
}

/// A drive's folder that goes when it is unmounted, as below `/media`: only the number of the file system tells.
#[cfg(unix)]
#[test]
fn what_was_on_another_file_system_is_kept() {
    for left in [None, Some("letter.odt"), Some("new.png")] {
        let library = three();
        library.run();
        let mut writer = IndexWriter::open_or_create(library.index(), &support::model()).unwrap();
        for record in library.records().iter().filter(|record| record.asset.path.starts_with(library.at("a"))) {
            let mut stamp = record.asset.stamp;
            stamp.inode = stamp.inode.map(|inode| clip_index::Inode { device: inode.device + 1000, ..inode });
            writer.touch(record.id, stamp).unwrap();
        }
        writer.commit().unwrap();
        drop(writer);
        fs::rename(library.at("a"), library.beside("unplugged")).unwrap();
        if let Some(left) = left {
            // Written while it was away.
            library.photo("other.png", [1, 2, 3]);
            fs::create_dir(library.at("a")).unwrap();
            fs::rename(library.at("other.png"), library.at("a").join(left)).unwrap();
            fs::write(library.at("a/second.odt"), "x").unwrap();
        }
        let report = library.run();
        assert_eq!(unreachable(&library, &report), [("a".to_owned(), 2)], "{left:?}");
        let reason = if left.is_some() { "is on another drive than before" } else { "does not exist" };
        assert!(report.unreachable[0].reason.starts_with(reason), "{report:?}");
        assert_eq!((report.removed, report.unchanged), (0, 1));
        // A copy on this file system is a copy, not a move.
        fs::copy(library.beside("unplugged/red.png"), library.at("copy.png")).unwrap();
        let report = library.run();
        assert_eq!((report.indexed, report.copied, report.moved), (1, 1, 0), "{left:?}");
        // Nor does it change with what was written there and is known by now.
        assert_eq!(unreachable(&library, &report), [("a".to_owned(), 2)], "{left:?}");
    }
}

#[test]
fn photos_that_turned_up_elsewhere_are_not_missed() {
    let library = three();
    library.run();
    fs::rename(library.at("a/red.png"), library.at("red.png")).unwrap();
    fs::remove_file(library.at("a/green.png")).unwrap();
    let report = library.run();
    assert_eq!(counts(&report), [0, 0, 1, 1, 0, 0]);
    assert_eq!(unreachable(&library, &report), [("a".to_owned(), 1)]);
}

#[cfg(unix)]
#[test]
fn an_empty_folder_behind_a_link_keeps_its_photos() {
    let library = Library::new();
    library.photo("here.png", RED);
    library.photo("../drive/there.png", GREEN);
    std::os::unix::fs::symlink(library.beside("drive"), library.at("drive")).unwrap();
    library.run();
    assert_eq!(library.all(), ["photos/drive/there.png", "photos/here.png"]);
    fs::remove_file(library.beside("drive/there.png")).unwrap();
    let report = library.run();
    assert_eq!(unreachable(&library, &report), [("drive".to_owned(), 1)]);
    // And one that leads nowhere.
    fs::remove_dir(library.beside("drive")).unwrap();
    let report = library.run();
    assert_eq!(unreachable(&library, &report), [("drive".to_owned(), 1)]);
    assert!(report.unreachable[0].reason.starts_with("is broken link to"), "{report:?}");
    assert!(report.skipped.is_empty() && report.skipped_before.is_empty(), "one fault is told once: {report:?}");
}

/// Such a link stands for a folder whose permissions were taken away, which tests that run as root cannot have.
#[cfg(unix)]
#[test]
fn a_root_that_is_there_and_cannot_be_read_stays_a_root() {
    let mut library = three();
    library.run();
    fs::rename(library.root(), library.beside("away")).unwrap();
    std::os::unix::fs::symlink(library.root(), library.root()).unwrap();
    library.options.forget_unreachable = true;
    let report = library.again();
    assert_eq!((report.removed, report.forgotten[0].photos_removed), (3, 3));
    assert_eq!(library.reader().roots(), [library.root()]);
    fs::remove_file(library.root()).unwrap();
    fs::rename(library.beside("away"), library.root()).unwrap();
    assert_eq!(counts(&library.again()), [3, 0, 0, 0, 0, 0]);
}

#[test]
fn a_photo_that_is_a_root_may_become_a_folder_and_a_photo_again() {
    let library = Library::new();
    library.photo("x.png", RED);
    library.try_run(&[library.at("x.png")]).unwrap();
    fs::remove_file(library.at("x.png")).unwrap();
    library.photo("x.png/y.png", GREEN);
    let report = library.again();
    assert_eq!((counts(&report), report.unreachable.len()), ([1, 0, 0, 0, 1, 0], 0), "{report:?}");
    assert_eq!(library.all(), ["photos/x.png/y.png"]);
    fs::remove_dir_all(library.at("x.png")).unwrap();
    library.photo("x.png", BLUE);
    let report = library.again();
    assert_eq!((counts(&report), report.unreachable.len()), ([1, 0, 0, 0, 1, 0], 0), "{report:?}");
    assert_eq!(library.all(), ["photos/x.png"]);
    assert_eq!(counts(&library.again()), [0, 0, 1, 0, 0, 0]);
}

#[cfg(unix)]
#[test]
fn it_is_told_once_what_a_root_leads_to_that_was_given_as_a_link() {
    let library = three();
    let link = library.beside("current");
    std::os::unix::fs::symlink(library.at("a"), &link).unwrap();
    let report = library.try_run(&[link.join("")]).unwrap();
    let told: Vec<_> = report.linked_roots.iter().map(|root| (&root.link, &root.target)).collect();
    assert_eq!(told, [(&link.join(""), &library.at("a"))]);
    assert!(library.try_run(&[link]).unwrap().linked_roots.is_empty());
    assert_eq!(library.reader().roots(), [library.at("a")]);
    assert!(library.run().linked_roots.is_empty(), "given as it is");
}

/// Does something when the folders have been listed and before a photo is read.
fn run_and_meanwhile(library: &Library, act: impl Fn() + Sync) -> clip_indexer::Report {
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Planned { .. }) {
            act();
        }
    };
    Indexer::new(&library.encoder, &library.index()).progress(&listen).run(&[library.root()]).unwrap()
}

#[test]
fn a_root_that_goes_away_before_its_photos_are_read_is_told_of_once() {
    let library = three();
    library.run();
    for name in ["new.png", "a/new.png", "b/new.png"] {
        library.photo(name, GREY);
    }
    let report = run_and_meanwhile(&library, || fs::rename(library.root(), library.beside("away")).unwrap());
    assert_eq!(counts(&report), [0, 0, 3, 0, 0, 0]);
    assert_eq!(unreachable(&library, &report), [(String::new(), 3)]);
    assert_eq!(report.unreachable[0].reason, "went away during the run, with 3 files that were not read yet");
    assert_eq!(report.remaining, Some(0));
    fs::rename(library.beside("away"), library.root()).unwrap();
    assert_eq!(counts(&library.again()), [3, 2, 3, 0, 0, 0]);
}

#[test]
fn a_photo_that_is_deleted_before_it_is_read_is_not_worth_a_word() {
    let library = three();
    library.run();
    for name in ["new.png", "b/new.png"] {
        library.photo(name, GREY);
    }
    library.photo("blue.png", RED);
    let report = run_and_meanwhile(&library, || {
        fs::remove_file(library.at("new.png")).unwrap();
        fs::remove_file(library.at("blue.png")).unwrap();
        fs::remove_dir_all(library.at("b")).unwrap();
    });
    assert_eq!(counts(&report), [0, 0, 2, 0, 0, 0]);
    assert!(report.unreachable.is_empty() && report.skipped_before.is_empty(), "{report:?}");
    assert_eq!(counts(&library.again()), [0, 0, 2, 0, 1, 0]);
}

#[test]
fn an_index_that_takes_the_place_of_another_tells_what_would_be_lost() {
    let library = three();
    library.photo("c/grey.png", [99, 99, 99]);
    library.run();
    let old = library.reader();
    let rebuilt = |name: &str| {
        let index = library.beside(name);
        let indexer = Indexer::new(&library.encoder, &index).in_place_of(&old);
        indexer.run(&[library.root()]).unwrap()
    };
    assert!(rebuilt("1").unreachable.is_empty());
    unmount(&library, "a", &[".DS_Store"]);
    fs::remove_dir_all(library.at("c")).unwrap();
    let report = rebuilt("2");
    assert_eq!(unreachable(&library, &report), [("a".to_owned(), 2)]);
    assert_eq!(report.indexed, 1);
    // What is elsewhere now would not be encoded again.
    fs::copy(library.beside("unplugged/red.png"), library.at("moved.png")).unwrap();
    assert_eq!(unreachable(&library, &rebuilt("3")), [("a".to_owned(), 1)]);
}

#[test]
fn what_is_passed_over_is_told_by_kind() {
    let library = Library::new();
    for name in ["a.xcf", "deep/b.XCF", "c.KRA", "d.mp4", "e.txt", "f", ".hidden.jpg", "@eaDir/x.jpg"] {
        let path = library.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    let report = library.run();
    assert_eq!(counts(&report), [0; 6]);
    let told: Vec<_> =
        report.passed_over.iter().map(|passed| (passed.kind, passed.extension.as_deref(), passed.files)).collect();
    assert_eq!(
        told,
        [
            (PassedOverKind::Picture, Some("xcf"), 2),
            (PassedOverKind::Picture, Some("kra"), 1),
            (PassedOverKind::Video, Some("mp4"), 1),
            (PassedOverKind::Other, None, 1),
            (PassedOverKind::Other, Some("txt"), 1),
            (PassedOverKind::Hidden, None, 1),
            (PassedOverKind::SystemFolder, None, 1),
        ]
    );
}

#[test]
fn photos_that_are_left_out_are_counted() {
    let mut library = three();
    library.photo("kept/out/grey.png", support::GREY);
    library.photo("kept/grey.png", support::GREY);
    fs::write(library.at("notes.txt"), "x").unwrap();
    fs::write(library.at("kept/.clipignore"), "*.png\n").unwrap();
    library.options.exclude = ["a/*.png", "*.txt", "out"].map(Into::into).into();
    let report = library.run();
    assert_eq!(report.indexed, 1);
    let told: Vec<_> = report.passed_over.iter().map(|passed| (passed.kind, passed.files)).collect();
    let expected = [(PassedOverKind::Hidden, 1), (PassedOverKind::Excluded, 3), (PassedOverKind::ExcludedFolder, 1)];
    assert_eq!(told, expected);
}

#[test]
fn a_photo_that_is_back_before_the_end_of_the_run_stays() {
    let library = three();
    library.run();
    let away = library.beside("away.png");
    for is_back in [true, false] {
        fs::rename(library.at("a/red.png"), &away).unwrap();
        let listen = |event: Event<'_>| {
            if is_back && matches!(event, Event::Planned { .. }) {
                fs::rename(&away, library.at("a/red.png")).unwrap();
            }
        };
        let report = Indexer::new(&library.encoder, &library.index()).progress(&listen).run(&[]).unwrap();
        assert_eq!((report.removed, library.records().len()), if is_back { (0, 3) } else { (1, 2) });
    }
}
