//! Build time, recall and search time of the graph over rows in memory.
//!
//! ```text
//! cargo bench -p clip-index --bench graph -- PHOTOS.npy QUERIES.npy [key=value ...]
//! ```
//!
//! Both files hold unit vectors as `f32`, one a row. Keys: `slots`, `connections`, `ef` (while building), `alpha`,
//! `threads`, `limit` (photos used), `queries` (queries used), `at` (a list of `ef` while searching).
#![allow(clippy::print_stdout, missing_docs, dead_code, unused_imports)]

use std::error::Error;
use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clip_kernels::Isa;
use clip_kernels::similarity::{self, CodeQuery, code_len, dot_f16, dot_f32, quantise};
use rayon::prelude::*;

#[path = "../src/graph/hnsw/mod.rs"]
mod hnsw;

use hnsw::{Builder, CodeRows, Parameters, Searcher};

const K: usize = 10;

struct Rows {
    codes: Vec<i8>,
    scales: Vec<f32>,
    len: usize,
}

/// Counts how many rows are looked at.
struct Counted<'a>(&'a Rows, std::sync::atomic::AtomicUsize);

impl CodeRows for Counted<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn codes(&self, node: u32) -> (&[i8], f32) {
        self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.0.codes(node)
    }
    fn prefetch(&self, _: u32) {}
}

impl CodeRows for Rows {
    fn len(&self) -> usize {
        self.scales.len()
    }
    fn codes(&self, node: u32) -> (&[i8], f32) {
        let node = node as usize;
        (&self.codes[node * self.len..(node + 1) * self.len], self.scales[node])
    }
    fn prefetch(&self, node: u32) {
        let node = node as usize;
        similarity::prefetch(&self.codes[node * self.len..(node + 1) * self.len]);
        similarity::prefetch(&self.scales[node..=node]);
    }
}

struct Array {
    rows: usize,
    columns: usize,
    data: Vec<f32>,
}

impl Array {
    fn read(path: &str) -> Result<Array, Box<dyn Error>> {
        let bytes = fs::read(path)?;
        let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = std::str::from_utf8(&bytes[10..10 + header_len])?;
        if !header.contains("<f4") || header.contains("'fortran_order': True") {
            return Err(format!("{path}: expected f32 in C order, found {header}").into());
        }
        let shape = header.split("'shape': (").nth(1).and_then(|rest| rest.split(')').next()).ok_or("no shape")?;
        let shape: Vec<usize> = shape.split(',').map(|n| n.trim().parse()).collect::<Result<_, _>>()?;
        let &[rows, columns] = shape.as_slice() else { return Err("expected two dimensions".into()) };
        let data: Vec<f32> = bytes[10 + header_len..].as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect();
        Ok(Array { rows, columns, data })
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.columns..(row + 1) * self.columns]
    }
}

fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|x| x.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks() + ticks()) / 100.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (options, files): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|a| a.contains('='));
    let option = |key: &str| options.iter().rev().find_map(|o| o.strip_prefix(key)?.strip_prefix('='));
    let number = |key: &str, default: usize| option(key).map_or(Ok(default), str::parse);
    let [photos, queries] = files.as_slice() else { return Err("expected PHOTOS.npy QUERIES.npy".into()) };
    let mut photos = Array::read(photos)?;
    let queries = Array::read(queries)?;
    photos.rows = photos.rows.min(number("limit", usize::MAX)?);
    let query_count = queries.rows.min(number("queries", 1000)?);
    let skip = number("skip", 0)?;
    let parameters = Parameters {
        lowest_slots: number("slots", 48)?,
        connections: number("connections", 24)?,
        ef_construction: number("ef", 200)?,
        alpha: option("alpha").map_or(Ok(1.0), str::parse)?,
    };
    let efs = option("at").unwrap_or("16,24,32,50,75,100,150,200,300");
    let efs: Vec<usize> = efs.split(',').map(str::parse).collect::<Result<_, _>>()?;
    rayon::ThreadPoolBuilder::new().num_threads(number("threads", 2)?).build_global()?;

    let isa = Isa::best();
    let len = code_len(photos.columns);
    let mut rows = Rows { codes: vec![0; len * photos.rows], scales: vec![0.0; photos.rows], len };
    for row in 0..photos.rows {
        rows.scales[row] = quantise(photos.row(row), &mut rows.codes[row * len..(row + 1) * len]);
    }
    let halves: Vec<u16> =
        photos.data[..photos.rows * photos.columns].iter().map(|&x| half::f16::from_f32(x).to_bits()).collect();
    let half = |row: usize| &halves[row * photos.columns..(row + 1) * photos.columns];

    let truth: Vec<f32> = (skip..skip + query_count)
        .into_par_iter()
        .map(|query| {
            let mut scores: Vec<f32> =
                (0..photos.rows).map(|row| dot_f16(isa, queries.row(query), half(row))).collect();
            let (_, worst, _) = scores.select_nth_unstable_by(K - 1, |a, b| b.total_cmp(a));
            *worst
        })
        .collect();

    println!("{} photos, {} queries, {parameters:?}", photos.rows, query_count);
    let (start, cpu_start) = (Instant::now(), cpu());
    let mut builder = Builder::new(&rows, parameters, |node| hnsw::level(node.into(), parameters.connections));
    builder.insert(0..photos.rows as u32, &clip_index::Silent, &AtomicBool::new(false));
    println!("built in {:.1} s, {:.1} s of CPU", start.elapsed().as_secs_f64(), cpu() - cpu_start);
    let layers = builder.layers();
    let degree: usize = (0..photos.rows as u32).map(|node| layers.layers[0].neighbours(node).count()).sum();
    println!("{:.1} links a node, {} layers", degree as f64 / photos.rows as f64, layers.layers.len());
    let _ = dot_f32;

    // As a mapped file is: plain numbers.
    let slots: Vec<(Option<&[u32]>, Vec<u32>)> = builder
        .parts()
        .map(|(nodes, slots)| (nodes, slots.iter().map(|s| s.load(std::sync::atomic::Ordering::Relaxed)).collect()))
        .collect();
    let plain = hnsw::Layers {
        layers: slots
            .iter()
            .map(|(nodes, slots)| match nodes {
                None => hnsw::Layer::lowest(photos.rows, slots, parameters.lowest_slots),
                Some(nodes) => hnsw::Layer::upper(nodes, slots, parameters.connections),
            })
            .collect(),
        entry: layers.entry,
    };
    let searcher = Searcher::default();
    let keep = number("rescore", 140)?;
    for ef in efs {
        let mut best_time = f64::INFINITY;
        let mut right = 0;
        for _ in 0..number("repeat", 3)? {
            right = 0;
            let mut time = 0.0;
            for (query, worst) in (skip..skip + query_count).zip(&truth) {
                let vector = queries.row(query);
                let start = Instant::now();
                let coded = CodeQuery::new(isa, vector);
                let found = searcher.search(&plain, &rows, &coded, ef, None);
                let mut scores: Vec<f32> =
                    found.iter().take(keep).map(|found| dot_f16(isa, vector, half(found.position as usize))).collect();
                scores.sort_unstable_by(|a, b| b.total_cmp(a));
                scores.truncate(K);
                time += start.elapsed().as_secs_f64();
                right += scores.iter().filter(|score| *score >= worst).count();
            }
            best_time = best_time.min(time / query_count as f64);
        }
        let counted = Counted(&rows, 0.into());
        for query in skip..skip + query_count {
            searcher.search(&plain, &counted, &CodeQuery::new(isa, queries.row(query)), ef, None);
        }
        let scored = counted.1.into_inner() / query_count;
        println!(
            "ef {ef:>5}: recall@{K} {:.4}, {:.4} ms, {scored} rows",
            right as f64 / (query_count * K) as f64,
            best_time * 1e3
        );
    }
    Ok(())
}
