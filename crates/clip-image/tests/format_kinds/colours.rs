//! What containers say of the photo: which way up it is, and what its colours are.

use std::io::Cursor;

use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};
use moxcms::ColorProfile;
use tiff::encoder::{TiffEncoder, colortype::RGB8};
use tiff::tags::Tag;

use super::{Expected, Kind, PHOTO, Table, fixture, kind, picture, read};
use crate::containers::{exif_block, raw_profile, stored, webp_with_exif, with_chunk, with_exif, with_segment};
use crate::raw_files::{self, KINDS};

pub fn tables() -> Vec<Table> {
    vec![Table { name: "orientation", kinds: orientations() }, Table { name: "colours", kinds: colours() }]
}

fn encode(picture: &RgbImage, mut encoder: impl ImageEncoder, profile: Option<Vec<u8>>) {
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).unwrap();
    }
    encoder.write_image(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8).unwrap();
}

fn jpeg(picture: &RgbImage, profile: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(picture, image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 100), profile);
    bytes
}

fn png(picture: &RgbImage, profile: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(picture, image::codecs::png::PngEncoder::new(&mut bytes), profile);
    bytes
}

fn webp(picture: &RgbImage, profile: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(picture, image::codecs::webp::WebPEncoder::new_lossless(&mut bytes), profile);
    bytes
}

fn tiff(picture: &RgbImage, profile: Option<Vec<u8>>, orientation: u16) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    let mut page = encoder.new_image::<RGB8>(picture.width(), picture.height()).unwrap();
    page.encoder().write_tag(Tag::Orientation, orientation).unwrap();
    if let Some(profile) = profile {
        page.encoder().write_tag(Tag::IccProfile, &profile[..]).unwrap();
    }
    page.write_data(picture).unwrap();
    bytes.into_inner()
}

/// A document of Photoshop with a resource.
fn psd(picture: &RgbImage, number: u16, block: &[u8]) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let resource =
        [b"8BIM", &number.to_be_bytes()[..], &[0; 2], &(block.len() as u32).to_be_bytes()[..], block].concat();
    let planes: Vec<u8> = (0..3).flat_map(|i| picture.pixels().map(move |pixel| pixel[i])).collect();
    [
        b"8BPS\0\x01\0\0\0\0\0\0\0\x03",
        &[height, width].map(u32::to_be_bytes).concat()[..],
        b"\0\x08\0\x03\0\0\0\0",
        &(resource.len() as u32).to_be_bytes(),
        &resource,
        b"\0\0\0\0\0\0",
        &planes,
    ]
    .concat()
}

fn orientations() -> Vec<Kind> {
    let all = |name, make: &dyn Fn(u16, &RgbImage) -> Vec<u8>| {
        read(name, &PHOTO, (1..=8).map(|orientation| make(orientation, &stored(&PHOTO, orientation))))
    };
    let block = |orientation: u16| exif_block(orientation as u8);
    let named = |orientation: u16| [b"Exif\0\0".to_vec(), block(orientation)].concat();
    let mut kinds = vec![
        all("JPEG", &|orientation, picture| with_exif(&jpeg(picture, None), &block(orientation))),
        all("PNG, in its own chunk", &|orientation, picture| {
            with_chunk(&png(picture, None), b"eXIf", &block(orientation))
        }),
        all("PNG, in its own chunk, with an \"Exif\" prefix", &|orientation, picture| {
            with_chunk(&png(picture, None), b"eXIf", &named(orientation))
        }),
        all("PNG, in a text chunk (\"Raw profile type exif\")", &|orientation, picture| {
            let text = [b"Raw profile type exif\0", &raw_profile("exif", &named(orientation))[..]].concat();
            with_chunk(&png(picture, None), b"tEXt", &text)
        }),
        all("WebP", &|orientation, picture| webp_with_exif(&webp(picture, None), &block(orientation))),
        all("WebP, with an \"Exif\" prefix", &|orientation, picture| {
            webp_with_exif(&webp(picture, None), &named(orientation))
        }),
        all("TIFF", &|orientation, picture| tiff(picture, None, orientation)),
        all("PSD", &|orientation, picture| psd(picture, 0x0422, &block(orientation))),
        all("JPEG 2000", &|orientation, _| kind(&format!("orientation-{orientation}.jp2"))),
        all("JPEG XL, by its own header", &|orientation, _| kind(&format!("orientation-{orientation}.jxl"))),
    ];
    // Three quarters are all that cameras tell of.
    for (name, extension) in [("raw files such as CR2, NEF and DNG", "dng"), ("RAF", "raf"), ("CR3", "cr3")] {
        let raw = KINDS.iter().find(|kind| kind.extension == extension).unwrap();
        let (colour, (width, height)) = raw.largest;
        let mut turned = read(name, &RgbImage::from_pixel(height, width, Rgb(colour)), [6, 8].map(raw.make));
        if extension == "dng" {
            turned.files.extend([raw_files::cr2(6), raw_files::nef(8)]);
        }
        kinds.push(turned);
    }
    kinds
}

/// Each sample as light, mixed to other primaries, and back with their curve.
fn converted(matrix: [[f64; 3]; 3], curve: fn(f64) -> f64) -> RgbImage {
    let light = |sample: u8| {
        let sample = f64::from(sample) / 255.0;
        if sample <= 0.04045 { sample / 12.92 } else { ((sample + 0.055) / 1.055).powf(2.4) }
    };
    let mut image = PHOTO.clone();
    for pixel in image.pixels_mut() {
        let light = pixel.0.map(light);
        pixel.0 = matrix.map(|row| {
            let mixed: f64 = row.iter().zip(light).map(|(factor, light)| factor * light).sum();
            (curve(mixed.clamp(0.0, 1.0)) * 255.0).round() as u8
        });
    }
    image
}

fn srgb_curve(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// SMPTE ST 2084, from light to samples.
fn perceptual_quantizer(light: f64) -> f64 {
    let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 32.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 128.0, 2392.0 / 128.0);
    let power = light.powf(m1);
    ((c1 + c2 * power) / (1.0 + c3 * power)).powf(m2)
}

const TO_P3: [[f64; 3]; 3] = [[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]];
const TO_ADOBE_RGB: [[f64; 3]; 3] = [[0.7152, 0.2848, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0412, 0.9588]];
const SAME: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// EXIF data of a camera that tells of Adobe RGB.
fn adobe_rgb_block() -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: &[u8; 4]| {
        [&[0, 1], &tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), value, &[0; 4]].concat()
    };
    // The main table, that of EXIF fields, and that of the rules for its files.
    [
        b"MM\0\x2a\0\0\0\x08".to_vec(),
        entry(0x8769, 4, 1, &26_u32.to_be_bytes()),
        entry(0xa005, 4, 1, &44_u32.to_be_bytes()),
        entry(1, 2, 4, b"R03\0"),
    ]
    .concat()
}

/// Colours that are not converted are nearer than other pictures, so these have to be nearer still.
const LEAST: f64 = 0.999;

fn colours() -> Vec<Kind> {
    let p3 = converted(TO_P3, srgb_curve);
    let adobe_rgb = converted(TO_ADOBE_RGB, |light| light.powf(256.0 / 563.0));
    let light = converted(SAME, |light| light);
    let profile = |profile: ColorProfile| Some(profile.encode().unwrap());
    let display_p3 = || profile(ColorProfile::new_display_p3());
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>();
    let primaries = numbers(&[31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000]);
    let by_chunks = |chunks: &[(&[u8; 4], &[u8])], picture: &RgbImage| {
        chunks.iter().fold(png(picture, None), |png, (name, payload)| with_chunk(&png, name, payload))
    };
    let close = |name, files: Vec<Vec<u8>>| Kind {
        name,
        files,
        expected: Expected::Read { picture: PHOTO.clone(), least: LEAST },
    };
    let mut kinds = vec![
        close(
            "Display P3 profile in JPEG, PNG, WebP and TIFF",
            vec![jpeg(&p3, display_p3()), png(&p3, display_p3()), webp(&p3, display_p3()), tiff(&p3, display_p3(), 1)],
        ),
        close("Adobe RGB profile", vec![jpeg(&adobe_rgb, profile(ColorProfile::new_adobe_rgb()))]),
        close("Adobe RGB declared in EXIF data", vec![with_exif(&jpeg(&adobe_rgb, None), &adobe_rgb_block())]),
        close("PNG: coded colour space (cICP)", vec![by_chunks(&[(b"cICP", &[12, 13, 0, 1])], &p3)]),
        close(
            "PNG: gamma and primaries (gAMA, cHRM)",
            vec![
                by_chunks(&[(b"gAMA", &numbers(&[100_000]))], &light),
                by_chunks(&[(b"gAMA", &numbers(&[45_455])), (b"cHRM", &primaries)], &p3),
            ],
        ),
        close(
            "Adobe RGB profile in JPEG 2000 and PSD",
            vec![kind("adobe-rgb.jp2"), psd(&adobe_rgb, 0x040f, &profile(ColorProfile::new_adobe_rgb()).unwrap())],
        ),
        Kind {
            name: "CMYK with the profile of a press: JPEG, TIFF, PSD and JPEG 2000",
            files: ["jpg", "tiff", "psd", "jp2"].map(|extension| kind(&format!("inks.{extension}"))).to_vec(),
            expected: Expected::Read { picture: picture(&kind("printed.png")), least: LEAST },
        },
        Kind {
            name: "CMYK stored as YCCK, with the profile of a press",
            files: vec![kind("inks-ycck.jpg")],
            expected: Expected::Read { picture: picture(&kind("printed.png")), least: LEAST },
        },
        close(
            "broken profile: ignored",
            vec![
                png(&PHOTO, Some(b"nothing that is a profile".to_vec())),
                with_segment(&jpeg(&PHOTO, None), 0xe2, b"ICC_PROFILE\0\x01\x01broken"),
            ],
        ),
    ];
    // White paper of 203 nits comes to four fifths of a screen's white.
    let nits = converted(SAME, |light| perceptual_quantizer(light * 203.0 / 10_000.0));
    let toned =
        converted(SAME, |light| srgb_curve(if light <= 0.5 { light } else { 1.0 - 0.5 * (1.0 - 2.0 * light).exp() }));
    kinds.push(read(
        "high dynamic range (PQ), toned down: PNG by cICP",
        &toned,
        [by_chunks(&[(b"cICP", &[1, 16, 0, 1])], &nits)],
    ));
    // (200, 100, 50) of Display P3 as sRGB.
    let plain = RgbImage::from_pixel(64, 48, Rgb([215, 93, 31]));
    kinds.push(read(
        "HEIC and AVIF: coded colour space, or a profile",
        &plain,
        [fixture("heif/p3.heic"), fixture("heif/p3.avif")],
    ));
    kinds
}
