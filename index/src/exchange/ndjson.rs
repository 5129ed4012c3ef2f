//! Items as JSON objects, one a line.

use std::borrow::Cow;
use std::path::PathBuf;

use clip_files::path_bytes;
use serde::{Deserialize, Serialize};

use crate::asset::{Asset, Exposure, Kind, PictureText, Record, Related, Stamp};

/// An item, as it is exported. `docs/exchange.md` describes the members.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    pub(super) id: u64,
    pub(super) asset: u64,
    pub(super) position: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_bytes: Option<Cow<'a, [u8]>>,
    pub(super) hash: String,
    pub(super) size: u64,
    /// In decimal: readers of JSON take greater numbers for floating-point ones.
    pub(super) mtime_ns: String,
    pub(super) kind: &'static str,
    pub(super) width: u32,
    pub(super) height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) taken_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) camera: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lens: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gps: Option<(f64, f64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) utc_offset: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iso: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) focal_length: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exposure_time: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aperture: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exposure_compensation: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flash: Option<bool>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration: Option<f64>,
    /// In degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rotation: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) burst: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) burst_primary: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) live_photo: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) motion: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rating: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) tags: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) people: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) places: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) picture_text: Option<&'a PictureText>,
}

impl<'a> Line<'a> {
    /// The item with this id, and at this position, of an asset.
    pub(super) fn new(id: u64, position: u64, record: &'a Record) -> Line<'a> {
        let asset = &record.asset;
        let path = asset.path.to_str();
        let Related { burst, is_burst_primary, live_photo, has_motion } = &asset.related;
        // JSON has no other numbers.
        let finite = |number: Option<f32>| number.filter(|number| number.is_finite());
        Line {
            id,
            asset: record.id,
            position,
            path,
            path_bytes: if path.is_none() { Some(path_bytes::lossy(&asset.path)) } else { None },
            hash: hex(&asset.hash),
            size: asset.stamp.size,
            mtime_ns: asset.stamp.mtime_ns.to_string(),
            kind: name_of(asset.kind),
            width: asset.width,
            height: asset.height,
            taken_at: asset.taken_at,
            camera: asset.camera.as_deref(),
            lens: asset.lens.as_deref(),
            gps: asset.gps.filter(|(latitude, longitude)| latitude.is_finite() && longitude.is_finite()),
            utc_offset: asset.utc_offset,
            iso: asset.iso,
            focal_length: finite(asset.focal_length),
            exposure_time: finite(asset.exposure.time),
            aperture: finite(asset.exposure.aperture),
            exposure_compensation: finite(asset.exposure.compensation),
            flash: asset.exposure.flash,
            duration: asset.duration.map(|milliseconds| milliseconds as f64 / 1000.0),
            rotation: asset.rotation,
            burst: burst.as_deref(),
            burst_primary: *is_burst_primary,
            live_photo: live_photo.as_deref(),
            motion: *has_motion,
            rating: asset.rating,
            title: asset.title.as_deref(),
            description: asset.description.as_deref(),
            tags: &asset.tags,
            people: &asset.people,
            label: asset.label.as_deref(),
            places: &asset.places,
            picture_text: asset.text.as_ref(),
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Photo => "photo",
        Kind::Video => "video",
        Kind::Document => "document",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(u128::from_str_radix(text, 16).ok().filter(|_| is_hex)?.to_be_bytes())
}

/// An item that is to be imported.
#[derive(Debug, PartialEq)]
pub(super) struct Item {
    /// Items that follow each other and have the same number here belong to one asset.
    pub(super) asset: Option<u64>,
    pub(super) position: u64,
    /// Without a hash, it is zero. The stamp is the default one unless hash, size and time are all there: only then
    /// does it say that the file has the content that the vector is of.
    pub(super) file: Asset,
    /// Hash, size and time are there.
    pub(super) is_checked: bool,
}

/// What a line may have. Other members are ignored.
#[derive(Deserialize)]
struct Members {
    asset: Option<u64>,
    position: Option<u64>,
    path: Option<String>,
    path_bytes: Option<Vec<u8>>,
    image_path: Option<String>,
    hash: Option<String>,
    size: Option<u64>,
    mtime_ns: Option<Nanoseconds>,
    kind: Option<String>,
    /// Tables with gaps in them become JSON with numbers such as 640.0.
    width: Option<f64>,
    height: Option<f64>,
    taken_at: Option<i64>,
    camera: Option<String>,
    lens: Option<String>,
    gps: Option<(f64, f64)>,
    utc_offset: Option<i16>,
    iso: Option<u32>,
    focal_length: Option<f32>,
    exposure_time: Option<f32>,
    aperture: Option<f32>,
    exposure_compensation: Option<f32>,
    flash: Option<bool>,
    duration: Option<f64>,
    rotation: Option<u16>,
    burst: Option<String>,
    burst_primary: Option<bool>,
    live_photo: Option<String>,
    motion: Option<bool>,
    rating: Option<u8>,
    title: Option<String>,
    description: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    people: Vec<String>,
    label: Option<String>,
    #[serde(default)]
    places: Vec<String>,
    picture_text: Option<PictureText>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Nanoseconds {
    Number(i64),
    Text(String),
}

/// Reads a line; what is wrong with it, if it is none.
pub(super) fn parse(line: &[u8]) -> Result<Item, String> {
    item(serde_json::from_slice(line).map_err(|error| error.to_string())?)
}

/// Makes an item of the members of an object; what is wrong with them, if they are none.
#[cfg(feature = "parquet")]
pub(super) fn of_object(members: serde_json::Map<String, serde_json::Value>) -> Result<Item, String> {
    item(Members::deserialize(members).map_err(|error| error.to_string())?)
}

fn item(members: Members) -> Result<Item, String> {
    let path = match (members.path.or(members.image_path), members.path_bytes) {
        (Some(path), _) => PathBuf::from(path),
        (None, Some(bytes)) => path_bytes::to_path(&bytes),
        (None, None) => return Err("expected a member path, found none".into()),
    };
    let hash = match &members.hash {
        None => None,
        Some(text) => {
            Some(unhex(text).ok_or_else(|| format!("expected a hash of 32 hexadecimal digits, found {text:?}"))?)
        }
    };
    let mtime_ns = match &members.mtime_ns {
        None => None,
        Some(Nanoseconds::Number(number)) => Some(i128::from(*number)),
        Some(Nanoseconds::Text(text)) => {
            Some(text.parse::<i128>().map_err(|_| format!("expected mtime_ns to be a whole number, found {text:?}"))?)
        }
    };
    let kind = match members.kind.as_deref() {
        None => Kind::Photo,
        Some(name) => [Kind::Photo, Kind::Video, Kind::Document]
            .into_iter()
            .find(|&kind| name_of(kind) == name)
            .ok_or_else(|| format!("expected the kind photo, video or document, found {name:?}"))?,
    };
    let stamp = match (hash, members.size, mtime_ns) {
        (Some(_), Some(size), Some(mtime_ns)) => Some(Stamp { size, mtime_ns, ..Stamp::default() }),
        _ => None,
    };
    // Fractions are cut off, and what is no size at all becomes 0.
    let pixels = |number: Option<f64>| number.unwrap_or_default() as u32;
    Ok(Item {
        asset: members.asset,
        position: members.position.unwrap_or_default(),
        is_checked: stamp.is_some(),
        file: Asset {
            path,
            stamp: stamp.unwrap_or_default(),
            hash: hash.unwrap_or_default(),
            kind,
            width: pixels(members.width),
            height: pixels(members.height),
            taken_at: members.taken_at,
            camera: members.camera,
            lens: members.lens,
            gps: members.gps,
            utc_offset: members.utc_offset,
            iso: members.iso,
            focal_length: members.focal_length,
            exposure: Exposure {
                time: members.exposure_time,
                aperture: members.aperture,
                compensation: members.exposure_compensation,
                flash: members.flash,
            },
            duration: members.duration.and_then(milliseconds),
            rotation: members.rotation,
            related: Related {
                burst: members.burst,
                is_burst_primary: members.burst_primary.unwrap_or_default(),
                live_photo: members.live_photo,
                has_motion: members.motion.unwrap_or_default(),
            },
            rating: members.rating,
            title: members.title,
            description: members.description,
            tags: members.tags,
            people: members.people,
            label: members.label,
            places: members.places,
            // Not known: what is in the file is read when the photo is next seen there.
            details_version: 0,
            sidecars: None,
            companions: Vec::new(),
            picture_hash: Vec::new(),
            text: members.picture_text,
        },
    })
}

/// Seconds in milliseconds; `None` if no video lasts so long.
fn milliseconds(seconds: f64) -> Option<u64> {
    (0.0..=1e10).contains(&seconds).then(|| (seconds * 1000.0).round() as u64)
}

/// Reads bytes as a line and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_line(bytes: &[u8]) {
    let Ok(item) = parse(bytes) else { return };
    let Item { asset, position, file, .. } = item;
    let id = asset.unwrap_or_default();
    let record = Record { id, asset: file, positions: vec![position] };
    let line = serde_json::to_vec(&Line::new(id, position, &record)).expect("a line is always valid JSON");
    let again = parse(&line).expect("what was read can be written");
    assert_eq!((again.asset, again.position), (Some(id), position));
    assert_eq!((again.file, again.is_checked), (record.asset, true));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn little_is_enough() {
        let item =
            parse(br#"{"image_path": "/a b.jpg", "caption": "ignored", "width": 640.0, "height": null}"#).unwrap();
        assert_eq!(item.file.path, PathBuf::from("/a b.jpg"));
        assert_eq!((item.file.width, item.file.height, item.file.hash), (640, 0, [0; 16]));
        assert!(!item.is_checked && item.asset.is_none());
        // A time without a hash would say that a file is the one that the vector is of.
        let item = parse(br#"{"path": "/a", "size": 5, "mtime_ns": 7}"#).unwrap();
        assert_eq!(item.file.stamp, Stamp::default());
        let item = parse(br#"{"path": "/a", "size": 5, "mtime_ns": -7, "hash": "000102030405060708090a0b0c0d0e0F"}"#);
        let item = item.unwrap();
        assert_eq!((item.file.stamp.size, item.file.stamp.mtime_ns), (5, -7));
        assert_eq!(item.file.hash, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (line, expected) in [
            ("", "EOF"),
            ("[]", "expected"),
            ("{}", "a member path"),
            (r#"{"path": 5}"#, "string"),
            (r#"{"path": "/a", "hash": "+0000000000000000000000000000000"}"#, "hexadecimal"),
            (r#"{"path": "/a", "mtime_ns": "soon"}"#, "whole number"),
            (r#"{"path": "/a", "kind": "song"}"#, "photo, video or document"),
            (r#"{"path": "/a"} {"path": "/b"}"#, "trailing"),
        ] {
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            path: Vec<u8>,
            numbers: (u64, u64, u64, i64, u32, u32),
            hash: [u8; 16],
            texts: (Option<String>, Option<String>),
            taken_at: Option<i64>,
            gps: Option<(i32, i32)>,
            exposure: (Option<u16>, Option<u16>, Option<i16>, Option<bool>),
            related: (Option<String>, bool, Option<String>, bool),
            text: Option<(u32, String, String, Vec<u8>)>,
        ) {
            let (id, position, size, mtime_ns, width, height) = numbers;
            let asset = Asset {
                path: path_bytes::to_path(&path),
                stamp: Stamp { size, mtime_ns: i128::from(mtime_ns) * 1000, ..Stamp::default() },
                hash,
                kind: [Kind::Photo, Kind::Video, Kind::Document][width as usize % 3],
                width,
                height,
                taken_at,
                camera: texts.0,
                lens: texts.1,
                gps: gps.map(|(latitude, longitude)| (f64::from(latitude) / 7.0, f64::from(longitude) / 7.0)),
                exposure: Exposure {
                    time: exposure.0.map(|time| f32::from(time) / 7.0),
                    aperture: exposure.1.map(|aperture| f32::from(aperture) / 7.0),
                    compensation: exposure.2.map(|steps| f32::from(steps) / 7.0),
                    flash: exposure.3,
                },
                related: Related {
                    burst: related.0,
                    is_burst_primary: related.1,
                    live_photo: related.2,
                    has_motion: related.3,
                },
                text: text.map(|(version, languages, words, confidences)| PictureText {
                    version,
                    languages,
                    words,
                    confidences,
                }),
                ..Asset::default()
            };
            let record = Record { id, asset, positions: vec![position] };
            let line = serde_json::to_vec(&Line::new(id, position, &record)).unwrap();
            prop_assert!(!line.contains(&b'\n'));
            let expected = Item { asset: Some(id), position, file: record.asset, is_checked: true };
            prop_assert_eq!(parse(&line).unwrap(), expected);
            check_line(&line);
        }

        #[test]
        fn any_bytes_give_an_error_or_an_item(bytes: Vec<u8>) {
            check_line(&bytes);
        }
    }
}
