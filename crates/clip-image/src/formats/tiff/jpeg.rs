//! JPEG within TIFF: a file for each chunk, one for the whole page, or scans whose headers are fields.

use std::borrow::Cow;

use super::chunks::Chunks;
use super::fields::Directory;
use super::method::Compression;
use super::page::{Colours, Number, Page, Predictor, Sample};
use super::tags;
use crate::formats::jpeg;
use crate::formats::library::Fault;

const START: &[u8] = b"\xff\xd8";
const END: &[u8] = b"\xff\xd9";

/// A page whose only chunk is a complete JPEG file: old-style compression as cameras write it, with little but the offset
/// of that file.
pub(super) fn whole_page<'a>(directory: &Directory<'a>, compression: u16) -> Result<Option<Page<'a>>, Fault> {
    if compression != 6 {
        return Ok(None);
    }
    let Some(stream) = interchange(directory)
        .filter(|stream| frame(stream).is_some_and(|frame| frame.has_scan))
        .or_else(|| only_strip(directory).filter(|stream| frame(stream).is_some_and(|frame| frame.has_scan)))
    else {
        return Ok(None);
    };
    let Some(frame) = frame(stream) else { return Ok(None) };
    if let Some(variety) = frame.unsupported() {
        return Err(Fault::Unsupported(format!("TIFF with {variety}")));
    }
    Ok(Some(Page {
        directory: *directory,
        size: frame.size,
        colours: Colours::Rgb,
        sample: Sample { bits: 8, number: Number::Unsigned },
        samples: 3,
        alpha: None,
        compression: Compression::WholeJpeg,
        predictor: Predictor::None,
        chunks: Chunks::one(frame.size, stream),
    }))
}

/// The JPEG file, or its beginning, that old-style compression may give the place of.
fn interchange<'a>(directory: &Directory<'a>) -> Option<&'a [u8]> {
    let bytes = directory.file.from(directory.uint(tags::JPEG_INTERCHANGE_FORMAT)?);
    let length = directory.uint(tags::JPEG_INTERCHANGE_LENGTH).filter(|length| *length > 0);
    let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
    Some(&bytes[..length.min(bytes.len())]).filter(|bytes| bytes.starts_with(START))
}

fn only_strip<'a>(directory: &Directory<'a>) -> Option<&'a [u8]> {
    let offsets = directory.get(tags::STRIP_OFFSETS).filter(|offsets| offsets.count == 1)?;
    let bytes = directory.file.from(offsets.uint(0)?);
    let length = directory.uint(tags::STRIP_BYTE_COUNTS).and_then(|length| usize::try_from(length).ok())?;
    Some(&bytes[..length.min(bytes.len())]).filter(|bytes| bytes.starts_with(START))
}

/// What the headers of a JPEG file say.
struct Frame {
    code: u8,
    bits: u8,
    size: (u32, u32),
    has_scan: bool,
}

impl Frame {
    fn unsupported(&self) -> Option<String> {
        match self.code {
            0xc3 | 0xcb => Some("lossless JPEG compression".into()),
            0xc5..=0xc7 | 0xcd..=0xcf => Some("hierarchical JPEG compression".into()),
            _ if self.bits != 8 => Some(format!("JPEG compression of {} bits per sample", self.bits)),
            _ => None,
        }
    }
}

/// Reads the segments up to the first scan.
fn frame(stream: &[u8]) -> Option<Frame> {
    let mut rest = stream.strip_prefix(START)?;
    let mut found: Option<Frame> = None;
    loop {
        let [0xff, code, after @ ..] = rest else { return found };
        if *code == 0xff {
            rest = &rest[1..];
            continue;
        }
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        match code {
            0xc4 | 0xc8 | 0xcc => (),
            0xc0..=0xcf => {
                let [_, _, bits, h1, h0, w1, w0, ..] = after else { return found };
                let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
                found =
                    Some(Frame { code: *code, bits: *bits, size: (side(*w1, *w0), side(*h1, *h0)), has_scan: false });
            }
            0xda => {
                return found.map(|frame| Frame { has_scan: true, ..frame });
            }
            _ => (),
        }
        rest = match after.get(length..) {
            Some(rest) => rest,
            None => return found,
        };
    }
}

/// The most bytes that decoding a chunk takes.
pub(super) fn memory(page: &Page<'_>, chunk: &[u8]) -> u64 {
    let size = frame(chunk).map_or(page.chunks.size, |frame| frame.size);
    let width = u64::from(size.0.max(page.chunks.size.0));
    let samples = width.saturating_mul(u64::from(size.1)).saturating_mul(4);
    let tables = match page.compression {
        Compression::Jpeg { tables } => tables.len(),
        Compression::JpegOfFields => interchange(&page.directory).map_or(MOST_OF_HEADERS, <[u8]>::len),
        _ => 0,
    };
    // Where the headers are made of fields, so is the frame: what coefficients take at most for as many samples.
    let decoder = match jpeg::memory_of_stored(chunk) {
        0 => (width + 64).saturating_mul(u64::from(size.1) + 64).saturating_mul(4 * 3),
        decoder => decoder,
    };
    [samples, decoder, 2 * (chunk.len() + tables) as u64].into_iter().fold(0, u64::saturating_add)
}

/// Tables and headers that are made of fields.
const MOST_OF_HEADERS: usize = 4096;

/// The samples of a chunk at full size, including padding. As in libtiff, the colour space is that of the fields, not of
/// the JPEG data.
pub(super) fn decode(page: &Page<'_>, chunk: &[u8], rows: u32) -> Result<Vec<u8>, Fault> {
    let stream = stream(page, chunk, rows)?;
    let damaged = || Fault::damaged("its compressed data cannot be decompressed");
    let frame = frame(&stream).ok_or_else(damaged)?;
    if let Some(variety) = frame.unsupported() {
        return Err(Fault::Unsupported(format!("TIFF with {variety}")));
    }
    let decoded = if matches!(page.compression, Compression::WholeJpeg) {
        // The JPEG file is all there is, and knows its colours.
        jpeg::rgb(&stream)
    } else {
        jpeg::stored(&stream)
    };
    let (mut bytes, samples, (width, height)) = decoded?;
    let expected = if page.chunks.is_planar { 1 } else { usize::from(page.samples) };
    if samples != expected {
        return Err(Fault::Damaged(format!("its JPEG data have {samples} components, expected {expected}")));
    }
    let (height, from, to) = (height as usize, width as usize * samples, page.chunks.size.0 as usize * samples);
    bytes.resize(from.max(to) * height, 0);
    // Tiles at an edge may be smaller or larger than others.
    if from > to {
        (0..height).for_each(|y| bytes.copy_within(y * from..y * from + to, y * to));
        bytes.truncate(to * height);
    } else if from < to {
        (0..height).rev().for_each(|y| bytes.copy_within(y * from..(y + 1) * from, y * to));
    }
    Ok(bytes)
}

/// A complete JPEG file for a chunk.
fn stream<'a>(page: &Page<'_>, chunk: &'a [u8], rows: u32) -> Result<Cow<'a, [u8]>, Fault> {
    let body = |file: &'a [u8]| file.strip_prefix(START).unwrap_or(file);
    match page.compression {
        Compression::Jpeg { tables } if !tables.is_empty() => {
            let tables = tables.strip_prefix(START).unwrap_or(tables);
            let tables = tables.strip_suffix(END).unwrap_or(tables);
            Ok([START, tables, body(chunk)].concat().into())
        }
        Compression::JpegOfFields if !chunk.starts_with(START) => {
            let mut stream = headers(page, rows)?;
            if !chunk.starts_with(b"\xff\xda") {
                let components = planes_of_jpeg(page);
                stream.extend(segment(0xda, |payload| {
                    payload.push(components);
                    (0..components).for_each(|i| payload.extend([i + 1, i << 4 | i]));
                    payload.extend([0, 63, 0]);
                }));
            }
            stream.extend(chunk);
            stream.extend(END);
            Ok(stream.into())
        }
        _ => Ok(chunk.into()),
    }
}

fn planes_of_jpeg(page: &Page<'_>) -> u8 {
    if page.chunks.is_planar { 1 } else { page.samples.min(4) as u8 }
}

/// The headers before a scan in old-style compression: from the file, or else built from fields.
fn headers(page: &Page<'_>, rows: u32) -> Result<Vec<u8>, Fault> {
    let directory = &page.directory;
    if let Some(headers) = interchange(directory) {
        return Ok(headers.strip_suffix(END).unwrap_or(headers).to_vec());
    }
    let (width, _) = page.chunks.size;
    let sides = u16::try_from(width).ok().zip(u16::try_from(rows).ok());
    let (width, height) = sides.ok_or_else(|| Fault::damaged("its JPEG data are too large"))?;
    let components = planes_of_jpeg(page);
    let mut stream = START.to_vec();
    for (tag, code, class) in
        [(tags::JPEG_Q_TABLES, 0xdb, 0), (tags::JPEG_DC_TABLES, 0xc4, 0), (tags::JPEG_AC_TABLES, 0xc4, 0x10)]
    {
        let places = directory.get(tag).ok_or_else(|| Fault::Damaged(format!("it has no {}", tags::name(tag))))?;
        for (number, place) in (0..components).zip(places.uints()) {
            let table = directory.file.from(place);
            let length = match code {
                0xdb => 64,
                _ => 16 + table.iter().take(16).map(|count| usize::from(*count)).sum::<usize>().min(256),
            };
            let table = table.get(..length).ok_or(Fault::Truncated)?;
            stream.extend(segment(code, |payload| {
                payload.push(class | number);
                payload.extend(table);
            }));
        }
    }
    let sampling = |index: u64| {
        let factor = directory.get(tags::YCBCR_SUBSAMPLING).and_then(|field| field.uint(index)).unwrap_or(2);
        if page.colours == Colours::YCbCr && components == 3 { factor.clamp(1, 4) as u8 } else { 1 }
    };
    stream.extend(segment(0xc0, |payload| {
        payload.push(8);
        payload.extend([height, width].map(u16::to_be_bytes).as_flattened());
        payload.push(components);
        for i in 0..components {
            payload.extend([i + 1, if i == 0 { sampling(0) << 4 | sampling(1) } else { 0x11 }, i]);
        }
    }));
    if let Some(interval) =
        directory.uint(tags::JPEG_RESTART_INTERVAL).and_then(|interval| u16::try_from(interval).ok())
    {
        stream.extend(segment(0xdd, |payload| payload.extend(interval.to_be_bytes())));
    }
    Ok(stream)
}

fn segment(code: u8, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = vec![0xff, code, 0, 0];
    fill(&mut bytes);
    let length = (bytes.len() - 2) as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}
