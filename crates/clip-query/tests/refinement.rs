//! What captions say of relevance, over an index whose embeddings are drawn by lot.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clip_index::{Asset, Bank, IndexWriter, ModelId};
use clip_query::refinement::{Captioned, LEAST_CAPTIONS, LEAST_PHOTOS, TooFew, Trial};
use clip_query::relevance::POCKET;
use clip_query::{BoxedError, Encoder, Query, Searcher};
use image::RgbImage;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const DIMENSION: usize = 24;

/// Every text is the same to it.
#[derive(Debug)]
struct Dull;

impl Encoder for Dull {
    type Pixels = ();

    fn name(&self) -> &str {
        "dull"
    }

    fn fingerprint(&self) -> &str {
        "dull-1"
    }

    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
        let mut row = vec![0.0; DIMENSION];
        row[0] = 1.0;
        Ok(texts.iter().flat_map(|_| row.clone()).collect())
    }

    fn preprocess(&self, _: &RgbImage) -> Result<(), BoxedError> {
        Err("it sees nothing".into())
    }

    fn embed_pixels(&self, _: &[()]) -> Result<Vec<f32>, BoxedError> {
        Ok(Vec::new())
    }
}

struct Lot(StdRng);

impl Lot {
    fn row(&mut self) -> Vec<f32> {
        unit((0..DIMENSION).map(|_| self.0.random_range(-1.0..1.0)).collect())
    }

    /// Something near to a row.
    fn near(&mut self, row: &[f32], noise: f32) -> Vec<f32> {
        let other = self.row();
        unit(row.iter().zip(&other).map(|(x, y)| x + noise * y).collect())
    }
}

fn unit(row: Vec<f32>) -> Vec<f32> {
    let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.into_iter().map(|x| x / length).collect()
}

struct Fixture {
    _dir: tempfile::TempDir,
    searcher: Searcher<Dull>,
    bank: Bank,
    lot: Lot,
}

/// An index of photos that have nothing to do with one another.
fn library(photos: usize) -> Fixture {
    let mut lot = Lot(StdRng::seed_from_u64(3));
    let dir = tempfile::tempdir().unwrap();
    let model = ModelId { name: "dull".into(), fingerprint: "dull-1".into(), dimension: DIMENSION };
    let texts: Vec<f32> = (0..64).flat_map(|_| lot.row()).collect();
    let name = clip_query::bank::name("dull-1");
    let bank = Bank::new(name, &texts, &texts, DIMENSION, clip_query::bank::NEIGHBOURS).unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model).unwrap();
    for number in 0..photos {
        writer.add(Asset { path: format!("/{number}").into(), ..Asset::default() }, lot.row()).unwrap();
    }
    writer.set_bank(Arc::new(bank.clone())).unwrap();
    writer.update_hubness(&clip_index::Silent, &AtomicBool::new(false)).unwrap();
    writer.close().unwrap();
    let searcher = Searcher::open(dir.path(), Dull).unwrap().calibrated(POCKET);
    Fixture { _dir: dir, searcher, bank, lot }
}

impl Fixture {
    /// Tries captions for so many photos, each near to its own as far as `noise` lets it.
    fn attempt(&mut self, photos: usize, noise: Option<f32>) -> Result<Option<Trial>, TooFew> {
        let images: Vec<Vec<f32>> = (0..photos).map(|_| self.lot.row()).collect();
        let caption = |lot: &mut Lot, image: &[f32]| match noise {
            Some(noise) => lot.near(image, noise),
            None => lot.row(),
        };
        let captions: Vec<f32> = images.iter().flat_map(|image| caption(&mut self.lot, image)).collect();
        let texts: Vec<String> =
            (0..photos).map(|number| format!("somebody does something in place {number} at night")).collect();
        let image_of_caption: Vec<usize> = (0..photos).collect();
        let captioned = Captioned {
            images: &images.concat(),
            captions: &captions,
            texts: &texts,
            image_of_caption: &image_of_caption,
        };
        self.searcher.try_refinement(&captioned, &self.bank)
    }
}

#[test]
fn captions_that_say_something_make_relevance_better_where_they_were_not_looked_at() {
    let mut fixture = library(500);
    let trial = fixture.attempt(200, Some(0.6)).unwrap().unwrap();
    assert!(trial.is_better, "{trial:?}");
    assert!(trial.after.log_loss < trial.before.log_loss && trial.after.kept >= 0.9, "{trial:?}");
    assert_eq!((trial.photos, trial.captions), (200, 200));
    // The same captions always say the same.
    let again = library(500).attempt(200, Some(0.6)).unwrap().unwrap();
    assert_eq!(again, trial);
}

#[test]
fn captions_that_say_nothing_change_nothing() {
    let trial = library(500).attempt(200, None).unwrap().unwrap();
    assert!(!trial.is_better, "{trial:?}");
}

#[test]
fn a_few_captions_are_too_few() {
    let mut fixture = library(50);
    assert_eq!(fixture.attempt(LEAST_PHOTOS - 1, Some(0.6)), Err(TooFew::Photos(LEAST_PHOTOS - 1)));
    assert!(fixture.attempt(LEAST_PHOTOS.max(LEAST_CAPTIONS), Some(0.6)).is_ok());
}

#[test]
fn a_refinement_is_what_relevance_is_estimated_by() {
    let fixture = library(300);
    let relevance = |searcher: &Searcher<Dull>| searcher.search(&Query::text("a cat")).unwrap()[0].relevance.unwrap();
    let before = relevance(&fixture.searcher);
    let line = clip_query::refinement::Line { slope: 1.0, offset: 2.0 };
    let refinement = clip_query::refinement::Refinement { captions: line, phrases: line, least: (0.1, 0.1) };
    let Fixture { searcher, .. } = fixture;
    let searcher = searcher.refined(Some(refinement));
    let odds = |share: f32| share / (1.0 - share);
    let after = relevance(&searcher);
    assert!((odds(after) / odds(before) - 2.0_f32.exp()).abs() < 0.05, "{before} {after}");
    assert_eq!(relevance(&searcher.refined(None)), before);
}

#[test]
fn without_a_bank_there_is_nothing_to_refine() {
    let mut fixture = library(300);
    let other = Bank::new("other", &[1.0; 1], &[1.0; 1], 1, 1).unwrap();
    fixture.bank = other;
    assert_eq!(fixture.attempt(200, Some(0.6)), Ok(None));
}
