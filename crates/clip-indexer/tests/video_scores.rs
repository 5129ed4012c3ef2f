//! By what a video should be found: its best frame, or a mean of its frames. Measured on clips of parts of the sample photos.
#![allow(clippy::print_stderr, reason = "figures that documents quote")]

use std::path::{Path, PathBuf};
use std::process::Command;

use clip_encoder::{BoxedError, Encoder};
use clip_index::IndexReader;
use clip_indexer::{IndexOptions, Indexer, VideoOptions};
use clip_video::Ffmpeg;
use image::RgbImage;
use image::imageops::{FilterType, crop_imm, resize};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Knows what is where and in which colour, coarsely, as models do.
struct Coarse;

/// Fields in each direction.
const SIDE: u32 = 5;

impl Encoder for Coarse {
    type Pixels = Vec<f32>;

    fn name(&self) -> &str {
        "coarse"
    }

    fn fingerprint(&self) -> &str {
        "coarse-1"
    }

    fn dimension(&self) -> usize {
        (3 * SIDE * SIDE) as usize
    }

    fn preprocess(&self, image: &RgbImage) -> Result<Vec<f32>, BoxedError> {
        let small = resize(image, SIDE, SIDE, FilterType::Triangle);
        let values: Vec<f32> = small.as_raw().iter().map(|value| f32::from(*value) - 110.0).collect();
        let length = values.iter().map(|x| x * x).sum::<f32>().sqrt().max(1.0);
        Ok(values.into_iter().map(|x| x / length).collect())
    }

    fn embed_pixels(&self, batch: &[Vec<f32>]) -> Result<Vec<f32>, BoxedError> {
        Ok(batch.concat())
    }

    fn embed_texts(&self, _: &[&str]) -> Result<Vec<f32>, BoxedError> {
        Err("it knows no words".into())
    }
}

/// Parts of the sample photos, all different, of 16x9.
fn scenes() -> Vec<RgbImage> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    let mut photos: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    photos.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    photos.sort();
    let parts = |path: &PathBuf| {
        let photo = resize(&image::open(path).unwrap().into_rgb8(), 480, 360, FilterType::Triangle);
        let at = [(0, 0), (240, 0), (0, 180), (240, 180), (120, 90)];
        at.map(|(x, y)| crop_imm(&photo, x, y, 240, 135).to_image())
    };
    photos.iter().flat_map(parts).collect()
}

/// The picture as somebody else might have taken it: brighter or darker, cut, and with noise.
fn taken_again(scene: &RgbImage, random: &mut StdRng) -> RgbImage {
    let (x, y) = (random.random_range(0..40), random.random_range(0..24));
    let mut again = crop_imm(scene, x, y, 200, 111).to_image();
    let (gain, shift) = (random.random_range(0.7..1.3), random.random_range(-30.0..30.0));
    for value in again.iter_mut() {
        let noise: f32 = random.random_range(-25.0..25.0);
        *value = (f32::from(*value) * gain + shift + noise).clamp(0.0, 255.0) as u8;
    }
    again
}

/// The scores of a video's frames as one.
fn weighted_mean(scores: &[f32], temperature: f32) -> f32 {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = scores.iter().map(|score| ((score - most) / temperature).exp()).collect();
    weights.iter().zip(scores).map(|(weight, score)| weight * score).sum::<f32>() / weights.iter().sum::<f32>()
}

#[test]
fn the_best_frame_finds_more_videos_than_a_mean_of_frames() {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let Some(program) = Ffmpeg::find(std::env::split_paths(&folders)) else {
        eprintln!("PASSED OVER: there is no ffmpeg");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (clips, index) = (dir.path().join("clips"), dir.path().join("index"));
    std::fs::create_dir(&clips).unwrap();
    let (scenes, mut random) = (scenes(), StdRng::seed_from_u64(3));
    // Each scene is in one clip; clips have one to nine scenes.
    let mut order: Vec<usize> = (0..scenes.len()).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, random.random_range(0..=at));
    }
    let (mut left, mut clip_of, mut number) = (order.as_slice(), vec![0; scenes.len()], 0);
    while !left.is_empty() {
        let (own, rest) = left.split_at(random.random_range(1..=9).min(left.len()));
        left = rest;
        let list = dir.path().join("list.txt");
        let mut text = String::new();
        for scene in own {
            clip_of[*scene] = number;
            let picture = dir.path().join(format!("{scene}.png"));
            scenes[*scene].save(&picture).unwrap();
            let seconds = f64::from(random.random_range(2..8)) / 2.0;
            text += &format!("file '{}'\nduration {seconds}\n", picture.display());
        }
        std::fs::write(&list, text).unwrap();
        let mut command = Command::new(&program);
        command.args(["-nostdin", "-v", "error", "-f", "concat", "-safe", "0", "-i"]).arg(&list);
        command.args(["-vf", "fps=10,pad=240:136,format=yuv420p", "-preset", "ultrafast"]);
        let done = command.arg(clips.join(format!("{number:03}.mp4"))).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        number += 1;
    }
    let videos = Some(VideoOptions::new(Ffmpeg::open(&program).unwrap()));
    let options = IndexOptions { videos, ..IndexOptions::default() };
    let report = Indexer::new(&Coarse, &index).options(options).run(&[clips]).unwrap();
    assert_eq!(report.indexed, number as u64);
    let reader = IndexReader::open(&index).unwrap();
    let mut records = reader.all_records().unwrap();
    records.sort_by(|a, b| a.asset.path.cmp(&b.asset.path));

    let temperatures = [0.01, 0.03, 0.1, 0.3, 1e6];
    let (mut best_frame, mut means, mut asked) = (0, [0; 5], 0);
    for (scene, picture) in scenes.iter().enumerate() {
        for _ in 0..4 {
            asked += 1;
            let query = Coarse.preprocess(&taken_again(picture, &mut random)).unwrap();
            let scores: Vec<Vec<f32>> = records
                .iter()
                .map(|record| record.items().map(|item| reader.similarity(&query, item).unwrap()).collect())
                .collect();
            let first = |of: &dyn Fn(&[f32]) -> f32| {
                (0..scores.len()).max_by(|a, b| of(&scores[*a]).total_cmp(&of(&scores[*b]))).unwrap()
            };
            let most = |scores: &[f32]| scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            best_frame += usize::from(first(&most) == clip_of[scene]);
            for (found, temperature) in means.iter_mut().zip(temperatures) {
                *found += usize::from(first(&|scores| weighted_mean(scores, temperature)) == clip_of[scene]);
            }
        }
    }
    eprintln!("{asked} queries of {number} clips: best frame {best_frame}, means at {temperatures:?}: {means:?}");
    assert!(means.iter().all(|found| best_frame >= *found), "{best_frame} {means:?}");
    assert!(best_frame * 2 > asked, "{best_frame} of {asked}: the queries are too hard to tell anything");
}
