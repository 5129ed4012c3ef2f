//! Hashes of photos that were indexed before hashes were stored: computed where another photo shows much the same.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use clip_image::{PictureHash, read_file};
use clip_index::{IndexReader, SearchOptions};
use clip_progress::Progress;

use super::DuplicateOptions;
use super::candidates::Candidate;
use super::progress::{DuplicateProgress, DuplicateStep};
use crate::error::QueryError;
use crate::likeness::{SAME_MOMENT, Scale, reaches};

/// How many neighbours of each are looked at.
const NEIGHBOURS: usize = 12;
/// A hash takes 32 cells; large JPEG files are decoded at a fraction of their size, not below twice this.
const SHORTER_SIDE: u32 = 64;

/// Computes the hashes that are missing and may be needed. Returns how many could not be computed; `None` if cancelled.
pub(super) fn compute(
    reader: &IndexReader,
    all: &mut [Candidate],
    scale: Scale,
    options: &DuplicateOptions,
    progress: &dyn Progress<DuplicateProgress>,
    cancel: &AtomicBool,
) -> Result<Option<u64>, QueryError> {
    let missing: Vec<usize> = (0..all.len()).filter(|&at| !all[at].has_looks).collect();
    if missing.is_empty() {
        return Ok(Some(0));
    }
    let has_neighbour = |at: usize| -> Result<bool, QueryError> {
        let id = all[at].id;
        let Some(embedding) = reader.embedding(id) else { return Ok(false) };
        let Ok(embedding) = crate::embed::unit(&embedding, reader.dimension()) else { return Ok(false) };
        let options = SearchOptions { filter: options.among.as_ref(), ..SearchOptions::best(NEIGHBOURS) };
        let found = reader.search(&embedding, &options)?.neighbours;
        Ok(found.iter().any(|near| near.id != id && reaches(scale.far(near.score), SAME_MOMENT)))
    };
    let near = in_threads(&missing, DuplicateStep::Neighbours, progress, cancel, has_neighbour);
    let mut wanted = Vec::new();
    for (&at, near) in missing.iter().zip(near) {
        match near {
            Some(Ok(true)) => wanted.push(at),
            Some(Ok(false)) => {}
            Some(Err(error)) => return Err(error),
            None => return Ok(None),
        }
    }
    let hash = |at: usize| {
        let bytes = read_file(&all[at].path, &options.limits).ok()?;
        let photo = options.decoder.decode_bytes(&bytes, &options.limits, Some(SHORTER_SIDE), &|_| ()).ok()?;
        Some(PictureHash::of(&photo.image))
    };
    let hashes = in_threads(&wanted, DuplicateStep::Decoding, progress, cancel, hash);
    let mut unread = 0;
    for (at, hash) in wanted.into_iter().zip(hashes) {
        match hash {
            Some(Some(hash)) => all[at].looks.hash = hash,
            Some(None) => unread += 1,
            None => return Ok(None),
        }
    }
    Ok(Some(unread))
}

/// What `of` says of each place, computed in all threads that the processor has; `None` for what was not done, since it was cancelled.
fn in_threads<T: Send>(
    places: &[usize],
    step: DuplicateStep,
    progress: &dyn Progress<DuplicateProgress>,
    cancel: &AtomicBool,
    of: impl Fn(usize) -> T + Sync,
) -> Vec<Option<T>> {
    let (next, total) = (AtomicUsize::new(0), places.len());
    let run = || {
        let mut done = Vec::new();
        while !cancel.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(&place) = places.get(at) else { break };
            progress.event(DuplicateProgress { step, done: at as u64, total: total as u64 });
            done.push((at, of(place)));
        }
        done
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(total);
    let mut results: Vec<Option<T>> = (0..total).map(|_| None).collect();
    thread::scope(|scope| {
        let handles: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let own = run();
        let joined = handles.into_iter().flat_map(|handle| handle.join().unwrap_or_else(|panic| resume_unwind(panic)));
        for (at, result) in joined.chain(own) {
            results[at] = Some(result);
        }
    });
    results
}
