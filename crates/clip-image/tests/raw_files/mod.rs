//! Small raw files of every kind, laid out as cameras do, with JPEGs that can be told apart by their colours.

#![allow(dead_code, reason = "each test binary takes what it needs")]

use std::sync::LazyLock;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

/// Colours of the JPEGs in a file, by what they are there for.
pub const FULL: [u8; 3] = [200, 30, 30];
pub const PREVIEW: [u8; 3] = [30, 200, 30];
pub const THUMBNAIL: [u8; 3] = [30, 30, 200];

/// The size that the files say that their photo has, and those of their JPEGs.
pub const SIZE: (u32, u32) = (604, 404);
pub const FULL_SIZE: (u32, u32) = (600, 400);
pub const PREVIEW_SIZE: (u32, u32) = (480, 320);
/// Of other proportions, as thumbnails with black bars are.
pub const THUMBNAIL_SIZE: (u32, u32) = (160, 120);

pub fn jpeg(colour: [u8; 3], (width, height): (u32, u32)) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90)
        .encode_image(&RgbImage::from_pixel(width, height, Rgb(colour)))
        .unwrap();
    bytes
}

pub fn full() -> Vec<u8> {
    static JPEG: LazyLock<Vec<u8>> = LazyLock::new(|| jpeg(FULL, FULL_SIZE));
    JPEG.clone()
}

pub fn preview() -> Vec<u8> {
    static JPEG: LazyLock<Vec<u8>> = LazyLock::new(|| jpeg(PREVIEW, PREVIEW_SIZE));
    JPEG.clone()
}

pub fn thumbnail() -> Vec<u8> {
    static JPEG: LazyLock<Vec<u8>> = LazyLock::new(|| jpeg(THUMBNAIL, THUMBNAIL_SIZE));
    JPEG.clone()
}

/// What raw data look like in many files: a JPEG with a lossless frame.
pub fn lossless_jpeg() -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xc4\0\x14\0\0\x01".to_vec();
    bytes.resize(2 + 2 + 0x14, 0);
    bytes.extend(b"\xff\xc3\0\x0e\x0e\x03\x24\x04\xb4\x02\0\x11\0\x01\x11\0");
    bytes.extend(b"\xff\xda\0\x0a\x02\0\0\x01\0\x01\0\0");
    bytes.extend([0x55; 400]);
    bytes.extend(b"\xff\xd9");
    bytes
}

/// A JPEG with EXIF data.
pub fn with_exif(jpeg: &[u8], exif: &[u8]) -> Vec<u8> {
    let length = (exif.len() as u16 + 8).to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, b"Exif\0\0", exif, &jpeg[2..]].concat()
}

/// A value of a field.
#[derive(Debug, Clone)]
pub enum Value {
    Short(Vec<u16>),
    Long(Vec<u32>),
    Text(&'static str),
    Bytes(Vec<u8>),
}

pub use Value::{Bytes, Long, Short, Text};

/// Shorthands for fields with one number.
pub fn short(tag: u16, value: u16) -> (u16, Value) {
    (tag, Short(vec![value]))
}

pub fn long(tag: u16, value: usize) -> (u16, Value) {
    (tag, Long(vec![value as u32]))
}

/// A file that is made of tables, written from its innermost parts outwards.
pub struct Writer {
    pub bytes: Vec<u8>,
    is_little: bool,
}

impl Writer {
    /// With the first bytes of a file; the place of its first table, at 4, is written at the end.
    pub fn new(header: &[u8]) -> Self {
        Self { bytes: header.to_vec(), is_little: header[0] == b'I' }
    }

    /// Appends bytes, and returns where they begin.
    pub fn put(&mut self, bytes: &[u8]) -> usize {
        if self.bytes.len() % 2 == 1 {
            self.bytes.push(0);
        }
        let at = self.bytes.len();
        self.bytes.extend(bytes);
        at
    }

    fn u16(&self, number: u16) -> [u8; 2] {
        if self.is_little { number.to_le_bytes() } else { number.to_be_bytes() }
    }

    fn u32(&self, number: u32) -> [u8; 4] {
        if self.is_little { number.to_le_bytes() } else { number.to_be_bytes() }
    }

    /// A table, with the place of the one after it, or 0. Returns where it begins.
    pub fn table(&mut self, mut fields: Vec<(u16, Value)>, next: usize) -> usize {
        fields.sort_by_key(|(tag, _)| *tag);
        let mut entries = Vec::new();
        for (tag, value) in &fields {
            let (kind, count, bytes) = match value {
                Short(numbers) => (3, numbers.len(), numbers.iter().flat_map(|n| self.u16(*n)).collect()),
                Long(numbers) => (4, numbers.len(), numbers.iter().flat_map(|n| self.u32(*n)).collect()),
                Text(text) => (2, text.len() + 1, [text.as_bytes(), b"\0"].concat()),
                Bytes(bytes) => (7, bytes.len(), bytes.clone()),
            };
            entries.extend(self.u16(*tag));
            entries.extend(self.u16(kind));
            entries.extend(self.u32(count as u32));
            if bytes.len() <= 4 {
                entries.extend(bytes.iter().copied().chain([0; 4]).take(4));
            } else {
                let at = self.put(&bytes);
                entries.extend(self.u32(at as u32));
            }
        }
        let table = [&self.u16(fields.len() as u16)[..], &entries, &self.u32(next as u32)].concat();
        self.put(&table)
    }

    /// The file, with this table for the first.
    pub fn finish(mut self, first: usize) -> Vec<u8> {
        let first = self.u32(first as u32);
        self.bytes[4..8].copy_from_slice(&first);
        self.bytes
    }

    /// A table of EXIF data with time and lens, and a maker note.
    fn exif(&mut self, note: Option<Vec<u8>>) -> usize {
        let mut fields = vec![(0x9003, Text("2020:02:03 04:05:06")), (0xa434, Text("50mm F1.8"))];
        fields.extend(note.map(|note| (0x927c, Bytes(note))));
        self.table(fields, 0)
    }

    /// Where a value of a field of this many bytes begins that is written next.
    fn next(&self) -> usize {
        self.bytes.len().next_multiple_of(2)
    }
}

/// Maker, model, orientation and size, for a first table.
fn camera(make: &'static str, orientation: u16) -> Vec<(u16, Value)> {
    vec![(0x10f, Text(make)), (0x110, Text("Model 1")), short(0x112, orientation)]
}

fn size((width, height): (u32, u32)) -> Vec<(u16, Value)> {
    vec![long(0x100, width as usize), long(0x101, height as usize)]
}

/// A JPEG as TIFF files have it: as a thumbnail, or as a picture of one strip.
fn as_thumbnail(file: &mut Writer, jpeg: &[u8]) -> Vec<(u16, Value)> {
    let at = file.put(jpeg);
    vec![long(0x201, at), long(0x202, jpeg.len())]
}

fn as_strip(file: &mut Writer, jpeg: &[u8], compression: u16) -> Vec<(u16, Value)> {
    let at = file.put(jpeg);
    vec![short(0x103, compression), long(0x111, at), long(0x117, jpeg.len())]
}

/// Raw data in a table.
fn raw_data(file: &mut Writer, compression: u16) -> Vec<(u16, Value)> {
    let data = lossless_jpeg();
    let mut fields = as_strip(file, &data, compression);
    fields.extend(size(SIZE));
    fields.push(short(0x106, 32_803));
    fields
}

/// A small picture without compression.
fn plain_thumbnail(file: &mut Writer) -> Vec<(u16, Value)> {
    let at = file.put(&[0x80; 8 * 6 * 3]);
    let fields = [short(0x103, 1), short(0x106, 2), short(0x115, 3), long(0x111, at), long(0x117, 8 * 6 * 3)];
    [&fields[..], &size((8, 6)), &[(0x102, Short(vec![8; 3])), long(0x116, 6)]].concat()
}

pub fn cr2(orientation: u16) -> Vec<u8> {
    let mut file = Writer::new(b"II*\0\0\0\0\0CR\x02\0\0\0\0\0");
    let data = lossless_jpeg();
    // As cameras write it, without size and colours.
    let fields = as_strip(&mut file, &data, 6);
    let raw = file.table(fields, 0);
    let fields = as_thumbnail(&mut file, &thumbnail());
    let small = file.table(fields, raw);
    let exif = file.exif(None);
    let mut fields = as_strip(&mut file, &full(), 6);
    fields.extend([camera("Canon", orientation), size(SIZE), vec![long(0x8769, exif)]].concat());
    let first = file.table(fields, small);
    file.finish(first)
}

/// Nikon's, with the preview in the maker note, which has a header of its own.
pub fn nef(orientation: u16) -> Vec<u8> {
    let mut file = Writer::new(b"MM\0*\0\0\0\0");
    let fields = raw_data(&mut file, 34_713);
    let raw = file.table(fields, 0);
    let fields = as_thumbnail(&mut file, &full());
    let large = file.table(fields, 0);

    let mut note = Writer::new(b"MM\0*\0\0\0\0");
    let fields = as_thumbnail(&mut note, &preview());
    let of_preview = note.table(fields, 0);
    let first = note.table(vec![long(0x11, of_preview)], 0);
    let note = [b"Nikon\0\x02\x10\0\0", &note.finish(first)[..]].concat();
    let exif = file.exif(Some(note));

    let mut fields = plain_thumbnail(&mut file);
    fields.extend(camera("NIKON CORPORATION", orientation));
    fields.extend([(0x14a, Long(vec![large as u32, raw as u32])), long(0x8769, exif)]);
    let first = file.table(fields, 0);
    file.finish(first)
}

pub fn arw(orientation: u16) -> Vec<u8> {
    let mut file = Writer::new(b"II*\0\0\0\0\0");
    let fields = raw_data(&mut file, 32_767);
    let raw = file.table(fields, 0);
    let fields = as_thumbnail(&mut file, &thumbnail());
    let small = file.table(fields, 0);
    let exif = file.exif(None);
    let mut fields = as_thumbnail(&mut file, &preview());
    fields.extend(camera("SONY", orientation));
    fields.extend([long(0x14a, raw), long(0x8769, exif), short(0x103, 6)]);
    let first = file.table(fields, small);
    file.finish(first)
}

/// Adobe's, with raw data as a lossless JPEG, of which less is to be shown than there is.
pub fn dng(orientation: u16) -> Vec<u8> {
    let mut file = Writer::new(b"II*\0\0\0\0\0");
    let mut fields = raw_data(&mut file, 7);
    fields.retain(|(tag, _)| ![0x100, 0x101].contains(tag));
    fields.extend(size((SIZE.0 + 16, SIZE.1 + 16)));
    fields.push((0xc620, Long(vec![SIZE.0, SIZE.1])));
    let raw = file.table(fields, 0);
    let fields = as_strip(&mut file, &preview(), 7);
    let small = file.table([fields, size(PREVIEW_SIZE)].concat(), 0);
    let fields = as_strip(&mut file, &full(), 7);
    let large = file.table([fields, size(FULL_SIZE)].concat(), 0);
    let exif = file.exif(None);
    let mut fields = plain_thumbnail(&mut file);
    fields.extend(camera("Google", orientation));
    fields.extend([(0x14a, Long([raw, small, large].map(|at| at as u32).to_vec())), long(0x8769, exif)]);
    fields.push((0xc612, Bytes(vec![1, 4, 0, 0])));
    let first = file.table(fields, 0);
    file.finish(first)
}

/// Olympus's, with the preview in a table of the maker note, whose offsets count from its beginning.
pub fn orf(orientation: u16) -> Vec<u8> {
    let mut file = Writer::new(b"IIRO\0\0\0\0");
    let at = file.next();
    let mut note = Writer::new(b"OLYMPUS\0II\x03\0");
    note.is_little = true;
    // The table comes first, at a fixed place. Its one field refers to the other.
    note.bytes.extend(b"\x01\0\x20\x20\x0d\0\x01\0\0\0");
    let settings_at = note.bytes.len();
    note.bytes.extend([0; 8]);
    let jpeg = preview();
    let start = note.put(&jpeg);
    let settings = note.table(vec![long(0x101, start), long(0x102, jpeg.len())], 0);
    note.bytes[settings_at..settings_at + 4].copy_from_slice(&(settings as u32).to_le_bytes());
    let exif = {
        // The values of the table stand before it in the order of their tags.
        let note = note.bytes;
        let length = note.len();
        let fields = vec![(0x927c, Bytes(note))];
        let exif = file.table(fields, 0);
        assert!(file.bytes[at..].starts_with(b"OLYMPUS\0") && exif >= at + length);
        exif
    };
    let data = file.put(&[0x55; 64]);
    let mut fields = camera("OLYMPUS CORPORATION", orientation);
    fields.extend(size(SIZE));
    fields.extend([long(0x111, data), long(0x117, 64), short(0x103, 1), long(0x8769, exif)]);
    let first = file.table(fields, 0);
    file.finish(first)
}

pub fn rw2(orientation: u16) -> Vec<u8> {
    let mut file = Writer::new(b"IIU\0\0\0\0\0");
    let exif = file.exif(None);
    let mut fields = camera("Panasonic", orientation);
    // Borders: top, left, bottom, right.
    fields.extend([(4, 8), (5, 12), (6, 8 + SIZE.1 as u16), (7, 12 + SIZE.0 as u16)].map(|(tag, n)| short(tag, n)));
    fields.extend([(0x2e, Bytes(full())), long(0x8769, exif)]);
    let first = file.table(fields, 0);
    file.finish(first)
}

/// Pentax's, with the preview in a table of its own.
pub fn pef(orientation: u16) -> Vec<u8> {
    let mut file = Writer::new(b"MM\0*\0\0\0\0");
    let fields = as_thumbnail(&mut file, &preview());
    let large = file.table(fields, 0);
    let fields = as_thumbnail(&mut file, &thumbnail());
    let small = file.table(fields, large);
    let exif = file.exif(None);
    let mut fields = raw_data(&mut file, 65_535_u16);
    fields.extend(camera("PENTAX Corporation", orientation));
    fields.push(long(0x8769, exif));
    let first = file.table(fields, small);
    file.finish(first)
}

pub fn srw(orientation: u16) -> Vec<u8> {
    let mut file = Writer::new(b"II*\0\0\0\0\0");
    let fields = raw_data(&mut file, 32_770);
    let raw = file.table(fields, 0);
    let fields = as_thumbnail(&mut file, &full());
    let large = file.table(fields, 0);
    let exif = file.exif(None);
    let mut fields = plain_thumbnail(&mut file);
    fields.extend(camera("SAMSUNG", orientation));
    fields.extend([(0x14a, Long(vec![raw as u32, large as u32])), long(0x8769, exif)]);
    let first = file.table(fields, 0);
    file.finish(first)
}

/// EXIF data by themselves.
pub fn exif(make: &'static str, orientation: u16) -> Vec<u8> {
    let mut block = Writer::new(b"MM\0*\0\0\0\0");
    let exif = block.exif(None);
    let first = block.table([camera(make, orientation), vec![long(0x8769, exif)]].concat(), 0);
    block.finish(first)
}

/// Fujifilm's, with EXIF data in the preview.
pub fn raf(orientation: u16) -> Vec<u8> {
    let jpeg = with_exif(&full(), &exif("FUJIFILM", orientation));
    let mut file = b"FUJIFILMCCD-RAW 0201FF393101".to_vec();
    file.resize(84, 0);
    let start = 160;
    let directory = start + jpeg.len();
    for number in [start, jpeg.len(), directory, 24] {
        file.extend((number as u32).to_be_bytes());
    }
    file.resize(start, 0);
    file.extend(&jpeg);
    file.extend(2_u32.to_be_bytes());
    file.extend([0x01, 0x10, 0, 4, 0, 0, 0, 0, 0x01, 0x11, 0, 4]);
    file.extend([SIZE.1, SIZE.0].map(|side| (side as u16).to_be_bytes()).concat());
    file.extend([0x55; 64]);
    file
}

pub fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
}

/// Canon's with boxes: EXIF data in three blocks, and three JPEGs.
pub fn cr3(orientation: u16) -> Vec<u8> {
    let block = |fields: Vec<(u16, Value)>| {
        let mut block = Writer::new(b"II*\0\0\0\0\0");
        let first = block.table(fields, 0);
        block.finish(first)
    };
    let main = block([camera("Canon", orientation), size(SIZE)].concat());
    let exif = block(vec![(0x9003, Text("2020:02:03 04:05:06")), (0xa434, Text("50mm F1.8"))]);
    let place = block(vec![(1, Text("N"))]);
    let with_header = |jpeg: &[u8]| {
        let length = (jpeg.len() as u32).to_be_bytes();
        [&[0, 0, 0, 0, 2, 88, 1, 144], &length[..], &[0, 1, 0, 0], jpeg].concat()
    };
    let parts = [
        boxed(b"CNCV", b"CanonCR3_001/01.09.00/00.00.00"),
        boxed(b"CMT1", &main),
        boxed(b"CMT2", &exif),
        boxed(b"CMT3", b""),
        boxed(b"CMT4", &place),
        boxed(b"THMB", &with_header(&thumbnail())),
    ];
    let canon = b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48".as_slice();
    let canon = boxed(b"uuid", &[canon, &parts.concat()].concat());
    let large = full();
    let moov = |start: usize| {
        let sizes = boxed(b"stsz", &[0, 0, 1, large.len() as u32].map(u32::to_be_bytes).concat());
        let offsets = boxed(b"co64", &[&[0, 0, 0, 0, 0, 0, 0, 1], &(start as u64).to_be_bytes()[..]].concat());
        let table = boxed(b"stbl", &[sizes, offsets].concat());
        let track = boxed(b"trak", &boxed(b"mdia", &boxed(b"minf", &table)));
        boxed(b"moov", &[canon.clone(), track].concat())
    };
    let kind = boxed(b"ftyp", b"crx \0\0\0\x01crx isom");
    let of_preview = b"\xea\xf4\x2b\x5e\x1c\x98\x4b\x88\xb9\xfb\xb7\xdc\x40\x6e\x4d\x16\0\0\0\0\0\0\0\x01".as_slice();
    let small = boxed(b"uuid", &[of_preview, &boxed(b"PRVW", &with_header(&preview()))].concat());
    let start = kind.len() + moov(0).len() + small.len() + 8;
    let data = boxed(b"mdat", &[&large[..], &[0x55; 64]].concat());
    [kind, moov(start), small, data].concat()
}

/// Minolta's, whose preview lacks its first byte.
pub fn mrw(orientation: u16) -> Vec<u8> {
    let mut block = Writer::new(b"MM\0*\0\0\0\0");
    let mut jpeg = preview();
    jpeg[0] = 2;
    let start = block.put(&jpeg);
    let mut note = Writer::new(b"MM\0*\0\0\0\0");
    note.table(vec![long(0x88, start), long(0x89, jpeg.len())], 0);
    // A table without a header.
    let exif = block.exif(Some(note.bytes[8..].to_vec()));
    let first = block.table([camera("Minolta Co., Ltd.", orientation), vec![long(0x8769, exif)]].concat(), 0);
    let block = block.finish(first);
    let sides = [0, 0, SIZE.1, SIZE.0].map(|side| (side as u16).to_be_bytes()).concat();
    let sizes = [b"27200001", &sides[..], &[12, 12, 89, 0, 0, 0, 0, 1]].concat();
    let named = |name: &[u8], content: &[u8]| [name, &(content.len() as u32).to_be_bytes(), content].concat();
    let parts = [named(b"\0PRD", &sizes), named(b"\0TTW", &block)].concat();
    [named(b"\0MRM", &parts), vec![0x55; 64]].concat()
}

/// Sigma's, with EXIF data in the preview.
pub fn x3f(orientation: u16) -> Vec<u8> {
    let mut file = b"FOVb\x02\0\x02\0".to_vec();
    file.resize(28, 0);
    for number in [SIZE.0, SIZE.1, 0] {
        file.extend(number.to_le_bytes());
    }
    file.resize(232, 0);
    file.extend(b"SECi\0\0\x02\0");
    file.extend(with_exif(&full(), &exif("SIGMA", orientation)));
    file.extend([0x55; 64]);
    file
}

/// Canon's old ones: directories behind what they describe.
pub fn crw(orientation: u16) -> Vec<u8> {
    let degrees = match orientation {
        3 => 180,
        6 => 90,
        8 => 270,
        _ => 0_u32,
    };
    // Parts, then their list, and where that begins.
    let heap = |parts: &[(u16, Vec<u8>)]| {
        let mut bytes = Vec::new();
        let mut list = (parts.len() as u16).to_le_bytes().to_vec();
        for (tag, part) in parts {
            list.extend(tag.to_le_bytes());
            list.extend((part.len() as u32).to_le_bytes());
            list.extend((bytes.len() as u32).to_le_bytes());
            bytes.extend(part);
        }
        let at = (bytes.len() as u32).to_le_bytes();
        [bytes, list, at.to_vec()].concat()
    };
    let info = [SIZE.0, SIZE.1, 0, degrees, 0, 0, 0].map(u32::to_le_bytes).concat();
    let parts = heap(&[(0x300a, heap(&[(0x1810, info)])), (0x2007, full())]);
    [b"II\x1a\0\0\0HEAPCCDR", &[0; 12][..], &parts].concat()
}

/// A kind of file: its extension, a maker of such files, the JPEG that is its largest, and a file with an orientation.
pub struct Kind {
    pub extension: &'static str,
    pub camera: Option<&'static str>,
    pub largest: ([u8; 3], (u32, u32)),
    pub make: fn(u16) -> Vec<u8>,
}

pub const KINDS: [Kind; 13] = [
    Kind { extension: "cr2", camera: Some("Canon Model 1"), largest: (FULL, FULL_SIZE), make: cr2 },
    Kind { extension: "nef", camera: Some("NIKON CORPORATION Model 1"), largest: (FULL, FULL_SIZE), make: nef },
    Kind { extension: "arw", camera: Some("SONY Model 1"), largest: (PREVIEW, PREVIEW_SIZE), make: arw },
    Kind { extension: "dng", camera: Some("Google Model 1"), largest: (FULL, FULL_SIZE), make: dng },
    Kind { extension: "orf", camera: Some("OLYMPUS CORPORATION Model 1"), largest: (PREVIEW, PREVIEW_SIZE), make: orf },
    Kind { extension: "rw2", camera: Some("Panasonic Model 1"), largest: (FULL, FULL_SIZE), make: rw2 },
    Kind { extension: "pef", camera: Some("PENTAX Corporation Model 1"), largest: (PREVIEW, PREVIEW_SIZE), make: pef },
    Kind { extension: "srw", camera: Some("SAMSUNG Model 1"), largest: (FULL, FULL_SIZE), make: srw },
    Kind { extension: "raf", camera: Some("FUJIFILM Model 1"), largest: (FULL, FULL_SIZE), make: raf },
    Kind { extension: "cr3", camera: Some("Canon Model 1"), largest: (FULL, FULL_SIZE), make: cr3 },
    Kind { extension: "mrw", camera: Some("Minolta Co., Ltd. Model 1"), largest: (PREVIEW, PREVIEW_SIZE), make: mrw },
    Kind { extension: "x3f", camera: Some("SIGMA Model 1"), largest: (FULL, FULL_SIZE), make: x3f },
    Kind { extension: "crw", camera: None, largest: (FULL, FULL_SIZE), make: crw },
];
