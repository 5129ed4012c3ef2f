//! Whole runs over folders that change, with a real index, real picture files and an encoder that can be counted.

#[path = "runs/bad_files.rs"]
mod bad_files;
#[path = "runs/excluded.rs"]
mod excluded;
#[path = "runs/ignored.rs"]
mod ignored;
#[path = "runs/order.rs"]
mod order;
mod support;

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use clip_index::{IndexError, IndexWriter, RowFormat};
use clip_indexer::{Event, IndexOptions, Indexer, IndexerError, Outcome, SkipReason};
use support::{BLUE, GREEN, GREY, Library, RED, counts, embedding, three};

fn paths(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

#[test]
fn a_folder_is_indexed_and_then_unchanged() {
    let library = three();
    let report = library.run();
    assert_eq!(counts(&report), [3, 0, 0, 0, 0, 0]);
    assert!(!report.cancelled && report.elapsed > Duration::ZERO);
    library.assert_holds("a/red.png", RED);
    library.assert_holds("blue.png", BLUE);
    let record = &library.records()[0];
    assert_eq!((record.asset.width, record.asset.height), (6, 4));
    assert_eq!(record.asset.stamp.size, fs::metadata(library.at("a/green.png")).unwrap().len());

    let generation = library.reader().generation();
    let report = library.run();
    assert_eq!(counts(&report), [0, 0, 3, 0, 0, 0]);
    assert_eq!(library.encoder.embedded(), 3, "nothing is encoded twice");
    assert_eq!(library.reader().generation(), generation, "a run without news writes nothing");
}

#[test]
fn embeddings_are_stored_in_as_many_bits_as_asked_for() {
    let stored = |library: &Library, name: &str| {
        let reader = library.reader();
        reader.embedding(reader.find_path(library.at(name)).unwrap().unwrap()).unwrap()
    };
    let mut library = Library::new();
    library.options.row_format = Some(RowFormat::F32);
    library.photo("red.png", RED);
    library.run();
    assert_eq!(stored(&library, "red.png"), embedding(RED));

    // The index remembers it.
    library.options.row_format = None;
    library.photo("blue.png", BLUE);
    library.run();
    assert_eq!(stored(&library, "blue.png"), embedding(BLUE));

    library.options.row_format = Some(RowFormat::F16);
    library.photo("green.png", GREEN);
    library.run();
    // 16 bits are not enough for its numbers.
    assert_ne!(stored(&library, "green.png"), embedding(GREEN));
    library.assert_holds("green.png", GREEN);
}

#[test]
fn a_moved_photo_keeps_its_id_and_is_not_encoded_again() {
    let library = three();
    library.run();
    let id = library.reader().find_path(library.at("a/red.png")).unwrap();
    fs::create_dir(library.at("b")).unwrap();
    fs::rename(library.at("a/red.png"), library.at("b/renamed.png")).unwrap();
    let report = library.run();
    assert_eq!(counts(&report), [0, 0, 2, 1, 0, 0]);
    assert_eq!(library.encoder.embedded(), 3);
    assert_eq!(library.indexed(), paths(&["a/green.png", "b/renamed.png", "blue.png"]));
    assert_eq!(library.reader().find_path(library.at("b/renamed.png")).unwrap(), id);
    assert_eq!(counts(&library.run()), [0, 0, 3, 0, 0, 0]);
}

#[test]
fn a_renamed_folder_moves_all_its_photos() {
    let library = three();
    library.photo("a/red-again.png", RED);
    library.run();
    fs::rename(library.at("a"), library.at("z")).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 1, 3, 0, 0]);
    assert_eq!(library.encoder.embedded(), 3);
    assert_eq!(library.indexed(), paths(&["blue.png", "z/green.png", "z/red-again.png", "z/red.png"]));
}

#[test]
fn copies_share_one_encoding_in_one_run_and_across_runs() {
    let library = three();
    for copy in ["copy-1.png", "copy-2.png", "zz/copy-3.png"] {
        library.photo(copy, RED);
    }
    let report = library.run();
    assert_eq!(counts(&report), [6, 3, 0, 0, 0, 0]);
    fs::copy(library.at("blue.png"), library.at("blue-copy.png")).unwrap();
    let report = library.run();
    assert_eq!(counts(&report), [1, 1, 6, 0, 0, 0]);
    assert_eq!(library.encoder.embedded(), 3);
    library.assert_holds("zz/copy-3.png", RED);
    library.assert_holds("blue-copy.png", BLUE);
    assert_eq!(library.records().len(), 7);
    assert!(library.records().iter().all(|r| r.asset.width == 6));
}

#[test]
fn a_touched_photo_is_read_but_not_encoded() {
    let library = three();
    library.run();
    let file = fs::File::options().append(true).open(library.at("blue.png")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 3, 0, 0, 0]);
    assert_eq!(library.records()[2].asset.stamp.mtime_ns, 1_000_000_000_000_000_000);
    assert_eq!(library.encoder.embedded(), 3);
}

#[test]
fn changed_content_replaces_the_old() {
    let library = three();
    library.run();
    // Another size in bytes, so that the test does not depend on the clock's resolution.
    image::RgbImage::from_pixel(60, 40, image::Rgb(GREY)).save(library.at("a/red.png")).unwrap();
    assert_eq!(counts(&library.run()), [1, 0, 2, 0, 0, 0]);
    assert_eq!(library.records().len(), 3);
    library.assert_holds("a/red.png", GREY);
    assert_eq!(library.records()[1].asset.width, 60);
}

#[test]
fn photos_that_swap_names_are_not_encoded_again() {
    let library = Library::new();
    library.photo("1.png", RED);
    image::RgbImage::from_pixel(60, 40, image::Rgb(BLUE)).save(library.at("2.png")).unwrap();
    library.run();
    for (from, to) in [("1.png", "x"), ("2.png", "1.png"), ("x", "2.png")] {
        fs::rename(library.at(from), library.at(to)).unwrap();
    }
    let report = library.run();
    assert_eq!(report.skipped.len(), 0);
    assert_eq!(library.encoder.embedded(), 2);
    assert_eq!(library.indexed(), paths(&["1.png", "2.png"]));
    library.assert_holds("1.png", BLUE);
    library.assert_holds("2.png", RED);
    assert_eq!(library.records()[0].asset.width, 60);
}

#[test]
fn a_photo_moved_over_another_replaces_it() {
    let library = three();
    image::RgbImage::from_pixel(60, 40, image::Rgb(GREY)).save(library.at("grey.png")).unwrap();
    library.run();
    fs::rename(library.at("grey.png"), library.at("a/red.png")).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 2, 1, 0, 0]);
    assert_eq!(library.indexed(), paths(&["a/green.png", "a/red.png", "blue.png"]));
    library.assert_holds("a/red.png", GREY);
    assert_eq!(library.encoder.embedded(), 4);
}

#[test]
fn removed_photos_leave_the_index() {
    let library = three();
    library.run();
    fs::remove_file(library.at("a/red.png")).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 2, 0, 1, 0]);
    fs::remove_dir_all(library.at("a")).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 1, 0, 1, 0]);
    assert_eq!(library.indexed(), paths(&["blue.png"]));
}

#[test]
fn photos_elsewhere_are_left_alone_and_known_roots_are_remembered() {
    let library = three();
    library.photo("b/grey.png", GREY);
    library.try_run(&[library.at("a")]).unwrap();
    let report = library.try_run(&[library.at("b"), library.at("b")]).unwrap();
    assert_eq!(counts(&report), [1, 0, 0, 0, 0, 0]);
    assert_eq!(library.reader().roots(), [library.at("a"), library.at("b")]);
    assert_eq!(counts(&library.try_run(&[]).unwrap()), [0, 0, 3, 0, 0, 0]);

    library.try_run(&[library.root()]).unwrap();
    assert_eq!(library.reader().roots(), [library.root()]);
    library.try_run(&[library.at("a")]).unwrap();
    assert_eq!(library.reader().roots(), [library.root()]);
    assert_eq!(library.records().len(), 4);
}

#[cfg(unix)]
#[test]
fn every_bad_file_is_named_once_and_every_good_one_found() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    let library = Library::new();
    for good in ["good.png", "sub/another.PNG", "x.png/inside.png"] {
        library.photo(good, [good.len() as u8, 7, 7]);
    }
    for (name, colour) in [(b"not-\xffutf8.png".as_slice(), RED), (b"line\nbreak.png", GREEN)] {
        library.photo(OsStr::from_bytes(name), colour);
    }
    symlink(library.root(), library.at("sub/loop")).unwrap();

    let mut jpeg = Vec::new();
    let noise = image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * y) as u8, x as u8, (y * 3) as u8]));
    noise.write_to(&mut std::io::Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).unwrap();
    fs::write(library.at("truncated.jpg"), &jpeg[..jpeg.len() / 2]).unwrap();
    fs::write(library.at("text.jpg"), "these are words").unwrap();
    fs::write(library.at("empty.jpg"), "").unwrap();
    fs::write(library.at("huge.png"), png_header(60_000, 60_000)).unwrap();
    let fifo = std::ffi::CString::new(library.at("pipe.jpg").as_os_str().as_bytes()).unwrap();
    // SAFETY: `fifo` is a string that ends with NUL and outlives the call.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    symlink("nowhere.jpg", library.at("dangling.jpg")).unwrap();
    library.photo("unreadable.png", GREY);
    fs::set_permissions(library.at("unreadable.png"), fs::Permissions::from_mode(0o000)).unwrap();
    // Permissions do not hold root up.
    let all_readable = fs::File::open(library.at("unreadable.png")).is_ok();

    let report = library.run();
    let mut expected = vec![
        ("dangling.jpg", "broken link to nowhere.jpg"),
        ("empty.jpg", "the file is empty"),
        ("huge.png", "the header claims 60000x60000 pixels; the limit is 250000000"),
        ("pipe.jpg", "not a file but a named pipe"),
        ("text.jpg", "not a supported image: its first bytes are those of no known format"),
        ("truncated.jpg", "truncated JPEG: the file ends before the image data does"),
    ];
    if !all_readable {
        expected.push(("unreadable.png", "cannot be read: permission denied"));
    }
    let skipped: Vec<(String, String)> = report
        .skipped
        .iter()
        .map(|s| (s.path.strip_prefix(library.root()).unwrap().display().to_string(), s.reason.to_string()))
        .collect();
    let skipped: Vec<(&str, &str)> = skipped.iter().map(|(path, reason)| (path.as_str(), reason.as_str())).collect();
    assert_eq!(skipped, expected);
    assert_eq!(report.indexed, 5 + u64::from(all_readable));
    let indexed = library.indexed();
    for name in [b"not-\xffutf8.png".as_slice(), b"line\nbreak.png", b"good.png", b"x.png/inside.png"] {
        assert!(indexed.iter().any(|path| path.as_os_str().as_bytes() == name), "{name:?} in {indexed:?}");
    }

    let again = library.run();
    assert_eq!((again.skipped.len(), again.skipped_before.len()), (0, expected.len()), "each is news only once");
    assert_eq!((again.indexed, again.unchanged), (0, report.indexed));
}

fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut png = Vec::new();
    image::RgbImage::new(1, 1).write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    // Signature, length and type of IHDR, then the sizes; the checksum over type and data follows the 13 data bytes.
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}

/// The checksum of PNG chunks (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn a_photo_overwritten_by_something_else_leaves_the_index() {
    let library = three();
    library.run();
    fs::write(library.at("blue.png"), "no longer a photo").unwrap();
    let report = library.run();
    assert_eq!(counts(&report), [0, 0, 2, 0, 1, 1]);
    assert_eq!(library.indexed(), paths(&["a/green.png", "a/red.png"]));
}

#[test]
fn equal_bad_files_name_one_another() {
    let library = Library::new();
    for name in ["1.jpg", "2.jpg", "3.jpg"] {
        fs::write(library.at(name), "not a photo").unwrap();
    }
    let report = library.run();
    let same = report.skipped.iter().filter(|s| matches!(s.reason, SkipReason::SameAs { .. })).count();
    assert_eq!((report.skipped.len(), same), (3, 2));
    assert!(report.skipped.is_sorted_by(|a, b| a.path < b.path));
}

#[test]
fn a_panic_costs_one_photo() {
    let mut library = three();
    library.encoder.panics_at = Some(GREEN);
    let report = library.run();
    assert_eq!(counts(&report), [2, 0, 0, 0, 0, 1]);
    assert!(report.skipped[0].reason.to_string().contains("I do not like this colour"), "{:?}", report.skipped);
    library.encoder.panics_at = None;
    assert_eq!(counts(&library.run()), [1, 0, 2, 0, 0, 0]);
}

#[test]
fn a_photo_that_the_model_cannot_encode_costs_only_itself() {
    let mut library = three();
    library.encoder.fails_at = Some(Some(GREEN));
    let report = library.run();
    assert_eq!(counts(&report), [2, 0, 0, 0, 0, 1]);
    assert_eq!(report.skipped[0].path, library.at("a/green.png"));
    assert_eq!(report.skipped[0].reason.to_string(), "the model cannot encode this photo: the device is on fire");
}

#[test]
fn a_broken_model_stops_the_run_and_keeps_what_was_done() {
    let mut library = three();
    library.run();
    library.photo("more-1.png", GREY);
    library.photo("more-2.png", [1, 2, 3]);
    fs::rename(library.at("blue.png"), library.at("azure.png")).unwrap();
    library.encoder.fails_at = Some(None);
    let error = library.try_run(&[library.root()]).unwrap_err();
    assert!(matches!(error, IndexerError::Encoder { photos: 2, .. }), "{error}");
    assert_eq!(library.indexed(), paths(&["a/green.png", "a/red.png", "azure.png"]));
}

#[test]
fn batches_are_full_but_for_the_last() {
    for threads in [1, 4] {
        let mut library = Library::new();
        for number in 0..11 {
            library.photo(format!("{number}.png"), [number * 20, 0, 0]);
        }
        library.options.batch = NonZeroUsize::new(4);
        library.options.threads = std::num::NonZero::new(threads);
        library.run();
        assert_eq!(*library.encoder.batches.lock().unwrap(), [4, 4, 3]);
        library.assert_holds("7.png", [140, 0, 0]);
    }
}

#[test]
fn an_encoder_is_given_as_many_batches_as_it_takes() {
    for at_once in [1, 2] {
        let mut library = Library::new();
        for number in 0..15 {
            library.photo(format!("{number:02}.png"), [number * 16, 0, 0]);
        }
        library.options.batch = NonZeroUsize::new(2);
        library.encoder.at_once = Some(at_once);
        assert_eq!(library.run().indexed, 15);
        assert_eq!(library.encoder.most_inside(), at_once);
        for number in 0..15 {
            library.assert_holds(&format!("{number:02}.png"), [number * 16, 0, 0]);
        }
    }
}

#[test]
fn large_photos_are_decoded_no_larger_than_the_encoder_needs() {
    let mut library = Library::new();
    image::RgbImage::from_pixel(1600, 1200, image::Rgb(GREY)).save(library.at("large.jpg")).unwrap();
    library.encoder.shorter_side = Some(64);
    library.run();
    let sizes = library.encoder.sizes.lock().unwrap();
    assert!(matches!(sizes[..], [(width, height)] if width < 1600 && height >= 128), "{sizes:?}");
    let record = &library.records()[0];
    assert_eq!((record.asset.width, record.asset.height), (1600, 1200), "the index keeps the size as stored");
}

/// A run of 41 photos, one of them there twice, that was cancelled after the thirteenth or soon after.
fn cancelled() -> (Library, u64) {
    let mut library = Library::new();
    for number in 0..40 {
        library.photo(format!("{number:02}.png"), [number * 6, 0, 0]);
    }
    library.photo("copy.png", [0, 0, 0]);
    library.options = IndexOptions { batch: NonZeroUsize::new(4), checkpoint_every: 5, ..IndexOptions::default() };
    let cancel = AtomicBool::new(false);
    let done = AtomicUsize::new(0);
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Photo { .. }) && done.fetch_add(1, Ordering::Relaxed) == 12 {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let index = library.index();
    let indexer = Indexer::new(&library.encoder, &index).options(library.options.clone());
    let report = indexer.progress(&listen).cancel(&cancel).run(&[library.root()]).unwrap();
    assert!(report.cancelled);
    (library, report.indexed)
}

#[test]
fn a_cancelled_run_keeps_its_work_and_the_next_one_goes_on() {
    // Where the thread that has the first photo comes last, all the others wait for it, and nothing is left to cancel.
    let (library, first) =
        (0..20).map(|_| cancelled()).find(|(_, first)| (13..40).contains(first)).expect("a run that is cut short");
    assert_eq!(library.records().len() as u64, first, "all that was reported is in the index");
    assert_eq!(library.reader().roots(), [library.root()]);

    let report = library.try_run(&[]).unwrap();
    assert_eq!((report.indexed, report.unchanged, report.removed), (41 - first, first, 0));
    // What had overtaken a photo that was not ready yet is encoded again.
    assert!((40..80).contains(&library.encoder.embedded()), "{}", library.encoder.embedded());
}

/// Indexing a second folder said that nothing remained of the first, whose run had been cut short.
#[test]
fn what_remains_of_one_folder_is_not_forgotten_with_another() {
    let (library, first) =
        (0..20).map(|_| cancelled()).find(|(_, first)| (13..40).contains(first)).expect("a run that is cut short");
    let left = library.reader().remaining();
    assert!(left > 0 && left <= 41 - first);
    let other = library.beside("other");
    fs::create_dir(&other).unwrap();
    fs::copy(library.at("00.png"), other.join("a.png")).unwrap();
    let run = |folders: &[PathBuf]| Indexer::new(&library.encoder, &library.index()).run(folders).unwrap();
    assert_eq!(run(std::slice::from_ref(&other)).remaining, Some(0));
    assert_eq!(library.reader().remaining(), left);
    run(std::slice::from_ref(&other));
    assert_eq!(library.reader().remaining(), left);
    run(&[library.root()]);
    assert_eq!((library.reader().remaining(), library.records().len()), (0, 42));
}

#[test]
fn the_folders_are_remembered_before_the_first_photo_is_committed() {
    let library = three();
    let roots = std::sync::Mutex::new(Vec::new());
    let listen = |event: Event<'_>| {
        if let Event::Photo { .. } = event {
            // What is left if the program is killed here.
            let reader = library.reader();
            roots.lock().unwrap().push((reader.roots(), library.records().len(), reader.remaining()));
        }
    };
    Indexer::new(&library.encoder, &library.index()).progress(&listen).run(&[library.root()]).unwrap();
    assert_eq!(roots.into_inner().unwrap()[0], (vec![library.root()], 0, 3));
}

#[test]
fn a_cancelled_run_removes_nothing() {
    let library = three();
    library.run();
    fs::remove_file(library.at("blue.png")).unwrap();
    let cancel = AtomicBool::new(true);
    let report = Indexer::new(&library.encoder, &library.index()).cancel(&cancel).run(&[library.root()]).unwrap();
    assert!(report.cancelled);
    assert_eq!(library.records().len(), 3);
}

#[test]
fn events_tell_what_the_report_sums_up() {
    let library = three();
    library.photo("copy.png", RED);
    fs::write(library.at("bad.jpg"), "x").unwrap();
    let seen = std::sync::Mutex::new(Vec::new());
    let listen = |event: Event<'_>| {
        let line = match event {
            Event::Planned { unchanged, to_read } => format!("{unchanged} unchanged, {to_read} to read"),
            Event::Photo { outcome: Outcome::Encoded, .. } => "encoded".to_owned(),
            Event::Photo { path, outcome } => format!("{} {outcome:?}", path.file_name().unwrap().display()),
            Event::Skipped(skipped) => format!("skipped {}", skipped.path.file_name().unwrap().display()),
            _ => return,
        };
        seen.lock().unwrap().push(line);
    };
    Indexer::new(&library.encoder, &library.index()).progress(&listen).run(&[library.root()]).unwrap();
    let seen = seen.into_inner().unwrap();
    let files = ["encoded", "encoded", "skipped bad.jpg", "encoded", "copy.png Copied"];
    assert_eq!(seen[0], "0 unchanged, 5 to read");
    assert_eq!(seen[1..], files);
}

#[test]
fn a_second_writer_is_told_to_wait() {
    let library = three();
    let _writer = IndexWriter::open_or_create(library.index(), &support::model()).unwrap();
    let error = library.try_run(&[library.root()]).unwrap_err();
    assert!(matches!(error, IndexerError::Index(IndexError::Locked { .. })), "{error}");
}

#[test]
fn a_misspelt_folder_leaves_no_index_behind() {
    let library = three();
    let error = library.try_run(&[library.at("misspelt")]).unwrap_err();
    assert!(matches!(error, IndexerError::Root { .. }), "{error}");
    assert!(error.to_string().contains("misspelt"), "{error}");
    assert!(!library.index().exists());
    let error = library.try_run(&[]).unwrap_err();
    assert!(matches!(error, IndexerError::NoRoots { .. }), "{error}");
}

#[test]
fn a_folder_without_photos_gives_an_empty_index() {
    let library = Library::new();
    assert_eq!(counts(&library.run()), [0; 6]);
    assert!(library.reader().is_empty());
    assert_eq!(library.reader().roots(), [library.root()]);
}

#[test]
fn the_graph_is_brought_up_to_date() {
    let mut library = Library::new();
    for number in 0..60_u8 {
        library.photo(format!("{number}.png"), [number * 4, 255 - number * 4, number]);
    }
    library.options.graph = None;
    library.run();
    assert!(!library.reader().has_graph());
    library.options.graph = Some(clip_index::GraphOptions { min_photos: 10, ..Default::default() });
    library.run();
    assert!(library.reader().has_graph());
}
