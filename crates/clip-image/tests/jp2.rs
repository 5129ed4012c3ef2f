//! JPEG 2000: what is refused before the decoder sees it, and fractions of the size.
#![cfg(feature = "default")]

use std::path::Path;
use std::time::{Duration, Instant};

use clip_image::{Format, ImageError, Limits, decode_bytes, decode_bytes_for};
use hostile_files::{J2k, j2k};

mod hostile_files;
mod likeness;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn refusal(bytes: &[u8]) -> ImageError {
    decode_bytes(bytes, &Limits::default()).map(|photo| photo.metadata).expect_err("refused")
}

/// The position behind the marker of a segment.
fn find(bytes: &[u8], code: u8) -> usize {
    bytes.windows(2).position(|marker| marker == [0xff, code]).unwrap() + 2
}

#[test]
fn a_hint_halves_the_size() {
    for (name, quarter) in [("photo.jp2", "quarter-photo.png"), ("tiles.j2k", "quarter-tiles.png")] {
        let bytes = fixture(name);
        let quarter = decode_bytes(&fixture(&format!("kinds/{quarter}")), &Limits::default()).unwrap().image;
        for (hint, expected) in [(33, (96, 64)), (32, (96, 64)), (16, (48, 32)), (8, (24, 16)), (5, (24, 16))] {
            let photo = decode_bytes_for(&bytes, &Limits::default(), Some(hint)).unwrap();
            assert_eq!(photo.image.dimensions(), expected, "{name} {hint}");
            assert_eq!((photo.metadata.width, photo.metadata.height), (96, 64));
            if expected == quarter.dimensions() {
                // By OpenJPEG.
                let likeness = likeness::likeness(&photo.image, &quarter);
                assert!(likeness > 0.999, "{name} at {expected:?}: {likeness}");
            }
        }
    }
    // Numbers of colours are not mixed.
    let palette = decode_bytes_for(&fixture("kinds/palette.jp2"), &Limits::default(), Some(4)).unwrap();
    assert_eq!(palette.image.dimensions(), (45, 31));
}

#[test]
fn what_is_too_large_as_a_whole_comes_smaller() {
    let bytes = j2k(&J2k { size: (1500, 1500), levels: 5, components: 3, ..J2k::default() });
    let tight = Limits { max_memory: 20 << 20, ..Limits::default() };
    assert!(matches!(decode_bytes(&bytes, &tight), Err(ImageError::TooMuchMemory { format: Format::Jp2, .. })));
    // Twice as many pixels as asked for do not fit.
    let photo = decode_bytes_for(&bytes, &tight, Some(700)).unwrap();
    assert_eq!(photo.image.dimensions(), (750, 750));
    assert!(photo.image.pixels().all(|pixel| pixel.0 == [128; 3]));
    assert!(matches!(decode_bytes_for(&bytes, &tight, Some(800)), Err(ImageError::TooMuchMemory { .. })));
}

#[test]
fn what_no_picture_has_is_refused_at_once() {
    let start = Instant::now();
    let plain = J2k::default;
    let damaged = "damaged JPEG 2000: ";
    let too_many = "damaged JPEG 2000: it is divided into too many parts";
    let claims = [
        (J2k { size: (60_000, 60_000), ..plain() }, "the header claims 60000x60000 pixels; the limit is 250000000"),
        (J2k { size: (15_000, 15_000), tile: (1, 1), ..plain() }, "damaged JPEG 2000: it has 225000000 tiles"),
        (J2k { size: (255, 255), tile: (1, 1), components: 64, levels: 32, ..plain() }, too_many),
        (J2k { size: (15_000, 15_000), precinct: Some(0), ..plain() }, too_many),
        (J2k { size: (15_000, 15_000), precinct: Some(1), levels: 1, ..plain() }, too_many),
        (J2k { size: (15_000, 15_000), precinct: Some(0), levels: 1, ..plain() }, damaged),
        (J2k { size: (15_000, 15_000), block: 0, components: 3, ..plain() }, too_many),
        (J2k { size: (15_000, 15_000), ..plain() }, "decoding the JPEG 2000 takes too much memory: "),
        (
            J2k { size: (3_000, 3_000), block: 0, layers: 32, ..plain() },
            "decoding the JPEG 2000 takes too much memory: ",
        ),
        (J2k { block: 9, ..plain() }, damaged),
        (J2k { levels: 33, ..plain() }, damaged),
        (J2k { layers: 0, ..plain() }, damaged),
        (J2k { layers: 33, ..plain() }, "JPEG 2000 with 33 quality layers is not supported"),
        (J2k { components: 0, ..plain() }, damaged),
        (J2k { components: 65, ..plain() }, "JPEG 2000 with 65 components is not supported"),
        (J2k { size: (16, 0), ..plain() }, damaged),
        (J2k { tile: (0, 16), ..plain() }, damaged),
    ];
    for (claims, expected) in &claims {
        let error = refusal(&j2k(claims)).to_string();
        assert!(error.starts_with(expected), "{error}; expected {expected}");
    }
    // Hours, if the decoder saw them.
    assert!(start.elapsed() < Duration::from_secs(60));
    assert!(decode_bytes(&j2k(&plain()), &Limits::default()).is_ok());
}

#[test]
fn coordinates_at_the_end_of_the_grid() {
    // The offset of the picture, and of the tiles.
    for (width, offset) in [(u32::MAX, u32::MAX - 16), (1 << 31, (1 << 31) - 16), (1 << 30, (1 << 30) - 16)] {
        let mut bytes = j2k(&J2k { size: (width, 16), ..J2k::default() });
        let size = find(&bytes, 0x51) + 4;
        for (at, value) in [(8, offset), (16, 1 << 30), (24, offset - 4)] {
            bytes[size + at..][..4].copy_from_slice(&value.to_be_bytes());
        }
        match decode_bytes(&bytes, &Limits::default()) {
            Ok(photo) => assert_eq!((width, photo.image.dimensions()), (1 << 30, (16, 16))),
            Err(error) => assert!(matches!(error, ImageError::Decode { .. }), "{width}: {error}"),
        }
    }
}

#[test]
fn a_tile_may_say_otherwise() {
    // The header of a tile makes its precincts tiny.
    let mut bytes = j2k(&J2k { size: (15_000, 15_000), tile: (15_000, 8_000), levels: 1, ..J2k::default() });
    let coding = [0xff, 0x52, 0, 14, 1, 0, 0, 1, 0, 1, 4, 4, 0, 1, 0x11, 0x11];
    let part = find(&bytes, 0x90);
    bytes.splice(part + 10..part + 10, coding);
    let length = 12 + 2 + 8 + coding.len() as u32;
    bytes[part + 4..part + 8].copy_from_slice(&length.to_be_bytes());
    let error = refusal(&bytes).to_string();
    assert_eq!(error, "damaged JPEG 2000: it is divided into too many parts");
}

#[test]
fn whole_tiles_may_not_be_missing() {
    let whole = fixture("kinds/tiles.j2k");
    let parts: Vec<_> =
        whole.windows(4).enumerate().filter(|(_, w)| w == &[0xff, 0x90, 0, 10]).map(|(i, _)| i).collect();
    assert!(parts.len() > 6);
    for part in &parts[1..] {
        // Right before a part, with and without an end marker.
        for end in [&[][..], &[0xff, 0xd9]] {
            let error = refusal(&[&whole[..*part], end].concat());
            assert!(matches!(error, ImageError::Truncated { format: Format::Jp2 }), "{part}: {error}");
        }
    }
    // One that is not told how long it is goes on to the end marker.
    let mut open = fixture("kinds/lossless.j2k");
    let part = find(&open, 0x90);
    open[part + 4..part + 8].fill(0);
    open[part + 9] = 0;
    let expected = decode_bytes(&fixture("kinds/lossless.j2k"), &Limits::default()).unwrap().image;
    assert!(decode_bytes(&open, &Limits::default()).unwrap().image == expected);
    open.truncate(open.len() - 2);
    assert!(matches!(refusal(&open), ImageError::Truncated { .. }));
}

#[test]
fn metadata_in_boxes() {
    let uuid = |kind: &[u8; 16], content: &[u8]| {
        [&(24 + content.len() as u32).to_be_bytes()[..], b"uuid", kind, content].concat()
    };
    let xmp = uuid(
        b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac",
        b"<rdf:RDF><rdf:Description xmp:Rating='4'/></rdf:RDF>",
    );
    let iptc = uuid(b"\x33\xc7\xa4\xd2\xb8\x1d\x47\x23\xa0\xba\xf1\xa3\xe0\x97\xad\x38", b"\x1c\x02\x19\0\x07harbour");
    let bytes = [fixture("photo.jp2"), xmp, iptc].concat();
    let metadata = decode_bytes(&bytes, &Limits::default()).unwrap().metadata;
    assert_eq!((metadata.rating, &metadata.tags[..]), (Some(4), &["harbour".to_owned()][..]));
    assert_eq!(metadata.format, Format::Jp2);
}
