//! A colour profile, for a picture of two pixels: `cargo +nightly fuzz run colour_profile`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_image::fuzzing::colour_profile(bytes));
