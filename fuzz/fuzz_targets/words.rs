//! The `meta.json` of a word index.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_index::fuzzing::words(bytes));
