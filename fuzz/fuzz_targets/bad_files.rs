//! A list of files that could not be indexed.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_index::fuzzing::bad_files(bytes));
