//! The file that stands for a lock where there are none.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_files::fuzzing::lock_holder(bytes));
