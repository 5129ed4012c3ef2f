//! Looking after an index, which takes no model.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clip_index::{Compacted, GraphOptions, IndexError, IndexReader, IndexWriter};
use clip_indexer::{IndexerError, Removed};
use clip_progress::{Progress, Steps};

/// Makes the index in the folder `index` as small as it can be: merges its files, and leaves out what was removed. A graph
/// that referred to removed photos is built again. `progress` gets the steps done and in all; `None` if cancelled.
///
/// # Errors
/// [`IndexError::NotFound`] if there is no index, [`IndexError::Locked`] if there is a writer, [`IndexError::Corrupt`] if a
/// file is damaged: then nothing has changed.
pub fn compact(
    index: &Path,
    progress: &dyn Progress<Steps>,
    cancel: &AtomicBool,
) -> Result<Option<Compacted>, IndexError> {
    let mut writer = open_writer(index)?;
    let compacted = writer.compact(progress, cancel)?;
    if compacted.as_ref().is_some_and(|compacted| compacted.graph_dropped) {
        writer.update_graph(&GraphOptions::default(), progress, cancel)?;
    }
    writer.close()?;
    Ok(compacted)
}

/// Removes photos from the index in the folder `index`, never from the disk: those at `paths`, and those inside where a path
/// is a folder. What lies in a folder that is still indexed is excluded from now on, so that the next update leaves it out;
/// [`IndexOptions::include`](clip_indexer::IndexOptions::include) takes that back. Folders that were indexed themselves and
/// lie at or inside one of the paths are forgotten.
///
/// Paths need not exist. They are compared as the index has them: absolute, with the links on the way resolved or not.
///
/// # Errors
/// [`IndexError::NotFound`] if there is no index, [`IndexError::Locked`] if there is a writer, both within
/// [`IndexerError::Index`]; whatever keeps it from being read or written.
pub fn remove(index: &Path, paths: &[PathBuf]) -> Result<Removed, IndexerError> {
    let mut writer = open_writer(index)?;
    let removed = clip_indexer::remove(&mut writer, paths)?;
    writer.close()?;
    Ok(removed)
}

/// Opens an index that exists for writing, whatever model made it.
fn open_writer(index: &Path) -> Result<IndexWriter, IndexError> {
    let model = IndexReader::open(index)?.model().clone();
    IndexWriter::open_or_create(index, &model)
}
