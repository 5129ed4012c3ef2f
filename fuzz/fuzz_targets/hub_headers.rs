//! Any bytes as the headers of an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_hub::fuzzing::response_headers(bytes));
