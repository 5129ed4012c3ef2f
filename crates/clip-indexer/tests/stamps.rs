//! What is read again because its stamp says so, and what that costs.
#![cfg(unix)]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use clip_index::{Asset, IndexWriter, Stamp};
use support::{GREY, Library, RED, counts};

/// Writes an uncompressed picture: those of one size have the same number of bytes.
fn plain(path: &Path, colour: [u8; 3]) {
    image::RgbImage::from_pixel(6, 4, image::Rgb(colour)).save(path).unwrap();
}

fn set_time(path: &Path, time: SystemTime) {
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

/// The clock of a file system may stand still for a few milliseconds.
fn let_the_clock_move() {
    std::thread::sleep(Duration::from_millis(30));
}

/// Changes the photo in a way that leaves size and time as they were, and expects that it is noticed.
#[track_caller]
fn notices(change: impl FnOnce(&Library, &Path)) {
    let library = Library::new();
    library.photo("other.png", RED);
    let path = library.at("plain.bmp");
    plain(&path, RED);
    let before = fs::metadata(&path).unwrap();
    library.run();
    let_the_clock_move();
    change(&library, &path);
    set_time(&path, before.modified().unwrap());
    let after = fs::metadata(&path).unwrap();
    assert_eq!((after.len(), after.modified().unwrap()), (before.len(), before.modified().unwrap()));
    assert_eq!(counts(&library.run()), [1, 0, 1, 0, 0, 0]);
    library.assert_holds("plain.bmp", GREY);
    assert_eq!(counts(&library.run()), [0, 0, 2, 0, 0, 0]);
}

/// Some editors and synchronising programs set the time back, and an uncompressed picture keeps its size.
#[test]
fn a_photo_that_was_rewritten_with_its_old_size_and_time_is_read_again() {
    notices(|_, path| plain(path, GREY));
}

#[test]
fn so_is_one_that_another_file_was_renamed_to() {
    notices(|library, path| {
        // Its change time is older than the run.
        let other = library.beside("other.bmp");
        plain(&other, GREY);
        let_the_clock_move();
        fs::rename(other, path).unwrap();
    });
}

#[test]
fn and_one_that_was_removed_and_made_again() {
    notices(|_, path| {
        fs::remove_file(path).unwrap();
        plain(path, GREY);
    });
}

/// `cp -a` or a restored backup: other inodes and change times throughout.
#[test]
fn a_library_that_was_copied_back_is_read_but_not_encoded() {
    let library = Library::new();
    for number in 0..5 {
        library.photo(format!("{number}.png"), [number * 20, 0, 0]);
    }
    library.run();
    let ids: Vec<u64> = library.records().iter().map(|record| record.id).collect();
    let_the_clock_move();
    for number in 0..5 {
        let path = library.at(format!("{number}.png"));
        let (content, time) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
        fs::remove_file(&path).unwrap();
        fs::write(&path, content).unwrap();
        set_time(&path, time);
    }
    assert_eq!(counts(&library.run()), [0, 0, 5, 0, 0, 0]);
    assert_eq!(library.encoder.embedded(), 5, "nothing is encoded twice");
    assert_eq!(library.records().iter().map(|record| record.id).collect::<Vec<_>>(), ids);
    let generation = library.reader().generation();
    assert_eq!(counts(&library.run()), [0, 0, 5, 0, 0, 0]);
    assert_eq!(library.reader().generation(), generation, "the new stamps are known");
}

/// Indexes of earlier versions have neither inodes nor change times.
#[test]
fn stamps_without_change_times_are_completed_without_reading() {
    let library = Library::new();
    let path = library.at("plain.bmp");
    plain(&path, RED);
    library.run();
    let whole = library.records()[0].asset.stamp;
    assert!(whole.ctime_ns.is_some() && whole.inode.is_some());
    let mut writer = IndexWriter::open_or_create(library.index(), &support::model()).unwrap();
    let id = library.records()[0].id;
    writer.touch(id, Stamp { ctime_ns: None, inode: None, ..whole }).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(library.records()[0].asset.stamp.ctime_ns, None);

    assert_eq!(counts(&library.run()), [0, 0, 1, 0, 0, 0]);
    assert_eq!(library.records()[0].asset.stamp, whole);
    let generation = library.reader().generation();
    library.run();
    assert_eq!(library.reader().generation(), generation, "a run without news writes nothing");

    // From then on a rewritten file shows.
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let_the_clock_move();
    plain(&path, GREY);
    set_time(&path, time);
    assert_eq!(counts(&library.run()), [1, 0, 0, 0, 0, 0]);
    library.assert_holds("plain.bmp", GREY);
}

/// The number of a drive changes with every mount, which is no reason to read its photos.
#[test]
fn a_new_device_number_costs_nothing() {
    let library = Library::new();
    library.photo("a.png", RED);
    library.run();
    let record = library.records().remove(0);
    let inode = record.asset.stamp.inode.map(|inode| clip_index::Inode { device: inode.device + 1000, ..inode });
    let other = Asset { stamp: Stamp { inode, ..record.asset.stamp }, ..record.asset.clone() };
    let mut writer = IndexWriter::open_or_create(library.index(), &support::model()).unwrap();
    writer.touch(record.id, other.stamp).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let generation = library.reader().generation();
    assert_eq!(counts(&library.run()), [0, 0, 1, 0, 0, 0]);
    assert_eq!(library.reader().generation(), generation);
    // It is corrected as soon as something is written anyway, so that all photos of a drive have one number.
    library.photo("b.png", GREY);
    assert_eq!(counts(&library.run()), [1, 0, 1, 0, 0, 0]);
    assert_eq!(library.records()[0].asset.stamp, record.asset.stamp);
    assert_eq!(library.encoder.embedded(), 2);
}
