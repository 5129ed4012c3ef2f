//! A query as it is typed.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| clip_query::fuzzing::query(text));
