//! Decodes pages.

use std::io::Read;

use image::RgbImage;
use image::metadata::Orientation;

use super::colour::{self, Conversion};
use super::compression;
use super::page::{Colours, Number, Page, Sample};
use super::pages::Pages;
use super::range::Survey;
use super::samples::{self, Scale};
use super::subsampled::{self, Subsampled};
use super::{predictor, tags};
use crate::colour::{ColourSpace, LARGEST_PROFILE, inks};
use crate::exif_data;
use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
use crate::formats::library::Fault;
use crate::{Format, ImageError};

// EXIF data are TIFF fields themselves: they are among the file's own.
pub(super) const CODEC: Codec = Codec {
    decode,
    metadata: |bytes| Blocks {
        exif: Some(bytes),
        xmp: exif_data::xmp_of_tiff(bytes),
        resources: exif_data::resources_of_tiff(bytes),
        ..Blocks::default()
    },
    has_all_metadata: None,
};

fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
    let pages = Pages::of(bytes).map_err(|fault| fault.into_error(Format::Tiff))?;
    let main = pages.main();
    request.limits.check_size(main.size, Format::Tiff)?;
    let orientation = orientation(main);
    let pixels = |image| Pixels { image, size: main.size, orientation, colours: profile(main) };
    // A smaller one that is damaged may have a larger one that is not.
    let overview = request.least.and_then(|least| pages.overview(least));
    if let Some(image) = overview.and_then(|page| read(page, request, orientation).ok()) {
        return Ok(pixels(image));
    }
    read(main, request, orientation).map(pixels)
}

fn orientation(page: &Page<'_>) -> Option<Orientation> {
    let value = page.directory.uint(tags::ORIENTATION)?;
    Some(Orientation::from_exif(value.min(255) as u8).unwrap_or(Orientation::NoTransforms))
}

fn profile(page: &Page<'_>) -> Option<ColourSpace> {
    let profile = page.directory.get(tags::ICC_PROFILE)?.bytes;
    (profile.len() <= LARGEST_PROFILE).then(|| ColourSpace::Icc(profile.to_vec()))
}

/// Decodes the pixels of a page row by row: only one row of the unpacked chunk (a strip or a tile) is in memory, unless it
/// is compressed as a picture.
fn read(page: &Page<'_>, request: &Request<'_>, own: Option<Orientation>) -> Result<RgbImage, ImageError> {
    let rgb = rgb_bytes(page.size);
    request.reserve(Format::Tiff, request.memory(rgb.saturating_add(memory(page)), rgb, own))?;
    pixels(page).map_err(|fault| fault.into_error(Format::Tiff))
}

/// Bytes that reading takes beside the result.
fn memory(page: &Page<'_>) -> u64 {
    let width = u64::from(page.chunks.size.0);
    let planes = page.planes().count() as u64;
    let row = row_bits(page).div_ceil(8);
    let copy = if predictor::takes_copy(page.predictor) { row } else { 0 };
    let samples = width.saturating_mul(page.wanted().count() as u64);
    let survey = if Scale::of(page.colours, page.sample).is_none() { 2 * Survey::MEMORY } else { 0 };
    let blocks = if page.is_subsampled() { subsampled::memory(page.chunks.size.0, page.subsampling()) } else { 0 };
    let chunk = compression::memory(page).saturating_add(row).saturating_add(blocks).saturating_mul(planes);
    let has_press = page.colours == Colours::Cmyk && page.directory.get(tags::ICC_PROFILE).is_some();
    let inks = if has_press { inks::MEMORY } else { 0 };
    [chunk, copy, samples, survey, inks].into_iter().fold(0, u64::saturating_add)
}

/// Bits of a row of a chunk as stored.
fn row_bits(page: &Page<'_>) -> u64 {
    let samples = if page.chunks.is_planar { 1 } else { u64::from(page.samples) };
    u64::from(page.chunks.size.0).saturating_mul(samples).saturating_mul(page.sample.bits.into())
}

fn pixels(page: &Page<'_>) -> Result<RgbImage, Fault> {
    let (scale, scale_of_alpha) = scales(page)?;
    let conversion = Conversion::of(page);
    let wanted: Vec<usize> = page.wanted().map(usize::from).collect();
    let count = wanted.len();
    let mut pixels = vec![0; page.chunks.size.0.min(page.size.0) as usize * count];
    let mut image = RgbImage::new(page.size.0, page.size.1);
    let rows: &mut [u8] = &mut image;
    let stride = 3 * page.size.0 as usize;
    let is_rgb = page.is_rgb_of_8_bits();
    each_row(page, |part, planes| {
        let rgb = &mut rows[part.y * stride + 3 * part.x..][..3 * part.width];
        if is_rgb {
            rgb.copy_from_slice(&planes[0][..3 * part.width]);
            return;
        }
        let pixels = &mut pixels[..part.width * count];
        for (i, sample) in wanted.iter().enumerate() {
            let scale = if page.alpha.is_some() && i + 1 == count { &scale_of_alpha } else { &scale };
            let (row, first, step) = page.samples_of(planes, i, *sample);
            scale.convert(row, first, step, pixels, i, count);
        }
        conversion.convert(pixels, count, rgb);
        if let Some(alpha) = page.alpha {
            colour::lay_over_white(pixels, count, alpha.is_associated, rgb);
        }
    })?;
    Ok(image)
}

/// How samples and alpha become eight bits. If that depends on the values, they are read for it.
fn scales(page: &Page<'_>) -> Result<(Scale, Scale), Fault> {
    let sample = page.sample;
    if let Some(scale) = Scale::of(page.colours, sample) {
        let of_alpha = match scale {
            Scale::Keep { bits } if bits != 8 => Scale::Bits { bits },
            Scale::High => Scale::Bits { bits: 16 },
            scale => scale,
        };
        return Ok((scale, of_alpha));
    }
    let pixels = page.pixels();
    let survey = |samples: u64, no_data| Survey::new(sample, pixels.saturating_mul(samples), no_data);
    let mut colours = survey(page.colours.samples().into(), no_data(page));
    let mut alpha = survey(1, None);
    let count = usize::from(page.colours.samples());
    each_row(page, |part, planes| {
        for (i, index) in page.wanted().enumerate() {
            let (row, first, step) = page.samples_of(planes, i, index.into());
            let values = samples::values(row, sample).skip(first).step_by(step).take(part.width);
            if i < count { colours.add(values) } else { alpha.add(values) }
        }
    })?;
    let range = |range| Scale::Range { sample, range };
    Ok((range(colours.range()), range(alpha.range_of_alpha())))
}

/// The value that means "no data".
fn no_data(page: &Page<'_>) -> Option<f64> {
    let text = page.directory.get(tags::NO_DATA)?.bytes;
    let value: f64 = std::str::from_utf8(text).ok()?.trim_matches([' ', '\0']).parse().ok()?;
    // As precise as the samples are.
    Some(if (page.sample.number, page.sample.bits) == (Number::Float, 32) { f64::from(value as f32) } else { value })
}

impl Page<'_> {
    /// Whether stored rows are already the result.
    fn is_rgb_of_8_bits(&self) -> bool {
        let is_plain = self.samples == 3 && !self.chunks.is_planar && self.alpha.is_none();
        is_plain && self.colours == Colours::Rgb && self.sample == Sample { bits: 8, number: Number::Unsigned }
    }

    /// Where a sample is in the rows of the planes: the row, its first index and the stride.
    fn samples_of<'r>(&self, planes: &'r [Vec<u8>], number: usize, sample: usize) -> (&'r [u8], usize, usize) {
        if self.chunks.is_planar { (&planes[number], 0, 1) } else { (&planes[0], sample, self.samples.into()) }
    }
}

/// Where the row of a chunk is in the picture.
struct Part {
    x: usize,
    y: usize,
    width: usize,
}

/// Passes on the rows of all chunks that are in the picture, one for each plane that is used, in native byte order.
fn each_row(page: &Page<'_>, mut row: impl FnMut(&Part, &[Vec<u8>])) -> Result<(), Fault> {
    let chunks = &page.chunks;
    let too_large = || Fault::damaged("its rows are too long");
    let row_bytes = usize::try_from(row_bits(page).div_ceil(8)).map_err(|_| too_large())?;
    let samples = if chunks.is_planar { 1 } else { usize::from(page.samples) };
    let order = page.directory.file.order;
    let mut planes: Vec<Vec<u8>> = page.planes().map(|_| vec![0; row_bytes]).collect();
    let mut scratch = Vec::new();
    for index in 0..chunks.per_plane() {
        let (column, line) = (index % u64::from(chunks.across), index / u64::from(chunks.across));
        // Both are within the picture.
        let (left, top) = (column as u32 * chunks.size.0, line as u32 * chunks.size.1);
        let (width, rows) = (chunks.size.0.min(page.size.0 - left), chunks.size.1.min(page.size.1 - top));
        let mut readers = Vec::with_capacity(planes.len());
        for plane in page.planes() {
            let chunk = chunks.get(&page.directory.file, plane, index)?;
            let reader = compression::open(page, chunk, rows)?;
            readers.push(if page.is_subsampled() {
                Box::new(Subsampled::new(reader, chunks.size.0, page.subsampling())) as Box<dyn Read>
            } else {
                reader
            });
        }
        for y in 0..rows {
            for (reader, plane) in readers.iter_mut().zip(&mut planes) {
                reader.read_exact(plane).map_err(|error| compression::fault(&error))?;
                predictor::undo(plane, page.predictor, page.sample.bits, samples, order, &mut scratch);
            }
            let part = Part { x: left as usize, y: (top + y) as usize, width: width as usize };
            row(&part, &planes);
        }
    }
    Ok(())
}
