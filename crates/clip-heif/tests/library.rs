//! The library of this system, where there is one that decodes HEIC.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write as _;
use std::path::Path;

use clip_heif::{Compression, Fault, Library, Limits, Version};

const LIMITS: Limits = Limits { max_pixels: 1 << 20, max_memory: 64 << 20 };

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip-image/tests/fixtures/heif").join(name)).unwrap()
}

fn library() -> Option<&'static Library> {
    let library = Library::load().ok().filter(|library| library.decodes(Compression::Hevc));
    if library.is_none() {
        // Shown even though the test passes.
        let _ = writeln!(std::io::stderr(), "no libheif that decodes HEIC: not tested");
    }
    library
}

#[test]
fn what_is_known_before_the_pixels() {
    let Some(library) = library() else { return };
    assert!(library.version() >= Version([1, 12, 0]));
    let bytes = fixture("profile.heic");
    let file = library.open(&bytes, &LIMITS).unwrap();
    let picture = file.primary().unwrap();
    assert_eq!((picture.size(), picture.bits(), picture.has_alpha()), ((96, 64), 8, false));
    let profile = picture.icc_profile().unwrap();
    assert_eq!(&profile[36..40], b"acsp");
    assert!(picture.thumbnails().is_empty());
    let bytes = fixture("ten-bit.heic");
    let file = library.open(&bytes, &LIMITS).unwrap();
    let picture = file.primary().unwrap();
    assert_eq!((picture.bits(), picture.icc_profile()), (10, None));
}

#[test]
fn rows_of_eight_bits() {
    let Some(library) = library() else { return };
    for (name, length) in
        [("plain.heic", 3 * 96), ("ten-bit.heic", 3 * 96), ("grey.heic", 3 * 96), ("alpha.heic", 4 * 96)]
    {
        let bytes = fixture(name);
        let file = library.open(&bytes, &LIMITS).unwrap();
        let pixels = file.primary().unwrap().decode().unwrap();
        assert_eq!((pixels.size(), pixels.has_alpha()), ((96, 64), length == 4 * 96), "{name}");
        assert!(!pixels.is_premultiplied());
        let rows: Vec<_> = pixels.rows().collect();
        assert!(rows.len() == 64 && rows.iter().all(|row| row.len() == length), "{name}");
    }
}

#[test]
fn what_is_no_picture_is_an_error() {
    let Some(library) = library() else { return };
    for bytes in [&b""[..], b"no picture at all", b"\0\0\0\x14ftypheic\0\0\0\0mif1"] {
        assert!(library.open(bytes, &LIMITS).is_err());
    }
    let bytes = fixture("plain.heic");
    let short = &bytes[..bytes.len() - 100];
    let result = library.open(short, &LIMITS).and_then(|file| file.primary()?.decode().map(|_| ()));
    assert!(matches!(result, Err(Fault::EndsEarly | Fault::Damaged)), "{result:?}");
}
