//! Files that could not be indexed: remembered with the commit, carried into a rebuild, and no loss where they are lost.

use std::fs;
use std::path::{Path, PathBuf};

use clip_index::{BadFile, Exclude, IndexReader, IndexWriter, Rebuild, repair, verify};

use crate::common::*;

fn bad(name: &str, decoder: Option<u64>) -> BadFile {
    BadFile {
        path: Path::new("/photos").join(name),
        stamp: stamp(9, 8),
        hash: Some([3; 16]),
        reason: "the file is empty".into(),
        decoder,
    }
}

fn open(dir: &Path) -> IndexWriter {
    IndexWriter::open_or_create(dir, &model(4)).unwrap()
}

/// The list's file.
fn list(dir: &Path) -> PathBuf {
    let mut lists: Vec<_> =
        files(dir).into_iter().filter(|path| path.extension().is_some_and(|end| end == "bad")).collect();
    assert_eq!(lists.len(), 1, "{lists:?}");
    lists.remove(0)
}

fn index() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("index");
    index_of(&dir, 5, 2, 4);
    let mut writer = open(&dir);
    writer.remember_bad_file(bad("a.jpg", Some(1)));
    writer.remember_bad_file(bad("b.jpg", None));
    writer.set_excluded(vec![Exclude::Pattern("*.png".into())]);
    writer.commit().unwrap();
    (folder, dir)
}

#[test]
fn they_are_remembered_forgotten_and_replaced_with_the_commit() {
    let (_folder, dir) = index();
    let reader = IndexReader::open(&dir).unwrap();
    assert_eq!(reader.bad_files().unwrap(), [bad("a.jpg", Some(1)), bad("b.jpg", None)]);
    assert_eq!(reader.excluded(), [Exclude::Pattern("*.png".into())]);

    let mut writer = open(&dir);
    assert!(!writer.has_changes());
    writer.remember_bad_file(bad("a.jpg", Some(1)));
    assert!(!writer.has_changes(), "that was known");
    writer.remember_bad_file(bad("a.jpg", Some(2)));
    assert!(writer.forget_bad_file(Path::new("/photos/b.jpg")));
    assert!(!writer.forget_bad_file(Path::new("/photos/b.jpg")));
    assert_eq!(IndexReader::open(&dir).unwrap().bad_file_count(), 2, "before the commit");
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(IndexReader::open(&dir).unwrap().bad_files().unwrap(), [bad("a.jpg", Some(2))]);
    list(&dir);
    // What an older reader has lost is an error to it, not an empty list.
    assert!(reader.bad_files().is_err() && !reader.is_current().unwrap());

    // Other commits keep them, and so does compaction.
    let mut writer = open(&dir);
    writer.add_photo(photo(77, 4)).unwrap();
    writer.commit().unwrap();
    writer.compact(&clip_index::Silent, &std::sync::atomic::AtomicBool::new(false)).unwrap();
    assert_eq!(IndexReader::open(&dir).unwrap().bad_files().unwrap(), [bad("a.jpg", Some(2))]);
    assert!(writer.forget_bad_file(Path::new("/photos/a.jpg")));
    writer.commit().unwrap();
    assert!(IndexReader::open(&dir).unwrap().bad_files().unwrap().is_empty());
    assert!(files(&dir).iter().all(|path| path.extension().is_none_or(|end| end != "bad")));
}

#[test]
fn a_list_that_is_missing_or_damaged_is_no_loss() {
    for damage in ["missing", "cut", "flipped", "another's"] {
        let (_folder, dir) = index();
        let path = list(&dir);
        let mut bytes = fs::read(&path).unwrap();
        match damage {
            "missing" => fs::remove_file(&path).unwrap(),
            "cut" => fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
            "flipped" => {
                bytes[100] ^= 1;
                fs::write(&path, &bytes).unwrap();
            }
            _ => fs::copy(dir.join("records/00000002.rec"), &path).map(drop).unwrap(),
        }
        assert!(IndexReader::open(&dir).unwrap().bad_files().is_err(), "{damage}");
        assert!(!verify(&dir).unwrap().is_clean(), "{damage}");
        let oracle = IndexReader::open(&dir).unwrap().all_records().unwrap();

        // Repaired, or written on: then it is empty, and nothing else has changed.
        let other = dir.with_file_name("other");
        for file in files(&dir) {
            let to = other.join(file.strip_prefix(&dir).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(file, to).unwrap();
        }
        let repaired =
            repair(&other, &clip_index::Silent, &std::sync::atomic::AtomicBool::new(false)).unwrap().unwrap();
        assert!(repaired.bad_files_dropped && repaired.lost.is_empty(), "{damage}: {repaired:?}");
        let mut writer = open(&dir);
        assert_eq!(writer.bad_files().count(), 0);
        writer.commit().unwrap();
        for dir in [&dir, &other] {
            let reader = IndexReader::open(dir).unwrap();
            assert_eq!(reader.bad_files().unwrap(), [], "{damage}");
            assert_eq!(reader.all_records().unwrap(), oracle);
            assert!(verify(dir).unwrap().is_clean(), "{damage}");
        }
    }
}

#[test]
fn a_rebuild_begins_with_them_and_keeps_what_is_excluded() {
    let (_folder, dir) = index();
    let new = clip_index::ModelId { fingerprint: "another".into(), ..model(4) };
    let rebuild = Rebuild::begin(&dir, &new).unwrap();
    let staged = IndexReader::open(rebuild.dir()).unwrap();
    assert_eq!(staged.bad_files().unwrap(), [bad("a.jpg", None), bad("b.jpg", None)], "to be tried again");
    drop((staged, rebuild));

    // The index around it is changed before it is gone on from.
    let mut writer = open(&dir);
    let excluded = vec![Exclude::Pattern("*.gif".into())];
    writer.set_excluded(excluded.clone());
    writer.commit().unwrap();
    drop(writer);
    let rebuild = Rebuild::begin(&dir, &new).unwrap();
    let mut writer = IndexWriter::open_or_create(rebuild.dir(), &new).unwrap();
    assert_eq!(writer.excluded(), excluded);
    writer.remember_bad_file(bad("b.jpg", Some(5)));
    writer.commit().unwrap();
    drop(writer);
    rebuild.commit().unwrap();
    let reader = IndexReader::open(&dir).unwrap();
    assert_eq!(reader.bad_files().unwrap(), [bad("a.jpg", None), bad("b.jpg", Some(5))]);
    assert_eq!((reader.excluded(), reader.len()), (&excluded[..], 0));
    list(&dir);
    assert!(verify(&dir).unwrap().is_clean());
}

/// A program that does not know the list keeps the members of the manifest, and leaves files alone whose names it does not
/// know: then its commits leave the list as it was. This is what such a program's manifest looks like to this one.
#[test]
fn a_manifest_without_the_members_is_that_of_an_index_without_bad_files() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 3, 2, 4);
    let manifest = fs::read_to_string(dir.path().join("manifest.json")).unwrap();
    assert!(!manifest.contains("bad_files") && !manifest.contains("excluded"), "{manifest}");
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_eq!((reader.bad_file_count(), reader.bad_files().unwrap().len(), reader.excluded().len()), (0, 0, 0));
}
