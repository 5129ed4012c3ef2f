//! Parts of files: EXIF data and colour profiles, put into files that have none.

#![allow(dead_code, reason = "each test binary takes what it needs")]

use image::RgbImage;

/// The JPEG with a segment behind its first two bytes.
pub fn with_segment(jpeg: &[u8], marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, payload, &jpeg[2..]].concat()
}

/// The JPEG with an EXIF block.
pub fn with_exif(jpeg: &[u8], block: &[u8]) -> Vec<u8> {
    with_segment(jpeg, 0xe1, &[b"Exif\0\0", block].concat())
}

/// The PNG with a chunk behind its header.
pub fn with_chunk(png: &[u8], kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let content = [kind, payload].concat();
    let (length, checksum) = ((payload.len() as u32).to_be_bytes(), crc32fast::hash(&content).to_be_bytes());
    [&png[..33], &length, &content, &checksum, &png[33..]].concat()
}

/// The WebP of a still picture with EXIF data behind it.
pub fn webp_with_exif(webp: &[u8], block: &[u8]) -> Vec<u8> {
    let exif = [b"EXIF", &(block.len() as u32).to_le_bytes()[..], block].concat();
    let body = [&webp[8..], &exif].concat();
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

/// EXIF data with an orientation and a camera.
pub fn exif_block(orientation: u8) -> Vec<u8> {
    let mut block = b"II\x2a\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x04\0\0\0abc\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    block
}

/// EXIF data that a program wrote into the text of a PNG: a name, the number of bytes, and their digits.
pub fn raw_profile(name: &str, content: &[u8]) -> Vec<u8> {
    let digits: String = content.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<_> = digits.as_bytes().chunks(72).map(|line| String::from_utf8_lossy(line)).collect();
    format!("\n{name}\n{:8}\n{}\n", content.len(), lines.join("\n")).into_bytes()
}

/// The picture as a camera stores it that was held so that it has this orientation.
pub fn stored(upright: &RgbImage, orientation: u16) -> RgbImage {
    let (width, height) = upright.dimensions();
    let (stored_width, stored_height) = if orientation < 5 { (width, height) } else { (height, width) };
    let mut stored = RgbImage::new(stored_width, stored_height);
    for (x, y, pixel) in upright.enumerate_pixels() {
        let (x, y) = stored_position(orientation, x, y, width, height);
        stored.put_pixel(x, y, *pixel);
    }
    stored
}

/// The eight orientations, as (x, y) of the stored picture for a point of the upright one, from
/// the table of the EXIF standard (which side of the scene row 0 and column 0 are).
fn stored_position(orientation: u16, x: u32, y: u32, width: u32, height: u32) -> (u32, u32) {
    let (right, bottom) = (width - 1, height - 1);
    match orientation {
        1 => (x, y),
        2 => (right - x, y),
        3 => (right - x, bottom - y),
        4 => (x, bottom - y),
        5 => (y, x),
        6 => (y, right - x),
        7 => (bottom - y, right - x),
        8 => (bottom - y, x),
        _ => unreachable!(),
    }
}
