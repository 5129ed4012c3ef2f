//! The files of a search graph.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clip_index::fuzzing::graph(bytes));
