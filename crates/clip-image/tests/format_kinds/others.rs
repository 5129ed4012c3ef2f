//! Formats that photos seldom have, those that are only named, and what is no photo.

use super::{
    CLEAR, FEW, GREY, KEYED, Kind, LARGE, MONO, PALETTE, PHOTO, Table, changed, cut, find, fixture, grey_of, kind,
    read, refused,
};

pub fn tables() -> Vec<Table> {
    let table = |name, kinds| Table { name, kinds };
    vec![
        table("JPEG XL", jxl()),
        table("JPEG 2000", jp2()),
        table("BMP", bmp()),
        table("PNM", pnm()),
        table("QOI", qoi()),
        table("ICO", ico()),
        table("TGA", tga()),
        table("HDR", hdr()),
        table("OpenEXR", exr()),
        table("DDS", dds()),
        table("PSD", psd()),
        table("others", others()),
        table("no photos", no_photos()),
    ]
}

fn jxl() -> Vec<Kind> {
    vec![
        read("lossless", &PHOTO, [kind("lossless.jxl")]),
        read("lossy, with and without a container", &PHOTO, [kind("container.jxl"), kind("orientation-1.jxl")]),
        read("recompressed JPEG", &PHOTO, [kind("from-jpeg.jxl")]),
        read("grey, 16 bits", &GREY, [kind("grey-16.jxl")]),
        read("floating-point samples", &PHOTO, [kind("float.jxl")]),
        read("transparent", &CLEAR, [kind("alpha.jxl")]),
        read("several frames: the first", &PHOTO, [kind("frames.jxl")]),
        refused("cut off in the middle", cut(kind("lossless.jxl"))),
    ]
}

fn jp2() -> Vec<Kind> {
    let of = |name: &str| kind(&format!("{name}.jp2"));
    let stream = |name: &str| kind(&format!("{name}.j2k"));
    let orders = ["lrcp", "rlcp", "rpcl", "pcrl", "cprl"].map(|order| stream(&format!("order-{order}")));
    let without_end = {
        let mut file = stream("tiles");
        file.truncate(file.len() - 2);
        file
    };
    vec![
        read("lossless, in a file (JP2) and as a codestream", &PHOTO, [of("lossless"), stream("lossless")]),
        read("lossy", &PHOTO, [of("lossy"), of("photo"), stream("photo")]),
        read("as Photoshop writes it (JPX)", &PHOTO, [kind("photo.jpx")]),
        read("any progression, with layers and precincts", &PHOTO, orders),
        read("a progression that changes", &PHOTO, [stream("changed-progression")]),
        read("tiles, in several parts", &PHOTO, [stream("tiles"), stream("offsets")]),
        read("any mode of the coder", &PHOTO, ["coder-modes", "raised"].map(stream)),
        read("12 and 16 bits per sample", &PHOTO, ["rgb-12", "rgb-16"].map(of)),
        read("grey, unsigned and signed", &GREY, [of("grey"), stream("signed")]),
        read("black and white", &MONO, [of("mono")]),
        read("palette", &PALETTE, ["palette", "palette-unmapped"].map(of)),
        read("sYCC", &PHOTO, [of("ycc")]),
        read("sYCC, with chroma at half the size", &LARGE, [of("ycc-420")]),
        read("CMYK", &PHOTO, [of("cmyk")]),
        read("L\\*a\\*b\\*", &PHOTO, [of("lab")]),
        read("transparent, channels in any order", &CLEAR, [stream("rgba"), of("channels")]),
        read("transparent, premultiplied", &CLEAR, [of("premultiplied")]),
        read("grey with transparency", &grey_of(&CLEAR), [of("grey-alpha")]),
        read("without an end marker, but with all tiles", &PHOTO, [without_end]),
        refused("high-throughput coding (HTJ2K)", stream("high-throughput")),
        refused("video (Motion JPEG 2000)", kind("motion.mj2")),
        refused("cut off in the middle", cut(of("lossless"))),
    ]
}

fn bmp() -> Vec<Kind> {
    let of = |name: &str| kind(&format!("{name}.bmp"));
    vec![
        read("24 bits", &PHOTO, [of("rgb-24")]),
        read("16 bits: 5-5-5 and 5-6-5", &PHOTO, ["rgb-555", "rgb-565"].map(of)),
        read("32 bits with transparency (V5)", &CLEAR, [of("v5-alpha")]),
        read("32 bits, fully transparent: shown as opaque", &PHOTO, [of("v5-alpha-zero")]),
        read("8-bit palette, bottom-up and top-down", &PALETTE, ["palette-8", "top-down"].map(of)),
        read("8-bit palette that claims 300 colours", &PALETTE, [of("palette-300")]),
        read("4-bit palette", &FEW, [of("palette-4")]),
        read("black and white", &MONO, [of("mono")]),
        read("8-bit RLE", &PALETTE, [of("rle-8")]),
        read("4-bit RLE", &FEW, [of("rle-4")]),
        read("24-bit RLE (OS/2)", &PHOTO, [of("rle-24")]),
        read("OS/2, version 1 and 2", &PHOTO, ["os2-1", "os2-2"].map(of)),
        refused("a JPEG inside, as for printers", of("jpeg-inside")),
        refused("Huffman codes (OS/2)", of("huffman")),
        refused("cut off in the middle", cut(of("rgb-24"))),
    ]
}

fn pnm() -> Vec<Kind> {
    let (width, height) = PHOTO.dimensions();
    let numbers = |samples: &mut dyn Iterator<Item = u8>| {
        samples.map(|sample| format!("{sample}\n")).collect::<String>().into_bytes()
    };
    let head = |kind: &str, most: &str| format!("{kind}\n# a comment\n{width} {height}\n{most}").into_bytes();
    let (grey, ink) = (GREY.pixels().map(|pixel| pixel[0]), MONO.pixels().map(|pixel| u8::from(pixel[0] == 0)));
    let packed: Vec<u8> = MONO
        .rows()
        .flat_map(|row| {
            let ink: Vec<u8> = row.map(|pixel| u8::from(pixel[0] == 0)).collect();
            ink.chunks(8)
                .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit) << (8 - bits.len()))
                .collect::<Vec<_>>()
        })
        .collect();
    let wide = |samples: &mut dyn Iterator<Item = u8>| samples.flat_map(|sample| [sample, sample]).collect::<Vec<_>>();
    let pam = |depth: u8, kind: &str, samples: &[u8]| {
        let head = format!("P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n");
        [head.as_bytes(), samples].concat()
    };
    let grey_bytes: Vec<u8> = grey.clone().collect();
    let with_alpha: Vec<u8> = PHOTO.pixels().flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
    let floats: Vec<u8> = GREY.pixels().flat_map(|pixel| (f32::from(pixel[0]) / 255.0).to_le_bytes()).collect();
    vec![
        read(
            "PBM, as text and in binary",
            &MONO,
            [[head("P1", ""), numbers(&mut ink.clone())].concat(), [head("P4", ""), packed].concat()],
        ),
        read(
            "PGM, as text, in 8 bits and in 16 bits",
            &GREY,
            [
                [head("P2", "255\n"), numbers(&mut grey.clone())].concat(),
                [head("P5", "255\n"), grey_bytes.clone()].concat(),
                [head("P5", "65535\n"), wide(&mut grey.clone())].concat(),
            ],
        ),
        read(
            "PPM, as text, in 8 bits and in 16 bits",
            &PHOTO,
            [
                [head("P3", "255\n"), numbers(&mut PHOTO.iter().copied())].concat(),
                [head("P6", "255\n"), PHOTO.to_vec()].concat(),
                [head("P6", "65535\n"), wide(&mut PHOTO.iter().copied())].concat(),
            ],
        ),
        read("PAM, grey", &GREY, [pam(1, "GRAYSCALE", &grey_bytes)]),
        read(
            "PAM, colours with and without transparency",
            &PHOTO,
            [pam(3, "RGB", &PHOTO), pam(4, "RGB_ALPHA", &with_alpha)],
        ),
        refused("PAM with another tuple type", pam(3, "HEIGHTS", &PHOTO)),
        refused("PFM", [format!("Pf\n{width} {height}\n-1.0\n").as_bytes(), &floats].concat()),
        refused("cut off in the middle", cut([head("P6", "255\n"), PHOTO.to_vec()].concat())),
    ]
}

fn qoi() -> Vec<Kind> {
    vec![
        read("without transparency", &LARGE, [fixture("photo.qoi")]),
        read("with transparency", &CLEAR, [kind("alpha.qoi")]),
        refused("cut off in the middle", cut(fixture("photo.qoi"))),
    ]
}

fn ico() -> Vec<Kind> {
    // Run lengths are not allowed there.
    let compressed = {
        let icon = kind("palette.ico");
        changed(icon, 22 + 16, &[1])
    };
    vec![
        read("several pictures: the largest, a PNG", &LARGE, [fixture("photo.ico")]),
        read("32-bit bitmap with transparency", &CLEAR, [kind("alpha.ico")]),
        read("24-bit bitmap with a mask", &KEYED, [kind("mask.ico")]),
        read("bitmap with a palette", &PALETTE, [kind("palette.ico")]),
        read("cursor (CUR)", &LARGE, [changed(fixture("bitmap.ico"), 2, &[2])]),
        refused("compressed bitmap", compressed),
        refused("cut off in the middle", cut(kind("mask.ico"))),
    ]
}

fn tga() -> Vec<Kind> {
    vec![
        read("24 bits", &LARGE, [fixture("photo.tga")]),
        read("16 bits", &PHOTO, [kind("rgb-16.tga")]),
        read("32 bits with transparency, RLE", &CLEAR, [kind("alpha.tga")]),
        read("palette", &PALETTE, [kind("palette.tga")]),
        read("palette, RLE", &LARGE, [fixture("runs.tga")]),
        read("grey, and stored right to left", &GREY, ["grey.tga", "right-to-left.tga"].map(kind)),
        refused("cut off in the middle", cut(fixture("photo.tga"))),
    ]
}

fn hdr() -> Vec<Kind> {
    let other = {
        let file = kind("rgb.hdr");
        let at = find(&file, b"rgbe\n");
        changed(file, at, b"luv!\n")
    };
    vec![
        read("RGB", &PHOTO, [kind("rgb.hdr")]),
        read("XYZ", &PHOTO, [kind("xyz.hdr")]),
        refused("another sample format", other),
        refused("cut off in the middle", cut(kind("rgb.hdr"))),
    ]
}

fn exr() -> Vec<Kind> {
    let of = |name: &str| kind(&format!("{name}.exr"));
    vec![
        read("uncompressed", &PHOTO, [of("no")]),
        read("RLE, ZIPS, ZIP, PIZ", &PHOTO, ["rle", "zips", "zip", "piz"].map(of)),
        read("PXR24, B44, B44A, DWAA, DWAB", &PHOTO, ["pxr24", "b44", "b44a", "dwaa", "dwab"].map(of)),
        read("tiles", &PHOTO, [of("tiles")]),
        read("transparent", &CLEAR, [of("alpha")]),
        read("luminance only", &grey_by_green(), [fixture("brightness.exr")]),
        refused("depth only", of("depth")),
        refused("cut off in the middle", cut(of("zip"))),
    ]
}

fn dds() -> Vec<Kind> {
    let of = |name: &str| kind(&format!("{name}.dds"));
    vec![
        read("DXT1 (BC1)", &PHOTO, [of("dxt1")]),
        read("DXT2 and DXT3 (BC2), DXT4 and DXT5 (BC3), transparent", &CLEAR, ["dxt3", "dxt4", "dxt5"].map(of)),
        read("BC4, unsigned and signed: as grey", &GREY, ["bc4", "bc4-signed"].map(of)),
        read("BC5: as red and green", &without_blue(), [of("bc5")]),
        read("BC6H, floating-point samples", &LARGE, [fixture("light.dds")]),
        read("BC7", &LARGE, [fixture("photo.dds")]),
        read("BC7, transparent", &CLEAR, [of("bc7-alpha")]),
        read("floating-point samples of 16 and 32 bits", &PHOTO, ["half", "single"].map(of)),
        read("8 and 16 bits a sample, transparent", &CLEAR, ["rgba", "bgra", "whole"].map(of)),
        read("8 bits a sample, fully transparent: shown as opaque", &PHOTO, [of("alpha-zero")]),
        read("24 bits a pixel", &PHOTO, [of("bgr")]),
        read("16 bits a pixel: 5-5-5-1 and 5-6-5", &PHOTO, ["rgb-555", "rgb-565"].map(of)),
        read("10 bits a sample", &PHOTO, [of("rgb-10")]),
        read("luminance", &GREY, [of("luminance")]),
        refused("YUV samples", of("yuy2")),
        refused("cut off in the middle", cut(of("bgr"))),
    ]
}

fn without_blue() -> image::RgbImage {
    let mut image = PHOTO.clone();
    image.pixels_mut().for_each(|pixel| pixel.0[2] = 0);
    image
}

/// The brightness of that file is the green of the photo.
fn grey_by_green() -> image::RgbImage {
    let mut image = LARGE.clone();
    image.pixels_mut().for_each(|pixel| pixel.0 = [pixel[1]; 3]);
    image
}

fn psd() -> Vec<Kind> {
    let of = |name: &str| kind(&format!("{name}.psd"));
    vec![
        read("RGB, 8 bits", &PHOTO, [of("rgb")]),
        read("RGB, 16 bits", &PHOTO, [of("rgb-16")]),
        read("large document (PSB)", &PHOTO, [kind("large.psb")]),
        read("grey, and duotone as grey", &GREY, ["grey", "duotone"].map(of)),
        read("black and white", &MONO, [of("mono")]),
        read("palette", &PALETTE, [of("palette")]),
        read("CMYK", &PHOTO, [of("cmyk")]),
        read("L\\*a\\*b\\*", &PHOTO, [of("lab")]),
        read("transparent", &CLEAR, [of("transparent")]),
        refused("32 bits", of("grey-32")),
        refused("multichannel", of("multichannel")),
        refused("ZIP compression", of("zip")),
        refused("saved without \"maximize compatibility\"", of("no-flat-image")),
        refused("cut off in the middle", cut(of("rgb"))),
    ]
}

fn others() -> Vec<Kind> {
    vec![
        refused("JPEG XR", kind("photo.jxr")),
        refused("farbfeld", b"farbfeld\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec()),
        refused("FITS", b"SIMPLE  =                    T".to_vec()),
        refused("SVG", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec()),
        refused("PDF", b"%PDF-1.7\n".to_vec()),
        refused("MP4 and MOV", b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2".to_vec()),
    ]
}

fn no_photos() -> Vec<Kind> {
    let claim = {
        let mut file = kind("rgb-24.bmp");
        file = changed(file, 18, &20_000_u32.to_le_bytes());
        changed(file, 22, &20_000_u32.to_le_bytes())
    };
    vec![
        refused("empty file", Vec::new()),
        refused("a text file named as a photo", b"Dear diary".to_vec()),
        refused("more than 250 million pixels", claim),
        refused("no pixels", b"P6 0 7 255\n".to_vec()),
    ]
}
