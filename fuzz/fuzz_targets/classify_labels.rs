//! Any bytes as a file of labels or prompt templates.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| clip_classify::fuzzing::labels_and_templates(bytes));
