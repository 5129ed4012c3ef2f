//! Looking after an index, which takes no model.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use clip_index::{Compacted, GraphOptions, IndexError, IndexReader, IndexWriter};

/// Makes the index in the folder `index` as small as it can be: merges its files, and leaves out what was removed. A graph
/// that referred to removed photos is built again. `progress` gets the steps done and in all; `None` if cancelled.
///
/// # Errors
/// [`IndexError::NotFound`] if there is no index, [`IndexError::Locked`] if there is a writer, [`IndexError::Corrupt`] if a
/// file is damaged: then nothing has changed.
pub fn compact(
    index: &Path,
    progress: &mut dyn FnMut(usize, usize),
    cancel: &AtomicBool,
) -> Result<Option<Compacted>, IndexError> {
    let model = IndexReader::open(index)?.model().clone();
    let mut writer = IndexWriter::open_or_create(index, &model)?;
    let compacted = writer.compact(progress, cancel)?;
    if compacted.as_ref().is_some_and(|compacted| compacted.graph_dropped) {
        writer.update_graph(&GraphOptions::default(), progress, cancel)?;
    }
    writer.close()?;
    Ok(compacted)
}
