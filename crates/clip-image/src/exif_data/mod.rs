//! The few EXIF fields that are of use, from files whose EXIF data is often a little broken.

mod apple;
mod extract;
pub(crate) mod tables;

use exif::{Context, Exif, In, Rational, SRational, Tag, Value};
use image::metadata::Orientation;

use crate::Gps;
use crate::annotations::{self, Annotations};
use crate::calendar::{self, Instant};
use crate::metadata::{Details, Exposure};
use crate::text::{LONGEST_NAME, line};

#[cfg(test)]
pub(crate) use apple::{read as read_apple, tests as apple_notes};

/// Fields of Windows, whose texts are in UTF-16.
const XP_TITLE: Tag = Tag(Context::Tiff, 0x9c9b);
const XP_COMMENT: Tag = Tag(Context::Tiff, 0x9c9c);
const XP_KEYWORDS: Tag = Tag(Context::Tiff, 0x9c9e);
const RATING: Tag = Tag(Context::Tiff, 0x4746);

/// The XMP packet of a TIFF file.
pub(crate) fn xmp_of_tiff(bytes: &[u8]) -> Option<&[u8]> {
    extract::xmp_of_tiff(bytes)
}

/// Photoshop's resources in a TIFF file, or else its IPTC data alone.
pub(crate) fn resources_of_tiff(bytes: &[u8]) -> Option<&[u8]> {
    extract::resources_of_tiff(bytes)
}

/// A block without the name that programs put before it where there should be none, or twice.
pub(crate) fn without_name(mut block: &[u8]) -> &[u8] {
    while let Some(rest) = block.strip_prefix(b"Exif\0\0") {
        block = rest;
    }
    block
}

/// Whether there is any field in a block of EXIF data: some programs put an empty one before it.
pub(crate) fn has_fields(block: &[u8]) -> bool {
    extract::has_fields(block)
}

/// Reads the fields of use from a block of EXIF data, which begins with a TIFF header or is the box of a CR3 file that has
/// them, and may go on for as long as a file. Never fails: what cannot be read is absent.
pub(crate) fn read(block: &[u8]) -> Details {
    let block = without_name(block);
    let Some(extract) = extract::fields_of_use(block) else { return Details::default() };
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    let parsed = reader.read_raw(extract).or_else(|error| error.distill_partial_result(|_| ()));
    match parsed {
        Ok(exif) => Details {
            orientation: orientation(&exif),
            taken_at: taken_at(&exif),
            camera: camera(&exif),
            gps: gps(&exif),
            iso: iso(&exif),
            focal_length: focal_length(&exif),
            exposure: exposure(&exif),
            related: extract::maker_note(block).map(apple::read).unwrap_or_default(),
            annotations: Annotations {
                rating: rating(&exif),
                title: wide_text(&exif, XP_TITLE),
                description: description(&exif),
                tags: tags(&exif),
                lens: text(&exif, Tag::LensModel),
                ..Annotations::default()
            },
            is_adobe_rgb: extract::is_adobe_rgb(block),
        },
        Err(_) => Details::default(),
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

/// The sensitivity. Zeros stand for "not known" and the greatest number of the usual field for "more": other fields have it
/// then, of which a camera fills the ones that it goes by.
fn iso(exif: &Exif) -> Option<u32> {
    const MOST: u32 = 10_000_000;
    let number = |tag| exif.get_field(tag, In::PRIMARY)?.value.get_uint(0);
    let usual = number(Tag::PhotographicSensitivity).filter(|iso| (1..u32::from(u16::MAX)).contains(iso));
    usual.or_else(|| {
        let others = [Tag::RecommendedExposureIndex, Tag::StandardOutputSensitivity, Tag::ISOSpeed];
        others.into_iter().filter_map(number).find(|iso| (1..=MOST).contains(iso) && *iso != u32::from(u16::MAX))
    })
}

fn focal_length(exif: &Exif) -> Option<f32> {
    let length = *fractions(exif, Tag::FocalLength)?.first()?;
    // Lenses without contacts report zero.
    (length > 0.0 && length < 100_000.0).then_some(length as f32)
}

/// The exposure. Where its usual fields are missing, it is computed from those in the units of APEX (EXIF 3.0, annex C).
fn exposure(exif: &Exif) -> Exposure {
    const LONGEST: f64 = 1e6;
    const SMALLEST_APERTURE: f64 = 1e3;
    const MOST_COMPENSATION: f64 = 20.0;
    let first = |tag| fractions(exif, tag)?.first().copied().filter(|number| number.is_finite());
    // Zero stands for what is not known.
    let usual = |tag| first(tag).filter(|number| *number > 0.0);
    let time = usual(Tag::ExposureTime).or_else(|| first(Tag::ShutterSpeedValue).map(|speed| (-speed).exp2()));
    let aperture = usual(Tag::FNumber).or_else(|| usual(Tag::ApertureValue).map(|aperture| (aperture / 2.0).exp2()));
    let compensation = first(Tag::ExposureBiasValue).filter(|steps| steps.abs() <= MOST_COMPENSATION);
    let flash = || exif.get_field(Tag::Flash, In::PRIMARY)?.value.get_uint(0);
    let within = |number: Option<f64>, most: f64| {
        // As it is kept: what rounds to zero is nothing.
        let number = number.filter(|number| *number <= most)? as f32;
        (number > 0.0).then_some(number)
    };
    Exposure {
        time: within(time, LONGEST),
        aperture: within(aperture, SMALLEST_APERTURE),
        compensation: compensation.map(|steps| steps as f32),
        flash: flash().map(|bits| bits & 1 == 1),
    }
}

fn rating(exif: &Exif) -> Option<u8> {
    annotations::stars(exif.get_field(RATING, In::PRIMARY)?.value.get_uint(0)?.into())
}

fn description(exif: &Exif) -> Option<String> {
    let camera = camera(exif);
    let own = |text: &String| annotations::is_by_people(text, camera.as_deref());
    let text = || annotations::text(&String::from_utf8_lossy(ascii(exif, Tag::ImageDescription)?));
    text().filter(own).or_else(|| wide_text(exif, XP_COMMENT).filter(own))
}

fn tags(exif: &Exif) -> Vec<String> {
    let mut found = Annotations::default();
    for tag in wide(exif, XP_KEYWORDS).unwrap_or_default().split([';', ',']) {
        found.add_tag(tag);
    }
    found.tags
}

/// The numbers of a field of fractions. Some phones write signed ones where they should not be.
fn fractions(exif: &Exif, tag: Tag) -> Option<Vec<f64>> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Rational(numbers) => Some(numbers.iter().map(Rational::to_f64).collect()),
        Value::SRational(numbers) => Some(numbers.iter().map(SRational::to_f64).collect()),
        _ => None,
    }
}

/// A text in UTF-16, as bytes.
fn wide(exif: &Exif, tag: Tag) -> Option<String> {
    let Value::Byte(bytes) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    let units = bytes.as_chunks::<2>().0.iter().map(|&unit| u16::from_le_bytes(unit)).take_while(|&unit| unit != 0);
    Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

fn wide_text(exif: &Exif, tag: Tag) -> Option<String> {
    annotations::text(&wide(exif, tag)?)
}

/// Degrees, minutes and seconds with a hemisphere letter, the second of `hemispheres` negative.
fn degrees(exif: &Exif, angle: Tag, hemisphere: Tag, hemispheres: &[u8; 2], most: f64) -> Option<f64> {
    let parts = fractions(exif, angle)?;
    // Without the letter the sign is unknown, and the wrong hemisphere is worse than none.
    let letter = ascii(exif, hemisphere)?.first()?.to_ascii_uppercase();
    let sign = match hemispheres.iter().position(|known| *known == letter)? {
        0 => 1.0,
        _ => -1.0,
    };
    let part = |i: usize| parts.get(i).copied().unwrap_or(0.0);
    parts.first()?;
    let value = part(0) + part(1) / 60.0 + part(2) / 3600.0;
    // NaN: cameras without a fix write 0/0. The sign is the letter's.
    (0.0..=most).contains(&value).then_some(sign * value)
}

fn ascii(exif: &Exif, tag: Tag) -> Option<&[u8]> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(lines) => lines.first().map(Vec::as_slice),
        _ => None,
    }
}

/// A field as a line of text fit to print and search.
fn text(exif: &Exif, tag: Tag) -> Option<String> {
    line(&String::from_utf8_lossy(ascii(exif, tag)?), LONGEST_NAME)
}

#[cfg(test)]
mod tests {
    use exif::Field;
    use exif::experimental::Writer;

    use super::apple::tests::{BURST_ID, CONTENT_ID, note};
    use super::*;

    fn block(fields: Vec<(Tag, Value)>) -> Vec<u8> {
        let fields: Vec<Field> =
            fields.into_iter().map(|(tag, value)| Field { tag, ifd_num: In::PRIMARY, value }).collect();
        let mut writer = Writer::new();
        fields.iter().for_each(|field| writer.push_field(field));
        let mut block = std::io::Cursor::new(Vec::new());
        writer.write(&mut block, false).unwrap();
        block.into_inner()
    }

    fn fraction(num: u32, denom: u32) -> Value {
        Value::Rational(vec![Rational { num, denom }])
    }

    fn signed(num: i32, denom: i32) -> Value {
        Value::SRational(vec![SRational { num, denom }])
    }

    fn exposure_of(fields: Vec<(Tag, Value)>) -> Exposure {
        read(&block(fields)).exposure
    }

    #[test]
    fn exposures() {
        // As Nikon, and as a phone writes it.
        let nikon = exposure_of(vec![
            (Tag::ExposureTime, fraction(10, 2500)),
            (Tag::FNumber, fraction(56, 10)),
            (Tag::ExposureBiasValue, signed(-4, 6)),
            (Tag::Flash, Value::Short(vec![0x1f])),
        ]);
        let expected =
            Exposure { time: Some(0.004), aperture: Some(5.6), compensation: Some(-2.0 / 3.0), flash: Some(true) };
        assert_eq!(nikon, expected);
        let phone = exposure_of(vec![
            (Tag::ShutterSpeedValue, signed(6, 1)),
            (Tag::ApertureValue, fraction(2, 1)),
            (Tag::Flash, Value::Short(vec![0x10])),
        ]);
        let expected = Exposure { time: Some(1.0 / 64.0), aperture: Some(2.0), compensation: None, flash: Some(false) };
        assert_eq!(phone, expected);
    }

    #[test]
    fn what_no_camera_means_is_no_exposure() {
        let nothing = exposure_of(vec![
            (Tag::ExposureTime, fraction(0, 1)),
            (Tag::FNumber, fraction(0, 0)),
            (Tag::ExposureBiasValue, signed(1, 0)),
        ]);
        assert_eq!(nothing, Exposure::default());
        let extreme = exposure_of(vec![
            (Tag::ExposureTime, fraction(u32::MAX, 1)),
            (Tag::FNumber, fraction(u32::MAX, 10)),
            (Tag::ShutterSpeedValue, signed(i32::MIN, 1)),
            (Tag::ExposureBiasValue, signed(i32::MIN, 1)),
        ]);
        assert_eq!(extreme, Exposure::default());
        assert_eq!(exposure_of(vec![(Tag::ShutterSpeedValue, signed(2000, 1))]).time, None, "less than can be kept");
    }

    #[test]
    fn apple_notes_within_a_block() {
        let note = note(Some(BURST_ID), Some(CONTENT_ID));
        let block = block(vec![
            (Tag::Make, Value::Ascii(vec![b"Apple".to_vec()])),
            (Tag::MakerNote, Value::Undefined(note, 0)),
            (Tag::FNumber, fraction(9, 5)),
        ]);
        for block in [block.clone(), [b"Exif\0\0", &block[..]].concat()] {
            let found = read(&block);
            assert_eq!(found.related.burst.as_deref(), Some(BURST_ID));
            assert_eq!(found.related.live_photo.as_deref(), Some(CONTENT_ID));
            assert_eq!(found.exposure.aperture, Some(1.8));
        }
    }
}
