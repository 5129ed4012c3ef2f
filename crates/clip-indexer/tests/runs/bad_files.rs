//! Files that could not be indexed: told of once, and tried again when there is a reason to.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use clip_image::Limits;
use clip_indexer::{Event, IndexOptions, Indexer, Report};

use crate::support::{Library, MeanColour, counts};
use crate::{GREEN, three};

/// What a run did, and how many files it read.
fn run(library: &Library) -> (Report, u64) {
    let read = Mutex::new(None);
    let listen = |event: Event<'_>| {
        if let Event::Planned { to_read, .. } = event {
            *read.lock().unwrap() = Some(to_read);
        }
    };
    let index = library.index();
    let indexer = Indexer::new(&library.encoder, &index).options(library.options.clone()).progress(&listen);
    let report = indexer.run(&[library.root()]).unwrap();
    let read = read.lock().unwrap().unwrap();
    (report, read)
}

/// New and known bad files, and how many files were read.
#[track_caller]
fn expect(library: &Library, new: &[&str], known: &[&str], to_read: u64) -> Report {
    let (report, read) = run(library);
    let relative = |path: &Path| path.strip_prefix(library.root()).unwrap().to_str().unwrap().to_owned();
    let paths = |skipped: &[clip_indexer::Skipped]| skipped.iter().map(|file| relative(&file.path)).collect::<Vec<_>>();
    assert_eq!(
        (paths(&report.skipped), paths(&report.skipped_before), read),
        (
            new.iter().map(|name| (*name).to_owned()).collect(),
            known.iter().map(|name| (*name).to_owned()).collect(),
            to_read
        )
    );
    let remembered: Vec<String> =
        library.reader().bad_files().unwrap().iter().map(|file| relative(&file.path)).collect();
    let mut all = [new, known].concat();
    all.sort_unstable();
    assert_eq!(remembered, all);
    report
}

fn with_bad(files: &[(&str, &str)]) -> Library {
    let library = three();
    for (name, content) in files {
        fs::write(library.at(name), content).unwrap();
    }
    library
}

#[test]
fn bad_files_of_a_folder_that_was_renamed_are_no_news() {
    let library = with_bad(&[("text.jpg", "no photo"), ("a/cut.png", "\u{89}PNG\r\n\u{1a}\n")]);
    assert_eq!(run(&library).0.skipped.len(), 2);
    let renamed = library.beside("renamed");
    fs::rename(library.root(), &renamed).unwrap();
    let index = library.index();
    let report = Indexer::new(&library.encoder, &index).run(std::slice::from_ref(&renamed)).unwrap();
    assert_eq!((report.skipped.len(), report.skipped_before.len(), report.moved_roots.len()), (0, 2, 1), "{report:?}");
    assert!(library.reader().bad_files().unwrap().iter().all(|file| file.path.starts_with(&renamed)));
}

#[test]
fn a_bad_file_is_told_of_once_and_not_read_again() {
    let library = with_bad(&[("text.jpg", "no photo"), ("empty.jpg", ""), ("cut.png", "\u{89}PNG\r\n\u{1a}\n")]);
    expect(&library, &["cut.png", "empty.jpg", "text.jpg"], &[], 6);
    let generation = library.reader().generation();
    let report = expect(&library, &[], &["cut.png", "empty.jpg", "text.jpg"], 0);
    assert_eq!(counts(&report), [0, 0, 3, 0, 0, 0]);
    assert_eq!(report.skipped_before[1].reason.to_string(), "the file is empty");
    assert_eq!(library.reader().generation(), generation, "a run without news writes nothing");
    // A new one is told of, and only that.
    fs::write(library.at("new.jpg"), "no photo either").unwrap();
    expect(&library, &["new.jpg"], &["cut.png", "empty.jpg", "text.jpg"], 1);
}

#[test]
fn a_bad_file_that_changed_is_tried_again() {
    let library =
        with_bad(&[("a.png", "no photo"), ("b.png", "no photo at all"), ("c.png", "nor this"), ("d.png", "x")]);
    expect(&library, &["a.png", "b.png", "c.png", "d.png"], &[], 7);
    library.photo("a.png", [1, 2, 3]);
    fs::write(library.at("b.png"), "still no photo").unwrap();
    fs::remove_file(library.at("c.png")).unwrap();
    let report = expect(&library, &["b.png"], &["d.png"], 2);
    assert_eq!(report.indexed, 1);
    library.assert_holds("a.png", [1, 2, 3]);
    expect(&library, &[], &["b.png", "d.png"], 0);
}

#[test]
fn a_bad_file_of_another_time_or_place_is_no_news() {
    let library = with_bad(&[("a.png", "no photo")]);
    expect(&library, &["a.png"], &[], 4);
    let file = fs::File::options().append(true).open(library.at("a.png")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    expect(&library, &[], &["a.png"], 1);
    expect(&library, &[], &["a.png"], 0);
    fs::rename(library.at("a.png"), library.at("moved.png")).unwrap();
    expect(&library, &[], &["moved.png"], 1);
    // A copy is one more bad file.
    fs::copy(library.at("moved.png"), library.at("copy.png")).unwrap();
    expect(&library, &["copy.png"], &["moved.png"], 1);
}

#[test]
fn copies_of_a_bad_file_are_remembered_with_its_fault() {
    let library = with_bad(&[("a.png", "no photo"), ("b.png", "no photo"), ("c.png", "no photo")]);
    expect(&library, &["a.png", "b.png", "c.png"], &[], 6);
    let report = expect(&library, &[], &["a.png", "b.png", "c.png"], 0);
    for skipped in &report.skipped_before {
        assert!(skipped.reason.to_string().starts_with("not a supported image"), "{}", skipped.reason);
    }
}

#[test]
fn another_decoder_tries_again() {
    let mut library = three();
    library.options.limits = Limits { max_pixels: 10, ..Limits::default() };
    expect(&library, &["a/green.png", "a/red.png", "blue.png"], &[], 3);
    expect(&library, &[], &["a/green.png", "a/red.png", "blue.png"], 0);
    // It can read no more than before: no news.
    library.options.limits = Limits { max_pixels: 11, ..Limits::default() };
    expect(&library, &[], &["a/green.png", "a/red.png", "blue.png"], 3);
    library.options.limits = Limits::default();
    let report = expect(&library, &[], &[], 3);
    assert_eq!(report.indexed, 3);
}

/// What stands in the way may be gone at any time without a trace in the file.
#[cfg(unix)]
#[test]
fn what_is_not_about_the_content_is_tried_each_time_and_no_news_either() {
    use std::os::unix::fs::PermissionsExt;
    let library = three();
    std::os::unix::fs::symlink("/nowhere/at/all.jpg", library.at("link.jpg")).unwrap();
    expect(&library, &["link.jpg"], &[], 3);
    expect(&library, &[], &["link.jpg"], 0);
    fs::remove_file(library.at("link.jpg")).unwrap();
    std::os::unix::fs::symlink("/elsewhere.jpg", library.at("link.jpg")).unwrap();
    expect(&library, &["link.jpg"], &[], 0);

    library.photo("denied.png", [7, 7, 7]);
    let denied = library.at("denied.png");
    fs::set_permissions(&denied, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&denied).is_ok() {
        // The superuser may read everything.
        return;
    }
    expect(&library, &["denied.png"], &["link.jpg"], 1);
    expect(&library, &[], &["denied.png", "link.jpg"], 1);
    fs::set_permissions(&denied, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(expect(&library, &[], &["link.jpg"], 1).indexed, 1);
}

#[test]
fn a_photo_that_the_encoder_refuses_is_tried_each_time_and_no_news_either() {
    for panics in [true, false] {
        let mut library = three();
        if panics {
            library.encoder.panics_at = Some(GREEN);
        } else {
            library.encoder.fails_at = Some(Some(GREEN));
        }
        expect(&library, &["a/green.png"], &[], 3);
        // By itself the failure would be taken for one of the model.
        library.photo("c.png", [1, 100, 1]);
        expect(&library, &[], &["a/green.png"], 2);
        library.encoder = MeanColour::default();
        assert_eq!(expect(&library, &[], &[], 1).indexed, 1);
    }
}

#[test]
fn bad_files_of_a_drive_that_is_away_are_remembered() {
    let library = with_bad(&[("a.png", "no photo")]);
    expect(&library, &["a.png"], &[], 4);
    let away = library.root().with_file_name("away");
    fs::rename(library.root(), &away).unwrap();
    fs::create_dir(library.root()).unwrap();
    let (report, _) = run(&library);
    assert!(!report.unreachable.is_empty() && report.skipped_before.is_empty());
    assert_eq!(library.reader().bad_file_count(), 1);
    fs::remove_dir(library.root()).unwrap();
    fs::rename(&away, library.root()).unwrap();
    expect(&library, &[], &["a.png"], 0);
}

#[test]
fn bad_files_outside_the_folders_of_a_run_are_left_alone() {
    let library = with_bad(&[("a/bad.png", "no photo"), ("bad.png", "nor this")]);
    expect(&library, &["a/bad.png", "bad.png"], &[], 5);
    let report = library.try_run(&[library.at("a")]).unwrap();
    assert_eq!((report.skipped.len(), report.skipped_before.len()), (0, 1));
    expect(&library, &[], &["a/bad.png", "bad.png"], 0);
}

#[test]
fn options_begin_with_nothing_excluded() {
    let options = IndexOptions::default();
    assert!(options.exclude.is_empty() && options.include.is_empty());
}
