//! What people, and the programs that they sort their photos with, have written about a photo: stars, titles and keywords,
//! in the formats that such programs use.

pub(crate) mod iptc;
mod markup;
mod namespaces;
pub(crate) mod xmp;

use crate::text::{LONGEST_NAME, LONGEST_TEXT, line};

/// The most keywords that are taken, and the most names of people and of places.
pub(crate) const MOST_TAGS: usize = 64;

/// What is said about a photo. Each is absent when it is missing or unreadable.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Annotations {
    /// Stars, 1 to 5.
    pub(crate) rating: Option<u8>,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) people: Vec<String>,
    pub(crate) label: Option<String>,
    pub(crate) places: Vec<String>,
    pub(crate) lens: Option<String>,
}

impl Annotations {
    /// Adds a keyword, unless it is there already or there are too many.
    pub(crate) fn add_tag(&mut self, tag: &str) {
        add(&mut self.tags, tag);
    }

    /// Adds the name of a person, likewise.
    pub(crate) fn add_person(&mut self, name: &str) {
        add(&mut self.people, name);
    }

    /// Adds the name of a place, likewise.
    pub(crate) fn add_place(&mut self, name: &str) {
        add(&mut self.places, name);
    }

    /// Takes over from `other` what is not known yet, and its keywords and names.
    pub(crate) fn or(mut self, other: Annotations) -> Annotations {
        add_all(&mut self.tags, other.tags);
        add_all(&mut self.people, other.people);
        add_all(&mut self.places, other.places);
        Annotations {
            rating: self.rating.or(other.rating),
            title: self.title.or(other.title),
            description: self.description.or(other.description),
            label: self.label.or(other.label),
            lens: self.lens.or(other.lens),
            ..self
        }
    }
}

fn add(names: &mut Vec<String>, name: &str) {
    add_all(names, line(name, LONGEST_NAME));
}

fn add_all(names: &mut Vec<String>, others: impl IntoIterator<Item = String>) {
    for name in others {
        if names.len() < MOST_TAGS && !names.contains(&name) {
            names.push(name);
        }
    }
}

/// Stars from a number as files have it. 0 stands for "not rated", and less for "rejected".
pub(crate) fn stars(number: f64) -> Option<u8> {
    (1.0..=5.0).contains(&number).then_some(number as u8)
}

/// A title or description.
pub(crate) fn text(text: &str) -> Option<String> {
    line(text, LONGEST_TEXT)
}

/// What cameras write where people would describe their photo.
const NO_DESCRIPTIONS: &[&str] = &[
    "sony dsc",
    "dcim",
    "digital still camera",
    "samsung",
    "exif_jpeg_picture",
    "default",
    "untitled",
    "description",
    "image description",
    "camera",
    "picture",
    "jpeg",
    "dsc",
];

/// False for what cameras write where people would describe their photo: a word for nothing, "OLYMPUS DIGITAL CAMERA", or
/// the camera's own name.
pub(crate) fn is_by_people(text: &str, camera: Option<&str>) -> bool {
    let text = text.to_lowercase();
    let is_makers = text.ends_with("digital camera") && text.split(' ').count() <= 5;
    let is_cameras = camera.is_some_and(|camera| {
        // The whole name, or the maker or the model alone.
        let camera = camera.to_lowercase();
        let cut = |rest: Option<&str>| rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        cut(camera.strip_prefix(&text)) || camera.strip_suffix(&text).is_some_and(|rest| rest.ends_with(' '))
    });
    !(is_makers || is_cameras || NO_DESCRIPTIONS.contains(&text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_counts_and_keywords_add_up() {
        let first = Annotations { rating: Some(4), tags: vec!["a".into(), "b".into()], ..Annotations::default() };
        let second = Annotations {
            rating: Some(1),
            title: Some("t".into()),
            tags: vec!["b".into(), "c".into()],
            ..Annotations::default()
        };
        let both = first.or(second);
        assert_eq!((both.rating, both.title.as_deref()), (Some(4), Some("t")));
        assert_eq!(both.tags, ["a", "b", "c"]);
    }

    #[test]
    fn what_cameras_write_is_no_description() {
        for (text, camera) in [
            ("OLYMPUS DIGITAL CAMERA", None),
            ("KONICA MINOLTA DIGITAL CAMERA", None),
            ("SONY DSC", None),
            ("WWL", Some("WWL ION230")),
            ("ION230", Some("WWL ION230")),
            ("Gran Turismo 5", Some("Polyphony Digital Inc. Gran Turismo 5")),
        ] {
            assert!(!is_by_people(text, camera), "{text}");
        }
        for text in ["My first day with the new digital camera", "Samsung headquarters", "230", "Our camera"] {
            assert!(is_by_people(text, Some("WWL ION230")), "{text}");
        }
    }

    #[test]
    fn no_stars_are_no_rating() {
        assert_eq!([-1.0, 0.0, 1.0, 5.0, 6.0, f64::NAN].map(stars), [None, None, Some(1), Some(5), None, None]);
    }
}
