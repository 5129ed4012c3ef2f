//! A header `Range` of a request.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_server::fuzzing::range(bytes));
