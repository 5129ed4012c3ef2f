//! Any bytes as the index of a sharded checkpoint.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_hub::fuzzing::shard_index(bytes));
