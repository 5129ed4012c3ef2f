//! How many of the ten best photos of an exact search the graph finds too, and how long both take.
//!
//! ```text
//! clip-search embed --text "a dog" --text "a red car" ... --json > queries.jsonl
//! cargo bench --workspace --bench graph_recall -- INDEX_DIR queries.jsonl [EF ...]
//! ```
//!
//! Every line of the queries is a JSON object with a member `embedding`, a unit vector of the index's dimension.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use clip_index::IndexReader;
use serde::Deserialize;

const K: usize = 10;

#[derive(Deserialize)]
struct Query {
    embedding: Vec<f32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds a flag of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (Some(index), Some(queries)) = (arguments.next(), arguments.next()) else {
        return Err("expected arguments: INDEX_DIR QUERIES.jsonl [EF ...]".into());
    };
    let mut efs = arguments.map(|ef| ef.parse()).collect::<Result<Vec<usize>, _>>()?;
    if efs.is_empty() {
        efs = vec![50, 100, 200, 400];
    }
    let lines = fs::read_to_string(queries)?;
    let queries: Vec<Query> =
        lines.lines().filter(|line| !line.is_empty()).map(serde_json::from_str).collect::<Result<_, _>>()?;
    let first = queries.first().ok_or("expected at least one query, found none")?;

    let reader = IndexReader::open(&index)?;
    let status = reader.status()?;
    println!("{} photos, {} numbers each, {} queries", reader.len(), reader.dimension(), queries.len());
    println!("graph: {:?}", status.graph);
    let start = Instant::now();
    reader.search_graph(&first.embedding, K, K, None)?;
    println!("loading the graph: {:.1} ms", milliseconds(start.elapsed()));

    let mut times = Vec::new();
    let mut best = Vec::new();
    for query in &queries {
        let start = Instant::now();
        let found = reader.search_exact(&query.embedding, K, None)?;
        times.push(start.elapsed());
        best.push(found);
    }
    println!("exact:     recall@{K} 1.0000   {}", summary(&mut times));
    for ef in efs {
        let mut times = Vec::new();
        let (mut right, mut wanted) = (0, 0);
        for (query, best) in queries.iter().zip(&best) {
            let start = Instant::now();
            let found = reader.search_graph(&query.embedding, K, ef, None)?;
            times.push(start.elapsed());
            // By score, so that photos with equal vectors count as one another.
            let worst = best.last().map_or(f32::INFINITY, |hit| hit.score);
            right += found.iter().filter(|hit| hit.score >= worst).count();
            wanted += best.len();
        }
        println!("ef {ef:>6}: recall@{K} {:.4}   {}", right as f64 / wanted as f64, summary(&mut times));
    }
    Ok(())
}

fn summary(times: &mut [Duration]) -> String {
    times.sort();
    let at = |share: f64| milliseconds(times[((times.len() - 1) as f64 * share) as usize]);
    let mean = milliseconds(times.iter().sum::<Duration>()) / times.len() as f64;
    format!("mean {mean:.3} ms, median {:.3} ms, 95 % below {:.3} ms", at(0.5), at(0.95))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
