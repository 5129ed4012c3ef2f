//! What the tests share: photos, vectors and an oracle in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clip_index::{
    Asset, Bank, Exposure, IndexError, IndexReader, IndexWriter, Inode, Kind, ModelId, PictureText, Record, Related,
    Stamp,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub fn model(dimension: usize) -> ModelId {
    ModelId { name: "test".into(), fingerprint: format!("test-{dimension}"), dimension }
}

pub fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

/// About normally distributed, so that directions are spread evenly.
pub fn gaussian(rng: &mut StdRng, dimension: usize) -> Vec<f32> {
    (0..dimension).map(|_| (0..6).map(|_| rng.random_range(-1.0f32..1.0)).sum()).collect()
}

pub fn unit(rng: &mut StdRng, dimension: usize) -> Vec<f32> {
    normalised(gaussian(rng, dimension))
}

/// Texts that hubness is measured with; other ones for another seed.
pub fn bank(seed: u64, dimension: usize) -> Arc<Bank> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut texts = |count: usize| (0..count).flat_map(|_| unit(&mut rng, dimension)).collect::<Vec<f32>>();
    Arc::new(Bank::new(format!("bank-{seed}"), &texts(30), &texts(20), dimension, 4).unwrap())
}

/// An asset with one item.
#[derive(Debug, Clone)]
pub struct Photo {
    pub asset: Asset,
    pub embedding: Vec<f32>,
}

/// Adds assets with one item.
pub trait AddPhoto {
    fn add_photo(&mut self, photo: Photo) -> Result<u64, IndexError>;
}

impl AddPhoto for IndexWriter {
    fn add_photo(&mut self, photo: Photo) -> Result<u64, IndexError> {
        self.add(photo.asset, photo.embedding)
    }
}

/// A stamp of a file that was changed.
pub fn stamp(size: u64, mtime_ns: i128) -> Stamp {
    Stamp { size, mtime_ns, ..Stamp::default() }
}

/// A photo that depends on nothing but its number.
pub fn photo(number: u64, dimension: usize) -> Photo {
    let mut rng = StdRng::seed_from_u64(number);
    let mtime_ns = i128::from(number) * 1_500_000_001 - 40_000_000_000;
    let asset = Asset {
        path: format!("/photos/Album {}/IMG_{number:05}.jpg", number % 5).into(),
        stamp: Stamp {
            size: number * 10,
            mtime_ns,
            ctime_ns: number.is_multiple_of(2).then_some(mtime_ns - 1),
            inode: number.is_multiple_of(3).then_some(Inode { device: 5, number }),
        },
        hash: u128::from(number).to_le_bytes(),
        kind: Kind::Photo,
        width: 640 + number as u32 % 7,
        height: 480,
        taken_at: number.is_multiple_of(2).then_some(number as i64 - 100),
        camera: number.is_multiple_of(3).then(|| format!("Camera {number}")),
        lens: number.is_multiple_of(4).then(|| "50mm f/1.8".into()),
        gps: number.is_multiple_of(5).then_some((48.5, -(number as f64) / 7.0)),
        utc_offset: number.is_multiple_of(4).then_some(number as i16 % 720 - 300),
        iso: (!number.is_multiple_of(3)).then_some(100 << (number % 6)),
        focal_length: number.is_multiple_of(7).then_some(number as f32 % 200.0 + 0.5),
        exposure: Exposure {
            time: number.is_multiple_of(2).then_some(1.0 / (number as f32 % 500.0 + 1.0)),
            aperture: number.is_multiple_of(3).then_some(number as f32 % 20.0 + 1.4),
            compensation: number.is_multiple_of(5).then_some(number as f32 % 4.0 - 2.0),
            flash: number.is_multiple_of(4).then_some(number.is_multiple_of(8)),
        },
        duration: number.is_multiple_of(9).then_some(number * 77),
        rotation: number.is_multiple_of(18).then_some(90),
        related: Related {
            burst: number.is_multiple_of(13).then(|| format!("BURST-{}", number / 26)),
            is_burst_primary: number.is_multiple_of(26),
            live_photo: number.is_multiple_of(17).then(|| format!("LIVE-{number}")),
            has_motion: number.is_multiple_of(19),
        },
        rating: number.is_multiple_of(6).then_some((number % 5) as u8),
        title: number.is_multiple_of(8).then(|| format!("Été à Genève {number}")),
        description: number.is_multiple_of(9).then(|| "北京的秋天".to_owned()),
        tags: (0..number % 3).map(|tag| format!("Tag {}", (number + tag) % 10)).collect(),
        people: (0..number % 4 / 2).map(|person| format!("Zoë {}", (number + person) % 6)).collect(),
        label: number.is_multiple_of(10).then(|| "Red".into()),
        places: ["Genève", "Suisse"]
            .iter()
            .filter(|_| number.is_multiple_of(5))
            .map(|name| (*name).to_owned())
            .collect(),
        details_version: 0,
        sidecars: number.is_multiple_of(11).then_some(number),
        companions: number.is_multiple_of(17).then(|| format!("IMG_{number:05}.mov").into()).into_iter().collect(),
        picture_hash: if number.is_multiple_of(2) { vec![number as u8; 129] } else { Vec::new() },
        text: (!number.is_multiple_of(3)).then(|| text(number)),
    };
    Photo { asset, embedding: unit(&mut rng, dimension) }
}

/// The text in a photo: none in every other one.
pub fn text(number: u64) -> PictureText {
    let has_words = number.is_multiple_of(2);
    PictureText {
        version: number as u32 % 5,
        languages: "eng+deu".into(),
        words: if has_words { format!("Straße {}\nEXIT {number}", number % 7) } else { String::new() },
        confidences: if has_words { vec![96, 80, 77, number as u8 % 101] } else { Vec::new() },
    }
}

pub fn record(id: u64, photo: &Photo) -> Record {
    Record { id, asset: photo.asset.clone(), positions: vec![0] }
}

/// What is left of an embedding once it is stored in half precision.
pub fn stored(embedding: &[f32]) -> Vec<f32> {
    embedding.iter().map(|&x| half::f16::from_f32(x).to_f32()).collect()
}

/// All files below a folder, sorted.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The document in the manifest of the index in `dir`.
pub fn manifest_of(dir: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(dir.join("manifest.json")).unwrap();
    serde_json::from_str(text.split_once('\n').unwrap().1).unwrap()
}

/// Writes a manifest as a program of this version of the format does; from version 3 on, the checksum covers the line too.
pub fn write_manifest(dir: &Path, version: u32, readable_by: Option<u32>, document: &serde_json::Value) {
    let body = document.to_string();
    let readable = readable_by.map(|least| format!(",\"readable_by\":{least}")).unwrap_or_default();
    let line = format!("{{\"kind\":\"clip-search manifest\",\"version\":{version}{readable}");
    let covered = if version > 2 { format!("{line}{body}") } else { body.clone() };
    let crc = crc32fast::hash(covered.as_bytes());
    std::fs::write(dir.join("manifest.json"), format!("{line},\"crc32\":\"{crc:08x}\"}}\n{body}")).unwrap();
}

/// What the index should hold.
pub type Oracle = BTreeMap<u64, (Record, Vec<f32>)>;

pub fn add(writer: &mut IndexWriter, oracle: &mut Oracle, photo: Photo) -> u64 {
    let id = writer.add_photo(photo.clone()).unwrap();
    let previous = oracle.insert(id, (record(id, &photo), stored(&photo.embedding)));
    assert!(previous.is_none(), "the id {id} was given out twice");
    id
}

/// An index of the photos 0 to `count`, committed in steps of `step`.
pub fn index_of(dir: &Path, count: u64, step: u64, dimension: usize) -> Oracle {
    let mut writer = IndexWriter::open_or_create(dir, &model(dimension)).unwrap();
    let mut oracle = Oracle::new();
    for number in 0..count {
        add(&mut writer, &mut oracle, photo(number, dimension));
        if number % step == step - 1 {
            writer.commit().unwrap();
        }
    }
    writer.commit().unwrap();
    writer.close().unwrap();
    oracle
}

/// The best `k` by the definition.
pub fn brute_force(oracle: &Oracle, query: &[f32], k: usize, passes: impl Fn(u64) -> bool) -> Vec<(u64, f64)> {
    let dot = |row: &[f32]| row.iter().zip(query).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let mut all: Vec<(u64, f64)> =
        oracle.iter().filter(|&(&id, _)| passes(id)).map(|(&id, (_, row))| (id, dot(row))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(k);
    all
}

/// Everything that the reader tells is what the oracle says.
pub fn assert_same(reader: &IndexReader, oracle: &Oracle) {
    assert_eq!(reader.len(), oracle.len());
    assert_eq!(reader.is_empty(), oracle.is_empty());
    assert_eq!(reader.ids().collect::<Vec<_>>(), oracle.keys().copied().collect::<Vec<_>>());
    for (&id, (_, row)) in oracle {
        assert_eq!(reader.embedding(id).as_ref(), Some(row));
    }
    let records: Vec<Record> = oracle.values().map(|(record, _)| record.clone()).collect();
    assert_eq!(reader.all_records().unwrap(), records);
}
