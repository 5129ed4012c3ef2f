//! A set of ids of an index.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_index::fuzzing::id_set(bytes));
