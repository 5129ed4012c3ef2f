//! The same bytes at a new place while the old path does not exist any more: from folder to folder, from root to root.

mod support;

use std::fs;

use support::{BLUE, GREEN, Library, RED, counts};

/// Two roots: `photos/inbox` with one photo, and `photos/albums` with two.
fn two_roots() -> Library {
    let library = Library::new();
    library.photo("inbox/red.png", RED);
    library.photo("albums/green.png", GREEN);
    library.photo("albums/blue.png", BLUE);
    library.try_run(&[library.at("inbox"), library.at("albums")]).unwrap();
    library
}

#[test]
fn a_renamed_root_is_told_by_its_new_name() {
    let library = Library::new();
    library.photo("red.png", RED);
    library.photo("deep/green.png", GREEN);
    library.run();
    let ids: Vec<u64> = library.records().iter().map(|record| record.id).collect();
    fs::rename(library.root(), library.beside("renamed")).unwrap();
    let report = library.try_run(&[library.beside("renamed")]).unwrap();
    assert_eq!(counts(&report), [0, 0, 0, 2, 0, 0]);
    assert_eq!(report.moved_roots, [library.root()]);
    assert!(report.unreachable.is_empty());
    assert_eq!(library.all(), ["renamed/deep/green.png", "renamed/red.png"]);
    assert_eq!(library.records().iter().map(|record| record.id).collect::<Vec<_>>(), ids);
    assert_eq!(library.reader().roots(), [library.beside("renamed")]);
    assert_eq!(library.encoder.embedded(), 2);
    assert_eq!(counts(&library.again()), [0, 0, 2, 0, 0, 0]);
}

#[test]
fn a_root_goes_only_with_its_last_photo() {
    let library = Library::new();
    library.photo("a/red.png", RED);
    library.photo("b/green.png", GREEN);
    library.run();
    fs::rename(library.root(), library.beside("renamed")).unwrap();
    // Only a part of it is named. The rest may be named next.
    let report = library.try_run(&[library.beside("renamed/a")]).unwrap();
    assert_eq!(counts(&report), [0, 0, 0, 1, 0, 0]);
    assert!(report.moved_roots.is_empty());
    assert_eq!(library.all(), ["photos/b/green.png", "renamed/a/red.png"]);
    assert_eq!(library.again().unreachable[0].photos_kept, 1);
    let report = library.try_run(&[library.beside("renamed/b")]).unwrap();
    assert_eq!((report.moved, report.moved_roots.as_slice()), (1, [library.root()].as_slice()));
    assert_eq!(library.reader().roots(), [library.beside("renamed/a"), library.beside("renamed/b")]);
    assert_eq!(library.encoder.embedded(), 2);
}

/// The folder that a root is in was renamed, so nothing is left where the root was.
#[cfg(unix)]
#[test]
fn what_a_root_is_in_may_be_renamed() {
    let library = Library::new();
    library.photo("a/b/red.png", RED);
    library.try_run(&[library.at("a/b")]).unwrap();
    fs::rename(library.at("a"), library.at("z")).unwrap();
    let report = library.try_run(&[library.at("z/b")]).unwrap();
    assert_eq!(counts(&report), [0, 0, 0, 1, 0, 0]);
    assert_eq!(library.all(), ["photos/z/b/red.png"]);
    assert_eq!(library.reader().roots(), [library.at("z/b")]);
}

#[test]
fn the_last_photo_of_an_inbox_is_sorted_into_another_root() {
    for only_albums in [false, true] {
        let library = two_roots();
        fs::rename(library.at("inbox/red.png"), library.at("albums/red.png")).unwrap();
        let report = if only_albums { library.try_run(&[library.at("albums")]).unwrap() } else { library.again() };
        assert_eq!(counts(&report), [0, 0, 2, 1, 0, 0]);
        assert!(report.unreachable.is_empty(), "{:?}", report.unreachable);
        assert_eq!(library.all(), ["photos/albums/blue.png", "photos/albums/green.png", "photos/albums/red.png"]);
        // The inbox is still there for the next photos.
        assert_eq!(library.reader().roots(), [library.at("albums"), library.at("inbox")]);
        let report = library.again();
        assert_eq!(counts(&report), [0, 0, 3, 0, 0, 0]);
        assert!(report.unreachable.is_empty() && report.moved_roots.is_empty());
        assert_eq!(library.encoder.embedded(), 3);
    }
}

/// Moved to another file system, or copied and removed: another file with the same content.
#[test]
fn a_copy_whose_original_was_removed_is_a_move_too() {
    let library = two_roots();
    fs::copy(library.at("inbox/red.png"), library.at("albums/red.png")).unwrap();
    assert_eq!(counts(&library.again()), [1, 1, 3, 0, 0, 0]);
    fs::remove_file(library.at("inbox/red.png")).unwrap();
    fs::rename(library.at("albums/red.png"), library.at("albums/again.png")).unwrap();
    let report = library.try_run(&[library.at("albums")]).unwrap();
    assert_eq!((report.moved, library.all().len()), (1, 4), "the photo beside it is nearer");

    let library = two_roots();
    fs::copy(library.at("inbox/red.png"), library.at("albums/red.png")).unwrap();
    fs::remove_dir_all(library.at("inbox")).unwrap();
    let report = library.again();
    assert_eq!(counts(&report), [0, 0, 2, 1, 0, 0]);
    assert_eq!(report.moved_roots, [library.at("inbox")]);
    assert!(report.unreachable.is_empty(), "{:?}", report.unreachable);
    assert_eq!(library.reader().roots(), [library.at("albums")]);
}

#[test]
fn what_is_still_there_was_copied() {
    let library = two_roots();
    fs::copy(library.at("inbox/red.png"), library.at("albums/red.png")).unwrap();
    let report = library.try_run(&[library.at("albums")]).unwrap();
    assert_eq!(counts(&report), [1, 1, 2, 0, 0, 0]);
    assert_eq!(library.all().len(), 4);
}

/// Nothing of what the root was in is there: it may be a drive that is not mounted.
#[test]
fn a_copy_of_what_cannot_be_reached_is_no_move() {
    let library = Library::new();
    library.photo("drive/pictures/red.png", RED);
    library.photo("here/green.png", GREEN);
    library.try_run(&[library.at("drive/pictures"), library.at("here")]).unwrap();
    fs::copy(library.at("drive/pictures/red.png"), library.at("here/red.png")).unwrap();
    fs::rename(library.at("drive"), library.beside("unplugged")).unwrap();
    let report = library.again();
    assert_eq!(counts(&report), [1, 1, 1, 0, 0, 0]);
    assert_eq!(report.unreachable[0].photos_kept, 1);
    fs::rename(library.beside("unplugged"), library.at("drive")).unwrap();
    assert_eq!(counts(&library.again()), [0, 0, 3, 0, 0, 0]);
    assert_eq!(library.encoder.embedded(), 2);
}

#[test]
fn equal_photos_of_a_renamed_root_all_move() {
    let library = Library::new();
    for name in ["a.png", "b.png", "deep/c.png"] {
        library.photo(name, RED);
    }
    library.run();
    fs::rename(library.root(), library.beside("renamed")).unwrap();
    let report = library.try_run(&[library.beside("renamed")]).unwrap();
    assert_eq!(counts(&report), [0, 0, 0, 3, 0, 0]);
    assert_eq!(library.all(), ["renamed/a.png", "renamed/b.png", "renamed/deep/c.png"]);
}

#[test]
fn photos_that_were_changed_on_the_way_are_new() {
    let library = Library::new();
    library.photo("red.png", RED);
    library.photo("green.png", GREEN);
    library.run();
    fs::rename(library.root(), library.beside("renamed")).unwrap();
    image::RgbImage::from_pixel(60, 40, image::Rgb(BLUE)).save(library.beside("renamed/red.png")).unwrap();
    let report = library.try_run(&[library.beside("renamed")]).unwrap();
    assert_eq!(counts(&report), [1, 0, 0, 1, 0, 0]);
    // What the index still has of the old root is told, and leaves it when it is asked for.
    assert_eq!(library.all(), ["photos/red.png", "renamed/green.png", "renamed/red.png"]);
    let report = library.again();
    assert_eq!((report.unreachable[0].path.clone(), report.unreachable[0].photos_kept), (library.root(), 1));
}

#[test]
fn a_move_is_taken_up_after_an_interruption() {
    use std::sync::atomic::{AtomicBool, Ordering};

    use clip_indexer::{Event, Indexer};

    let library = Library::new();
    for number in 0..20 {
        library.photo(format!("{number:02}.png"), [number * 12, 0, 0]);
    }
    library.run();
    let renamed = library.beside("renamed");
    fs::rename(library.root(), &renamed).unwrap();
    let cancel = AtomicBool::new(false);
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Photo { .. }) {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let index = library.index();
    let report = Indexer::new(&library.encoder, &index)
        .progress(&listen)
        .cancel(&cancel)
        .run(std::slice::from_ref(&renamed))
        .unwrap();
    assert!(report.cancelled && report.moved > 0 && report.remaining.unwrap() > 0, "{report:?}");
    assert_eq!(library.reader().status().unwrap().remaining, report.remaining.unwrap());
    let rest = library.try_run(std::slice::from_ref(&renamed)).unwrap();
    assert_eq!((rest.moved, rest.unchanged, rest.indexed), (20 - report.moved, report.moved, 0));
    assert_eq!((rest.remaining, library.reader().status().unwrap().remaining), (Some(0), 0));
    assert_eq!((rest.moved_roots.as_slice(), library.reader().roots()), ([library.root()].as_slice(), vec![renamed]));
    assert_eq!((library.encoder.embedded(), library.all().len()), (20, 20));
}
