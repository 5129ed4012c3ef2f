//! How long it takes to find the assets that meet a condition.
//!
//! ```sh
//! cargo bench -p clip-index --bench filters -- FOLDER [ASSETS]
//! ```
//!
//! makes an index of made-up assets in FOLDER, 1,000,000 of them unless told otherwise, if it is not there yet, and prints the
//! time of each condition: opening the word index and asking for the first time, and the least of ten times after that. Then that
//! of looking for words.

#![allow(clippy::print_stdout, reason = "it is what a bench does")]

use std::ops::Bound;
use std::path::Path;
use std::time::Instant;

use clip_index::{
    Asset, Exposure, Filter, IndexReader, IndexWriter, Kind, ModelId, NumberField, Property, Related, Shape, Stamp,
    TextField,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const CAMERAS: [&str; 12] = [
    "NIKON D70",
    "NIKON D750",
    "Canon EOS 5D",
    "Canon EOS 400D",
    "Apple iPhone 6",
    "Apple iPhone 13",
    "SONY ILCE-7M3",
    "FUJIFILM X-T3",
    "Panasonic DMC-GX7",
    "OLYMPUS E-M10",
    "samsung SM-G991B",
    "Google Pixel 6",
];
const PLACES: [&str; 8] = ["Rome", "Paris", "Hamburg", "Oslo", "Kyoto", "Lima", "Home", "Garden"];
const TAGS: [&str; 10] =
    ["holiday", "family", "birthday", "dog", "work", "Crème brûlée", "北京", "snow", "concert", "flowers"];

fn asset(number: u64, rng: &mut StdRng) -> Asset {
    let year = 2000 + number % 24;
    let place = PLACES.choose(rng).copied().unwrap_or_default();
    let (long, short) = *[(4000, 3000), (6000, 4000), (1920, 1080), (4032, 3024)].choose(rng).unwrap_or(&(4, 3));
    let (width, height) = if rng.random_bool(0.3) { (short, long) } else { (long, short) };
    let seconds = (year as i64 - 1970) * 31_556_952 + rng.random_range(0..31_000_000);
    Asset {
        path: format!("/home/anna/Pictures/{year}/{place} {}/IMG_{:04}.jpg", number / 5000, number % 10_000).into(),
        stamp: Stamp { size: rng.random_range(200_000..12_000_000), ..Stamp::default() },
        hash: u128::from(number).to_le_bytes(),
        kind: Kind::Photo,
        width,
        height,
        taken_at: rng.random_bool(0.95).then_some(seconds),
        utc_offset: rng.random_bool(0.3).then_some(120),
        camera: rng.random_bool(0.9).then(|| CAMERAS.choose(rng).copied().unwrap_or_default().to_owned()),
        lens: rng.random_bool(0.5).then(|| format!("{} mm f/1.8", rng.random_range(14..200))),
        gps: rng.random_bool(0.5).then(|| (rng.random_range(-60.0..70.0), rng.random_range(-180.0..180.0))),
        iso: rng.random_bool(0.9).then(|| 100 << rng.random_range(0..7)),
        focal_length: rng.random_bool(0.9).then(|| rng.random_range(14.0..200.0f32).round()),
        exposure: Exposure {
            time: rng.random_bool(0.9).then(|| 1.0 / rng.random_range(1.0..4000.0f32).round()),
            aperture: rng.random_bool(0.9).then(|| rng.random_range(14.0..220.0f32).round() / 10.0),
            compensation: rng.random_bool(0.9).then_some(0.0),
            flash: rng.random_bool(0.9).then(|| rng.random_bool(0.1)),
        },
        related: Related::default(),
        rating: rng.random_bool(0.2).then(|| rng.random_range(0..6)),
        title: rng.random_bool(0.1).then(|| format!("Évening in {place}")),
        description: None,
        tags: (0..rng.random_range(0..3)).map(|_| TAGS.choose(rng).copied().unwrap_or_default().to_owned()).collect(),
        people: rng.random_bool(0.2).then(|| "Anna".to_owned()).into_iter().collect(),
        label: rng.random_bool(0.1).then(|| "Red".to_owned()),
        places: vec![place.to_string()],
        details_version: 0,
        sidecars: None,
        companions: Vec::new(),
        duration: None,
        rotation: None,
        picture_hash: Vec::new(),
        text: None,
    }
}

fn make(index: &Path, assets: u64) {
    let model = ModelId { name: "bench".into(), fingerprint: "bench-8".into(), dimension: 8 };
    let mut writer = IndexWriter::open_or_create(index, &model).expect("a folder for the index");
    let mut rng = StdRng::seed_from_u64(1);
    let row: Vec<f32> = (0..8).map(|_| 0.125f32.sqrt()).collect();
    let started = Instant::now();
    for number in writer.len() as u64..assets {
        writer.add(asset(number, &mut rng), row.clone()).expect("an asset");
        if number % 20_000 == 19_999 {
            writer.commit().expect("space on the disk");
        }
    }
    writer.commit().expect("space on the disk");
    println!("{assets} assets in {:.0} s", started.elapsed().as_secs_f64());
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(folder) = arguments.first() else {
        println!("expected FOLDER [ASSETS]");
        return;
    };
    let assets = arguments.get(1).map_or(1_000_000, |assets| assets.parse().expect("a number of assets"));
    let index = Path::new(folder);
    if IndexReader::open(index).map_or(0, |reader| reader.len() as u64) < assets {
        make(index, assets);
    }
    let reader = IndexReader::open(index).expect("an index");
    let words: u64 = std::fs::read_dir(index.join("words"))
        .into_iter()
        .flatten()
        .filter_map(|file| Some(file.ok()?.metadata().ok()?.len()))
        .sum();
    println!("word index: {} bytes for each asset", words / assets.max(1));

    let text = |field, text: &str| Filter::Text { field, text: text.to_owned() };
    let number =
        |field, from: f64, to: f64| Filter::Number { field, from: Bound::Included(from), to: Bound::Included(to) };
    let year = |year: i64| {
        let start = ((year - 1970) * 31_556_952) as f64;
        number(NumberField::TakenAt, start, start + 31_556_951.0)
    };
    let near = |kilometres| Filter::Near { latitude: 48.0, longitude: 11.0, kilometres };
    let filters = [
        ("camera:nikon", text(TextField::Camera, "nikon")),
        ("camera:i", text(TextField::Camera, "i")),
        ("lens:50", text(TextField::Lens, "50")),
        ("tag:creme", text(TextField::Tag, "creme")),
        ("title:evening", text(TextField::Title, "evening")),
        ("name:1234", text(TextField::Name, "1234")),
        ("name:img", text(TextField::Name, "img")),
        ("path:hamburg", text(TextField::Path, "hamburg")),
        ("path:pictures", text(TextField::Path, "pictures")),
        ("any word: rome", text(TextField::Any, "rome")),
        ("year:2019", year(2019)),
        ("after:2000", number(NumberField::TakenAt, 978_307_200.0, f64::MAX)),
        ("month:6", Filter::Month(6)),
        ("iso:>=800", number(NumberField::Iso, 800.0, 1e9)),
        ("focal:24..70", number(NumberField::FocalLength, 24.0, 70.0)),
        ("rating:>=4", number(NumberField::Rating, 4.0, 5.0)),
        ("width:>=4000", number(NumberField::Width, 4000.0, 1e9)),
        ("size:>5MB", number(NumberField::Size, 5e6, 1e12)),
        ("near:48,11,50", near(50.0)),
        ("near:48,11,5000", near(5000.0)),
        ("has:gps", Filter::Has(Property::Gps)),
        ("-has:gps", Filter::Not(Box::new(Filter::Has(Property::Gps)))),
        ("is:portrait", Filter::Shape(Shape::Portrait)),
        ("kind:photo", Filter::Kind(Kind::Photo)),
        ("ext:jpg", Filter::Extension("jpg".into())),
        ("under:2019", Filter::Under("/home/anna/Pictures/2019".into())),
        (
            "camera:nikon year:2019 iso:>=800",
            Filter::All(vec![text(TextField::Camera, "nikon"), year(2019), number(NumberField::Iso, 800.0, 1e9)]),
        ),
        (
            "(rome | paris) -is:portrait",
            Filter::All(vec![
                Filter::Any(vec![text(TextField::Path, "rome"), text(TextField::Path, "paris")]),
                Filter::Not(Box::new(Filter::Shape(Shape::Portrait))),
            ]),
        ),
    ];
    println!("{:34} {:>9} {:>9} {:>9}", "condition", "meet it", "first", "warm");
    for (name, filter) in filters {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..11 {
            let started = Instant::now();
            found = reader.matching(&filter).expect("a word index").len();
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        let warm = times[1..].iter().copied().fold(f64::MAX, f64::min);
        println!("{name:34} {found:>9} {:>6.1} ms {warm:>6.1} ms", times[0]);
    }

    // A search looks for words of a description in every index that is searched.
    println!("\n{:34} {:>9} {:>9} {:>9}", "words", "have them", "opened", "warm");
    for words in ["xylophone", "holiday", "hamburg", "evening in hamburg", "img 1234"] {
        let mut found = 0;
        let mut least = [f64::MAX; 2];
        for _ in 0..5 {
            let reader = IndexReader::open(index).expect("an index");
            for time in &mut least {
                let started = Instant::now();
                found = reader.items_with_words(words).expect("a word index").len();
                *time = time.min(started.elapsed().as_secs_f64() * 1e3);
            }
        }
        println!("{words:34} {found:>9} {:>6.1} ms {:>6.1} ms", least[0], least[1]);
    }
}
