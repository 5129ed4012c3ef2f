//! The few EXIF fields that are of use, from files whose EXIF data is often a little broken.

mod extract;

use exif::{Exif, In, Rational, Tag, Value};
use image::metadata::Orientation;

use crate::{Gps, calendar};

/// The fields of use. Each is absent when it is missing, unreadable or impossible.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct ExifData {
    pub(crate) orientation: Option<Orientation>,
    pub(crate) taken_at: Option<i64>,
    pub(crate) camera: Option<String>,
    pub(crate) lens: Option<String>,
    pub(crate) gps: Option<Gps>,
}

/// Reads the fields of use from a block of EXIF data, which begins with a TIFF header and may go on for as long as a
/// file. Never fails: what cannot be read is absent.
pub(crate) fn read(block: &[u8]) -> ExifData {
    let Some(extract) = extract::fields_of_use(block) else { return ExifData::default() };
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    let parsed = reader.read_raw(extract).or_else(|error| error.distill_partial_result(|_| ()));
    match parsed {
        Ok(exif) => ExifData {
            orientation: orientation(&exif),
            taken_at: taken_at(&exif),
            camera: camera(&exif),
            lens: text(&exif, Tag::LensModel),
            gps: gps(&exif),
        },
        Err(_) => ExifData::default(),
    }
}

fn orientation(exif: &Exif) -> Option<Orientation> {
    let value = exif.get_field(Tag::Orientation, In::PRIMARY)?.value.get_uint(0)?;
    Orientation::from_exif(u8::try_from(value).ok()?)
}

/// When the photo was taken, or else digitised. The plain `DateTime` is left alone: editors set it
/// to the time of the last change.
fn taken_at(exif: &Exif) -> Option<i64> {
    [(Tag::DateTimeOriginal, Tag::OffsetTimeOriginal), (Tag::DateTimeDigitized, Tag::OffsetTimeDigitized)]
        .into_iter()
        .find_map(|(date_time, offset)| calendar::unix_seconds(ascii(exif, date_time)?, ascii(exif, offset)))
}

/// Maker and model, the maker once: many models begin with it.
fn camera(exif: &Exif) -> Option<String> {
    let (make, model) = (text(exif, Tag::Make), text(exif, Tag::Model));
    match (make, model) {
        (Some(make), Some(model)) => {
            let first_word = |s: &str| s.split(' ').next().unwrap_or_default().to_lowercase();
            Some(if first_word(&make) == first_word(&model) { model } else { format!("{make} {model}") })
        }
        (make, model) => model.or(make),
    }
}

fn gps(exif: &Exif) -> Option<Gps> {
    let latitude = degrees(exif, Tag::GPSLatitude, Tag::GPSLatitudeRef, b"NS", 90.0)?;
    let longitude = degrees(exif, Tag::GPSLongitude, Tag::GPSLongitudeRef, b"EW", 180.0)?;
    Some(Gps { latitude, longitude })
}

/// Degrees, minutes and seconds with a hemisphere letter, the second of `hemispheres` negative.
fn degrees(exif: &Exif, angle: Tag, hemisphere: Tag, hemispheres: &[u8; 2], most: f64) -> Option<f64> {
    let Value::Rational(parts) = &exif.get_field(angle, In::PRIMARY)?.value else {
        return None;
    };
    // Without the letter the sign is unknown, and the wrong hemisphere is worse than none.
    let letter = ascii(exif, hemisphere)?.first()?.to_ascii_uppercase();
    let sign = match hemispheres.iter().position(|known| *known == letter)? {
        0 => 1.0,
        _ => -1.0,
    };
    let part = |i: usize| parts.get(i).map_or(0.0, Rational::to_f64);
    parts.first()?;
    let value = part(0) + part(1) / 60.0 + part(2) / 3600.0;
    // Not finite: cameras without a fix write 0/0.
    (value.is_finite() && value <= most).then_some(sign * value)
}

fn ascii(exif: &Exif, tag: Tag) -> Option<&[u8]> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(lines) => lines.first().map(Vec::as_slice),
        _ => None,
    }
}

/// A line of text fit to print and search: no control characters, no padding, not endless.
fn text(exif: &Exif, tag: Tag) -> Option<String> {
    const LONGEST: usize = 128;
    let lossy = String::from_utf8_lossy(ascii(exif, tag)?);
    let words = lossy.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line: String = words.collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
    (!line.is_empty()).then_some(line)
}
