//! The formats that most photos have.

use super::{
    CLEAR, FEW, GREY, KEYED, Kind, LARGE, MONO, PALETTE, PHOTO, Table, black_and_white, changed, cut, find, fixture,
    grey_of, kind, picture, read, refused,
};
use crate::containers::with_segment;

pub fn tables() -> Vec<Table> {
    let table = |name, kinds| Table { name, kinds };
    vec![
        table("JPEG", jpeg()),
        table("PNG", png()),
        table("GIF", gif()),
        table("WebP", webp()),
        table("TIFF", tiff()),
        table("HEIC", heif("heic")),
        table("AVIF", heif("avif")),
    ]
}

/// Without the segments of these markers.
fn without_segments(jpeg: &[u8], markers: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (jpeg[..2].to_vec(), 2);
    while jpeg[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if !markers.contains(&jpeg[at + 1]) {
            out.extend(&jpeg[at..end]);
        }
        at = end;
    }
    [out, jpeg[at..].to_vec()].concat()
}

fn jpeg() -> Vec<Kind> {
    let large = |name| fixture(&format!("{name}.jpg"));
    let frame = |jpeg: Vec<u8>, marker: u8| {
        let at = find(&jpeg, b"\xff\xc0");
        changed(jpeg, at, &[0xff, marker])
    };
    let without_end = |mut jpeg: Vec<u8>| {
        jpeg.truncate(jpeg.len() - 2);
        jpeg
    };
    let two = [large("420"), large("grey")].concat();
    vec![
        read("baseline, full chroma resolution (4:4:4)", &LARGE, [large("444")]),
        read("baseline, chroma at half the width (4:2:2)", &LARGE, [large("422")]),
        read("baseline, chroma at half the size (4:2:0), as cameras write it", &LARGE, [large("420")]),
        read("extended sequential", &LARGE, [frame(large("444"), 0xc1)]),
        read("progressive", &LARGE, [large("progressive")]),
        read("with restart markers", &LARGE, [large("restarts")]),
        read("one scan for each component", &PHOTO, [kind("scans.jpg")]),
        read("arithmetic coding, sequential", &PHOTO, [kind("arithmetic.jpg")]),
        read("arithmetic coding, progressive", &PHOTO, [kind("arithmetic-progressive.jpg")]),
        read("chroma at half the height (4:4:0)", &PHOTO, [kind("sampling-440.jpg")]),
        read("chroma at a quarter of the width (4:1:1)", &PHOTO, [kind("sampling-411.jpg")]),
        read("chroma at an eighth of the size (4:1:0)", &PHOTO, [kind("sampling-410.jpg")]),
        read("unusual sampling: 3x1", &PHOTO, [kind("sampling-3x1.jpg")]),
        read("unusual sampling: more chroma than luma", &picture(&kind("chroma.png")), [kind("sampling-chroma.jpg")]),
        read("grey", &grey_of(&LARGE), [large("grey")]),
        read("stored as RGB", &PHOTO, [kind("rgb.jpg")]),
        read("CMYK, as Photoshop writes it", &LARGE, [large("cmyk")]),
        read("CMYK as YCCK", &LARGE, [large("ycck")]),
        read("several pictures in one file (MPO): the first", &LARGE, [two]),
        read("a frame of Motion JPEG without Huffman tables", &LARGE, [without_segments(&large("444"), &[0xc4])]),
        read(
            "without an end marker, but with all rows",
            &LARGE,
            [large("420"), large("progressive"), large("444")].map(without_end),
        ),
        read("other data after the end", &LARGE, [[large("420"), b"what a phone appends".to_vec()].concat()]),
        read("broken EXIF data", &LARGE, [with_segment(&large("420"), 0xe1, b"Exif\0\0II*\0\xff\xff\xff\xff")]),
        refused("12 bits per sample", kind("twelve-bits.jpg")),
        refused("lossless JPEG", kind("lossless.jpg")),
        refused("hierarchical JPEG", frame(large("444"), 0xc5)),
        refused("JPEG-LS", kind("jpeg-ls.jls")),
        refused("cut off in the middle", cut(large("420"))),
    ]
}

/// Signature and header, pixels, end.
fn pieces(png: &[u8]) -> [&[u8]; 3] {
    let (pixels, end) = (find(png, b"IDAT") - 4, find(png, b"IEND") - 4);
    [&png[..pixels], &png[pixels..end], &png[end..]]
}

fn png() -> Vec<Kind> {
    let plain = fixture("photo.png");
    let [start, pixels, end] = pieces(&plain);
    let wrong_sum = changed(plain.clone(), plain.len() - 1, b"?");
    let in_part = plain[..plain.len() - 7].to_vec();
    let strange_chunk = [start, pixels, b"\0\0\0\x01newS?\0\0\0\0", end].concat();
    let text = [start, b"\0\0\0\x07tEXta\0wrong\0\0\0\0", pixels, end].concat();
    vec![
        read("8 bits per sample", &LARGE, [plain.clone()]),
        read("16 bits per sample", &PHOTO, [kind("rgb-16.png")]),
        read("interlaced", &PHOTO, [kind("rgb-interlaced.png")]),
        read("grey, 8 bits", &GREY, [kind("grey.png")]),
        read("grey, 4 bits", &GREY, [kind("grey-4.png")]),
        read("grey, 16 bits", &GREY, [kind("grey-16.png")]),
        read("black and white, 1 bit", &MONO, [kind("grey-1.png")]),
        read("8-bit palette", &LARGE, [fixture("palette.png")]),
        read("4-bit palette, plain and interlaced", &FEW, ["palette-4.png", "palette-interlaced.png"].map(kind)),
        read("transparency, 8 bits, plain and interlaced", &CLEAR, ["rgba.png", "rgba-interlaced.png"].map(kind)),
        read("transparency, 16 bits", &CLEAR, [kind("rgba-16.png")]),
        read("grey with transparency", &grey_of(&CLEAR), [kind("grey-alpha.png")]),
        read("one transparent colour (tRNS)", &KEYED, [kind("transparent-colour.png")]),
        read("animated (APNG): the default image", &PHOTO, [kind("animated.png")]),
        read("Apple's variant for iPhones (CgBI)", &CLEAR, [kind("apple.png")]),
        read("end missing, partly or completely", &LARGE, [in_part, [start, pixels].concat()]),
        read("wrong checksum at the end", &LARGE, [wrong_sum]),
        read("damaged text, and an unknown chunk", &LARGE, [text, strange_chunk]),
        refused("cut off in the middle", cut(plain.clone())),
    ]
}

fn gif() -> Vec<Kind> {
    let plain = kind("plain.gif");
    let screen = |width: u8, height: u8| changed(kind("plain.gif"), 6, &[width, 0, height, 0]);
    vec![
        read("plain, and GIF87a", &PALETTE, [plain.clone(), changed(plain.clone(), 4, b"7")]),
        read("interlaced", &PALETTE, [kind("interlaced.gif")]),
        read("animated: the first frame", &LARGE, [fixture("animated.gif")]),
        read("animated, with an empty first frame: the next one", &PALETTE, [kind("empty-first-frame.gif")]),
        read("transparent", &KEYED, [kind("transparent.gif")]),
        read("screen of 0 x 0 pixels", &PALETTE, [screen(0, 0)]),
        read("frame larger than the screen", &PALETTE, [screen(20, 10)]),
        refused("cut off in the middle", cut(plain)),
    ]
}

fn webp() -> Vec<Kind> {
    // What the header of an extended file says is there: a colour profile, EXIF data and XMP data.
    let promises = {
        let still = fixture("lossless.webp");
        let header = [&b"VP8X\x0a\0\0\0\x2c\0\0\0"[..], &[95, 0, 0, 63, 0, 0]].concat();
        let body = [b"WEBP", &header[..], &still[12..]].concat();
        [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
    };
    vec![
        read("lossy", &PHOTO, [kind("lossy.webp")]),
        read("lossless", &LARGE, [fixture("lossless.webp")]),
        read("transparent, lossy and lossless", &CLEAR, ["alpha.webp", "alpha-lossless.webp"].map(kind)),
        read("animated: the first frame that is not empty", &LARGE, [fixture("animated.webp")]),
        read("header announces metadata that are missing", &LARGE, [promises]),
        refused("cut off in the middle", cut(fixture("lossless.webp"))),
    ]
}

fn tiff() -> Vec<Kind> {
    let of = |name: &str| kind(&format!("{name}.tiff"));
    let fax = |name: &str| fixture(&format!("fax-{name}.tiff"));
    let faxed = black_and_white(&LARGE);
    vec![
        read("uncompressed", &PHOTO, [of("rgb-none")]),
        read("LZW, with and without a predictor", &PHOTO, ["rgb-lzw", "rgb-predictor"].map(of)),
        read("Deflate, new and old tag value", &PHOTO, ["rgb-deflate", "rgb-old-deflate"].map(of)),
        read("PackBits", &PHOTO, [of("rgb-packbits")]),
        read("Zstandard", &PHOTO, [of("rgb-zstd")]),
        read("WebP inside", &PHOTO, [of("rgb-webp")]),
        read("JPEG inside, in strips and in tiles", &PHOTO, ["rgb-jpeg", "rgb-jpeg-tiles"].map(of)),
        read("JPEG inside, old-style (TIFF 6.0)", &PHOTO, [of("old-jpeg")]),
        read("fax: CCITT 1D, Group 3, Group 4", &faxed, ["rle", "g3", "g3-2d", "g3-fill", "g4"].map(fax)),
        read("black and white, uncompressed", &faxed, [fax("none")]),
        read("tiles", &PHOTO, [of("rgb-tiles")]),
        read("separate colour planes", &PHOTO, [of("rgb-planar")]),
        read("16 bits per sample, either byte order", &PHOTO, ["rgb-16", "rgb-big-endian"].map(of)),
        read("BigTIFF", &PHOTO, [of("rgb-bigtiff")]),
        read("floating-point colours, 0 to 1", &PHOTO, [of("rgb-float")]),
        read("8-bit grey, black or white is zero", &GREY, ["grey-8", "grey-white-is-zero"].map(of)),
        read("2-bit grey", &quarters(), [of("grey-2")]),
        read("4-bit and 12-bit grey", &GREY, ["grey-4", "grey-12"].map(of)),
        read("16-bit and 32-bit grey", &GREY, ["grey-16", "grey-32"].map(of)),
        read(
            "grey of any range: signed, or floating-point up to 255",
            &stretched(),
            ["grey-signed", "grey-float-255", "grey-double"].map(of),
        ),
        read("grey of half floats, 0 to 1", &GREY, [of("grey-half")]),
        read("palette", &FEW, [of("palette")]),
        read("transparency", &CLEAR, [of("rgba")]),
        read("transparency, premultiplied", &CLEAR, [of("rgba-premultiplied")]),
        read("grey with transparency", &grey_of(&CLEAR), [of("grey-alpha")]),
        read("an extra sample without a meaning", &PHOTO, [of("rgb-unused-sample")]),
        read("CMYK", &PHOTO, [of("cmyk")]),
        read("YCbCr", &PHOTO, [of("ycbcr")]),
        read("L\\*a\\*b\\*", &PHOTO, [of("lab")]),
        read("several pages: the first of the largest", &LARGE, [fixture("pages.tiff")]),
        read("several pages, the first one small: the largest", &PHOTO, [of("small-page-first")]),
        read("JPEG inside, with one scan for each component", &PHOTO, [of("jpeg-scans")]),
        refused("LZMA compression", of("rgb-lzma")),
        refused("JPEG 2000 inside", of("rgb-jpeg2000")),
        refused("JPEG XL inside", of("rgb-jpegxl")),
        refused("JPEG XR inside", of("rgb-jpegxr")),
        refused("PNG inside", of("rgb-png")),
        refused("LERC compression, as used for maps", of("rgb-lerc")),
        refused("complex numbers", of("grey-complex")),
        refused("LogLuv", of("logluv")),
        refused("a mask instead of a picture", of("mask")),
        refused("cut off in the middle", cut(of("rgb-none"))),
    ]
}

/// In four shades.
fn quarters() -> image::RgbImage {
    let mut image = GREY.clone();
    image.iter_mut().for_each(|sample| *sample = (*sample >> 6) * 85);
    image
}

/// From the least to the greatest value.
fn stretched() -> image::RgbImage {
    let mut image = GREY.clone();
    let (least, most) = image.iter().fold((255, 0), |(least, most), sample| (least.min(*sample), most.max(*sample)));
    let range = f64::from(most - least);
    image.iter_mut().for_each(|sample| *sample = (f64::from(*sample - least) / range * 255.0).round() as u8);
    image
}

fn heif(extension: &str) -> Vec<Kind> {
    let of = |name: &str| fixture(&format!("heif/{name}.{extension}"));
    let mut corner = LARGE.clone();
    for (x, _, pixel) in corner.enumerate_pixels_mut() {
        if x < 48 {
            pixel.0 = [255; 3];
        }
    }
    let mut kinds = vec![
        read("8 bits per sample", &LARGE, [of("plain")]),
        read("turned by the file", &LARGE, [of("turned")]),
        read("grey", &grey_of(&LARGE), [of("grey")]),
        read("transparent", &corner, [of("alpha")]),
    ];
    if extension == "avif" {
        kinds.push(read("with the generic HEIF brand (`mif1`)", &LARGE, [of("brand")]));
    } else {
        kinds.push(read("10 bits per sample", &LARGE, [of("ten-bit")]));
        kinds.push(read("with a colour profile", &LARGE, [of("profile")]));
        let mut half = LARGE.clone();
        half.iter_mut().for_each(|sample| *sample = (*sample / 2).saturating_add(127));
        kinds.push(read("half transparent, premultiplied", &half, [of("premultiplied")]));
    }
    kinds
}
