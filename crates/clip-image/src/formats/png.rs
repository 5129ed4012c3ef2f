//! PNG.

use super::codec::Definition;

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["png", "apng"],
    sniff: |bytes| bytes.starts_with(SIGNATURE),
    #[cfg(feature = "png")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "png"))]
    codec: None,
};

#[cfg(feature = "png")]
mod codec {
    use std::io::Cursor;

    use image::codecs::png::PngDecoder;

    use super::SIGNATURE;
    use crate::formats::codec::{Blocks, Codec, Pixels};
    use crate::formats::library::{self, Fault};
    use crate::{Format, ImageError, Limits};

    pub(super) const CODEC: Codec = Codec { decode, metadata };

    fn decode(bytes: &[u8], limits: &Limits, _least: Option<u32>) -> Result<Pixels, ImageError> {
        let decoder = PngDecoder::with_limits(Cursor::new(bytes), library::library_limits(limits));
        library::read(Format::Png, decoder, limits, |_| {
            let reason = explain(bytes);
            Fault::damaged(reason.unwrap_or_else(|| "its image data cannot be decompressed or is too short".into()))
        })
    }

    /// The EXIF chunk should come before the pixels, but does not always.
    fn metadata(bytes: &[u8]) -> Blocks {
        Blocks { exif: chunks(bytes).find(|chunk| chunk.kind == b"eXIf").map(|chunk| chunk.payload.to_vec()) }
    }

    struct Chunk<'a> {
        kind: &'a [u8; 4],
        payload: &'a [u8],
        /// The checksum of both. The last chunk of a shortened file may have none.
        checksum: Option<u32>,
    }

    /// The chunks of the file. It just ends where the file does.
    fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
        let mut rest = bytes.strip_prefix(SIGNATURE).unwrap_or_default();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (kind, after) = after.split_first_chunk::<4>()?;
            let (payload, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            let (checksum, after) = after.split_first_chunk::<4>().map_or((None, &[][..]), |(c, rest)| (Some(c), rest));
            rest = after;
            Some(Chunk { kind, payload, checksum: checksum.map(|bytes| u32::from_be_bytes(*bytes)) })
        })
    }

    /// What is wrong with the chunks up to the pixels, if anything. The library's error does not tell it but in words.
    fn explain(bytes: &[u8]) -> Option<String> {
        let mut is_indexed = false;
        let mut has_palette = false;
        for (place, chunk) in chunks(bytes).enumerate() {
            let name = chunk.kind.escape_ascii();
            let mut content = crc32fast::Hasher::new();
            content.update(chunk.kind);
            content.update(chunk.payload);
            let expected = content.finalize();
            if let Some(found) = chunk.checksum.filter(|found| *found != expected) {
                return Some(format!(
                    "the checksum of its {name} chunk is {found:08x}, its content has {expected:08x}"
                ));
            }
            match (place, chunk.kind) {
                (0, b"IHDR") => {
                    is_indexed = chunk.payload.get(9) == Some(&3);
                    if let Some(fault) = explain_header(chunk.payload) {
                        return Some(fault);
                    }
                }
                (0, _) => return Some(format!("its first chunk is {name}, expected IHDR")),
                (_, b"PLTE") => has_palette = true,
                (_, b"IDAT") if is_indexed && !has_palette => return Some("its palette is missing".into()),
                (_, b"IDAT") => return None,
                (_, b"IEND") => return Some("it has no pixels".into()),
                // A lower-case letter marks what may be passed over.
                (_, [first, ..]) if first.is_ascii_uppercase() => {
                    return Some(format!("it has an unknown critical chunk {name}"));
                }
                _ => (),
            }
        }
        None
    }

    fn explain_header(header: &[u8]) -> Option<String> {
        let &[w3, w2, w1, w0, h3, h2, h1, h0, bits, colour, compression, filter, interlacing] = header else {
            return Some(format!("its header has {} bytes, expected 13", header.len()));
        };
        let (width, height) = (u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0]));
        if width == 0 || height == 0 {
            return Some(format!("its size is {width}x{height} pixels"));
        }
        let is_defined = match colour {
            0 => matches!(bits, 1 | 2 | 4 | 8 | 16),
            3 => matches!(bits, 1 | 2 | 4 | 8),
            2 | 4 | 6 => matches!(bits, 8 | 16),
            _ => return Some(format!("its colour type is {colour}, expected 0, 2, 3, 4 or 6")),
        };
        if !is_defined {
            return Some(format!("its bit depth of {bits} is not allowed with colour type {colour}"));
        }
        let methods = [("compression", compression, 0), ("filter", filter, 0), ("interlacing", interlacing, 1)];
        let (name, found, last) = methods.into_iter().find(|(_, found, last)| found > last)?;
        Some(format!("its {name} method is {found}, expected {}", if last == 0 { "0" } else { "0 or 1" }))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn finds_the_exif_chunk_wherever_it_is() {
            let file = [SIGNATURE.as_slice(), b"\0\0\0\x01IDATx....\0\0\0\x04eXIfMM\0*"].concat();
            assert_eq!(metadata(&file).exif.as_deref(), Some(b"MM\0*".as_slice()));
            for length in 0..file.len() {
                assert_eq!(metadata(&file[..length]).exif, None, "{length} bytes");
            }
        }
    }
}
