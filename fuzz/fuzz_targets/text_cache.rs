//! The file of the text cache.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_query::fuzzing::text_cache(bytes));
