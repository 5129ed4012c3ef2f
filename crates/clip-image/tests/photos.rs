//! Good photos of every kind come out upright, in the right colours and with their metadata.
#![cfg(feature = "default")]

use std::path::{Path, PathBuf};

use clip_image::{Format, Gps, Limits, Photo, decode, decode_bytes};
use containers::{stored, with_exif};
use exif::experimental::Writer;
use exif::{Field, In, Rational, Tag, Value};
use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

mod containers;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn open(name: &str) -> Photo {
    decode(&fixture(name), &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Mean absolute difference over all samples, in grey levels.
fn distance(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.iter().zip(b.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

fn encode(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn exif_block(fields: &[Field]) -> Vec<u8> {
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut block = std::io::Cursor::new(Vec::new());
    writer.write(&mut block, false).unwrap();
    block.into_inner()
}

fn field(tag: Tag, value: Value) -> Field {
    Field { tag, ifd_num: In::PRIMARY, value }
}

fn ascii(tag: Tag, text: &str) -> Field {
    field(tag, Value::Ascii(vec![text.as_bytes().to_vec()]))
}

#[test]
fn every_way_of_storing_gives_the_same_picture() {
    let reference = open("photo.png").image;
    // Bounds in grey levels: what quality 92, 64 colours or shared chroma cost, with some room. A
    // wrong conversion (inverted CMYK, swapped channels, a wrong frame) is far above all of them.
    let cases = [
        ("444.jpg", Format::Jpeg, 3.0),
        ("422.jpg", Format::Jpeg, 4.0),
        ("420.jpg", Format::Jpeg, 4.0),
        ("progressive.jpg", Format::Jpeg, 4.0),
        ("restarts.jpg", Format::Jpeg, 4.0),
        ("cmyk.jpg", Format::Jpeg, 3.0),
        ("ycck.jpg", Format::Jpeg, 4.0),
        ("palette.png", Format::Png, 8.0),
        ("rle.bmp", Format::Bmp, 8.0),
        ("animated.gif", Format::Gif, 8.0),
        ("animated.webp", Format::WebP, 5.0),
        ("lossless.webp", Format::WebP, 0.0),
        ("pages.tiff", Format::Tiff, 0.0),
        ("photo.qoi", Format::Qoi, 0.0),
        ("photo.ico", Format::Ico, 0.0),
        ("bitmap.ico", Format::Ico, 0.0),
        ("light.hdr", Format::Hdr, 0.5),
        ("photo.psd", Format::Psd, 0.0),
        ("cmyk.psb", Format::Psd, 0.0),
        ("photo.tga", Format::Tga, 0.0),
        ("runs.tga", Format::Tga, 8.0),
        ("light.exr", Format::Exr, 0.1),
        ("photo.dds", Format::Dds, 4.0),
        ("light.dds", Format::Dds, 6.0),
        ("photo.jxl", Format::Jxl, 0.0),
        ("lossy.jxl", Format::Jxl, 4.0),
    ];
    for (name, format, most) in cases {
        let photo = open(name);
        assert_eq!(photo.metadata.format, format, "{name}");
        assert_eq!((photo.metadata.width, photo.metadata.height), (96, 64), "{name}");
        let distance = distance(&photo.image, &reference);
        assert!(distance <= most, "{name} is {distance} off");
    }
}

#[test]
fn grey_is_repeated() {
    let (grey, reference) = (open("grey.jpg").image, open("photo.png").image);
    assert!(grey.pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]));
    let luma = DynamicImage::ImageRgb8(reference).into_luma8();
    let expected = DynamicImage::ImageLuma8(luma).into_rgb8();
    assert!(distance(&grey, &expected) < 4.0);
}

#[test]
fn sixteen_bits_become_eight_exactly() {
    let bytes = std::fs::read(fixture("wide.ppm")).unwrap();
    let high_bytes: Vec<u8> = bytes[bytes.len() - 48 * 32 * 6..].chunks(2).map(|s| s[0]).collect();
    assert_eq!(open("wide.ppm").image.into_raw(), high_bytes);
}

#[test]
fn transparency_is_laid_over_white() {
    let mut image = image::RgbaImage::from_pixel(2, 1, image::Rgba([200, 0, 0, 255]));
    image.put_pixel(1, 0, image::Rgba([200, 0, 0, 0]));
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        let photo = decode_bytes(bytes.get_ref(), &Limits::default()).unwrap();
        assert_eq!(photo.image.into_raw(), [200, 0, 0, 255, 255, 255], "{format:?}");
    }
}

#[test]
fn the_name_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("really a png.jpg");
    std::fs::copy(fixture("photo.png"), &path).unwrap();
    let photo = decode(&path, &Limits::default()).unwrap();
    assert_eq!(photo.metadata.format, Format::Png);
}

#[test]
fn all_eight_orientations_come_out_upright() {
    let upright = open("photo.png").image;
    let (width, height) = upright.dimensions();
    for orientation in 1..=8_u16 {
        let stored = stored(&upright, orientation);
        let block = exif_block(&[field(Tag::Orientation, Value::Short(vec![orientation]))]);

        let jpeg = with_exif(&encode(&stored, ImageFormat::Jpeg), &block);
        let photo = decode_bytes(&jpeg, &Limits::default()).unwrap();
        assert_eq!((photo.metadata.width, photo.metadata.height), (width, height), "{orientation}");
        let distance = distance(&photo.image, &upright);
        assert!(distance < 6.0, "JPEG of orientation {orientation} is {distance} off");

        // Lossless, so to the last bit.
        let mut png = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        image::ImageEncoder::set_exif_metadata(&mut encoder, block).unwrap();
        stored.write_with_encoder(encoder).unwrap();
        let photo = decode_bytes(&png, &Limits::default()).unwrap();
        assert!(photo.image == upright, "PNG of orientation {orientation}");
    }
}

#[test]
fn metadata_of_a_camera() {
    let angle = |d: u32, m: u32, s: u32| {
        let rational = |num| Rational { num, denom: 100 };
        Value::Rational(vec![rational(d * 100), rational(m * 100), rational(s)])
    };
    let block = exif_block(&[
        ascii(Tag::Make, "NIKON CORPORATION"),
        ascii(Tag::Model, "NIKON  D70 \0 "),
        ascii(Tag::DateTime, "2019:01:01 00:00:00"),
        ascii(Tag::DateTimeOriginal, "2004:08:11 18:45:32"),
        ascii(Tag::OffsetTimeOriginal, "+02:00"),
        ascii(Tag::LensModel, "18.0-70.0 mm f/3.5-4.5"),
        ascii(Tag::GPSLatitudeRef, "S"),
        field(Tag::GPSLatitude, angle(33, 51, 3600)),
        ascii(Tag::GPSLongitudeRef, "E"),
        field(Tag::GPSLongitude, angle(151, 12, 0)),
    ]);
    let jpeg = std::fs::read(fixture("420.jpg")).unwrap();
    let metadata = decode_bytes(&with_exif(&jpeg, &block), &Limits::default()).unwrap().metadata;
    assert_eq!(metadata.taken_at, Some(1_092_242_732));
    assert_eq!(metadata.camera.as_deref(), Some("NIKON D70"));
    assert_eq!(metadata.lens.as_deref(), Some("18.0-70.0 mm f/3.5-4.5"));
    let Some(Gps { latitude, longitude }) = metadata.gps else { panic!("no position") };
    assert!((latitude + 33.86).abs() < 1e-9 && (longitude - 151.2).abs() < 1e-9);

    let plain = decode_bytes(&jpeg, &Limits::default()).unwrap().metadata;
    assert_eq!((plain.taken_at, plain.camera, plain.lens, plain.gps), (None, None, None, None));
}

#[test]
fn fields_that_cannot_be_true_are_left_out() {
    let nowhere = Value::Rational(vec![Rational { num: 0, denom: 0 }; 3]);
    let beyond = Value::Rational(vec![Rational { num: 181, denom: 1 }]);
    for (latitude, longitude) in [(nowhere.clone(), nowhere), (beyond.clone(), beyond)] {
        let block = exif_block(&[
            ascii(Tag::Make, "Apple"),
            ascii(Tag::Model, "iPhone 13"),
            ascii(Tag::LensModel, "   "),
            ascii(Tag::DateTimeOriginal, "0000:00:00 00:00:00"),
            ascii(Tag::GPSLatitudeRef, "N"),
            field(Tag::GPSLatitude, latitude),
            ascii(Tag::GPSLongitudeRef, "W"),
            field(Tag::GPSLongitude, longitude),
            field(Tag::Orientation, Value::Short(vec![9])),
        ]);
        let jpeg = std::fs::read(fixture("420.jpg")).unwrap();
        let photo = decode_bytes(&with_exif(&jpeg, &block), &Limits::default()).unwrap();
        let metadata = photo.metadata;
        assert_eq!((metadata.taken_at, metadata.lens, metadata.gps), (None, None, None));
        assert_eq!(metadata.camera.as_deref(), Some("Apple iPhone 13"));
        assert_eq!(photo.image.dimensions(), (96, 64));
    }
}

#[test]
fn broken_exif_costs_its_fields_only() {
    let jpeg = std::fs::read(fixture("420.jpg")).unwrap();
    let expected = decode_bytes(&jpeg, &Limits::default()).unwrap().image;
    let good =
        exif_block(&[field(Tag::Orientation, Value::Short(vec![1])), ascii(Tag::Model, "A camera with a long name")]);
    for length in 0..good.len() {
        let photo = decode_bytes(&with_exif(&jpeg, &good[..length]), &Limits::default()).unwrap();
        assert!(photo.image == expected, "EXIF cut to {length} bytes");
    }
    // The model's offset points past the end; the orientation before it is still read.
    let upside_down =
        exif_block(&[field(Tag::Orientation, Value::Short(vec![3])), ascii(Tag::Model, "A camera with a long name")]);
    let cut = &upside_down[..upside_down.len() - 8];
    let photo = decode_bytes(&with_exif(&jpeg, cut), &Limits::default()).unwrap();
    assert_eq!(photo.metadata.camera, None);
    let mut turned = DynamicImage::ImageRgb8(expected);
    turned.apply_orientation(Orientation::Rotate180);
    assert!(photo.image == turned.into_rgb8());
}

#[test]
fn one_pixel_is_a_photo() {
    let dot = RgbImage::from_pixel(1, 1, Rgb([10, 20, 30]));
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Jpeg] {
        let photo = decode_bytes(&encode(&dot, format), &Limits::default()).unwrap();
        assert!(distance(&photo.image, &dot) < 4.0, "{format:?}");
    }
}
