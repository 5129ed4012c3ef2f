//! What an index refuses, and with which words.

use std::fs;
use std::sync::atomic::AtomicBool;

use clip_index::{IndexError, IndexReader, IndexWriter, ModelId, Rebuild, Remedy, repair, verify};

use crate::common::*;

#[test]
fn a_missing_index_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_path_buf(), dir.path().join("nothing")] {
        for error in [IndexReader::open(&path).unwrap_err(), verify(&path).unwrap_err()] {
            assert!(matches!(error, IndexError::NotFound { .. }), "{error}");
            let message = error.to_string();
            assert!(message.contains(path.to_str().unwrap()), "{message}");
            assert_eq!(error.remedy(), Some(Remedy::CreateIndex { dir: path.clone() }));
        }
    }
}

#[test]
fn a_new_index_is_empty_not_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/index");
    let writer = IndexWriter::open_or_create(&path, &model(4)).unwrap();
    assert!(writer.is_empty());
    let reader = IndexReader::open(&path).unwrap();
    assert!(reader.is_empty());
    assert_eq!(reader.search_exact(&[1.0, 0.0, 0.0, 0.0], 5, None).unwrap(), []);
    assert!(matches!(reader.search_graph(&[1.0, 0.0, 0.0, 0.0], 5, 50, None), Err(IndexError::NoGraph { .. })));
    assert!(verify(&path).unwrap().is_clean());
}

#[test]
fn another_model_is_refused_with_both_names() {
    let dir = tempfile::tempdir().unwrap();
    drop(IndexWriter::open_or_create(dir.path(), &model(4)).unwrap());
    let other = ModelId { name: "other".into(), fingerprint: "other-77".into(), dimension: 4 };
    let error = IndexWriter::open_or_create(dir.path(), &other).unwrap_err();
    let message = error.to_string();
    for part in ["test-4", "other-77"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(error.remedy(), Some(Remedy::MatchModel { indexed_name: "test".into(), same_name: false }));
}

/// A reader that said that there is none would send its user to a writer, which says that it is damaged.
#[test]
fn an_index_that_has_lost_its_manifest_is_damaged_not_missing() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 10, 10, 4);
    let manifest = dir.path().join("manifest.json");
    fs::remove_file(&manifest).unwrap();
    for error in [
        IndexReader::open(dir.path()).unwrap_err(),
        IndexWriter::open_or_create(dir.path(), &model(4)).unwrap_err(),
        repair(dir.path(), &clip_index::Silent, &AtomicBool::new(false)).unwrap_err(),
    ] {
        assert!(matches!(&error, IndexError::Corrupt { path, .. } if *path == manifest), "{error}");
        assert!(error.to_string().contains("missing"), "{error}");
        // A repair has nothing to begin with.
        assert_eq!(error.remedy(), Some(Remedy::Rebuild));
    }
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert_eq!((&report.problems[0].path, report.remedy), (&manifest, Some(Remedy::Rebuild)));
    // Files of the same names that are not ours make no index.
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("vectors")).unwrap();
    fs::write(dir.path().join("vectors/00000001.vec"), "mine").unwrap();
    assert!(matches!(IndexReader::open(dir.path()).unwrap_err(), IndexError::NotFound { .. }));
}

#[test]
fn a_repair_is_advised_where_it_helps() {
    for content in ["", "\0\0\0\0", "{\"kind"] {
        let dir = tempfile::tempdir().unwrap();
        index_of(dir.path(), 10, 10, 4);
        fs::write(dir.path().join("manifest.json"), content).unwrap();
        let error = repair(dir.path(), &clip_index::Silent, &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.remedy(), Some(Remedy::Rebuild), "{error}");
        assert_eq!(verify(dir.path()).unwrap().remedy, Some(Remedy::Rebuild), "{content:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 10, 10, 4);
    fs::write(dir.path().join("vectors/00000001.vec"), "").unwrap();
    let error = IndexReader::open(dir.path()).unwrap_err();
    assert_eq!(error.remedy(), Some(Remedy::RepairOrRebuild), "{error}");
    assert_eq!(verify(dir.path()).unwrap().remedy, Some(Remedy::RepairOrRebuild));
    repair(dir.path(), &clip_index::Silent, &AtomicBool::new(false)).unwrap();
    assert_eq!(verify(dir.path()).unwrap().remedy, None);
}

/// A rebuild refuses it, so none may be advised.
#[test]
fn somebody_elses_manifest_makes_no_index() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = dir.path().join("manifest.json");
    fs::write(&manifest, "{\"name\": \"a web app\"}").unwrap();
    for error in [
        IndexReader::open(dir.path()).unwrap_err(),
        IndexWriter::open_or_create(dir.path(), &model(4)).unwrap_err(),
        Rebuild::begin(dir.path(), &model(4)).unwrap_err(),
        verify(dir.path()).unwrap_err(),
        repair(dir.path(), &clip_index::Silent, &AtomicBool::new(false)).unwrap_err(),
    ] {
        assert!(matches!(&error, IndexError::NotAnIndex { found, .. } if *found == manifest), "{error}");
        assert_eq!(error.remedy(), Some(Remedy::ChooseOtherDirectory { dir: dir.path().to_path_buf() }));
    }
}

/// Nobody may ever write to a pipe, and a device may have no end.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_without_waiting() {
    let names = ["manifest.json", "lock", "lock.holder", "vectors/00000001.vec", "records/00000002.rec"];
    for (name, is_device) in names.into_iter().flat_map(|name| [(name, false), (name, true)]) {
        let dir = tempfile::tempdir().unwrap();
        index_of(dir.path(), 10, 10, 4);
        let path = dir.path().join(name);
        let _ = fs::remove_file(&path);
        if is_device {
            std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        } else if !std::process::Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
            return;
        }
        let error = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap_err();
        assert!(error.to_string().contains("expected a file"), "{name}: {error}");
        if !name.starts_with("lock") {
            let error = IndexReader::open(dir.path()).unwrap_err();
            assert!(error.to_string().contains("expected a file"), "{name}: {error}");
            let _ = verify(dir.path());
            let _ = repair(dir.path(), &clip_index::Silent, &AtomicBool::new(false));
        }
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_directory_holds_no_index() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("file"), dir.path().join("link"));
    fs::write(&file, "x").unwrap();
    std::os::unix::fs::symlink("/away/index", &link).unwrap();
    for (path, found) in [(&file, "it is a file"), (&link, "a link to /away/index")] {
        for error in [
            IndexReader::open(path).unwrap_err(),
            IndexWriter::open_or_create(path, &model(4)).unwrap_err(),
            Rebuild::begin(path, &model(4)).unwrap_err(),
            verify(path).unwrap_err(),
            repair(path, &clip_index::Silent, &AtomicBool::new(false)).unwrap_err(),
        ] {
            assert!(error.to_string().contains(found), "{error}");
            assert_eq!(error.remedy(), Some(Remedy::ChooseOtherDirectory { dir: path.clone() }));
        }
    }
}

/// It is not the same as an index in which nothing was committed yet.
#[test]
fn a_lost_commit_point_is_damage_to_a_writer() {
    let dir = tempfile::tempdir().unwrap();
    let oracle = index_of(dir.path(), 10, 10, 4);
    let commit_point = dir.path().join("manifest.json");
    let bytes = fs::read(&commit_point).unwrap();
    for manifest in ["", "{\"kind\":\"clip-search manifest\",\"version\":2,"] {
        fs::remove_file(&commit_point).unwrap();
        if !manifest.is_empty() {
            fs::write(&commit_point, manifest).unwrap();
        }
        let error = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap_err();
        assert!(matches!(error, IndexError::Corrupt { .. }), "{error}");
        assert_eq!(error.remedy(), Some(Remedy::Rebuild));
        fs::write(&commit_point, "").unwrap();
    }
    // Nothing was removed.
    fs::write(&commit_point, bytes).unwrap();
    assert_same(&IndexReader::open(dir.path()).unwrap(), &oracle);

    // Where nothing was committed, a writer starts over.
    let dir = tempfile::tempdir().unwrap();
    drop(IndexWriter::open_or_create(dir.path(), &model(4)).unwrap());
    fs::remove_file(dir.path().join("manifest.json")).unwrap();
    drop(IndexWriter::open_or_create(dir.path(), &model(4)).unwrap());
}

#[test]
fn foreign_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("holiday.jpg"), "a photo").unwrap();
    let error = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap_err();
    assert!(matches!(error, IndexError::NotAnIndex { .. }), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    // Inside an index they are not removed either.
    let index = dir.path().join("index");
    drop(IndexWriter::open_or_create(&index, &model(4)).unwrap());
    for name in ["notes.txt", "manifest-x.json", "vectors/readme", "records/x.rec", "words/notes", "graph/.hidden"] {
        fs::write(index.join(name), "mine").unwrap();
    }
    drop(IndexWriter::open_or_create(&index, &model(4)).unwrap());
    for name in ["notes.txt", "manifest-x.json", "vectors/readme", "records/x.rec", "words/notes", "graph/.hidden"] {
        assert_eq!(fs::read_to_string(index.join(name)).unwrap(), "mine");
    }
}

#[test]
fn leftovers_of_a_dead_writer_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let oracle = index_of(dir.path(), 10, 10, 4);
    let leftovers = [
        "manifest-99.json",
        "deleted-99.bin",
        ".tmp-abc",
        "vectors/00000099.vec",
        "vectors/00000098.del",
        "records/00000097.rec",
        "words/d41d8cd98f00b204e9800998ecf8427e.idx",
        "meta/d41d8cd98f00b204e9800998ecf8427e.idx",
        "vectors/.tmp-x",
        "graph/00000099.hnsw.data",
        "graph/00000099.json",
    ];
    fs::create_dir(dir.path().join("meta")).unwrap();
    for name in leftovers {
        fs::write(dir.path().join(name), "half").unwrap();
    }
    fs::create_dir(dir.path().join("graph/.tmp-dir")).unwrap();
    fs::write(dir.path().join("graph/.tmp-dir/x.hnsw.data"), "half").unwrap();
    assert_same(&IndexReader::open(dir.path()).unwrap(), &oracle);
    drop(IndexWriter::open_or_create(dir.path(), &model(4)).unwrap());
    for name in leftovers.into_iter().chain(["graph/.tmp-dir"]) {
        assert!(!dir.path().join(name).exists(), "{name}");
    }
    assert_same(&IndexReader::open(dir.path()).unwrap(), &oracle);
}

#[test]
fn vectors_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
    for (vector, dimension) in
        [(vec![1.0; 3], true), (vec![1.0; 4], false), (vec![f32::NAN; 4], false), (vec![0.0; 4], false)]
    {
        let mut photo = photo(1, 4);
        photo.embedding = vector;
        let error = writer.add_photo(photo).unwrap_err();
        assert_eq!(matches!(error, IndexError::Dimension { .. }), dimension, "{error}");
        assert_eq!(matches!(error, IndexError::NotUnit { .. }), !dimension, "{error}");
    }
    assert!(!writer.has_changes());
    let reader = IndexReader::open(dir.path()).unwrap();
    assert!(matches!(reader.search_exact(&[1.0], 1, None), Err(IndexError::Dimension { expected: 4, found: 1 })));
    assert!(matches!(reader.search_exact(&[f32::NAN; 4], 1, None), Err(IndexError::NotUnit { .. })));
    assert!(matches!(writer.touch(5, stamp(0, 0)), Err(IndexError::UnknownId { id: 5 })));
    assert!(matches!(writer.relocate(5, "/x".as_ref(), stamp(0, 0)), Err(IndexError::UnknownId { id: 5 })));
    let no_dimension = ModelId { dimension: 0, ..model(4) };
    assert!(IndexWriter::open_or_create(dir.path().join("x"), &no_dimension).is_err());
}

#[test]
fn a_newer_manifest_is_refused_with_both_versions() {
    let dir = tempfile::tempdir().unwrap();
    drop(IndexWriter::open_or_create(dir.path(), &model(4)).unwrap());
    write_manifest(dir.path(), 12, None, &manifest_of(dir.path()));
    for error in [
        IndexReader::open(dir.path()).unwrap_err(),
        IndexWriter::open_or_create(dir.path(), &model(4)).unwrap_err(),
        verify(dir.path()).unwrap_err(),
    ] {
        assert!(matches!(error, IndexError::NewerFormat { found: 12, supported: 2, .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("12") && message.contains("version 2"), "{message}");
        assert_eq!(error.remedy(), Some(Remedy::UseNewerVersion));
    }
}
