//! A `.clipignore`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_indexer::fuzzing::ignore_file(bytes));
