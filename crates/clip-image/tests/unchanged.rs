//! The pixels of every fixture as they have always been: a change of these changes embeddings, and so every index.
#![cfg(feature = "default")]

use std::path::Path;

use clip_image::{Limits, decode_bytes_for};

/// The checksum (CRC-32) of the pixels at full size, and for a caller that wants 9 and 4 pixels of the shorter side.
const CHECKSUMS: [(&str, [u32; 3]); 16] = [
    ("420.jpg", [0x8a1f_9b26, 0x0f38_b0f5, 0xfde2_cb4d]),
    ("422.jpg", [0x09c0_3e2d, 0xa119_ef8e, 0x2d64_0626]),
    ("444.jpg", [0xe64c_dc0e, 0x348b_4887, 0x53c7_277e]),
    ("progressive.jpg", [0x8a1f_9b26, 0x0f38_b0f5, 0x32ed_d8c0]),
    ("restarts.jpg", [0x8a1f_9b26, 0x0f38_b0f5, 0xfde2_cb4d]),
    ("grey.jpg", [0x4e32_8103, 0x06cb_c05e, 0xd1c3_af89]),
    ("cmyk.jpg", [0x284f_d2df, 0x284f_d2df, 0x284f_d2df]),
    ("ycck.jpg", [0xdf0c_4938, 0xdf0c_4938, 0xdf0c_4938]),
    ("photo.png", [0x99f4_f072, 0x99f4_f072, 0x99f4_f072]),
    ("palette.png", [0xa062_7cde, 0xa062_7cde, 0xa062_7cde]),
    ("rle.bmp", [0xa062_7cde, 0xa062_7cde, 0xa062_7cde]),
    ("animated.gif", [0xa062_7cde, 0xa062_7cde, 0xa062_7cde]),
    ("animated.webp", [0xdbd9_e06c, 0xdbd9_e06c, 0xdbd9_e06c]),
    ("lossless.webp", [0x99f4_f072, 0x99f4_f072, 0x99f4_f072]),
    ("pages.tiff", [0x99f4_f072, 0x99f4_f072, 0x99f4_f072]),
    ("wide.ppm", [0xfec7_8098, 0xfec7_8098, 0xfec7_8098]),
];

#[test]
fn the_pixels_of_every_fixture_stay_what_they_are() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut wrong = Vec::new();
    for (name, expected) in CHECKSUMS {
        let bytes = std::fs::read(fixtures.join(name)).unwrap();
        let found = [None, Some(9), Some(4)].map(|shorter_side| {
            crc32fast::hash(&decode_bytes_for(&bytes, &Limits::default(), shorter_side).unwrap().image)
        });
        if found != expected {
            wrong.push(format!("(\"{name}\", [{:#010x}, {:#010x}, {:#010x}]),", found[0], found[1], found[2]));
        }
    }
    assert!(wrong.is_empty(), "found:\n{}", wrong.join("\n"));
}
