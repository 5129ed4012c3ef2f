//! What ffmpeg says of a video and its frames: `cargo +nightly fuzz run video_words`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_video::fuzzing::words(bytes));
