//! A file to what the image tower takes, the way the indexer does it: what `embed` and `eval` say then holds for an index
//! too.

use std::path::Path;

use clip_search::{ImageError, Limits, Model, Pixels};

/// Reads, decodes and prepares a photo.
pub(crate) fn prepare(model: &Model, path: &Path) -> Result<Pixels, ImageError> {
    let shorter_side = u32::try_from(model.config().preprocess.size).ok();
    let photo = clip_search::decode_for(path, &Limits::default(), shorter_side)?;
    Ok(model.preprocess(&photo.image))
}
