//! Decodes all other JPEG files with 8 bits per sample: progressive ones, those with a scan for each component or with
//! arithmetic coding, CMYK, unusual sampling, and damaged files of any kind.
//!
//! Such a file spreads the data of a block over several scans, so the coefficients of the whole picture must be collected
//! first. Only those that the wanted size needs are kept. Scans that tell nothing about them, or change no sample by more
//! than one level of 256, are skipped.
//!
//! At full size, the pixels of an undamaged file are identical to libjpeg-turbo's.

mod arithmetic;
mod band;
mod entropy;
mod file;
mod frame;
mod mcus;
mod output;
mod planes;
mod tables;

use image::RgbImage;

use self::file::File;
use self::frame::Frame;
use self::planes::Planes;
#[cfg(feature = "tiff")]
use super::colour::Colour;
use super::markers::{self, End, Segment};
use super::{bands, embedded, scaled};
use crate::colour::inks::{self, Inks};
use crate::formats::codec::{Request, rgb_bytes};
use crate::formats::library::Fault;
use crate::{Format, ImageError};

/// The frame marker of JPEG-LS (ITU-T T.87), whose files begin like JPEG files.
const FRAME_OF_JPEG_LS: u8 = 0xf7;

/// Decodes to RGB at the size that the request allows. Returns the stored size, too.
///
/// The markers are read first. A file with its end marker is decoded leniently: damage costs a few blocks, as in other
/// viewers. A file without it must have all data for all of its blocks: a missing end marker alone is tolerated.
///
/// # Errors
/// [`ImageError::Truncated`], [`ImageError::Decode`], [`ImageError::Unsupported`], and those of the limits.
pub(super) fn decode(bytes: &[u8], request: &Request<'_>) -> Result<(RgbImage, (u32, u32)), ImageError> {
    let in_words = |fault: Fault| fault.into_error(Format::Jpeg);
    let is_whole = is_whole(bytes).map_err(in_words)?;
    let file = File::read(bytes).map_err(in_words)?;
    let frame = &file.frame;
    request.limits.check_size(frame.size, Format::Jpeg)?;
    let samples = samples(frame, bytes.len(), request);
    request.reserve(Format::Jpeg, memory(frame, samples, bytes.len(), request))?;
    let planes = read(&file, samples, is_whole).map_err(in_words)?;
    let profile = if frame.colour.is_inks() { embedded::profile(bytes, inks::LARGEST_PROFILE) } else { None };
    let inks = profile.and_then(|profile| Inks::of(&profile));
    let image = output::picture(frame, &planes, samples, inks.as_ref()).ok_or_else(|| in_words(lacking()))?;
    Ok((image, frame.size))
}

/// The interleaved samples of a file at full size, the number of samples per pixel, and the size.
#[cfg(feature = "tiff")]
pub(in crate::formats) type Samples = (Vec<u8>, usize, (u32, u32));

/// The samples as they are stored, without a conversion of colours.
///
/// # Errors
/// As of [`decode`], but for those of limits.
#[cfg(feature = "tiff")]
pub(in crate::formats) fn stored(bytes: &[u8]) -> Result<Samples, Fault> {
    let file = File::read(bytes)?;
    let colour = Colour::Stored(file.frame.components.len());
    full(bytes, file, colour)
}

/// The samples as RGB.
///
/// # Errors
/// As of [`stored`].
#[cfg(feature = "tiff")]
pub(in crate::formats) fn rgb(bytes: &[u8]) -> Result<Samples, Fault> {
    let file = File::read(bytes)?;
    let colour = file.frame.colour;
    full(bytes, file, colour)
}

#[cfg(feature = "tiff")]
fn full(bytes: &[u8], file: File<'_>, colour: Colour) -> Result<Samples, Fault> {
    let planes = read(&file, ALL, is_whole(bytes)?)?;
    let samples = output::samples(&file.frame, colour, &planes).ok_or_else(lacking)?;
    Ok((samples, colour.samples(), file.frame.size))
}

/// What [`stored`] takes beside its result; nothing for what it refuses.
#[cfg(feature = "tiff")]
pub(in crate::formats) fn memory_of_stored(bytes: &[u8]) -> u64 {
    let Ok(file) = File::read(bytes) else { return 0 };
    let rows = (u64::from(file.frame.size.0) + 64) * ROWS;
    [rows, Planes::bytes(&file.frame, ALL), bytes.len() as u64].into_iter().fold(0, u64::saturating_add)
}

/// Samples of a block on either side.
const ALL: u32 = 8;

/// Whether the end marker is there. If it is not, more may be missing.
fn is_whole(bytes: &[u8]) -> Result<bool, Fault> {
    // Its data have what would be markers here.
    if markers::segments(bytes).any(|segment| segment.code == FRAME_OF_JPEG_LS) {
        return Err(Fault::Unsupported("JPEG-LS".into()));
    }
    match markers::find_end(bytes) {
        End::Marker => Ok(true),
        End::Scan if markers::is_padded_with_zeros(bytes) => Err(Fault::Truncated),
        End::Scan => Ok(false),
        End::Segment => Err(Fault::Truncated),
    }
}

fn read(file: &File<'_>, samples: u32, is_whole: bool) -> Result<Planes, Fault> {
    let mut planes = Planes::new(&file.frame, samples);
    // What ends without its end marker has to be looked at as a whole, to know whether it is.
    let is_sound = file.read_scans(&mut planes, !is_whole)?;
    let is_all_there = is_whole || is_sound && planes.are_complete();
    if is_all_there { Ok(planes) } else { Err(Fault::Truncated) }
}

fn lacking() -> Fault {
    Fault::damaged("it has no data for some of its components")
}

/// The size of a picture by its frame header; none if it is not of a kind that is decoded.
pub(super) fn size(frame: &Segment<'_>) -> Option<(u32, u32)> {
    Frame::read(frame).ok().map(|frame| frame.size)
}

/// The number of samples, out of 8, to decode on either side of a block: the fewest that suffice, and fewer if not even
/// those fit into the memory limit. The picture may then have only as many pixels as the caller needs, instead of twice as
/// many on a side.
fn samples(frame: &Frame, file_bytes: usize, request: &Request<'_>) -> u32 {
    let Some(least) = request.least else { return ALL };
    let shorter = frame.size.0.min(frame.size.1);
    let wanted = scaled::samples_per_block(shorter, least).unwrap_or(ALL);
    let is_enough = |samples: u32| scaled::scaled_side(shorter, samples) >= least.div_ceil(2);
    let is_possible = |samples: u32| {
        (samples == ALL || frame.can_be_scaled(samples)) && request.allows(memory(frame, samples, file_bytes, request))
    };
    let more = (wanted..=ALL).filter(|samples| samples.is_power_of_two());
    let fewer = (1..wanted).rev().filter(|samples| samples.is_power_of_two() && is_enough(*samples));
    // If none is possible, what was wanted tells how much is missing.
    more.chain(fewer).find(|samples| is_possible(*samples)).unwrap_or(ALL)
}

/// The peak memory in bytes: coefficients that are kept, the data of a scan, and the picture with a few rows of samples.
fn memory(frame: &Frame, samples: u32, file_bytes: usize, request: &Request<'_>) -> u64 {
    let side = |side| scaled::scaled_side(side, samples);
    let rgb = rgb_bytes((side(frame.size.0), side(frame.size.1)));
    let rows = (u64::from(frame.size.0) + 64) * ROWS;
    let inks = if frame.colour.is_inks() { inks::MEMORY } else { 0 };
    let all = [rgb, rows, Planes::bytes(frame, samples), file_bytes as u64, inks];
    let all = all.into_iter().fold(0, u64::saturating_add);
    request.memory(all, rgb, None)
}

/// Bytes of rows for a pixel of the width: three rows of MCUs of four blocks each, or one in floating point, of four
/// components.
const ROWS: u64 = 3 * 32 * 4;

impl Frame {
    /// Whether blocks can become this many samples on either side without becoming larger than they are.
    fn can_be_scaled(&self, samples: u32) -> bool {
        let fits = |component| bands::samples_of(component, &self.components, samples as usize).is_some();
        self.colour.is_grey_or_ycbcr() && self.components.iter().all(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    const PROGRESSIVE: &[u8] = include_bytes!("../../../../../tests/fixtures/progressive.jpg");

    fn decode_alone(bytes: &[u8], least: Option<u32>) -> Result<(RgbImage, (u32, u32)), ImageError> {
        let limits = &Limits::default();
        decode(bytes, &Request { limits, least, orientation: None, reserve: &|_| () })
    }

    /// The header of a file with the given frame, and a scan without tables.
    fn error(frame_marker: u8, precision: u8, components: u8) -> String {
        let mut bytes = vec![0xff, 0xd8, 0xff, frame_marker, 0, 8 + 3 * components, precision, 0, 8, 0, 8, components];
        (0..components).for_each(|id| bytes.extend([id, 0x11, 0]));
        bytes.extend([0xff, 0xda, 0, 8, 1, 0, 0, 0, 63, 0, 0xff, 0xd9]);
        decode_alone(&bytes, None).unwrap_err().to_string()
    }

    #[test]
    fn varieties_are_named() {
        let unsupported = |what| format!("JPEG with {what} is not supported; convert the photo to JPEG or PNG");
        assert_eq!(error(0xc1, 12, 3), unsupported("12 bits per sample"));
        assert_eq!(error(0xc3, 8, 3), unsupported("lossless compression"));
        assert_eq!(error(0xcb, 8, 1), unsupported("lossless compression"));
        assert_eq!(error(0xc5, 8, 1), unsupported("hierarchical frames"));
        assert_eq!(error(0xc0, 8, 2), unsupported("2 components"));
        let of_another_standard = error(FRAME_OF_JPEG_LS, 8, 3);
        assert_eq!(of_another_standard, "JPEG-LS is not supported; convert the photo to JPEG or PNG");
    }

    #[test]
    fn a_height_behind_the_data_is_named() {
        let mut bytes = include_bytes!("../../../../../tests/fixtures/444.jpg").to_vec();
        let frame = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        bytes[frame + 5..frame + 7].fill(0);
        let told = decode_alone(&bytes, None).unwrap_err().to_string();
        assert!(told.starts_with("JPEG with its height stored after the image data is not supported"), "{told}");
    }

    #[test]
    fn damage_is_told() {
        let mut bytes = PROGRESSIVE.to_vec();
        let frame = bytes.windows(2).position(|marker| marker == [0xff, 0xc2]).unwrap();
        // A segment that no decoder knows in place of the frame header.
        bytes[frame + 1] = 0xf0;
        assert_eq!(decode_alone(&bytes, None).unwrap_err().to_string(), "damaged JPEG: it has no frame header");
        // A frame without tables.
        assert_eq!(error(0xc0, 8, 3), "damaged JPEG: a quantisation table is not valid");
    }

    /// A damaged spot costs the blocks behind it in its scan, not the photo.
    #[test]
    fn damage_in_the_data_is_survived() {
        let (whole, _) = decode_alone(PROGRESSIVE, None).unwrap();
        let mut bytes = PROGRESSIVE.to_vec();
        let at = bytes.len() - 200;
        bytes[at..at + 8].fill(0x55);
        let (damaged, _) = decode_alone(&bytes, None).unwrap();
        assert!(damaged != whole);
        let difference: u64 = whole.iter().zip(damaged.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        // The last scan makes coefficients more precise by one bit.
        assert!(difference < 4 * whole.len() as u64, "{difference}");
    }

    #[test]
    fn without_an_end_marker_everything_has_to_be_there() {
        let (whole, _) = decode_alone(PROGRESSIVE, None).unwrap();
        let unmarked = &PROGRESSIVE[..PROGRESSIVE.len() - 2];
        assert!(decode_alone(unmarked, None).unwrap().0 == whole);
        assert_eq!(decode_alone(unmarked, Some(8)).unwrap().0.dimensions(), (12, 8));
        // Without the last scan, all coefficients are known but for a bit.
        let last = PROGRESSIVE.windows(2).rposition(|marker| marker == [0xff, 0xda]).unwrap();
        for length in [last, PROGRESSIVE.len() - 12] {
            let error = decode_alone(&PROGRESSIVE[..length], None).unwrap_err();
            assert!(matches!(error, ImageError::Truncated { .. }), "{length} bytes: {error}");
        }
    }

    #[test]
    fn no_more_scans_than_an_encoder_makes() {
        let first = PROGRESSIVE.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap();
        let scan = [0xff, 0xda, 0, 8, 1, 1, 0, 1, 5, 0];
        let bytes = [&PROGRESSIVE[..first], &scan.repeat(501), &[0xff, 0xd9]].concat();
        assert_eq!(decode_alone(&bytes, None).unwrap_err().to_string(), "damaged JPEG: it has more than 500 scans");
    }

    #[test]
    fn frames_of_motion_jpeg_have_no_huffman_tables() {
        // Pillow's are those of the standard, where it does not optimise them.
        let whole = include_bytes!("../../../../../tests/fixtures/444.jpg");
        let mut bytes = whole.to_vec();
        while let Some(at) = bytes.windows(2).position(|marker| marker == [0xff, 0xc4]) {
            let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            bytes.drain(at..at + 2 + length);
        }
        assert!(bytes.len() + 400 < whole.len());
        assert!(decode_alone(&bytes, None).unwrap().0 == decode_alone(whole, None).unwrap().0);
    }
}
