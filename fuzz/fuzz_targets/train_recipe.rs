//! Any bytes as a training recipe.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_train::fuzzing::recipe(bytes));
