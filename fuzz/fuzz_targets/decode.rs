//! Any bytes to the decoders: `cargo +nightly fuzz run decode ../crates/clip-image/tests/fixtures`.
#![no_main]

use clip_image::{Limits, decode_bytes_for};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Option<u8>, &[u8])| {
    let (hint, bytes) = input;
    let limits = Limits { max_pixels: 1 << 20, ..Limits::default() };
    if let Ok(photo) = decode_bytes_for(bytes, &limits, hint.map(u32::from)) {
        assert!(u64::from(photo.image.width()) * u64::from(photo.image.height()) <= limits.max_pixels);
    }
});
