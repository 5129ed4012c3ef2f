//! Whether one asset meets a condition: what the conditions mean.

use std::ops::{Bound, RangeBounds};
use std::path::Path;

use super::fold::{folded, sought};
use super::{Filter, NumberField, Property, Shape, TextField};
use crate::asset::Asset;

/// Mean radius of the Earth, in kilometres.
const EARTH: f64 = 6371.0088;
const SECONDS_OF_A_DAY: i64 = 86_400;

impl Filter {
    /// Whether an asset meets the condition.
    pub fn meets(&self, asset: &Asset) -> bool {
        match self {
            Filter::All(filters) => filters.iter().all(|filter| filter.meets(asset)),
            Filter::Any(filters) => filters.iter().any(|filter| filter.meets(asset)),
            Filter::Not(filter) => !filter.meets(asset),
            Filter::Text { field, text } => {
                sought(text).is_some_and(|text| texts(asset, *field).iter().any(|field| folded(field).contains(&text)))
            }
            Filter::Number { field, from, to } => {
                number(asset, *field).is_some_and(|number| (*from, *to).contains(&number))
            }
            Filter::Month(month) => month_taken(asset) == Some(*month),
            Filter::Extension(extension) => {
                extension_of(&asset.path).is_some_and(|own| own == extension.to_lowercase())
            }
            Filter::Kind(kind) => asset.kind == *kind,
            Filter::Shape(shape) => shape_of(asset) == Some(*shape),
            Filter::Near { latitude, longitude, kilometres } => {
                asset.gps.is_some_and(|place| distance((*latitude, *longitude), place) <= *kilometres)
            }
            Filter::Flash(fired) => asset.exposure.flash == Some(*fired),
            Filter::Burst(id) => {
                asset.related.burst.as_ref().is_some_and(|own| own.to_lowercase() == id.to_lowercase())
            }
            Filter::Has(property) => has(asset, *property),
            Filter::Under(folder) => asset.path.starts_with(folder),
        }
    }
}

/// The texts of a field.
pub(crate) fn texts(asset: &Asset, field: TextField) -> Vec<String> {
    let name = || asset.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let path = || {
        let names: Vec<_> = asset.path.iter().map(|name| name.to_string_lossy()).collect();
        names.join("/")
    };
    match field {
        TextField::Name => name().into_iter().collect(),
        TextField::Path => vec![path()],
        TextField::Camera => asset.camera.clone().into_iter().collect(),
        TextField::Lens => asset.lens.clone().into_iter().collect(),
        TextField::Tag => asset.tags.clone(),
        TextField::Title => asset.title.iter().chain(&asset.description).cloned().collect(),
        TextField::Person => asset.people.clone(),
        TextField::Label => asset.label.clone().into_iter().collect(),
        TextField::Place => asset.places.clone(),
        TextField::Text => asset.text.iter().map(|text| text.words.clone()).collect(),
        TextField::Any => TextField::ALL.into_iter().flat_map(|field| texts(asset, field)).collect(),
    }
}

/// The number of a field, if the asset has it.
pub(crate) fn number(asset: &Asset, field: NumberField) -> Option<f64> {
    let number = match field {
        NumberField::TakenAt => asset.taken_at_place()? as f64,
        NumberField::Size => asset.stamp.size as f64,
        NumberField::Width => asset.width.into(),
        NumberField::Height => asset.height.into(),
        NumberField::Iso => asset.iso?.into(),
        NumberField::FocalLength => asset.focal_length?.into(),
        NumberField::ExposureTime => asset.exposure.time?.into(),
        NumberField::Aperture => asset.exposure.aperture?.into(),
        NumberField::Compensation => asset.exposure.compensation?.into(),
        NumberField::Rating => asset.rating?.into(),
        NumberField::Duration => asset.duration? as f64 / 1000.0,
    };
    (!number.is_nan()).then_some(number)
}

/// The month that an asset was taken in, by the clock of the place.
pub(crate) fn month_taken(asset: &Asset) -> Option<u8> {
    let days = asset.taken_at_place()?.div_euclid(SECONDS_OF_A_DAY);
    // Howard Hinnant, "chrono-compatible low-level date algorithms": years run from March here.
    let day_of_era = days.checked_add(719_468)?.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    u8::try_from(if month < 10 { month + 3 } else { month - 9 }).ok()
}

/// The extension of a path in small letters.
pub(crate) fn extension_of(path: &Path) -> Option<String> {
    Some(path.extension()?.to_string_lossy().to_lowercase())
}

/// The shape of a picture; `None` if its size is not known.
pub(crate) fn shape_of(asset: &Asset) -> Option<Shape> {
    if asset.width == 0 || asset.height == 0 {
        return None;
    }
    Some(match asset.width.cmp(&asset.height) {
        std::cmp::Ordering::Greater => Shape::Landscape,
        std::cmp::Ordering::Less => Shape::Portrait,
        std::cmp::Ordering::Equal => Shape::Square,
    })
}

pub(crate) fn has(asset: &Asset, property: Property) -> bool {
    match property {
        Property::Gps => asset.gps.is_some(),
        Property::Date => asset.taken_at.is_some(),
        Property::Camera => asset.camera.is_some(),
        Property::Lens => asset.lens.is_some(),
        Property::Tag => !asset.tags.is_empty(),
        Property::Title => asset.title.is_some() || asset.description.is_some(),
        Property::Rating => asset.rating.is_some(),
        Property::Person => !asset.people.is_empty(),
        Property::Label => asset.label.is_some(),
        Property::Place => !asset.places.is_empty(),
        Property::Burst => asset.related.burst.is_some(),
        Property::Motion => asset.moves(),
        Property::Text => asset.text.as_ref().is_some_and(|text| !text.words.is_empty()),
    }
}

/// Kilometres along the surface between two places in degrees (haversine formula). NaN if one is none.
pub(crate) fn distance((a, a_east): (f64, f64), (b, b_east): (f64, f64)) -> f64 {
    let half = |x: f64, y: f64| ((x - y).to_radians() / 2.0).sin().powi(2);
    let chord = half(a, b) + a.to_radians().cos() * b.to_radians().cos() * half(a_east, b_east);
    2.0 * EARTH * chord.clamp(0.0, 1.0).sqrt().asin()
}

/// Degrees of latitude that a distance spans.
pub(crate) fn degrees_of(kilometres: f64) -> f64 {
    (kilometres / EARTH).to_degrees()
}

/// The bounds as inclusive ones of whole numbers; `None` if no whole number lies between them.
pub(crate) fn whole(from: Bound<f64>, to: Bound<f64>) -> Option<(i64, i64)> {
    let least = match from {
        Bound::Unbounded => i64::MIN,
        Bound::Included(x) => x.ceil() as i64,
        Bound::Excluded(x) => (x.floor() as i64).checked_add(1)?,
    };
    let most = match to {
        Bound::Unbounded => i64::MAX,
        Bound::Included(x) => x.floor() as i64,
        Bound::Excluded(x) => (x.ceil() as i64).checked_sub(1)?,
    };
    (least <= most).then_some((least, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months() {
        let month = |seconds: i64| month_taken(&Asset { taken_at: Some(seconds), ..Asset::default() });
        assert_eq!(month(0), Some(1));
        assert_eq!(month(-1), Some(12));
        assert_eq!(month(951_782_400), Some(2), "29 February 2000");
        assert_eq!(month(951_868_800), Some(3));
        assert_eq!(month_taken(&Asset::default()), None);
        // It was still May in Lisbon, and June already in Moscow.
        let at = |offset| Asset { taken_at: Some(1_559_340_000), utc_offset: Some(offset), ..Asset::default() };
        assert_eq!((month_taken(&at(60)), month_taken(&at(180))), (Some(5), Some(6)));
        for seconds in [i64::MIN, i64::MAX] {
            assert!(month(seconds).is_none_or(|month| (1..=12).contains(&month)));
        }
    }

    #[test]
    fn distances() {
        let (paris, london) = ((48.8566, 2.3522), (51.5074, -0.1278));
        assert!((distance(paris, london) - 343.6).abs() < 1.0);
        assert!((distance((0.0, 179.9), (0.0, -179.9)) - 22.2).abs() < 0.1, "over the date line");
        assert!(distance((90.0, 0.0), (90.0, 120.0)) < 1e-6, "at the pole");
        assert!((distance((0.0, 0.0), (0.0, 180.0)) - 20_015.0).abs() < 1.0);
        assert!(distance((f64::NAN, 0.0), paris).is_nan());
    }

    #[test]
    fn an_asset_that_lacks_a_number_is_on_neither_side() {
        let number = |from, to| Filter::Number { field: NumberField::Iso, from, to };
        let (none, some) = (Asset::default(), Asset { iso: Some(800), ..Asset::default() });
        for (from, to, meets) in [
            (Bound::Unbounded, Bound::Unbounded, true),
            (Bound::Included(800.0), Bound::Unbounded, true),
            (Bound::Excluded(800.0), Bound::Unbounded, false),
            (Bound::Unbounded, Bound::Excluded(800.0), false),
        ] {
            assert!(!number(from, to).meets(&none));
            assert_eq!(number(from, to).meets(&some), meets);
        }
        assert!(Filter::Not(Box::new(number(Bound::Unbounded, Bound::Unbounded))).meets(&none));
        assert!(Filter::All(vec![]).meets(&none) && !Filter::Any(vec![]).meets(&none));
    }

    #[test]
    fn whole_numbers_between_bounds() {
        assert_eq!(whole(Bound::Excluded(800.0), Bound::Excluded(900.0)), Some((801, 899)));
        assert_eq!(whole(Bound::Excluded(800.5), Bound::Included(801.5)), Some((801, 801)));
        assert_eq!(whole(Bound::Excluded(800.0), Bound::Excluded(801.0)), None);
        assert_eq!(whole(Bound::Unbounded, Bound::Included(3.0)), Some((i64::MIN, 3)));
        assert_eq!(whole(Bound::Excluded(f64::MAX), Bound::Unbounded), None);
    }
}
