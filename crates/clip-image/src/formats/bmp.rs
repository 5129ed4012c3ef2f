//! Windows bitmaps.

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["bmp", "dib"],
    sniff: |bytes| bytes.starts_with(b"BM"),
    #[cfg(feature = "bmp")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "bmp"))]
    codec: None,
};

#[cfg(feature = "bmp")]
mod codec {
    use std::io::Cursor;

    use image::codecs::bmp::BmpDecoder;

    use crate::formats::codec::{Blocks, Codec, Pixels, Request};
    use crate::formats::library::{self, Fault};
    use crate::{Format, ImageError};

    // The format has no place for EXIF data.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |_| Blocks::default(), has_all_metadata: Some(|_| true) };

    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        // A row at a time, of at most 65,535 pixels.
        library::read(Format::Bmp, BmpDecoder::new(Cursor::new(bytes)), request, 0, None, |_| {
            explain(bytes).unwrap_or_else(|| Fault::damaged("its pixels do not fit its header"))
        })
    }

    /// What is wrong with the header, if anything. The library's error does not say what it found.
    fn explain(bytes: &[u8]) -> Option<Fault> {
        const CORE: u32 = 12;
        const LONGEST_SIDE: i64 = 65_535;

        let header = bytes.get(14..)?;
        let u16_at = |at: usize| Some(u16::from_le_bytes(*header.get(at..)?.first_chunk()?));
        let u32_at = |at: usize| Some(u32::from_le_bytes(*header.get(at..)?.first_chunk()?));
        let i32_at = |at: usize| Some(i64::from(u32_at(at)?.cast_signed()));

        let length = u32_at(0)?;
        let (width, height, planes, bits, compression) = match length {
            CORE => (i64::from(u16_at(4)?), i64::from(u16_at(6)?), u16_at(8)?, u16_at(10)?, 0),
            40 | 52 | 56 | 108 | 124 => (i32_at(4)?, i32_at(8)?, u16_at(12)?, u16_at(14)?, u32_at(16)?),
            0..CORE => return Some(Fault::Damaged(format!("its header has {length} bytes, the shortest has {CORE}"))),
            _ => return Some(Fault::Unsupported(format!("BMP with a header of {length} bytes"))),
        };
        // A negative height means that the first row is the uppermost one.
        if width <= 0 || height == 0 || height == i64::from(i32::MIN) {
            return Some(Fault::Damaged(format!("its size is {width}x{height} pixels")));
        }
        if width > LONGEST_SIDE || height.abs() > LONGEST_SIDE {
            return Some(Fault::Unsupported(format!("BMP of more than {LONGEST_SIDE} pixels on a side")));
        }
        if planes != 1 {
            return Some(Fault::Damaged(format!("it has {planes} planes, expected 1")));
        }
        let expected = match (compression, length) {
            (0, CORE) => "1, 4, 8 or 24",
            (0, _) => "1, 2, 4, 8, 16, 24 or 32",
            (1, _) => "8",
            (2, _) => "4",
            (3, _) => "16 or 32",
            (4, _) => return Some(Fault::Unsupported("BMP with JPEG compression".into())),
            (5, _) => return Some(Fault::Unsupported("BMP with PNG compression".into())),
            (11..=13, _) => return Some(Fault::Unsupported("BMP with CMYK colours".into())),
            _ => return Some(Fault::Unsupported(format!("BMP with compression {compression}"))),
        };
        if !expected.split([' ', ',']).any(|word| word.parse() == Ok(bits)) {
            return Some(Fault::Damaged(format!(
                "it has {bits} bits per pixel with compression {compression}, expected {expected}"
            )));
        }
        if height < 0 && !matches!(compression, 0 | 3) {
            return Some(Fault::Damaged(format!(
                "its rows are top-down, which is not allowed with compression {compression}"
            )));
        }
        if length > CORE && bits <= 8 {
            let (colours, most) = (u32_at(32)?, 1 << bits);
            if colours > most {
                return Some(Fault::Damaged(format!("its palette has {colours} colours, {bits} bits allow {most}")));
            }
        }
        match compression {
            1 | 2 => Some(Fault::damaged("its run lengths exceed the image")),
            3 => Some(Fault::damaged("its colour masks are not valid")),
            _ => None,
        }
    }
}
