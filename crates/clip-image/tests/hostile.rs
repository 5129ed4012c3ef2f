//! What is no photo, or no longer one, is refused with a reason; nothing panics.
#![cfg(feature = "default")]

use std::path::Path;

use clip_image::{Format, ImageError, Limits, decode_bytes};
use proptest::prelude::*;

const FIXTURES: [&str; 32] = [
    "420.jpg",
    "422.jpg",
    "444.jpg",
    "progressive.jpg",
    "restarts.jpg",
    "grey.jpg",
    "cmyk.jpg",
    "ycck.jpg",
    "photo.png",
    "palette.png",
    "rle.bmp",
    "animated.gif",
    "animated.webp",
    "lossless.webp",
    "pages.tiff",
    "wide.ppm",
    "photo.qoi",
    "photo.ico",
    "bitmap.ico",
    "light.hdr",
    "photo.psd",
    "cmyk.psb",
    "photo.jxl",
    "lossy.jxl",
    "photo.jp2",
    "tiles.j2k",
    "photo.tga",
    "runs.tga",
    "light.exr",
    "brightness.exr",
    "photo.dds",
    "light.dds",
];

fn fixture(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(dir.join(name)).unwrap()
}

fn reason(bytes: &[u8]) -> String {
    decode_bytes(bytes, &Limits::default()).expect_err("no photo").to_string()
}

/// A PNG whose header claims a size and that holds nothing else.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut crc = !0_u32;
    for byte in &chunk {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let head = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".as_slice();
    // An empty data chunk, since decoders read up to the first.
    let data = b"\0\0\0\0IDAT\x35\xaf\x06\x1e".as_slice();
    [head, &chunk, &(!crc).to_be_bytes(), data].concat()
}

#[test]
fn a_claim_of_60000_by_60000_is_refused_by_name() {
    assert_eq!(reason(&png_header(60_000, 60_000)), "the header claims 60000x60000 pixels; the limit is 250000000");
    // Just within the limit the header is believed, and the missing data noticed.
    assert!(matches!(
        decode_bytes(&png_header(15_000, 15_000), &Limits::default()),
        Err(ImageError::Truncated { format: Format::Png })
    ));
}

#[test]
fn limits_hold_for_every_format() {
    let limits = Limits { max_pixels: 96 * 64 - 1, ..Limits::default() };
    for name in FIXTURES.iter().filter(|name| **name != "wide.ppm") {
        assert!(
            matches!(
                decode_bytes(&fixture(name), &limits),
                Err(ImageError::TooLarge { width: 96, height: 64, max_pixels: 6143 })
            ),
            "{name}"
        );
    }
    let exact = Limits { max_pixels: 96 * 64, ..Limits::default() };
    for name in FIXTURES {
        assert!(decode_bytes(&fixture(name), &exact).is_ok(), "{name}");
    }
}

#[test]
fn what_is_no_picture_is_said_to_be_none() {
    assert!(reason(b"Dear diary, this is a text file named .jpg").starts_with("not a supported image"));
    assert_eq!(reason(b""), "the file is empty");
    assert!(reason(b"P6 0 7 255\n").contains("0x7"));
    let heic = reason(b"\0\0\0\x14ftypheic\0\0\0\0mif1");
    assert!(
        heic == "truncated HEIC: the file ends before the image data does" || heic.starts_with("HEIC cannot be read: ")
    );
}

#[test]
fn a_shortened_file_is_called_truncated() {
    for name in FIXTURES {
        let whole = fixture(name);
        let format = decode_bytes(&whole, &Limits::default()).unwrap().metadata.format;
        // From behind the magic bytes. Above, the first page or frame has to be hit.
        let most = if ["animated.gif", "pages.tiff"].contains(&name) { 4 } else { 9 };
        for tenth in 1..=most {
            let short = &whole[..whole.len() * tenth / 10];
            let result = decode_bytes(short, &Limits::default());
            assert!(
                matches!(result, Err(ImageError::Truncated { format: f }) if f == format),
                "{name} cut to {tenth}/10: {:?}",
                result.map(|photo| photo.metadata)
            );
        }
    }
}

#[test]
fn only_a_missing_end_marker_is_forgiven() {
    for name in ["420.jpg", "422.jpg", "444.jpg", "restarts.jpg", "grey.jpg", "cmyk.jpg", "progressive.jpg"] {
        let whole = fixture(name);
        let expected = decode_bytes(&whole, &Limits::default()).unwrap().image;
        let unmarked = &whole[..whole.len() - 2];
        assert!(decode_bytes(unmarked, &Limits::default()).unwrap().image == expected, "{name}");
        // Twenty bytes less, and blocks are missing.
        assert!(
            matches!(decode_bytes(&whole[..whole.len() - 22], &Limits::default()), Err(ImageError::Truncated { .. })),
            "{name}"
        );
        // The size was set, the content never came.
        let mut padded = whole[..whole.len() / 2].to_vec();
        padded.resize(whole.len(), 0);
        assert!(matches!(decode_bytes(&padded, &Limits::default()), Err(ImageError::Truncated { .. })), "{name}");
    }
}

#[test]
fn bytes_after_the_end_do_not_matter() {
    for name in FIXTURES {
        let mut bytes = fixture(name);
        let expected = decode_bytes(&bytes, &Limits::default()).unwrap().image;
        bytes.extend(b"\xff\xd8\xff\xe0 and then some");
        assert!(decode_bytes(&bytes, &Limits::default()).unwrap().image == expected, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damaged files of every format: an error or a picture, never a panic that gets out, and
    /// never more pixels than allowed.
    #[test]
    fn damaged_files_never_panic(
        which in 0..FIXTURES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        keep in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        // Half of the damage near the beginning, where the headers are.
        near in any::<bool>(),
        hint in prop::option::of(1_u32..18),
    ) {
        let mut bytes = fixture(FIXTURES[which]);
        for (at, value) in damage {
            let range = if near { bytes.len().min(700) } else { bytes.len() };
            bytes[at.index(range)] = value;
        }
        if let Some(length) = keep {
            bytes.truncate(length.index(bytes.len()));
        }
        let limits = Limits { max_pixels: 1 << 20, ..Limits::default() };
        if let Ok(photo) = clip_image::decode_bytes_for(&bytes, &limits, hint) {
            prop_assert!(u64::from(photo.image.width()) * u64::from(photo.image.height()) <= limits.max_pixels);
            prop_assert!(photo.image.width() > 0 && photo.image.height() > 0);
        }
    }

    /// Anything at all behind the first bytes of a format.
    #[test]
    fn random_bytes_never_panic(
        magic in prop::sample::select(vec![
            b"".as_slice(), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x40\0\0\0WEBP",
            b"II*\0", b"MM\0*", b"II+\0", b"BM", b"P3 ", b"P6 ", b"P7\n",
            b"qoif", b"8BPS\0\x01", b"\xff\x0a", b"\x76\x2f\x31\x01\x02\0\0\0", b"#?RGBE\n",
            b"\0\0\x02\0\0\0\0\0\0\0\0\0\x02\0\x01\0\x18\x20", b"\0\0\x01\0\x01\0",
            b"\0\0\0\x14ftypheic\0\0\0\0mif1", b"\0\0\0\x14ftypavif\0\0\0\0mif1",
            b"IIRO\x08\0\0\0", b"IIU\0\x08\0\0\0", b"II*\0\x10\0\0\0CR\x02\0\0\0\0\0", b"FUJIFILMCCD-RAW", b"\0MRM",
            b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51", b"FOVb\0\0\x02\0", b"II\x0e\0\0\0HEAPCCDR", b"\0\0\0\x10ftypcrx \0\0\0\0",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let limits = Limits { max_pixels: 1 << 20, ..Limits::default() };
        let _ = decode_bytes(&[magic, &rest].concat(), &limits);
    }
}
