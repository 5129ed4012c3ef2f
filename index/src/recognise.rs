//! Tells an index from a directory with other files in it, before anything is created or removed there.
//!
//! Whoever mistypes a path must not find an index among his photos, and least of all must files be removed because their
//! names happen to be like ours. So as long as no index is recognised by its content, every file that lies there must be
//! one that a writer leaves that dies before its first commit.

#[cfg(test)]
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clip_files::{regular, system_error};

use crate::bad_files;
use crate::checked_json;
use crate::error::IndexError;
use crate::files;
use crate::graph;
use crate::hubness;
use crate::id_set;
use crate::layout::{self, Entry, Layout, MetaEntry};
use crate::manifest;
use crate::records;
use crate::refinement;
use crate::searches;
use crate::segment;
use crate::v1;

/// What a directory holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// An index, though perhaps a damaged one: a commit point says so, or vectors or records that are there.
    Index,
    /// Nothing at all, or what a writer leaves that dies before its first commit.
    Empty,
    /// Something else; this file, for one.
    Foreign(PathBuf),
}

/// Looks at the directory, which need not exist.
pub(crate) fn standing(layout: &Layout) -> Result<Standing, IndexError> {
    if checked_json::is_kind(manifest::KIND, &beginning(&layout.manifest())?) || is_v1_commit_point(layout)? {
        return Ok(Standing::Index);
    }
    // The first commit comes before the first photo, so where there are vectors or records, something was committed.
    for (dir, is_own) in [
        (layout.vectors(), is_own_in_vectors as fn(&Path) -> Result<bool, IndexError>),
        (layout.records(), is_own_in_records),
    ] {
        for path in files::list(&dir).unwrap_or_default() {
            let is_data = path.extension().is_some_and(|extension| extension == "vec" || extension == "rec");
            if is_data && is_own(&path)? {
                return Ok(Standing::Index);
            }
        }
    }
    let entries = files::list(layout.root())?;
    for path in &entries {
        if matches!(name_of(path).and_then(layout::entry_in_root), Some(Entry::V1Manifest(_)))
            && checked_json::is_kind(v1::KIND, &beginning(path)?)
        {
            return Ok(Standing::Index);
        }
    }
    for path in entries {
        let found = match name_of(&path) {
            // The last one is the file system's own, where the directory is a mount point.
            Some(layout::LOCK | layout::LOCK_HOLDER | searches::LOCK | searches::LOCK_HOLDER | "lost+found") => None,
            Some(searches::FILE) if beginning(&path)?.starts_with(searches::HEAD.as_bytes()) => None,
            Some(refinement::FILE) if beginning(&path)?.starts_with(refinement::HEAD.as_bytes()) => None,
            Some(layout::SPARE_MANIFEST) if checked_json::is_kind(manifest::KIND, &beginning(&path)?) => None,
            Some(layout::V1_META_DIR) => foreign_in(&path, is_own_in_v1_meta)?,
            Some(layout::WORDS_DIR) => foreign_in(&path, is_own_in_words)?,
            Some(layout::VECTORS_DIR) => foreign_in(&path, is_own_in_vectors)?,
            Some(layout::RECORDS_DIR) => foreign_in(&path, is_own_in_records)?,
            Some(layout::GRAPH_DIR) => foreign_in(&path, is_own_in_graphs)?,
            Some(layout::REBUILD_DIR) if is_directory(&path) => match standing(&Layout::new(&path))? {
                Standing::Foreign(found) => Some(found),
                _ => None,
            },
            _ if is_own_in_root(&path)? => None,
            _ => Some(path),
        };
        if let Some(found) = found {
            return Ok(Standing::Foreign(found));
        }
    }
    Ok(Standing::Empty)
}

/// Refuses a directory that holds other files.
pub(crate) fn refuse_foreign_files(layout: &Layout) -> Result<Standing, IndexError> {
    match standing(layout)? {
        Standing::Foreign(found) => Err(IndexError::NotAnIndex { dir: layout.root().to_path_buf(), found }),
        standing => Ok(standing),
    }
}

/// Is there a `meta.json` that a commit of version 1 has written?
fn is_v1_commit_point(layout: &Layout) -> Result<bool, IndexError> {
    let Some(point) = read_json(&layout.v1_commit_point())? else { return Ok(false) };
    let payload = point.get("payload").and_then(|payload| payload.as_str());
    Ok(payload.and_then(v1::parse_generation).is_some() && point.get("schema").is_some())
}

fn read_json(path: &Path) -> Result<Option<serde_json::Value>, IndexError> {
    match regular::read(path, manifest::MOST_BYTES) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if system_error::says_missing(&error) => Ok(None),
        Err(error) => Err(IndexError::io("read", path)(error)),
    }
}

/// The first entry of a directory that is not ours; the directory's own path if it is none.
fn foreign_in(dir: &Path, is_own: fn(&Path) -> Result<bool, IndexError>) -> Result<Option<PathBuf>, IndexError> {
    if !dir.is_dir() {
        return Ok(Some(dir.to_path_buf()));
    }
    for path in files::list(dir)? {
        if !is_own(&path)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn is_own_in_root(path: &Path) -> Result<bool, IndexError> {
    match name_of(path).and_then(layout::entry_in_root) {
        Some(Entry::V1Deleted(_)) => Ok(beginning(path)?.starts_with(&id_set::MAGIC)),
        Some(Entry::Temporary) => Ok(is_our_temporary(path)),
        _ => Ok(false),
    }
}

fn is_own_in_vectors(path: &Path) -> Result<bool, IndexError> {
    match name_of(path).and_then(layout::entry_in_vectors) {
        Some(Entry::Segment(_)) => Ok(beginning(path)?.starts_with(&segment::MAGIC)),
        Some(Entry::Deleted(_)) => Ok(beginning(path)?.starts_with(&id_set::MAGIC)),
        Some(Entry::Hubness(_)) => Ok(beginning(path)?.starts_with(&hubness::KIND.magic)),
        Some(Entry::Temporary) => Ok(is_our_temporary(path)),
        _ => Ok(false),
    }
}

fn is_own_in_records(path: &Path) -> Result<bool, IndexError> {
    match name_of(path).and_then(layout::entry_in_records) {
        Some(Entry::Records(_)) => Ok(beginning(path)?.starts_with(&records::KIND.magic)),
        Some(Entry::BadFiles(_)) => Ok(beginning(path)?.starts_with(&bad_files::KIND.magic)),
        Some(Entry::Temporary) => Ok(is_our_temporary(path)),
        _ => Ok(false),
    }
}

fn is_own_in_words(path: &Path) -> Result<bool, IndexError> {
    let entry = name_of(path).and_then(layout::entry_in_words);
    Ok(matches!(entry, Some(MetaEntry::OfSegment | MetaEntry::Temporary)))
}

fn is_own_in_graphs(path: &Path) -> Result<bool, IndexError> {
    let Some(name) = name_of(path) else { return Ok(false) };
    match layout::entry_in_graphs(name) {
        Some(Entry::Graph(_)) if name.ends_with(".hnsw") => Ok(beginning(path)?.starts_with(&graph::KIND.magic)),
        Some(Entry::Graph(_)) if name.ends_with(".json") => {
            Ok(checked_json::is_kind("clip-search graph", &beginning(path)?))
        }
        Some(Entry::Graph(_)) if name.ends_with(".ids") => Ok(beginning(path)?.starts_with(&id_set::MAGIC)),
        // Dumps of a library that was used earlier; nothing else is called that.
        Some(Entry::Graph(_)) => Ok(true),
        Some(Entry::Temporary) => Ok(is_our_temporary(path)),
        _ => Ok(false),
    }
}

fn is_own_in_v1_meta(path: &Path) -> Result<bool, IndexError> {
    match name_of(path).and_then(layout::entry_in_words) {
        // Before the first commit tantivy's index is empty, and has our fields.
        Some(MetaEntry::CommitPoint) => {
            Ok(read_json(path)?.is_some_and(|point| point.get("schema") == Some(&v1::schema_as_json())))
        }
        entry => Ok(entry.is_some()),
    }
}

/// Temporary files have six random characters in their names.
fn is_our_temporary(path: &Path) -> bool {
    let random = name_of(path).and_then(|name| name.strip_prefix(layout::TEMP_PREFIX));
    random.is_some_and(|random| random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The first bytes of a file, none if it is no file.
fn beginning(path: &Path) -> Result<Vec<u8>, IndexError> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    regular::open(path)
        .and_then(|file| file.take(256).read_to_end(&mut bytes))
        .map_err(IndexError::io("read", path))?;
    Ok(bytes)
}

fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_like_ours_are_not_enough() {
        for name in [
            "holiday.jpg",
            "manifest-3.json",
            "manifest.json",
            "words/d41d8cd98f00b204e9800998ecf8427e.jpg",
            "words/meta.json",
            "records/00000001.rec",
            "vectors/00000001.del",
            "deleted-2.bin",
            ".tmp-notes",
            "vectors/00000001.vec",
            "vectors/00000001.hub",
            "vectors/drawing.svg",
            "graph/00000001.json",
            "graph/plot.png",
            "meta/meta.json",
            "meta/d41d8cd98f00b204e9800998ecf8427e.jpg",
            "rebuild/engine.txt",
            "meta",
            "rebuild",
            "searches",
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, r#"{"schema":[],"kind":"mine"}"#).unwrap();
            let found = standing(&Layout::new(dir.path())).unwrap();
            assert_eq!(found, Standing::Foreign(path), "{name}");
        }
    }

    #[test]
    fn what_a_dead_writer_leaves_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        assert_eq!(standing(&Layout::new(&dir.path().join("missing"))).unwrap(), Standing::Empty);
        for folder in ["meta", "words", "records", "vectors", "graph", "rebuild/vectors"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(layout.searches(), format!("{}1\n", searches::HEAD)).unwrap();
        fs::write(layout.refinement(), format!("{}1\n", refinement::HEAD)).unwrap();
        for name in
            ["lock", "searches.lock", ".tmp-aB3xY9", "words/.tmpaB3xY9", "meta/.managed.json", "meta/.tmpaB3xY9"]
        {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::write(layout.hubness(3), hubness::KIND.magic).unwrap();
        let point = serde_json::json!({"segments": [], "schema": v1::schema_as_json(), "opstamp": 0});
        fs::write(layout.v1_commit_point(), point.to_string()).unwrap();
        assert_eq!(standing(&layout).unwrap(), Standing::Empty);
        let model = crate::ModelId { name: "a".into(), fingerprint: "b".into(), dimension: 1 };
        fs::write(layout.manifest(), manifest::Manifest::empty(&model, 1, 1).encode()).unwrap();
        assert_eq!(standing(&layout).unwrap(), Standing::Index);
        fs::remove_file(layout.manifest()).unwrap();
        let row = segment::NewRow::new(1, &[1.0]);
        segment::write(&layout.segment(1), 1, segment::RowFormat::F16, std::iter::once(row)).unwrap();
        assert_eq!(standing(&layout).unwrap(), Standing::Index);
        fs::remove_file(layout.segment(1)).unwrap();
        let mut point = point;
        point["payload"] = "1".into();
        fs::write(layout.v1_commit_point(), point.to_string()).unwrap();
        assert_eq!(standing(&layout).unwrap(), Standing::Index);
    }
}
