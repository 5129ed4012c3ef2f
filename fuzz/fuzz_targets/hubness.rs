//! A file of hubness of an index.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_index::fuzzing::hubness(bytes));
