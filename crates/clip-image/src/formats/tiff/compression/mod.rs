//! How chunks are compressed, and readers that unpack them row by row, so that a whole chunk need not be in memory.

mod fax;
mod lzw;
mod packbits;
#[cfg(feature = "webp")]
mod webp;

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::ZlibDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::chunks::Chunk;
use super::jpeg;
use super::method::Compression;
use super::page::Page;
use super::tags;
use crate::formats::library::Fault;

/// Refuses samples that are not compressed in this way.
pub(super) fn check(page: &Page<'_>) -> Result<(), Fault> {
    let unsupported = |what: &str| Err(Fault::Unsupported(format!("TIFF with {what}")));
    let bits = page.sample.bits;
    match &page.compression {
        Compression::Fax(_) if bits != 1 || (page.samples != 1 && !page.chunks.is_planar) => {
            unsupported("CCITT compression of more than one bit per pixel")
        }
        Compression::Jpeg { .. } | Compression::JpegOfFields if bits != 8 => {
            unsupported(&format!("JPEG compression of {bits} bits per sample"))
        }
        #[cfg(feature = "webp")]
        Compression::WebP if bits != 8 || ![3, 4].contains(&page.samples) || page.chunks.is_planar => {
            unsupported("WebP compression of an unsupported sample layout")
        }
        _ if page.subsampling() != (1, 1) && (page.chunks.is_planar || bits != 8 || page.samples != 3) => {
            unsupported("an unsupported chroma subsampling layout")
        }
        _ => Ok(()),
    }
}

/// Most bytes that the reader of a chunk takes and that grow with the picture.
pub(super) fn memory(page: &Page<'_>) -> u64 {
    let chunks = || page.chunks.all(&page.directory.file, page.planes());
    match &page.compression {
        Compression::Fax(_) => fax::memory(page.chunks.size.0),
        Compression::Zstandard => chunks().map(memory_of_zstandard).max().unwrap_or(0),
        #[cfg(feature = "webp")]
        Compression::WebP => chunks().map(|chunk| webp::memory(page, chunk)).max().unwrap_or(0),
        Compression::Jpeg { .. } | Compression::WholeJpeg | Compression::JpegOfFields => {
            chunks().map(|chunk| jpeg::memory(page, chunk)).max().unwrap_or(0)
        }
        _ => 0,
    }
}

/// Decompresses a chunk of a plane, `rows` rows of which are in the picture, into rows of samples as in an uncompressed
/// file.
pub(super) fn open<'a>(page: &Page<'a>, chunk: Chunk<'a>, rows: u32) -> Result<Box<dyn Read + 'a>, Fault> {
    let Chunk::Bytes { stated, open } = chunk else { return Ok(Box::new(io::repeat(0))) };
    let is_reversed = page.directory.uint(tags::FILL_ORDER) == Some(2);
    let in_order = |bytes: &'a [u8]| -> Box<dyn BufRead + 'a> {
        if is_reversed { Box::new(BufReader::new(Reversed(bytes))) } else { Box::new(bytes) }
    };
    Ok(match page.compression {
        // The length is known anyway, and often not stated or wrong.
        Compression::None => in_order(open),
        Compression::Fax(coding) => Box::new(fax::Fax::new(stated, coding, page.chunks.size.0, is_reversed)),
        Compression::Lzw => Box::new(lzw::Lzw::new(in_order(stated))),
        Compression::Deflate => Box::new(ZlibDecoder::new(in_order(stated))),
        Compression::PackBits => Box::new(packbits::PackBits::new(in_order(stated))),
        Compression::Zstandard => {
            let decoder = StreamingDecoder::new(in_order(stated));
            Box::new(decoder.map_err(|_| Fault::damaged("its compressed data cannot be decompressed"))?)
        }
        #[cfg(feature = "webp")]
        Compression::WebP => Box::new(Cursor::new(webp::decode(page, stated)?)),
        Compression::Jpeg { .. } | Compression::WholeJpeg | Compression::JpegOfFields => {
            Box::new(Cursor::new(jpeg::decode(page, stated, rows)?))
        }
    })
}

/// The window and its copy while it grows, and buffers for a block. What is larger than the decoder allows is refused.
fn memory_of_zstandard(chunk: &[u8]) -> u64 {
    const BLOCK: u64 = 128 << 10;

    let window = window_of_zstandard(chunk).filter(|window| *window <= ruzstd::decoding::DEFAULT_MAX_WINDOW_SIZE);
    window.map_or(0, |window| 3 * (window + BLOCK) + 8 * BLOCK)
}

/// The window size: from the frame header, or else the length of the data.
fn window_of_zstandard(frame: &[u8]) -> Option<u64> {
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, rest @ ..] = frame else { return None };
    if descriptor & 0x20 == 0 {
        let window = *rest.first()?;
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = rest.get(dictionary..)?;
    let number = |bytes: usize| {
        let bytes = size.get(..bytes)?;
        Some(bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    match descriptor >> 6 {
        0 => number(1),
        1 => Some(number(2)? + 256),
        2 => number(4),
        _ => number(8),
    }
}

/// Bytes whose first bit is the lowest.
struct Reversed<'a>(&'a [u8]);

impl Read for Reversed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        buffer[..count].iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        Ok(count)
    }
}

/// Converts an error of a reader to a fault of the file.
pub(super) fn fault(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Fault::Truncated,
        io::ErrorKind::Unsupported => Fault::Unsupported("TIFF with CCITT compression in uncompressed mode".into()),
        _ => Fault::damaged("its compressed data cannot be decompressed"),
    }
}

fn damaged() -> io::Error {
    io::ErrorKind::InvalidData.into()
}
