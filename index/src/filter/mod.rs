//! Conditions on assets.
//!
//! [`Filter::meets`] says what they mean. The word index finds the assets that meet one (`words/matching.rs`).

pub(crate) mod fold;
mod meets;

use std::ops::Bound;
use std::path::PathBuf;

use crate::asset::Kind;
pub(crate) use meets::{degrees_of, distance, extension_of, has, month_taken, number, shape_of, texts, whole};

/// A condition on an asset. An asset that lacks what a condition is about does not meet it: a photo without a date was taken
/// neither before nor after a day.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// Meets all of these; every asset does if there are none.
    All(Vec<Filter>),
    /// Meets at least one of these; no asset does if there are none.
    Any(Vec<Filter>),
    /// Does not meet this.
    Not(Box<Filter>),
    /// The text occurs in the field. Letters are compared without case and accents; a text of three letters or more is found
    /// inside words too.
    Text {
        /// Where.
        field: TextField,
        /// What. Runs of whitespace and of signs are one gap.
        text: String,
    },
    /// A number lies in a range.
    Number {
        /// Which number.
        field: NumberField,
        /// From where.
        from: Bound<f64>,
        /// To where.
        to: Bound<f64>,
    },
    /// Was taken in this month of any year, 1 to 12, by the clock of the place.
    Month(u8),
    /// The file name ends in a dot and this, in any case.
    Extension(String),
    /// Is of this kind.
    Kind(Kind),
    /// Has this shape.
    Shape(Shape),
    /// Was taken within a distance of a place.
    Near {
        /// In degrees, north positive.
        latitude: f64,
        /// In degrees, east positive.
        longitude: f64,
        /// In kilometres, along the surface.
        kilometres: f64,
    },
    /// The flash fired, or did not.
    Flash(bool),
    /// It is a shot of the burst with this identifier, in any case.
    Burst(String),
    /// Something is known of it.
    Has(Property),
    /// Its file is inside this folder, however deep. Compared by components, as the index stores paths: absolute, links in the
    /// roots resolved.
    Under(PathBuf),
}

impl TextField {
    /// The fields that [`TextField::Any`] is made of.
    pub(crate) const ALL: [TextField; 9] = [
        TextField::Path,
        TextField::Title,
        TextField::Camera,
        TextField::Lens,
        TextField::Tag,
        TextField::Person,
        TextField::Label,
        TextField::Place,
        TextField::Text,
    ];
}

/// A text of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextField {
    /// Any of the others.
    Any,
    /// The name of the file, with its extension.
    Name,
    /// The names of folders and file.
    Path,
    /// Make and model of the camera.
    Camera,
    /// Lens.
    Lens,
    /// Keywords.
    Tag,
    /// Title and description.
    Title,
    /// Names of people.
    Person,
    /// The label.
    Label,
    /// Names of places.
    Place,
    /// What was read in the picture.
    Text,
}

/// A number of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NumberField {
    /// When it was taken, in seconds since the beginning of 1970 by the clock of the place (not UTC).
    TakenAt,
    /// Size of the file, in bytes.
    Size,
    /// Width in pixels, upright.
    Width,
    /// Height in pixels, upright.
    Height,
    /// Sensitivity.
    Iso,
    /// Focal length of the lens, in millimetres.
    FocalLength,
    /// Exposure time, in seconds.
    ExposureTime,
    /// The f-number of the aperture.
    Aperture,
    /// Exposure compensation, in steps.
    Compensation,
    /// Stars, 0 to 5.
    Rating,
    /// How long a video is, in seconds.
    Duration,
}

/// A shape of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Wider than high.
    Landscape,
    /// Higher than wide.
    Portrait,
    /// As wide as high.
    Square,
}

/// What may be known of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Property {
    /// Where it was taken.
    Gps,
    /// When it was taken.
    Date,
    /// The camera.
    Camera,
    /// The lens.
    Lens,
    /// Keywords.
    Tag,
    /// Title or description.
    Title,
    /// A rating.
    Rating,
    /// Names of people.
    Person,
    /// A label.
    Label,
    /// Names of places.
    Place,
    /// The burst that it is a shot of.
    Burst,
    /// A short video: in the file (motion photo) or beside it (Live Photo).
    Motion,
    /// Text in the picture.
    Text,
}
