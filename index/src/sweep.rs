//! Removes files that belong to no committed generation: what a writer that died left, and what a commit has replaced.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use crate::error::IndexError;
use crate::files;
use crate::layout::{self, Entry, Layout};
use crate::manifest::Manifest;
use crate::words;

/// Removes everything of our own naming that the manifest does not name, and everything of version 1; without a manifest,
/// everything. Other files stay.
pub(crate) fn sweep(layout: &Layout, manifest: Option<&Manifest>) -> Result<(), IndexError> {
    let is_live = |entry: Entry| {
        manifest.is_some_and(|manifest| match entry {
            Entry::Segment(file) => manifest.segments.iter().any(|entry| entry.file == file),
            Entry::Records(file) => manifest.records.iter().any(|entry| entry.file == file),
            Entry::Deleted(file) => manifest.deleted.as_ref().is_some_and(|entry| entry.file == file),
            Entry::Hubness(file) => manifest.hubness.iter().any(|entry| entry.file == file),
            Entry::BadFiles(file) => manifest.bad_files.as_ref().is_some_and(|entry| entry.file == file),
            Entry::Graph(file) => manifest.graph.as_ref().is_some_and(|entry| entry.file == file),
            Entry::V1Manifest(_) | Entry::V1Deleted(_) | Entry::Temporary => false,
        })
    };
    for (path, entry) in entries(layout)? {
        if is_live(entry) {
            continue;
        }
        if entry == Entry::Temporary {
            files::remove_temporary(&path);
        } else {
            files::remove_orphan(&path);
        }
    }
    let live = words::live_files(&layout.words(), manifest.and_then(|manifest| manifest.words.as_deref()))?;
    words::sweep_except(&layout.words(), &live)?;
    let v1_meta = layout.v1_meta();
    words::sweep_except(&v1_meta, &HashSet::new())?;
    // Stays if something is in it that is not ours.
    let _ = fs::remove_dir(v1_meta);
    Ok(())
}

/// All files of our own naming, outside tantivy's folders and without the commit point.
pub(crate) fn entries(layout: &Layout) -> Result<Vec<(PathBuf, Entry)>, IndexError> {
    type Parse = fn(&str) -> Option<Entry>;
    let places: [(PathBuf, Parse); 4] = [
        (layout.root().to_path_buf(), layout::entry_in_root),
        (layout.vectors(), layout::entry_in_vectors),
        (layout.records(), layout::entry_in_records),
        (layout.graphs(), layout::entry_in_graphs),
    ];
    let mut found = Vec::new();
    for (dir, parse) in places {
        for path in files::list(&dir)? {
            if let Some(entry) = path.file_name().and_then(|name| parse(name.to_str()?)) {
                found.push((path, entry));
            }
        }
    }
    Ok(found)
}
