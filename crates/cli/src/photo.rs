//! From a file to the image tower's input, in the same way as the indexer: what `embed`, `eval` and `classify` say is true
//! for an index too.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use anyhow::Result;
use clip_search::{ImageError, Limits, Model, Pixels};
use rayon::prelude::*;

use crate::decoder::decoder;

/// Photos that the model takes at a time.
const BATCH: usize = 32;

/// Reads, decodes and prepares a photo.
pub(crate) fn prepare(model: &Model, path: &Path) -> Result<Pixels, ImageError> {
    let shorter_side = u32::try_from(model.config().preprocess.size).ok();
    let photo = decoder().decode_for(path, &Limits::default(), shorter_side)?;
    Ok(model.preprocess(&photo.image))
}

/// Embeds photos and hands each one's unit vector to `each`, in their order, or what is wrong with the file. The next
/// batch is decoded while the model works on one.
pub(crate) fn embed_each(
    model: &Model,
    paths: &[PathBuf],
    mut each: impl FnMut(usize, Result<&[f32], ImageError>) -> Result<()>,
) -> Result<()> {
    // One batch waits while one is worked on; more would only take memory.
    let (send, receive) = mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for batch in paths.chunks(BATCH) {
                let pixels: Vec<_> = batch.par_iter().map(|path| prepare(model, path)).collect();
                // Nobody receives any more once the model has failed.
                if send.send(pixels).is_err() {
                    return;
                }
            }
        });
        let mut index = 0;
        for batch in receive {
            let mut pixels = Vec::with_capacity(batch.len());
            let read: Vec<Result<(), ImageError>> =
                batch.into_iter().map(|photo| photo.map(|photo| pixels.push(photo))).collect();
            let embeddings = model.embed_pixels(&pixels)?;
            let mut rows = embeddings.rows();
            for photo in read {
                // As many rows as photos that could be read.
                each(index, photo.map(|()| rows.next().unwrap_or_default()))?;
                index += 1;
            }
        }
        Ok(())
    })
}
