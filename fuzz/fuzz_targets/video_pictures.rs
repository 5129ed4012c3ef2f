//! Pictures that ffmpeg writes: `cargo +nightly fuzz run video_pictures`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_video::fuzzing::pictures(bytes));
