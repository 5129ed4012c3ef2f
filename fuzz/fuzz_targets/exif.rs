//! A block of EXIF data, alone and in a good JPEG.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|block: &[u8]| clip_image::fuzzing::exif(block));
