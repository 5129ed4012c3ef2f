//! HEIC and AVIF. Where the system has no libheif that decodes them, the tests only look at how that is said.
#![cfg(feature = "default")]

use std::io::Write as _;
use std::path::Path;

use clip_image::{Format, ImageError, Limits, Photo, Remedy, decode_bytes, decode_bytes_for};
use image::RgbImage;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn heif(name: &str) -> Vec<u8> {
    fixture(&format!("heif/{name}"))
}

/// `None` where there is nothing to decode with, which is said to the user with what to do.
fn decoded(name: &str, result: Result<Photo, ImageError>) -> Option<Photo> {
    match result {
        Err(error @ ImageError::NeedsLibrary { format, .. }) => {
            assert_eq!(error.remedy(), Some(Remedy::InstallLibheif { format }));
            // Shown even though the test passes.
            let _ = writeln!(std::io::stderr(), "{name} is not tested: {error}");
            None
        }
        result => Some(result.unwrap_or_else(|error| panic!("{name}: {error}"))),
    }
}

fn decode(name: &str, hint: Option<u32>) -> Option<Photo> {
    decoded(name, decode_bytes_for(&heif(name), &Limits::default(), hint))
}

fn original() -> RgbImage {
    decode_bytes(&fixture("photo.png"), &Limits::default()).unwrap().image
}

/// How far samples are from those expected, on average.
fn difference(found: &RgbImage, expected: impl Fn(u32, u32) -> [u8; 3]) -> f64 {
    let each = found.enumerate_pixels().flat_map(|(x, y, pixel)| {
        let expected = expected(x, y);
        (0..3).map(move |i| f64::from(pixel.0[i].abs_diff(expected[i])))
    });
    each.sum::<f64>() / f64::from(found.width() * found.height() * 3)
}

#[test]
fn the_photo_upright_once() {
    let original = original();
    for name in ["plain.heic", "plain.avif", "turned.heic", "turned.avif", "ten-bit.heic", "brand.avif"] {
        let Some(photo) = decode(name, None) else { continue };
        assert_eq!(photo.image.dimensions(), (96, 64), "{name}");
        assert_eq!((photo.metadata.width, photo.metadata.height), (96, 64), "{name}");
        let difference = difference(&photo.image, |x, y| original.get_pixel(x, y).0);
        assert!(difference < 6.0, "{name}: {difference}");
    }
}

#[test]
fn colours_become_those_of_srgb() {
    for name in ["p3.heic", "p3.avif"] {
        let Some(photo) = decode(name, None) else { continue };
        // (200, 100, 50) of Display P3.
        let difference = difference(&photo.image, |_, _| [215, 93, 31]);
        assert!(difference < 3.0, "{name}: {difference}");
    }
}

#[test]
fn grey_becomes_rgb() {
    let original = original();
    for name in ["grey.heic", "grey.avif"] {
        let Some(photo) = decode(name, None) else { continue };
        let difference = difference(&photo.image, |x, y| {
            let [r, g, b] = original.get_pixel(x, y).0.map(f64::from);
            [(0.299 * r + 0.587 * g + 0.114 * b).round() as u8; 3]
        });
        assert!(difference < 6.0, "{name}: {difference}");
        assert!(photo.image.pixels().all(|pixel| pixel.0[0].abs_diff(pixel.0[1]) < 3));
    }
}

#[test]
fn transparency_is_laid_over_white() {
    let original = original();
    for name in ["alpha.heic", "alpha.avif"] {
        let Some(photo) = decode(name, None) else { continue };
        // Not at the edge, which compression moves.
        assert!(
            photo.image.enumerate_pixels().all(|(x, _, pixel)| x > 40 || pixel.0.iter().all(|sample| *sample > 245))
        );
        let difference = difference(&photo.image, |x, y| if x < 48 { [255; 3] } else { original.get_pixel(x, y).0 });
        assert!(difference < 6.0, "{name}: {difference}");
    }
    // Half transparent, and the colours half as bright already.
    let Some(photo) = decode("premultiplied.heic", None) else { return };
    let difference =
        difference(&photo.image, |x, y| original.get_pixel(x, y).0.map(|sample| (sample / 2).saturating_add(127)));
    assert!(difference < 6.0, "{difference}");
}

#[test]
fn the_compression_decides_what_it_is_called() {
    for (name, format) in [("plain.heic", Format::Heif), ("plain.avif", Format::Avif), ("brand.avif", Format::Avif)] {
        let result = decode_bytes(&heif(name), &Limits { max_pixels: 7, ..Limits::default() });
        match result {
            Err(ImageError::TooLarge { width: 96, height: 64, .. }) => {
                assert_eq!(decode(name, None).unwrap().metadata.format, format);
            }
            Err(ImageError::NeedsLibrary { format: found, .. }) => assert_eq!(found, format),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn metadata_are_read() {
    for name in ["plain.heic", "plain.avif"] {
        let Some(photo) = decode(name, None) else { continue };
        assert_eq!(photo.metadata.camera.as_deref(), Some("Apple iPhone 13"), "{name}");
        assert_eq!(photo.metadata.rating, Some(4), "{name}");
    }
}

#[test]
fn a_thumbnail_that_is_enough() {
    // Twice the hint is asked for.
    for (hint, size) in [(None, (384, 256)), (Some(64), (192, 128)), (Some(65), (384, 256))] {
        let Some(photo) = decode("thumbnail.heic", hint) else { continue };
        assert_eq!(photo.image.dimensions(), size, "{hint:?}");
        assert_eq!((photo.metadata.width, photo.metadata.height), (384, 256));
    }
}

#[test]
fn a_shortened_file_is_called_truncated() {
    for name in ["plain.heic", "plain.avif", "thumbnail.heic"] {
        let whole = heif(name);
        for tenth in 1..=9 {
            let short = &whole[..whole.len() * tenth / 10];
            match decode_bytes(short, &Limits::default()) {
                Err(ImageError::Truncated { .. } | ImageError::NeedsLibrary { .. }) => {}
                other => panic!("{name} cut to {tenth}/10: {:?}", other.map(|photo| photo.metadata)),
            }
        }
        let more = [&whole[..], b"\xff\xd8\xff\xe0 and then some"].concat();
        let (Some(plain), Some(more)) = (decode(name, None), decoded(name, decode_bytes(&more, &Limits::default())))
        else {
            continue;
        };
        assert!(plain.image == more.image, "{name}");
    }
}

#[test]
fn memory_is_asked_for_and_limited() {
    for name in ["plain.heic", "plain.avif"] {
        let bytes = heif(name);
        let asked = std::cell::Cell::new(0);
        let limits = Limits::default();
        let result = clip_image::decode_bytes_reserving(&bytes, &limits, None, &|bytes| asked.set(bytes));
        if decoded(name, result).is_none() {
            continue;
        }
        assert!(asked.get() > 96 * 64 * 6, "{}", asked.get());
        let limits = Limits { max_memory: asked.get() - 1, ..limits };
        assert!(matches!(decode_bytes(&bytes, &limits), Err(ImageError::TooMuchMemory { .. })));
    }
}

/// Threads have files of their own.
#[test]
fn several_at_a_time() {
    let expected = decode("plain.heic", None).map(|photo| photo.image);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert!(decode("plain.heic", None).map(|photo| photo.image) == expected);
                }
            });
        }
    });
}
