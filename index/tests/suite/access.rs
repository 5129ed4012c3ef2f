//! Who may read an index, and what reading takes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use clip_index::{GraphOptions, IndexReader, IndexWriter, Rebuild, Remedy, repair, verify};

use crate::common::*;

/// All files and directories, with what would change if something was written.
fn state(dir: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    let metadata = fs::metadata(dir).unwrap();
    found.insert(dir.to_path_buf(), (metadata.len(), metadata.modified().unwrap()));
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(state(&path));
        } else {
            let metadata = fs::metadata(&path).unwrap();
            found.insert(path, (metadata.len(), metadata.modified().unwrap()));
        }
    }
    found
}

fn build(dir: &Path) -> Oracle {
    let mut oracle = index_of(dir, 60, 20, 4);
    let mut writer = IndexWriter::open_or_create(dir, &model(4)).unwrap();
    let options = GraphOptions { min_photos: 10, ..GraphOptions::default() };
    writer.update_graph(&options, &clip_index::Silent, &AtomicBool::new(false)).unwrap();
    assert!(writer.remove(7).unwrap());
    oracle.remove(&7);
    writer.commit().unwrap();
    writer.close().unwrap();
    oracle
}

#[test]
fn reading_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let oracle = build(dir.path());
    // Readers must not need it, nor create it.
    fs::remove_file(dir.path().join("lock")).unwrap();
    let before = state(dir.path());
    #[cfg(unix)]
    for path in before.keys().filter(|path| path.is_dir()) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o500)).unwrap();
    }
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_same(&reader, &oracle);
    reader.search_graph(&photo(5, 4).embedding, 5, 20, None).unwrap();
    reader.search_words("img", 5).unwrap();
    reader.find_path("/x").unwrap();
    reader.status().unwrap();
    assert!(reader.is_current().unwrap());
    assert!(verify(dir.path()).unwrap().is_clean());
    assert_eq!(state(dir.path()), before);
    #[cfg(unix)]
    for path in before.keys().filter(|path| path.is_dir()) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }
}

/// What nobody can read, not even root, is lost: a folder or a link in a circle in its place, or a bad sector, which tests cannot
/// have. It is named and can be repaired, and what can be made again keeps nobody from searching.
#[test]
#[cfg(unix)]
fn what_nobody_can_read_is_repaired() {
    let whole = tempfile::tempdir().unwrap();
    build(whole.path());
    let names = state(whole.path()).into_keys().filter(|path| path.is_file());
    let names: Vec<PathBuf> = names.map(|path| path.strip_prefix(whole.path()).unwrap().to_path_buf()).collect();
    let is_member = |name: &&PathBuf| !name.starts_with("lock") && !name.to_str().unwrap().contains("/.");
    let mut kinds = BTreeSet::new();
    for (number, name) in names.iter().filter(is_member).enumerate() {
        let dir = tempfile::tempdir().unwrap();
        for name in &names {
            fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            fs::copy(whole.path().join(name), dir.path().join(name)).unwrap();
        }
        let path = dir.path().join(name);
        fs::remove_file(&path).unwrap();
        if number % 2 == 0 {
            fs::create_dir(&path).unwrap();
        } else {
            std::os::unix::fs::symlink(&path, &path).unwrap();
        }
        let folder = name.parent().unwrap().to_str().unwrap();
        if name == Path::new("manifest.spare") {
            drop(IndexReader::open(dir.path()).unwrap());
            let mut writer = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap();
            writer.add_photo(photo(700, 4)).unwrap();
            writer.commit().unwrap();
            assert!(verify(dir.path()).unwrap().is_clean());
            continue;
        }
        if folder.is_empty() {
            let error = IndexReader::open(dir.path()).unwrap_err();
            assert!(error.to_string().contains(name.to_str().unwrap()), "{name:?}: {error}");
            continue;
        }
        let report = verify(dir.path()).unwrap();
        assert!(!report.is_clean(), "{name:?}");
        match IndexReader::open(dir.path()) {
            Ok(reader) => {
                assert_eq!(reader.search_exact(&photo(5, 4).embedding, 3, None).unwrap().len(), 3, "{name:?}")
            }
            Err(error) => {
                assert!(matches!(folder, "vectors" | "records"), "{name:?}: {error}");
                assert_eq!(error.remedy(), Some(Remedy::RepairOrRebuild), "{name:?}: {error}");
            }
        }
        kinds.insert(folder);
        repair(dir.path(), &clip_index::Silent, &AtomicBool::new(false)).unwrap();
        assert!(verify(dir.path()).unwrap().is_clean(), "{name:?}");
        IndexReader::open(dir.path()).unwrap();
    }
    assert!(kinds.len() >= 4, "{kinds:?}");
}

/// What the system refuses to read may be whole.
#[test]
#[cfg(unix)]
fn a_file_that_cannot_be_read_is_not_called_damaged() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let files: Vec<PathBuf> = state(dir.path()).into_keys().filter(|path| path.is_file()).collect();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "lock" || name.starts_with('.') {
            continue;
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::File::open(&path).is_err() {
            let error = verify(dir.path()).unwrap_err();
            assert!(matches!(error, clip_index::IndexError::Io { .. }), "{name}: {error}");
            assert!(error.to_string().contains(name), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[cfg(unix)]
fn assert_private(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let all = state(dir);
    assert!(all.len() > 10);
    for path in all.keys() {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

#[test]
#[cfg(unix)]
fn an_index_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let parent = dir.path().join("made by the user");
    fs::create_dir(&parent).unwrap();
    fs::set_permissions(&parent, fs::Permissions::from_mode(0o755)).unwrap();
    let index = parent.join("index");
    build(&index);
    assert_private(&index);
    assert_eq!(fs::metadata(&parent).unwrap().permissions().mode() & 0o777, 0o755);

    // A rebuild, while it lasts and after it.
    let rebuild = Rebuild::begin(&index, &model(3)).unwrap();
    let mut writer = IndexWriter::open_or_create(rebuild.dir(), &model(3)).unwrap();
    writer.add_photo(photo(1, 3)).unwrap();
    writer.commit().unwrap();
    drop(writer);
    assert_private(&index);
    rebuild.commit().unwrap();
    assert_private(&index);

    // What an earlier version has left to the umask.
    for path in state(&index).keys() {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    drop(IndexWriter::open_or_create(&index, &model(3)).unwrap());
    assert_private(&index);
    assert_eq!(fs::metadata(&parent).unwrap().permissions().mode() & 0o777, 0o755);
}
