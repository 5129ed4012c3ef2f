//! `name:value` to a condition.

use std::ops::Bound;
use std::path::PathBuf;

use clip_index::{Filter, Kind, NumberField, Property, Shape, TextField};

use super::values::{self, Range};

/// What `name:value` stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Field {
    Condition(Filter),
    Picture(PathBuf),
    Like(u64),
}

/// All names, for whoever looks for a misspelt one.
pub(crate) const NAMES: &[&str] = &[
    "after", "aperture", "before", "burst", "camera", "duration", "ev", "exposure", "ext", "f", "file", "flash",
    "focal", "has", "height", "is", "iso", "kind", "label", "lens", "like", "month", "name", "near", "on", "path",
    "person", "place", "rating", "shutter", "size", "tag", "text", "title", "under", "width", "year",
];

/// Reads a field; the error is why it is text, as a phrase.
pub(crate) fn read(name: &str, value: &str, quoted: bool) -> Result<Field, String> {
    let condition = |filter: Result<Filter, String>| filter.map(Field::Condition);
    match name.to_ascii_lowercase().as_str() {
        "file" => Ok(Field::Picture(PathBuf::from(value))),
        "like" => value.parse().map(Field::Like).map_err(|_| "expected the id of a photo".to_owned()),
        "camera" => condition(texts(TextField::Camera, value, quoted)),
        "lens" => condition(texts(TextField::Lens, value, quoted)),
        "path" => condition(texts(TextField::Path, value, quoted)),
        "name" => condition(texts(TextField::Name, value, quoted)),
        "tag" => condition(texts(TextField::Tag, value, quoted)),
        "title" => condition(texts(TextField::Title, value, quoted)),
        "person" => condition(texts(TextField::Person, value, quoted)),
        "label" => condition(texts(TextField::Label, value, quoted)),
        "place" => condition(texts(TextField::Place, value, quoted)),
        "text" => condition(texts(TextField::Text, value, quoted)),
        "under" => Ok(Field::Condition(Filter::Under(PathBuf::from(value)))),
        "ext" => condition(any_of(value, |value| {
            let extension = value.trim_start_matches('.');
            if extension.is_empty() {
                Err("expected an extension".to_owned())
            } else {
                Ok(Filter::Extension(extension.to_lowercase()))
            }
        })),
        "iso" => condition(any_of(value, |value| number(NumberField::Iso, values::number, value))),
        "focal" => condition(any_of(value, |value| number(NumberField::FocalLength, values::millimetres, value))),
        "exposure" | "shutter" => condition(any_of(value, |value| {
            roughly(NumberField::ExposureTime, values::seconds_of_exposure, values::SAME_EXPOSURE, value)
        })),
        "aperture" | "f" => condition(any_of(value, |value| number(NumberField::Aperture, values::f_number, value))),
        "duration" => condition(any_of(value, |value| {
            roughly(NumberField::Duration, values::seconds_of_video, values::SAME_DURATION, value)
        })),
        "ev" => condition(any_of(value, |value| {
            roughly(NumberField::Compensation, values::steps, values::SAME_STEPS, value)
        })),
        "flash" => condition(any_of(value, flash)),
        "burst" => condition(any_of(value, |id| {
            if id.is_empty() {
                Err("expected the identifier of a burst".to_owned())
            } else {
                Ok(Filter::Burst(id.to_owned()))
            }
        })),
        "rating" => condition(any_of(value, |value| number(NumberField::Rating, values::number, value))),
        "width" => condition(any_of(value, |value| number(NumberField::Width, values::number, value))),
        "height" => condition(any_of(value, |value| number(NumberField::Height, values::number, value))),
        "size" => condition(any_of(value, |value| number(NumberField::Size, values::bytes, value))),
        "year" => condition(any_of(value, |value| taken(values::years(value)?))),
        "month" => condition(any_of(value, months)),
        "on" => condition(any_of(value, |value| taken(values::days(value)?))),
        "before" => condition(values::day(value).and_then(|day| taken(Range { from: None, to: Some(day.start) }))),
        "after" => condition(values::day(value).and_then(|day| taken(Range { from: Some(day.end), to: None }))),
        "near" => condition(near(value)),
        "has" => condition(any_of(value, property)),
        "is" => condition(any_of(value, is)),
        "kind" => condition(any_of(value, kind)),
        name => Err(unknown(name)),
    }
}

/// Whether a word is a unit that sizes may have.
pub(crate) fn is_unit_of_bytes(word: &str) -> bool {
    ["kb", "mb", "gb"].iter().any(|unit| word.eq_ignore_ascii_case(unit))
}

fn unknown(name: &str) -> String {
    let nearest = NAMES.iter().map(|known| (strsim::osa_distance(known, name), known)).min();
    match nearest {
        // A letter for every three may be wrong.
        Some((distance, known)) if distance <= (name.len() / 3).max(1) => {
            format!("there is no condition {name}:; there is {known}:")
        }
        _ => format!("there is no condition {name}:"),
    }
}

/// Values that are separated by commas.
fn any_of(value: &str, one: impl Fn(&str) -> Result<Filter, String>) -> Result<Filter, String> {
    let mut filters = value.split(',').map(|value| one(value.trim())).collect::<Result<Vec<_>, _>>()?;
    Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::Any(filters) })
}

fn texts(field: TextField, value: &str, quoted: bool) -> Result<Filter, String> {
    let text = |text: &str| {
        if text.chars().any(char::is_alphanumeric) {
            Ok(Filter::Text { field, text: text.to_owned() })
        } else {
            Err("expected a word".to_owned())
        }
    };
    // A comma between quotation marks is what it is.
    if quoted { text(value) } else { any_of(value, text) }
}

fn number(
    field: NumberField,
    parse: impl Fn(&str) -> Result<f64, String> + Copy,
    value: &str,
) -> Result<Filter, String> {
    let (from, to) = values::bounds(value, parse)?;
    Ok(Filter::Number { field, from, to })
}

/// As [`number`], of numbers that cameras round, each in its own way: those from the first to the second number of `same` are the
/// same.
fn roughly(
    field: NumberField,
    parse: impl Fn(&str) -> Result<f64, String> + Copy,
    same: fn(f64) -> (f64, f64),
    value: &str,
) -> Result<Filter, String> {
    let (from, to) = values::bounds(value, parse)?;
    let from = match from {
        Bound::Included(number) => Bound::Included(same(number).0),
        Bound::Excluded(number) => Bound::Excluded(same(number).1),
        Bound::Unbounded => Bound::Unbounded,
    };
    let to = match to {
        Bound::Included(number) => Bound::Included(same(number).1),
        Bound::Excluded(number) => Bound::Excluded(same(number).0),
        Bound::Unbounded => Bound::Unbounded,
    };
    Ok(Filter::Number { field, from, to })
}

fn flash(value: &str) -> Result<Filter, String> {
    match value.to_lowercase().as_str() {
        "on" | "yes" => Ok(Filter::Flash(true)),
        "off" | "no" => Ok(Filter::Flash(false)),
        _ => Err("expected on or off".to_owned()),
    }
}

/// Photos taken in these days. The end is the first second that is not meant.
pub(crate) fn taken(range: Range) -> Result<Filter, String> {
    let from = range.from.map_or(Bound::Unbounded, |day| Bound::Included(values::seconds(day)));
    let to = range.to.map_or(Bound::Unbounded, |day| Bound::Excluded(values::seconds(day)));
    Ok(Filter::Number { field: NumberField::TakenAt, from, to })
}

fn months(value: &str) -> Result<Filter, String> {
    let one = |value: &str| values::month(value).ok_or_else(|| "expected a month, as 6 or june".to_owned());
    let Some((from, to)) = value.split_once("..") else { return one(value).map(|month| Filter::Month(month as u8)) };
    let (from, to) = (one(from)?, one(to)?);
    // From November to February is over the turn of the year.
    let count = (to - from).rem_euclid(12) + 1;
    let months = (0..count).map(|at| Filter::Month(((from - 1 + at) % 12 + 1) as u8)).collect();
    Ok(Filter::Any(months))
}

fn near(value: &str) -> Result<Filter, String> {
    let expected = || {
        let numbers = "expected latitude, longitude and kilometres, as near:48.86,2.35,10";
        if value.starts_with(char::is_alphabetic) {
            format!("{numbers}; the name of a place goes after place:")
        } else {
            numbers.to_owned()
        }
    };
    let parts: Vec<&str> = value.split(',').map(str::trim).collect();
    let &[latitude, longitude, kilometres] = parts.as_slice() else { return Err(expected()) };
    let parse = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(expected);
    let kilometres = parse(kilometres.strip_suffix("km").unwrap_or(kilometres))?;
    let (latitude, longitude) = (parse(latitude)?, parse(longitude)?);
    if latitude.abs() > 90.0 || longitude.abs() > 180.0 || kilometres < 0.0 {
        return Err(expected());
    }
    Ok(Filter::Near { latitude, longitude, kilometres })
}

fn property(value: &str) -> Result<Filter, String> {
    Ok(Filter::Has(match value.to_lowercase().as_str() {
        "gps" => Property::Gps,
        "date" => Property::Date,
        "camera" => Property::Camera,
        "lens" => Property::Lens,
        "tag" | "tags" => Property::Tag,
        "title" => Property::Title,
        "rating" => Property::Rating,
        "person" | "people" => Property::Person,
        "label" => Property::Label,
        "place" => Property::Place,
        "burst" => Property::Burst,
        "motion" => Property::Motion,
        "text" => Property::Text,
        _ => {
            let expected =
                "expected gps, date, camera, lens, tag, title, rating, person, label, place, burst, motion or text";
            return Err(expected.to_owned());
        }
    }))
}

fn is(value: &str) -> Result<Filter, String> {
    Ok(match value.to_lowercase().as_str() {
        "landscape" => Filter::Shape(Shape::Landscape),
        "portrait" => Filter::Shape(Shape::Portrait),
        "square" => Filter::Shape(Shape::Square),
        _ => return kind(value).map_err(|_| "expected landscape, portrait, square, photo or video".to_owned()),
    })
}

fn kind(value: &str) -> Result<Filter, String> {
    Ok(Filter::Kind(match value.to_lowercase().as_str() {
        "photo" => Kind::Photo,
        "video" => Kind::Video,
        "document" => Kind::Document,
        _ => return Err("expected photo, video or document".to_owned()),
    }))
}
