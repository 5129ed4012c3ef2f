//! How chunks are compressed, and readers of what they unpack to: row by row, so that a chunk need not be in memory as a
//! whole.

mod fax;
mod lzw;
mod packbits;
#[cfg(feature = "webp")]
mod webp;

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::ZlibDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::chunks::Chunk;
use super::fields::Directory;
use super::jpeg;
use super::page::{Colours, Page};
use super::tags;
use crate::formats::library::Fault;

#[derive(Debug, Clone, Copy)]
pub(super) enum Compression<'a> {
    None,
    Fax(fax::Coding),
    Lzw,
    Deflate,
    PackBits,
    /// Each chunk is a JPEG file, which may lack tables that they have in common.
    Jpeg {
        tables: &'a [u8],
    },
    /// The only chunk is a JPEG file that says all about itself.
    WholeJpeg,
    /// Chunks are scans of JPEG, whose headers are made of fields.
    JpegOfFields,
    Zstandard,
    #[cfg(feature = "webp")]
    WebP,
}

impl<'a> Compression<'a> {
    /// The compression of a number of the field for that.
    pub(super) fn of(directory: &Directory<'a>, code: u16) -> Result<Self, Fault> {
        let options = directory.uint(tags::T4_OPTIONS).unwrap_or(0);
        Ok(match code {
            1 => Self::None,
            2 => Self::Fax(fax::Coding::Rle),
            3 if options & 1 != 0 => Self::Fax(fax::Coding::Group3TwoDimensional),
            3 => Self::Fax(fax::Coding::Group3),
            4 => Self::Fax(fax::Coding::Group4),
            5 => Self::Lzw,
            6 => Self::JpegOfFields,
            7 => Self::Jpeg { tables: directory.get(tags::JPEG_TABLES).map_or(&[], |tables| tables.bytes) },
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            50000 | 34926 => Self::Zstandard,
            #[cfg(feature = "webp")]
            50001 | 34927 => Self::WebP,
            #[cfg(not(feature = "webp"))]
            50001 | 34927 => return Err(Fault::Unsupported("TIFF with WebP compression".into())),
            34712 | 33003 | 33005 => return Err(Fault::Unsupported("TIFF with JPEG 2000 compression".into())),
            50002 | 52546 => return Err(Fault::Unsupported("TIFF with JPEG XL compression".into())),
            22610 | 34934 => return Err(Fault::Unsupported("TIFF with JPEG XR compression".into())),
            34887 => return Err(Fault::Unsupported("TIFF with LERC compression".into())),
            34933 => return Err(Fault::Unsupported("TIFF with PNG compression".into())),
            34925 => return Err(Fault::Unsupported("TIFF with LZMA compression".into())),
            other => return Err(Fault::Unsupported(format!("TIFF with compression {other}"))),
        })
    }

    /// Refuses samples that are not compressed in this way.
    pub(super) fn check(&self, page: &Page<'_>) -> Result<(), Fault> {
        let unsupported = |what: &str| Err(Fault::Unsupported(format!("TIFF with {what}")));
        let bits = page.sample.bits;
        match self {
            Self::Fax(_) if bits != 1 || (page.samples != 1 && !page.chunks.is_planar) => {
                unsupported("CCITT compression of more than one bit per pixel")
            }
            Self::Jpeg { .. } | Self::JpegOfFields if bits != 8 => {
                unsupported(&format!("JPEG compression of {bits} bits per sample"))
            }
            #[cfg(feature = "webp")]
            Self::WebP if bits != 8 || ![3, 4].contains(&page.samples) || page.chunks.is_planar => {
                unsupported("WebP compression of an unusual layout of samples")
            }
            _ if page.subsampling() != (1, 1) && (page.chunks.is_planar || bits != 8 || page.samples != 3) => {
                unsupported("colours stored at a fraction of the size, in an unusual layout")
            }
            _ => Ok(()),
        }
    }

    pub(super) fn is_fax(&self) -> bool {
        matches!(self, Self::Fax(_))
    }

    pub(super) fn is_jpeg(&self) -> bool {
        matches!(self, Self::Jpeg { .. } | Self::WholeJpeg | Self::JpegOfFields)
    }

    /// Whether samples may be stored as differences. Pictures have other ways than that.
    pub(super) fn has_predictor(&self) -> bool {
        #[cfg(feature = "webp")]
        if matches!(self, Self::WebP) {
            return false;
        }
        !self.is_fax() && !self.is_jpeg()
    }

    /// Most bytes that the reader of a chunk takes and that grow with the picture.
    pub(super) fn memory(&self, page: &Page<'_>) -> u64 {
        let chunks = || page.chunks.all(&page.directory.file, page.planes());
        match self {
            Self::Fax(_) => fax::memory(page.chunks.size.0),
            Self::Zstandard => chunks().map(memory_of_zstandard).max().unwrap_or(0),
            #[cfg(feature = "webp")]
            Self::WebP => chunks().map(|chunk| webp::memory(page, chunk)).max().unwrap_or(0),
            Self::Jpeg { .. } | Self::WholeJpeg | Self::JpegOfFields => {
                chunks().map(|chunk| jpeg::memory(page, chunk)).max().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Reads a chunk of a plane from its beginning, of which so many rows are in the picture: rows of samples as they are in a file without compression.
    pub(super) fn open(&self, page: &Page<'a>, chunk: Chunk<'a>, rows: u32) -> Result<Box<dyn Read + 'a>, Fault> {
        let Chunk::Bytes { stated, open } = chunk else { return Ok(Box::new(io::repeat(0))) };
        let is_reversed = page.directory.uint(tags::FILL_ORDER) == Some(2);
        let in_order = |bytes: &'a [u8]| -> Box<dyn BufRead + 'a> {
            if is_reversed { Box::new(BufReader::new(Reversed(bytes))) } else { Box::new(bytes) }
        };
        Ok(match *self {
            // The length is known anyway, and often not stated or wrong.
            Self::None => in_order(open),
            Self::Fax(coding) => Box::new(fax::Fax::new(stated, coding, page.chunks.size.0, is_reversed)),
            Self::Lzw => Box::new(lzw::Lzw::new(in_order(stated))),
            Self::Deflate => Box::new(ZlibDecoder::new(in_order(stated))),
            Self::PackBits => Box::new(packbits::PackBits::new(in_order(stated))),
            Self::Zstandard => {
                let decoder = StreamingDecoder::new(in_order(stated));
                Box::new(decoder.map_err(|_| Fault::damaged("its compressed data cannot be decompressed"))?)
            }
            #[cfg(feature = "webp")]
            Self::WebP => Box::new(Cursor::new(webp::decode(page, stated)?)),
            Self::Jpeg { .. } | Self::WholeJpeg | Self::JpegOfFields => {
                Box::new(Cursor::new(jpeg::decode(page, stated, rows)?))
            }
        })
    }
}

/// The window and its copy while it grows, and buffers for a block. What is larger than the decoder allows is refused.
fn memory_of_zstandard(chunk: &[u8]) -> u64 {
    const BLOCK: u64 = 128 << 10;

    let window = window_of_zstandard(chunk).filter(|window| *window <= ruzstd::decoding::DEFAULT_MAX_WINDOW_SIZE);
    window.map_or(0, |window| 3 * (window + BLOCK) + 8 * BLOCK)
}

/// How much of what was unpacked a frame may refer to: its header says so, or how long all of it is.
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

/// What an error of a reader says about the file.
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

impl Page<'_> {
    /// The planes that are read: one of all samples, or those of the samples that are of use.
    pub(super) fn planes(&self) -> impl Iterator<Item = u16> + Clone + use<> {
        let count = if self.chunks.is_planar { usize::MAX } else { 1 };
        self.wanted().take(count)
    }

    /// Whether a chunk's colours have to be brought to the full size.
    pub(super) fn is_subsampled(&self) -> bool {
        self.colours == Colours::YCbCr && self.subsampling() != (1, 1)
    }
}
