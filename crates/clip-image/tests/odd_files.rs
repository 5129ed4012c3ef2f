//! GIF, PNG, WebP and JPEG files that other programs show, though they are not quite as they should be.
#![cfg(feature = "default")]

use std::io::Write;
use std::path::Path;

use clip_image::{Format, ImageError, Limits, Photo, decode_bytes};
use containers::{exif_block, raw_profile, webp_with_exif};
use hostile_files::png_chunk;

mod containers;
mod hostile_files;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

#[track_caller]
fn open(bytes: &[u8]) -> Photo {
    decode_bytes(bytes, &Limits::default()).unwrap()
}

/// A frame of a GIF: its place and size, whether its first colour is transparent, and the numbers of its colours.
struct Frame<'a> {
    place: [u16; 2],
    size: [u16; 2],
    is_transparent: bool,
    pixels: &'a [u8],
}

const GREY: [u8; 3] = [0x80; 3];
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255; 3];

/// A GIF with the colours grey, red, blue and white.
fn gif(screen: [u16; 2], frames: &[Frame<'_>]) -> Vec<u8> {
    let mut file = [b"GIF89a", &screen.map(u16::to_le_bytes).concat()[..], &[0x81, 0, 0]].concat();
    file.extend([GREY, RED, BLUE, WHITE].concat());
    for frame in frames {
        if frame.is_transparent {
            file.extend(b"!\xf9\x04\x01\0\0\0\0");
        }
        file.push(b',');
        file.extend([frame.place, frame.size].concat().into_iter().flat_map(u16::to_le_bytes));
        // A code of three bits for each pixel: the table is cleared before it grows.
        file.extend([0, 2]);
        let codes = frame.pixels.iter().flat_map(|pixel| [4, *pixel]).chain([5]);
        let (mut bits, mut count, mut data) = (0_u32, 0, Vec::new());
        for code in codes {
            bits |= u32::from(code) << count;
            count += 3;
            while count >= 8 {
                data.push(bits as u8);
                (bits, count) = (bits >> 8, count - 8);
            }
        }
        data.push(bits as u8);
        file.push(data.len() as u8);
        file.extend(data);
        file.push(0);
    }
    file.push(b';');
    file
}

fn frame<'a>(place: [u16; 2], size: [u16; 2], pixels: &'a [u8]) -> Frame<'a> {
    Frame { place, size, is_transparent: false, pixels }
}

#[track_caller]
fn assert_pixels(bytes: &[u8], (width, height): (u32, u32), pixels: &[[u8; 3]]) {
    let photo = open(bytes);
    assert_eq!(photo.image.dimensions(), (width, height));
    // Frames of WebP are rounded once more.
    let is_near = |found: &[u8; 3], expected: &[u8; 3]| (0..3).all(|i| found[i].abs_diff(expected[i]) <= 1);
    let found: Vec<_> = photo.image.pixels().map(|pixel| pixel.0).collect();
    let is_same = found.iter().zip(pixels).all(|(found, expected)| is_near(found, expected));
    assert!(is_same && found.len() == pixels.len(), "found {found:?}, expected {pixels:?}");
}

#[test]
fn a_gif_is_as_large_as_its_first_frame_at_least() {
    let pixels = [1, 2, 2, 1];
    let shown = [RED, BLUE, BLUE, RED];
    for screen in [[0, 0], [1, 1], [1, 2], [2, 0], [2, 2]] {
        assert_pixels(&gif(screen, &[frame([0, 0], [2, 2], &pixels)]), (2, 2), &shown);
    }
    // The frame is the picture where it is larger than the screen, wherever it is said to lie.
    assert_pixels(&gif([1, 1], &[frame([7, 3], [2, 2], &pixels)]), (2, 2), &shown);
    // It reaches over the edge, but is no larger.
    let reaching = gif([2, 2], &[frame([1, 0], [2, 2], &pixels)]);
    assert_pixels(&reaching, (3, 2), &[WHITE, RED, BLUE, WHITE, BLUE, RED]);
    // Of later frames, what lies outside is cut off.
    let clear = || Frame { is_transparent: true, ..frame([0, 0], [1, 1], &[0]) };
    assert_pixels(&gif([1, 2], &[clear(), frame([0, 1], [2, 2], &pixels)]), (1, 2), &[WHITE, RED]);
    assert_pixels(&gif([1, 1], &[clear(), frame([1, 1], [2, 2], &pixels)]), (1, 1), &[WHITE]);
}

#[test]
fn the_first_frame_of_a_gif_that_shows_something_counts() {
    let clear = || Frame { is_transparent: true, ..frame([0, 0], [2, 1], &[0, 0]) };
    let half = || Frame { is_transparent: true, ..frame([0, 0], [2, 1], &[0, 2]) };
    let red = || frame([0, 0], [2, 1], &[1, 1]);
    assert_pixels(&gif([2, 1], &[clear(), clear(), red(), half()]), (2, 1), &[RED, RED]);
    assert_pixels(&gif([2, 1], &[clear(), half(), red()]), (2, 1), &[WHITE, BLUE]);
    assert_pixels(&gif([2, 1], &[frame([0, 0], [0, 0], &[]), red()]), (2, 1), &[RED, RED]);
    // None does.
    assert_pixels(&gif([2, 1], &[clear(), clear()]), (2, 1), &[WHITE, WHITE]);
    // Cut in the second frame.
    let cut = gif([2, 1], &[clear(), red()]);
    let result = decode_bytes(&cut[..cut.len() - 6], &Limits::default());
    assert!(matches!(result, Err(ImageError::Truncated { format: Format::Gif })));
}

#[test]
fn unknown_extensions_of_a_gif_are_passed_over() {
    let mut file = gif([1, 1], &[frame([0, 0], [1, 1], &[1])]);
    let at = file.iter().position(|byte| *byte == b',').unwrap();
    file.splice(at..at, *b"!\x42\x03abc\x02de\0");
    assert_pixels(&file, (1, 1), &[RED]);
}

/// The pieces of a file of a PNG fixture: signature and header, pixels, end.
fn pieces_of_png(name: &str) -> [Vec<u8>; 3] {
    let file = fixture(name);
    let at = |kind: &[u8; 4]| file.windows(4).position(|window| window == kind).unwrap() - 4;
    let (pixels, end) = (at(b"IDAT"), at(b"IEND"));
    [file[..pixels].to_vec(), file[pixels..end].to_vec(), file[end..].to_vec()]
}

fn spoilt(mut chunk: Vec<u8>) -> Vec<u8> {
    *chunk.last_mut().unwrap() ^= 1;
    chunk
}

#[test]
fn a_png_whose_pixels_are_all_there_is_whole() {
    for name in ["photo.png", "palette.png"] {
        let expected = open(&fixture(name)).image;
        let [start, pixels, end] = pieces_of_png(name);
        let text = spoilt(png_chunk(b"tEXt", b"Comment\0text"));
        let time = spoilt(png_chunk(b"tIME", &[0; 7]));
        for file in [
            // The end is missing, in part, or damaged.
            [&start[..], &pixels].concat(),
            [&start[..], &pixels, &end[..7]].concat(),
            [&start[..], &pixels, &spoilt(end.clone())].concat(),
            [&start[..], &pixels[..pixels.len() - 4]].concat(),
            // Behind the pixels is what should not be there.
            [&start[..], &pixels, &png_chunk(b"NEWS", b"?"), &end].concat(),
            [&start[..], &pixels, b"garbage"].concat(),
            // What nobody needs is damaged.
            [&start[..], &text, &time, &pixels, &text, &end].concat(),
            // The checksum of the chunk is wrong, but not that of the data in it.
            [&start[..], &spoilt(pixels.clone()), &end].concat(),
        ] {
            assert!(open(&file).image == expected, "{name}");
        }
        // The same checksum, and pixels that are not what they were.
        let mut damaged = pixels.clone();
        let adler = damaged.len() - 5;
        damaged[adler] ^= 1;
        assert!(decode_bytes(&[&start[..], &damaged, &end].concat(), &Limits::default()).is_err(), "{name}");
    }
    // Interlaced, where the last row is not the last that is stored.
    let interlaced = hostile_files::png((5, 3), 8, 2, 1, &[]);
    assert!(open(&interlaced[..interlaced.len() - 12]).image.pixels().all(|pixel| pixel.0 == [0; 3]));
    for narrow in [(1, 9), (3, 1), (2, 2)] {
        let file = hostile_files::png(narrow, 8, 0, 1, &[]);
        assert_eq!(open(&file[..file.len() - 12]).image.dimensions(), narrow);
    }
}

#[test]
fn a_png_as_apple_makes_it() {
    // Blue, green, red and alpha, the colours multiplied with it.
    let rows = [0, 10, 20, 30, 255, 0, 0, 64, 128, 0, 0, 0, 0, 0];
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&rows[..13]).unwrap();
    let packed = packed.finish().unwrap();
    let header = [&[0, 0, 0, 3, 0, 0, 0, 1][..], &[8, 6, 0, 0, 0]].concat();
    let file = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        png_chunk(b"CgBI", &[0x50, 0, 0x20, 2]),
        png_chunk(b"IHDR", &header),
        png_chunk(b"IDAT", &packed),
        png_chunk(b"IEND", b""),
    ]
    .concat();
    assert_pixels(&file, (3, 1), &[[30, 20, 10], [191, 127, 127], WHITE]);
}

#[track_caller]
fn assert_has_exif(file: &[u8], what: &str) {
    let photo = open(file);
    assert_eq!(photo.metadata.camera.as_deref(), Some("abc"), "{what}");
    assert_eq!(photo.image.dimensions(), (64, 96), "{what}");
}

#[test]
fn exif_data_may_be_named_where_they_should_not_be() {
    let block = exif_block(6);
    for times in 0..3 {
        let block = [b"Exif\0\0".repeat(times), block.clone()].concat();
        let [start, pixels, end] = pieces_of_png("photo.png");
        assert_has_exif(&[start, png_chunk(b"eXIf", &block), pixels, end].concat(), "PNG");

        let still = fixture("lossless.webp");
        assert_has_exif(&webp_with_exif(&still, &block), "WebP");

        let jpeg = fixture("420.jpg");
        let length = (block.len() as u16 + 8).to_be_bytes();
        let exif = [b"\xff\xe1", &length[..], b"Exif\0\0", &block].concat();
        for before in [&b""[..], b"\xff\xe1\0\x08Exif\0\0", b"\xff\xe1\0\x12Exif\0\0MM\0*\0\0\0\x08\0\0"] {
            assert_has_exif(&[&jpeg[..2], before, &exif, &jpeg[2..]].concat(), "JPEG");
        }
    }
}

#[test]
fn exif_data_in_texts_of_png() {
    let exif = [b"Exif\0\0".to_vec(), exif_block(6)].concat();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&raw_profile("exif", &exif)).unwrap();
    let packed = packed.finish().unwrap();
    for (kind, text) in [
        (b"tEXt", [b"Raw profile type exif\0", &raw_profile("exif", &exif)[..]].concat()),
        (b"tEXt", [b"Raw profile type exif\0", &raw_profile("exif", &exif_block(6))[..]].concat()),
        (b"tEXt", [b"Raw profile type APP1\0", &raw_profile("generic", &exif)[..]].concat()),
        (b"zTXt", [b"Raw profile type exif\0\0", &packed[..]].concat()),
        (b"zTXt", [b"Raw profile type APP1\0\0", &packed[..]].concat()),
    ] {
        for is_last in [false, true] {
            let [start, pixels, end] = pieces_of_png("photo.png");
            let chunk = png_chunk(kind, &text);
            let file = if is_last { [start, pixels, chunk, end] } else { [start, chunk, pixels, end] };
            assert_has_exif(&file.concat(), &String::from_utf8_lossy(&text[..21]));
        }
    }
    let [start, pixels, end] = pieces_of_png("photo.png");
    let packet = b"<rdf:RDF><rdf:Description xmp:Rating='4'/></rdf:RDF>";
    let xmp = [b"http://ns.adobe.com/xap/1.0/\0", &packet[..]].concat();
    let keyword = b"\x1c\x02\x19\0\x04tree";
    let chunk = |name: &str, content: &[u8]| {
        png_chunk(b"tEXt", &[format!("Raw profile type {name}\0").as_bytes(), &raw_profile(name, content)].concat())
    };
    let chunks = [chunk("APP1", &xmp), chunk("iptc", keyword)].concat();
    let metadata = open(&[start, chunks, pixels, end].concat()).metadata;
    assert_eq!((metadata.rating, metadata.tags), (Some(4), vec!["tree".to_owned()]));
}

#[test]
fn compressed_xmp_of_a_png() {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(b"<rdf:RDF><rdf:Description xmp:Rating='4'/></rdf:RDF>").unwrap();
    let text = [b"XML:com.adobe.xmp\0\x01\0\0\0", &packed.finish().unwrap()[..]].concat();
    let [start, pixels, end] = pieces_of_png("photo.png");
    let metadata = open(&[start, png_chunk(b"iTXt", &text), pixels, end].concat()).metadata;
    assert_eq!(metadata.rating, Some(4));
}

/// The packet is stored as it is, and counts as blocks of data that its last 258 bytes put an end to.
#[test]
fn xmp_of_a_gif() {
    let file = gif([1, 1], &[frame([0, 0], [1, 1], &[0])]);
    let packet = b"<rdf:RDF><rdf:Description xmp:Rating='4'/></rdf:RDF>";
    let end: Vec<u8> = std::iter::once(1).chain((0..=255).rev()).chain([0]).collect();
    let extension = [b"\x21\xff\x0bXMP DataXMP", &packet[..], &end].concat();
    let palette = 3 << ((file[10] & 7) + 1);
    for at in [13 + palette, file.len() - 1] {
        let file = [&file[..at], &extension, &file[at..]].concat();
        assert_eq!(open(&file).metadata.rating, Some(4), "at {at}");
        for length in at..at + extension.len() {
            // Cut off anywhere.
            let _ = decode_bytes(&file[..length], &Limits::default());
        }
    }
}

fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    body.extend(webp_chunks(chunks));
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

fn webp_chunks(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, payload) in chunks {
        out.extend([&kind[..], &(payload.len() as u32).to_le_bytes(), payload].concat());
        out.resize(out.len().next_multiple_of(2), 0);
    }
    out
}

fn vp8x(flags: u8, size: u8) -> Vec<u8> {
    vec![flags, 0, 0, 0, size - 1, 0, 0, size - 1, 0, 0]
}

/// The lossless data of a square of one colour.
fn square(side: u32, colour: [u8; 4]) -> Vec<u8> {
    let image = image::RgbaImage::from_pixel(side, side, image::Rgba(colour));
    let mut file = std::io::Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::WebP).unwrap();
    let file = file.into_inner();
    let at = file.windows(4).position(|window| window == b"VP8L").unwrap();
    file[at + 8..].to_vec()
}

#[test]
fn a_webp_header_may_promise_what_is_not_there_and_forget_what_is() {
    let still = fixture("lossless.webp");
    let expected = open(&still).image;
    let data = still[20..].to_vec();
    for flags in 0..=0x3f {
        let mut header = vp8x(flags, 96);
        header[7] = 63;
        let file = riff(&[(b"VP8X", header.clone()), (b"VP8L", data.clone())]);
        assert!(open(&file).image == expected, "flags {flags:#x}");
        let file = riff(&[(b"VP8X", header), (b"VP8L", data.clone()), (b"EXIF", exif_block(6))]);
        assert_has_exif(&file, "WebP");
    }
    // Transparency, whether the header knows of it or not.
    for flags in [0, 0x10] {
        let file = riff(&[(b"VP8X", vp8x(flags, 2)), (b"VP8L", square(2, [255, 0, 0, 0]))]);
        assert_pixels(&file, (2, 2), &[WHITE; 4]);
    }
}

#[test]
fn the_first_frame_of_a_webp_that_shows_something_counts() {
    let frame = |side: u8, colour: [u8; 4]| {
        let place = [0, 0, 0, 0, 0, 0, side - 1, 0, 0, side - 1, 0, 0, 100, 0, 0, 0];
        (b"ANMF", [&place[..], &webp_chunks(&[(b"VP8L", square(side.into(), colour))])].concat())
    };
    let animation = |frames: &[(&'static [u8; 4], Vec<u8>)], flags: u8| {
        let start: [(&[u8; 4], Vec<u8>); 2] = [(b"VP8X", vp8x(flags, 2)), (b"ANIM", vec![0; 6])];
        riff(&[&start[..], frames].concat())
    };
    let (clear, red, blue) = ([0; 4], [255, 0, 0, 255], [0, 0, 255, 255]);
    for flags in [0x12, 0x02, 0x00] {
        assert_pixels(&animation(&[frame(1, clear), frame(2, clear), frame(2, red)], flags), (2, 2), &[RED; 4]);
        assert_pixels(&animation(&[frame(2, red), frame(2, blue)], flags), (2, 2), &[RED; 4]);
        let small = animation(&[frame(2, clear), frame(1, blue), frame(2, red)], flags);
        assert_pixels(&small, (2, 2), &[BLUE, WHITE, WHITE, WHITE]);
        assert_pixels(&animation(&[frame(2, clear)], flags), (2, 2), &[WHITE; 4]);
        assert_pixels(&animation(&[frame(2, clear), frame(1, clear)], flags), (2, 2), &[WHITE; 4]);
    }
}

#[test]
fn png_of_every_depth_with_transparency() {
    // Grey 1 of 1, 2, 4, 8 and 16 bits transparent; the pixels are 0 and 1 of it.
    for bits in [1_u8, 2, 4, 8, 16] {
        for interlacing in [0, 1] {
            let file = hostile_files::png((2, 1), bits, 0, interlacing, &[(b"tRNS", vec![0, 0])]);
            assert_pixels(&file, (2, 1), &[WHITE, WHITE]);
            let file = hostile_files::png((2, 1), bits, 0, interlacing, &[(b"tRNS", vec![0, 1])]);
            assert_pixels(&file, (2, 1), &[[0; 3], [0; 3]]);
        }
        if bits <= 8 {
            let palette = vec![200, 100, 0];
            let chunks = [(b"PLTE", palette.clone()), (b"tRNS", vec![128])];
            assert_pixels(&hostile_files::png((2, 1), bits, 3, 0, &chunks), (2, 1), &[[227, 177, 127]; 2]);
            assert_pixels(&hostile_files::png((2, 1), bits, 3, 1, &[(b"PLTE", palette)]), (2, 1), &[[200, 100, 0]; 2]);
        }
    }
    for (bits, samples) in [(8, 6), (16, 6)] {
        let file = hostile_files::png((2, 1), bits, 2, 0, &[(b"tRNS", vec![0; samples])]);
        assert_pixels(&file, (2, 1), &[WHITE, WHITE]);
    }
}
