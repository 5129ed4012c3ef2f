//! Any bytes as a repository's listing.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_hub::fuzzing::listing(bytes));
