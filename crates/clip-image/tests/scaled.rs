//! A hint gives smaller pictures of large JPEGs, the same ones but for their size.
#![cfg(feature = "default")]

use std::f64::consts::PI;
use std::path::Path;

use clip_image::{Format, ImageError, Limits, Photo, decode_bytes, decode_bytes_for};
use image::RgbImage;

fn fixture(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(dir.join(name)).unwrap()
}

fn hinted(bytes: &[u8], shorter_side: u32) -> Photo {
    decode_bytes_for(bytes, &Limits::default(), Some(shorter_side)).unwrap()
}

fn full(bytes: &[u8]) -> RgbImage {
    decode_bytes(bytes, &Limits::default()).unwrap().image
}

/// The low frequencies of each 8 x 8 block, at `samples` a side: the cosine transform and its
/// inverse straight from their definitions, from pixels.
fn low_frequencies(image: &RgbImage, samples: u32) -> RgbImage {
    let wave = |k: u32, x: u32, n: u32| {
        let norm = if k == 0 { 1.0 } else { 2.0 };
        (norm / f64::from(n)).sqrt() * (f64::from((2 * x + 1) * k) * PI / f64::from(2 * n)).cos()
    };
    let scale = f64::from(samples) / 8.0;
    let small = (image.width() / 8 * samples, image.height() / 8 * samples);
    RgbImage::from_fn(small.0, small.1, |x, y| {
        let (left, top) = (x / samples * 8, y / samples * 8);
        let mut sums = [0.0; 3];
        for (v, u) in (0..samples).flat_map(|v| (0..samples).map(move |u| (v, u))) {
            let height = wave(u, x % samples, samples) * wave(v, y % samples, samples) * scale;
            for (j, i) in (0..8).flat_map(|j| (0..8).map(move |i| (j, i))) {
                let pixel = image.get_pixel(left + i, top + j);
                for (sum, sample) in sums.iter_mut().zip(pixel.0) {
                    *sum += height * wave(u, i, 8) * wave(v, j, 8) * f64::from(sample);
                }
            }
        }
        image::Rgb(sums.map(|sum| sum.round() as u8))
    })
}

/// Mean and largest absolute difference over all samples.
fn difference(a: &RgbImage, b: &RgbImage) -> (f64, u8) {
    assert_eq!(a.dimensions(), b.dimensions());
    let each = a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b));
    let mean = each.clone().map(f64::from).sum::<f64>() / a.len() as f64;
    (mean, each.max().unwrap())
}

#[test]
fn smaller_pictures_are_the_low_frequencies_of_the_full_one() {
    // The first two are stored with chroma as fine as luma, so all that differs is rounding and
    // clipping. In the others the full decoder interpolates chroma.
    let cases = [
        ("grey.jpg", 0.3, 2),
        ("444.jpg", 0.4, 6),
        ("422.jpg", 0.9, 12),
        ("420.jpg", 1.5, 20),
        ("restarts.jpg", 1.5, 20),
        ("progressive.jpg", 1.5, 20),
    ];
    for (name, most_mean, most) in cases {
        let bytes = fixture(name);
        // Of 96 x 64, at least twice the hint on the shorter side.
        for (hint, samples) in [(4, 1), (5, 2), (8, 2), (9, 4), (16, 4)] {
            let photo = hinted(&bytes, hint);
            assert_eq!((photo.metadata.width, photo.metadata.height), (96, 64));
            let (mean, largest) = difference(&photo.image, &low_frequencies(&full(&bytes), samples));
            assert!(mean <= most_mean && largest <= most, "{name} at {samples}/8 is {mean:.2} off, at most {largest}");
        }
        assert!(hinted(&bytes, 17).image == full(&bytes), "{name}: too small for a fraction");
    }
}

#[test]
fn what_cannot_be_scaled_comes_at_full_size() {
    for name in ["cmyk.jpg", "ycck.jpg", "photo.png", "lossless.webp"] {
        let bytes = fixture(name);
        assert!(hinted(&bytes, 4).image == full(&bytes), "{name}");
    }
}

#[test]
fn sizes_are_rounded_up_and_turned() {
    let stored = image::imageops::crop_imm(&full(&fixture("photo.png")), 0, 0, 61, 35).to_image();
    let mut jpeg = std::io::Cursor::new(Vec::new());
    stored.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    for (hint, width, height) in [(2, 8, 5), (4, 16, 9), (8, 31, 18), (9, 61, 35)] {
        assert_eq!(hinted(&jpeg, hint).image.dimensions(), (width, height), "hint {hint}");
    }
    // Orientation 6: the right side is up.
    let exif = b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = hinted(&[&jpeg[..2], exif, &jpeg[2..]].concat(), 8);
    assert_eq!((turned.metadata.width, turned.metadata.height), (35, 61));
    let upright = image::imageops::rotate90(&hinted(&jpeg, 8).image);
    assert!(turned.image == upright);
}

#[test]
fn limits_are_those_of_the_stored_size() {
    let limits = Limits { max_pixels: 96 * 64 - 1, ..Limits::default() };
    let error = decode_bytes_for(&fixture("420.jpg"), &limits, Some(4)).unwrap_err();
    assert!(matches!(error, ImageError::TooLarge { width: 96, height: 64, .. }));
}

#[test]
fn damage_is_judged_as_without_a_hint() {
    for name in ["420.jpg", "422.jpg", "444.jpg", "restarts.jpg", "grey.jpg", "progressive.jpg"] {
        let whole = fixture(name);
        for tenth in 1..10 {
            let short = &whole[..whole.len() * tenth / 10];
            let result = decode_bytes_for(short, &Limits::default(), Some(4));
            assert!(matches!(result, Err(ImageError::Truncated { format: Format::Jpeg })), "{name} cut to {tenth}/10");
        }
        let unmarked = &whole[..whole.len() - 2];
        let same = |bytes: &[u8], what: &str| {
            let (hinted, full) = (hinted(bytes, 4).image, full(bytes));
            // What may be cut off is looked at as a whole.
            let expected = if hinted.dimensions() == full.dimensions() { full } else { low_frequencies(&full, 1) };
            let (mean, _) = difference(&hinted, &expected);
            assert!(mean <= 1.5, "{name} {what} is {mean:.2} off");
        };
        same(unmarked, "without its end marker");
        // An end marker too early.
        let mut cut = whole[..whole.len() - 200].to_vec();
        cut.extend([0xff, 0xd9]);
        same(&cut, "with an early end marker");
    }
}
