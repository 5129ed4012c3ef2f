//! The few EXIF fields that are of use, from files whose EXIF data is often a little broken.

mod extract;

use exif::{Context, Exif, In, Rational, Tag, Value};
use image::metadata::Orientation;

use crate::Gps;
use crate::calendar::{self, Instant};

/// The fields of use. Each is absent when it is missing, unreadable or impossible.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct ExifData {
    pub(crate) orientation: Option<Orientation>,
    pub(crate) taken_at: Option<Instant>,
    pub(crate) camera: Option<String>,
    pub(crate) lens: Option<String>,
    pub(crate) gps: Option<Gps>,
    pub(crate) iso: Option<u32>,
    pub(crate) focal_length: Option<f32>,
    pub(crate) rating: Option<u8>,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) tags: Vec<String>,
}

/// Fields of Windows, whose texts are in UTF-16.
const XP_TITLE: Tag = Tag(Context::Tiff, 0x9c9b);
const XP_COMMENT: Tag = Tag(Context::Tiff, 0x9c9c);
const XP_KEYWORDS: Tag = Tag(Context::Tiff, 0x9c9e);
const RATING: Tag = Tag(Context::Tiff, 0x4746);

/// The most keywords that are taken.
const MOST_TAGS: usize = 64;

/// What cameras write where people would describe their photo.
const NO_DESCRIPTIONS: &[&str] = &[
    "olympus digital camera",
    "sony dsc",
    "dcim",
    "digital still camera",
    "minolta digital camera",
    "samsung",
    "konica minolta digital camera",
    "exif_jpeg_picture",
    "default",
    "untitled",
    "description",
    "image description",
    "camera",
    "picture",
    "jpeg",
    "dsc",
];

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
            iso: iso(&exif),
            focal_length: focal_length(&exif),
            rating: rating(&exif),
            title: wide_text(&exif, XP_TITLE),
            description: description(&exif),
            tags: tags(&exif),
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
fn taken_at(exif: &Exif) -> Option<Instant> {
    [(Tag::DateTimeOriginal, Tag::OffsetTimeOriginal), (Tag::DateTimeDigitized, Tag::OffsetTimeDigitized)]
        .into_iter()
        .find_map(|(date_time, offset)| calendar::instant(ascii(exif, date_time)?, ascii(exif, offset)))
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

/// The sensitivity; zeros and the greatest number of the field stand for "not known", or "more".
fn iso(exif: &Exif) -> Option<u32> {
    let iso = exif.get_field(Tag::PhotographicSensitivity, In::PRIMARY)?.value.get_uint(0)?;
    (1..u32::from(u16::MAX)).contains(&iso).then_some(iso)
}

fn focal_length(exif: &Exif) -> Option<f32> {
    let Value::Rational(numbers) = &exif.get_field(Tag::FocalLength, In::PRIMARY)?.value else { return None };
    let length = numbers.first()?.to_f64();
    // Lenses without contacts report zero.
    (length > 0.0 && length < 100_000.0).then_some(length as f32)
}

fn rating(exif: &Exif) -> Option<u8> {
    let stars = exif.get_field(RATING, In::PRIMARY)?.value.get_uint(0)?;
    u8::try_from(stars).ok().filter(|stars| *stars <= 5)
}

fn description(exif: &Exif) -> Option<String> {
    let own = |text: &String| !NO_DESCRIPTIONS.contains(&text.to_lowercase().as_str());
    text(exif, Tag::ImageDescription).filter(own).or_else(|| wide_text(exif, XP_COMMENT).filter(own))
}

fn tags(exif: &Exif) -> Vec<String> {
    let Some(text) = wide(exif, XP_KEYWORDS) else { return Vec::new() };
    let mut tags: Vec<String> = Vec::new();
    for tag in text.split([';', ',']).filter_map(line) {
        if tags.len() < MOST_TAGS && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// A text in UTF-16, as bytes.
fn wide(exif: &Exif, tag: Tag) -> Option<String> {
    let Value::Byte(bytes) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    let units = bytes.as_chunks::<2>().0.iter().map(|&unit| u16::from_le_bytes(unit)).take_while(|&unit| unit != 0);
    Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

fn wide_text(exif: &Exif, tag: Tag) -> Option<String> {
    line(&wide(exif, tag)?)
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

/// A field as a line of text fit to print and search.
fn text(exif: &Exif, tag: Tag) -> Option<String> {
    line(&String::from_utf8_lossy(ascii(exif, tag)?))
}

/// A line of text fit to print and search: no control characters, no padding, not endless.
fn line(text: &str) -> Option<String> {
    const LONGEST: usize = 128;
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line: String = words.collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
    (!line.is_empty()).then_some(line)
}
