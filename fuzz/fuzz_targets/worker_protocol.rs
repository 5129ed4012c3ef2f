//! Requests to a process that decodes, and its answers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_image::fuzzing::worker_protocol(bytes));
