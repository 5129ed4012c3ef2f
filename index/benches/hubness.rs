//! What correcting scores costs, and whether scan and graph find the best by corrected scores.
//!
//! ```sh
//! cargo bench -p clip-index --bench hubness -- INDEX QUERIES.npy POCKET.rows CAPTIONS
//! ```
//!
//! INDEX is one by `pocket`, and is measured with the bank in POCKET.rows (`crates/search/src/bank`), whose first CAPTIONS
//! rows are captions. QUERIES.npy has embedded captions in 32 bits.

#![allow(clippy::print_stdout, reason = "it is what a bench does")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clip_index::{Bank, Hubness, IndexReader, IndexWriter, SearchOptions, Strategy};

const DIMENSION: usize = 384;
const K: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [index, queries, rows, captions] = arguments.as_slice() else {
        println!("expected INDEX QUERIES.npy POCKET.rows CAPTIONS");
        return;
    };
    let bank = bank(Path::new(rows), captions.parse().expect("a number of captions"));
    let model = IndexReader::open(index).expect("an index").model().clone();
    let mut writer = IndexWriter::open_or_create(index, &model).expect("an index");
    writer.set_bank(Arc::new(bank)).expect("a bank of the same dimension");
    let started = Instant::now();
    writer.update_hubness(&clip_index::Silent, &AtomicBool::new(false)).expect("a place to write to");
    let photos = writer.len();
    println!("{photos} photos measured in {:.2} s", started.elapsed().as_secs_f64());
    writer.close().expect("nothing to do");

    let reader = IndexReader::open(index).expect("an index");
    let bytes = std::fs::read(queries).expect("queries");
    let start = bytes.iter().position(|&byte| byte == b'\n').expect("a header") + 1;
    let numbers = bytes[start..].as_chunks::<4>().0.iter().map(|&number| f32::from_le_bytes(number));
    let queries: Vec<f32> = numbers.take(DIMENSION * 500).collect();
    let shares = [
        ("plain", Hubness::default()),
        ("captions", Hubness { captions: 0.5, phrases: 0.0 }),
        ("both", Hubness { captions: 0.25, phrases: 0.25 }),
    ];
    println!("correction  method  recall@{K}  time");
    for (name, correction) in shares {
        let mut best: Vec<Vec<u64>> = Vec::new();
        for (method, strategy) in
            [("exact", Strategy::Exact), ("scan", Strategy::Scan), ("graph", Strategy::Graph), ("auto", Strategy::Auto)]
        {
            let options = SearchOptions { strategy, correction, ..SearchOptions::best(K) };
            let (mut found, mut fastest) = (0, Duration::MAX);
            let mut total = Duration::ZERO;
            for (at, query) in queries.chunks_exact(DIMENSION).enumerate() {
                let started = Instant::now();
                let result = reader.search(query, &options).expect("a result");
                let took = started.elapsed();
                (total, fastest) = (total + took, fastest.min(took));
                let ids: Vec<u64> = result.neighbours.iter().map(|neighbour| neighbour.id).collect();
                match best.get(at) {
                    None => best.push(ids.clone()),
                    Some(best) => found += ids.iter().filter(|id| best.contains(id)).count(),
                }
            }
            let count = queries.len() / DIMENSION;
            let recall = if method == "exact" { 1.0 } else { found as f64 / (K * count) as f64 };
            let mean = total.as_secs_f64() * 1e3 / count as f64;
            println!("{name:10}  {method:6}  {recall:.4}     {mean:.3} ms (least {:.3})", fastest.as_secs_f64() * 1e3);
        }
    }
}

fn bank(path: &Path, captions: usize) -> Bank {
    let bytes = std::fs::read(path).expect("the rows of a bank");
    let mut rows = Vec::new();
    for row in bytes.chunks_exact(4 + DIMENSION) {
        let numbers: Vec<f32> = row[4..].iter().map(|&code| f32::from(code.cast_signed())).collect();
        let length = numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
        rows.extend(numbers.iter().map(|x| x / length));
    }
    let (captions, phrases) = rows.split_at(captions * DIMENSION);
    Bank::new("bench", captions, phrases, DIMENSION, 16).expect("unit vectors")
}
