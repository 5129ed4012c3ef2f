//! A record of an asset.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_index::fuzzing::record(bytes));
