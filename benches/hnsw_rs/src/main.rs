//! The search graph against hnsw_rs, which was the graph of version 1 of the index: recall@10 and time of a query, with the
//! same number of edges. Ours keeps twice the candidates, since its distances are those of eight-bit codes. Exits with 1 if it
//! finds less, or takes longer.
//!
//! ```text
//! cargo run --release --manifest-path benches/hnsw_rs/Cargo.toml -- PHOTOS.npy QUERIES.npy [PHOTOS [QUERIES]]
//! ```
//!
//! Both files hold unit vectors as `f32` in C order, one a row.

use std::collections::HashSet;
use std::error::Error;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clip_index::{Asset, GraphOptions, IndexReader, IndexWriter, Kind, ModelId, Stamp};
use hnsw_rs::prelude::{DistDot, Hnsw};

const K: usize = 10;
const CONNECTIONS: usize = 24;
const EF_CONSTRUCTION: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [photos, queries, limits @ ..] = arguments.as_slice() else {
        return Err("expected PHOTOS.npy QUERIES.npy [PHOTOS [QUERIES]]".into());
    };
    let limit = |at: usize, usual: usize| limits.get(at).map_or(Ok(usual), |text| text.parse());
    let photos = rows(photos, limit(0, 20_000)?)?;
    let queries = rows(queries, limit(1, 500)?)?;
    let dimension = photos.first().ok_or("no photos")?.len();

    let dir = tempfile::tempdir()?;
    let model = ModelId { name: "bench".into(), fingerprint: "bench".into(), dimension };
    let mut writer = IndexWriter::open_or_create(dir.path(), &model)?;
    for (number, row) in photos.iter().enumerate() {
        let asset = Asset {
            path: format!("/{number}.jpg").into(),
            stamp: Stamp::default(),
            hash: [0; 16],
            kind: Kind::Photo,
            width: 1,
            height: 1,
            taken_at: None,
            camera: None,
            lens: None,
            gps: None,
            ..Asset::default()
        };
        writer.add(asset, row.clone())?;
    }
    writer.commit()?;
    let options =
        GraphOptions { connections: CONNECTIONS, ef_construction: EF_CONSTRUCTION, ..GraphOptions::default() };
    let start = Instant::now();
    writer.update_graph(&options, &clip_index::Silent, &AtomicBool::new(false))?;
    println!("ours:    built in {:.1} s", start.elapsed().as_secs_f64());

    // Its distance asserts that no dot product is greater than 1, which rounding makes of near-duplicates.
    let shorter = |row: &[f32]| row.iter().map(|x| x * 0.999).collect::<Vec<f32>>();
    let scaled: Vec<Vec<f32>> = photos.iter().map(|row| shorter(row)).collect();
    let theirs = Hnsw::new(CONNECTIONS, photos.len(), 16, EF_CONSTRUCTION, DistDot {});
    let start = Instant::now();
    theirs.parallel_insert(&scaled.iter().zip(1..).collect::<Vec<_>>());
    println!("hnsw_rs: built in {:.1} s", start.elapsed().as_secs_f64());

    let reader = IndexReader::open(dir.path())?;
    let mut best = Vec::new();
    for query in &queries {
        best.push(reader.search_exact(query, K, None)?.iter().map(|hit| hit.id).collect::<HashSet<u64>>());
    }
    let wanted = (queries.len() * K) as f64;
    let mut is_worse = false;
    for ef in [20, 50, 100, 200] {
        let start = Instant::now();
        let mut ours = 0;
        for (query, best) in queries.iter().zip(&best) {
            ours += reader.search_graph(query, K, 2 * ef, None)?.iter().filter(|hit| best.contains(&hit.id)).count();
        }
        let our_time = start.elapsed();
        let start = Instant::now();
        let mut others = 0;
        for (query, best) in queries.iter().zip(&best) {
            let found = theirs.search(&shorter(query), K, ef);
            others += found.iter().filter(|hit| best.contains(&(hit.d_id as u64))).count();
        }
        let their_time = start.elapsed();
        let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3 / queries.len() as f64;
        println!(
            "ours, ef {}: {:.4} in {:.3} ms; hnsw_rs, ef {ef}: {:.4} in {:.3} ms",
            2 * ef,
            ours as f64 / wanted,
            milliseconds(our_time),
            others as f64 / wanted,
            milliseconds(their_time)
        );
        is_worse |= ours < others || our_time > their_time;
    }
    if is_worse { Err("hnsw_rs finds more, or is faster".into()) } else { Ok(()) }
}

/// The first rows of a NumPy array.
fn rows(path: &str, limit: usize) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let length = bytes.get(8..10).ok_or("too short")?;
    let start = 10 + usize::from(u16::from_le_bytes([length[0], length[1]]));
    let header = std::str::from_utf8(bytes.get(10..start).ok_or("too short")?)?;
    if !header.contains("<f4") || header.contains("'fortran_order': True") {
        return Err(format!("{path}: expected f32 in C order, found {header}").into());
    }
    let columns = header.split("'shape': (").nth(1).and_then(|rest| rest.split([',', ')']).nth(1)).ok_or("no shape")?;
    let columns: usize = columns.trim().parse()?;
    let numbers: Vec<f32> = bytes[start..].as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect();
    Ok(numbers.chunks_exact(columns).take(limit).map(<[f32]>::to_vec).collect())
}
