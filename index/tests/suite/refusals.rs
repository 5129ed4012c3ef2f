//! What an index refuses, and with which words.

use std::fs;
use std::sync::atomic::AtomicBool;

use clip_index::{
    BadFile, GraphOptions, IndexError, IndexReader, IndexWriter, ModelId, Rebuild, Remedy, repair, verify,
};

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
    fs::remove_file(dir.path().join("manifest.spare")).unwrap();
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
        fs::write(dir.path().join("manifest.spare"), content).unwrap();
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
    fs::remove_file(dir.path().join("manifest.spare")).unwrap();
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

/// A newer program that lets this one write has a right to find what it has noted.
#[test]
fn what_a_later_version_has_added_to_the_manifest_is_kept() {
    const ONE: [&str; 4] = ["model", "deleted", "graph", "bad_files"];
    const MANY: [&str; 3] = ["segments", "records", "hubness"];
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 60, 30, 4);
    let nobody_cancels = AtomicBool::new(false);
    let options = GraphOptions { connections: 6, ef_construction: 30, min_photos: 10, ..GraphOptions::default() };
    let bad = |number: u64| BadFile {
        path: format!("/bad {number}.jpg").into(),
        stamp: stamp(1, 2),
        hash: None,
        reason: "it was bad".into(),
        decoder: None,
    };
    let open = || {
        let mut writer = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
        writer.set_bank(bank(1, 4)).unwrap();
        writer
    };
    let mut writer = open();
    writer.remember_bad_file(bad(1));
    writer.remove(3).unwrap();
    assert!(writer.update_hubness(&clip_index::Silent, &nobody_cancels).unwrap());
    writer.update_graph(&options, &clip_index::Silent, &nobody_cancels).unwrap();
    drop(writer);
    let damage_graph = || {
        let graph = &files(&dir.path().join("graph"))[0];
        fs::write(graph, "damaged").unwrap();
        repair(dir.path(), &clip_index::Silent, &nobody_cancels).unwrap().unwrap();
    };
    let steps: [(&str, &dyn Fn()); 9] = [
        ("commit", &|| {
            let mut writer = open();
            writer.add_photo(photo(100, 4)).unwrap();
            writer.commit().unwrap();
        }),
        ("removal", &|| {
            let mut writer = open();
            writer.remove(5).unwrap();
            writer.commit().unwrap();
        }),
        ("bad files", &|| {
            let mut writer = open();
            writer.remember_bad_file(bad(2));
            writer.commit().unwrap();
        }),
        ("settings", &|| {
            let mut writer = open();
            writer.set_roots(&["/else".into()]).unwrap();
            writer.commit().unwrap();
        }),
        ("words", &|| {
            fs::remove_file(&files(&dir.path().join("words"))[0]).unwrap();
            drop(open());
        }),
        ("repair", &damage_graph),
        ("graph", &|| {
            let mut writer = open();
            writer.update_graph(&options, &clip_index::Silent, &nobody_cancels).unwrap();
        }),
        ("compaction", &|| {
            open().compact(&clip_index::Silent, &nobody_cancels).unwrap().unwrap();
        }),
        ("hubness", &|| {
            let mut writer = open();
            writer.set_bank(bank(2, 4)).unwrap();
            assert!(writer.update_hubness(&clip_index::Silent, &nobody_cancels).unwrap());
        }),
    ];
    let mut kept = std::collections::BTreeMap::new();
    for (step, write) in steps {
        let mut before = manifest_of(dir.path());
        let later = serde_json::json!({"of": [step, 1, null]});
        before["later"] = later.clone();
        for member in ONE {
            if !before[member].is_null() {
                before[member]["later"] = later.clone();
            }
        }
        for member in MANY {
            let entries = before[member].as_array_mut().unwrap_or_else(|| panic!("no {member} before {step}"));
            entries.iter_mut().for_each(|entry| entry["later"] = later.clone());
        }
        write_manifest(dir.path(), 2, None, &before);
        write();
        let after = manifest_of(dir.path());
        assert!(after["generation"].as_u64() > before["generation"].as_u64(), "{step}");
        assert_eq!((&after["later"], &after["model"]["later"]), (&later, &later), "{step}");
        let entries = |document: &serde_json::Value| {
            let one = ONE[1..].iter().map(|&member| (member, document[member].clone()));
            let many = MANY.iter().flat_map(|&member| {
                let entries = document[member].as_array().cloned().unwrap_or_default();
                entries.into_iter().map(move |entry| (member, entry))
            });
            one.chain(many).collect::<Vec<_>>()
        };
        for (member, entry) in entries(&after) {
            let is_that = |known: &&(&str, serde_json::Value)| known.0 == member && known.1["file"] == entry["file"];
            if let Some((_, known)) = entries(&before).iter().find(is_that) {
                assert_eq!(&entry, known, "{member} after {step}");
                *kept.entry(member).or_insert(0) += u32::from(!entry.is_null());
            }
        }
        assert!(verify(dir.path()).unwrap().is_clean(), "{step}");
    }
    for member in ONE[1..].iter().chain(&MANY) {
        assert!(kept.get(member).is_some_and(|&count| count > 1), "{member}: {kept:?}");
    }
}
