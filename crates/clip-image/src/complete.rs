//! Metadata from outside a photo's file: its sidecars, its name, and the place where it was taken.

use std::path::{Path, PathBuf};

use crate::annotations::xmp::Xmp;
use crate::annotations::{Annotations, is_by_people};
use crate::metadata::Metadata;
use crate::movie::{self, Movie};
use crate::{file_name, places, sidecar};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use crate::metadata::Details;

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
