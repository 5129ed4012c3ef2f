//! How much CPU time the towers take for a photo or a text.
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo bench --workspace --bench encode -- [--isa ISA] [--precision f32|f16|int8] [PRESET|pocket ...]
//! RAYON_NUM_THREADS=1 cargo bench --workspace --bench encode -- [--isa ISA] --texts [FOLDER|pocket ...]
//! ```
//!
//! A preset's image tower has random weights, since the time does not depend on them. Text towers are computed on the
//! weights as a model's file has them, so they need one; a text is ten words between two marks. `ISA` is avx512, avx2, neon
//! or portable; the best that the processor has if none is given.
//!
//! With `--ask`, one model, and for each number that is written to its standard input it encodes that many photos or texts
//! at once, and prints the milliseconds that each took: for scripts that alternate with something else.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{Duration, Instant};
use std::{fs, io};

use clip_kernels::Isa;
use clip_model::cpu::packing::Packing;
use clip_model::families::{CpuImageTower, ImageTower};
use clip_model::{Checkpoint, ClipConfig, ModelSource, Precision, SelectedDevice};

/// The model in the program, by name.
const POCKET: &str = "pocket";
/// Tokens of a text: ten words, a mark before and one behind.
const TOKENS: usize = 12;
/// Photos or texts that are encoded for one measurement, at least.
const ENCODED: usize = 8;
/// Runs that the minimum and the median are taken of.
const RUNS: usize = 15;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds a flag of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (mut ask, mut texts, mut models) = (false, false, Vec::new());
    let mut packing = Packing::best(Precision::F32);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--ask" => ask = true,
            "--texts" => texts = true,
            "--isa" => packing.isa = isa(&arguments.next().unwrap_or_default())?,
            "--precision" => packing.precision = arguments.next().unwrap_or_default().parse()?,
            _ => models.push(argument),
        }
    }
    let encoder = |model: &str| -> Result<Encoder, Box<dyn Error>> {
        let tower = if texts { text(model, packing.isa) } else { image(model, packing) }?;
        Ok(Encoder { tower, started: Instant::now() })
    };
    if ask {
        let [model] = models.as_slice() else { return Err("expected one model with --ask".into()) };
        let encoder = encoder(model)?;
        for line in io::stdin().lines() {
            println!("{:.3}", encoder.milliseconds(line?.trim().parse()?));
        }
        return Ok(());
    }
    if models.is_empty() {
        let all: &[&str] = if texts { &[POCKET] } else { &["ViT-B-32", "ViT-B-16-SigLIP", "MobileCLIP-B", POCKET] };
        models.extend(all.iter().map(|&model| model.to_owned()));
    }
    let threads = rayon::current_num_threads();
    println!("milliseconds of CPU time each, of {RUNS} runs on {threads} threads with {:?}", packing.isa);
    for model in models {
        let encoder = encoder(&model)?;
        for count in [1, 8] {
            encoder.milliseconds(count);
            let mut times: Vec<f64> = (0..RUNS).map(|_| encoder.milliseconds(count)).collect();
            times.sort_by(f64::total_cmp);
            println!("{model}, {count} at once: minimum {:.2}, median {:.2}", times[0], times[RUNS / 2]);
        }
    }
    Ok(())
}

/// Encodes this many photos or texts at once.
type Tower = Box<dyn Fn(usize) -> Vec<f32>>;

fn isa(name: &str) -> Result<Isa, Box<dyn Error>> {
    let available = Isa::available();
    let found = available.iter().find(|isa| format!("{isa:?}").eq_ignore_ascii_case(name));
    found
        .copied()
        .ok_or_else(|| format!("expected one of {available:?}, which this processor has, found `{name}`").into())
}

fn image(model: &str, packing: Packing) -> Result<Tower, Box<dyn Error>> {
    let device = SelectedDevice::cpu().device;
    let (tower, size) = if model == POCKET {
        let checkpoint = Checkpoint::open(&ModelSource::Default)?;
        (checkpoint.image_tower(&device)?, checkpoint.config().preprocess.size)
    } else {
        let config = ClipConfig::preset(model)?;
        (ImageTower::init(&config.image, config.embed_dim, &device), config.preprocess.size)
    };
    let tower = CpuImageTower::of(tower, packing);
    let pixels: Vec<f32> = (0..3 * size * size).map(|at| (at % 251) as f32 / 125.0 - 1.0).collect();
    Ok(Box::new(move |photos| tower.forward(&vec![pixels.as_slice(); photos], size)))
}

fn text(model: &str, isa: Isa) -> Result<Tower, Box<dyn Error>> {
    let source = if model == POCKET { ModelSource::Default } else { ModelSource::Folder(model.into()) };
    let checkpoint = Checkpoint::open(&source)?;
    let ids = checkpoint.tokenizer()?.encode("two small dogs are running on a wide sandy beach")?;
    assert_eq!(ids.length, TOKENS, "each of the words is one token");
    let ids = ids.ids[..TOKENS].to_vec();
    let tower = checkpoint.cpu_text_tower(isa)?.ok_or("this text tower has no form for the CPU kernels")?;
    Ok(Box::new(move |texts| tower.forward(&vec![ids.as_slice(); texts])))
}

struct Encoder {
    tower: Tower,
    started: Instant,
}

impl Encoder {
    /// Encodes this many at once, often enough that the clock, which advances by milliseconds, is exact.
    fn milliseconds(&self, count: usize) -> f64 {
        let repeats = ENCODED.div_ceil(count.max(1));
        let before = cpu_time(self.started);
        for _ in 0..repeats {
            let out = (self.tower)(count);
            assert!(out.iter().all(|value| value.is_finite()));
        }
        let spent = cpu_time(self.started) - before;
        1e3 * spent.as_secs_f64() / (repeats * count) as f64
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
