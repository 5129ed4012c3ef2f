//! `bench`: how fast a model is on this machine, so that one can be chosen.

use std::fs;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clip_model::image_flops;
use clip_search::{IndexOptions, Indexer, Model, Pixels, StageTimes, Towers};
use image::{ImageFormat, Rgb, RgbImage};
use serde::Serialize;

use crate::args::BenchArgs;
use crate::exit::Exit;
use crate::output::{Results, count, grouped};
use crate::progress::duration;
use crate::settings::{ModelSettings, start_threads};
use crate::usage::{cpu_time, peak_memory};

/// What a phone takes: 12 megapixels.
const PHOTO: (u32, u32) = (4000, 3000);
/// How many different photos are made; the library has copies of them that differ in a few bytes.
const PHOTOS: u32 = 4;
/// Each measurement is repeated for at least this long.
const LEAST_TIME: Duration = Duration::from_secs(2);
/// The library that is indexed has as many photos as take about this long to encode, within limits.
const LIBRARY_TIME: Duration = Duration::from_secs(8);
const LEAST_LIBRARY: usize = 8;
const MOST_LIBRARY: usize = 256;
/// What the duration of a run is told for.
const MANY_PHOTOS: f64 = 10_000.0;

const QUERIES: [&str; 8] = [
    "a dog running along the beach with a ball in its mouth",
    "two children build a sand castle near the water at sunset",
    "an old red car parked in front of a brick house",
    "a plate of pasta with tomatoes and basil on a table",
    "people skiing down a mountain slope on a sunny winter day",
    "a cat asleep on a blue sofa next to a window",
    "a crowded street market with fruit and vegetables in autumn",
    "a man playing the guitar on a stage with lights",
];

/// Wall and processor time of something, for each time that it was done.
#[derive(Debug, Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Option<Duration>,
}

impl Cost {
    /// Does something until [`LEAST_TIME`] has passed, after a first time that is not counted; `each` is how often it
    /// counts.
    fn of(each: usize, mut work: impl FnMut() -> Result<()>) -> Result<Self> {
        work()?;
        let (start, cpu) = (Instant::now(), cpu_time());
        let mut count = 0;
        while count == 0 || start.elapsed() < LEAST_TIME {
            work()?;
            count += each;
        }
        let share = |time: Duration| time / u32::try_from(count).unwrap_or(u32::MAX);
        let cpu = cpu.and_then(|before| Some(share(cpu_time()?.saturating_sub(before))));
        Ok(Self { wall: share(start.elapsed()), cpu })
    }
}

#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    fingerprint: &'a str,
    device: &'a str,
    precision: &'a str,
    threads: usize,
    batch: usize,
    /// Per photo in a batch, and for a single text, in milliseconds.
    image_ms: f64,
    text_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_cpu_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_cpu_ms: Option<f64>,
    images_per_second: f64,
    texts_per_second: f64,
    /// Thousands of millions of operations a second in the image tower.
    gflops: f64,
    library: Library,
    /// Most memory the whole program took, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory: Option<u64>,
}

/// A run over a small library of large photos.
#[derive(Serialize)]
struct Library {
    photos: usize,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_seconds: Option<f64>,
    /// Seconds of all threads in each stage; those that wait for one another add up to more than the run.
    stage_seconds: Stages,
    /// What this many photos would take at this rate, in seconds.
    ten_thousand_photos_seconds: f64,
}

#[derive(Serialize)]
struct Stages {
    read: f64,
    decode: f64,
    resize: f64,
    encode: f64,
    write: f64,
}

impl From<&StageTimes> for Stages {
    fn from(stages: &StageTimes) -> Self {
        Self {
            read: (stages.read + stages.hash).as_secs_f64(),
            decode: stages.decode.as_secs_f64(),
            resize: stages.preprocess.as_secs_f64(),
            encode: stages.encode.as_secs_f64(),
            write: (stages.write + stages.graph).as_secs_f64(),
        }
    }
}

pub(crate) fn run(args: &BenchArgs) -> Result<Exit> {
    let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = args.work.threads.unwrap_or_else(cores);
    start_threads(threads)?;
    let model = ModelSettings::resolve(&args.model)?.load(Towers::Both)?;
    let batch = args.work.batch.unwrap_or_else(|| NonZeroUsize::new(model.batch_size()).unwrap_or(NonZeroUsize::MIN));

    let photos: Vec<RgbImage> = (0..PHOTOS).map(photo).collect();
    let pixels: Vec<Pixels> = photos.iter().map(|photo| model.preprocess(photo)).collect();
    let full: Vec<Pixels> = pixels.iter().cycle().take(batch.get()).cloned().collect();
    let image = Cost::of(batch.get(), || Ok(model.embed_pixels(&full).map(drop)?))?;
    let mut queries = QUERIES.iter().cycle();
    let text = Cost::of(1, || Ok(model.embed_texts(&[queries.next().copied().unwrap_or_default()]).map(drop)?))?;
    let library = index_library(&model, &photos, image.wall, threads, batch)?;

    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let line = Line {
        model: model.name(),
        fingerprint: model.fingerprint().as_str(),
        device: model.device(),
        precision: model.precision().name(),
        threads: threads.get(),
        batch: batch.get(),
        image_ms: milliseconds(image.wall),
        text_ms: milliseconds(text.wall),
        image_cpu_ms: image.cpu.map(milliseconds),
        text_cpu_ms: text.cpu.map(milliseconds),
        images_per_second: 1.0 / image.wall.as_secs_f64(),
        texts_per_second: 1.0 / text.wall.as_secs_f64(),
        gflops: image_flops(&model.config().image, model.dimension()) as f64 / image.wall.as_secs_f64() / 1e9,
        library,
        peak_memory: peak_memory(),
    };
    let mut results = Results::new();
    if args.json {
        results.json(&line)?;
    } else {
        tell(&line, &mut results)?;
    }
    results.finish()?;
    Ok(Exit::Done)
}

/// Indexes a library of large photos, as `index` does.
fn index_library(
    model: &Model,
    photos: &[RgbImage],
    image: Duration,
    threads: NonZeroUsize,
    batch: NonZeroUsize,
) -> Result<Library> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder for the test photos")?;
    let fitting = LIBRARY_TIME.as_secs_f64() / image.as_secs_f64().max(1e-6);
    let count = (fitting as usize).clamp(LEAST_LIBRARY, MOST_LIBRARY);
    let library = folder.path().join("photos");
    write_library(&library, photos, count).context("cannot write photos into the temporary folder")?;
    let options = IndexOptions { threads: Some(threads), batch: Some(batch), ..IndexOptions::default() };
    let before = cpu_time();
    let report = Indexer::new(model, &folder.path().join("index")).options(options).run(&[library])?;
    let cpu = before.and_then(|before| Some(cpu_time()?.saturating_sub(before)));
    let seconds = report.elapsed.as_secs_f64();
    Ok(Library {
        photos: count,
        seconds,
        cpu_seconds: cpu.map(|cpu| cpu.as_secs_f64()),
        stage_seconds: Stages::from(&report.stages),
        ten_thousand_photos_seconds: seconds / count as f64 * MANY_PHOTOS,
    })
}

fn write_library(folder: &Path, photos: &[RgbImage], count: usize) -> Result<()> {
    fs::create_dir(folder)?;
    let mut files = Vec::new();
    for photo in photos {
        let mut file = Cursor::new(Vec::new());
        photo.write_to(&mut file, ImageFormat::Jpeg)?;
        files.push(file.into_inner());
    }
    for (number, file) in (0..count).zip(files.iter().cycle()) {
        // Decoders stop at the end marker, but to the index this is another photo.
        let name = folder.join(format!("{number:03}.jpg"));
        fs::write(name, [file, &number.to_le_bytes()[..]].concat())?;
    }
    Ok(())
}

/// A picture that is about as hard to decode as a photo: slopes, edges and a little noise.
fn photo(number: u32) -> RgbImage {
    let mut noise = number.wrapping_mul(2_654_435_761) | 1;
    RgbImage::from_fn(PHOTO.0, PHOTO.1, |x, y| {
        // Marsaglia's xorshift.
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let edge = if (x / 173 + y / (97 + 40 * number)).is_multiple_of(3) { 60 } else { 0 };
        let slope = (x * 120 / PHOTO.0 + y * 60 / PHOTO.1) as u8;
        let grain = (noise % 12) as u8;
        Rgb([slope + edge + grain, slope + grain, 200 - slope + edge / 2 - grain])
    })
}

fn tell(line: &Line<'_>, results: &mut Results) -> Result<()> {
    let cpu = |cpu: Option<f64>| cpu.map_or_else(String::new, |cpu| format!(" ({cpu:.1} ms of CPU time)"));
    results.line(format_args!(
        "{} on the {}, {}, {}, batch size {}",
        line.model,
        line.device,
        line.precision,
        count(line.threads as u64, "thread"),
        line.batch
    ))?;
    results.line(format_args!(
        "image:    {:8.1} ms{}, {:.1} images/s, {:.0} GFLOP/s",
        line.image_ms,
        cpu(line.image_cpu_ms),
        line.images_per_second,
        line.gflops
    ))?;
    results.line(format_args!(
        "text:     {:8.1} ms{}, {:.1} queries/s",
        line.text_ms,
        cpu(line.text_cpu_ms),
        line.texts_per_second
    ))?;
    let Library { photos, seconds, stage_seconds: stages, .. } = &line.library;
    let all = stages.read + stages.decode + stages.resize + stages.encode + stages.write;
    let share = |stage: f64| 100.0 * stage / all.max(f64::MIN_POSITIVE);
    results.line(format_args!(
        "indexing {} of 12 megapixels took {seconds:.1} s: read {:.0} %, decode {:.0} %, resize {:.0} %, encode \
         {:.0} %, write {:.0} %",
        count(*photos as u64, "photo"),
        share(stages.read),
        share(stages.decode),
        share(stages.resize),
        share(stages.encode),
        share(stages.write)
    ))?;
    results.line(format_args!(
        "estimate for 10,000 such photos: {}",
        duration(Duration::from_secs_f64(line.library.ten_thousand_photos_seconds))
    ))?;
    if let Some(peak) = line.peak_memory {
        results.line(format_args!("peak memory: {} MiB", grouped(peak >> 20)))?;
    }
    Ok(())
}
