//! TIFF files are read chunk by chunk, to the same pixels as the crate `image` gives of the whole.
#![cfg(feature = "default")]

use clip_image::{Limits, decode_bytes};
use image::{DynamicImage, Rgb, RgbImage};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Chunks {
    Strips(u32),
    Tiles(u32, u32),
}

#[derive(Debug, Clone)]
struct File {
    size: (u32, u32),
    bits: u16,
    samples: u16,
    /// 1 for black is zero, 2 for RGB, 5 for CMYK; 0 for white is zero.
    colours: u16,
    /// Samples that do not belong to the colours: transparency or nothing.
    extra: Option<u16>,
    floats: bool,
    chunks: Chunks,
    planar: bool,
    is_little: bool,
    noise: Vec<u8>,
}

impl File {
    fn bytes(&self) -> Vec<u8> {
        let (chunk, across, down) = match self.chunks {
            Chunks::Strips(rows) => ((self.size.0, rows), 1, self.size.1.div_ceil(rows)),
            Chunks::Tiles(width, height) => {
                ((width, height), self.size.0.div_ceil(width), self.size.1.div_ceil(height))
            }
        };
        let planes = if self.planar { self.samples } else { 1 };
        let mut file = if self.is_little { b"II\x2a\0\0\0\0\0".to_vec() } else { b"MM\0\x2a\0\0\0\0".to_vec() };
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for number in 0..u32::from(planes) * across * down {
            let rows = match self.chunks {
                // The last strip ends with the picture.
                Chunks::Strips(rows) => rows.min(self.size.1 - number % down * rows),
                Chunks::Tiles(_, height) => height,
            };
            let bits = chunk.0 * u32::from(self.bits) * u32::from(self.samples / planes);
            let length = bits.div_ceil(8) * rows;
            offsets.push(file.len() as u32);
            lengths.push(length);
            let start = number as usize * 31;
            let content = self.noise.iter().cycle().skip(start).take(length as usize);
            if self.floats {
                let floats = content.clone().step_by(4).map(|byte| f32::from(*byte) / 255.0);
                file.extend(floats.flat_map(|f| if self.is_little { f.to_le_bytes() } else { f.to_be_bytes() }));
            } else {
                file.extend(content);
            }
        }
        let short = |value: u16| if self.is_little { value.to_le_bytes() } else { value.to_be_bytes() };
        let long = |value: u32| if self.is_little { value.to_le_bytes() } else { value.to_be_bytes() };
        let shorts = |tag: u16, values: Vec<u16>| (tag, 3_u16, values.into_iter().flat_map(short).collect::<Vec<u8>>());
        let longs = |tag: u16, values: Vec<u32>| (tag, 4_u16, values.into_iter().flat_map(long).collect::<Vec<u8>>());
        let mut fields = vec![
            longs(256, vec![self.size.0]),
            longs(257, vec![self.size.1]),
            shorts(258, vec![self.bits; usize::from(self.samples)]),
            shorts(259, vec![1]),
            shorts(262, vec![self.colours]),
            shorts(277, vec![self.samples]),
            shorts(284, vec![if self.planar { 2 } else { 1 }]),
        ];
        match self.chunks {
            Chunks::Strips(rows) => {
                fields.extend([longs(273, offsets), longs(278, vec![rows]), longs(279, lengths)]);
            }
            Chunks::Tiles(width, height) => {
                fields.extend([longs(322, vec![width]), longs(323, vec![height])]);
                fields.extend([longs(324, offsets), longs(325, lengths)]);
            }
        }
        if let Some(extra) = self.extra {
            fields.push(shorts(338, vec![extra]));
        }
        if self.floats {
            fields.push(shorts(339, vec![3; usize::from(self.samples)]));
        }
        fields.sort();
        let mut entries = short(fields.len() as u16).to_vec();
        for (tag, kind, value) in fields {
            entries.extend([short(tag), short(kind)].concat());
            entries.extend(long((value.len() / if kind == 3 { 2 } else { 4 }) as u32));
            if value.len() <= 4 {
                entries.extend(value.iter().copied().chain([0; 4]).take(4));
            } else {
                entries.extend(long(file.len() as u32));
                file.extend(value);
            }
        }
        let start = long(file.len() as u32);
        file[4..8].copy_from_slice(&start);
        file.extend(entries);
        file.extend([0; 4]);
        file
    }
}

/// Transparency laid over white, as everywhere in this crate.
fn over_white(image: &DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.to_rgb8();
    }
    let rgba = image.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, alpha] = rgba.get_pixel(x, y).0.map(u32::from);
        Rgb([r, g, b].map(|sample| ((sample * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
}

fn kinds() -> impl Strategy<Value = (u16, u16, u16, Option<u16>, bool)> {
    // Bits, samples, colours, what the last sample is, whether numbers are floating.
    prop::sample::select(vec![
        (1, 1, 1, None, false),
        (1, 1, 0, None, false),
        (8, 1, 1, None, false),
        (8, 1, 0, None, false),
        (16, 1, 1, None, false),
        (8, 2, 1, Some(2), false),
        (16, 2, 1, Some(2), false),
        (8, 3, 2, None, false),
        (16, 3, 2, None, false),
        (32, 3, 2, None, true),
        (8, 4, 2, Some(2), false),
        (8, 4, 2, Some(0), false),
        (16, 4, 2, Some(2), false),
        (32, 4, 2, Some(2), true),
        (8, 4, 5, None, false),
        (16, 4, 5, None, false),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_become_the_whole(
        size in (1_u32..50, 1_u32..50),
        (bits, samples, colours, extra, floats) in kinds(),
        chunks in prop_oneof![
            (1_u32..60).prop_map(Chunks::Strips),
            (1_u32..4, 1_u32..4).prop_map(|(width, height)| Chunks::Tiles(16 * width, 16 * height)),
        ],
        planar in any::<bool>(),
        is_little in any::<bool>(),
        noise in prop::collection::vec(any::<u8>(), 97),
    ) {
        let file = File { size, bits, samples, colours, extra, floats, chunks, planar, is_little, noise };
        let bytes = file.bytes();
        // It panics at tiles at an edge in several planes.
        let whole = || image::load_from_memory_with_format(&bytes, image::ImageFormat::Tiff);
        let expected = std::panic::catch_unwind(whole);
        let found = decode_bytes(&bytes, &Limits::default());
        // Of tiles that reach over the right edge, it writes what follows unused samples into the next row.
        let is_spoilt = extra == Some(0) && matches!(chunks, Chunks::Tiles(width, _) if size.0 % width != 0);
        match (expected, found) {
            (Ok(Ok(_)), Ok(found)) if is_spoilt => prop_assert_eq!(found.image.dimensions(), size),
            // It cuts off what is rounded here.
            (Ok(Ok(expected)), Ok(found)) if colours == 5 => {
                let expected = over_white(&expected);
                prop_assert!(expected.iter().zip(found.image.iter()).all(|(a, b)| a.abs_diff(*b) <= 1));
            }
            (Ok(Ok(expected)), Ok(found)) => prop_assert!(over_white(&expected) == found.image),
            (Ok(Ok(expected)), Err(error)) => prop_assert!(false, "{error}, expected {:?}", expected.color()),
            // The pixels are there all the same.
            (Ok(Err(_)) | Err(_), found) => prop_assert_eq!(found.unwrap().image.dimensions(), size),
        }
    }
}
