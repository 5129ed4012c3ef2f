//! A real file under every extension that is listed: it is taken for a photo by its name, and decoded.
#![cfg(feature = "default")]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use clip_image::{Format, ImageError, Limits, decode, decode_bytes, looks_like_photo};
use raw_files::KINDS;
use tiff::encoder::{TiffEncoder, colortype::RGB8};

mod raw_files;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn heif(name: &str) -> Vec<u8> {
    fixture(&format!("heif/{name}"))
}

/// The PNG of the fixtures with the chunks of an animation of two frames.
fn animated_png() -> Vec<u8> {
    let chunk = |kind: &[u8; 4], payload: &[u8]| {
        let content = [kind, payload].concat();
        let (length, checksum) = (payload.len() as u32, crc32fast::hash(&content));
        [&length.to_be_bytes()[..], &content, &checksum.to_be_bytes()].concat()
    };
    let control = |sequence: u32| {
        let fields = [sequence, 96, 64, 0, 0].map(u32::to_be_bytes).concat();
        chunk(b"fcTL", &[&fields[..], &[0, 1, 0, 10, 0, 0]].concat())
    };
    let still = fixture("photo.png");
    let position = |kind: &[u8; 4]| still.windows(4).position(|window| window == kind).unwrap() - 4;
    let (pixels, end) = (position(b"IDAT"), position(b"IEND"));
    let length = u32::from_be_bytes(still[pixels..pixels + 4].try_into().unwrap()) as usize;
    let second = [&2_u32.to_be_bytes()[..], &still[pixels + 8..pixels + 8 + length]].concat();
    let animation = chunk(b"acTL", &[2, 0].map(u32::to_be_bytes).concat());
    let parts: [&[u8]; 7] = [
        &still[..pixels],
        &animation,
        &control(0),
        &still[pixels..end],
        &control(1),
        &chunk(b"fdAT", &second),
        &still[end..],
    ];
    parts.concat()
}

fn big_tiff() -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    TiffEncoder::new_big(&mut file).unwrap().write_image::<RGB8>(2, 1, &[1, 2, 3, 4, 5, 6]).unwrap();
    file.into_inner()
}

/// An icon that says that it is a cursor.
fn cursor() -> Vec<u8> {
    let mut file = fixture("bitmap.ico");
    file[2] = 2;
    file
}

/// Files by extension, at least one for each.
fn files() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let raw = KINDS.iter().map(|kind| (kind.extension, vec![(kind.make)(1)]));
    // Others that are laid out alike.
    let others = [
        ("nrw", raw_files::nef(1)),
        ("sr2", raw_files::arw(1)),
        ("srf", raw_files::arw(1)),
        ("gpr", raw_files::dng(1)),
        ("rwl", raw_files::rw2(1)),
        ("3fr", raw_files::srw(1)),
        ("erf", raw_files::srw(1)),
        ("kdc", raw_files::srw(1)),
    ];
    let heif = [
        ("heic", heif("plain.heic")),
        ("heif", heif("turned.heic")),
        ("hif", heif("ten-bit.heic")),
        ("heics", heif("plain.heic")),
        ("avif", heif("plain.avif")),
        ("avifs", heif("plain.avif")),
    ];
    let others = others.into_iter().chain(heif);
    raw.chain(others.map(|(extension, file)| (extension, vec![file]))).chain(other_files()).collect()
}

fn other_files() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let jpeg = fixture("420.jpg");
    let two_pictures = [&jpeg[..], &jpeg].concat();
    BTreeMap::from([
        ("jpg", vec![jpeg.clone(), fixture("progressive.jpg"), fixture("cmyk.jpg")]),
        ("jpeg", vec![jpeg.clone()]),
        ("jpe", vec![jpeg.clone()]),
        ("jfif", vec![jpeg.clone()]),
        ("jif", vec![jpeg.clone()]),
        ("jfi", vec![jpeg]),
        ("mpo", vec![two_pictures]),
        ("png", vec![fixture("photo.png"), fixture("palette.png"), animated_png()]),
        ("apng", vec![animated_png()]),
        ("gif", vec![fixture("animated.gif")]),
        ("webp", vec![fixture("animated.webp"), fixture("lossless.webp")]),
        ("tif", vec![fixture("pages.tiff"), big_tiff()]),
        ("tiff", vec![fixture("pages.tiff")]),
        ("btf", vec![big_tiff()]),
        ("tf8", vec![big_tiff()]),
        ("bmp", vec![fixture("rle.bmp")]),
        ("dib", vec![fixture("rle.bmp")]),
        ("pbm", vec![b"P1 2 1 01".to_vec(), b"P4 2 1\n\x40".to_vec()]),
        ("pgm", vec![b"P2 2 1 9 0 9".to_vec(), b"P5 2 1 255\nab".to_vec(), b"P5 2 1 256\nabcd".to_vec()]),
        ("ppm", vec![b"P3 1 1 9 0 4 9".to_vec(), b"P6 1 1 255\nabc".to_vec(), fixture("wide.ppm")]),
        ("pnm", vec![b"P1 2 1 01".to_vec(), b"P5 2 1 255\nab".to_vec(), b"P6 1 1 255\nabc".to_vec()]),
        ("qoi", vec![fixture("photo.qoi")]),
        ("ico", vec![fixture("photo.ico"), fixture("bitmap.ico")]),
        ("cur", vec![cursor()]),
        ("hdr", vec![fixture("light.hdr")]),
        ("rgbe", vec![fixture("light.hdr")]),
        ("jxl", vec![fixture("photo.jxl"), fixture("lossy.jxl")]),
        ("jp2", vec![fixture("photo.jp2")]),
        ("j2k", vec![fixture("tiles.j2k")]),
        ("j2c", vec![fixture("tiles.j2k")]),
        ("jpc", vec![fixture("tiles.j2k")]),
        ("jpf", vec![fixture("kinds/photo.jpx")]),
        ("jpx", vec![fixture("kinds/photo.jpx")]),
        ("tga", vec![fixture("photo.tga"), fixture("runs.tga")]),
        ("exr", vec![fixture("light.exr"), fixture("brightness.exr")]),
        ("dds", vec![fixture("photo.dds"), fixture("light.dds")]),
        ("psd", vec![fixture("photo.psd")]),
        ("psb", vec![fixture("cmyk.psb")]),
        ("pam", pams().into_iter().map(|(file, _)| file).collect()),
    ])
}

/// A PAM file of every tuple type and sample size, two pixels each, and those pixels.
fn pams() -> Vec<(Vec<u8>, [[u8; 3]; 2])> {
    let file = |tuple_type: &str, depth: u8, maximum: u16, samples: &[u8]| {
        let tuple_type = if tuple_type.is_empty() { String::new() } else { format!("TUPLTYPE {tuple_type}\n") };
        let header = format!("P7\nWIDTH 2\nHEIGHT 1\nDEPTH {depth}\nMAXVAL {maximum}\n{tuple_type}ENDHDR\n");
        [header.as_bytes(), samples].concat()
    };
    let grey = |a, b| [[a; 3], [b; 3]];
    let mut all = vec![
        (file("BLACKANDWHITE", 1, 1, &[0, 1]), grey(0, 255)),
        // An opaque black pixel and a transparent one.
        (file("BLACKANDWHITE_ALPHA", 2, 1, &[0, 1, 0, 0]), grey(0, 255)),
        (file("GRAYSCALE", 1, 15, &[3, 15]), grey(51, 255)),
        (file("RGB", 3, 5, &[0, 1, 2, 3, 4, 5]), [[0, 51, 102], [153, 204, 255]]),
        (file("", 1, 1, &[0, 1]), grey(0, 255)),
    ];
    // The same with its type told by the depth alone.
    for is_named in [true, false] {
        let mut add = |tuple_type: &str, depth, samples: &[u8], pixels| {
            let name = if is_named { tuple_type } else { "" };
            all.push((file(name, depth, 255, samples), pixels));
            // Both bytes of a 16-bit sample alike: that is the 8-bit sample exactly.
            let wide: Vec<u8> = samples.iter().flat_map(|sample| [*sample; 2]).collect();
            all.push((file(name, depth, 65535, &wide), pixels));
        };
        add("GRAYSCALE", 1, &[7, 200], grey(7, 200));
        add("GRAYSCALE_ALPHA", 2, &[7, 255, 200, 0], grey(7, 255));
        add("RGB", 3, &[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]);
        add("RGB_ALPHA", 4, &[1, 2, 3, 255, 4, 5, 6, 0], [[1, 2, 3], [255; 3]]);
    }
    all
}

#[test]
fn every_extension_names_files_that_are_decoded() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = files();
    for format in Format::ALL {
        for extension in format.extensions() {
            let files = files.remove(extension).unwrap_or_else(|| panic!("no file for .{extension}"));
            assert!(!files.is_empty());
            for (number, bytes) in files.iter().enumerate() {
                for extension in [(*extension).to_owned(), extension.to_uppercase()] {
                    let path = dir.path().join(format!("{number}.{extension}"));
                    std::fs::write(&path, bytes).unwrap();
                    assert!(looks_like_photo(&path), "{}", path.display());
                    let photo = decode(&path, &Limits::default());
                    // Where the system has no libheif.
                    if let Err(ImageError::NeedsLibrary { format: needed, .. }) = &photo {
                        assert_eq!(needed, format);
                        continue;
                    }
                    let photo = photo.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                    assert_eq!(photo.metadata.format, *format);
                }
            }
        }
    }
    assert!(files.is_empty(), "not listed: {:?}", files.keys());
}

#[test]
fn every_kind_of_pam_has_the_right_pixels() {
    for (file, expected) in pams() {
        let photo = decode_bytes(&file, &Limits::default()).unwrap();
        let header = file.iter().take_while(|byte| byte.is_ascii()).copied().collect();
        assert_eq!(photo.image.into_raw(), expected.concat(), "{:?}", String::from_utf8(header));
    }
}

#[test]
fn the_first_picture_is_the_one_that_counts() {
    let still = decode_bytes(&fixture("photo.png"), &Limits::default()).unwrap();
    assert!(decode_bytes(&animated_png(), &Limits::default()).unwrap().image == still.image);
    let jpeg = fixture("420.jpg");
    let other = fixture("grey.jpg");
    let first = decode_bytes(&jpeg, &Limits::default()).unwrap();
    assert!(decode_bytes(&[jpeg, other].concat(), &Limits::default()).unwrap().image == first.image);
}

#[test]
fn a_cut_file_of_any_kind_is_truncated() {
    // The other kinds are among the fixtures, whose tests cut them in more places.
    for (file, _) in pams() {
        for length in 3..file.len() {
            let error = decode_bytes(&file[..length], &Limits::default()).unwrap_err();
            assert!(matches!(error, ImageError::Truncated { format: Format::Pnm }), "{length}: {error}");
        }
    }
    for file in [&b"P1 2 2 0110"[..], b"P2 2 1 255 12 34", b"P3 1 1 255 1 2 3", b"P4 9 1\n\x40\x80"] {
        for length in 3..file.len() {
            // A number may end anywhere.
            let Err(error) = decode_bytes(&file[..length], &Limits::default()) else { continue };
            assert!(matches!(error, ImageError::Truncated { format: Format::Pnm }), "{length}: {error}");
        }
        assert!(decode_bytes(file, &Limits::default()).is_ok());
    }
}
