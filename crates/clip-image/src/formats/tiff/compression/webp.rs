//! WebP: each chunk is a file.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use crate::formats::library::Fault;
use crate::formats::tiff::page::Page;
use crate::formats::webp;

/// What is counted at most of what codes take: more than any limit allows.
const MOST: u64 = 1 << 32;

/// The most bytes that decoding a chunk takes.
pub(super) fn memory(page: &Page<'_>, chunk: &[u8]) -> u64 {
    let size = WebPDecoder::new(Cursor::new(chunk)).map_or((0, 0), |decoder| decoder.dimensions());
    let decoded = u64::from(size.0) * u64::from(size.1) * 4;
    let rows = u64::from(page.chunks.size.0) * u64::from(size.1) * u64::from(page.samples);
    [decoded, rows, webp::beside(chunk, 1, true, MOST), chunk.len() as u64].into_iter().fold(0, u64::saturating_add)
}

/// The samples of a chunk, as wide as chunks are.
pub(super) fn decode(page: &Page<'_>, chunk: &[u8]) -> Result<Vec<u8>, Fault> {
    let explain = |error: DecodingError| match error {
        DecodingError::IoError(_) => Fault::Truncated,
        _ => Fault::damaged("its compressed data cannot be decompressed"),
    };
    let mut decoder = WebPDecoder::new(Cursor::new(chunk)).map_err(explain)?;
    let (width, height) = decoder.dimensions();
    let stored = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = vec![0; width as usize * height as usize * stored];
    decoder.read_image(&mut pixels).map_err(explain)?;
    let (samples, row) = (usize::from(page.samples), page.chunks.size.0 as usize * usize::from(page.samples));
    // What is not stored is opaque, or beyond the edge.
    let mut bytes = vec![255; row * height as usize];
    for (to, from) in bytes.chunks_exact_mut(row).zip(pixels.chunks_exact(width as usize * stored)) {
        for (to, from) in to.chunks_exact_mut(samples).zip(from.chunks_exact(stored)) {
            let count = samples.min(stored);
            to[..count].copy_from_slice(&from[..count]);
        }
    }
    Ok(bytes)
}
