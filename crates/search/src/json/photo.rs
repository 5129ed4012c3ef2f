//! All that an index knows of a photo.

use std::path::Path;

use clip_index::{Kind, Record};
use serde::Serialize;

use super::JsonPath;

/// All that an index knows of a photo. What is not known is left out.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonPhoto<'a> {
    /// Its id in the index.
    pub id: u64,
    /// Where it is.
    #[serde(flatten)]
    pub path: JsonPath<'a>,
    /// The name of its file, with a replacement character for what is not UTF-8.
    pub name: String,
    /// The folder that it is in, likewise.
    pub folder: String,
    /// `"photo"`, `"video"` or `"document"`.
    pub kind: &'static str,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// How long a video is, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// By how many degrees, clockwise, the stored pictures of a video are turned to be upright.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<u16>,
    /// How many frames of a video can be found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<usize>,
    /// Size of the file in bytes.
    pub size: u64,
    /// When the file was last modified, in seconds since 1970.
    pub modified_at: i64,
    /// When it was taken, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<i64>,
    /// What the clock of the place showed then, in minutes ahead of UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utc_offset: Option<i16>,
    /// Make and model of the camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<&'a str>,
    /// Lens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens: Option<&'a str>,
    /// Sensitivity (ISO speed).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iso: Option<u32>,
    /// Focal length in millimetres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focal_length: Option<f32>,
    /// Exposure time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_time: Option<f32>,
    /// The f-number of the aperture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aperture: Option<f32>,
    /// Exposure compensation in steps (EV).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_compensation: Option<f32>,
    /// Whether the flash fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash: Option<bool>,
    /// The identifier that the shots of a burst share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<&'a str>,
    /// True if it is a Live Photo or a motion photo; left out otherwise.
    #[serde(skip_serializing_if = "super::is_false")]
    pub motion: bool,
    /// Latitude and longitude in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gps: Option<(f64, f64)>,
    /// Names of the place, from city to country, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Stars, 0 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<u8>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    /// What is said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// Keywords.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub keywords: &'a [String],
    /// Names of the people on it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub people: &'a [String],
    /// The label that somebody gave it, mostly the name of a colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<&'a str>,
    /// What was read in the picture: words, with blanks and line feeds between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// How sure these words are on average, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_confidence: Option<f32>,
    /// True if there is no file at the path at present; left out if there is one.
    #[serde(skip_serializing_if = "super::is_false")]
    pub missing: bool,
}

impl<'a> From<&'a Record> for JsonPhoto<'a> {
    /// Does not look at the file: `missing` is false.
    fn from(record: &'a Record) -> Self {
        let asset = &record.asset;
        let text = |path: Option<&Path>| path.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        Self {
            id: record.id,
            path: JsonPath::from(asset.path.as_path()),
            name: text(asset.path.file_name().map(Path::new)),
            folder: text(asset.path.parent()),
            kind: match asset.kind {
                Kind::Video => "video",
                Kind::Document => "document",
                _ => "photo",
            },
            width: asset.width,
            height: asset.height,
            duration: asset.duration.map(super::seconds),
            rotation: asset.rotation,
            frames: (asset.kind == Kind::Video).then_some(record.positions.len()),
            size: asset.stamp.size,
            modified_at: i64::try_from(asset.stamp.mtime_ns.div_euclid(1_000_000_000)).unwrap_or_default(),
            taken_at: asset.taken_at,
            utc_offset: asset.utc_offset,
            camera: asset.camera.as_deref(),
            lens: asset.lens.as_deref(),
            iso: asset.iso,
            focal_length: asset.focal_length,
            exposure_time: asset.exposure.time,
            aperture: asset.exposure.aperture,
            exposure_compensation: asset.exposure.compensation,
            flash: asset.exposure.flash,
            burst: asset.related.burst.as_deref(),
            motion: asset.moves(),
            gps: asset.gps,
            place: (!asset.places.is_empty()).then(|| asset.places.join(", ")),
            rating: asset.rating,
            title: asset.title.as_deref(),
            description: asset.description.as_deref(),
            keywords: &asset.tags,
            people: &asset.people,
            label: asset.label.as_deref(),
            text: asset.text.as_ref().map(|text| text.words.as_str()).filter(|words| !words.is_empty()),
            text_confidence: asset.text.as_ref().and_then(|text| text.confidence()).map(|percent| percent / 100.0),
            missing: false,
        }
    }
}

impl JsonPhoto<'_> {
    /// The same without where it was taken.
    #[must_use]
    pub fn without_place(mut self) -> Self {
        (self.gps, self.place) = (None, None);
        self
    }
}

#[cfg(test)]
mod tests {
    use clip_index::{Asset, Stamp};

    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let asset = Asset {
            path: "/photos/a/b.jpg".into(),
            stamp: Stamp { size: 7, mtime_ns: 1_500_000_000, ..Stamp::default() },
            places: vec!["Hamburg".into(), "Germany".into()],
            gps: Some((53.5, 10.0)),
            exposure: clip_index::Exposure { time: Some(0.5), flash: Some(false), ..Default::default() },
            ..Asset::default()
        };
        let record = Record { id: 3, asset, positions: vec![0] };
        let json = |photo: JsonPhoto<'_>| serde_json::to_value(photo).unwrap();
        let without = serde_json::json!({
            "id": 3, "path": "/photos/a/b.jpg", "name": "b.jpg", "folder": "/photos/a", "kind": "photo",
            "width": 0, "height": 0, "size": 7, "modified_at": 1, "exposure_time": 0.5, "flash": false,
        });
        assert_eq!(json(JsonPhoto::from(&record).without_place()), without);
        let film = Asset { kind: Kind::Video, duration: Some(83_250), rotation: Some(90), ..record.asset.clone() };
        let film = json(JsonPhoto::from(&Record { id: 4, asset: film, positions: vec![0, 1500] }));
        assert_eq!((&film["kind"], &film["frames"]), (&"video".into(), &2.into()));
        assert_eq!((&film["duration"], &film["rotation"]), (&83.25.into(), &90.into()));
        let all = json(JsonPhoto::from(&record));
        assert_eq!((&all["place"], &all["gps"][0]), (&"Hamburg, Germany".into(), &53.5.into()));
    }
}
