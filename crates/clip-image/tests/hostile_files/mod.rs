//! Small files that unpack to gigabytes, or claim to.

#![allow(dead_code, reason = "each test binary takes what it needs")]

/// A file and what it is about.
pub struct Hostile {
    /// A file's name that tells the kind.
    pub name: &'static str,
    pub make: fn(&Scale) -> Vec<u8>,
}

/// How large the files claim to be.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Pixels on a side of a picture of as many as are allowed.
    pub side: u32,
    /// Bytes that metadata unpack to, or take.
    pub metadata: usize,
}

impl Scale {
    /// 250 million pixels, what the default limits allow.
    pub const FULL: Self = Self { side: 15_811, metadata: 200_000_000 };
    /// A hundredth, for tests.
    pub const SMALL: Self = Self { side: 1_581, metadata: 4_000_000 };

    fn square(&self) -> (u32, u32) {
        (self.side, self.side)
    }

    fn area(&self) -> u32 {
        self.side * self.side
    }

    /// Zeros, packed, that are ten times as many bytes as metadata may take unpacked.
    fn packed(&self) -> Vec<u8> {
        zeros_behind(&[], 10 * self.metadata as u64)
    }
}

type Chunk = (&'static [u8; 4], Vec<u8>);

pub const FILES: &[Hostile] = &[
    Hostile { name: "pixels-16-bit.png", make: |s| png(s.square(), 16, 6, 0, &[]) },
    Hostile { name: "pixels-8-bit.png", make: |s| png(s.square(), 8, 2, 0, &[]) },
    Hostile { name: "pixels-interlaced.png", make: |s| png(s.square(), 16, 2, 1, &[]) },
    Hostile { name: "pixels-turned.png", make: |s| png(s.square(), 16, 6, 0, &[(b"eXIf", orientation(6))]) },
    Hostile { name: "pixels-one-row.png", make: |s| png((s.area(), 1), 16, 6, 0, &[]) },
    Hostile { name: "pixels-one-column.png", make: |s| png((1, s.area()), 8, 0, 0, &[]) },
    Hostile { name: "profile.png", make: |s| small_png(&[(b"iCCP", [b"icc\0\0".to_vec(), s.packed()].concat())]) },
    Hostile { name: "text-packed.png", make: |s| small_png(&[(b"zTXt", [b"text\0\0".to_vec(), s.packed()].concat())]) },
    Hostile {
        name: "text-xmp.png",
        make: |s| small_png(&[(b"iTXt", [b"XML:com.adobe.xmp\0\x01\0\0\0".to_vec(), s.packed()].concat())]),
    },
    Hostile { name: "text-many.png", make: |s| small_png(&vec![(b"tEXt", b"a\0b".to_vec()); s.metadata / 200]) },
    Hostile { name: "exif-text.png", make: |s| small_png(&[(b"eXIf", exif_text(s.metadata))]) },
    Hostile { name: "exif-tables.png", make: |_| small_png(&[(b"eXIf", exif_tables())]) },
    Hostile { name: "palette.png", make: |s| small_png(&[(b"PLTE", vec![0; s.metadata])]) },
    Hostile { name: "frames.png", make: apng },
    Hostile { name: "canvas.gif", make: |s| gif((s.side as u16, s.side as u16), (1, 1), 1) },
    Hostile { name: "canvas-largest.gif", make: |_| gif((u16::MAX, u16::MAX), (1, 1), 1) },
    Hostile { name: "frame-outside.gif", make: |_| gif((1, 1), (u16::MAX, u16::MAX), 1) },
    Hostile { name: "profile.gif", make: |s| gif_with_profile(s.metadata) },
    Hostile {
        name: "frames.gif",
        make: |s| gif((s.side as u16 / 2, s.side as u16 / 2), (s.side as u16 / 2, s.side as u16 / 2), 20),
    },
    Hostile { name: "exif-text.webp", make: |s| webp((16, 16), &[(b"EXIF", exif_text(s.metadata))]) },
    Hostile { name: "profile.webp", make: |s| webp((16, 16), &[(b"ICCP", vec![0; s.metadata])]) },
    Hostile { name: "pixels.webp", make: |s| webp((s.side.min(16_383), s.side.min(16_383)), &[]) },
    Hostile { name: "frames.webp", make: |s| animated_webp(s.side / 3) },
    Hostile {
        name: "frame-claims-more.webp",
        make: |_| riff(&[(b"VP8X", vp8x(0, (1, 1))), (b"VP8 ", vp8_header(16_383, 16_383))]),
    },
    Hostile { name: "codes.webp", make: |s| riff(&[(b"VP8L", many_codes(s.metadata / 1000))]) },
    Hostile { name: "exif-text.tiff", make: |s| exif_text(s.metadata) },
    Hostile { name: "strip-16-bit.tiff", make: |s| tiff(&Tiff { size: s.square(), rows: s.side, ..Tiff::default() }) },
    Hostile { name: "strips-16-bit.tiff", make: |s| tiff(&Tiff { size: s.square(), rows: 64, ..Tiff::default() }) },
    Hostile {
        name: "planes-16-bit.tiff",
        make: |s| tiff(&Tiff { size: s.square(), rows: 64, planar: true, ..Tiff::default() }),
    },
    Hostile { name: "wide-tiles.tiff", make: |_| tiff(&Tiff { tile: Some(0x7fff_fff0), extra: 1, ..Tiff::default() }) },
    Hostile { name: "field-counts.tiff", make: |s| tiff(&Tiff { offsets: Some(s.metadata / 40), ..Tiff::default() }) },
    Hostile { name: "profile.tiff", make: |s| tiff(&Tiff { profile: s.metadata, ..Tiff::default() }) },
    Hostile { name: "pages.tiff", make: tiff_pages },
    Hostile {
        name: "jpeg-inside.tiff",
        make: |_| tiff(&Tiff { inside: Some((7, jpeg(0xc2, (16_000, 16_000)))), ..Tiff::default() }),
    },
    Hostile { name: "samples.tiff", make: |_| tiff(&Tiff { extra: 60_000, ..Tiff::default() }) },
    Hostile {
        name: "webp-inside.tiff",
        make: |s| {
            let webp = riff(&[(b"VP8L", many_codes(s.metadata / 1000))]);
            tiff(&Tiff { inside: Some((50_001, webp)), ..Tiff::default() })
        },
    },
    Hostile {
        name: "window.tiff",
        make: |_| tiff(&Tiff { size: (800, 800), rows: 800, inside: Some((50_000, zstandard())), ..Tiff::default() }),
    },
    Hostile {
        name: "fax.tiff",
        make: |_| tiff(&Tiff { size: (200_000, 4), rows: 4, inside: Some((4, fax())), ..Tiff::default() }),
    },
    Hostile {
        name: "floats.tiff",
        make: |s| tiff(&Tiff { size: (s.side / 2, s.side), rows: 64, floats: true, ..Tiff::default() }),
    },
    Hostile { name: "claims.bmp", make: |s| bmp(s.side, s.side) },
    Hostile {
        name: "claims.qoi",
        make: |s| [b"qoif", &[s.side, s.side].map(u32::to_be_bytes).concat()[..], &[4, 0]].concat(),
    },
    Hostile {
        name: "claims.tga",
        make: |s| {
            let side = (s.side as u16).to_le_bytes();
            [b"\0\0\x0a\0\0\0\0\0\0\0\0\0", &side[..], &side, b"\x20\x08"].concat()
        },
    },
    Hostile { name: "claims.dds", make: |s| dds(s.square(), &[]) },
    Hostile { name: "blocks.dds", make: |s| dds(s.square(), &vec![0x55; 8 * s.side.div_ceil(4).pow(2) as usize]) },
    Hostile { name: "claims.hdr", make: |s| format!("#?RGBE\n\n-Y {0} +X {0}\n", s.side).into_bytes() },
    Hostile { name: "turned.hdr", make: |s| format!("#?RGBE\n\n+X {0} -Y {0}\n", s.side).into_bytes() },
    Hostile { name: "pixels.j2k", make: |s| j2k(&J2k { size: s.square(), levels: 5, ..J2k::default() }) },
    Hostile {
        name: "colours.j2k",
        make: |s| j2k(&J2k { size: s.square(), levels: 5, components: 3, ..J2k::default() }),
    },
    Hostile {
        name: "components.j2k",
        make: |s| j2k(&J2k { size: (s.side / 8, s.side / 8), components: 64, ..J2k::default() }),
    },
    Hostile {
        name: "precincts.j2k",
        make: |s| j2k(&J2k { size: (s.side / 16, s.side / 16), precinct: Some(0), ..J2k::default() }),
    },
    Hostile {
        name: "precincts-in-order.j2k",
        make: |s| j2k(&J2k { size: (s.side / 16, s.side / 16), precinct: Some(0), order: 2, ..J2k::default() }),
    },
    Hostile {
        name: "blocks.j2k",
        make: |s| j2k(&J2k { size: (s.side / 8, s.side / 8), block: 0, levels: 3, layers: 32, ..J2k::default() }),
    },
    Hostile {
        name: "passes.j2k",
        make: |s| j2k(&J2k { size: (s.side / 8, s.side / 8), block: 0, passes: 4, fill: 0xff, ..J2k::default() }),
    },
    Hostile {
        name: "tiles.j2k",
        make: |s| {
            let side = s.side / 16;
            j2k(&J2k { size: (side, side), tile: (2, 2), levels: 5, components: 4, ..J2k::default() })
        },
    },
    Hostile {
        name: "levels.j2k",
        make: |s| j2k(&J2k { size: (s.side / 4, s.side / 4), levels: 32, components: 3, ..J2k::default() }),
    },
    Hostile { name: "claims.psd", make: |s| psd(s.side, 16, 3) },
    Hostile { name: "claims-cmyk.psd", make: |s| psd(s.side, 8, 4) },
    Hostile { name: "claims.ico", make: |s| icon(&bmp(s.side, 2 * s.side)[14..]) },
    Hostile { name: "bomb.ico", make: |s| icon(&png(s.square(), 16, 6, 0, &[])) },
    Hostile { name: "claims.pgm", make: |s| format!("P5\n{0} {0}\n65535\n", s.side).into_bytes() },
    Hostile {
        name: "claims.pam",
        make: |s| {
            let lines = "DEPTH 4\nMAXVAL 65535\nTUPLTYPE RGB_ALPHA\nENDHDR\n";
            format!("P7\nWIDTH {0}\nHEIGHT {0}\n{lines}", s.side).into_bytes()
        },
    },
    Hostile { name: "claims-most.jpg", make: |_| jpeg(0xc0, (65_500, 65_500)) },
    Hostile { name: "claims-most-progressive.jpg", make: |_| jpeg(0xc2, (65_500, 65_500)) },
    Hostile { name: "progressive.jpg", make: |s| progressive_jpeg(s.side as u16) },
    Hostile { name: "one-component-a-scan.jpg", make: |s| jpeg_in_scans(s.side as u16) },
    Hostile { name: "sequential.jpg", make: |s| sequential_jpeg(s.side as u16, &[]) },
    Hostile { name: "segments.jpg", make: |s| sequential_jpeg(64, &segments(0xe3, b"", s.metadata / 65_000)) },
    Hostile { name: "profile.jpg", make: |_| sequential_jpeg(64, &segments(0xe2, b"ICC_PROFILE\0\x01\xff", 255)) },
    Hostile { name: "tables.jpg", make: |s| sequential_jpeg(64, &huffman_table().repeat(s.metadata / 2000)) },
];

/// Blocks of DXT1.
fn dds((width, height): (u32, u32), blocks: &[u8]) -> Vec<u8> {
    let mut file = b"DDS \x7c\0\0\0\x07\x10\0\0".to_vec();
    file.extend([height, width].map(u32::to_le_bytes).as_flattened());
    file.resize(80, 0);
    file.extend(b"\x04\0\0\0DXT1");
    file.resize(128, 0);
    file.extend(blocks);
    file
}

/// The file of a name.
pub fn make(name: &str, scale: &Scale) -> Vec<u8> {
    let file = FILES.iter().find(|file| file.name == name).expect("a known name");
    (file.make)(scale)
}

/// A zlib stream of some bytes, and of this many zeros behind them: a thousandth of those in size.
pub fn zeros_behind(first: &[u8], count: u64) -> Vec<u8> {
    let mut bits = Bits { out: vec![0x78, 0x01], bits: 0, count: 0 };
    // What comes first is stored.
    for piece in first.chunks(65_535) {
        bits.put(0b000, 3);
        bits.pad();
        let length = piece.len() as u16;
        bits.out.extend(length.to_le_bytes());
        bits.out.extend((!length).to_le_bytes());
        bits.out.extend(piece);
    }
    // A block with codes of its own. In the order of their bits: 0 for 258 bytes again, 10 for a zero, 11 for the end;
    // 0 for the distance of one. The lengths of these codes have codes, too: 0 for many zeros, 10 for one, 11 for two.
    const AGAIN: u32 = 0;
    const ZERO: u32 = 0b01;
    const END: u32 = 0b11;
    const ONE: u32 = 0b01;
    const TWO: u32 = 0b11;
    bits.put(0b101, 3);
    bits.put(29, 5);
    bits.put(0, 5);
    bits.put(14, 4);
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1] {
        bits.put(if symbol == 18 { 1 } else { u32::from(symbol == 1 || symbol == 2) * 2 }, 3);
    }
    let none = |bits: &mut Bits, count: u32| bits.put((count - 11) << 1, 8);
    bits.put(TWO, 2);
    none(&mut bits, 138);
    none(&mut bits, 117);
    bits.put(TWO, 2);
    none(&mut bits, 28);
    bits.put(ONE, 2);
    bits.put(ONE, 2);
    let single = if count == 0 { 0 } else { (count - 1) % 258 + 1 };
    for _ in 0..single {
        bits.put(ZERO, 2);
    }
    const { assert!(AGAIN == 0) };
    bits.put_zeros((count - single) / 258 * 2);
    bits.put(END, 2);
    bits.pad();

    let (mut low, mut high) = (1_u64, 0_u64);
    for byte in first {
        low = (low + u64::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    high = (high + count % 65_521 * low) % 65_521;
    bits.out.extend(((high << 16 | low) as u32).to_be_bytes());
    bits.out
}

/// Bits, the first in the lowest place.
#[derive(Default)]
struct Bits {
    out: Vec<u8>,
    bits: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.bits |= u64::from(value) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.out.push(self.bits as u8);
            self.bits >>= 8;
            self.count -= 8;
        }
    }

    fn put_zeros(&mut self, count: u64) {
        let first = u64::from((8 - self.count) % 8).min(count);
        self.put(0, first as u32);
        let rest = count - first;
        self.out.resize(self.out.len() + (rest / 8) as usize, 0);
        self.put(0, (rest % 8) as u32);
    }

    fn pad(&mut self) {
        self.put(0, (8 - self.count) % 8);
    }
}

pub fn png_chunk(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let content = [kind, payload].concat();
    let (length, checksum) = (payload.len() as u32, crc32fast::hash(&content));
    [&length.to_be_bytes()[..], &content, &checksum.to_be_bytes()].concat()
}

/// A PNG whose samples are all zero, with more chunks before them.
pub fn png((width, height): (u32, u32), bits: u8, colour: u8, interlacing: u8, chunks: &[Chunk]) -> Vec<u8> {
    let channels = match colour {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    let bytes = |width: u32, height: u32| match width {
        0 => 0,
        _ => (1 + (u64::from(width) * channels * u64::from(bits)).div_ceil(8)) * u64::from(height),
    };
    // Where the passes of an interlaced file begin, and their steps.
    const PASSES: [[u32; 4]; 7] =
        [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];
    let pass = |[left, top, across, down]: [u32; 4]| {
        bytes(width.saturating_sub(left).div_ceil(across), height.saturating_sub(top).div_ceil(down))
    };
    let total = if interlacing == 1 { PASSES.map(pass).iter().sum() } else { bytes(width, height) };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[bits, colour, 0, 0, interlacing]].concat();
    let mut file = [b"\x89PNG\r\n\x1a\n".to_vec(), png_chunk(b"IHDR", &header)].concat();
    for (kind, payload) in chunks {
        file.extend(png_chunk(kind, payload));
    }
    file.extend(png_chunk(b"IDAT", &zeros_behind(&[], total)));
    file.extend(png_chunk(b"IEND", b""));
    file
}

fn small_png(chunks: &[Chunk]) -> Vec<u8> {
    png((16, 16), 8, 2, 0, chunks)
}

/// An animated PNG whose frames, but not its first picture, are as large as is allowed.
fn apng(scale: &Scale) -> Vec<u8> {
    let side = scale.side / 4;
    let frame = |number: u32| {
        let fields = [number, side, side, 0, 0].map(u32::to_be_bytes).concat();
        png_chunk(b"fcTL", &[&fields[..], &[0, 1, 0, 10, 0, 0]].concat())
    };
    let mut file = png((side, side), 8, 2, 0, &[(b"acTL", [50_u32, 0].map(u32::to_be_bytes).concat())]);
    file.truncate(file.len() - 12);
    let data = zeros_behind(&[], u64::from(1 + 3 * side) * u64::from(side));
    for number in 0..50 {
        file.extend(frame(2 * number));
        file.extend(png_chunk(b"fdAT", &[&(2 * number + 1).to_be_bytes()[..], &data].concat()));
    }
    file.extend(png_chunk(b"IEND", b""));
    file
}

/// A block of EXIF data of one field of text without an end, and one of a text of nothing but ends.
fn exif_text(length: usize) -> Vec<u8> {
    let mut block = b"II\x2a\0\x08\0\0\0\x02\0".to_vec();
    for (tag, at, count) in [(0x10f_u16, 38, length / 2), (0x110, 38 + length / 2, length / 2)] {
        block.extend([tag.to_le_bytes(), 2_u16.to_le_bytes()].concat());
        block.extend([count as u32, at as u32].map(u32::to_le_bytes).concat());
    }
    block.extend([0; 4]);
    block.resize(38 + length / 2, b'x');
    block.resize(38 + length, 0);
    block
}

/// A block of EXIF data whose main table points at as many overlapping tables as it has fields.
fn exif_tables() -> Vec<u8> {
    let mut block = b"II\x2a\0\x08\0\0\0\xff\xff".to_vec();
    for entry in 0..65_535_u32 {
        block.extend([0x69, 0x87, 4, 0, 1, 0, 0, 0]);
        block.extend((10 + 12 * (entry % 2000)).to_le_bytes());
    }
    block
}

fn orientation(value: u8) -> Vec<u8> {
    [b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(), &[value, 0, 0, 0, 0, 0, 0, 0]].concat()
}

/// A GIF of a few frames of one colour.
fn gif(canvas: (u16, u16), frame: (u16, u16), frames: usize) -> Vec<u8> {
    let mut file = b"GIF89a".to_vec();
    file.extend([canvas.0, canvas.1].map(u16::to_le_bytes).concat());
    file.extend(b"\x80\0\0\0\0\0\xff\xff\xff");
    let pixels = u64::from(frame.0) * u64::from(frame.1);
    let data = if frames == 1 { b"\x02\x02\x44\x01\0".to_vec() } else { lzw_zeros(pixels) };
    for _ in 0..frames {
        file.extend(b",\0\0\0\0");
        file.extend([frame.0, frame.1].map(u16::to_le_bytes).concat());
        file.push(0);
        file.extend(&data);
    }
    file.push(b';');
    file
}

/// A GIF with a colour profile in an application's block before the frame.
fn gif_with_profile(length: usize) -> Vec<u8> {
    let mut file = gif((16, 16), (1, 1), 1);
    let block = [&[255][..], &[0; 255]].concat();
    let profile = [&b"!\xff\x0bICCRGBG1012"[..], &block.repeat(length / 255), &[0]].concat();
    // Behind the header and the palette.
    file.splice(19..19, profile);
    file
}

/// This many pixels of the first colour, as a GIF packs them: each code stands for one pixel more than the one before.
fn lzw_zeros(mut pixels: u64) -> Vec<u8> {
    const CLEAR: u32 = 4;
    const END: u32 = 5;
    let width = |code: u32| 32 - code.leading_zeros();
    let mut bits = Bits::default();
    bits.put(CLEAR, 3);
    while pixels > 0 {
        bits.put(0, 3);
        pixels -= 1;
        let mut next = 6;
        while pixels > 0 && next < 4095 {
            let code = next.min(u32::try_from(pixels).unwrap_or(next) + 4);
            bits.put(if pixels == 1 { 0 } else { code }, width(next));
            pixels -= u64::from(code - 4);
            next += 1;
        }
        bits.put(if pixels > 0 { CLEAR } else { END }, width(next));
    }
    bits.pad();
    let mut data = vec![2];
    for piece in bits.out.chunks(255) {
        data.push(piece.len() as u8);
        data.extend(piece);
    }
    data.push(0);
    data
}

fn riff(chunks: &[Chunk]) -> Vec<u8> {
    let body = [b"WEBP".to_vec(), chunks_of(chunks)].concat();
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

fn chunks_of(chunks: &[Chunk]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, payload) in chunks {
        out.extend(*kind);
        out.extend((payload.len() as u32).to_le_bytes());
        out.extend(payload);
        out.resize(out.len().next_multiple_of(2), 0);
    }
    out
}

fn three_bytes(number: u32) -> [u8; 3] {
    [number as u8, (number >> 8) as u8, (number >> 16) as u8]
}

fn vp8x(flags: u8, (width, height): (u32, u32)) -> Vec<u8> {
    [&[flags, 0, 0, 0][..], &three_bytes(width - 1), &three_bytes(height - 1)].concat()
}

/// Lossless data of one colour: codes of one symbol take no bits.
fn vp8l((width, height): (u32, u32)) -> Vec<u8> {
    let mut bits = Bits { out: vec![0x2f], ..Bits::default() };
    bits.put(width - 1, 14);
    bits.put(height - 1, 14);
    // Transparency, version, no transform, no cache, no further codes.
    bits.put(0, 1 + 3 + 1 + 1 + 1);
    for _ in 0..5 {
        bits.put(1, 4);
    }
    bits.pad();
    bits.out.extend([0; 8]);
    bits.out
}

/// Lossless data of one pixel with many groups of codes, of which each takes tables of some 80 KB.
fn many_codes(groups: usize) -> Vec<u8> {
    let mut bits = Bits { out: vec![0x2f], ..Bits::default() };
    // One by one; no transparency, version 0, no transform.
    bits.put(0, 14 + 14);
    bits.put(0, 1 + 3 + 1);
    // A cache of 2,048 colours, and blocks of 4 x 4 pixels with codes of their own.
    bits.put(1, 1);
    bits.put(11, 4);
    bits.put(1, 1);
    bits.put(0, 3);
    // The picture of the codes' numbers has no cache, and its only pixel is the last one.
    bits.put(0, 1);
    let last = (groups.min(65_536) - 1) as u32;
    for symbol in [last & 0xff, last >> 8, 0, 0, 0] {
        // One symbol of eight bits.
        bits.put(0b101, 3);
        bits.put(symbol, 8);
    }
    for _ in 0..=last {
        // 2,048 symbols have codes of 11 bits, whose length is the only symbol of the code that tells lengths.
        let same_length = |bits: &mut Bits, order: u32, symbols: u32| {
            bits.put(0, 1);
            bits.put(order - 4 + 1, 4);
            for place in 0..=order {
                bits.put(u32::from(place == order), 3);
            }
            // As many as there are lengths to tell.
            bits.put(1, 1);
            let width = 2 * (32 - (symbols - 2).leading_zeros()).div_ceil(2);
            bits.put((width - 2) / 2, 3);
            bits.put(symbols - 2, width);
        };
        // Places of the lengths 11 and 8 in the order that they are told in.
        same_length(&mut bits, 14, 2048);
        for _ in 0..3 {
            same_length(&mut bits, 11, 256);
        }
        // Distances have one symbol.
        bits.put(0b0001, 4);
    }
    bits.pad();
    bits.out.extend([0; 8]);
    bits.out
}

/// The header of a lossy picture, and nothing else.
fn vp8_header(width: u16, height: u16) -> Vec<u8> {
    [&[0x10, 0, 0, 0x9d, 0x01, 0x2a][..], &width.to_le_bytes(), &height.to_le_bytes()].concat()
}

fn webp(size: (u32, u32), chunks: &[Chunk]) -> Vec<u8> {
    let profile = chunks.iter().any(|(kind, _)| *kind == b"ICCP");
    let exif = chunks.iter().any(|(kind, _)| *kind == b"EXIF");
    let flags = if profile { 0x20 } else { 0 } | if exif { 0x08 } else { 0 };
    let (before, after): (Vec<Chunk>, Vec<Chunk>) = chunks.iter().cloned().partition(|(kind, _)| *kind == b"ICCP");
    riff(&[vec![(b"VP8X", vp8x(flags, size))], before, vec![(b"VP8L", vp8l(size))], after].concat())
}

fn animated_webp(side: u32) -> Vec<u8> {
    let size = (side, side);
    let place = [[0; 3], [0; 3], three_bytes(side - 1), three_bytes(side - 1), three_bytes(100)].concat();
    let frame = [place, vec![0], chunks_of(&[(b"VP8L", vp8l(size))])].concat();
    let mut chunks: Vec<Chunk> = vec![(b"VP8X", vp8x(0x02, size)), (b"ANIM", vec![0; 6])];
    chunks.extend(vec![(b"ANMF", frame); 50]);
    riff(&chunks)
}

/// A TIFF of black pixels, whose chunks are all the same bytes of the file.
struct Tiff {
    size: (u32, u32),
    rows: u32,
    planar: bool,
    /// Samples beside red, green and blue.
    extra: u16,
    /// Width of tiles.
    tile: Option<u32>,
    /// How many offsets of strips there are, needed or not.
    offsets: Option<usize>,
    /// Bytes of a colour profile.
    profile: usize,
    /// What the strips are instead, and how they are compressed.
    inside: Option<(u16, Vec<u8>)>,
    floats: bool,
}

impl Default for Tiff {
    fn default() -> Self {
        let (size, rows, planar, extra, tile, offsets) = ((16, 16), 16, false, 0, None, None);
        Self { size, rows, planar, extra, tile, offsets, profile: 0, inside: None, floats: false }
    }
}

/// A frame of Zstandard that refers to 1 MiB of what was unpacked.
fn zstandard() -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 80];
    for block in (0..16_u32).rev() {
        // 128 KiB of one byte.
        let header = u32::from(block == 0) | 1 << 1 | (128 << 10) << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(7);
    }
    frame
}

/// Group 4: runs of one pixel, white and black, as many as are wanted.
fn fax() -> Vec<u8> {
    // 001 000111 010 twice.
    [0x23, 0xa2, 0x3a].repeat(1 << 19)
}

fn tiff(t: &Tiff) -> Vec<u8> {
    let is_fax = t.inside.as_ref().is_some_and(|(compression, _)| *compression == 4);
    let bits = match &t.inside {
        _ if is_fax => 1_u16,
        Some(_) => 8,
        None if t.floats => 32,
        None => 16,
    };
    let samples = if is_fax { 1 } else { 3 + t.extra };
    let per_pixel = if t.planar { 1 } else { u64::from(samples) } * u64::from(bits) / 8;
    let chunk = match &t.inside {
        Some((_, chunk)) => chunk.clone(),
        None => zeros_behind(&[], u64::from(t.size.0) * u64::from(t.rows) * per_pixel),
    };
    let count = t.size.1.div_ceil(t.rows) as usize * if t.planar { 3 } else { 1 };
    let count = t.offsets.unwrap_or(count);
    let mut file = b"II\x2a\0\0\0\0\0".to_vec();
    let at = file.len() as u32;
    file.extend(&chunk);
    let mut fields: Vec<(u16, u16, Vec<u8>)> = Vec::new();
    let mut short = |tag: u16, values: &[u16]| {
        fields.push((tag, 3, values.iter().flat_map(|value| value.to_le_bytes()).collect()));
    };
    short(258, &vec![bits; usize::from(samples)]);
    short(259, &[t.inside.as_ref().map_or(8, |(compression, _)| *compression)]);
    short(262, &[if is_fax { 0 } else { 2 }]);
    short(277, &[samples]);
    short(284, &[if t.planar { 2 } else { 1 }]);
    if t.extra > 0 {
        short(338, &vec![0; usize::from(t.extra)]);
    }
    if t.floats {
        short(339, &[3; 3]);
    }
    let mut long = |tag: u16, values: Vec<u32>| {
        fields.push((tag, 4, values.iter().flat_map(|value| value.to_le_bytes()).collect()));
    };
    long(256, vec![t.size.0]);
    long(257, vec![t.size.1]);
    let (offsets, lengths) = (vec![at; count], vec![chunk.len() as u32; count]);
    if let Some(width) = t.tile {
        long(322, vec![width]);
        long(323, vec![16]);
        long(324, offsets);
        long(325, lengths);
    } else {
        long(278, vec![t.rows]);
        long(273, offsets);
        long(279, lengths);
    }
    if t.profile > 0 {
        fields.push((34_675, 7, vec![0; t.profile]));
    }
    fields.sort();
    let mut entries = Vec::new();
    for (tag, kind, value) in fields {
        entries.extend([tag, kind].map(u16::to_le_bytes).concat());
        let count = value.len() / [1, 1, 1, 2, 4, 8, 1, 1][usize::from(kind)];
        entries.extend((count as u32).to_le_bytes());
        if value.len() <= 4 {
            entries.extend(value.iter().copied().chain([0; 4]).take(4));
        } else {
            entries.extend((file.len() as u32).to_le_bytes());
            file.extend(value);
        }
    }
    let start = (file.len() as u32).to_le_bytes();
    file[4..8].copy_from_slice(&start);
    file.extend(((entries.len() / 12) as u16).to_le_bytes());
    file.extend(entries);
    file.extend([0; 4]);
    file
}

/// A small picture and many empty pages behind it.
fn tiff_pages(scale: &Scale) -> Vec<u8> {
    let mut file = tiff(&Tiff::default());
    for _ in 0..scale.metadata / 40 {
        let next = (file.len() as u32).to_le_bytes();
        let end = file.len() - 4;
        file[end..].copy_from_slice(&next);
        // One field and the place of the next page.
        file.extend(b"\x01\0\0\x01\x04\0\x01\0\0\0\x10\0\0\0\0\0\0\0");
    }
    file
}

/// A header that claims pixels of 32 bits.
fn bmp(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    file.extend([width, height].map(u32::to_le_bytes).concat());
    file.extend(b"\x01\0\x20\0");
    file.extend([0; 24]);
    file.resize(1000, 0);
    file
}

/// An icon of one picture.
fn icon(picture: &[u8]) -> Vec<u8> {
    let length = (picture.len() as u32).to_le_bytes();
    [b"\0\0\x01\0\x01\0\0\0\0\0\x01\0\x20\0", &length[..], b"\x16\0\0\0", picture].concat()
}

/// A header that claims a size, and hardly any data.
fn psd(side: u32, bits: u16, mode: u16) -> Vec<u8> {
    let mut file = b"8BPS\0\x01\0\0\0\0\0\0\0\x04".to_vec();
    file.extend([side, side].map(u32::to_be_bytes).concat());
    file.extend([bits, mode].map(u16::to_be_bytes).concat());
    file.resize(file.len() + 1000, 0);
    file
}

fn segment(code: u8, payload: &[u8]) -> Vec<u8> {
    [&[0xff, code][..], &(payload.len() as u16 + 2).to_be_bytes(), payload].concat()
}

fn segments(code: u8, start: &[u8], count: usize) -> Vec<u8> {
    segment(code, &[start, &vec![0; 65_000]].concat()).repeat(count)
}

/// A code of one bit for zero, of DC and of AC coefficients.
fn huffman_table() -> Vec<u8> {
    let table = |class: u8| [&[class, 1][..], &[0; 15], &[0]].concat();
    segment(0xc4, &[table(0x00), table(0x10)].concat())
}

fn jpeg_header(frame: u8, (width, height): (u16, u16)) -> Vec<u8> {
    let size = [height.to_be_bytes(), width.to_be_bytes()].concat();
    let components = [1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0];
    let frame = segment(frame, &[&[8][..], &size, &[3], &components].concat());
    [b"\xff\xd8".to_vec(), segment(0xdb, &[&[0][..], &[1; 64]].concat()), frame, huffman_table()].concat()
}

/// Start of a scan of all components.
fn scan_of_all(last: u8) -> Vec<u8> {
    segment(0xda, &[3, 1, 0, 2, 0, 3, 0, 0, last, 0])
}

/// A file that claims a size and has hardly any data.
fn jpeg(frame: u8, size: (u16, u16)) -> Vec<u8> {
    let last = if frame == 0xc2 { 0 } else { 63 };
    [jpeg_header(frame, size), scan_of_all(last), vec![0; 64], vec![1], b"\xff\xd9".to_vec()].concat()
}

/// All data of a grey picture: two bits a block and component, the mean and the end of the block.
fn sequential_jpeg(side: u16, more: &[u8]) -> Vec<u8> {
    let blocks = usize::from(side).div_ceil(8).pow(2);
    let header = jpeg_header(0xc0, (side, side));
    let data = vec![0; (blocks * 3 * 2).div_ceil(8)];
    [&header[..2], more, &header[2..], &scan_of_all(63), &data, b"\xff\xd9"].concat()
}

/// A grey picture, of which only the means of its blocks are told: one bit for each.
fn progressive_jpeg(side: u16) -> Vec<u8> {
    let blocks = usize::from(side).div_ceil(8).pow(2);
    let data = vec![0; (blocks * 3).div_ceil(8)];
    [jpeg_header(0xc2, (side, side)), scan_of_all(0), data, b"\xff\xd9".to_vec()].concat()
}

/// A sequential file with the components one after the other.
fn jpeg_in_scans(side: u16) -> Vec<u8> {
    let blocks = usize::from(side).div_ceil(8).pow(2);
    let mut file = jpeg_header(0xc0, (side, side));
    for component in 1..=3 {
        file.extend(segment(0xda, &[1, component, 0, 0, 63, 0]));
        file.resize(file.len() + (blocks * 2).div_ceil(8), 0);
    }
    file.extend(b"\xff\xd9");
    file
}

/// A codestream of JPEG 2000.
pub struct J2k {
    pub size: (u32, u32),
    /// The size of tiles, if there are more than one.
    pub tile: (u32, u32),
    pub components: u16,
    pub levels: u8,
    pub layers: u16,
    /// The exponent of the sides of code blocks, less two.
    pub block: u8,
    /// The exponent of the sides of precincts, if they are not as large as can be.
    pub precinct: Option<u8>,
    /// The order of packets.
    pub order: u8,
    /// The style of code blocks.
    pub passes: u8,
    /// What the data of each tile are made of.
    pub fill: u8,
}

impl Default for J2k {
    fn default() -> Self {
        Self {
            size: (16, 16),
            tile: (1 << 30, 1 << 30),
            components: 1,
            levels: 0,
            layers: 1,
            block: 4,
            precinct: None,
            order: 0,
            passes: 0,
            fill: 0,
        }
    }
}

/// A codestream whose tiles have a few bytes of data each.
pub fn j2k(claims: &J2k) -> Vec<u8> {
    let segment =
        |code: u8, content: &[u8]| [&[0xff, code][..], &(content.len() as u16 + 2).to_be_bytes(), content].concat();
    let ((width, height), tile) = (claims.size, claims.tile);
    let numbers = [width, height, 0, 0, tile.0, tile.1, 0, 0].map(u32::to_be_bytes).concat();
    let components = [7, 1, 1].repeat(claims.components.into());
    let size = [&[0, 0][..], &numbers, &claims.components.to_be_bytes(), &components].concat();
    let [l1, l0] = claims.layers.to_be_bytes();
    let (block, levels) = (claims.block, claims.levels);
    let mut coding = vec![u8::from(claims.precinct.is_some()), claims.order, l1, l0, 0];
    coding.extend([levels, block, block, claims.passes, 1]);
    if let Some(exponent) = claims.precinct {
        coding.extend(vec![exponent << 4 | exponent; usize::from(levels) + 1]);
    }
    let steps = [&[0x40][..], &vec![0x48; 3 * usize::from(levels) + 1]].concat();
    let mut file = [&[0xff, 0x4f][..], &segment(0x51, &size), &segment(0x52, &coding), &segment(0x5c, &steps)].concat();
    let tiles = u64::from(width.div_ceil(tile.0.max(1))) * u64::from(height.div_ceil(tile.1.max(1)));
    for number in 0..tiles.min(65_535) as u16 {
        let data = [claims.fill; 8];
        let length = (12 + 2 + data.len() as u32).to_be_bytes();
        file.extend(segment(0x90, &[&number.to_be_bytes()[..], &length, &[0, 1]].concat()));
        file.extend([0xff, 0x93]);
        file.extend(data);
    }
    file.extend([0xff, 0xd9]);
    file
}
