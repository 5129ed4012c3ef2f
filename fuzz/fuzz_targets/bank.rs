//! The texts that hubness is measured with, embedded.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_index::fuzzing::bank(bytes));
