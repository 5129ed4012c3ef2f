//! Any bytes as a list of hosts without a proxy, and a host.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_hub::fuzzing::no_proxy(bytes));
