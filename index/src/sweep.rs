//! Removes files that belong to no committed generation: what a writer that died left, and what a commit has replaced.

use std::path::PathBuf;

use crate::error::IndexError;
use crate::files;
use crate::layout::{self, Entry, Layout};
use crate::manifest::Manifest;

/// Removes everything of our own naming that the manifest does not name; without a manifest, everything. Other files stay.
pub(crate) fn sweep(layout: &Layout, manifest: Option<&Manifest>) -> Result<(), IndexError> {
    let is_live = |entry: Entry| {
        manifest.is_some_and(|manifest| match entry {
            Entry::Manifest(generation) => generation == manifest.generation,
            Entry::Deleted(generation) => manifest.deleted.as_ref().is_some_and(|entry| entry.generation == generation),
            Entry::Segment(file) => manifest.segments.iter().any(|entry| entry.file == file),
            Entry::Graph(file) => manifest.graph.as_ref().is_some_and(|entry| entry.file == file),
            Entry::Temporary => false,
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
    Ok(())
}

/// All files of our own naming, outside `meta/`.
pub(crate) fn entries(layout: &Layout) -> Result<Vec<(PathBuf, Entry)>, IndexError> {
    type Parse = fn(&str) -> Option<Entry>;
    let places: [(PathBuf, Parse); 3] = [
        (layout.root().to_path_buf(), layout::entry_in_root),
        (layout.vectors(), layout::entry_in_vectors),
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
