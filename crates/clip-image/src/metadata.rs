//! What is known about a photo besides its pixels.

use std::path::PathBuf;

use image::metadata::Orientation;

use crate::Format;
use crate::annotations::Annotations;
use crate::calendar::Instant;
use crate::related::Related;

/// What is known about a photo besides its pixels.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Metadata {
    /// Width of the upright photo as stored, whatever size it was decoded at.
    pub width: u32,
    /// Height of the upright photo as stored, whatever size it was decoded at.
    pub height: u32,
    /// When it was taken, in seconds since 1970-01-01 UTC. EXIF gives the camera's local time;
    /// where it gives no offset with it, the local time is taken as UTC.
    pub taken_at: Option<i64>,
    /// What the camera's clock showed then, in minutes ahead of UTC, if the file says so.
    pub utc_offset: Option<i16>,
    /// Maker and model of the camera ("NIKON D70", "Apple iPhone 13").
    pub camera: Option<String>,
    /// Model of the lens.
    pub lens: Option<String>,
    /// Where it was taken.
    pub gps: Option<Gps>,
    /// Sensitivity (ISO speed).
    pub iso: Option<u32>,
    /// Focal length of the lens, in millimetres; not converted to that of another sensor.
    pub focal_length: Option<f32>,
    /// How it was exposed.
    pub exposure: Exposure,
    /// What ties it to other files.
    pub related: Related,
    /// Stars, 1 to 5; 0 in a file stands for none.
    pub rating: Option<u8>,
    /// What the photo is called.
    pub title: Option<String>,
    /// What is said about the photo.
    pub description: Option<String>,
    /// Keywords. A hierarchical keyword is listed as each of its levels and as the whole path with slashes
    /// ("Places/France/Paris").
    pub tags: Vec<String>,
    /// Names of the people in it.
    pub people: Vec<String>,
    /// Its label, usually the name of a colour.
    pub label: Option<String>,
    /// Names of the place that it shows or was taken at: part of a city, city, region, country.
    pub places: Vec<String>,
    /// Files beside it that belong to it: the video of a Live Photo. Only [`complete`](Metadata::complete) finds them.
    pub companions: Vec<PathBuf>,
    /// The format, recognised by content.
    pub format: Format,
}

/// How a photo was exposed.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Exposure {
    /// For how long, in seconds.
    pub time: Option<f32>,
    /// At which aperture: the f-number.
    pub aperture: Option<f32>,
    /// Exposure compensation, in steps (EV).
    pub compensation: Option<f32>,
    /// Whether the flash fired.
    pub flash: Option<bool>,
}

/// A place on Earth (WGS 84), in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gps {
    /// North is positive; -90 to 90.
    pub latitude: f64,
    /// East is positive; -180 to 180.
    pub longitude: f64,
}

/// What the metadata in a file say. Each is absent when it is missing, unreadable or impossible.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Details {
    pub(crate) orientation: Option<Orientation>,
    pub(crate) taken_at: Option<Instant>,
    pub(crate) camera: Option<String>,
    pub(crate) gps: Option<Gps>,
    pub(crate) iso: Option<u32>,
    pub(crate) focal_length: Option<f32>,
    pub(crate) exposure: Exposure,
    pub(crate) related: Related,
    pub(crate) annotations: Annotations,
    /// Whether the colours are in Adobe RGB.
    pub(crate) is_adobe_rgb: bool,
}

impl Details {
    /// Of a photo with this upright size.
    pub(crate) fn into_metadata(self, format: Format, (width, height): (u32, u32)) -> Metadata {
        let Annotations { rating, title, description, tags, people, label, places, lens } = self.annotations;
        Metadata {
            width,
            height,
            taken_at: self.taken_at.map(|instant| instant.seconds),
            utc_offset: self.taken_at.and_then(|instant| instant.offset),
            camera: self.camera,
            lens,
            gps: self.gps,
            iso: self.iso,
            focal_length: self.focal_length,
            exposure: self.exposure,
            related: self.related,
            rating,
            title,
            description,
            tags,
            people,
            label,
            places,
            companions: Vec::new(),
            format,
        }
    }
}
