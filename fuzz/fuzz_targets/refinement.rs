//! A file of what captions say of relevance.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_search::fuzzing::refinement(bytes));
