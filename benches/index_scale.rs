//! What an index of many photos costs: building, opening, searching, updating it. For benches/compare/index.py, which
//! alternates with other programs; every result is a line of JSON.
//!
//! ```text
//! cargo bench -p clip-index --bench index_scale -- build DIR PHOTOS.npy [--no-graph] [--like INDEX]
//! cargo bench -p clip-index --bench index_scale -- open DIR QUERIES.npy
//! cargo bench -p clip-index --bench index_scale -- update DIR PHOTOS.npy
//! cargo bench -p clip-index --bench index_scale -- ask DIR QUERIES.npy
//! ```
//!
//! - `build` makes an index in the new folder DIR, for the model of INDEX if one is given. For adding, and for the
//!   graph, it prints CPU and wall time, and the peak of resident memory and of resident memory that is not a mapped
//!   file (Linux only).
//! - `open` opens it, waits for the first answer of the graph and then for the records of ten photos, and prints how
//!   long each took. Then it does the same with a scan, with a reader of its own.
//! - `update` adds photos and removes them again, one by one, and prints how long the commits took and what they wrote.
//! - `ask` answers each line of its standard input. `exact FROM TO`, `scan FROM TO`, `graph EF FROM TO` and `default
//!   FROM TO` search for the queries of these numbers, with ` keep SHARE` after it only among a random share of the
//!   photos. The answer has the seconds that all took and, for each query, the rows of PHOTOS.npy that were found.
//!   `stream BYTES` reads that many bytes of the vector files for each photo as fast as memory allows; the answer has
//!   the seconds.
//!
//! RAYON_NUM_THREADS says how many threads search.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clip_index::{
    Asset, GraphOptions, IndexReader, IndexWriter, Inode, Kind, ModelId, Neighbour, RoaringTreemap, SearchOptions,
    Stamp,
};
use memmap2::Mmap;
use rayon::prelude::*;
use serde_json::{Value, json};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

const USAGE: &str = "expected `build DIR PHOTOS.npy [--no-graph] [--like INDEX]`, `open DIR QUERIES.npy`, \
                     `update DIR PHOTOS.npy` or `ask DIR QUERIES.npy`";
/// Photos that are committed together.
const COMMIT: usize = 2_000;
/// Results of a search.
const K: usize = 10;
/// Candidates of the first search of a graph.
const EF: usize = 128;
/// Photos that `update` adds, one after the other.
const UPDATES: usize = 20;

fn main() -> Result<()> {
    // Cargo adds a flag of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["build", dir, photos, options @ ..] => {
            let (graph, options) = match options {
                ["--no-graph", options @ ..] => (false, options),
                options => (true, options),
            };
            let like = match options {
                [] => None,
                ["--like", index] => Some(Path::new(*index)),
                _ => return Err(USAGE.into()),
            };
            build(dir.as_ref(), photos.as_ref(), graph, like)
        }
        ["open", dir, queries] => open(dir.as_ref(), queries.as_ref()),
        ["update", dir, photos] => update(dir.as_ref(), photos.as_ref()),
        ["ask", dir, queries] => ask(dir.as_ref(), queries.as_ref()),
        _ => Err(USAGE.into()),
    }
}

/// A photo as an index may hold it: a path of usual length, and for some of them a camera and a place.
fn photo(number: usize) -> Asset {
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&mixed(number as u64).to_le_bytes());
    let mtime_ns = 1_500_000_000_000_000_000 + number as i128 * 1_000_000_007;
    Asset {
        path: format!("/home/someone/Pictures/{}/holiday-{:03}/IMG_{number:07}.jpg", 2000 + number % 25, number / 200)
            .into(),
        stamp: Stamp {
            size: 2_000_000 + number as u64 % 1_000_000,
            mtime_ns,
            ctime_ns: Some(mtime_ns),
            inode: Some(Inode { device: 2049, number: 10_000_000 + number as u64 }),
        },
        hash,
        kind: Kind::Photo,
        width: 4032,
        height: 3024,
        taken_at: Some(1_500_000_000 + number as i64 * 60),
        camera: (!number.is_multiple_of(3)).then(|| format!("Maker Model {}", number % 17)),
        lens: None,
        gps: number.is_multiple_of(2).then_some((48.0 + (number % 100) as f64 * 0.01, 11.0)),
        ..Asset::default()
    }
}

/// Adds a photo with the vector of row `number` and returns its id.
fn add(writer: &mut IndexWriter, number: usize, embedding: Vec<f32>) -> Result<u64> {
    Ok(writer.add(photo(number), embedding)?)
}

/// The rows of PHOTOS.npy that were found: ids are given out in the order in which photos are added, from 1.
fn rows(found: &[Neighbour]) -> Vec<u64> {
    found.iter().map(|neighbour| neighbour.id - 1).collect()
}

/// The scan that a search without a graph does.
fn scan(reader: &IndexReader, query: &[f32], filter: Option<&RoaringTreemap>) -> Result<Vec<Neighbour>> {
    Ok(reader.search_scan(query, K, filter)?)
}

/// The search of a program that asks for nothing else.
fn default_search(reader: &IndexReader, query: &[f32], filter: Option<&RoaringTreemap>) -> Result<Vec<Neighbour>> {
    Ok(reader.search(query, &SearchOptions { filter, ..SearchOptions::best(K) })?.neighbours)
}

fn build(dir: &Path, photos: &Path, graph: bool, like: Option<&Path>) -> Result<()> {
    let photos = Matrix::open(photos)?;
    let model = match like {
        Some(index) => IndexReader::open(index)?.model().clone(),
        None => ModelId { name: "bench".into(), fingerprint: "bench".into(), dimension: photos.dimension },
    };
    let mut writer = IndexWriter::open_or_create(dir, &model)?;
    let phase = Phase::begin("add");
    for number in 0..photos.rows {
        let id = add(&mut writer, number, photos.row(number))?;
        if id != number as u64 + 1 {
            return Err(format!("expected a new index, found one that gives photo {number} the id {id}").into());
        }
        if (number + 1) % COMMIT == 0 {
            writer.commit()?;
        }
    }
    writer.commit()?;
    phase.end(photos.rows);
    if graph {
        let phase = Phase::begin("graph");
        writer.update_graph(&GraphOptions::default(), &clip_index::Silent, &AtomicBool::new(false))?;
        phase.end(photos.rows);
    }
    let phase = Phase::begin("finish");
    writer.close()?;
    phase.end(photos.rows);
    println!("{}", json!({ "phase": "disk", "bytes": directory_bytes(dir)? }));
    Ok(())
}

fn open(dir: &Path, queries: &Path) -> Result<()> {
    let query = Matrix::open(queries)?.row(0);
    let mut answer = serde_json::Map::new();
    for way in ["graph", "scan"] {
        let start = Instant::now();
        let reader = IndexReader::open(dir)?;
        let opened = start.elapsed();
        let found = match way {
            "graph" => reader.search_graph(&query, K, EF, None)?,
            _ => scan(&reader, &query, None)?,
        };
        let answered = start.elapsed();
        let ids: Vec<u64> = found.iter().map(|neighbour| neighbour.id).collect();
        let records = reader.records(&ids)?;
        if records.len() != K {
            return Err(format!("expected {K} photos, found {}", records.len()).into());
        }
        let described = start.elapsed();
        let times = json!({
            "open_ms": milliseconds(opened),
            "answer_ms": milliseconds(answered),
            "records_ms": milliseconds(described - answered),
        });
        answer.insert(way.to_owned(), times);
    }
    answer.insert("peak_mib".to_owned(), status("VmHWM").into());
    println!("{}", Value::Object(answer));
    Ok(())
}

fn update(dir: &Path, photos: &Path) -> Result<()> {
    let photos = Matrix::open(photos)?;
    let model = IndexReader::open(dir)?.model().clone();
    let start = Instant::now();
    let mut writer = IndexWriter::open_or_create(dir, &model)?;
    println!("{}", json!({ "update": "open", "milliseconds": milliseconds(start.elapsed()) }));
    let mut added = Vec::new();
    for number in 0..UPDATES {
        let row = photos.row(number * 37 % photos.rows);
        timed("add", || {
            added.push(add(&mut writer, photos.rows + number, row)?);
            Ok(writer.commit()?)
        })?;
    }
    for id in added {
        timed("remove", || {
            writer.remove(id)?;
            Ok(writer.commit()?)
        })?;
    }
    Ok(())
}

fn timed(what: &str, action: impl FnOnce() -> Result<()>) -> Result<()> {
    let (before, start) = (bytes_written(), Instant::now());
    action()?;
    let line = json!({
        "update": what,
        "milliseconds": milliseconds(start.elapsed()),
        "bytes": bytes_written() - before,
    });
    println!("{line}");
    Ok(())
}

fn ask(dir: &Path, queries: &Path) -> Result<()> {
    let reader = IndexReader::open(dir)?;
    let queries = Matrix::open(queries)?;
    let queries: Vec<Vec<f32>> = (0..queries.rows).map(|number| queries.row(number)).collect();
    let ready = json!({ "photos": reader.len(), "dimension": reader.dimension(), "graph": reader.has_graph() });
    println!("{ready}");
    for line in io::stdin().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let (words, filter) = match words.as_slice() {
            [words @ .., "keep", share] => (words, Some(share_of(reader.len() as u64, share.parse()?))),
            words => (words, None),
        };
        let answer = match words {
            ["exact", from, to] => {
                search(&queries, from, to, |query| Ok(reader.search_exact(query, K, filter.as_ref())?))?
            }
            ["scan", from, to] => search(&queries, from, to, |query| scan(&reader, query, filter.as_ref()))?,
            ["default", from, to] => {
                search(&queries, from, to, |query| default_search(&reader, query, filter.as_ref()))?
            }
            ["graph", ef, from, to] => {
                let ef = ef.parse()?;
                search(&queries, from, to, |query| Ok(reader.search_graph(query, K, ef, filter.as_ref())?))?
            }
            ["stream", bytes] => stream(dir, reader.len() as u64 * bytes.parse::<u64>()?)?,
            _ => return Err(format!("expected a search, found `{line}`").into()),
        };
        println!("{answer}");
        io::stdout().flush()?;
    }
    Ok(())
}

fn search(
    queries: &[Vec<f32>],
    from: &str,
    to: &str,
    mut find: impl FnMut(&[f32]) -> Result<Vec<Neighbour>>,
) -> Result<Value> {
    let queries = queries.get(from.parse()?..to.parse()?).ok_or("expected numbers of queries that are there")?;
    let mut found = Vec::with_capacity(queries.len());
    let start = Instant::now();
    for query in queries {
        found.push(find(query)?);
    }
    let seconds = start.elapsed().as_secs_f64();
    let hits: Vec<Vec<u64>> = found.iter().map(|found| rows(found)).collect();
    Ok(json!({ "seconds": seconds, "hits": hits }))
}

/// A share of all ids, spread evenly over them, and the same at every run.
fn share_of(photos: u64, share: f64) -> RoaringTreemap {
    let bound = (share * 2f64.powi(32)) as u64;
    (1..=photos).filter(|id| (mixed(*id) >> 32) < bound).collect()
}

/// SplitMix64.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Reads bytes of the vector files, as mapped, and adds them up.
fn stream(dir: &Path, bytes: u64) -> Result<Value> {
    let mut left = usize::try_from(bytes)?;
    let mut maps = Vec::new();
    for entry in fs::read_dir(dir.join("vectors"))? {
        // SAFETY: nobody changes the index while it is measured.
        maps.push(unsafe { Mmap::map(&File::open(entry?.path())?)? });
    }
    let mut parts = Vec::new();
    for map in &maps {
        let taken = &map[..map.len().min(left)];
        left -= taken.len();
        parts.extend(taken.chunks(1 << 20));
    }
    if left > 0 {
        return Err(format!("expected {bytes} bytes of vector files, found {left} less").into());
    }
    // Once for the page tables.
    parts.par_iter().map(|part| sum(part)).reduce(|| 0, u64::wrapping_add);
    let start = Instant::now();
    let total = parts.par_iter().map(|part| sum(part)).reduce(|| 0, u64::wrapping_add);
    Ok(json!({ "seconds": start.elapsed().as_secs_f64(), "sum": total }))
}

/// The sum of all numbers of 8 bytes, in eight lanes.
fn sum(bytes: &[u8]) -> u64 {
    let mut lanes = [0u64; 8];
    let (blocks, _) = bytes.as_chunks::<64>();
    for block in blocks {
        let (numbers, _) = block.as_chunks::<8>();
        for (lane, number) in lanes.iter_mut().zip(numbers) {
            *lane = lane.wrapping_add(u64::from_le_bytes(*number));
        }
    }
    lanes.into_iter().fold(0, u64::wrapping_add)
}

/// A matrix in a file of numpy: float32, in C order.
struct Matrix {
    map: Mmap,
    start: usize,
    rows: usize,
    dimension: usize,
}

impl Matrix {
    fn open(path: &Path) -> Result<Matrix> {
        let mut file = File::open(path)?;
        let mut head = [0; 12];
        file.read_exact(&mut head)?;
        let (length, start) = match (&head[..6], head[6]) {
            (b"\x93NUMPY", 1) => (u16::from_le_bytes([head[8], head[9]]) as usize, 10),
            (b"\x93NUMPY", 2 | 3) => (u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize, 12),
            _ => return Err(format!("expected a file of numpy, found {}", path.display()).into()),
        };
        // SAFETY: nobody changes the file while it is measured.
        let map = unsafe { Mmap::map(&file)? };
        let header = std::str::from_utf8(map.get(start..start + length).ok_or("the header is cut off")?)?;
        if !header.contains("'descr': '<f4'") || !header.contains("'fortran_order': False") {
            return Err(format!("expected float32 in C order, found {header}").into());
        }
        let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).ok_or("no shape")?.0;
        let shape = shape.split(',').map(|side| side.trim().parse()).collect::<Result<Vec<usize>, _>>()?;
        let [rows, dimension] = shape[..] else { return Err(format!("expected a matrix, found {header}").into()) };
        let start = start + length;
        if map.len() - start != rows * dimension * 4 {
            return Err(format!("expected {rows} x {dimension} numbers in {}", path.display()).into());
        }
        Ok(Matrix { map, start, rows, dimension })
    }

    fn row(&self, number: usize) -> Vec<f32> {
        let bytes = &self.map[self.start + number * self.dimension * 4..][..self.dimension * 4];
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }
}

/// A part of the work, with the time and memory that it takes.
struct Phase {
    name: &'static str,
    start: Instant,
    cpu: Duration,
    watch: Watch,
}

impl Phase {
    fn begin(name: &'static str) -> Phase {
        // Sets the peak back to what is resident now.
        _ = fs::write("/proc/self/clear_refs", "5");
        Phase { name, cpu: cpu_time(), watch: Watch::begin(), start: Instant::now() }
    }

    fn end(self, photos: usize) {
        let wall = self.start.elapsed();
        let (before, peak) = self.watch.end();
        let line = json!({
            "phase": self.name,
            "cpu_s": (cpu_time() - self.cpu).as_secs_f64(),
            "wall_s": wall.as_secs_f64(),
            "peak_mib": status("VmHWM"),
            "heap_before_mib": before,
            "heap_peak_mib": peak,
            "heap_bytes_per_photo": (peak - before) * 1024.0 * 1024.0 / photos as f64,
        });
        println!("{line}");
    }
}

/// Looks at resident memory that is not a mapped file until it is stopped. The system keeps no peak of that.
struct Watch {
    before: f64,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<f64>,
}

impl Watch {
    fn begin() -> Watch {
        let before = status("RssAnon");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut peak = before;
            while !stopped.load(Ordering::Relaxed) {
                peak = f64::max(peak, status("RssAnon"));
                thread::sleep(Duration::from_millis(10));
            }
            peak
        });
        Watch { before, stop, thread }
    }

    /// Before and at the peak, in MiB.
    fn end(self) -> (f64, f64) {
        self.stop.store(true, Ordering::Relaxed);
        (self.before, self.thread.join().unwrap_or(f64::NAN))
    }
}

/// A member of /proc/self/status, in MiB; 0 where there is none.
fn status(member: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(member)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// Bytes given to `write` and its like by this process; 0 where the system does not say.
fn bytes_written() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
    io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse().ok()).unwrap_or(0)
}

/// CPU time of all threads, those that have ended included; in steps of a hundredth of a second.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program is in brackets and may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>();
    Duration::from_millis(10 * ticks)
}

fn directory_bytes(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { directory_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
