//! The colours of a profile become those of sRGB, whatever the container.
#![cfg(feature = "default")]

use std::io::Cursor;

use clip_image::{Limits, decode_bytes, decode_bytes_for};
use containers::{with_chunk, with_segment};
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};
use moxcms::ColorProfile;

mod containers;

const STORED: [u8; 3] = [200, 100, 50];
/// The same as [`STORED`] in Display P3, by the matrices and curves of both standards.
const SHOWN: [u8; 3] = [215, 93, 31];

fn profile() -> Vec<u8> {
    ColorProfile::new_display_p3().encode().unwrap()
}

/// A plain picture, large enough to be decoded at a fraction of its size.
fn picture() -> RgbImage {
    RgbImage::from_pixel(64, 48, Rgb(STORED))
}

fn encode(encoder: impl ImageEncoder, profile: Option<Vec<u8>>) {
    let (picture, mut encoder) = (picture(), encoder);
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).unwrap();
    }
    encoder.write_image(&picture, picture.width(), picture.height(), ExtendedColorType::Rgb8).unwrap();
}

fn jpeg(profile: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 100), profile);
    bytes
}

fn png(profile: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(image::codecs::png::PngEncoder::new(&mut bytes), profile);
    bytes
}

fn webp(profile: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(image::codecs::webp::WebPEncoder::new_lossless(&mut bytes), profile);
    bytes
}

fn tiff(profile: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    encode(image::codecs::tiff::TiffEncoder::new(&mut bytes), profile);
    bytes.into_inner()
}

fn check(what: &str, bytes: &[u8], expected: [u8; 3]) {
    for hint in [None, Some(6)] {
        let photo = decode_bytes_for(bytes, &Limits::default(), hint).unwrap();
        let found = photo.image.get_pixel(3, 3).0;
        assert!(found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) <= 2), "{what}: {found:?}");
    }
}

#[test]
fn profiles_are_applied_in_every_container() {
    for (what, make) in [("JPEG", jpeg as fn(_) -> _), ("PNG", png), ("WebP", webp), ("TIFF", tiff)] {
        check(what, &make(None), STORED);
        check(what, &make(Some(profile())), SHOWN);
        check(what, &make(Some(b"nothing that is a profile".to_vec())), STORED);
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        let image = |bytes: &[u8]| decode_bytes(bytes, &Limits::default()).unwrap().image;
        assert!(image(&make(Some(srgb))) == image(&make(None)), "{what} in sRGB");
    }
}

#[test]
fn a_profile_in_several_segments() {
    let profile = profile();
    let (first, second) = profile.split_at(200);
    let part = |number: u8, part: &[u8]| [b"ICC_PROFILE\0", &[number, 2][..], part].concat();
    // In either order.
    let whole = with_segment(&with_segment(&jpeg(None), 0xe2, &part(1, first)), 0xe2, &part(2, second));
    check("second first", &whole, SHOWN);
    let whole = with_segment(&with_segment(&jpeg(None), 0xe2, &part(2, second)), 0xe2, &part(1, first));
    check("first first", &whole, SHOWN);
    check("first alone", &with_segment(&jpeg(None), 0xe2, &part(1, first)), STORED);
}

#[test]
fn colours_by_chunks_of_png() {
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>();
    let (gamma, p3) = (numbers(&[45455]), numbers(&[31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000]));
    let plain = png(None);
    check("cICP", &with_chunk(&plain, b"cICP", &[12, 13, 0, 1]), SHOWN);
    check("gAMA and cHRM", &with_chunk(&with_chunk(&plain, b"cHRM", &p3), b"gAMA", &gamma), SHOWN);
    check("cHRM alone", &with_chunk(&plain, b"cHRM", &p3), STORED);
    // Half of the light is 188.
    check("gAMA", &with_chunk(&plain, b"gAMA", &numbers(&[100_000])), [229, 168, 122]);
    let srgb = with_chunk(&with_chunk(&plain, b"gAMA", &numbers(&[100_000])), b"sRGB", &[0]);
    check("sRGB", &srgb, STORED);
    // A profile comes before, and what names the colours by numbers before that.
    let profiled = png(Some(profile()));
    check("iCCP and gAMA", &with_chunk(&profiled, b"gAMA", &numbers(&[100_000])), SHOWN);
    check("cICP and iCCP", &with_chunk(&profiled, b"cICP", &[1, 13, 0, 1]), STORED);
}

#[test]
fn cameras_tell_of_adobe_rgb() {
    // The main table, that of EXIF fields, and that of the rules for its files, each with one field.
    let entry = |tag: u16, kind: u16, count: u32, value: &[u8; 4]| {
        [&[0, 1], &tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), value, &[0; 4]].concat()
    };
    let block = [
        b"Exif\0\0MM\0\x2a\0\0\0\x08".to_vec(),
        entry(0x8769, 4, 1, &26_u32.to_be_bytes()),
        entry(0xa005, 4, 1, &44_u32.to_be_bytes()),
        entry(1, 2, 4, b"R03\0"),
    ];
    check("R03", &with_segment(&jpeg(None), 0xe1, &block.concat()), [227, 100, 42]);
}
