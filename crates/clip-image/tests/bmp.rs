//! Bitmaps of every version and kind have the right pixels.
#![cfg(feature = "bmp")]

use clip_image::{ImageError, Limits, decode_bytes};

const BLACK: [u8; 3] = [0; 3];
const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255; 3];
const PALETTE: [[u8; 3]; 4] = [RED, GREEN, BLUE, WHITE];

/// What all files show: two rows of three pixels.
const PICTURE: [[u8; 3]; 6] = [RED, GREEN, BLUE, WHITE, BLUE, GREEN];

struct Bitmap {
    /// Length of the information header.
    header: u32,
    height: i32,
    bits: u16,
    compression: u32,
    /// Colours, as the header counts them.
    colours: u32,
    masks: [u32; 4],
    /// Colours that are stored.
    palette: Vec<[u8; 3]>,
    /// Bytes between the palette and the pixels.
    gap: usize,
    pixels: Vec<u8>,
}

impl Default for Bitmap {
    fn default() -> Self {
        let pixels = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0, 0, 0, 0];
        Self {
            header: 40,
            height: 2,
            bits: 24,
            compression: 0,
            colours: 0,
            masks: [0; 4],
            palette: vec![],
            gap: 0,
            pixels: pixels.to_vec(),
        }
    }
}

impl Bitmap {
    fn file(&self) -> Vec<u8> {
        let mut info = self.header.to_le_bytes().to_vec();
        if self.header == 12 {
            info.extend([3, self.height as u16, 1, self.bits].map(u16::to_le_bytes).concat());
        } else {
            info.extend([3_i32.to_le_bytes(), self.height.to_le_bytes()].concat());
            info.extend([1, self.bits].map(u16::to_le_bytes).concat());
            info.extend([self.compression, 0, 0, 0, self.colours, 0].map(u32::to_le_bytes).concat());
            info.extend(self.masks.map(u32::to_le_bytes).concat());
            let behind = if self.header == 40 && self.compression == 3 { 12 } else { 0 };
            info.resize(self.header as usize + behind, 0);
        }
        for [red, green, blue] in &self.palette {
            info.extend([*blue, *green, *red]);
            info.extend((self.header != 12).then_some(0));
        }
        info.resize(info.len() + self.gap, 0x77);
        let offset = 14 + info.len() as u32;
        [b"BM\0\0\0\0\0\0\0\0", &offset.to_le_bytes()[..], &info, &self.pixels].concat()
    }

    fn palettes(bits: u16, rows: [&[u8]; 2]) -> Self {
        let row = |row: &[u8]| [row, &[0; 4][row.len()..]].concat();
        Self { bits, palette: PALETTE.to_vec(), pixels: rows.map(row).concat(), ..Self::default() }
    }

    /// Pixels of 16 or 32 bits.
    fn masked(bits: u16, masks: [u32; 4], pixel: impl Fn([u8; 3]) -> u32) -> Self {
        let order = [3, 4, 5, 0, 1, 2].map(|i| pixel(PICTURE[i]));
        let mut pixels = Vec::new();
        for row in order.chunks(3) {
            row.iter().for_each(|pixel| pixels.extend(&pixel.to_le_bytes()[..usize::from(bits / 8)]));
            pixels.resize(pixels.len().next_multiple_of(4), 0);
        }
        Self { bits, masks, pixels, ..Self::default() }
    }
}

#[track_caller]
fn assert_shows(bitmap: &Bitmap, expected: [[u8; 3]; 6]) {
    let photo = decode_bytes(&bitmap.file(), &Limits::default()).unwrap();
    assert_eq!(photo.image.dimensions(), (3, 2));
    assert_eq!(photo.image.into_raw(), expected.concat());
}

#[test]
fn every_version_of_the_header() {
    for header in (16..=64).step_by(4).chain([12, 18, 42, 46, 52, 56, 108, 124]) {
        assert_shows(&Bitmap { header, ..Bitmap::default() }, PICTURE);
        assert_shows(&Bitmap { header, ..Bitmap::palettes(8, [&[3, 2, 1], &[0, 1, 2]]) }, PICTURE);
        assert_shows(&Bitmap { header, gap: 9, ..Bitmap::palettes(4, [&[0x32, 0x10], &[0x01, 0x20]]) }, PICTURE);
    }
    assert_shows(&Bitmap::palettes(2, [&[0b11_10_01_00], &[0b00_01_10_00]]), PICTURE);
    let two = [GREEN, RED, GREEN, RED, GREEN, GREEN];
    assert_shows(&Bitmap::palettes(1, [&[0b0110_0000], &[0b1010_0000]]), two);
}

#[test]
fn the_first_row_may_be_the_uppermost() {
    let flipped = [WHITE, BLUE, GREEN, RED, GREEN, BLUE];
    assert_shows(&Bitmap { height: -2, ..Bitmap::default() }, flipped);
    assert_shows(&Bitmap { height: -2, ..Bitmap::palettes(8, [&[3, 2, 1], &[0, 1, 2]]) }, flipped);
}

#[test]
fn palettes_that_are_too_long_or_too_short() {
    for colours in [4, 257, 300, u32::MAX] {
        assert_shows(&Bitmap { colours, ..Bitmap::palettes(8, [&[3, 2, 1], &[0, 1, 2]]) }, PICTURE);
    }
    // What the palette does not have is black, though pixels follow where it would be.
    let short = Bitmap { palette: PALETTE[..2].to_vec(), ..Bitmap::palettes(8, [&[3, 2, 1], &[0, 1, 2]]) };
    assert_shows(&short, [RED, GREEN, BLACK, BLACK, BLACK, GREEN]);
}

#[test]
fn an_offset_that_cannot_be_is_not_believed() {
    for offset in [0_u32, 7, 0x7fff_ffff] {
        let mut file = Bitmap::default().file();
        file[10..14].copy_from_slice(&offset.to_le_bytes());
        assert_eq!(decode_bytes(&file, &Limits::default()).unwrap().image.into_raw(), PICTURE.concat());
    }
}

fn bits_of(masks: [u32; 4]) -> impl Fn([u8; 3]) -> u32 {
    // Samples here are all or nothing.
    move |pixel| pixel.iter().zip(masks).map(|(sample, mask)| if *sample > 0 { mask } else { 0 }).sum()
}

#[test]
fn pixels_of_16_and_32_bits() {
    let (five, six) = ([0x7c00, 0x3e0, 0x1f, 0], [0xf800, 0x7e0, 0x1f, 0]);
    assert_shows(&Bitmap::masked(16, [0; 4], bits_of(five)), PICTURE);
    let odd = [0x3ff0_0000, 0xf, 0xffff0, 0];
    for header in [40, 52, 56, 64, 108, 124] {
        // The masks stand behind the headers that have no fields for them.
        for (bits, masks) in [(16, five), (16, six), (32, [0xff, 0xff00, 0xff_0000, 0]), (32, odd)] {
            let mut bitmap = Bitmap { header, compression: 3, ..Bitmap::masked(bits, masks, bits_of(masks)) };
            if header == 64 {
                bitmap.masks = [0; 4];
                bitmap.palette = vec![];
                let mut file = bitmap.file();
                file.splice(78..78, masks[..3].iter().flat_map(|mask| mask.to_le_bytes()));
                file[10] += 12;
                let photo = decode_bytes(&file, &Limits::default()).unwrap();
                assert_eq!(photo.image.into_raw(), PICTURE.concat());
            } else {
                assert_shows(&bitmap, PICTURE);
            }
        }
    }
    // A sample of five bits is scaled to eight.
    let grey = Bitmap::masked(16, [0; 4], |_| 0b0_01000_01000_01000);
    assert_shows(&grey, [[66; 3]; 6]);
}

#[test]
fn transparency_counts_where_there_is_some() {
    let masks = [0xff_0000, 0xff00, 0xff, 0xff00_0000];
    let colour = bits_of([0xff_0000, 0xff00, 0xff, 0]);
    let with_alpha = |alpha: u32| Bitmap::masked(32, masks, |pixel| colour(pixel) | alpha << 24);
    for header in [56, 108, 124] {
        // All of it zero: by a program that knows of none.
        assert_shows(&Bitmap { header, compression: 3, ..with_alpha(0) }, PICTURE);
        assert_shows(&Bitmap { header, compression: 3, ..with_alpha(255) }, PICTURE);
        let half = PICTURE.map(|pixel| pixel.map(|sample| if sample == 0 { 127 } else { 255 }));
        assert_shows(&Bitmap { header, compression: 3, ..with_alpha(128) }, half);
        let one = Bitmap::masked(32, masks, |pixel| colour(pixel) | if pixel == RED { 255 << 24 } else { 0 });
        assert_shows(&Bitmap { header, compression: 3, ..one }, [RED, WHITE, WHITE, WHITE, WHITE, WHITE]);
    }
    // Without masks that are said to be of use, the fourth byte is anything.
    for header in [40, 124] {
        for alpha in [0, 7, 255] {
            assert_shows(&Bitmap { header, ..with_alpha(alpha) }, PICTURE);
        }
    }
}

#[test]
fn run_lengths() {
    let runs = |header, bits, compression, pixels: &[u8]| Bitmap {
        header,
        compression,
        pixels: pixels.to_vec(),
        ..Bitmap::palettes(bits, [&[], &[]])
    };
    let shows = |header, bits, compression, pixels: &[u8]| {
        assert_shows(&runs(header, bits, compression, pixels), PICTURE);
    };
    // Runs of one, literals with one byte to fill up, and the end with and without a mark.
    for end in [&[0, 1][..], &[0, 0, 0, 1], &[0, 0], &[]] {
        shows(40, 8, 1, &[&[1, 3, 1, 2, 1, 1, 0, 0, 0, 3, 0, 1, 2, 0][..], end].concat());
        shows(40, 4, 2, &[&[2, 0x32, 1, 0x10, 0, 0, 0, 3, 0x01, 0x20][..], end].concat());
    }
    // Runs that are longer than the row.
    let long = runs(40, 8, 1, &[255, 3, 0, 0, 200, 0, 0, 1]);
    assert_shows(&long, [RED, RED, RED, WHITE, WHITE, WHITE]);
    // What is passed over has the first colour.
    assert_shows(&runs(40, 8, 1, &[0, 2, 1, 1, 1, 1, 0, 1]), [RED, GREEN, RED, RED, RED, RED]);
    assert!(matches!(
        decode_bytes(&runs(40, 8, 1, &[1, 3, 1, 2]).file(), &Limits::default()),
        Err(ImageError::Truncated { .. })
    ));
    // 24 bits, of OS/2.
    let pixels =
        [&[1, 255, 255, 255, 1, 255, 0, 0, 1, 0, 255, 0, 0, 0][..], &[0, 3, 0, 0, 255, 0, 255, 0, 255, 0, 0, 0, 0, 1]];
    shows(64, 24, 4, &pixels.concat());
}

#[test]
fn the_last_row_need_not_be_filled_up() {
    let mut file = Bitmap::default().file();
    file.truncate(file.len() - 3);
    assert!(decode_bytes(&file, &Limits::default()).is_ok());
    file.truncate(file.len() - 1);
    assert!(matches!(decode_bytes(&file, &Limits::default()), Err(ImageError::Truncated { .. })));
}

#[test]
fn samples_of_sixteen_bits_are_light() {
    let pixels = |alpha: i16| {
        let order = [3, 4, 5, 0, 1, 2].map(|i| PICTURE[i]);
        order
            .iter()
            .flat_map(|[r, g, b]| [*b, *g, *r].map(|sample| i16::from(sample == 255) * 8192).into_iter())
            .collect::<Vec<_>>()
            .chunks(3)
            .flat_map(|pixel| [pixel, &[alpha]].concat())
            .flat_map(i16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    for alpha in [8192, 0] {
        assert_shows(&Bitmap { bits: 64, pixels: pixels(alpha), ..Bitmap::default() }, PICTURE);
    }
    // More than all of it, less than nothing, and a fifth, which is about half of the brightness.
    let mut file = Bitmap { bits: 64, pixels: pixels(8192), ..Bitmap::default() }.file();
    let first = file.len() - 24;
    file[first..first + 6].copy_from_slice(&[1753_i16, -8192, 30_000].map(i16::to_le_bytes).concat());
    let pixel = decode_bytes(&file, &Limits::default()).unwrap().image.get_pixel(0, 0).0;
    assert!(pixel[0] == 255 && pixel[1] == 0 && (126..=128).contains(&pixel[2]), "{pixel:?}");
}

#[test]
#[cfg(feature = "default")]
fn a_profile_in_the_file() {
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let shown = |kind: &[u8; 4]| {
        let pixels = [[50, 100, 200].repeat(3), vec![0; 3]].concat().repeat(2);
        let mut file = Bitmap { header: 124, pixels, ..Bitmap::default() }.file();
        let start = (file.len() - 14) as u32;
        file[14 + 56..][..4].copy_from_slice(&u32::from_be_bytes(*kind).to_le_bytes());
        file[14 + 112..][..8].copy_from_slice(&[start, profile.len() as u32].map(u32::to_le_bytes).concat());
        file.extend(&profile);
        let image = decode_bytes(&file, &Limits::default()).unwrap().image;
        assert_eq!(image.dimensions(), (3, 2));
        image.get_pixel(0, 0).0
    };
    assert_eq!(shown(b"sRGB"), [200, 100, 50]);
    assert_eq!(shown(b"LINK"), [200, 100, 50], "the name of a file");
    // (200, 100, 50) there.
    let [r, g, b] = shown(b"MBED");
    assert!(r.abs_diff(215) <= 2 && g.abs_diff(93) <= 2 && b.abs_diff(31) <= 2, "{r} {g} {b}");
}
