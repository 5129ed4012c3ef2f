//! The names of the files in an index directory, and the reverse: what a name says.

use std::path::{Path, PathBuf};

use crate::{refinement, searches};

pub(crate) const LOCK: &str = "lock";
/// Says who is writing, where the system has no locks.
pub(crate) const LOCK_HOLDER: &str = "lock.holder";
pub(crate) const MANIFEST: &str = "manifest.json";
/// A second copy of the manifest.
pub(crate) const SPARE_MANIFEST: &str = "manifest.spare";
pub(crate) const BANK: &str = "bank";
pub(crate) const VECTORS_DIR: &str = "vectors";
pub(crate) const RECORDS_DIR: &str = "records";
pub(crate) const GRAPH_DIR: &str = "graph";
pub(crate) const WORDS_DIR: &str = "words";
/// An index that is being built to take the place of the one around it.
pub(crate) const REBUILD_DIR: &str = "rebuild";
/// Where version 1 has its records and its commit point.
pub(crate) const V1_META_DIR: &str = "meta";
const V1_COMMIT_POINT: &str = "meta.json";
/// Prefix of files that are being written. Only a writer that died leaves one behind.
pub(crate) use clip_files::atomic::TEMP_PREFIX;

/// The files of a graph of version 1.
const V1_GRAPH_SUFFIXES: [&str; 4] = [".json", ".ids", ".hnsw.graph", ".hnsw.data"];

/// The paths of an index directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

/// Is this the path of a file that says what was committed, in an index of any version?
pub(crate) fn is_commit_point(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let in_v1_meta = || path.parent().is_some_and(|parent| parent.ends_with(V1_META_DIR));
    name == MANIFEST
        || matches!(entry_in_root(name), Some(Entry::V1Manifest(_)))
        || (name == V1_COMMIT_POINT && in_v1_meta())
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Layout {
        Layout { root: root.to_path_buf() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join(LOCK)
    }

    pub(crate) fn lock_holder(&self) -> PathBuf {
        self.root.join(LOCK_HOLDER)
    }

    /// The commit point.
    pub(crate) fn manifest(&self) -> PathBuf {
        self.root.join(MANIFEST)
    }

    /// A second copy of the commit point.
    pub(crate) fn spare_manifest(&self) -> PathBuf {
        self.root.join(SPARE_MANIFEST)
    }

    /// The bank of texts, which belongs to no generation.
    pub(crate) fn bank(&self) -> PathBuf {
        self.root.join(BANK)
    }

    /// The saved searches, which belong to no generation either.
    pub(crate) fn searches(&self) -> PathBuf {
        self.root.join(searches::FILE)
    }

    /// What captions say of relevance, which belongs to no generation either.
    pub(crate) fn refinement(&self) -> PathBuf {
        self.root.join(refinement::FILE)
    }

    pub(crate) fn vectors(&self) -> PathBuf {
        self.root.join(VECTORS_DIR)
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.root.join(RECORDS_DIR)
    }

    pub(crate) fn graphs(&self) -> PathBuf {
        self.root.join(GRAPH_DIR)
    }

    pub(crate) fn words(&self) -> PathBuf {
        self.root.join(WORDS_DIR)
    }

    /// The folders of an index of this version.
    pub(crate) fn folders(&self) -> [PathBuf; 4] {
        [self.vectors(), self.records(), self.graphs(), self.words()]
    }

    /// The index in the staging area.
    pub(crate) fn rebuild(&self) -> Layout {
        Layout::new(&self.root.join(REBUILD_DIR))
    }

    pub(crate) fn segment(&self, file: u64) -> PathBuf {
        self.vectors().join(format!("{file:08x}.vec"))
    }

    pub(crate) fn deleted(&self, file: u64) -> PathBuf {
        self.vectors().join(format!("{file:08x}.del"))
    }

    pub(crate) fn hubness(&self, file: u64) -> PathBuf {
        self.vectors().join(format!("{file:08x}.hub"))
    }

    pub(crate) fn record_file(&self, file: u64) -> PathBuf {
        self.records().join(format!("{file:08x}.rec"))
    }

    pub(crate) fn bad_files(&self, file: u64) -> PathBuf {
        self.records().join(format!("{file:08x}.bad"))
    }

    pub(crate) fn graph(&self, id: u64) -> PathBuf {
        self.graphs().join(format!("{id:08x}.hnsw"))
    }

    pub(crate) fn v1_meta(&self) -> PathBuf {
        self.root.join(V1_META_DIR)
    }

    pub(crate) fn v1_commit_point(&self) -> PathBuf {
        self.v1_meta().join(V1_COMMIT_POINT)
    }

    pub(crate) fn v1_manifest(&self, generation: u64) -> PathBuf {
        self.root.join(format!("manifest-{generation}.json"))
    }

    pub(crate) fn v1_deleted(&self, generation: u64) -> PathBuf {
        self.root.join(format!("deleted-{generation}.bin"))
    }
}

/// A file of an index, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Segment(u64),
    Deleted(u64),
    Hubness(u64),
    Records(u64),
    BadFiles(u64),
    Graph(u64),
    V1Manifest(u64),
    V1Deleted(u64),
    Temporary,
}

/// Reads a name in the index directory itself.
pub(crate) fn entry_in_root(name: &str) -> Option<Entry> {
    let decimal = |text: &str| text.parse::<u64>().ok().filter(|n| n.to_string() == text);
    if name.starts_with(TEMP_PREFIX) {
        return Some(Entry::Temporary);
    }
    if let Some(rest) = name.strip_prefix("manifest-") {
        return decimal(rest.strip_suffix(".json")?).map(Entry::V1Manifest);
    }
    decimal(name.strip_prefix("deleted-")?.strip_suffix(".bin")?).map(Entry::V1Deleted)
}

/// Reads a name in `vectors/`.
pub(crate) fn entry_in_vectors(name: &str) -> Option<Entry> {
    if name.starts_with(TEMP_PREFIX) {
        return Some(Entry::Temporary);
    }
    let (stem, extension) = name.rsplit_once('.')?;
    let number = number(stem)?;
    match extension {
        "vec" => Some(Entry::Segment(number)),
        "del" => Some(Entry::Deleted(number)),
        "hub" => Some(Entry::Hubness(number)),
        _ => None,
    }
}

/// Reads a name in `records/`.
pub(crate) fn entry_in_records(name: &str) -> Option<Entry> {
    if name.starts_with(TEMP_PREFIX) {
        return Some(Entry::Temporary);
    }
    match name.strip_suffix(".rec") {
        Some(stem) => number(stem).map(Entry::Records),
        None => number(name.strip_suffix(".bad")?).map(Entry::BadFiles),
    }
}

/// Reads a name in `graph/`.
pub(crate) fn entry_in_graphs(name: &str) -> Option<Entry> {
    if name.starts_with(TEMP_PREFIX) {
        return Some(Entry::Temporary);
    }
    let mut suffixes = [".hnsw"].into_iter().chain(V1_GRAPH_SUFFIXES);
    suffixes.find_map(|suffix| number(name.strip_suffix(suffix)?)).map(Entry::Graph)
}

/// A file in one of tantivy's folders, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetaEntry {
    /// A part of one of tantivy's segments.
    OfSegment,
    /// The commit point of version 1.
    CommitPoint,
    /// Tantivy's list of files, and the locks that version 1 once let it take.
    Administration,
    Temporary,
}

/// Reads a name in `words/`, or in the `meta/` of version 1.
pub(crate) fn entry_in_words(name: &str) -> Option<MetaEntry> {
    match name {
        V1_COMMIT_POINT => return Some(MetaEntry::CommitPoint),
        ".managed.json" | ".tantivy-meta.lock" | ".tantivy-writer.lock" => return Some(MetaEntry::Administration),
        _ => {}
    }
    // As the crate tempfile names its files.
    if let Some(random) = name.strip_prefix(".tmp") {
        let temporary = random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return temporary.then_some(MetaEntry::Temporary);
    }
    let (id, part) = name.split_once('.')?;
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let is_part = matches!(part, "idx" | "pos" | "term" | "store" | "store.temp" | "fast" | "fieldnorm")
        || part.strip_suffix(".del").is_some_and(|stamp| stamp.parse::<u64>().is_ok());
    (is_id && is_part).then_some(MetaEntry::OfSegment)
}

fn number(hex: &str) -> Option<u64> {
    u64::from_str_radix(hex, 16).ok().filter(|n| format!("{n:08x}") == hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let layout = Layout::new(Path::new("/x"));
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        for id in [0, 1, 255, u64::from(u32::MAX) + 7, u64::MAX] {
            assert_eq!(entry_in_root(&name(layout.v1_manifest(id))), Some(Entry::V1Manifest(id)));
            assert_eq!(entry_in_root(&name(layout.v1_deleted(id))), Some(Entry::V1Deleted(id)));
            assert_eq!(entry_in_vectors(&name(layout.deleted(id))), Some(Entry::Deleted(id)));
            assert_eq!(entry_in_vectors(&name(layout.hubness(id))), Some(Entry::Hubness(id)));
            assert_eq!(entry_in_records(&name(layout.record_file(id))), Some(Entry::Records(id)));
            assert_eq!(entry_in_records(&name(layout.bad_files(id))), Some(Entry::BadFiles(id)));
            assert_eq!(entry_in_vectors(&name(layout.segment(id))), Some(Entry::Segment(id)));
            assert_eq!(entry_in_graphs(&name(layout.graph(id))), Some(Entry::Graph(id)));
            for suffix in V1_GRAPH_SUFFIXES {
                assert_eq!(entry_in_graphs(&format!("{id:08x}{suffix}")), Some(Entry::Graph(id)));
            }
        }
    }

    #[test]
    fn commit_points_of_all_versions_are_known() {
        let layout = Layout::new(Path::new("/x"));
        for path in [layout.manifest(), layout.v1_manifest(7), layout.v1_commit_point()] {
            assert!(is_commit_point(&path), "{}", path.display());
        }
        for path in [layout.vectors(), layout.segment(7), layout.words().join("meta.json"), layout.bank()] {
            assert!(!is_commit_point(&path), "{}", path.display());
        }
    }

    #[test]
    fn names_of_tantivy_are_known() {
        let id = "9e2ed7ed089944678219efe497413138";
        for part in ["idx", "pos", "term", "store", "store.temp", "fast", "fieldnorm", "21.del"] {
            assert_eq!(entry_in_words(&format!("{id}.{part}")), Some(MetaEntry::OfSegment), "{part}");
        }
        assert_eq!(entry_in_words("meta.json"), Some(MetaEntry::CommitPoint));
        assert_eq!(entry_in_words(".managed.json"), Some(MetaEntry::Administration));
        assert_eq!(entry_in_words(".tmpAb3xY9"), Some(MetaEntry::Temporary));
    }

    #[test]
    fn foreign_names_are_left_alone() {
        for name in
            ["lock", "meta", "manifest-.json", "manifest-01.json", "manifest-1.json.bak", "photo.jpg", "deleted-x.bin"]
        {
            assert_eq!(entry_in_root(name), None, "{name}");
        }
        for name in ["d41d8cd98f00b204e9800998ecf8427e.jpg", ".tmp-notes", "x.idx", "meta.json.bak"] {
            assert_eq!(entry_in_words(name), None, "{name}");
        }
        for name in ["1.vec", "00000001.VEC", "0000000g.vec", "+0000001.vec"] {
            assert_eq!(entry_in_vectors(name), None, "{name}");
        }
    }
}
