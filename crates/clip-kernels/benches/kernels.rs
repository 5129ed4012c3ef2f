//! How fast the kernels are, in billions of operations (a multiplication and an addition are two) per second of CPU
//! time, on one thread: `cargo bench -p clip-kernels`.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use clip_kernels::gemm::PackedLinear;
use clip_kernels::{Activation, Isa};

/// Shortest time of a few runs of at least a tenth of a second.
fn best(mut work: impl FnMut()) -> Duration {
    work();
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let mut count = 0;
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(100) {
            work();
            count += 1;
        }
        best = best.min(start.elapsed() / count);
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
    let linear = PackedLinear::new(&noise(depth * columns), &noise(columns), depth, isa);
    let left = noise(rows * depth);
    let add = noise(rows * columns);
    let mut out = vec![0.0; rows * columns];
    let time = best(|| linear.apply(&left, activation, residual.then_some(&add), &mut out));
    let rate = 2e-9 * (rows * depth * columns) as f64 / time.as_secs_f64();
    println!("{isa:?} {rows:4} x {depth:4} x {columns:4} {activation:?}: {rate:6.1} GFLOP/s");
}

fn main() {
    for isa in Isa::available() {
        for rows in [12, 50, 400] {
            product(isa, rows, 768, 2304, Activation::None, false);
            product(isa, rows, 768, 768, Activation::None, true);
            product(isa, rows, 768, 3072, Activation::Gelu, false);
            product(isa, rows, 768, 3072, Activation::QuickGelu, false);
            product(isa, rows, 3072, 768, Activation::None, true);
        }
        product(isa, 3136, 64, 64, Activation::Relu, false);
        product(isa, 3136, 64, 256, Activation::Relu, false);
        product(isa, 3136, 96, 16, Activation::None, false);
    }
}
