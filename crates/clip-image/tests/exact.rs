//! JPEG pixels against libjpeg-turbo's. `tests/golden/jpeg_pixels.py` made the fixtures of common kinds, `jpeg_grid.py` the
//! others: progressive scripts, arithmetic coding, scans for each component, odd sampling, restarts, RGB and CMYK.
#![cfg(feature = "default")]
#![allow(clippy::print_stdout, reason = "figures of a test that is run by hand")]

use std::path::Path;

use clip_image::{Limits, decode_bytes};

/// Compares all files that a folder's `pixels.txt` names: how many there are, and which differ.
fn compare(folder: &Path) -> (usize, Vec<String>) {
    let list = std::fs::read_to_string(folder.join("pixels.txt")).unwrap();
    let mut different = Vec::new();
    for line in list.lines() {
        let [crc, width, height, name] = line.splitn(4, ' ').collect::<Vec<_>>().try_into().unwrap();
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let photo = decode_bytes(&bytes, &Limits::default()).unwrap();
        // Photos in the list may be turned; Pillow's pixels are as stored.
        let size = (width.parse().unwrap(), height.parse().unwrap());
        if photo.image.dimensions() != size || format!("{:08x}", crc32fast::hash(&photo.image)) != crc {
            different.push(name.to_owned());
        }
    }
    (list.lines().count(), different)
}

#[test]
fn every_pixel_is_libjpegs() {
    let (count, different) = compare(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exact"));
    assert_eq!(count, 80);
    assert!(different.is_empty(), "{different:?}");
}

/// `CLIP_IMAGE_PIXELS_GOLDEN=DIR cargo test -- --ignored --nocapture`, where `jpeg_pixels.py DIR PHOTOS` or
/// `jpeg_grid.py DIR` made DIR.
#[test]
#[ignore = "needs a folder of photos and their checksums"]
fn every_pixel_of_many_photos_is_libjpegs() {
    let folder = std::env::var_os("CLIP_IMAGE_PIXELS_GOLDEN").expect("CLIP_IMAGE_PIXELS_GOLDEN names a folder");
    let (count, different) = compare(Path::new(&folder));
    println!("{} of {count} photos differ: {different:?}", different.len());
    assert!(different.is_empty() && count > 100);
}
