//! A pattern of paths.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| clip_indexer::fuzzing::pattern(text));
