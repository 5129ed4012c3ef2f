//! What this machine has to offer a model, and which published model suits it.
//!
//! There is one recommendation: the tip after indexing and `model list` both ask [`recommended`], and what it depends on
//! changes as little as possible. Speed is measured once and kept; memory is what the machine has, not what is free now.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clip_hub::{Catalogue, Entry, Machine};
use clip_search::image::{Rgb, RgbImage};
use clip_search::{DeviceChoice, LoadOptions, Model, ModelSource, Pixels, Precision, Towers};
use serde::{Deserialize, Serialize};

use crate::output::decimal_size;
use crate::settings::cache_folder;

/// Memory where the system does not tell: what a small machine has.
const MODEST_MEMORY: u64 = 4 << 30;

/// Billions of operations per second for each core, where nothing could be measured.
const MODEST_GFLOPS_PER_CORE: f64 = 10.0;

/// The built-in model reaches this share of the speed that the published ones reach: its convolutions have few channels.
/// On machine A of docs/benchmarks.md, one thread, f32: 94 GFLOP/s against 107 to 109 of ViT-B/32, ViT-B/16 and RN50.
const SHARE_OF_SPEED: f64 = 0.88;

/// A speed is the fastest of this many batches; other programs only ever slow them down.
const BATCHES: usize = 3;

/// The library that times are estimated for.
const PHOTOS: f64 = 80_000.0;

/// The file in the cache folder that keeps the measured speed.
const FILE: &str = "speed.json";
/// A file of more bytes is none of ours.
const MOST_BYTES: u64 = 4096;

/// Memory that programs may use, in bytes.
fn memory() -> u64 {
    let total = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    // A container may get less than the machine has.
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    match (total, limit) {
        (Some(total), Some(limit)) => total.min(limit),
        (Some(memory), None) | (None, Some(memory)) => memory,
        (None, None) => MODEST_MEMORY,
    }
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What was measured, and what it is true for.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Measured {
    /// Of the program: another may be faster.
    version: String,
    threads: usize,
    gflops: f64,
}

/// Billions of operations per second that models compute on the CPU with all cores, in f32: measured at the first call on
/// this machine, in about a second.
fn speed() -> f64 {
    let threads = threads();
    let file = cache_folder().map(|folder| folder.join(FILE));
    if let Some(gflops) =
        file.as_ref().and_then(|file| kept(&clip_files::regular::read(file, MOST_BYTES).ok()?, threads))
    {
        return gflops;
    }
    let Some(gflops) = measure(threads) else { return threads as f64 * MODEST_GFLOPS_PER_CORE };
    keep(file, &Measured { version: env!("CARGO_PKG_VERSION").to_owned(), threads, gflops });
    gflops
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// The speed in the file, if it is that of this program on this machine.
fn kept(file: &[u8], threads: usize) -> Option<f64> {
    let measured: Measured = serde_json::from_slice(file).ok()?;
    let is_true = measured.version == env!("CARGO_PKG_VERSION") && measured.threads == threads;
    (is_true && measured.gflops.is_finite() && measured.gflops > 0.0).then_some(measured.gflops)
}

/// A speed that cannot be kept is measured again.
fn keep(file: Option<PathBuf>, measured: &Measured) {
    let (Some(file), Ok(text)) = (file, serde_json::to_vec(measured)) else { return };
    if let Some(folder) = file.parent()
        && clip_files::private::create_dir(folder).is_ok()
    {
        let _ = clip_files::atomic::write_bytes(&file, &text);
    }
}

/// Encodes some photos with the built-in model, in the number format of the published ones.
fn measure(threads: usize) -> Option<f64> {
    let per_photo = Catalogue::built_in().ok()?.find("pocket")?.image_gflops?;
    // Threads of its own: `--threads` may have left the usual ones fewer.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok()?;
    pool.install(|| {
        let options =
            LoadOptions { device: DeviceChoice::Cpu, towers: Towers::ImageOnly, precision: Some(Precision::F32) };
        let model = Model::load(&ModelSource::Default, &options).ok()?;
        let photo = RgbImage::from_fn(288, 288, |x, y| Rgb([x as u8, y as u8, (x ^ y) as u8]));
        let batch: Vec<Pixels> = vec![model.preprocess(&photo); (2 * threads).max(8)];
        let mut fastest = Duration::MAX;
        for _ in 0..BATCHES {
            let start = Instant::now();
            model.embed_pixels(&batch).ok()?;
            fastest = fastest.min(start.elapsed());
        }
        Some(per_photo * batch.len() as f64 / fastest.as_secs_f64().max(1e-9) / SHARE_OF_SPEED)
    })
}

/// This machine, as far as it matters for the choice of a model.
pub(crate) fn this_machine() -> Machine<'static> {
    Machine { memory: memory(), gflops: speed(), language: "en" }
}

/// The published model that suits this machine best.
pub(crate) fn recommended<'a>(catalogue: &'a Catalogue, machine: &Machine<'_>) -> Option<&'a Entry> {
    catalogue.recommend(machine)
}

/// How long indexing [`PHOTOS`] would take: "6 h". `None` if it is not known what the model computes.
pub(crate) fn time(entry: &Entry, machine: &Machine<'_>) -> Option<String> {
    Some(rough(machine.seconds_per_photo(entry)? * PHOTOS))
}

/// What a model costs on this machine: "a download of 1.53 GB, up to about 1.7 GB of memory, and about 6 h for 80,000 photos
/// on this machine's CPU (estimated)".
pub(crate) fn cost(entry: &Entry, machine: &Machine<'_>) -> String {
    let (download, memory) = (decimal_size(entry.bytes), decimal_size(entry.memory()));
    match time(entry, machine) {
        Some(time) => format!(
            "a download of {download}, up to about {memory} of memory, and about {time} for 80,000 photos on this machine's \
             CPU (estimated)"
        ),
        None => format!("a download of {download}, and up to about {memory} of memory"),
    }
}

/// A duration that is known roughly: "25 min", "6 h", "3 days".
fn rough(seconds: f64) -> String {
    let (minutes, hours, days) = (seconds / 60.0, (seconds / 3600.0).round(), (seconds / 86_400.0).round());
    if minutes < 90.0 {
        format!("{} min", ((minutes / 5.0).round() * 5.0).max(5.0))
    } else if hours < 48.0 {
        format!("{hours} h")
    } else {
        format!("{days} days")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_as_linux_tells_it() {
        let text =
            "MemTotal:       24576000 kB\nMemFree:         1000000 kB\nMemAvailable:   20000000 kB\nBuffers: 1 kB\n";
        assert_eq!(total(text), Some(24_576_000 * 1024));
        assert_eq!(total("MemAvailable: 1 kB\n"), None);
        assert_eq!(total("MemTotal: much\n"), None);
        assert!(memory() > 1 << 20);
    }

    #[test]
    fn rough_durations() {
        let text = |minutes: f64| rough(minutes * 60.0);
        assert_eq!(text(0.1), "5 min");
        assert_eq!(text(43.0), "45 min");
        assert_eq!(text(100.0), "2 h");
        assert_eq!(text(60.0 * 47.0), "47 h");
        assert_eq!(text(60.0 * 24.0 * 2.6), "3 days");
    }

    #[test]
    fn a_speed_is_kept_for_the_same_program_and_machine() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cache/speed.json");
        keep(Some(file.clone()), &Measured { version: env!("CARGO_PKG_VERSION").to_owned(), threads: 4, gflops: 99.5 });
        let bytes = fs::read(&file).unwrap();
        assert_eq!(kept(&bytes, 4), Some(99.5));
        assert_eq!(kept(&bytes, 8), None);
        let old = Measured { version: "0.0.0".to_owned(), threads: 4, gflops: 99.5 };
        assert_eq!(kept(&serde_json::to_vec(&old).unwrap(), 4), None);
        for text in ["", "{}", "[1]", r#"{"version":"0.1.0","threads":4,"gflops":-1}"#] {
            assert_eq!(kept(text.as_bytes(), 4), None, "{text}");
        }
    }

    #[test]
    fn a_measurement_is_of_this_world() {
        let gflops = measure(threads()).unwrap();
        assert!((0.1..1e5).contains(&gflops), "{gflops}");
    }
}
