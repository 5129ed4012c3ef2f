//! The beginning of a file that is sent to a browser.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_server::fuzzing::media_type(bytes));
