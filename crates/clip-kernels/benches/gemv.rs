//! Products of a few tokens with stored weights: millions of multiply-adds a second on one thread.
//!
//! ```text
//! cargo bench -p clip-kernels --bench gemv
//! ```
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use clip_kernels::Isa;
use clip_kernels::gemv::{Format, StoredRows};

const ROUNDS: usize = 20;

fn main() {
    let (outputs, depth) = (2048, 512);
    for isa in Isa::available() {
        for format in [Format::F32, Format::F16, Format::Bf16, Format::Int8] {
            let bytes: Vec<u8> = (0..outputs * depth * format.bytes()).map(|i| (i * 37 % 61) as u8).collect();
            let scales = if format == Format::Int8 { 1.0f32.to_le_bytes().repeat(outputs) } else { Vec::new() };
            let weights = StoredRows::new(format, &bytes, &scales, depth);
            for tokens in [1, 4, 12, 77] {
                let left: Vec<f32> = (0..tokens * depth).map(|i| (i % 13) as f32).collect();
                let mut out = vec![0.0; tokens * outputs];
                let mut best = Duration::MAX;
                for _ in 0..ROUNDS {
                    let start = Instant::now();
                    weights.multiply(isa, &left, &[], &mut out, outputs, 0);
                    best = best.min(start.elapsed());
                    black_box(&out);
                }
                let rate = (tokens * outputs * depth) as f64 / best.as_secs_f64() / 1e9;
                println!(
                    "{isa:?} {format:?}, {tokens:2} tokens: {:7.3} ms, {rate:6.1} GMAC/s",
                    best.as_secs_f64() * 1e3
                );
            }
        }
    }
}
