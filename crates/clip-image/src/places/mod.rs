//! Names of the places around a position: the nearest place, the city that it belongs to, region and country.
//!
//! The places are those of GeoNames (<https://www.geonames.org>, CC BY 4.0) with 1000 people or more, some 170,000. `make.py` makes
//! the table and says what is in it. It is used where it lies in the program: nothing is unpacked, and a look takes some ten
//! microseconds. Borders are not known, so near one the country may be that of the other side.

use crate::Gps;

static TABLE: &[u8] = include_bytes!("places.bin");

/// Bands of half a degree of latitude.
const BANDS: usize = 360;
/// What comes before the names of regions: where the bands begin, and the length of those names.
const HEAD: usize = 4 * (BANDS + 1) + 4;
const ROW: usize = 8;

/// Places that are farther away, in kilometres, say nothing about a photo.
const FARTHEST: f64 = 50.0;
/// Cities that are farther away are not those of a place.
const REACH_OF_CITIES: f64 = 20.0;
/// The people of a city, at least 100,000, as rows have their number.
const CITY: u8 = 132;

const KILOMETRES_OF_A_DEGREE: f64 = 111.2;

/// The names for a position, the smallest place first. None far from where people live.
pub(crate) fn near(position: Gps) -> Vec<&'static str> {
    let Gps { latitude, longitude } = position;
    if !(latitude.abs() <= 90.0 && longitude.abs() <= 180.0) {
        return Vec::new();
    }
    let band = (((latitude + 90.0) * 2.0) as usize).min(BANDS - 1);
    let bands = band.saturating_sub(1)..=(band + 1).min(BANDS - 1);
    let around = bands.flat_map(rows).map(|row| (row.kilometres(latitude, longitude), row));
    let (mut nearest, mut largest): (Option<(f64, Row)>, Option<Row>) = (None, None);
    for (kilometres, row) in around.filter(|(kilometres, _)| *kilometres <= FARTHEST) {
        let is_city = row.people >= CITY && kilometres <= REACH_OF_CITIES;
        if is_city && largest.is_none_or(|largest| row.people > largest.people) {
            largest = Some(row);
        }
        if nearest.is_none_or(|(least, _)| kilometres < least) {
            nearest = Some((kilometres, row));
        }
    }
    let Some((_, nearest)) = nearest else { return Vec::new() };
    let (region, country) = region(nearest.region).unwrap_or_default();
    let mut names: Vec<&'static str> = Vec::new();
    for name in [nearest.name(), largest.map(|city| city.name()).unwrap_or_default(), region, country] {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[derive(Clone, Copy)]
struct Row {
    latitude: f64,
    longitude: f64,
    region: u16,
    people: u8,
    name: &'static [u8],
}

impl Row {
    /// How far it is, on a plane: places near enough to count are on the same map.
    fn kilometres(&self, latitude: f64, longitude: f64) -> f64 {
        let east = (self.longitude - longitude + 540.0).rem_euclid(360.0) - 180.0;
        let (east, north) = (east * latitude.to_radians().cos(), self.latitude - latitude);
        east.hypot(north) * KILOMETRES_OF_A_DEGREE
    }

    fn name(&self) -> &'static str {
        str::from_utf8(self.name).unwrap_or_default()
    }
}

/// The places of a band.
fn rows(band: usize) -> impl Iterator<Item = Row> {
    let at = |place: usize| Some(rows_start() + number(4 * place)?);
    let mut rest = at(band).zip(at(band + 1)).and_then(|(start, end)| TABLE.get(start..end)).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&[a, b, c, d, e, f, people, length], after) = rest.split_first_chunk::<ROW>()?;
        let (name, after) = after.split_at_checked(length.into())?;
        rest = after;
        let share = |bytes| f64::from(u16::from_le_bytes(bytes)) / 65_535.0;
        let (latitude, longitude) = (share([a, b]) * 180.0 - 90.0, share([c, d]) * 360.0 - 180.0);
        Some(Row { latitude, longitude, region: u16::from_le_bytes([e, f]), people, name })
    })
}

/// Names of a region, which may be empty, and of its country.
fn region(at: u16) -> Option<(&'static str, &'static str)> {
    let text = str::from_utf8(TABLE.get(HEAD..rows_start())?).ok()?;
    text.split('\n').nth(at.into())?.split_once('\t')
}

fn rows_start() -> usize {
    HEAD + number(HEAD - 4).unwrap_or_default()
}

fn number(at: usize) -> Option<usize> {
    let bytes = TABLE.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Vec<&'static str> {
        near(Gps { latitude, longitude })
    }

    #[test]
    fn known_places() {
        assert_eq!(at(48.85, 2.35), ["Paris", "Ile-de-France", "France"]);
        assert_eq!(at(52.52, 13.40), ["Mitte", "Berlin", "Germany"]);
        assert_eq!(at(47.37, 8.54), ["Zürich (Kreis 1)", "Zürich", "Zurich", "Switzerland"]);
        assert_eq!(at(51.5, -0.12), ["Lambeth", "London", "England", "United Kingdom"]);
        assert_eq!(at(46.02, 7.75), ["Zermatt", "Valais", "Switzerland"]);
        assert_eq!(at(-33.86, 151.21)[1..], ["Sydney", "New South Wales", "Australia"]);
    }

    #[test]
    fn far_from_all_places_and_where_there_is_none() {
        for (latitude, longitude) in [
            (0.0, -30.0),
            (90.0, 0.0),
            (-90.0, 180.0),
            (f64::NAN, 0.0),
            (0.0, f64::INFINITY),
            (91.0, 0.0),
            (0.0, 181.0),
        ] {
            assert_eq!(at(latitude, longitude), [""; 0], "{latitude}, {longitude}");
        }
    }

    #[test]
    fn over_the_date_line() {
        let from_line = |row: &Row| row.kilometres(row.latitude, 180.0);
        let nearest = (0..BANDS).flat_map(rows).min_by(|a, b| from_line(a).total_cmp(&from_line(b))).unwrap();
        assert!(from_line(&nearest) < FARTHEST, "{} km", from_line(&nearest));
        for longitude in [180.0, -180.0] {
            assert_eq!(at(nearest.latitude, longitude).first(), Some(&nearest.name()));
        }
    }

    #[test]
    fn the_table_is_whole() {
        let all: Vec<Row> = (0..BANDS).flat_map(rows).collect();
        assert!(all.len() > 150_000, "{}", all.len());
        let end = rows_start() + number(4 * BANDS).unwrap();
        assert_eq!(end, TABLE.len());
        let bytes: usize = all.iter().map(|row| ROW + row.name.len()).sum();
        assert_eq!(bytes, end - rows_start());
        for row in all.iter().step_by(500) {
            assert!(!row.name().is_empty() && row.name().chars().count() <= 128);
            assert!(region(row.region).is_some_and(|(_, country)| !country.is_empty()), "{}", row.name());
            assert!(!at(row.latitude, row.longitude).is_empty());
        }
    }
}
