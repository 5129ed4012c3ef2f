//! A whole file of any format, with its metadata: `cargo +nightly fuzz run decode ../crates/clip-image/tests/fixtures`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_image::fuzzing::decode(bytes));
