//! Any bytes as a data set to train on.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_train::fuzzing::data_set(bytes));
