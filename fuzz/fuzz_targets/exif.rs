//! Any bytes as the EXIF block of a good JPEG: the photo has to survive.
#![no_main]

use clip_image::{Limits, decode_bytes};
use libfuzzer_sys::fuzz_target;

const PHOTO: &[u8] = include_bytes!("../../crates/clip-image/tests/fixtures/420.jpg");

fuzz_target!(|block: &[u8]| {
    let Ok(length) = u16::try_from(block.len() + 8) else { return };
    let length = length.to_be_bytes();
    let bytes = [&PHOTO[..2], b"\xff\xe1", &length, b"Exif\0\0", block, &PHOTO[2..]].concat();
    let photo = decode_bytes(&bytes, &Limits::default()).expect("the pixels are good");
    let (width, height) = (photo.metadata.width, photo.metadata.height);
    assert!((width, height) == (96, 64) || (width, height) == (64, 96));
    if let Some(gps) = photo.metadata.gps {
        assert!(gps.latitude.abs() <= 90.0 && gps.longitude.abs() <= 180.0);
    }
});
