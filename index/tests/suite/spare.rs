//! The spare manifest takes the place of a damaged one, if it is the newest, and otherwise nothing does.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use clip_index::{
    Drive, IndexError, IndexReader, IndexWriter, Remedy, Silent, StoredPath, repair, restore_manifest, verify,
};

use crate::common::{AddPhoto, Oracle, assert_same, index_of, model, photo};

const DIMENSION: usize = 4;

fn manifest(dir: &Path) -> std::path::PathBuf {
    dir.join("manifest.json")
}

/// All that one damage can do: to cut it, to change a bit, to remove it.
fn damages(bytes: &[u8]) -> Vec<Option<Vec<u8>>> {
    let places = (0..bytes.len()).step_by(bytes.len().div_ceil(40));
    let cut = places.clone().map(|at| Some(bytes[..at].to_vec()));
    let flipped = places.map(|at| {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (at % 8);
        Some(flipped)
    });
    cut.chain(flipped).chain([None]).collect()
}

fn put(path: &Path, content: Option<&[u8]>) {
    match content {
        Some(bytes) => fs::write(path, bytes).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
}

fn assert_whole(dir: &Path, oracle: &Oracle) {
    assert_same(&IndexReader::open(dir).unwrap(), oracle);
    let report = verify(dir).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn whatever_is_damaged_of_the_manifest_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let oracle = index_of(dir.path(), 30, 10, DIMENSION);
    let bytes = fs::read(manifest(dir.path())).unwrap();
    let next_id = oracle.keys().last().unwrap() + 1;
    for (number, damage) in damages(&bytes).iter().enumerate() {
        for name in ["manifest.json", "manifest.spare"] {
            fs::write(dir.path().join(name), &bytes).unwrap();
        }
        put(&manifest(dir.path()), damage.as_deref());
        let error = IndexReader::open(dir.path()).unwrap_err();
        assert!(matches!(&error, IndexError::ManifestLost { .. }), "{error}");
        let report = verify(dir.path()).unwrap();
        assert_eq!((report.problems.len(), report.remedy), (1, Some(Remedy::RestoreManifest)));
        match number % 3 {
            0 => {
                let repaired = repair(dir.path(), &Silent, &AtomicBool::new(false)).unwrap().unwrap();
                assert_eq!(repaired.dropped_files, [manifest(dir.path())]);
                assert_eq!((repaired.lost.len(), repaired.kept.items()), (0, oracle.len() as u64));
            }
            1 => drop(IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap()),
            _ => assert!(restore_manifest(dir.path()).unwrap()),
        }
        assert_whole(dir.path(), &oracle);
    }
    // What is known of drives is about the new generation too.
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    let (made_ns, changed_ns, numbers, roots) = (Some(7), None, vec![5], Vec::new());
    let drive = Drive { folder: StoredPath::Text("/media".into()), inode: 2, made_ns, changed_ns, numbers, roots };
    writer.set_drives(vec![drive.clone()]);
    writer.commit().unwrap();
    writer.close().unwrap();
    fs::remove_file(manifest(dir.path())).unwrap();
    assert!(restore_manifest(dir.path()).unwrap());
    assert_eq!(IndexReader::open(dir.path()).unwrap().drives(), [drive]);
    // Ids are never given out again, whatever the lost manifest said.
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    assert!(writer.add_photo(photo(77, DIMENSION)).unwrap() > next_id);
}

#[test]
fn damage_to_the_spare_is_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let oracle = index_of(dir.path(), 30, 10, DIMENSION);
    let spare = dir.path().join("manifest.spare");
    let bytes = fs::read(&spare).unwrap();
    assert_eq!(bytes, fs::read(manifest(dir.path())).unwrap());
    for damage in damages(&bytes) {
        fs::write(&spare, &bytes).unwrap();
        put(&spare, damage.as_deref());
        assert!(!restore_manifest(dir.path()).unwrap());
        assert_same(&IndexReader::open(dir.path()).unwrap(), &oracle);
        let problems = verify(dir.path()).unwrap().problems;
        let expected = if spare.exists() { vec![spare.clone()] } else { Vec::new() };
        assert_eq!(problems.into_iter().map(|problem| problem.path).collect::<Vec<_>>(), expected);
        // Both.
        fs::rename(manifest(dir.path()), dir.path().join(".kept")).unwrap();
        assert!(!restore_manifest(dir.path()).unwrap());
        assert_eq!(IndexReader::open(dir.path()).unwrap_err().remedy(), Some(Remedy::Rebuild));
        fs::rename(dir.path().join(".kept"), manifest(dir.path())).unwrap();
    }
    fs::write(&spare, "x").unwrap();
    let repaired = repair(dir.path(), &Silent, &AtomicBool::new(false)).unwrap().unwrap();
    assert_eq!(repaired.dropped_files, [spare]);
    assert_whole(dir.path(), &oracle);
}

/// A program that knows nothing of it leaves it as it was.
#[test]
fn a_spare_that_is_older_than_the_index_is_not_taken() {
    type Change = fn(&mut IndexWriter, &Oracle);
    let changes: [Change; 4] = [
        |writer, _| assert!(writer.add_photo(photo(500, DIMENSION)).is_ok()),
        |writer, oracle| assert!(writer.remove(*oracle.keys().next().unwrap()).unwrap()),
        |writer, oracle| oracle.keys().for_each(|&id| assert!(writer.remove(id).unwrap())),
        |writer, oracle| {
            writer.relocate(*oracle.keys().next().unwrap(), "/elsewhere.jpg".as_ref(), photo(1, 4).asset.stamp).unwrap()
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let oracle = index_of(dir.path(), 30, 10, DIMENSION);
        let older = fs::read(dir.path().join("manifest.spare")).unwrap();
        let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
        change(&mut writer, &oracle);
        writer.commit().unwrap();
        writer.close().unwrap();
        fs::write(dir.path().join("manifest.spare"), older).unwrap();
        fs::write(manifest(dir.path()), "").unwrap();
        assert!(!restore_manifest(dir.path()).unwrap(), "change {number}");
        assert!(IndexReader::open(dir.path()).is_err());
    }
}
