//! Pairs of photos that are the same picture, by comparing the hashes of all.
//!
//! Each hash is compared with all others in all eight ways that a picture can be laid down: 40 thousand million products for
//! 100,000 photos. They are products of codes of eight bits, for which processors have instructions, and the hashes that one
//! is compared with stay in the cache. No pair is missed for being in another bucket of some table.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use clip_image::{PictureHash, Turn};
use clip_index::IndexReader;
use clip_kernels::Isa;
use clip_kernels::similarity::CodeQuery;
use clip_progress::Progress;

use super::candidates::Candidate;
use super::progress::{DuplicateProgress, DuplicateStep};
use super::stars::Pairs;
use crate::likeness::{OTHER_SIZE, Scale};

/// Hashes that are compared with many before the next ones are looked at: a quarter of a MiB.
const BLOCK: usize = 2048;

/// The pairs among photos that are in the order of preference; `None` if cancelled.
pub(super) fn pairs(
    reader: &IndexReader,
    all: &[Candidate],
    scale: Scale,
    progress: &dyn Progress<DuplicateProgress>,
    cancel: &AtomicBool,
) -> Option<Pairs> {
    // The places of those that have a hash.
    let places: Vec<usize> = (0..all.len()).filter(|&at| all[at].looks.hash.is_some()).collect();
    let hashes: Vec<PictureHash> = places.iter().filter_map(|&at| all[at].looks.hash).collect();
    let lengths: Vec<f32> = hashes.iter().map(PictureHash::length).collect();
    let rows: Vec<i8> = hashes.iter().flat_map(|hash| *hash.codes()).collect();
    let table = Table { hashes: &hashes, lengths: &lengths, rows: &rows };

    let same = |better: usize, worse: usize| {
        let (better, worse) = (&all[places[better]], &all[places[worse]]);
        let far = || {
            let embedding = reader.embedding(better.id)?;
            reader.similarity(&embedding, worse.id).map(|score| scale.far(score))
        };
        better.looks.same_picture(&worse.looks, far)
    };
    let blocks = hashes.len().div_ceil(BLOCK);
    // The last blocks, which are compared with most, come first.
    let next = AtomicUsize::new(blocks);
    let (done, total) = (AtomicU64::new(0), table.products(hashes.len()));
    let found = Mutex::new(Pairs::new(all.len()));
    let run = || {
        while let Ok(block) = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
            let block = block - 1;
            let (start, end) = (block * BLOCK, ((block + 1) * BLOCK).min(hashes.len()));
            let tell = |pairs: u64| {
                let done = done.fetch_add(pairs, Ordering::Relaxed) + pairs;
                // Of the photos that there are, as many as the share of the work that is done.
                let share = (done as f64 / total.max(1) as f64).min(1.0);
                let (done, total) = ((share * hashes.len() as f64) as u64, hashes.len() as u64);
                progress.event(DuplicateProgress { step: DuplicateStep::Comparing, done, total });
            };
            let Some(of_block) = table.compare(start, end, same, tell, cancel) else { return };
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            for (at, better) in (start..end).zip(of_block) {
                let better =
                    better.into_iter().map(|(better, similarity)| (places[better as usize] as u32, similarity));
                found.set(places[at], better.collect());
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(blocks);
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    (!cancel.load(Ordering::Relaxed)).then(|| found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

#[derive(Clone, Copy)]
struct Table<'a> {
    hashes: &'a [PictureHash],
    lengths: &'a [f32],
    /// The codes of all, one after the other.
    rows: &'a [i8],
}

impl Table<'_> {
    /// How many comparisons there are of so many hashes.
    fn products(self, hashes: usize) -> u64 {
        (hashes as u64).pow(2) / 2
    }

    /// For each hash from `start` to `end`, which of those before it are the same picture, by `same`, in ascending order. `None` if
    /// cancelled.
    fn compare(
        self,
        start: usize,
        end: usize,
        same: impl Fn(usize, usize) -> Option<f32>,
        tell: impl Fn(u64),
        cancel: &AtomicBool,
    ) -> Option<Vec<Vec<(u32, f32)>>> {
        /// How often progress is told.
        const EVERY: usize = 1024;
        let mut found: Vec<Vec<(u32, f32)>> = vec![Vec::new(); end - start];
        let mut dots = vec![0i32; end - start];
        let mut query = CodeQuery::from_codes(Isa::best(), &[], 1.0);
        let mut pairs = 0;
        for first in 0..end {
            if first % EVERY == 0 {
                if cancel.load(Ordering::Relaxed) {
                    return None;
                }
                tell(std::mem::take(&mut pairs));
            }
            // Only what comes after it.
            let from = start.max(first + 1);
            if from >= end {
                continue;
            }
            pairs += (end - from) as u64;
            let rows = &self.rows[from * PictureHash::LEN..end * PictureHash::LEN];
            let dots = &mut dots[..end - from];
            for turn in Turn::ALL {
                query.set_codes(self.hashes[first].turned(turn).codes(), 1.0);
                query.dots(rows, dots);
                let least = OTHER_SIZE * self.lengths[first];
                for (at, (&dot, &length)) in dots.iter().zip(&self.lengths[from..end]).enumerate() {
                    if dot as f32 >= least * length {
                        let at = from + at;
                        let of_at = &mut found[at - start];
                        // It may be so in several ways.
                        let is_known = of_at.last().is_some_and(|&(last, _)| last as usize == first);
                        if !is_known
                            && of_at.len() < Pairs::MOST
                            && let Some(similarity) = same(first, at)
                        {
                            of_at.push((first as u32, similarity));
                        }
                    }
                }
            }
        }
        tell(pairs);
        Some(found)
    }
}
