//! What a video beside a photo says of itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_image::fuzzing::movie(bytes));
