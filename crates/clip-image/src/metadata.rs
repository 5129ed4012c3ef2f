//! What is known about a photo besides its pixels.

use std::path::{Path, PathBuf};

use image::metadata::Orientation;

use crate::annotations::xmp::Xmp;
use crate::annotations::{Annotations, is_by_people};
use crate::calendar::Instant;
use crate::movie::{self, Movie};
use crate::related::Related;
use crate::{Format, file_name, places, sidecar};

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

/// How far in the future the time in a file name may be: clocks differ by time zone.
const A_DAY: i64 = 86_400;

impl Metadata {
    /// Adds metadata from outside the file.
    ///
    /// Title, keywords and the like in `sidecars`, files whose [subject](crate::subject_of_sidecar) is the photo, replace
    /// those in the photo's own file. Time and position are only added if the file has none. Names of places near its
    /// position are added to those that people entered. If nothing else has a time, it is taken from the file name; a time
    /// more than a day after `now`, in seconds since 1970, is ignored. Sidecars that cannot be read are ignored. A video among
    /// them is a companion if it is the moving half of the photo.
    pub fn complete(&mut self, path: &Path, sidecars: &[PathBuf], now: i64) {
        let Xmp { annotations, taken_at, gps, related } = sidecar::read(path, sidecars);
        self.annotate(annotations);
        self.related = std::mem::take(&mut self.related).or(related);
        self.gps = self.gps.or(gps);
        for place in self.gps.map(places::near).unwrap_or_default() {
            if !self.places.iter().any(|known| known == place) {
                self.places.push(place.to_owned());
            }
        }
        if let Some(instant) = taken_at.filter(|_| self.taken_at.is_none()) {
            (self.taken_at, self.utc_offset) = (Some(instant.seconds), instant.offset);
        }
        let name = path.file_name().map(|name| name.to_string_lossy());
        self.taken_at = self.taken_at.or_else(|| {
            let by_name = file_name::taken_at(&name?)?;
            (by_name <= now.saturating_add(A_DAY)).then_some(by_name)
        });
        let videos = sidecars.iter().filter(|path| movie::looks_like_live_video(path));
        self.companions = videos.filter(|path| Movie::open(path).belongs_to(self)).cloned().collect();
    }

    /// Replaces what is known by what people wrote.
    fn annotate(&mut self, said: Annotations) {
        let Annotations { rating, title, description, tags, people, label, places, lens } = said;
        self.rating = rating.or(self.rating);
        self.title = title.or(self.title.take());
        let description = description.filter(|text| is_by_people(text, self.camera.as_deref()));
        self.description = description.or(self.description.take());
        self.label = label.or(self.label.take());
        self.lens = self.lens.take().or(lens);
        for (own, said) in [(&mut self.tags, tags), (&mut self.people, people), (&mut self.places, places)] {
            if !said.is_empty() {
                *own = said;
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_600_000_000;

    fn metadata() -> Metadata {
        let annotations = Annotations {
            rating: Some(1),
            title: Some("embedded".into()),
            description: Some("embedded".into()),
            tags: vec!["embedded".into()],
            lens: Some("of the camera".into()),
            ..Annotations::default()
        };
        let details = Details { camera: Some("OLYMPUS E-500".into()), annotations, ..Details::default() };
        details.into_metadata(Format::Jpeg, (1, 1))
    }

    fn with_sidecar(mut metadata: Metadata, name: &str, attributes: &str) -> Metadata {
        let dir = tempfile::tempdir().unwrap();
        let sidecar = dir.path().join("a.xmp");
        std::fs::write(&sidecar, format!("<rdf:RDF><rdf:Description {attributes}</rdf:Description></rdf:RDF>"))
            .unwrap();
        metadata.complete(Path::new(name), &[sidecar], NOW);
        metadata
    }

    #[test]
    fn what_sidecars_say_takes_the_place_of_what_the_file_says() {
        let said = "xmp:Rating='4' xmp:Label='Red' aux:Lens='another' photoshop:City='Bern'><dc:title>sidecar</dc:title>\
            <dc:description>OLYMPUS DIGITAL CAMERA</dc:description><dc:subject><rdf:Bag><rdf:li>a</rdf:li></rdf:Bag></dc:subject>";
        let found = with_sidecar(metadata(), "a.jpg", said);
        assert_eq!(
            (found.rating, found.title.as_deref(), found.label.as_deref()),
            (Some(4), Some("sidecar"), Some("Red"))
        );
        assert_eq!((found.tags, found.places), (vec!["a".to_owned()], vec!["Bern".to_owned()]));
        assert_eq!((found.description.as_deref(), found.lens.as_deref()), (Some("embedded"), Some("of the camera")));
        assert_eq!(with_sidecar(metadata(), "a.jpg", ">"), metadata(), "what they do not say stays");
    }

    #[test]
    fn a_position_gives_the_names_of_its_place() {
        let position =
            "exif:GPSLatitude='48,51N' exif:GPSLongitude='2,21E' photoshop:Country='France' photoshop:City='Marais'>";
        assert_eq!(with_sidecar(metadata(), "a.jpg", position).places, ["France", "Marais", "Paris", "Ile-de-France"]);
    }

    #[test]
    fn the_file_says_when_before_sidecars_and_they_before_its_name() {
        let name = "IMG_20190604_153000.jpg";
        let of_sidecar = "exif:DateTimeOriginal='2018-01-01T00:00:00+01:00'>";
        let time = |found: Metadata| (found.taken_at, found.utc_offset);
        let of_file = Metadata { taken_at: Some(5), ..metadata() };
        assert_eq!(time(with_sidecar(of_file, name, of_sidecar)), (Some(5), None));
        assert_eq!(time(with_sidecar(metadata(), name, of_sidecar)), (Some(1_514_761_200), Some(60)));
        assert_eq!(time(with_sidecar(metadata(), name, ">")), (Some(1_559_662_200), None));
        // At most a day after now.
        assert_eq!(time(with_sidecar(metadata(), "IMG_20200914_000000.jpg", ">")), (Some(1_600_041_600), None));
        assert_eq!(time(with_sidecar(metadata(), "IMG_20200915_000000.jpg", ">")), (None, None));
    }
}
