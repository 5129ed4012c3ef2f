//! Configurations of all layouts, and the files beside them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_model::fuzzing::config(bytes));
