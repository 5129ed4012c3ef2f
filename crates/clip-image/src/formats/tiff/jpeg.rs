//! JPEG within TIFF: a file for each chunk, one for the whole page, or scans whose headers are fields.

use std::borrow::Cow;

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::chunks::Chunks;
use super::compression::Compression;
use super::fields::Directory;
use super::page::{Colours, Number, Page, Predictor, Sample};
use super::tags;
use crate::formats::library::Fault;

const START: &[u8] = b"\xff\xd8";
const END: &[u8] = b"\xff\xd9";

/// A page whose only chunk is a JPEG file that needs none of the fields: old-style compression as cameras write it, with
/// little but the place of that file.
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
    /// Sampling factors across and down.
    components: Vec<(u8, u8)>,
    has_scan: bool,
    /// Whether the first scan has all components. Otherwise all coefficients are in memory at once.
    is_in_one_scan: bool,
}

impl Frame {
    fn unsupported(&self) -> Option<String> {
        match self.code {
            0xc3 => Some("lossless JPEG compression".into()),
            0xc5..=0xc7 | 0xcd..=0xcf => Some("hierarchical JPEG compression".into()),
            0xc9..=0xcb => Some("arithmetic coding in JPEG compression".into()),
            // The decoder makes noise of them.
            0xc0 | 0xc1 if self.has_scan && !self.is_in_one_scan => Some("JPEG compression in several scans".into()),
            _ if self.bits != 8 => Some(format!("JPEG compression of {} bits per sample", self.bits)),
            _ => None,
        }
    }

    fn coefficients(&self) -> u64 {
        let most =
            |side: fn(&(u8, u8)) -> u8| self.components.iter().map(side).max().map_or(1, |most| u64::from(most.max(1)));
        let (across, down) = (most(|factors| factors.0), most(|factors| factors.1));
        let mcus = u64::from(self.size.0).div_ceil(8 * across) * u64::from(self.size.1).div_ceil(8 * down);
        self.components.iter().map(|(across, down)| u64::from(*across) * u64::from(*down) * 64 * mcus).sum()
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
                let [_, _, bits, h1, h0, w1, w0, count, components @ ..] = after else { return found };
                let (components, _) = components.as_chunks::<3>();
                let components: Vec<_> = components.iter().take(usize::from(*count).min(4)).collect();
                let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
                found = Some(Frame {
                    code: *code,
                    bits: *bits,
                    size: (side(*w1, *w0), side(*h1, *h0)),
                    components: components.iter().map(|[_, factors, _]| (factors >> 4, factors & 15)).collect(),
                    has_scan: false,
                    is_in_one_scan: false,
                });
            }
            0xda => {
                let count = usize::from(*after.get(2)?);
                return found.map(|frame| Frame {
                    has_scan: true,
                    is_in_one_scan: count == frame.components.len() && matches!(frame.code, 0xc0 | 0xc1),
                    ..frame
                });
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
    /// For a pixel of a row, in as many samples and bits as it may have.
    const ROW: u64 = 1024;

    let whole = frame(chunk);
    let (size, coefficients) = match &whole {
        Some(frame) => (frame.size, if frame.is_in_one_scan { 0 } else { frame.coefficients() }),
        // The headers are made of fields, for a sequential scan.
        None => (page.chunks.size, 0),
    };
    let width = u64::from(size.0.max(page.chunks.size.0));
    let samples = width.saturating_mul(u64::from(size.1)).saturating_mul(4);
    let tables = match page.compression {
        Compression::Jpeg { tables } => tables.len(),
        Compression::JpegOfFields => interchange(&page.directory).map_or(MOST_OF_HEADERS, <[u8]>::len),
        _ => 0,
    };
    // The segments are copied once more by the decoder.
    let file = 2 * (chunk.len() + tables) as u64;
    let rows = (width + 64).saturating_mul(ROW);
    [samples, coefficients.saturating_mul(2), file, rows].into_iter().fold(0, u64::saturating_add)
}

/// Tables and headers that are made of fields.
const MOST_OF_HEADERS: usize = 4096;

/// The samples of a chunk at its full size, as wide as chunks are. Their colours are those that the fields say, not what
/// the JPEG file may say, as for libtiff.
pub(super) fn decode(page: &Page<'_>, chunk: &[u8], rows: u32) -> Result<Vec<u8>, Fault> {
    let stream = stream(page, chunk, rows)?;
    let damaged = || Fault::damaged("its compressed data cannot be decompressed");
    let frame = frame(&stream).ok_or_else(damaged)?;
    if let Some(variety) = frame.unsupported() {
        return Err(Fault::Unsupported(format!("TIFF with {variety}")));
    }
    let is_whole = stream.len() >= 2 && stream.windows(2).rev().any(|marker| marker == END);
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&stream[..]), options);
    decoder.decode_headers().map_err(|_| damaged())?;
    let stored = decoder.input_colorspace().ok_or_else(damaged)?;
    // Where the JPEG file is all there is, it knows.
    let colours = if matches!(page.compression, Compression::WholeJpeg) { ColorSpace::RGB } else { stored };
    // Missing data would become grey.
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(colours).set_strict_mode(!is_whole));
    let expected = if page.chunks.is_planar { 1 } else { usize::from(page.samples) };
    let samples = colours.num_components();
    if samples != expected {
        return Err(Fault::Damaged(format!("its JPEG data have {samples} components, expected {expected}")));
    }
    let (width, height) = decoder.dimensions().ok_or_else(damaged)?;
    let (from, to) = (width * samples, page.chunks.size.0 as usize * samples);
    let mut bytes = vec![0; from.max(to) * height];
    decoder
        .decode_into(&mut bytes[..from * height])
        .map_err(|_| if is_whole { damaged() } else { Fault::Truncated })?;
    // Tiles at an edge may be smaller or larger than others.
    if from > to {
        (0..height).for_each(|y| bytes.copy_within(y * from..y * from + to, y * to));
        bytes.truncate(to * height);
    } else if from < to {
        (0..height).rev().for_each(|y| bytes.copy_within(y * from..(y + 1) * from, y * to));
    }
    Ok(bytes)
}

/// A JPEG file with all that belongs to a chunk.
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

/// The headers before a scan of old-style compression: those in the file, or else made of fields.
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
        let places = directory.get(tag).ok_or_else(|| Fault::Damaged(format!("its field {tag} is missing")))?;
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
