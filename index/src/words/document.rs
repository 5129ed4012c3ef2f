//! What the word index has of an asset.

use clip_files::path_bytes;
use tantivy::TantivyDocument;
use tantivy::schema::{Field, IndexRecordOption, NumericOptions, STRING, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{PreTokenizedString, Token};

use crate::asset::{Asset, Kind, Record};
use crate::filter::{self, NumberField, Property, Shape, TextField, fold};
use crate::kin::KinKeys;

/// Splits at everything that is neither letter nor digit.
const TOKENIZER: &str = "default";
/// Characters of a part of a text that is found by itself.
pub(crate) const GRAM: usize = 3;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) id: Field,
    /// The id of the asset's last item.
    pub(crate) last: Field,
    /// What is true of an asset, as `kind:photo`.
    pub(crate) facts: Field,
    /// Hashes of the folders around the file.
    pub(crate) folders: Field,
    /// What files that may belong together have in common.
    pub(crate) kin: Field,
    /// All words, to be ranked by.
    pub(crate) words: Field,
    /// Whole values.
    pub(crate) camera: Field,
    pub(crate) lens: Field,
    pub(crate) tag: Field,
    pub(crate) person: Field,
    pub(crate) label: Field,
    pub(crate) place: Field,
    /// The names of the folders around the file.
    pub(crate) folder: Field,
    /// Parts of three characters, with their positions.
    pub(crate) name: Field,
    pub(crate) path: Field,
    pub(crate) title: Field,
    pub(crate) text: Field,
    /// Numbers, one for each of `WHOLE`.
    whole: [Field; WHOLE.len()],
    /// One for each of `FRACTIONS`.
    fractions: [Field; FRACTIONS.len()],
    latitude: Field,
    longitude: Field,
}

/// The names of the columns.
pub(crate) mod column {
    pub(crate) const ID: &str = "id";
    pub(crate) const LAST: &str = "last";
    pub(crate) const TAKEN_AT: &str = "taken_at";
    pub(crate) const SIZE: &str = "size";
    pub(crate) const WIDTH: &str = "width";
    pub(crate) const HEIGHT: &str = "height";
    pub(crate) const ISO: &str = "iso";
    pub(crate) const FOCAL_LENGTH: &str = "focal_length";
    pub(crate) const EXPOSURE_TIME: &str = "exposure_time";
    pub(crate) const APERTURE: &str = "aperture";
    pub(crate) const COMPENSATION: &str = "compensation";
    pub(crate) const RATING: &str = "rating";
    pub(crate) const DURATION: &str = "duration";
    pub(crate) const LATITUDE: &str = "latitude";
    pub(crate) const LONGITUDE: &str = "longitude";
}

/// The number by which columns are ordered, in which -0 comes before 0.
pub(crate) fn without_sign_of_zero(number: f64) -> f64 {
    number + 0.0
}

/// Where a number is.
pub(crate) fn column_of(field: NumberField) -> &'static str {
    match field {
        NumberField::TakenAt => column::TAKEN_AT,
        NumberField::Size => column::SIZE,
        NumberField::Width => column::WIDTH,
        NumberField::Height => column::HEIGHT,
        NumberField::Iso => column::ISO,
        NumberField::FocalLength => column::FOCAL_LENGTH,
        NumberField::ExposureTime => column::EXPOSURE_TIME,
        NumberField::Aperture => column::APERTURE,
        NumberField::Compensation => column::COMPENSATION,
        NumberField::Rating => column::RATING,
        NumberField::Duration => column::DURATION,
    }
}

/// Numbers of assets that are whole.
pub(crate) const WHOLE: [NumberField; 6] = [
    NumberField::TakenAt,
    NumberField::Size,
    NumberField::Width,
    NumberField::Height,
    NumberField::Iso,
    NumberField::Rating,
];

/// Numbers of assets that are not.
pub(crate) const FRACTIONS: [NumberField; 5] = [
    NumberField::FocalLength,
    NumberField::ExposureTime,
    NumberField::Aperture,
    NumberField::Compensation,
    NumberField::Duration,
];

pub(crate) fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let fast = || NumericOptions::default().set_fast();
    let text = |tokenizer: &str, option| {
        let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option);
        TextOptions::default().set_indexing_options(indexing)
    };
    let grams = || text("raw", IndexRecordOption::WithFreqsAndPositions);
    let fields = Fields {
        id: schema.add_u64_field(column::ID, fast().set_indexed()),
        last: schema.add_u64_field(column::LAST, fast()),
        facts: schema.add_text_field("facts", STRING),
        folders: schema.add_u64_field("folders", NumericOptions::default().set_indexed()),
        kin: schema.add_u64_field("kin", NumericOptions::default().set_indexed()),
        words: schema.add_text_field("words", text(TOKENIZER, IndexRecordOption::WithFreqs)),
        camera: schema.add_text_field("camera", STRING),
        lens: schema.add_text_field("lens", STRING),
        tag: schema.add_text_field("tag", STRING),
        person: schema.add_text_field("person", STRING),
        label: schema.add_text_field("label", STRING),
        place: schema.add_text_field("place", STRING),
        folder: schema.add_text_field("folder", STRING),
        name: schema.add_text_field("name", grams()),
        path: schema.add_text_field("path", grams()),
        title: schema.add_text_field("title", grams()),
        text: schema.add_text_field("text", grams()),
        whole: WHOLE.map(|field| schema.add_i64_field(column_of(field), fast())),
        fractions: FRACTIONS.map(|field| schema.add_f64_field(column_of(field), fast())),
        latitude: schema.add_f64_field(column::LATITUDE, fast()),
        longitude: schema.add_f64_field(column::LONGITUDE, fast()),
    };
    (schema.build(), fields)
}

impl Fields {
    pub(crate) fn document(&self, record: &Record) -> TantivyDocument {
        let asset = &record.asset;
        let mut document = TantivyDocument::new();
        document.add_u64(self.id, record.id);
        document.add_u64(self.last, record.items().end.saturating_sub(1));
        for fact in facts(asset) {
            document.add_text(self.facts, fact);
        }
        // The file itself too: a folder that is asked for may be a file.
        for folder in asset.path.ancestors() {
            document.add_u64(self.folders, folder_hash(folder));
        }
        for key in KinKeys::of(asset).iter() {
            document.add_u64(self.kin, key);
        }
        document.add_text(self.words, words_of(asset));
        for (field, of) in [
            (self.camera, TextField::Camera),
            (self.lens, TextField::Lens),
            (self.tag, TextField::Tag),
            (self.person, TextField::Person),
            (self.label, TextField::Label),
            (self.place, TextField::Place),
        ] {
            for value in filter::texts(asset, of) {
                document.add_text(field, fold::folded(&value));
            }
        }
        if let Some(folder) = asset.path.parent() {
            document.add_text(self.folder, fold::folded(&folder.to_string_lossy()));
        }
        for (field, of) in [
            (self.name, TextField::Name),
            (self.path, TextField::Path),
            (self.title, TextField::Title),
            (self.text, TextField::Text),
        ] {
            let text: String = filter::texts(asset, of).iter().map(|text| fold::folded(text)).collect();
            if !text.is_empty() {
                document.add_pre_tokenized_text(field, grams(&text));
            }
        }
        for (field, of) in self.whole.into_iter().zip(WHOLE) {
            if let Some(value) = filter::number(asset, of) {
                document.add_i64(field, value as i64);
            }
        }
        for (field, of) in self.fractions.into_iter().zip(FRACTIONS) {
            if let Some(value) = filter::number(asset, of) {
                document.add_f64(field, without_sign_of_zero(value));
            }
        }
        if let Some((latitude, longitude)) = asset.gps {
            document.add_f64(self.latitude, latitude);
            document.add_f64(self.longitude, longitude);
        }
        document
    }
}

/// All that can be said of an asset and is either true or not.
fn facts(asset: &Asset) -> Vec<String> {
    let mut facts = vec![kind_fact(asset.kind).to_owned()];
    facts.extend(filter::shape_of(asset).map(|shape| shape_fact(shape).to_owned()));
    facts.extend(filter::month_taken(asset).map(month_fact));
    facts.extend(filter::extension_of(&asset.path).map(|extension| extension_fact(&extension)));
    facts.extend(asset.exposure.flash.map(|fired| flash_fact(fired).to_owned()));
    facts.extend(asset.related.burst.as_ref().map(|id| burst_fact(id)));
    let known = PROPERTIES.iter().filter(|&&(property, _)| filter::has(asset, property));
    facts.extend(known.map(|(_, fact)| (*fact).to_owned()));
    facts
}

const PROPERTIES: [(Property, &str); 13] = [
    (Property::Gps, "has:gps"),
    (Property::Date, "has:date"),
    (Property::Camera, "has:camera"),
    (Property::Lens, "has:lens"),
    (Property::Tag, "has:tag"),
    (Property::Title, "has:title"),
    (Property::Rating, "has:rating"),
    (Property::Person, "has:person"),
    (Property::Label, "has:label"),
    (Property::Place, "has:place"),
    (Property::Burst, "has:burst"),
    (Property::Motion, "has:motion"),
    (Property::Text, "has:text"),
];

pub(crate) fn property_fact(property: Property) -> &'static str {
    PROPERTIES.iter().find(|(known, _)| *known == property).map_or("", |(_, fact)| fact)
}

pub(crate) fn kind_fact(kind: Kind) -> &'static str {
    match kind {
        Kind::Photo => "kind:photo",
        Kind::Video => "kind:video",
        Kind::Document => "kind:document",
    }
}

pub(crate) fn shape_fact(shape: Shape) -> &'static str {
    match shape {
        Shape::Landscape => "shape:landscape",
        Shape::Portrait => "shape:portrait",
        Shape::Square => "shape:square",
    }
}

pub(crate) fn flash_fact(fired: bool) -> &'static str {
    if fired { "flash:on" } else { "flash:off" }
}

pub(crate) fn burst_fact(id: &str) -> String {
    format!("burst:{}", id.to_lowercase())
}

pub(crate) fn month_fact(month: u8) -> String {
    format!("month:{month}")
}

pub(crate) fn extension_fact(extension: &str) -> String {
    format!("ext:{}", extension.to_lowercase())
}

/// Stands for a folder: the first 8 bytes of the BLAKE3 hash of its path's bytes, without slashes at the end.
pub(crate) fn folder_hash(folder: &std::path::Path) -> u64 {
    // Components, so that "a/./b/" is "a/b".
    let folder: std::path::PathBuf = folder.components().collect();
    let hash = blake3::hash(&path_bytes::lossy(&folder));
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// All words that an asset may be found by.
pub(crate) fn words_of(asset: &Asset) -> String {
    filter::texts(asset, TextField::Any).iter().map(|text| fold::folded(text)).collect()
}

/// A folded text as its parts of three characters, each at the position of its first character.
fn grams(text: &str) -> PreTokenizedString {
    let token = |(position, text): (usize, String)| Token { position, text, ..Token::default() };
    PreTokenizedString { text: String::new(), tokens: grams_of(text).enumerate().map(token).collect() }
}

/// The parts of three characters of a folded text.
pub(crate) fn grams_of(text: &str) -> impl Iterator<Item = String> {
    let chars: Vec<char> = text.chars().collect();
    let count = (chars.len() + 1).saturating_sub(GRAM);
    (0..count).map(move |at| chars[at..at + GRAM].iter().collect())
}
