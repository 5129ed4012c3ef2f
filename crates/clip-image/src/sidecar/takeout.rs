//! What Google Photos says of a photo in the files of an export.

use serde::Deserialize;

use crate::Gps;
use crate::annotations::xmp::Xmp;
use crate::annotations::{Annotations, text};
use crate::calendar::Instant;

/// The members of use.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    /// The name of the photo's file, before it was exported.
    title: Option<String>,
    description: Option<String>,
    photo_taken_time: Option<Time>,
    geo_data: Option<Place>,
    geo_data_exif: Option<Place>,
    #[serde(default)]
    people: Vec<Person>,
}

#[derive(Deserialize)]
struct Time {
    /// Seconds since 1970, as a text.
    timestamp: String,
}

#[derive(Deserialize)]
struct Place {
    latitude: f64,
    longitude: f64,
}

#[derive(Deserialize)]
struct Person {
    name: String,
}

/// Reads a file. Never fails: of one that is not as it should be, nothing is taken.
pub(crate) fn read(json: &[u8]) -> Xmp {
    serde_json::from_slice(json).map(said).unwrap_or_default()
}

/// Reads a file that may be about a photo with this name, without its extension; nothing is taken of one that is not.
pub(super) fn read_of(photo: &str, json: &[u8]) -> Xmp {
    let Ok(members) = serde_json::from_slice::<Members>(json) else { return Xmp::default() };
    // Signs that not all systems allow are replaced in names, and long ones are cut.
    let letters = |text: &str| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let is_of = members.title.as_deref().is_some_and(|title| letters(title).starts_with(&letters(photo)));
    if is_of { said(members) } else { Xmp::default() }
}

fn said(members: Members) -> Xmp {
    let mut annotations =
        Annotations { description: members.description.as_deref().and_then(text), ..Annotations::default() };
    for person in members.people {
        annotations.add_person(&person.name);
    }
    let place = |place: Option<Place>| {
        let Place { latitude, longitude } = place?;
        // Zeros stand for no place.
        let is_place = latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (latitude, longitude) != (0.0, 0.0);
        is_place.then_some(Gps { latitude, longitude })
    };
    let seconds = members.photo_taken_time.and_then(|time| time.timestamp.parse().ok());
    // The years 1 to 9999, as of other dates.
    let seconds = seconds.filter(|seconds| (-62_135_596_800..253_402_300_800).contains(seconds));
    Xmp {
        annotations,
        // The clock of the place is not known.
        taken_at: seconds.map(|seconds| Instant { seconds, offset: None }),
        gps: place(members.geo_data).or_else(|| place(members.geo_data_exif)),
        ..Xmp::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export() {
        let found = read(
            r#"{"title": "IMG_1.jpg", "description": "At the\nriver", "imageViews": "3",
                "creationTime": {"timestamp": "1600000000", "formatted": "13.09.2020"},
                "photoTakenTime": {"timestamp": "1559662200", "formatted": "4 Jun 2019, 15:30:00 UTC"},
                "geoData": {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0},
                "geoDataExif": {"latitude": 48.85, "longitude": -2.35, "altitude": 30.1},
                "people": [{"name": "Anna"}, {"name": "Zoë"}, {"name": "Anna"}]}"#
                .as_bytes(),
        );
        assert_eq!(found.annotations.description.as_deref(), Some("At the river"));
        assert_eq!(found.annotations.people, ["Anna", "Zoë"]);
        assert_eq!(found.taken_at, Some(Instant { seconds: 1_559_662_200, offset: None }));
        assert_eq!(found.gps, Some(Gps { latitude: 48.85, longitude: -2.35 }));
    }

    #[test]
    fn what_is_no_export_says_nothing() {
        for json in ["", "{", "[]", "{}", r#"{"people": 5}"#, r#"{"photoTakenTime": {"timestamp": "soon"}}"#] {
            assert_eq!(read(json.as_bytes()), Xmp::default(), "{json}");
        }
        assert_eq!(read(br#"{"geoData": {"latitude": 91, "longitude": 1}, "description": " "}"#), Xmp::default());
    }
}
