//! An XMP packet, and a block of Photoshop's resources with IPTC data.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|block: &[u8]| clip_image::fuzzing::annotations(block));
