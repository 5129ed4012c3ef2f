//! The boxes of HEIF files: kind, metadata, completeness.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_image::fuzzing::heif(bytes));
