//! Any bytes as the name of a model, repository, file or revision.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_hub::fuzzing::names(bytes));
