//! The mapped bytes of a vector file, of either version.

use std::io;
use std::path::Path;

use super::header::{KIND, Shape};
use crate::error::IndexError;
use crate::frame::{self, Frame, HEADER, Header};
use crate::mapped::Mapped;

#[derive(Debug)]
pub(super) enum Storage {
    Framed(Frame),
    /// Version 1: it has no table of checksums.
    Plain(Mapped),
}

impl Storage {
    /// Checks header and length.
    pub(super) fn parse(map: Mapped, path: &Path) -> Result<(Storage, Shape), IndexError> {
        let header = Header::decode(&KIND, &map, path)?;
        let impossible = || IndexError::corrupt(path, "its header says what cannot be");
        let shape = Shape::read(&header).ok_or_else(impossible)?;
        let end = shape.sections().ok_or_else(impossible)?.rows.end;
        if shape.plain.is_none() {
            let frame = Frame::parse(map, path, &KIND, |_| frame::align(end))?;
            return Ok((Storage::Framed(frame), shape));
        }
        if map.len() != end {
            return Err(IndexError::corrupt(path, format!("expected {end} bytes, found {}", map.len())));
        }
        Ok((Storage::Plain(map), shape))
    }

    pub(super) fn bytes(&self, range: std::ops::Range<usize>) -> &[u8] {
        match self {
            Storage::Framed(frame) => frame.section(range),
            Storage::Plain(map) => map.get(range).unwrap_or_default(),
        }
    }

    /// Copies a part: see [`Mapped::read_at`].
    pub(super) fn read_at(&self, at: usize, out: &mut [u8]) -> io::Result<()> {
        match self {
            Storage::Framed(frame) => frame.read_at(at, out),
            Storage::Plain(map) => map.read_at(at, out),
        }
    }

    pub(super) fn byte_len(&self) -> u64 {
        match self {
            Storage::Framed(frame) => frame.byte_len(),
            Storage::Plain(map) => map.len() as u64,
        }
    }

    pub(super) fn content_crc(&self) -> u32 {
        match self {
            Storage::Framed(frame) => frame.content_crc(),
            // The checksum of bytes that end in their own checksum is always 0x2144df1c, so this tells nothing. It is
            // what manifests say of such files.
            Storage::Plain(map) => crc32fast::hash(&map[..HEADER]),
        }
    }
}
