//! The varieties of TIFF, each written here with the pixels that it has to give.
#![cfg(feature = "default")]

use clip_image::{Limits, Photo, decode_bytes, decode_bytes_for};
use image::{Rgb, RgbImage};

const SIZE: (u32, u32) = (23, 13);

const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const COLOURS: u16 = 262;
const FILL_ORDER: u16 = 266;
const STRIP_OFFSETS: u16 = 273;
const SAMPLES: u16 = 277;
const ROWS: u16 = 278;
const PREDICTOR: u16 = 317;
const PALETTE: u16 = 320;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;
const TILE_OFFSETS: u16 = 324;
const SUB_IFDS: u16 = 330;
const EXTRA: u16 = 338;
const FORMAT: u16 = 339;
const TABLES: u16 = 347;

/// A file that is written from front to back.
struct Writer {
    file: Vec<u8>,
    is_little: bool,
    /// Where the place of the next page is written.
    link: usize,
}

/// A page: what the fields say, shorts and longs, and its strips or tiles.
#[derive(Default)]
struct Page {
    size: (u32, u32),
    fields: Vec<(u16, Vec<u32>)>,
    bytes: Vec<(u16, Vec<u8>)>,
    chunks: Vec<Vec<u8>>,
    /// Whether the lengths of chunks are left out.
    is_without_lengths: bool,
}

impl Page {
    fn new(size: (u32, u32), bits: u32, samples: u32, colours: u32, chunk: Vec<u8>) -> Self {
        let fields = vec![(BITS, vec![bits; samples as usize]), (COLOURS, vec![colours]), (SAMPLES, vec![samples])];
        Self { size, fields, chunks: vec![chunk], ..Self::default() }
    }

    fn with(mut self, tag: u16, values: &[u32]) -> Self {
        self.fields.retain(|(other, _)| *other != tag);
        self.fields.push((tag, values.to_vec()));
        self
    }

    fn file(&self, is_little: bool) -> Vec<u8> {
        let mut writer = Writer::new(is_little);
        writer.page(self);
        writer.file
    }

    fn decode(&self) -> RgbImage {
        decode(&self.file(true)).image
    }
}

impl Writer {
    fn new(is_little: bool) -> Self {
        let file = if is_little { b"II\x2a\0\0\0\0\0".to_vec() } else { b"MM\0\x2a\0\0\0\0".to_vec() };
        Self { file, is_little, link: 4 }
    }

    fn short(&self, value: u16) -> [u8; 2] {
        if self.is_little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn long(&self, value: u32) -> [u8; 4] {
        if self.is_little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    /// Writes a page after the others.
    fn page(&mut self, page: &Page) {
        let (start, end) = self.directory(page);
        let start = self.long(start);
        self.file[self.link..self.link + 4].copy_from_slice(&start);
        self.link = end;
    }

    /// Writes a page. Returns where it is, and where the place of the next one belongs.
    fn directory(&mut self, page: &Page) -> (u32, usize) {
        let mut offsets = Vec::new();
        for chunk in &page.chunks {
            offsets.push(self.file.len() as u32);
            self.file.extend(chunk);
        }
        let is_tiled = page.fields.iter().any(|(tag, _)| *tag == TILE_WIDTH);
        let place = if is_tiled { TILE_OFFSETS } else { STRIP_OFFSETS };
        let lengths = if is_tiled { TILE_OFFSETS + 1 } else { 279 };
        let mut fields = page.fields.clone();
        fields.push((256, vec![page.size.0]));
        fields.push((257, vec![page.size.1]));
        if !offsets.is_empty() {
            fields.push((place, offsets));
            if !page.is_without_lengths {
                fields.push((lengths, page.chunks.iter().map(|chunk| chunk.len() as u32).collect()));
            }
        }
        let is_long = |tag: u16| matches!(tag, 256 | 257 | 273 | 279 | 324 | 325 | 330 | 513 | 514);
        let mut entries: Vec<(u16, u16, u32, Vec<u8>)> = Vec::new();
        for (tag, values) in &fields {
            let count = values.len() as u32;
            if is_long(*tag) {
                entries.push((*tag, 4, count, values.iter().flat_map(|value| self.long(*value)).collect()));
            } else {
                entries.push((*tag, 3, count, values.iter().flat_map(|value| self.short(*value as u16)).collect()));
            }
        }
        entries.extend(page.bytes.iter().map(|(tag, bytes)| (*tag, 7, bytes.len() as u32, bytes.clone())));
        entries.sort();
        let mut table = self.short(entries.len() as u16).to_vec();
        for (tag, kind, count, mut value) in entries {
            table.extend([self.short(tag), self.short(kind)].concat());
            table.extend(self.long(count));
            if value.len() > 4 {
                let at = self.file.len() as u32;
                self.file.extend(&value);
                value = self.long(at).to_vec();
            }
            value.resize(4, 0);
            table.extend(value);
        }
        let start = self.file.len();
        self.file.extend(table);
        let link = self.file.len();
        self.file.extend([0; 4]);
        (start as u32, link)
    }
}

fn decode(bytes: &[u8]) -> Photo {
    decode_bytes(bytes, &Limits::default()).unwrap()
}

/// Grey of every shade, so that all of the range is used.
fn grey() -> Vec<u8> {
    (0..SIZE.0 * SIZE.1).map(|i| (i * 255 / (SIZE.0 * SIZE.1 - 1)) as u8).collect()
}

fn colours() -> Vec<[u8; 3]> {
    grey().into_iter().enumerate().map(|(i, grey)| [grey, (i * 7 % 256) as u8, 255 - grey]).collect()
}

fn from_grey(pixels: &[u8]) -> RgbImage {
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| Rgb([pixels[(y * SIZE.0 + x) as usize]; 3]))
}

fn from_colours(pixels: &[[u8; 3]]) -> RgbImage {
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| Rgb(pixels[(y * SIZE.0 + x) as usize]))
}

#[track_caller]
fn assert_near(found: &RgbImage, expected: &RgbImage, most: u8) {
    assert_eq!(found.dimensions(), expected.dimensions());
    let difference = found.iter().zip(expected.iter()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(difference <= Some(most), "{difference:?}");
}

/// Numbers of this many bits, the highest first; every row begins with a byte.
fn pack(numbers: impl IntoIterator<Item = u32>, bits: u32, per_row: u32) -> Vec<u8> {
    let numbers: Vec<u32> = numbers.into_iter().collect();
    let mut bytes = Vec::new();
    for row in numbers.chunks(per_row as usize) {
        let start = bytes.len();
        bytes.resize(start + (per_row * bits).div_ceil(8) as usize, 0);
        for (i, number) in row.iter().enumerate() {
            for bit in 0..bits {
                let at = i * bits as usize + bit as usize;
                bytes[start + at / 8] |= ((number >> (bits - 1 - bit) & 1) as u8) << (7 - at % 8);
            }
        }
    }
    bytes
}

/// Numbers of 16 bits are in the byte order of the file.
fn whole(numbers: Vec<u32>, bits: u32, per_row: u32, is_little: bool) -> Vec<u8> {
    match bits {
        16 if is_little => numbers.into_iter().flat_map(|number| (number as u16).to_le_bytes()).collect(),
        _ => pack(numbers, bits, per_row),
    }
}

#[test]
fn grey_of_any_number_of_bits() {
    for bits in 1..=16 {
        let most = (1_u32 << bits) - 1;
        let numbers: Vec<u32> = grey().into_iter().map(|grey| (u32::from(grey) * most + 127) / 255).collect();
        let expected: Vec<u8> = numbers.iter().map(|number| ((number * 255 + most / 2) / most) as u8).collect();
        for is_little in [true, false] {
            let black_is_0 = Page::new(SIZE, bits, 1, 1, whole(numbers.clone(), bits, SIZE.0, is_little));
            let inverted = numbers.iter().map(|number| most - number).collect();
            let white_is_0 = Page::new(SIZE, bits, 1, 0, whole(inverted, bits, SIZE.0, is_little));
            for page in [black_is_0, white_is_0] {
                assert_near(&decode(&page.file(is_little)).image, &from_grey(&expected), u8::from(bits > 8));
            }
        }
    }
}

#[test]
fn the_lowest_bit_may_be_the_first() {
    let packed = pack(grey().into_iter().map(|grey| u32::from(grey) >> 4), 4, SIZE.0);
    let expected = Page::new(SIZE, 4, 1, 1, packed.clone()).decode();
    let reversed = packed.into_iter().map(u8::reverse_bits).collect();
    assert!(Page::new(SIZE, 4, 1, 1, reversed).with(FILL_ORDER, &[2]).decode() == expected);
}

#[test]
fn palettes() {
    for bits in [1, 2, 4, 8] {
        let count = 1_u32 << bits;
        let palette: Vec<[u8; 3]> =
            (0..count).map(|i| [i * 255 / (count - 1), 255 - i, i / 2].map(|c| c as u8)).collect();
        let numbers: Vec<u32> = (0..SIZE.0 * SIZE.1).map(|i| i * 3 % count).collect();
        let expected: Vec<[u8; 3]> = numbers.iter().map(|number| palette[*number as usize]).collect();
        // Values of 16 bits as they should be, and of 8 as some programs write them.
        for factor in [257, 1] {
            let map: Vec<u32> =
                (0..3).flat_map(|i| palette.iter().map(move |colour| u32::from(colour[i]) * factor)).collect();
            let page = Page::new(SIZE, bits, 1, 3, pack(numbers.clone(), bits, SIZE.0)).with(PALETTE, &map);
            assert!(page.decode() == from_colours(&expected), "{bits} bits, factor {factor}");
        }
    }
}

/// What a sample becomes on white.
fn over_white(sample: f64, alpha: f64) -> u8 {
    (sample * alpha + 255.0 * (1.0 - alpha)).round() as u8
}

#[test]
fn transparency_of_both_kinds() {
    let alpha = |i: usize| (i * 5 % 256) as u8;
    for samples in [1, 3] {
        let expected: Vec<[u8; 3]> = colours()
            .iter()
            .enumerate()
            .map(|(i, colour)| {
                if samples == 1 { [colour[0]; 3] } else { *colour }
                    .map(|c| over_white(c.into(), f64::from(alpha(i)) / 255.0))
            })
            .collect();
        for is_associated in [false, true] {
            let stored = |i: usize, sample: u8| {
                if is_associated { (f64::from(sample) * f64::from(alpha(i)) / 255.0).round() as u8 } else { sample }
            };
            let pixels = colours();
            let pixels = pixels.iter().enumerate().flat_map(|(i, colour)| {
                let mut pixel: Vec<u8> = colour[..samples].iter().map(|sample| stored(i, *sample)).collect();
                // A sample that means nothing, and one that means transparency.
                pixel.extend([77, alpha(i)]);
                pixel
            });
            let page = Page::new(SIZE, 8, samples as u32 + 2, if samples == 1 { 1 } else { 2 }, pixels.collect());
            let kind = if is_associated { 1 } else { 2 };
            assert_near(&page.with(EXTRA, &[0, kind]).decode(), &from_colours(&expected), 1);
        }
    }
}

#[test]
fn what_further_samples_mean_may_not_be_said() {
    let pixels = colours().iter().flat_map(|[r, g, b]| [*r, *g, *b, 0]).collect::<Vec<u8>>();
    let page = Page::new(SIZE, 8, 4, 2, pixels);
    assert!(page.with(EXTRA, &[0]).decode() == from_colours(&colours()), "no transparency");
}

#[test]
fn numbers_of_any_range() {
    let expected = from_grey(&grey());
    let of = |bits: u32, format: u32, bytes: Vec<u8>| Page::new(SIZE, bits, 1, 1, bytes).with(FORMAT, &[format]);
    let floats = |value: fn(f32) -> f32| grey().into_iter().flat_map(|grey| value(grey.into()).to_le_bytes()).collect();
    for value in [(|v| v) as fn(f32) -> f32, |v| v / 255.0, |v| v * 257.0, |v| v * 3.0 + 1200.0, |v| v / 127.5 - 1.0] {
        assert_near(&of(32, 3, floats(value)).decode(), &expected, 1);
    }
    let doubles = grey().into_iter().flat_map(|grey| f64::from(grey).to_le_bytes()).collect();
    assert_near(&of(64, 3, doubles).decode(), &expected, 0);
    let integers =
        |value: fn(i64) -> i64| grey().into_iter().flat_map(|grey| (value(grey.into()) as i32).to_le_bytes()).collect();
    for value in [(|v| v) as fn(i64) -> i64, |v| v * 257, |v| v * 8_421_504, |v| v * 20 - 1000] {
        assert_near(&of(32, 2, integers(value)).decode(), &expected, 1);
    }
    assert_near(&of(32, 1, integers(|v| v * 16_843_009)).decode(), &expected, 0);
    // Where there is no number, there is nothing: white.
    let gaps =
        grey().into_iter().flat_map(|grey| if grey < 9 { f32::NAN } else { grey.into() }.to_le_bytes()).collect();
    let blank: Vec<u8> = grey().into_iter().map(|grey| if grey < 9 { 255 } else { grey }).collect();
    assert_near(&of(32, 3, gaps).decode(), &from_grey(&blank), 0);
}

#[test]
fn differences_of_floating_point_numbers() {
    for is_little in [true, false] {
        let mut bytes = Vec::new();
        for row in grey().chunks(SIZE.0 as usize) {
            let numbers: Vec<[u8; 4]> = row.iter().map(|grey| (f32::from(*grey) / 255.0).to_be_bytes()).collect();
            let planes: Vec<u8> = (0..4).flat_map(|i| numbers.iter().map(move |number| number[i])).collect();
            bytes.push(planes[0]);
            bytes.extend(planes.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
        }
        let page = Page::new(SIZE, 32, 1, 1, bytes).with(FORMAT, &[3]).with(PREDICTOR, &[3]);
        assert_near(&decode(&page.file(is_little)).image, &from_grey(&grey()), 0);
    }
}

#[test]
fn lengths_may_be_missing() {
    let mut page = Page::new(SIZE, 8, 1, 1, grey());
    page.is_without_lengths = true;
    assert!(page.decode() == from_grey(&grey()));
}

#[test]
fn luma_and_differences_of_colours_in_blocks() {
    // Two blocks of 4 x 2 across, of which the second is cut; one value of each difference for a block.
    let size = (6, 2);
    let blocks = [[10, 20, 30, 40, 50, 60, 70, 80, 128, 128], [90, 100, 0, 0, 110, 120, 0, 0, 128, 255]].concat();
    let page = Page::new(size, 8, 3, 6, blocks).with(530, &[4, 2]);
    let found = page.decode();
    let reds: Vec<u8> = found.pixels().map(|pixel| pixel[0]).collect();
    let blues: Vec<u8> = found.pixels().map(|pixel| pixel[2]).collect();
    assert_eq!(blues, [10, 20, 30, 40, 90, 100, 50, 60, 70, 80, 110, 120]);
    assert_eq!(reds, [10, 20, 30, 40, 255, 255, 50, 60, 70, 80, 255, 255]);
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// A JPEG file taken apart: its tables and the rest, both with their marks.
fn without_tables(jpeg: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut tables, mut rest) = (b"\xff\xd8".to_vec(), b"\xff\xd8".to_vec());
    let mut at = 2;
    while jpeg[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        let to = if matches!(jpeg[at + 1], 0xdb | 0xc4) { &mut tables } else { &mut rest };
        to.extend(&jpeg[at..end]);
        at = end;
    }
    tables.extend(b"\xff\xd9");
    rest.extend(&jpeg[at..]);
    (tables, rest)
}

#[test]
fn jpeg_in_strips_and_tiles() {
    let size = (96, 64);
    for (name, samples, colours) in
        [("420.jpg", 3, 6), ("444.jpg", 3, 6), ("progressive.jpg", 3, 6), ("grey.jpg", 1, 1)]
    {
        let jpeg = fixture(name);
        let expected = decode(&jpeg).image;
        let (tables, rest) = without_tables(&jpeg);
        let whole = Page::new(size, 8, samples, colours, jpeg.clone()).with(COMPRESSION, &[7]);
        // Chroma is smoothed or not.
        assert_near(&whole.decode(), &expected, 60);
        let mean = |found: &RgbImage| {
            let sum: u32 = found.iter().zip(expected.iter()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
            f64::from(sum) / found.len() as f64
        };
        assert!(mean(&whole.decode()) < 2.0, "{name}: {}", mean(&whole.decode()));
        if name != "progressive.jpg" {
            let mut shared = Page::new(size, 8, samples, colours, rest).with(COMPRESSION, &[7]);
            shared.bytes.push((TABLES, tables));
            assert!(shared.decode() == whole.decode(), "{name} with its tables apart");
        }
        // Four tiles of the same picture, cut at the lower and the right edge.
        let mut tiles = Page::new((150, 100), 8, samples, colours, jpeg.clone()).with(COMPRESSION, &[7]);
        tiles = tiles.with(TILE_WIDTH, &[96]).with(TILE_HEIGHT, &[64]);
        tiles.chunks = vec![jpeg; 4];
        let one = whole.decode();
        let tiled = RgbImage::from_fn(150, 100, |x, y| *one.get_pixel(x % 96, y % 64));
        assert!(tiles.decode() == tiled, "{name} in tiles");
    }
}

#[test]
fn webp_in_strips_and_tiles() {
    let webp = fixture("lossless.webp");
    let expected = decode(&webp).image;
    let page = |samples, chunk: &[u8]| Page::new((96, 64), 8, samples, 2, chunk.to_vec()).with(COMPRESSION, &[50_001]);
    assert!(page(3, &webp).decode() == expected);
    assert!(page(4, &webp).with(EXTRA, &[2]).decode() == expected, "opaque, as it says nothing else");
    let mut tiles = Page { size: (150, 100), ..page(3, &webp) }.with(TILE_WIDTH, &[96]).with(TILE_HEIGHT, &[64]);
    tiles.chunks = vec![webp.clone(); 4];
    let tiled = RgbImage::from_fn(150, 100, |x, y| *expected.get_pixel(x % 96, y % 64));
    assert!(tiles.decode() == tiled);
    let short = page(3, &webp[..webp.len() / 2]).file(true);
    assert!(decode_bytes(&short, &Limits::default()).is_err());
}

#[test]
fn old_style_jpeg() {
    let jpeg = fixture("420.jpg");
    let expected = decode(&jpeg).image;
    let size = (96, 64);
    // The file lies behind the header, and the strips say nothing new.
    let mut page = Page::new(size, 8, 3, 6, jpeg.clone()).with(COMPRESSION, &[6]);
    page = page.with(513, &[8]).with(514, &[jpeg.len() as u32]);
    assert_near(&page.decode(), &expected, 60);
    // The strip is the file.
    let strip = Page::new(size, 8, 3, 6, jpeg.clone()).with(COMPRESSION, &[6]);
    assert!(strip.decode() == page.decode());
    // The strip is the scan, and the headers are elsewhere.
    let scan = jpeg.windows(2).position(|marker| marker == b"\xff\xda").unwrap();
    let mut apart = Page::new(size, 8, 3, 6, jpeg[scan..].to_vec()).with(COMPRESSION, &[6]);
    let mut writer = Writer::new(true);
    writer.file.extend(&jpeg[..scan]);
    apart = apart.with(513, &[8]).with(514, &[scan as u32]);
    writer.page(&apart);
    assert_near(&decode(&writer.file).image, &page.decode(), 3);
}

#[test]
fn faxes() {
    let expected = decode(&fixture("fax-none.tiff")).image;
    for name in ["fax-rle.tiff", "fax-g3.tiff", "fax-g3-2d.tiff", "fax-g3-fill.tiff", "fax-g4.tiff"] {
        assert!(decode(&fixture(name)).image == expected, "{name}");
    }
}

#[test]
fn compressions_without_loss() {
    let expected = decode(&fixture("grey-none.tiff")).image;
    for name in ["grey-lzw.tiff", "grey-deflate.tiff", "grey-packbits.tiff", "grey-zstd.tiff"] {
        assert!(decode(&fixture(name)).image == expected, "{name}");
    }
}

fn plain(side: u32, grey: u8) -> Page {
    Page::new((side, side), 8, 1, 1, vec![grey; (side * side) as usize])
}

fn seen(bytes: &[u8], hint: Option<u32>) -> (u32, u32, u8) {
    let photo = decode_bytes_for(bytes, &Limits::default(), hint).unwrap();
    (photo.metadata.width, photo.image.width(), photo.image.get_pixel(0, 0)[0])
}

const NEW_SUBFILE_TYPE: u16 = 254;

#[test]
fn the_largest_page_is_the_photo() {
    let file = |pages: &[Page]| {
        let mut writer = Writer::new(true);
        pages.iter().for_each(|page| writer.page(page));
        writer.file
    };
    assert_eq!(seen(&file(&[plain(20, 1), plain(50, 2), plain(50, 3), plain(30, 4)]), None), (50, 50, 2));
    assert_eq!(seen(&file(&[plain(20, 1).with(NEW_SUBFILE_TYPE, &[1]), plain(50, 2)]), None), (50, 50, 2));
    let mask = plain(90, 3).with(NEW_SUBFILE_TYPE, &[4]);
    assert_eq!(seen(&file(&[plain(50, 2), mask]), None), (50, 50, 2), "a mask is no picture");
    let raw = plain(90, 3).with(COLOURS, &[32803]);
    assert_eq!(seen(&file(&[plain(50, 2), raw]), None), (50, 50, 2), "what can be decoded is better than nothing");
    let mut writer = Writer::new(true);
    let (below, _) = writer.directory(&plain(50, 2));
    writer.page(&plain(20, 1).with(SUB_IFDS, &[below]));
    assert_eq!(seen(&writer.file, None), (50, 50, 2), "below the first page");
    // The list of pages is a circle.
    let mut writer = Writer::new(true);
    writer.page(&plain(20, 1));
    writer.page(&plain(50, 2));
    let first = writer.file[4..8].to_vec();
    writer.file[writer.link..writer.link + 4].copy_from_slice(&first);
    assert_eq!(seen(&writer.file, None), (50, 50, 2));
}

#[test]
fn a_small_result_comes_from_a_small_page() {
    let reduced = |page: Page| page.with(NEW_SUBFILE_TYPE, &[1]);
    let mut writer = Writer::new(true);
    writer.page(&plain(400, 1));
    [200, 100, 50].iter().zip(2..).for_each(|(side, grey)| writer.page(&reduced(plain(*side, grey))));
    // Twice the side that is asked for, or more.
    assert_eq!(seen(&writer.file, None), (400, 400, 1));
    assert_eq!(seen(&writer.file, Some(101)), (400, 400, 1));
    assert_eq!(seen(&writer.file, Some(100)), (400, 200, 2));
    assert_eq!(seen(&writer.file, Some(51)), (400, 200, 2));
    assert_eq!(seen(&writer.file, Some(20)), (400, 50, 4));
    // A page of another shape is something else, and so is one that is not said to be smaller.
    let mut writer = Writer::new(true);
    writer.page(&plain(400, 1));
    writer.page(&reduced(Page::new((200, 100), 8, 1, 1, vec![2; 20_000])));
    writer.page(&plain(100, 3));
    assert_eq!(seen(&writer.file, Some(20)), (400, 400, 1));
    // A damaged one does not keep the photo from being seen.
    let mut writer = Writer::new(true);
    writer.page(&plain(400, 1));
    let mut damaged = reduced(plain(100, 3)).with(COMPRESSION, &[5]);
    damaged.chunks = vec![vec![0xff; 100]];
    writer.page(&damaged);
    assert_eq!(seen(&writer.file, Some(20)), (400, 400, 1));
}

#[test]
fn strips_need_not_divide_the_picture() {
    let mut page = Page::new(SIZE, 8, 1, 1, Vec::new()).with(ROWS, &[5]);
    page.chunks = grey().chunks(5 * SIZE.0 as usize).map(<[u8]>::to_vec).collect();
    assert!(page.decode() == from_grey(&grey()));
    // More rows than there are.
    let page = Page::new(SIZE, 8, 1, 1, grey()).with(ROWS, &[60_000]);
    assert!(page.decode() == from_grey(&grey()));
}

#[test]
fn an_end_in_the_middle_of_a_strip_is_noticed() {
    for compression in [1, 2, 3, 4, 5, 7, 8, 32773, 50000] {
        let bits = if (2..=4).contains(&compression) { 1 } else { 8 };
        let file = Page::new((200, 200), bits, 1, 1, Vec::new()).with(COMPRESSION, &[compression]);
        // A strip without content.
        let file = Page { chunks: vec![vec![]], ..file }.file(true);
        assert!(decode_bytes(&file, &Limits::default()).is_err(), "compression {compression}");
    }
}
