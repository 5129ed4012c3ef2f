//! What is wrong with a file is said in plain words, with what was expected and found, and without those of libraries.
#![cfg(feature = "default")]

use std::path::Path;

use clip_image::{ImageError, Limits, Remedy, decode_bytes};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn message(bytes: &[u8]) -> String {
    decode_bytes(bytes, &Limits::default()).expect_err("no photo").to_string()
}

/// Compares messages with those expected, and shows all that differ at once.
fn assert_messages(cases: &[(&str, Vec<u8>, &str)]) {
    let different: Vec<_> = cases
        .iter()
        .map(|(case, bytes, expected)| (case, message(bytes), expected))
        .filter(|(_, found, expected)| found != *expected)
        .map(|(case, found, expected)| format!("{case}\n  found    {found}\n  expected {expected}"))
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn changed(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

fn png_chunk(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let content = [kind, payload].concat();
    let (length, checksum) = (payload.len() as u32, crc32fast::hash(&content));
    [&length.to_be_bytes()[..], &content, &checksum.to_be_bytes()].concat()
}

/// A PNG of 2 x 2 pixels with this end of its header, and these chunks.
fn png(header: [u8; 5], chunks: &[Vec<u8>]) -> Vec<u8> {
    let header = [&[0, 0, 0, 2, 0, 0, 0, 2][..], &header].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), png_chunk(b"IHDR", &header), chunks.concat()].concat()
}

#[test]
fn of_png() {
    let pixels = png_chunk(b"IDAT", b"no deflate stream");
    let end = png_chunk(b"IEND", b"");
    let rgb = [8, 2, 0, 0, 0];
    let good = fixture("photo.png");
    let checksum = u32::from_be_bytes(good[29..33].try_into().unwrap());
    let spoilt = changed(&good, 29, &(checksum ^ 1).to_be_bytes());
    let of_checksum =
        format!("damaged PNG: the checksum of its IHDR chunk is {:08x}, its content has {checksum:08x}", checksum ^ 1);
    assert_messages(&[
        ("checksum", spoilt, &of_checksum),
        (
            "pixels",
            png(rgb, &[pixels.clone(), end.clone()]),
            "damaged PNG: its image data cannot be decompressed or is too short",
        ),
        ("no pixels", png(rgb, std::slice::from_ref(&end)), "damaged PNG: it has no pixels"),
        ("no palette", png([8, 3, 0, 0, 0], &[pixels.clone(), end.clone()]), "damaged PNG: its palette is missing"),
        (
            "colour type",
            png([8, 7, 0, 0, 0], std::slice::from_ref(&pixels)),
            "damaged PNG: its colour type is 7, expected 0, 2, 3, 4 or 6",
        ),
        (
            "bits",
            png([4, 6, 0, 0, 0], std::slice::from_ref(&pixels)),
            "damaged PNG: its bit depth of 4 is not allowed with colour type 6",
        ),
        (
            "interlacing",
            png([8, 2, 0, 0, 2], std::slice::from_ref(&pixels)),
            "damaged PNG: its interlacing method is 2, expected 0 or 1",
        ),
        (
            "essential chunk",
            png(rgb, &[png_chunk(b"NEW\x1b", b""), pixels.clone(), end]),
            "damaged PNG: it has an unknown critical chunk NEW\\x1b",
        ),
        (
            "first chunk",
            [b"\x89PNG\r\n\x1a\n".to_vec(), pixels].concat(),
            "damaged PNG: its first chunk is IDAT, expected IHDR",
        ),
    ]);
}

/// A BMP header of 40 bytes, and pixels that may or may not be enough.
fn bmp(width: i32, height: i32, planes: u16, bits: u16, compression: u32, colours: u32) -> Vec<u8> {
    let mut file = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    file.extend(width.to_le_bytes());
    file.extend(height.to_le_bytes());
    file.extend(planes.to_le_bytes());
    file.extend(bits.to_le_bytes());
    for field in [compression, 0, 0, 0, colours, 0] {
        file.extend(field.to_le_bytes());
    }
    file.resize(file.len() + 2000, 0);
    file
}

#[test]
fn of_bmp() {
    let unsupported = |what: &str| format!("{what} is not supported; convert the photo to JPEG or PNG");
    let long_header = changed(&bmp(2, 2, 1, 24, 0, 0), 14, &[125]);
    let huffman = changed(&bmp(2, 2, 1, 1, 3, 0), 14, &[64]);
    assert_messages(&[
        ("size", bmp(-2, 2, 1, 24, 0, 0), "damaged BMP: its size is -2x2 pixels"),
        ("planes", bmp(2, 2, 3, 24, 0, 0), "damaged BMP: it has 3 planes, expected 1"),
        (
            "bits",
            bmp(2, 2, 1, 7, 0, 0),
            "damaged BMP: it has 7 bits per pixel with compression 0, expected 1, 2, 4, 8, 16, 24, 32 or 64",
        ),
        ("bits of RLE", bmp(2, 2, 1, 4, 1, 0), "damaged BMP: it has 4 bits per pixel with compression 1, expected 8"),
        (
            "direction of RLE",
            bmp(2, -2, 1, 8, 1, 0),
            "damaged BMP: its rows are top-down, which is not allowed with compression 1",
        ),
        ("masks", bmp(2, 2, 1, 32, 3, 0), "damaged BMP: its colour masks are not valid"),
        ("Huffman codes", huffman, &unsupported("BMP with Huffman compression")),
        ("JPEG inside", bmp(2, 2, 1, 0, 4, 0), &unsupported("BMP with JPEG compression")),
        ("CMYK", bmp(2, 2, 1, 32, 11, 0), &unsupported("BMP with CMYK colours")),
        ("compression", bmp(2, 2, 1, 24, 77, 0), &unsupported("BMP with compression 77")),
        ("long header", long_header, &unsupported("BMP with a header of 125 bytes")),
        (
            "short header",
            changed(&bmp(2, 2, 1, 24, 0, 0), 14, &[11]),
            "damaged BMP: its header has 11 bytes, the shortest has 12",
        ),
    ]);
}

/// A TIFF file of one strip with these values of short fields besides its size of 2 x 2 pixels.
fn tiff(fields: &[(u16, &[u16])], pixels: &[u8]) -> Vec<u8> {
    // The pixels come first, then values that do not fit a field, then the fields.
    let mut file = [&b"II*\0\0\0\0\0"[..], pixels].concat();
    let mut entries: Vec<(u16, u16, u32, [u8; 4])> = Vec::new();
    let long = |tag, value: u32| (tag, 4, 1, value.to_le_bytes());
    entries.extend([long(256, 2), long(257, 2), long(273, 8), long(278, 2), long(279, pixels.len() as u32)]);
    for (tag, values) in fields {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut inline = [0; 4];
        if bytes.len() <= 4 {
            inline[..bytes.len()].copy_from_slice(&bytes);
        } else {
            inline = (file.len() as u32).to_le_bytes();
            file.extend(&bytes);
        }
        entries.push((*tag, 3, values.len() as u32, inline));
    }
    entries.sort();
    let start = (file.len() as u32).to_le_bytes();
    file[4..8].copy_from_slice(&start);
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value);
    }
    file.extend([0; 4]);
    file
}

const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const COLOURS: u16 = 262;
const SAMPLES: u16 = 277;
const PREDICTOR: u16 = 317;
const PALETTE: u16 = 320;

#[test]
fn of_tiff() {
    let with = |fields: &[(u16, &[u16])]| tiff(fields, &[0; 64]);
    let rgb: [(u16, &[u16]); 3] = [(BITS, &[8, 8, 8]), (COLOURS, &[2]), (SAMPLES, &[3])];
    let rgb_and = |field: (u16, &'static [u16])| with(&[&rgb[..], &[field]].concat());
    assert!(decode_bytes(&rgb_and((COMPRESSION, &[1])), &Limits::default()).is_ok());
    let unsupported = |what: &str| format!("TIFF with {what} is not supported; convert the photo to JPEG or PNG");
    let palette = with(&[(BITS, &[16]), (COLOURS, &[3]), (SAMPLES, &[1]), (COMPRESSION, &[1]), (PALETTE, &[0; 768])]);
    let ycbcr = with(&[(BITS, &[4, 4, 4]), (COLOURS, &[6]), (SAMPLES, &[3]), (COMPRESSION, &[1])]);
    let grey_24 = with(&[(BITS, &[24]), (COLOURS, &[1]), (SAMPLES, &[1]), (COMPRESSION, &[1])]);
    let raw = with(&[(BITS, &[16]), (COLOURS, &[32803]), (SAMPLES, &[1]), (COMPRESSION, &[1])]);
    let few = with(&[(BITS, &[8, 8]), (COLOURS, &[2]), (SAMPLES, &[2]), (COMPRESSION, &[1])]);
    let uneven = with(&[(BITS, &[5, 6, 5]), (COLOURS, &[2]), (SAMPLES, &[3]), (COMPRESSION, &[1])]);
    let twelve_bits = with(&[(BITS, &[12, 12, 12]), (COLOURS, &[2]), (SAMPLES, &[3]), (COMPRESSION, &[7])]);
    let jpeg_inside = tiff(&[&rgb[..], &[(COMPRESSION, &[7])]].concat(), b"\xff\xd8 this is no JPEG, really");
    assert_messages(&[
        ("palette", palette, &unsupported("a palette and 16 bits per pixel")),
        ("YCbCr", ycbcr, &unsupported("YCbCr colours of 4 bits")),
        ("24 bits", grey_24, &unsupported("samples of 24 bits")),
        ("raw", raw, "camera raw file without an embedded preview is not supported; convert the photo to JPEG or PNG"),
        ("few samples", few, "damaged TIFF: it has 2 samples per pixel, its colours take 3"),
        ("uneven bits", uneven, &unsupported("samples of different sizes ([5, 6, 5] bits)")),
        ("compression", rgb_and((COMPRESSION, &[34712])), &unsupported("JPEG 2000 compression")),
        ("JPEG XR", rgb_and((COMPRESSION, &[22610])), &unsupported("JPEG XR compression")),
        ("LERC", rgb_and((COMPRESSION, &[34887])), &unsupported("LERC compression")),
        ("PNG", rgb_and((COMPRESSION, &[34933])), &unsupported("PNG compression")),
        ("other compression", rgb_and((COMPRESSION, &[4711])), &unsupported("compression 4711")),
        ("12-bit JPEG", twelve_bits, &unsupported("JPEG compression of 12 bits per sample")),
        ("JPEG inside", jpeg_inside, "damaged TIFF: its compressed data cannot be decompressed"),
        (
            "LZW",
            tiff(&[&rgb[..], &[(COMPRESSION, &[5])]].concat(), &[0xff; 64]),
            "damaged TIFF: its compressed data cannot be decompressed",
        ),
        ("predictor", rgb_and((PREDICTOR, &[9])), "damaged TIFF: its predictor is 9, expected 1, 2 or 3"),
        (
            "no colours",
            with(&[(BITS, &[8]), (SAMPLES, &[1]), (COLOURS, &[99])]),
            &unsupported("photometric interpretation 99"),
        ),
    ]);
}

#[test]
fn of_gif_and_webp() {
    let gif = |rest: &[u8]| [&b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xff\xff\xff"[..], rest].concat();
    // An image descriptor, then the data with codes that refer to nothing.
    let bad_codes = gif(b",\0\0\0\0\x02\0\x02\0\0\x02\x02\xff\xff\0;");
    let bad_code_size = gif(b",\0\0\0\0\x02\0\x02\0\0\x0d\x02\xff\xff\0;");
    let webp = fixture("lossless.webp");
    assert_messages(&[
        ("no frame", gif(b";"), "truncated GIF: the file ends before the image data does"),
        ("codes", bad_codes, "damaged GIF: its compressed data cannot be decompressed"),
        ("code size", bad_code_size, "damaged GIF: its blocks are not laid out as the format requires"),
        ("no chunk", changed(&webp, 12, b"none"), "damaged WebP: the header of a chunk is not valid"),
        (
            "lossless version",
            changed(&webp, 24, &[webp[24] | 0xe0]),
            "damaged WebP: its lossless data have version 7, expected 0",
        ),
        ("lossless signature", changed(&webp, 20, b"\0"), "damaged WebP: its compressed data cannot be decompressed"),
    ]);
}

#[test]
fn of_pnm_samples() {
    assert_messages(&[
        ("digit", b"P1 2 1 0x".to_vec(), "damaged PNM: a sample is \"x\", expected 0 to 1"),
        ("number", b"P2 2 1 255 0 \x1b[2J".to_vec(), "damaged PNM: a sample is \"\\x1b[2J\", expected 0 to 255"),
        ("too large", b"P3 1 1 9 0 1 70000".to_vec(), "damaged PNM: a sample is \"70000\", expected 0 to 9"),
        (
            "bit",
            b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n\x02".to_vec(),
            "damaged PNM: a sample is 2, expected 0 to 1",
        ),
    ]);
}

#[test]
fn limits_come_with_a_remedy() {
    let tight = Limits { max_pixels: 6143, ..Limits::default() };
    let error = decode_bytes(&fixture("420.jpg"), &tight).unwrap_err();
    assert_eq!(error.remedy(), Some(Remedy::RaiseMaxPixels { to: 6144 }));
    let error = ImageError::FileTooLarge { bytes: 11, max_bytes: 10 };
    assert_eq!(error.remedy(), Some(Remedy::RaiseMaxFileBytes { to: 11 }));
    assert_eq!(ImageError::Empty.remedy(), None);
}
