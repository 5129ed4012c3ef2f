//! The decoding threads share their memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clip_image::{ImageError, Limits};
use clip_indexer::{IndexOptions, SkipReason};
use image::{Rgb, RgbImage};
use support::Library;

mod support;

/// The system's allocator, which counts.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all calls go to the system's allocator as they are. Reallocation is left to the default, which calls these.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps this function's contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time: the counts are the process's.
static ALONE: Mutex<()> = Mutex::new(());

const MB: usize = 1_000_000;

/// Photos of 2000 x 2000 pixels, 12 MB each, all different, and eight threads.
fn library(photos: u8) -> Library {
    let mut library = Library::new();
    for number in 0..photos {
        RgbImage::from_pixel(2000, 2000, Rgb([10 * number, 50, 90])).save(library.at(format!("{number}.png"))).unwrap();
    }
    library.photo("small.png", [1, 2, 3]);
    library.options = IndexOptions {
        threads: NonZeroUsize::new(8),
        limits: Limits { max_memory: 16 * MB as u64, ..Limits::default() },
        ..IndexOptions::default()
    };
    library
}

/// Indexes, and returns the most bytes that were in use beside what was before.
fn peak(library: &Library) -> usize {
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let report = library.run();
    assert_eq!(report.skipped.len(), 0, "{:?}", report.skipped);
    PEAK.load(Ordering::Relaxed) - before
}

#[test]
fn threads_stay_within_their_budget() {
    let _alone = ALONE.lock().unwrap();
    let mut library = library(16);
    library.options.memory = 30 * MB as u64;
    let peak = peak(&library);
    assert_eq!(library.records().len(), 17);
    // Two photos at a time, and what writing an index takes. Eight would take 96 MB.
    assert!(peak < 60 * MB, "{peak} bytes");
}

#[test]
fn a_budget_that_is_too_small_for_any_photo_lets_one_at_a_time_in() {
    let _alone = ALONE.lock().unwrap();
    let mut library = library(6);
    library.options.memory = 1;
    let peak = peak(&library);
    assert_eq!(library.records().len(), 7);
    assert!(peak < 48 * MB, "{peak} bytes");
}

#[test]
fn what_takes_more_than_the_limits_allow_is_skipped_and_the_rest_goes_on() {
    let _alone = ALONE.lock().unwrap();
    let mut library = library(2);
    library.options.limits.max_memory = 2 * MB as u64;
    let report = library.run();
    assert_eq!((report.indexed, report.skipped.len()), (1, 2));
    for skipped in &report.skipped {
        assert!(matches!(skipped.reason, SkipReason::Image(ImageError::TooMuchMemory { .. })), "{}", skipped.reason);
    }
}
