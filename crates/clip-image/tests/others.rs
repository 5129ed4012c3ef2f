//! Formats that photos seldom have: varieties that no fixture shows.
#![cfg(feature = "default")]

use std::path::Path;

use clip_image::{Limits, Photo, decode_bytes};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

#[track_caller]
fn open(bytes: &[u8]) -> Photo {
    decode_bytes(bytes, &Limits::default()).unwrap()
}

#[track_caller]
fn assert_pixels(bytes: &[u8], (width, height): (u32, u32), pixels: &[[u8; 3]]) {
    let photo = open(bytes);
    assert_eq!(photo.image.dimensions(), (width, height));
    assert_eq!(photo.image.into_raw(), pixels.concat());
}

#[track_caller]
fn assert_refused(bytes: &[u8], expected: &str) {
    assert_eq!(decode_bytes(bytes, &Limits::default()).unwrap_err().to_string(), expected);
}

fn unsupported(what: &str) -> String {
    format!("{what} is not supported; convert the photo to JPEG or PNG")
}

#[test]
fn every_operation_of_qoi() {
    let file = |operations: &[u8]| [b"qoif\0\0\0\x03\0\0\0\x02\x04\0", operations].concat();
    // All four samples; differences; differences to green; a colour that was seen; one that comes twice.
    let operations = [0xff, 10, 20, 30, 255, 0b01_11_01_10, 0b10_100001, 0b1001_0111, 9, 0xc0, 0xfe, 1, 2, 3];
    let first = [10, 20, 30];
    let hash = (10 * 3 + 20 * 5 + 30 * 7 + 255 * 11) % 64;
    assert_eq!(hash, 9);
    let pixels = [first, [11, 19, 30], [13, 20, 30], first, first, [1, 2, 3]];
    assert_pixels(&file(&operations), (3, 2), &pixels);
    // Transparent pixels, and a run to the end.
    assert_pixels(&file(&[0xff, 0, 0, 0, 0, 0xc4]), (3, 2), &[[255; 3]; 6]);
    assert_refused(
        &[b"qoif\0\0\0\x03\0\0\0\x02\x05\0", &operations[..]].concat(),
        "damaged QOI: it has 5 channels, expected 3 or 4",
    );
}

#[test]
fn tga_of_every_kind() {
    const RED: [u8; 3] = [255, 0, 0];
    const WHITE: [u8; 3] = [255; 3];
    let file = |kind: u8, bits: u8, descriptor: u8, pixels: &[u8]| {
        let palette = u8::from(kind & 7 == 1);
        let mut file =
            [3, palette, kind, 0, 0, 2 * palette, 0, 24 * palette, 0, 0, 0, 0, 2, 0, 2, 0, bits, descriptor].to_vec();
        file.extend(b"id.");
        if palette == 1 {
            file.extend([0, 0, 255, 30, 20, 10]);
        }
        file.extend(pixels);
        file
    };
    let four = [[10, 20, 30], RED, RED, [10, 20, 30]];
    let turned = |by: [usize; 4]| by.map(|i| four[i]);
    let indices = [1, 0, 0, 1];
    for (descriptor, by) in [(0x20, [0, 1, 2, 3]), (0, [2, 3, 0, 1]), (0x30, [1, 0, 3, 2]), (0x10, [3, 2, 1, 0])] {
        assert_pixels(&file(1, 8, descriptor, &indices), (2, 2), &turned(by));
    }
    let bgr = [[30, 20, 10], [0, 0, 255], [0, 0, 255], [30, 20, 10]];
    assert_pixels(&file(2, 24, 0x20, &bgr.concat()), (2, 2), &four);
    // Packets that go on behind the end of a row.
    assert_pixels(&file(9, 8, 0x20, &[0, 1, 0x81, 0, 0, 1]), (2, 2), &four);
    let packets = [&[0][..], &bgr[0], &[0x81], &bgr[1], &[0x87], &bgr[3]].concat();
    assert_pixels(&file(10, 24, 0x20, &packets), (2, 2), &four);
    assert_pixels(&file(11, 8, 0x20, &[0x83, 9]), (2, 2), &[[9; 3]; 4]);
    assert_pixels(&file(3, 16, 0x28, &[9, 255, 9, 0, 9, 255, 9, 255]), (2, 2), &[[9; 3], WHITE, [9; 3], [9; 3]]);
    assert_pixels(&file(2, 16, 0x21, &[0, 0x7c].repeat(4)), (2, 2), &[RED; 4]);
    // Transparency counts where it is said to be some, and is.
    let with_alpha = |alpha: [u8; 4]| alpha.map(|alpha| [0, 0, 255, alpha]).concat();
    assert_pixels(&file(2, 32, 0x28, &with_alpha([255, 0, 0, 255])), (2, 2), &[RED, WHITE, WHITE, RED]);
    assert_pixels(&file(2, 32, 0x28, &with_alpha([0; 4])), (2, 2), &[RED; 4]);
    assert_pixels(&file(2, 32, 0x20, &with_alpha([255, 0, 0, 255])), (2, 2), &[RED; 4]);
}

/// A box of a container.
fn jxl_box(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32 + 8).to_be_bytes()[..], kind, payload].concat()
}

#[test]
fn a_jpeg_xl_with_metadata_in_a_container() {
    let naked = fixture("photo.jxl");
    let expected = open(&naked).image;
    let start = [jxl_box(b"JXL ", b"\r\n\x87\n"), jxl_box(b"ftyp", b"jxl \0\0\0\0jxl ")].concat();
    // A maker, and an orientation that is not that of the pixels.
    let exif = b"II\x2a\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x04\0\0\0abc\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let exif = jxl_box(b"Exif", &[&[0; 4][..], exif].concat());
    let xmp = jxl_box(b"xml ", b"<rdf:RDF><rdf:Description xmp:Rating='4'/></rdf:RDF>");
    let (first, second) = naked.split_at(100);
    let whole = jxl_box(b"jxlc", &naked);
    let parts =
        [jxl_box(b"jxlp", &[&[0; 4], first].concat()), jxl_box(b"jxlp", &[&[0x80, 0, 0, 1], second].concat())].concat();
    for stream in [whole, parts] {
        for file in [[&start[..], &exif, &xmp, &stream].concat(), [&start[..], &stream, &xmp, &exif].concat()] {
            let photo = open(&file);
            assert!(photo.image == expected);
            assert_eq!((photo.metadata.camera.as_deref(), photo.metadata.rating), (Some("abc"), Some(4)));
        }
    }
}

/// An icon of these pictures, each with the sides that the list says.
fn icon(pictures: &[(u8, &[u8])]) -> Vec<u8> {
    let mut file = [0, 0, 1, 0, pictures.len() as u8, 0].to_vec();
    let mut offset = 6 + 16 * pictures.len() as u32;
    for (side, picture) in pictures {
        file.extend([*side, *side, 0, 0, 1, 0, 32, 0]);
        file.extend([picture.len() as u32, offset].map(u32::to_le_bytes).concat());
        offset += picture.len() as u32;
    }
    pictures.iter().for_each(|(_, picture)| file.extend(*picture));
    file
}

/// A bitmap of two pixels as icons have it.
fn bitmap(bits: u16, behind_header: &[u8]) -> Vec<u8> {
    let mut file = [40_u32, 2, 2].map(u32::to_le_bytes).concat();
    file.extend([1, bits].map(u16::to_le_bytes).concat());
    file.resize(40, 0);
    [&file[..], behind_header].concat()
}

#[test]
fn icons_with_and_without_transparency() {
    const RED: [u8; 3] = [255, 0, 0];
    let red = |alpha| [0, 0, 255, alpha];
    let mask = [0b0100_0000, 0, 0, 0];
    let pixels = |alpha| [red(alpha), red(alpha)].concat();
    // Transparency of its own; none, so that the mask counts; neither.
    let own = bitmap(32, &[&red(255)[..], &red(0), &[0; 4]].concat());
    let masked = bitmap(32, &[&pixels(0)[..], &mask].concat());
    let opaque = bitmap(32, &pixels(0));
    assert_pixels(&icon(&[(2, &own)]), (2, 1), &[RED, [255; 3]]);
    assert_pixels(&icon(&[(2, &masked)]), (2, 1), &[RED, [255; 3]]);
    assert_pixels(&icon(&[(2, &opaque)]), (2, 1), &[RED, RED]);
    let two_colours = [&[0, 0, 255, 0, 0, 255, 0, 0][..], &[0b0100_0000, 0, 0, 0], &[0b1000_0000, 0, 0, 0]].concat();
    assert_pixels(&icon(&[(2, &bitmap(1, &two_colours))]), (2, 1), &[[255; 3], [0, 255, 0]]);
    // The largest of them, where 0 stands for 256.
    let photo = fixture("photo.png");
    for pictures in [[(2, &own[..]), (0, &photo[..])], [(0, &photo), (255, &own)]] {
        assert_eq!(open(&icon(&pictures)).image.dimensions(), (96, 64));
    }
    // Lengths that are wrong.
    for length in [8, 10_000] {
        let mut file = icon(&[(2, &own), (1, &opaque)]);
        file[14..18].copy_from_slice(&u32::to_le_bytes(length));
        assert_pixels(&file, (2, 1), &[RED, [255; 3]]);
    }
    // Of several that are alike, the first.
    for pictures in [[&own, &opaque], [&opaque, &own]] {
        let first = open(&icon(&[(2, pictures[0])])).image;
        assert!(open(&icon(&pictures.map(|picture| (2, &picture[..])))).image == first);
    }
}

fn hdr(size: &str, rows: &[u8]) -> Vec<u8> {
    [format!("#?RADIANCE\nGAMMA=1\nFORMAT=32-bit_rle_rgbe\n\n{size}\n").as_bytes(), rows].concat()
}

#[test]
fn radiance_files_of_every_kind() {
    // 1, 0.5 and nearly 0, as they are stored.
    const WHITE: [u8; 4] = [128, 128, 128, 129];
    const GREY: [u8; 4] = [64, 64, 64, 129];
    let shown = |bytes: &[u8]| open(bytes).image.pixels().map(|pixel| pixel.0[0]).collect::<Vec<_>>();
    // One pixel of three is white: that is exposed, and grey comes between.
    let pixels = [WHITE, GREY, [0; 4]].concat();
    let [white, grey, black] = shown(&hdr("-Y 1 +X 3", &pixels))[..] else { panic!() };
    assert!(white >= 250 && (120..220).contains(&grey) && black == 0, "{white} {grey} {black}");
    for (size, expected) in [
        ("-Y 1 -X 3", [black, grey, white]),
        ("+Y 1 +X 3", [white, grey, black]),
        ("+X 1 -Y 3", [white, grey, black]),
        ("+X 1 +Y 3", [black, grey, white]),
    ] {
        let photo = open(&hdr(size, &pixels));
        assert_eq!(photo.image.dimensions(), if size.contains("X 3") { (3, 1) } else { (1, 3) }, "{size}");
        assert_eq!(shown(&hdr(size, &pixels)), expected, "{size}");
    }
    // Old runs: twice more, and 256 times more.
    let old = [&WHITE[..], &[1, 1, 1, 2], &GREY, &[1, 1, 1, 0, 1, 1, 1, 1]].concat();
    let expected = shown(&hdr("-Y 1 +X 260", &[WHITE.repeat(3), GREY.repeat(257)].concat()));
    assert_eq!(shown(&hdr("-Y 1 +X 260", &old)), expected);
    // New ones: runs, and samples as they are.
    let new = [2, 2, 0, 8, 136, 128, 136, 128, 2, 128, 128, 134, 128, 136, 129];
    assert_eq!(shown(&hdr("-Y 1 +X 8", &new)), shown(&hdr("-Y 1 +X 8", &WHITE.repeat(8))));
    assert_refused(
        &hdr("+Z 3 -X 4", &[]),
        "damaged HDR: its size is \"+Z 3 -X 4\", expected the like of \"-Y 480 +X 640\"",
    );
    assert_refused(b"#?RGBE\nFORMAT=deep\n\n-Y 1 +X 1\n", &unsupported("HDR with the format \"deep\""));
}

/// A document of two pixels without compression.
fn psd(mode: u16, bits: u16, palette: &[u8], resources: &[u8], layers: &[u8], planes: &[&[u8]]) -> Vec<u8> {
    let mut file =
        [b"8BPS\0\x01\0\0\0\0\0\0", &(planes.len() as u16).to_be_bytes()[..], &[0, 0, 0, 1, 0, 0, 0, 2]].concat();
    file.extend([bits, mode].map(u16::to_be_bytes).concat());
    for section in [palette, resources, layers] {
        file.extend((section.len() as u32).to_be_bytes());
        file.extend(section);
    }
    [&file[..], &[0, 0], &planes.concat()].concat()
}

#[test]
fn photoshops_documents_of_every_kind() {
    let of = |mode, bits, planes: &[&[u8]]| psd(mode, bits, &[], &[], &[], planes);
    assert_pixels(&of(0, 1, &[&[0b0100_0000]]), (2, 1), &[[255; 3], [0; 3]]);
    assert_pixels(&of(1, 8, &[&[7, 9]]), (2, 1), &[[7; 3], [9; 3]]);
    assert_pixels(&of(8, 16, &[&[7, 7, 9, 9]]), (2, 1), &[[7; 3], [9; 3]]);
    let mut palette = vec![0; 768];
    (palette[3], palette[256 + 3], palette[512 + 3]) = (10, 20, 30);
    assert_pixels(&psd(2, 8, &palette, &[], &[], &[&[3, 0]]), (2, 1), &[[10, 20, 30], [0; 3]]);
    assert_pixels(&of(3, 8, &[&[1, 2], &[3, 4], &[5, 6]]), (2, 1), &[[1, 3, 5], [2, 4, 6]]);
    // Half of the light is left by the black ink.
    assert_pixels(
        &of(4, 8, &[&[255, 0], &[0, 255], &[255, 255], &[128, 255]]),
        (2, 1),
        &[[128, 0, 128], [0, 255, 255]],
    );
    let white_and_grey = open(&of(9, 8, &[&[255, 137], &[128, 128], &[128, 128]])).image;
    let near =
        |pixel: usize, value: u8| white_and_grey.as_raw()[3 * pixel..][..3].iter().all(|s| s.abs_diff(value) <= 2);
    assert!(near(0, 255) && near(1, 128), "{:?}", white_and_grey.as_raw());
    // A fourth channel is transparency if the number of layers is negative, or else a selection.
    let planes: [&[u8]; 4] = [&[0, 0], &[0, 0], &[0, 0], &[255, 0]];
    assert_pixels(&of(3, 8, &planes), (2, 1), &[[0; 3], [0; 3]]);
    let layers = [0, 0, 0, 2, 0xff, 0xff];
    assert_pixels(&psd(3, 8, &[], &[], &layers, &planes), (2, 1), &[[0; 3], [255; 3]]);

    let no_picture = b"8BIM\x04\x21\0\0\0\0\0\x06\0\0\0\x01\0\0";
    let of_resources = |resources: &[u8]| psd(1, 8, &[], resources, &[], &[&[7, 9]]);
    assert_refused(&of_resources(no_picture), &unsupported("PSD without a flattened image"));
    assert_refused(&of(3, 32, &[&[0_u8; 8][..]; 3]), &unsupported("PSD with 32 bits per sample"));
    assert_refused(&of(7, 8, &[&[0_u8; 2][..]; 3]), &unsupported("PSD with colour mode 7"));
    assert_refused(&of(3, 8, &[&[0_u8; 2][..]; 2]), "damaged PSD: it has 2 channels, expected at least 3");
    let mut packed = of(1, 8, &[&[0; 2]]);
    let compression = packed.len() - 3;
    packed[compression] = 2;
    assert_refused(&packed, &unsupported("PSD with ZIP compression"));

    // Metadata are in its resources.
    let exif = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let keyword = b"\x1c\x02\x19\0\x04tree";
    let resource = |kind: [u8; 2], payload: &[u8]| {
        let length = (payload.len() as u32).to_be_bytes();
        [b"8BIM", &kind[..], &[0, 0], &length, payload, &vec![0; payload.len() % 2]].concat()
    };
    let resources = [resource([4, 0x22], exif), resource([4, 4], keyword)].concat();
    let photo = open(&of_resources(&resources));
    assert_eq!(photo.image.dimensions(), (1, 2));
    assert_eq!(photo.metadata.tags, ["tree"]);
}

/// Against Pillow, on blocks of random bits: every mode, and opacity where the kind has it.
#[test]
fn blocks_of_dds() {
    for kind in ["bc1", "bc2", "bc3", "bc4", "bc5", "bc7"] {
        let [found, expected] = ["dds", "png"].map(|end| open(&fixture(&format!("dds/{kind}.{end}"))).image);
        assert_eq!(found.dimensions(), (16, 16));
        let most = found.iter().zip(expected.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(most <= 2, "{kind} is {most} off");
    }
}

#[test]
fn headers_of_dds() {
    let whole = fixture("photo.dds");
    for length in 8..whole.len() {
        assert_refused(&whole[..length], "truncated DDS: the file ends before the image data does");
    }
    let with = |at: usize, value: u32| {
        let mut file = whole.clone();
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        file
    };
    assert_refused(&with(128, 26), &unsupported("DDS with the DXGI format 26"));
    assert_refused(&with(84, u32::from_le_bytes(*b"YUY2")), &unsupported("DDS with the pixel format \"YUY2\""));
    assert_refused(&with(84, 117), &unsupported("DDS with the pixel format 117"));
    assert_refused(&with(80, 0x20), &unsupported("DDS with a palette"));
    assert_refused(&with(80, 0x200), &unsupported("DDS with YUV samples"));
    assert_refused(&with(80, 0x40), "damaged DDS: it has 0 bits a pixel, expected 8, 16, 24 or 32");
    assert_refused(&with(12, 0), "damaged DDS: its size is 96x0 pixels");
    assert_refused(&with(16, u32::MAX), "the header claims 4294967295x64 pixels; the limit is 250000000");
    // Other pictures may follow.
    assert_eq!(open(&[&whole[..], &[9; 50]].concat()).image, open(&whole).image);
}

#[test]
fn pixels_of_dds() {
    let file = |flags: u32, bits: u32, masks: [u32; 4], pixels: &[u8]| {
        let mut file = b"DDS \x7c\0\0\0\x07\x10\0\0\x01\0\0\0\x02\0\0\0".to_vec();
        file.resize(80, 0);
        file.extend([flags, 0, bits].map(u32::to_le_bytes).as_flattened());
        file.extend(masks.map(u32::to_le_bytes).as_flattened());
        file.resize(128, 0);
        [&file[..], pixels].concat()
    };
    let size = (2, 1);
    assert_pixels(&file(0x40, 8, [0xe0, 0x1c, 3, 0], &[0xe3, 0x1c]), size, &[[255, 0, 255], [0, 255, 0]]);
    assert_pixels(&file(0x2_0001, 16, [0xff, 0, 0, 0xff00], &[7, 255, 7, 0]), size, &[[7; 3], [255; 3]]);
    // Opacity alone: black.
    assert_pixels(&file(2, 8, [0, 0, 0, 0xff], &[255, 100]), size, &[[0; 3], [155; 3]]);
    assert_pixels(
        &file(0x41, 32, [0xff, 0xff00, 0xff_0000, 0], &[1, 2, 3, 0, 4, 5, 6, 0]),
        size,
        &[[1, 2, 3], [4, 5, 6]],
    );
}
