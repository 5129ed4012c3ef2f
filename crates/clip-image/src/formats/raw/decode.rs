//! Chooses and decodes a preview.

use image::metadata::Orientation;

use super::contents::{Contents, Jpegs};
use super::tables::Tables;
use super::{Kind, ciff, cr3, raf, search};
use crate::formats::codec::{Blocks, Codec, Pixels, Request};
use crate::formats::{self, jpeg};
use crate::{Format, ImageError, Limits, exif_data};

pub(super) const CODEC: Codec = Codec { decode, metadata, has_all_metadata: None };

/// A JPEG that is not raw data.
#[derive(Debug, Clone, Copy)]
struct Preview<'a> {
    bytes: &'a [u8],
    size: (u32, u32),
}

/// Decodes the smallest preview that is large enough, or else the largest; if that is damaged, another one.
fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
    let (kind, contents) = read(bytes).ok_or_else(|| damaged("its header"))?;
    let previews = previews(bytes, &contents.jpegs);
    let Some(largest) = previews.first().map(|preview| preview.size) else {
        // A page that is not raw data will do: a developed picture, or an uncompressed thumbnail.
        if let (Kind::Tables(_), Ok(tiff)) = (kind, formats::codec(Format::Tiff))
            && let Ok(pixels) = (tiff.decode)(bytes, request)
        {
            return Ok(pixels);
        }
        return Err(if contents.jpegs.is_cut {
            ImageError::Truncated { format: Format::Raw }
        } else {
            ImageError::Unsupported { what: format!("{} without an embedded preview", kind.name()) }
        });
    };
    let picture = Picture::of(contents.size, largest, request.limits);
    let orientation = if picture.is_turned {
        Orientation::NoTransforms
    } else {
        let of_previews = || previews.iter().find_map(|preview| orientation_of(&blocks_of(preview.bytes)));
        let own = orientation_of(&contents.blocks).or_else(of_previews).or(contents.orientation);
        own.unwrap_or(Orientation::NoTransforms)
    };
    let mut first_error = None;
    for preview in in_order(&previews, picture.size, request.least) {
        let result = formats::codec(Format::Jpeg)
            .and_then(|codec| (codec.decode)(preview.bytes, &Request { orientation: Some(orientation), ..*request }));
        match result {
            Ok(pixels) => {
                return Ok(Pixels { size: picture.size, orientation: Some(orientation), ..pixels });
            }
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.map_or_else(|| damaged("its previews"), |error| of_raw(error, contents.jpegs.is_cut)))
}

/// The metadata of the file itself, or else those of the largest preview that has any.
fn metadata(bytes: &[u8]) -> Blocks<'_> {
    let Some((kind, contents)) = read(bytes) else { return Blocks::default() };
    // Panasonic writes the lens and the sensitivity only into the preview.
    let is_complete = contents.blocks.exif.is_some() && kind != Kind::Tables("RW2");
    if is_complete {
        return contents.blocks;
    }
    let of_previews = previews(bytes, &contents.jpegs).into_iter().map(|preview| blocks_of(preview.bytes));
    of_previews.into_iter().find(|blocks| blocks.exif.is_some()).unwrap_or(contents.blocks)
}

fn read(bytes: &[u8]) -> Option<(Kind, Contents<'_>)> {
    let kind = Kind::of(bytes)?;
    let contents = match kind {
        Kind::Tables(_) => Tables::read(bytes)?.contents(),
        Kind::Cr3 => cr3::contents(bytes),
        Kind::Crw => ciff::canon(bytes),
        Kind::Mrw => raf::minolta(bytes),
        Kind::Raf => raf::fujifilm(bytes),
        Kind::X3f => ciff::sigma(bytes),
    };
    Some((kind, contents))
}

/// All previews, the largest first. If the file points only to thumbnails, it is searched for more.
fn previews<'a>(bytes: &'a [u8], known: &Jpegs<'a>) -> Vec<Preview<'a>> {
    /// The smallest side of a useful preview. Thumbnails have 160 or 320 pixels.
    const USEFUL: u32 = 480;
    let of = |jpegs: &Jpegs<'a>| -> Vec<Preview<'a>> {
        jpegs.found.iter().filter_map(|bytes| Some(Preview { bytes, size: size(bytes)? })).collect()
    };
    let mut previews = of(known);
    if !previews.iter().any(|preview| preview.size.0.max(preview.size.1) >= USEFUL) {
        let mut found = Jpegs::default();
        search::find(bytes, &mut found, |bytes| size(bytes).is_some());
        previews.extend(of(&found));
    }
    previews.sort_by_key(|preview| std::cmp::Reverse(area(preview.size)));
    previews
}

/// The size of a JPEG by its header, if it can be decoded: many cameras store raw data as lossless JPEGs.
fn size(jpeg: &[u8]) -> Option<(u32, u32)> {
    /// Frame headers come after EXIF data, colour profiles and maker notes.
    const LONGEST_HEADER: usize = 256 << 10;
    jpeg::size(&jpeg[..jpeg.len().min(LONGEST_HEADER)])
}

/// The whole picture that the previews show.
struct Picture {
    /// Its size, the way the previews are turned.
    size: (u32, u32),
    /// The previews are already upright; the orientation applies to the raw data.
    is_turned: bool,
}

impl Picture {
    /// The size in the file is accepted if it fits a preview.
    fn of(said: Option<(u32, u32)>, largest: (u32, u32), limits: &Limits) -> Self {
        let is_wide = |(width, height): (u32, u32)| u64::from(width) * 20 > u64::from(height) * 21;
        let swapped = |(width, height)| (height, width);
        let is_turned = said.is_some_and(|said| {
            (is_wide(said) && is_wide(swapped(largest))) || (is_wide(swapped(said)) && is_wide(largest))
        });
        let said = if is_turned { said.map(swapped) } else { said };
        let size = said.filter(|said| fits(largest, *said) && area(*said) <= limits.max_pixels).unwrap_or(largest);
        Self { size, is_turned }
    }
}

/// The order in which to try the previews for a picture of this size; they are sorted largest first.
fn in_order<'a>(previews: &[Preview<'a>], size: (u32, u32), least: Option<u32>) -> Vec<Preview<'a>> {
    let fitting = previews.iter().copied().filter(|preview| fits(preview.size, size));
    // Thumbnails may have black bars.
    let Some(largest) = previews.first().map(|preview| preview.size) else { return Vec::new() };
    let (whole, others): (Vec<_>, Vec<_>) = fitting.partition(|preview| is_alike(preview.size, largest));
    let is_enough = |preview: &Preview<'_>| least.is_some_and(|least| preview.size.0.min(preview.size.1) >= least);
    let (mut enough, rest): (Vec<_>, Vec<_>) = whole.into_iter().partition(is_enough);
    enough.reverse();
    enough.into_iter().chain(rest).chain(others).collect()
}

/// Whether two sizes have the same aspect ratio, except for rounding and a border.
fn is_alike((w1, h1): (u32, u32), (w2, h2): (u32, u32)) -> bool {
    let (a, b) = (u64::from(w1) * u64::from(h2), u64::from(w2) * u64::from(h1));
    a.abs_diff(b) * 20 <= a.max(b)
}

fn fits((width, height): (u32, u32), into: (u32, u32)) -> bool {
    width <= into.0 && height <= into.1
}

fn area((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
}

fn blocks_of(jpeg: &[u8]) -> Blocks<'_> {
    formats::codec(Format::Jpeg).map(|codec| (codec.metadata)(jpeg)).unwrap_or_default()
}

fn orientation_of(blocks: &Blocks<'_>) -> Option<Orientation> {
    exif_data::read(blocks.exif?).orientation
}

fn damaged(what: &str) -> ImageError {
    ImageError::Decode { format: Format::Raw, reason: format!("{what} cannot be read") }
}

/// An error about a preview, reported as one about the file.
fn of_raw(error: ImageError, is_cut: bool) -> ImageError {
    let format = Format::Raw;
    match error {
        ImageError::Truncated { .. } => ImageError::Truncated { format },
        ImageError::Decode { .. } if is_cut => ImageError::Truncated { format },
        ImageError::Decode { reason, .. } => ImageError::Decode { format, reason: format!("of its preview, {reason}") },
        ImageError::TooMuchMemory { reason, .. } => ImageError::TooMuchMemory { format, reason },
        error => error,
    }
}
