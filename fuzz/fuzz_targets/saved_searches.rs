//! A file of saved searches.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_search::fuzzing::saved_searches(bytes));
