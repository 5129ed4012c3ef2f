//! How fast the kernels are, in billions of operations (a multiplication and an addition are two) per second of CPU
//! time, on one thread: `cargo bench -p clip-kernels --bench kernels -- [INSTRUCTIONS]`, such as `Avx2`.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use clip_kernels::attention::Attention;
use clip_kernels::gemm::PackedLinear;
use clip_kernels::norm::LayerNorm;
use clip_kernels::quantised::QuantisedLinear;
use clip_kernels::transformer::{Layer, Stack};
use clip_kernels::{Activation, Isa, Linear};

/// What this thread has computed for; on systems that do not tell, what has passed since the start.
fn cpu_time(start: Instant) -> Duration {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = spent.and_then(|spent| spent.split(' ').next()?.parse().ok());
    spent.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// Shortest time of a few runs of at least a twentieth of a second.
fn best(mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    work();
    let mut best = Duration::MAX;
    for _ in 0..9 {
        let before = cpu_time(start);
        let mut count = 0;
        loop {
            work();
            count += 1;
            let spent = cpu_time(start) - before;
            if spent > Duration::from_millis(50) {
                best = best.min(spent / count);
                break;
            }
        }
    }
    best
}

fn noise(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32 - 0.5
        })
        .collect()
}

fn product(isa: Isa, rows: usize, depth: usize, columns: usize, activation: Activation, residual: bool) {
    let (weights, bias) = (noise(depth * columns), noise(columns));
    let floats: Box<dyn Linear> = Box::new(PackedLinear::new(&weights, &bias, depth, isa));
    let bytes: Box<dyn Linear> = Box::new(QuantisedLinear::new(&weights, &bias, depth, isa));
    let left = noise(rows * depth);
    let add = noise(rows * columns);
    let mut out = vec![0.0; rows * columns];
    for (kind, linear) in [("f32", floats), ("int8", bytes)] {
        let time = best(|| linear.apply_on(1, &left, activation, residual.then_some(&add), &mut out));
        let rate = 2e-9 * (rows * depth * columns) as f64 / time.as_secs_f64();
        println!("{isa:?} {kind:4} {rows:4} x {depth:4} x {columns:4} {activation:?}: {rate:6.1} GFLOP/s");
    }
}

fn attention(isa: Isa, tokens: usize, width: usize) {
    let joint = noise(tokens * 3 * width);
    let mut out = vec![0.0; tokens * width];
    let time = best(|| Attention::of_joint(&joint, width, width / 64, isa).apply_on(1, &mut out));
    let rate = 4e-9 * (tokens * tokens * width) as f64 / time.as_secs_f64();
    println!("{isa:?} attention of {tokens} tokens of {width}: {rate:6.1} GFLOP/s");
}

fn norm(isa: Isa, rows: usize, width: usize) {
    let (x, mut out) = (noise(rows * width), vec![0.0; rows * width]);
    let norm = LayerNorm::new(&noise(width), &noise(width), 1e-5, isa);
    let time = best(|| norm.apply(&x, &mut out));
    println!("{isa:?} norm of {rows} x {width}: {:6.2} G values/s", 1e-9 * x.len() as f64 / time.as_secs_f64());
}

/// The layers of ViT-B/32, of which the class token alone is wanted.
fn layers(isa: Isa, photos: usize, quantised: bool) {
    const WIDTH: usize = 768;
    const TOKENS: usize = 50;
    let linear = |depth: usize, columns: usize| -> Box<dyn Linear> {
        let weights: Vec<f32> = noise(depth * columns).iter().map(|w| w * 0.1).collect();
        match quantised {
            true => Box::new(QuantisedLinear::new(&weights, &noise(columns), depth, isa)),
            false => Box::new(PackedLinear::new(&weights, &noise(columns), depth, isa)),
        }
    };
    let norm = || LayerNorm::new(&noise(WIDTH), &noise(WIDTH), 1e-5, isa);
    let layer = |_| Layer {
        attention_norm: norm(),
        joint: linear(WIDTH, 3 * WIDTH),
        output: linear(WIDTH, WIDTH),
        heads: 12,
        causal: false,
        mlp_norm: norm(),
        widen: linear(WIDTH, 4 * WIDTH),
        activation: Activation::Gelu,
        narrow: linear(4 * WIDTH, WIDTH),
    };
    let stack = Stack { layers: (0..12).map(layer).collect(), isa };
    let states = noise(photos * TOKENS * WIDTH);
    let (lengths, wanted) = (vec![TOKENS; photos], vec![0; photos]);
    for wanted in [None, Some(wanted.as_slice())] {
        let time = best(|| drop(stack.forward(states.clone(), &lengths, wanted, 1)));
        let each = 1e3 * time.as_secs_f64() / photos as f64;
        let kind = if quantised { "int8" } else { "f32" };
        println!("{isa:?} {kind} layers of ViT-B/32, {photos} photos, all tokens {}: {each:6.1} ms", wanted.is_none());
    }
}

fn main() {
    // Cargo adds a flag of its own.
    let wanted = std::env::args().skip(1).find(|argument| argument != "--bench");
    for isa in Isa::available() {
        if wanted.as_ref().is_some_and(|wanted| *wanted != format!("{isa:?}")) {
            continue;
        }
        for (photos, quantised) in [(1, false), (8, false), (1, true), (8, true)] {
            layers(isa, photos, quantised);
        }
        for tokens in [12, 50, 197, 577] {
            attention(isa, tokens, 768);
        }
        norm(isa, 50, 768);
        for rows in [12, 50, 400] {
            product(isa, rows, 768, 2304, Activation::None, false);
            product(isa, rows, 768, 768, Activation::None, true);
            product(isa, rows, 768, 3072, Activation::None, false);
            product(isa, rows, 768, 3072, Activation::Gelu, false);
            product(isa, rows, 768, 3072, Activation::QuickGelu, false);
            product(isa, rows, 3072, 768, Activation::None, true);
        }
        product(isa, 3136, 64, 64, Activation::Relu, false);
        product(isa, 3136, 64, 256, Activation::Relu, false);
        product(isa, 3136, 96, 16, Activation::None, false);
        product(isa, 3136, 16, 96, Activation::Relu6, false);
        product(isa, 784, 144, 24, Activation::None, true);
        product(isa, 784, 24, 144, Activation::Relu6, false);
        product(isa, 784, 48, 288, Activation::Relu6, false);
        product(isa, 784, 288, 48, Activation::None, true);
        product(isa, 196, 120, 720, Activation::Relu6, false);
        product(isa, 196, 720, 120, Activation::None, true);
        product(isa, 64, 208, 1248, Activation::Relu6, false);
        product(isa, 64, 1248, 208, Activation::None, true);
    }
}
