//! A Parquet file to be imported into an index.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_index::fuzzing::parquet(bytes));
