//! What is left out, and what was removed: it leaves the index and stays out until that is taken back.

use std::fs;
use std::path::PathBuf;

use clip_index::{Exclude, IndexWriter, StoredPath};
use clip_indexer::{IndexOptions, Indexer, IndexerError, Remedy, Removed, Report, remove};

use crate::support::{Library, counts, model};
use crate::{BLUE, GREEN, RED, paths, three};

fn run_with(library: &Library, exclude: &[PathBuf], include: &[PathBuf]) -> Result<Report, IndexerError> {
    let options = IndexOptions { exclude: exclude.to_vec(), include: include.to_vec(), ..IndexOptions::default() };
    Indexer::new(&library.encoder, &library.index()).options(options).run(&[library.root()])
}

fn removed(library: &Library, paths: &[PathBuf]) -> Removed {
    let mut writer = IndexWriter::open_or_create(library.index(), &model()).unwrap();
    remove(&mut writer, paths).unwrap()
}

fn path(path: PathBuf) -> Exclude {
    Exclude::Path(StoredPath::new(&path).unwrap())
}

#[test]
fn what_matches_leaves_the_index_and_stays_out_until_it_is_taken_back() {
    let library = three();
    library.run();
    let report = run_with(&library, &["red.*".into()], &[]).unwrap();
    assert_eq!(counts(&report), [0, 0, 2, 0, 1, 0]);
    assert_eq!(library.indexed(), paths(&["a/green.png", "blue.png"]));
    library.photo("b/c/red.png", [1, 2, 3]);
    assert_eq!(counts(&library.run()), [0, 0, 2, 0, 0, 0]);
    assert_eq!(library.reader().excluded(), [Exclude::Pattern("red.*".into())]);

    let folder = library.at("a");
    let report = run_with(&library, std::slice::from_ref(&folder), &["red.*".into()]).unwrap();
    assert_eq!(counts(&report), [1, 0, 1, 0, 1, 0]);
    assert_eq!(library.indexed(), paths(&["b/c/red.png", "blue.png"]));
    assert_eq!(library.reader().excluded(), [path(folder.clone())]);
    let report = run_with(&library, &[], &[folder]).unwrap();
    assert_eq!(counts(&report), [2, 0, 2, 0, 0, 0]);
    assert!(library.reader().excluded().is_empty());
}

#[test]
fn a_photo_that_moves_out_of_what_is_excluded_is_not_encoded_again() {
    let library = three();
    library.run();
    fs::rename(library.at("a/red.png"), library.at("red.png")).unwrap();
    let report = run_with(&library, &["a/".into()], &[]).unwrap();
    assert_eq!(counts(&report), [0, 0, 1, 1, 1, 0]);
    assert_eq!(library.encoder.embedded(), 3);
    assert_eq!(library.indexed(), paths(&["blue.png", "red.png"]));
    library.assert_holds("red.png", RED);
}

#[test]
fn what_is_excluded_is_not_read_and_not_skipped() {
    let library = three();
    fs::create_dir(library.at("raw")).unwrap();
    fs::write(library.at("raw/bad.jpg"), "no photo").unwrap();
    fs::write(library.at("bad.jpg"), "no photo").unwrap();
    let report = run_with(&library, &["raw".into()], &[]).unwrap();
    assert_eq!((report.indexed, report.skipped.len()), (3, 1));
    // A bad file that is excluded later is forgotten.
    run_with(&library, &["bad.*".into()], &[]).unwrap();
    assert_eq!(library.reader().bad_file_count(), 0);
}

#[test]
fn an_excluded_folder_that_is_named_is_left_out_and_told_of() {
    let library = three();
    library.photo("b/x.png", [9, 9, 9]);
    run_with(&library, &[library.at("a")], &[]).unwrap();
    for folder in [library.at("a"), library.at("a/../a")] {
        let error = library.try_run(&[folder]).unwrap_err();
        assert!(matches!(&error, IndexerError::Excluded { path, .. } if *path == library.at("a")), "{error}");
        assert_eq!(error.remedy(), Some(Remedy::TakeBackExclude));
    }
    let report = library.try_run(&[library.at("a"), library.at("b")]).unwrap();
    assert_eq!((report.excluded, report.unchanged), (vec![library.at("a")], 1));
    assert_eq!(library.reader().roots(), [library.root()]);
    // So is a folder below it, and one that a pattern matches.
    fs::create_dir(library.at("a/inner")).unwrap();
    assert!(matches!(library.try_run(&[library.at("a/inner")]), Err(IndexerError::Excluded { .. })));
    run_with(&library, &["b".into()], &[]).unwrap();
    assert!(matches!(library.try_run(&[library.at("b")]), Err(IndexerError::Excluded { .. })));
}

#[test]
fn what_is_not_excluded_cannot_be_taken_back() {
    let library = three();
    run_with(&library, &["raw".into(), library.at("a")], &[]).unwrap();
    let error = run_with(&library, &[], &["raw/".into()]).unwrap_err();
    assert!(error.to_string().contains("excluded are raw,"), "{error}");
    assert_eq!(error.remedy(), None);
    assert!(matches!(run_with(&library, &["".into()], &[]), Err(IndexerError::EmptyExclude)));
    assert_eq!(library.indexed(), paths(&["blue.png"]), "nothing has changed");
}

#[test]
fn exceptions_are_indexed_wherever_they_are() {
    let library = three();
    library.photo("raw/best.png", [9, 9, 9]);
    library.photo("raw/2019/other.png", [8, 8, 8]);
    library.photo("raw/2019/keep.png", [7, 7, 7]);
    library.run();
    let report = run_with(&library, &[library.at("raw"), "*red*".into()], &["keep.png".into()]).unwrap();
    assert_eq!(counts(&report), [0, 0, 3, 0, 3, 0]);
    assert_eq!(library.indexed(), paths(&["a/green.png", "blue.png", "raw/2019/keep.png"]));
    let report = run_with(&library, &[], &[library.at("raw/best.png")]).unwrap();
    assert_eq!((report.indexed, report.unchanged), (1, 3));
    assert_eq!(counts(&library.run()), [0, 0, 4, 0, 0, 0], "they last");
    // An excluded folder may be named for what is kept in it.
    assert_eq!(library.try_run(&[library.at("raw")]).unwrap().unchanged, 2);
    // What is removed is out, whatever was an exception before.
    assert_eq!(removed(&library, &[library.at("raw")]).photos, 2);
    assert_eq!(counts(&library.run()), [0, 0, 2, 0, 0, 0]);
    let report = run_with(&library, &["keep.png".into()], &[library.at("raw")]).unwrap();
    assert_eq!(library.indexed(), paths(&["a/green.png", "blue.png", "raw/2019/other.png", "raw/best.png"]));
    assert_eq!(report.indexed, 2);
}

#[test]
fn a_pattern_with_a_leading_slash_is_about_the_folder_that_is_indexed() {
    let library = three();
    library.photo("b/a/x.png", [9, 9, 9]);
    run_with(&library, &["/a/".into(), "/*.png".into()], &[]).unwrap();
    assert_eq!(library.indexed(), paths(&["b/a/x.png"]));
}

#[test]
fn what_was_removed_does_not_come_back() {
    let library = three();
    library.photo("c/d/one.png", [1, 1, 1]);
    library.photo("c/d/two.png", [2, 2, 2]);
    library.run();
    let gone = removed(&library, &[library.at("blue.png"), library.at("c/d")]);
    assert_eq!((gone.photos, &gone.excluded[..]), (3, &[library.at("blue.png"), library.at("c/d")][..]));
    assert!(gone.folders.is_empty() && gone.unknown.is_empty());
    assert!(library.at("blue.png").exists() && library.at("c/d/one.png").exists());
    library.photo("c/d/three.png", [3, 3, 3]);
    // Neither a run of all folders, nor of one that it lies in, nor of one that was not there before.
    for roots in [vec![], vec![library.root()], vec![library.root().parent().unwrap().to_owned()]] {
        let report = library.try_run(&roots).unwrap();
        assert_eq!(report.indexed + report.removed, 0, "{roots:?}");
        assert_eq!(library.indexed(), paths(&["a/green.png", "a/red.png"]));
    }
    assert_eq!(removed(&library, &[library.at("blue.png")]).photos, 0);
    assert_eq!(library.reader().excluded().len(), 2, "it was excluded already");
}

#[test]
fn folders_that_were_indexed_themselves_are_forgotten() {
    let library = three();
    library.photo("b/x.png", [9, 9, 9]);
    library.try_run(&[library.at("a"), library.at("b")]).unwrap();
    let gone = removed(&library, &[library.at("a")]);
    assert_eq!((gone.photos, &gone.folders[..]), (2, &[library.at("a")][..]));
    assert!(gone.excluded.is_empty());
    assert_eq!((library.reader().roots(), library.reader().excluded().len()), (vec![library.at("b")], 0));
    assert_eq!(library.try_run(&[]).unwrap().indexed, 0);
    // By its name it may be indexed again.
    assert_eq!(library.try_run(&[library.at("a")]).unwrap().indexed, 2);
}

#[test]
fn what_is_gone_from_the_disk_can_be_removed_and_what_is_not_known_is_told() {
    let library = three();
    library.run();
    let away = library.root().with_file_name("away");
    fs::rename(library.at("a"), &away).unwrap();
    let misspelt = library.at("bleu.png");
    let gone = removed(&library, &[library.at("a/red.png"), misspelt.clone(), away.clone()]);
    assert_eq!((gone.photos, &gone.unknown[..]), (1, &[misspelt, away.clone()][..]));
    assert_eq!(gone.excluded, [library.at("a/red.png")]);
    fs::rename(&away, library.at("a")).unwrap();
    library.run();
    assert_eq!(library.indexed(), paths(&["a/green.png", "blue.png"]));
}

#[test]
fn a_bad_file_can_be_removed_too() {
    let library = three();
    fs::write(library.at("bad.jpg"), "no photo").unwrap();
    assert_eq!(library.run().skipped.len(), 1);
    let gone = removed(&library, &[library.at("bad.jpg")]);
    assert_eq!((gone.photos, gone.excluded.len(), gone.unknown.len()), (0, 1, 0));
    assert_eq!(library.reader().bad_file_count(), 0);
    let report = library.run();
    assert_eq!((report.skipped.len(), report.skipped_before.len()), (0, 0));
}

#[cfg(unix)]
#[test]
fn what_is_excluded_does_not_come_back_through_a_link() {
    use std::os::unix::fs::symlink;
    let library = three();
    library.photo("c/inner/x.png", [9, 9, 9]);
    let elsewhere = Library::new();
    elsewhere.photo("album/y.png", BLUE);
    elsewhere.photo("album/z.png", GREEN);
    symlink(elsewhere.at("album"), library.at("album")).unwrap();
    library.run();
    let photos = library.indexed();
    assert!(photos.contains(&"album/y.png".into()) && photos.len() == 6, "{photos:?}");

    // Photos behind a link are known by the link, and may be named by either.
    assert_eq!(removed(&library, &[library.at("album/y.png")]).photos, 1);
    assert_eq!(removed(&library, &[library.at("c"), library.at("a/red.png")]).photos, 2);
    symlink(library.at("c/inner"), library.at("to-inner")).unwrap();
    symlink(library.at("c"), library.at("to-c")).unwrap();
    symlink(library.at("a/red.png"), library.at("to-red.png")).unwrap();
    library.run();
    assert_eq!(library.indexed(), paths(&["a/green.png", "album/z.png", "blue.png"]));
    // The link itself can be removed.
    assert_eq!(removed(&library, &[library.at("album")]).photos, 1);
    library.run();
    assert_eq!(library.indexed(), paths(&["a/green.png", "blue.png"]));
}
