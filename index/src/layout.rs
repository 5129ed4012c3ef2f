//! The names of the files in an index directory, and the reverse: what a name says.

use std::path::{Path, PathBuf};

pub(crate) const LOCK: &str = "lock";
/// Says who is writing, where the system has no locks.
pub(crate) const LOCK_HOLDER: &str = "lock.holder";
pub(crate) const META_DIR: &str = "meta";
pub(crate) const VECTORS_DIR: &str = "vectors";
pub(crate) const GRAPH_DIR: &str = "graph";
/// An index that is being built to take the place of the one around it.
pub(crate) const REBUILD_DIR: &str = "rebuild";
/// Tantivy's list of the files that it has written, in [`META_DIR`].
pub(crate) const MANAGED_FILES: &str = ".managed.json";
const COMMIT_POINT: &str = "meta.json";
/// Prefix of files that are being written. Only a writer that died leaves one behind.
pub(crate) use clip_files::atomic::TEMP_PREFIX;

/// The first one is that of graphs; the others are parts of graphs of version 1 of the index.
const GRAPH_SUFFIXES: [&str; 5] = [".hnsw", ".json", ".ids", ".hnsw.graph", ".hnsw.data"];

/// The paths of an index directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
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

    pub(crate) fn meta(&self) -> PathBuf {
        self.root.join(META_DIR)
    }

    pub(crate) fn commit_point(&self) -> PathBuf {
        self.meta().join(COMMIT_POINT)
    }

    pub(crate) fn vectors(&self) -> PathBuf {
        self.root.join(VECTORS_DIR)
    }

    pub(crate) fn graphs(&self) -> PathBuf {
        self.root.join(GRAPH_DIR)
    }

    /// The index in the staging area.
    pub(crate) fn rebuild(&self) -> Layout {
        Layout::new(&self.root.join(REBUILD_DIR))
    }

    pub(crate) fn manifest(&self, generation: u64) -> PathBuf {
        self.root.join(format!("manifest-{generation}.json"))
    }

    pub(crate) fn deleted(&self, generation: u64) -> PathBuf {
        self.root.join(format!("deleted-{generation}.bin"))
    }

    pub(crate) fn segment(&self, id: u64) -> PathBuf {
        self.vectors().join(format!("{id:08x}.vec"))
    }

    pub(crate) fn graph(&self, id: u64) -> PathBuf {
        self.graphs().join(format!("{id:08x}.hnsw"))
    }
}

/// A file of an index, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Manifest(u64),
    Deleted(u64),
    Segment(u64),
    Graph(u64),
    Temporary,
}

/// Reads a name in the index directory itself.
pub(crate) fn entry_in_root(name: &str) -> Option<Entry> {
    let decimal = |text: &str| text.parse::<u64>().ok().filter(|n| n.to_string() == text);
    if name.starts_with(TEMP_PREFIX) {
        return Some(Entry::Temporary);
    }
    if let Some(rest) = name.strip_prefix("manifest-") {
        return decimal(rest.strip_suffix(".json")?).map(Entry::Manifest);
    }
    decimal(name.strip_prefix("deleted-")?.strip_suffix(".bin")?).map(Entry::Deleted)
}

/// Reads a name in `vectors/`.
pub(crate) fn entry_in_vectors(name: &str) -> Option<Entry> {
    if name.starts_with(TEMP_PREFIX) {
        return Some(Entry::Temporary);
    }
    number(name.strip_suffix(".vec")?).map(Entry::Segment)
}

/// Reads a name in `graph/`.
pub(crate) fn entry_in_graphs(name: &str) -> Option<Entry> {
    if name.starts_with(TEMP_PREFIX) {
        return Some(Entry::Temporary);
    }
    GRAPH_SUFFIXES.iter().find_map(|suffix| number(name.strip_suffix(suffix)?)).map(Entry::Graph)
}

/// A file in `meta/`, as far as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetaEntry {
    /// A part of one of tantivy's segments.
    OfSegment,
    CommitPoint,
    /// Tantivy's list of files, and the locks that earlier versions of this crate let it take.
    Administration,
    Temporary,
}

/// Reads a name in `meta/`.
pub(crate) fn entry_in_meta(name: &str) -> Option<MetaEntry> {
    match name {
        COMMIT_POINT => return Some(MetaEntry::CommitPoint),
        MANAGED_FILES | ".tantivy-meta.lock" | ".tantivy-writer.lock" => return Some(MetaEntry::Administration),
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
            assert_eq!(entry_in_root(&name(layout.manifest(id))), Some(Entry::Manifest(id)));
            assert_eq!(entry_in_root(&name(layout.deleted(id))), Some(Entry::Deleted(id)));
            assert_eq!(entry_in_vectors(&name(layout.segment(id))), Some(Entry::Segment(id)));
            assert_eq!(entry_in_graphs(&name(layout.graph(id))), Some(Entry::Graph(id)));
            for suffix in [".json", ".ids", ".hnsw.graph", ".hnsw.data"] {
                assert_eq!(entry_in_graphs(&format!("{id:08x}{suffix}")), Some(Entry::Graph(id)));
            }
        }
    }

    #[test]
    fn names_of_tantivy_are_known() {
        let id = "9e2ed7ed089944678219efe497413138";
        for part in ["idx", "pos", "term", "store", "store.temp", "fast", "fieldnorm", "21.del"] {
            assert_eq!(entry_in_meta(&format!("{id}.{part}")), Some(MetaEntry::OfSegment), "{part}");
        }
        assert_eq!(entry_in_meta("meta.json"), Some(MetaEntry::CommitPoint));
        assert_eq!(entry_in_meta(".managed.json"), Some(MetaEntry::Administration));
        assert_eq!(entry_in_meta(".tmpAb3xY9"), Some(MetaEntry::Temporary));
    }

    #[test]
    fn foreign_names_are_left_alone() {
        for name in
            ["lock", "meta", "manifest-.json", "manifest-01.json", "manifest-1.json.bak", "photo.jpg", "deleted-x.bin"]
        {
            assert_eq!(entry_in_root(name), None, "{name}");
        }
        for name in ["d41d8cd98f00b204e9800998ecf8427e.jpg", ".tmp-notes", "x.idx", "meta.json.bak"] {
            assert_eq!(entry_in_meta(name), None, "{name}");
        }
        for name in ["1.vec", "00000001.VEC", "0000000g.vec", "+0000001.vec"] {
            assert_eq!(entry_in_vectors(name), None, "{name}");
        }
    }
}
