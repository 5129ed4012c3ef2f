//! What is left out by `.clipignore` files and by limits, and what is only in the cloud.

use std::fs;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clip_index::Exclude;
use clip_indexer::{Depth, IndexOptions, Indexer, IndexerError, Remedy, Report};

use crate::support::{Library, counts};
use crate::{GREEN, paths, three};

fn ignore(library: &Library, folder: &str, lines: &str) {
    fs::write(library.at(folder).join(".clipignore"), lines).unwrap();
}

#[cfg(unix)]
#[test]
fn a_folder_whose_ignore_file_is_a_link_that_leads_nowhere_is_not_looked_into() {
    let library = three();
    library.run();
    std::os::unix::fs::symlink("nowhere", library.at("a/.clipignore")).unwrap();
    library.photo("a/new.png", [99, 99, 99]);
    for _ in 0..2 {
        let report = library.run();
        assert_eq!((report.indexed, report.unchanged, report.removed), (0, 1, 0), "{report:?}");
        let [place] = report.unreachable.as_slice() else { panic!("{report:?}") };
        assert_eq!((&place.path, place.photos_kept), (&library.at("a"), 2));
        assert_eq!(place.reason, "has a .clipignore that cannot be read (it is a broken symbolic link)");
    }
    fs::write(library.at("a/nowhere"), "red.png").unwrap();
    assert_eq!(counts(&library.run())[..2], [1, 0]);
    assert_eq!(library.all(), ["photos/a/green.png", "photos/a/new.png", "photos/blue.png"]);
}

#[test]
fn what_is_ignored_leaves_the_index_and_comes_back() {
    let library = three();
    library.photo("a/deep/x.png", [9, 9, 9]);
    library.run();
    ignore(&library, "", "a/*\n!a/red.png\n");
    let report = library.run();
    assert_eq!(counts(&report), [0, 0, 2, 0, 2, 0]);
    assert!(report.unreachable.is_empty(), "{:?}", report.unreachable);
    assert_eq!(library.indexed(), paths(&["a/red.png", "blue.png"]));
    // All of a folder, so that it looks empty to who does not see what is ignored.
    ignore(&library, "a", "*");
    let report = library.run();
    assert_eq!((counts(&report), report.unreachable.len()), ([0, 0, 1, 0, 1, 0], 0));
    fs::remove_file(library.at("a/.clipignore")).unwrap();
    fs::remove_file(library.at(".clipignore")).unwrap();
    assert_eq!(counts(&library.run()), [3, 0, 1, 0, 0, 0]);
}

#[test]
fn an_ignored_photo_that_moves_is_not_encoded_again() {
    let library = three();
    library.run();
    fs::rename(library.at("a/green.png"), library.at("green.png")).unwrap();
    ignore(&library, "", "a/");
    assert_eq!(counts(&library.run()), [0, 0, 1, 1, 1, 0]);
    library.assert_holds("green.png", GREEN);
    assert_eq!(library.encoder.embedded(), 3);
}

#[test]
fn a_folder_that_is_named_is_left_out_by_the_files_above_it() {
    let library = three();
    library.photo("b/c/x.png", [9, 9, 9]);
    ignore(&library, "", "/a\n");
    ignore(&library, "b", "x.png\n");
    assert_eq!(library.run().indexed, 1);
    let error = library.try_run(&[library.at("a")]).unwrap_err();
    assert!(matches!(&error, IndexerError::Ignored { by, .. } if *by == library.at(".clipignore")), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::EditIgnoreFile));
    let report = library.try_run(&[library.at("a"), library.at("b/c")]).unwrap();
    assert_eq!((report.ignored[0].path.as_path(), report.indexed), (library.at("a").as_path(), 0));
    assert!(matches!(library.try_run(&[library.at("a/red.png")]), Err(IndexerError::Ignored { .. })));
    // Where nothing above is indexed, nothing above counts.
    let alone = three();
    ignore(&alone, "", "/a\n");
    assert_eq!(alone.try_run(&[alone.at("a")]).unwrap().indexed, 2);
}

#[test]
fn broken_lines_and_huge_files_stop_no_run() {
    let library = three();
    ignore(&library, "a", "red.png\n[\n");
    ignore(&library, "", &"# nothing at all\n".repeat(1 << 19));
    let report = library.run();
    assert_eq!(counts(&report), [2, 0, 0, 0, 0, 0]);
    let faults: Vec<_> = report.ignore_faults.iter().map(|fault| (fault.path.clone(), fault.line)).collect();
    assert_eq!(faults, [(library.at(".clipignore"), None), (library.at("a/.clipignore"), Some(2))]);

    // They are told once, also where nothing else is to be committed, and again when they are others.
    let told = |report: &Report| (report.ignore_faults.len(), report.ignore_faults_before.len());
    for _ in 0..2 {
        assert_eq!(told(&library.run()), (0, 2));
    }
    ignore(&library, "a", "red.png\n#\n[\n");
    assert_eq!(told(&library.run()), (1, 1));
    assert_eq!(told(&library.run()), (0, 2));
    // A run over a part of the folders forgets nothing of the others.
    library.try_run(&[library.at("a")]).unwrap();
    assert_eq!(told(&library.run()), (0, 2));
    ignore(&library, "a", "red.png\n");
    assert_eq!(told(&library.run()), (0, 1));
}

#[test]
fn a_bad_file_that_is_ignored_is_forgotten() {
    let library = three();
    fs::write(library.at("a/bad.jpg"), "no photo").unwrap();
    assert_eq!(library.run().skipped.len(), 1);
    ignore(&library, "a", "bad.*");
    let report = library.run();
    assert_eq!((report.skipped.len(), report.skipped_before.len(), library.reader().bad_file_count()), (0, 0, 0));
}

fn limited(library: &Library, roots: &[PathBuf], max_depth: Option<Depth>) -> Result<Report, IndexerError> {
    let options = IndexOptions { max_depth, ..IndexOptions::default() };
    Indexer::new(&library.encoder, &library.index()).options(options).run(roots)
}

#[test]
fn a_limit_to_depth_lasts() {
    let library = three();
    library.photo("a/b/x.png", [9, 9, 9]);
    library.run();
    let levels = |levels| Some(Depth::UpTo(NonZeroU32::new(levels).unwrap()));
    let report = limited(&library, &[], levels(2)).unwrap();
    assert_eq!((counts(&report), report.unreachable.len()), ([0, 0, 3, 0, 1, 0], 0));
    let report = limited(&library, &[], levels(1)).unwrap();
    assert_eq!((counts(&report), report.unreachable.len()), ([0, 0, 1, 0, 2, 0], 0));
    assert_eq!(counts(&library.again()), [0, 0, 1, 0, 0, 0]);
    assert_eq!(library.reader().excluded(), [Exclude::DeeperThan(1)]);
    let error = library.try_run(&[library.at("a/b")]).unwrap_err();
    assert!(matches!(error, IndexerError::TooDeep { levels: 1, .. }), "{error}");
    assert_eq!(error.remedy(), Some(Remedy::LookDeeper));
    assert_eq!(limited(&library, &[], Some(Depth::Any)).unwrap().indexed, 3);
    assert!(library.reader().excluded().is_empty());
}

#[test]
fn photos_in_the_cloud_stay_and_new_ones_are_counted() {
    let library = three();
    library.run();
    fs::write(library.at(".new.jpg.icloud"), "bplist").unwrap();
    fs::remove_file(library.at("blue.png")).unwrap();
    fs::write(library.at(".blue.png.icloud"), "bplist").unwrap();
    for name in ["red.png", "green.png"] {
        fs::rename(library.at("a").join(name), library.at("a").join(format!("{name}.nextcloud"))).unwrap();
    }
    let report = library.run();
    assert_eq!((counts(&report), report.in_cloud), ([0, 0, 3, 0, 0, 0], 1));
    assert!(report.unreachable.is_empty(), "{:?}", report.unreachable);
    assert_eq!(library.indexed(), paths(&["a/green.png", "a/red.png", "blue.png"]));
    // What stands for it is gone as well.
    fs::remove_file(library.at("a/red.png.nextcloud")).unwrap();
    assert_eq!(counts(&library.run()), [0, 0, 2, 0, 1, 0]);
}
