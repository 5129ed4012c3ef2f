//! Conditions, as the word index finds them, against what they mean.

use std::fs;
use std::ops::Bound;
use std::path::Path;

use clip_index::{
    Asset, Filter, IndexError, IndexReader, IndexWriter, Kind, NewItem, NumberField, PictureText, Property, Record,
    Shape, TextField, verify,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::common::*;

const DIMENSION: usize = 4;

/// Conditions of every kind, with values that some assets have.
fn filters(rng: &mut StdRng, depth: usize) -> Filter {
    let kinds = if depth == 0 { 9 } else { 12 };
    match rng.random_range(0..kinds) {
        0 | 1 => {
            let fields = [
                TextField::Any,
                TextField::Name,
                TextField::Path,
                TextField::Camera,
                TextField::Lens,
                TextField::Tag,
                TextField::Title,
                TextField::Person,
                TextField::Label,
                TextField::Place,
                TextField::Text,
            ];
            let texts = [
                "img",
                "IMG_0",
                "0012",
                "album",
                "Album 3",
                "camera 1",
                "50mm",
                "tag 3",
                "été",
                "geneve",
                "a geneve",
                "京的",
                "北京",
                "jpg",
                "3",
                "8",
                "f/1.8",
                "moved",
                "photos/album",
                "xyz",
                "zoe",
                "Zoe 3",
                "red",
                "suisse",
                "strasse",
                "exit 1",
                "xit",
                "-",
            ];
            let text = texts.choose(rng).unwrap().to_string();
            Filter::Text { field: *fields.choose(rng).unwrap(), text }
        }
        2 | 3 => {
            let (field, most) = *[
                (NumberField::TakenAt, 20_000.0),
                (NumberField::Size, 5000.0),
                (NumberField::Width, 646.0),
                (NumberField::Height, 490.0),
                (NumberField::Iso, 3200.0),
                (NumberField::FocalLength, 200.0),
                (NumberField::ExposureTime, 1.0),
                (NumberField::Aperture, 22.0),
                (NumberField::Compensation, 2.0),
                (NumberField::Rating, 5.0),
                (NumberField::Duration, 200.0),
            ]
            .choose(rng)
            .unwrap();
            let mut bound = || {
                let at: f64 = rng.random_range(f64::max(-most, -100.0)..most);
                let at = if rng.random_bool(0.7) { at.round() } else { at };
                [Bound::Unbounded, Bound::Included(at), Bound::Excluded(at)].choose(rng).copied().unwrap()
            };
            let (from, to) = (bound(), bound());
            Filter::Number { field, from, to }
        }
        4 => Filter::Month(rng.random_range(0..14)),
        5 => Filter::Extension((*["jpg", "JPG", "mp4", "jp"].choose(rng).unwrap()).to_owned()),
        6 => [
            Filter::Kind(Kind::Photo),
            Filter::Kind(Kind::Video),
            Filter::Shape(Shape::Landscape),
            Filter::Shape(Shape::Portrait),
            Filter::Shape(Shape::Square),
            Filter::Has(Property::Gps),
            Filter::Has(Property::Date),
            Filter::Has(Property::Camera),
            Filter::Has(Property::Lens),
            Filter::Has(Property::Tag),
            Filter::Has(Property::Title),
            Filter::Has(Property::Rating),
            Filter::Has(Property::Person),
            Filter::Has(Property::Label),
            Filter::Has(Property::Place),
            Filter::Has(Property::Burst),
            Filter::Has(Property::Motion),
            Filter::Has(Property::Text),
            Filter::Flash(true),
            Filter::Flash(false),
            Filter::Burst("burst-1".into()),
        ]
        .choose(rng)
        .unwrap()
        .clone(),
        7 => Filter::Near {
            latitude: rng.random_range(40.0..60.0),
            longitude: rng.random_range(-90.0..20.0),
            kilometres: [0.0, 50.0, 900.0, 5000.0, 30_000.0].choose(rng).copied().unwrap(),
        },
        8 => {
            let folders = ["/", "/photos", "/photos/", "/photos/Album 1", "/photos/Alb", "/moved", "photos", ""];
            Filter::Under((*folders.choose(rng).unwrap()).into())
        }
        9 => Filter::Not(Box::new(filters(rng, depth - 1))),
        kind => {
            let some = (0..rng.random_range(0..4)).map(|_| filters(rng, depth - 1)).collect();
            if kind == 10 { Filter::All(some) } else { Filter::Any(some) }
        }
    }
}

fn expected(records: &[Record], filter: &Filter) -> Vec<u64> {
    records.iter().filter(|record| filter.meets(&record.asset)).flat_map(Record::items).collect()
}

fn assert_found(dir: &Path, rng: &mut StdRng, rounds: usize) -> usize {
    let reader = IndexReader::open(dir).unwrap();
    let records = reader.all_records().unwrap();
    let mut some = 0;
    for _ in 0..rounds {
        let filter = filters(rng, 3);
        let expected = expected(&records, &filter);
        let found: Vec<u64> = reader.matching(&filter).unwrap().iter().collect();
        assert_eq!(found, expected, "{filter:?}");
        some += usize::from(!found.is_empty() && found.len() < reader.len());
    }
    some
}

const WORDS: [&str; 12] = [
    "img",
    "IMG album",
    "album 3",
    "zoë 3",
    "camera-1",
    "jpg",
    "photos, album: 2",
    "moved",
    "xyz",
    "album xyz",
    "exit",
    "EXIT album 3",
];

fn with_words(reader: &IndexReader, text: &str) -> Result<Vec<u64>, IndexError> {
    Ok(reader.items_with_words(text)?.iter().collect())
}

/// The items of assets that have all words of a text.
fn expected_words(records: &[Record], text: &str) -> Vec<u64> {
    let split = |text: &str| -> Vec<String> {
        text.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
    };
    let words: Vec<String> = split(text).into_iter().filter(|word| !word.is_empty()).collect();
    let has_all = |record: &&Record| {
        let Asset { path, camera, lens, title, description, tags, people, label, places, text, .. } = &record.asset;
        let texts = [camera, lens, title, description, label]
            .into_iter()
            .flatten()
            .chain(tags)
            .chain(people)
            .chain(places)
            .chain(text.as_ref().map(|text| &text.words));
        let all: Vec<String> = texts.flat_map(|text| split(text)).chain(split(&path.to_string_lossy())).collect();
        words.iter().all(|word| all.contains(word))
    };
    records.iter().filter(has_all).flat_map(Record::items).collect()
}

#[test]
fn the_word_index_finds_what_meets_a_condition() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(4);
    let mut some = 0;
    let mut number = 0;
    for round in 0..12 {
        let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
        for _ in 0..rng.random_range(10..60) {
            let Photo { asset, embedding } = photo(number, DIMENSION);
            number += 1;
            if number.is_multiple_of(13) {
                let asset = Asset { kind: Kind::Video, height: 480 + number as u32 % 400, ..asset };
                let item = |position| NewItem { position, embedding: embedding.clone() };
                writer
                    .add_items(Asset { path: asset.path.with_extension("mp4"), ..asset }, &[item(0), item(900)])
                    .unwrap();
            } else {
                writer.add(asset, embedding).unwrap();
            }
        }
        for _ in 0..round {
            let id = rng.random_range(1..number + 1);
            if rng.random_bool(0.5) {
                writer.remove(id).unwrap();
            } else if rng.random_bool(0.3) {
                let _ = writer.touch(id, stamp(id * 7, 5));
            } else {
                // Whoever is gone, or no asset's first item, cannot be moved.
                let _ = writer.relocate(id, format!("/moved/{id}.JPG").as_ref(), stamp(id, 5));
            }
        }
        writer.commit().unwrap();
        some += assert_found(dir.path(), &mut rng, 100);
        let reader = IndexReader::open(dir.path()).unwrap();
        let records = reader.all_records().unwrap();
        for text in WORDS {
            assert_eq!(with_words(&reader, text).unwrap(), expected_words(&records, text), "{text}");
        }
    }
    assert!(some > 300, "{some} of 1200 conditions tell assets apart");
    assert!(verify(dir.path()).unwrap().is_clean());
}

/// The files that are not read at first are checked before they are read.
#[test]
fn damaged_words_are_an_error_or_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 300, 100, DIMENSION);
    let reader = IndexReader::open(dir.path()).unwrap();
    let records = reader.all_records().unwrap();
    let mut errors = 0;
    for file in files(&dir.path().join("words")) {
        let good = fs::read(&file).unwrap();
        for at in (0..good.len()).step_by(good.len() / 16 + 1) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x24;
            // As a new file: the readers above keep theirs.
            fs::remove_file(&file).unwrap();
            fs::write(&file, &bytes).unwrap();
            let reader = IndexReader::open(dir.path()).unwrap();
            for text in WORDS {
                match with_words(&reader, text) {
                    Ok(found) => assert_eq!(found, expected_words(&records, text), "{text}, {}", file.display()),
                    Err(_) => errors += 1,
                }
            }
        }
        fs::remove_file(&file).unwrap();
        fs::write(&file, &good).unwrap();
    }
    assert!(errors > 20, "{errors}");
}

#[test]
fn files_are_found_by_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    let mut ids = Vec::new();
    for path in ["/p/Été à Genève.jpg", "/q/ete_a_geneve.PNG", "/p/Genève.jpg", "/geneve/a.jpg", "/p/北京2008.jpg"]
    {
        let Photo { asset, embedding } = photo(ids.len() as u64, DIMENSION);
        ids.push(writer.add(Asset { path: path.into(), ..asset }, embedding).unwrap());
    }
    // More than are looked at one by one.
    for number in 0..1500 {
        let Photo { asset, embedding } = photo(number + 10, DIMENSION);
        writer.add(Asset { path: format!("/geneve/x{number}.jpg").into(), ..asset }, embedding).unwrap();
    }
    writer.commit().unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    let named = |name: &str| reader.items_named(name).unwrap().iter().collect::<Vec<_>>();
    assert_eq!(named("été à genève"), ids[..2]);
    assert_eq!(named("ETE A GENEVE.jpg"), ids[..1]);
    assert_eq!(named("geneve"), ids[2..3]);
    assert_eq!(named("a"), ids[3..4]);
    assert_eq!(named("北京2008"), ids[4..5]);
    assert_eq!(named("x7.jpg").len(), 1);
    for name in ["gene", "geneve png", "", "...", "2008"] {
        assert!(named(name).is_empty(), "{name}");
    }
}

/// An index whose words are those of an earlier version, or damaged, answers from its records.
#[test]
fn records_answer_where_the_words_cannot() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 60, 20, DIMENSION);
    let mut rng = StdRng::seed_from_u64(8);
    let damaged =
        files(&dir.path().join("words")).into_iter().find(|file| file.extension().is_some_and(|e| e == "fast"));
    let damaged = damaged.unwrap();
    let mut bytes = fs::read(&damaged).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::remove_file(&damaged).unwrap();
    fs::write(&damaged, bytes).unwrap();
    assert!(IndexReader::open(dir.path()).unwrap().search_words("img", 3).is_err());
    assert_found(dir.path(), &mut rng, 50);
    drop(IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap());
    assert!(!IndexReader::open(dir.path()).unwrap().search_words("img", 3).unwrap().is_empty());
    assert_found(dir.path(), &mut rng, 50);
}

#[test]
fn details_that_were_read_again_are_found_and_all_else_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(8)).unwrap();
    let photos: Vec<_> = (1..4).map(|number| photo(number, 8)).collect();
    let ids: Vec<u64> =
        photos.iter().map(|photo| writer.add(photo.asset.clone(), photo.embedding.clone()).unwrap()).collect();
    writer.commit().unwrap();
    let iso = |number: f64| Filter::Number {
        field: NumberField::Iso,
        from: Bound::Included(number),
        to: Bound::Included(number),
    };
    let found =
        |filter: &Filter| IndexReader::open(dir.path()).unwrap().matching(filter).unwrap().iter().collect::<Vec<_>>();
    let read = Asset { iso: Some(77), details_version: 3, ..Asset::default() };
    writer.set_details(ids[0], read).unwrap();
    // Only the version is new.
    writer.set_details(ids[1], Asset { details_version: 3, ..photos[1].asset.clone() }).unwrap();
    writer.keep_details(ids[2], 3).unwrap();
    assert!(matches!(writer.keep_details(99, 3), Err(clip_index::IndexError::UnknownId { id: 99 })));
    writer.commit().unwrap();
    assert_eq!(found(&iso(77.0)), [ids[0]]);
    assert_eq!(found(&iso(photos[1].asset.iso.unwrap().into())), [ids[1]]);
    let reader = IndexReader::open(dir.path()).unwrap();
    let records = reader.records(&ids).unwrap();
    for (record, photo) in records.iter().zip(&photos) {
        let (now, before) = (&record.asset, &photo.asset);
        assert_eq!(
            (&now.path, now.stamp, now.hash, now.width),
            (&before.path, before.stamp, before.hash, before.width)
        );
        assert_eq!(now.details_version, 3);
        assert_eq!(reader.embedding(record.id).unwrap(), stored(&photo.embedding));
    }
    assert_eq!((records[0].asset.iso, &records[0].asset.title), (Some(77), &None));
    assert_eq!(records[2].asset, Asset { details_version: 3, ..photos[2].asset.clone() });
}

#[test]
fn text_that_was_read_in_a_picture_is_found_and_all_else_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(8)).unwrap();
    let photos: Vec<_> = [3, 6, 9].map(|number| photo(number, 8)).into();
    let ids: Vec<u64> =
        photos.iter().map(|photo| writer.add(photo.asset.clone(), photo.embedding.clone()).unwrap()).collect();
    writer.commit().unwrap();
    let text = |words: &str, version| PictureText {
        version,
        languages: "eng".into(),
        words: words.into(),
        confidences: vec![90; words.split_whitespace().count()],
    };
    let found = |field, text: &str| {
        let filter = Filter::Text { field, text: text.into() };
        IndexReader::open(dir.path()).unwrap().matching(&filter).unwrap().iter().collect::<Vec<_>>()
    };
    assert!(photos.iter().all(|photo| photo.asset.text.is_none()));
    // Two lines of a sign are one text; nothing was found in the second; the third was not committed yet.
    writer.set_text(ids[0], text("Café de\nFlore", 1)).unwrap();
    writer.set_text(ids[1], text("", 1)).unwrap();
    let fourth = writer.add(photo(12, 8).asset, photo(12, 8).embedding).unwrap();
    writer.set_text(fourth, text("café", 1)).unwrap();
    assert!(matches!(writer.set_text(99, text("", 1)), Err(IndexError::UnknownId { id: 99 })));
    writer.commit().unwrap();
    assert_eq!(found(TextField::Text, "cafe"), [ids[0], fourth]);
    assert_eq!(found(TextField::Text, "de flore"), [ids[0]]);
    assert_eq!(found(TextField::Any, "lor"), [ids[0]]);
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_eq!(with_words(&reader, "flore").unwrap(), [ids[0]]);
    assert_eq!(reader.matching(&Filter::Has(Property::Text)).unwrap().iter().collect::<Vec<_>>(), [ids[0], fourth]);
    // Details that are read again leave it alone, and a better reader replaces it.
    writer.set_details(ids[0], Asset { iso: Some(77), ..Asset::default() }).unwrap();
    writer.set_text(ids[1], text("Rue", 2)).unwrap();
    writer.set_text(fourth, text("", 2)).unwrap();
    writer.commit().unwrap();
    assert_eq!(found(TextField::Text, "flore"), [ids[0]]);
    assert_eq!(found(TextField::Text, "rue"), [ids[1]]);
    assert!(found(TextField::Text, "café") == [ids[0]]);
    let records = IndexReader::open(dir.path()).unwrap().records(&[ids[1], ids[2]]).unwrap();
    assert_eq!(records[0].asset, Asset { text: Some(text("Rue", 2)), ..photos[1].asset.clone() });
    assert_eq!(records[1].asset, photos[2].asset);
    assert_eq!(records[0].asset.text.as_ref().unwrap().confidence(), Some(90.0));
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[test]
fn the_languages_of_text_are_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(8)).unwrap();
    assert_eq!(writer.text_languages(), None);
    writer.set_text_languages(Some("eng+deu".into()));
    writer.commit().unwrap();
    assert_eq!(IndexReader::open(dir.path()).unwrap().text_languages(), Some("eng+deu"));
    writer.set_text_languages(None);
    writer.commit().unwrap();
    assert_eq!(IndexReader::open(dir.path()).unwrap().text_languages(), None);
}
