//! A JPEG to our own decoders: `cargo +nightly fuzz run scaled_jpeg ../crates/clip-image/tests/fixtures`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_image::fuzzing::scaled_jpeg(bytes));
