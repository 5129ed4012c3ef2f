//! No file takes more memory than the limits say, whatever it unpacks to.
#![cfg(feature = "default")]
#![allow(clippy::print_stdout, reason = "figures, for who asks for them")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use clip_image::{ImageError, Limits, decode_bytes_reserving};
use hostile_files::{FILES, Scale};

mod hostile_files;

/// The system's allocator, which counts.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grown(bytes: usize) {
    let now = IN_USE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(now, Ordering::Relaxed);
}

// SAFETY: all calls go to the system's allocator as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller keeps this function's contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Where it has to move, both are in use for a moment. Large ones do not: the system remaps their pages.
        if size > layout.size() {
            grown(size - layout.size());
        } else {
            IN_USE.fetch_sub(layout.size() - size, Ordering::Relaxed);
        }
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time: the counts are the process's.
static ALONE: Mutex<()> = Mutex::new(());

/// As many pixels as the small files have at most, and what the default limits allow for as many.
const LIMITS: Limits = Limits { max_pixels: 2_500_000, max_file_bytes: 1 << 30, max_memory: 9_900_000 };

/// What is not asked for: headers and the fields of EXIF data.
const UNASKED: usize = 256 << 10;

struct Outcome {
    result: Result<(u32, u32), ImageError>,
    /// Most bytes beside the file.
    peak: usize,
    /// Most bytes asked for.
    asked: u64,
}

fn decode(bytes: &[u8], limits: &Limits, hint: Option<u32>) -> Outcome {
    let asked = std::cell::Cell::new(0);
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = decode_bytes_reserving(bytes, limits, hint, &|bytes| asked.set(asked.get().max(bytes)));
    let peak = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    let result = result.map(|photo| (photo.metadata.width, photo.metadata.height));
    Outcome { result, peak, asked: asked.get() }
}

#[test]
fn hostile_files_stay_within_what_was_asked_for() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wrong = Vec::new();
    for file in FILES {
        let bytes = (file.make)(&Scale::SMALL);
        for hint in [None, Some(100)] {
            let Outcome { result, peak, asked } = decode(&bytes, &LIMITS, hint);
            let result = result.map_or_else(|error| error.to_string(), |size| format!("{size:?}"));
            println!("{:28} {hint:?} {peak:10} of {asked:10} {result}", file.name);
            if asked > LIMITS.max_memory || peak > asked as usize + UNASKED {
                wrong.push(format!("{} {hint:?}: {peak} bytes, asked for {asked} ({result})", file.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn good_files_stay_within_what_was_asked_for() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if clip_image::looks_like_photo(&path) {
            let Outcome { result, peak, asked } = decode(&std::fs::read(&path).unwrap(), &Limits::default(), None);
            println!("{:28} {peak:10} of {asked:10}", path.display());
            assert!(result.is_ok() && peak <= asked as usize + UNASKED, "{}: {peak}, {asked}", path.display());
        }
    }
}

#[test]
fn what_is_allowed_is_decoded() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let side = Scale::SMALL.side;
    let all = |size| (size, size);
    // As many pixels as are allowed, and metadata of any size.
    for (name, size) in [
        ("pixels-16-bit.png", all(side)),
        ("pixels-8-bit.png", all(side)),
        ("pixels-interlaced.png", all(side)),
        ("pixels-one-column.png", (1, side * side)),
        ("strips-16-bit.tiff", all(side)),
        ("planes-16-bit.tiff", all(side)),
        ("strip-16-bit.tiff", all(side)),
        ("samples.tiff", all(16)),
        ("window.tiff", all(800)),
        ("fax.tiff", (200_000, 4)),
        ("floats.tiff", (side / 2, side)),
        ("sequential.jpg", all(side)),
        ("profile.png", all(16)),
        ("text-packed.png", all(16)),
        ("text-xmp.png", all(16)),
        ("text-many.png", all(16)),
        ("exif-text.png", all(16)),
        ("exif-text.webp", all(16)),
        ("profile.webp", all(16)),
        ("profile.tiff", all(16)),
        ("pages.tiff", all(16)),
        ("frames.png", all(side / 4)),
        ("frames.gif", all(side / 2)),
        ("frames.webp", all(side / 3)),
        ("segments.jpg", all(64)),
        ("profile.jpg", all(64)),
        ("tables.jpg", all(64)),
    ] {
        let bytes = hostile_files::make(name, &Scale::SMALL);
        match decode(&bytes, &LIMITS, None).result {
            Ok(found) => assert_eq!(found, size, "{name}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

/// A progressive file whose coefficients are too many.
#[test]
fn what_is_too_large_as_a_whole_may_come_smaller() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let side = Scale::SMALL.side;
    let bytes = hostile_files::make("progressive.jpg", &Scale::SMALL);
    // An eighth is not twice as large, and a quarter fits.
    let photo = clip_image::decode_bytes_for(&bytes, &LIMITS, Some(100)).unwrap();
    assert_eq!((photo.metadata.width, photo.metadata.height), (side, side));
    assert_eq!(photo.image.dimensions(), (side.div_ceil(4), side.div_ceil(4)));
    assert!(photo.image.pixels().all(|pixel| pixel.0 == [128; 3]));
    // The half that should be decoded does not fit.
    let photo = clip_image::decode_bytes_for(&bytes, &LIMITS, Some(side / 4)).unwrap();
    assert_eq!(photo.image.dimensions(), (side.div_ceil(4), side.div_ceil(4)));
    // Not smaller than what the caller makes of it.
    let error = clip_image::decode_bytes_for(&bytes, &LIMITS, Some(side / 4 + 2)).unwrap_err();
    assert!(matches!(error, ImageError::TooMuchMemory { .. }), "{error}");
}

#[test]
fn what_takes_too_much_is_refused_by_name() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for name in ["pixels-turned.png", "codes.webp", "claims.pam", "progressive.jpg"] {
        let bytes = hostile_files::make(name, &Scale::SMALL);
        let Outcome { result, peak, .. } = decode(&bytes, &LIMITS, None);
        let error = result.expect_err(name);
        assert!(matches!(error, ImageError::TooMuchMemory { .. }), "{name}: {error}");
        let message = error.to_string();
        assert!(message.contains("takes too much memory: ") && message.ends_with("the limit is 9900000"), "{message}");
        assert!(peak < 1 << 20, "{name} took {peak} bytes before it was refused");
    }
}
