//! How much CPU time the image towers take for a photo, with random weights (the time does not depend on them).
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo bench --workspace --bench encode -- [--precision f32|f16|int8] [PRESET ...]
//! ```
//!
//! With `--ask`, one preset, and for each number of photos that is written to its standard input it encodes so many
//! at once, and prints the milliseconds a photo took: for scripts that alternate with something else.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{Duration, Instant};
use std::{fs, io};

use clip_model::cpu::image::FastImageTower;
use clip_model::cpu::packing::Packing;
use clip_model::image_tower::ImageTower;
use clip_model::{ClipConfig, Precision, SelectedDevice};

/// Photos that are encoded for one measurement, at least.
const ENCODED: usize = 8;
/// Runs that the minimum and the median are taken of.
const RUNS: usize = 15;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds a flag of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (mut ask, mut precision, mut presets) = (false, Precision::F32, Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--ask" => ask = true,
            "--precision" => precision = arguments.next().unwrap_or_default().parse()?,
            _ => presets.push(argument),
        }
    }
    if ask {
        let [preset] = presets.as_slice() else { return Err("expected one preset with --ask".into()) };
        let encoder = Encoder::new(preset, precision)?;
        for line in io::stdin().lines() {
            println!("{:.3}", encoder.milliseconds(line?.trim().parse()?));
        }
        return Ok(());
    }
    if presets.is_empty() {
        presets.extend(["ViT-B-32", "ViT-B-16-SigLIP", "MobileCLIP-B"].map(str::to_owned));
    }
    let threads = rayon::current_num_threads();
    println!("milliseconds of CPU time for a photo in {precision}, of {RUNS} runs on {threads} threads");
    for preset in presets {
        let encoder = Encoder::new(&preset, precision)?;
        for photos in [1, 8] {
            encoder.milliseconds(photos);
            let mut times: Vec<f64> = (0..RUNS).map(|_| encoder.milliseconds(photos)).collect();
            times.sort_by(f64::total_cmp);
            println!("{preset}, {photos} at once: minimum {:.1}, median {:.1}", times[0], times[RUNS / 2]);
        }
    }
    Ok(())
}

struct Encoder {
    tower: FastImageTower,
    size: usize,
    started: Instant,
}

impl Encoder {
    fn new(preset: &str, precision: Precision) -> Result<Self, Box<dyn Error>> {
        let config = ClipConfig::preset(preset)?;
        let tower = ImageTower::init(&config.image, config.embed_dim, &SelectedDevice::cpu().device);
        let tower = FastImageTower::of(tower, Packing::best(precision));
        Ok(Self { tower, size: config.preprocess.size, started: Instant::now() })
    }

    /// Encodes so many photos at once, often enough that the clock, which advances by milliseconds, is exact.
    fn milliseconds(&self, photos: usize) -> f64 {
        let length = 3 * self.size * self.size;
        let pixels: Vec<f32> = (0..length).map(|at| (at % 251) as f32 / 125.0 - 1.0).collect();
        let photos = vec![pixels.as_slice(); photos];
        let repeats = ENCODED.div_ceil(photos.len().max(1));
        let before = cpu_time(self.started);
        for _ in 0..repeats {
            let out = self.tower.forward(&photos, self.size);
            assert!(out.iter().all(|value| value.is_finite()));
        }
        let spent = cpu_time(self.started) - before;
        1e3 * spent.as_secs_f64() / (repeats * photos.len()) as f64
    }
}

/// What all threads have computed for; on systems that do not tell, what has passed since the start.
fn cpu_time(started: Instant) -> Duration {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return started.elapsed() };
    let spent = |path: std::path::PathBuf| -> Option<u64> {
        fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    Duration::from_nanos(threads.flatten().filter_map(|thread| spent(thread.path())).sum())
}
