//! A folder of photos, an index and an encoder that can be counted and upset.
#![allow(dead_code, reason = "each test file needs some of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use clip_index::{IndexReader, ModelId, Record};
use clip_indexer::{BoxedError, Encoder, IndexOptions, Indexer, IndexerError, Report};
use image::{Rgb, RgbImage};

pub const RED: [u8; 3] = [250, 10, 10];
pub const GREEN: [u8; 3] = [10, 250, 10];
pub const BLUE: [u8; 3] = [10, 10, 250];
pub const GREY: [u8; 3] = [99, 99, 99];

/// A library of three photos, two of them in a folder.
pub fn three() -> Library {
    let library = Library::new();
    library.photo("a/red.png", RED);
    library.photo("a/green.png", GREEN);
    library.photo("blue.png", BLUE);
    library
}

/// Embeds a photo as its mean colour, brought to length 1: a real function of the pixels, and cheap.
#[derive(Default)]
pub struct MeanColour {
    /// Photos embedded so far.
    pub embedded: AtomicUsize,
    /// Sizes of the batches so far.
    pub batches: Mutex<Vec<usize>>,
    /// What photos are decoded for.
    pub shorter_side: Option<u32>,
    /// Sizes of the pictures that were preprocessed.
    pub sizes: Mutex<Vec<(u32, u32)>>,
    /// Photos of this colour make `preprocess` panic.
    pub panics_at: Option<[u8; 3]>,
    /// Batches that hold this colour fail; `Some(None)` stands for all batches.
    pub fails_at: Option<Option<[u8; 3]>>,
    /// Batches that it asks for at a time. It then waits until it once had as many.
    pub at_once: Option<usize>,
    /// Batches that are being embedded, and the most that ever were.
    inside: Mutex<(usize, usize)>,
    /// Whenever a batch comes in.
    arrival: Condvar,
}

impl MeanColour {
    pub fn embedded(&self) -> usize {
        self.embedded.load(Ordering::Relaxed)
    }

    /// The most batches that were embedded at a time.
    pub fn most_inside(&self) -> usize {
        self.inside.lock().unwrap().1
    }
}

/// A mean colour, and what it is as bytes.
pub struct Colour([f32; 3], [u8; 3]);

impl Encoder for MeanColour {
    type Pixels = Colour;

    fn name(&self) -> &str {
        "mean-colour"
    }

    fn fingerprint(&self) -> &str {
        "mean-colour-1"
    }

    fn dimension(&self) -> usize {
        4
    }

    fn shorter_side(&self) -> Option<u32> {
        self.shorter_side
    }

    fn batches_at_once(&self) -> usize {
        self.at_once.unwrap_or(1)
    }

    fn preprocess(&self, image: &RgbImage) -> Result<Colour, BoxedError> {
        self.sizes.lock().unwrap().push(image.dimensions());
        let mut sum = [0_u64; 3];
        for Rgb(pixel) in image.pixels() {
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += u64::from(*value);
            }
        }
        let pixels = u64::from(image.width()) * u64::from(image.height());
        let bytes = sum.map(|s| (s / pixels) as u8);
        assert!(self.panics_at != Some(bytes), "I do not like this colour");
        Ok(Colour(sum.map(|s| s as f32 / pixels as f32), bytes))
    }

    fn embed_texts(&self, _: &[&str]) -> Result<Vec<f32>, BoxedError> {
        Err("it knows no words".into())
    }

    fn embed_pixels(&self, batch: &[Colour]) -> Result<Vec<f32>, BoxedError> {
        let upset = |colour: &Colour| self.fails_at.is_some_and(|at| at.is_none_or(|at| at == colour.1));
        if batch.iter().any(upset) {
            return Err("the device is on fire".into());
        }
        let mut inside = self.inside.lock().unwrap();
        inside.0 += 1;
        inside.1 = inside.1.max(inside.0);
        self.arrival.notify_all();
        let wanted = self.at_once.unwrap_or(0);
        // Longer than any machine needs, if the others come at all.
        let most = Duration::from_secs(20);
        let (mut inside, _) = self.arrival.wait_timeout_while(inside, most, |inside| inside.1 < wanted).unwrap();
        inside.0 -= 1;
        drop(inside);
        self.embedded.fetch_add(batch.len(), Ordering::Relaxed);
        self.batches.lock().unwrap().push(batch.len());
        Ok(batch.iter().flat_map(|colour| unit(colour.0)).collect())
    }
}

/// What the index stores of the encoder.
pub fn model() -> ModelId {
    ModelId { name: "mean-colour".into(), fingerprint: "mean-colour-1".into(), dimension: 4 }
}

fn unit([r, g, b]: [f32; 3]) -> [f32; 4] {
    // The fourth keeps black from being no direction at all.
    let raw = [r, g, b, 16.0];
    let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
    raw.map(|x| x / length)
}

/// The embedding of a photo of one colour.
pub fn embedding(colour: [u8; 3]) -> [f32; 4] {
    unit(colour.map(f32::from))
}

pub struct Library {
    _dir: tempfile::TempDir,
    base: PathBuf,
    pub encoder: MeanColour,
    pub options: IndexOptions,
}

impl Library {
    pub fn new() -> Library {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        fs::create_dir(base.join("photos")).unwrap();
        Library { _dir: dir, base, encoder: MeanColour::default(), options: IndexOptions::default() }
    }

    /// A path below the folder of photos.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root().join(path)
    }

    pub fn root(&self) -> PathBuf {
        self.base.join("photos")
    }

    pub fn index(&self) -> PathBuf {
        self.base.join("index")
    }

    /// A path beside the folder of photos.
    pub fn beside(&self, path: impl AsRef<Path>) -> PathBuf {
        self.base.join(path)
    }

    /// Writes a photo of one colour.
    pub fn photo(&self, path: impl AsRef<Path>, colour: [u8; 3]) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(6, 4, Rgb(colour)).save_with_format(path, image::ImageFormat::Png).unwrap();
    }

    pub fn run(&self) -> Report {
        self.try_run(&[self.root()]).unwrap()
    }

    pub fn try_run(&self, roots: &[PathBuf]) -> Result<Report, IndexerError> {
        Indexer::new(&self.encoder, &self.index()).options(self.options.clone()).run(roots)
    }

    /// Indexes again all folders that the index knows.
    pub fn again(&self) -> Report {
        self.try_run(&[]).unwrap()
    }

    /// The paths in the index below the folder that everything is in, sorted.
    pub fn all(&self) -> Vec<String> {
        let inside = |record: Record| record.asset.path.strip_prefix(&self.base).unwrap().display().to_string();
        self.records().into_iter().map(inside).collect()
    }

    /// All records, in the order of their paths.
    pub fn records(&self) -> Vec<Record> {
        let mut records = self.reader().all_records().unwrap();
        records.sort_by(|a, b| a.asset.path.cmp(&b.asset.path));
        records
    }

    /// The paths in the index below the folder of photos, sorted.
    pub fn indexed(&self) -> Vec<PathBuf> {
        self.records().into_iter().map(|r| r.asset.path.strip_prefix(self.root()).unwrap().to_path_buf()).collect()
    }

    pub fn reader(&self) -> IndexReader {
        IndexReader::open(self.index()).unwrap()
    }

    /// Asserts that the index holds under this path a photo of this colour.
    pub fn assert_holds(&self, path: &str, colour: [u8; 3]) {
        let reader = self.reader();
        let id = reader.find_path(self.at(path)).unwrap().unwrap_or_else(|| panic!("{path} is not in the index"));
        let found = reader.embedding(id).unwrap();
        for (found, expected) in found.iter().zip(embedding(colour)) {
            assert!((found - expected).abs() < 5e-4, "{path}: {found} instead of {expected}");
        }
    }
}

/// Counts of a report, in the order indexed, copied, unchanged, moved, removed, skipped.
pub fn counts(report: &Report) -> [u64; 6] {
    [report.indexed, report.copied, report.unchanged, report.moved, report.removed, report.skipped.len() as u64]
}
