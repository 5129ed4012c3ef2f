//! How long scans take, and how many of the nearest they find.
//!
//! ```sh
//! cargo bench -p clip-index --bench scan -- [--rows N] [--photos P.npy --queries Q.npy] [--dir DIR]
//! ```
//!
//! Without files, the vectors are drawn from a mixture of clusters: fine for times, but for recall take real ones. The
//! two indexes that are measured, with rows in 16 and in 32 bits, are made in a temporary directory, or in `DIR`, where
//! they are found again the next time. All methods take turns; times are the shortest and the median.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clip_index::{Asset, IndexReader, IndexWriter, Kind, ModelId, Neighbour, RoaringTreemap, RowFormat, Stamp};
use memmap2::Mmap;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rayon::ThreadPool;
use rayon::prelude::*;

const K: usize = 10;
const ROUNDS: usize = 31;
const QUERIES: usize = 200;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments = Arguments::parse()?;
    let (rows, queries) = (arguments.rows()?, arguments.queries()?);
    let temporary = tempfile::tempdir()?;
    let dir = arguments.dir.as_deref().unwrap_or(temporary.path());
    let half = open(&dir.join("f16"), RowFormat::F16, &rows)?;
    let float = open(&dir.join("f32"), RowFormat::F32, &rows)?;
    let stream = Stream::open(&half)?;
    println!("{} rows of {}, {} bytes of codes and scales", half.len(), half.dimension(), stream.bytes());

    for threads in [1, rayon::current_num_threads()] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        println!("\n{threads} threads: ms a query (shortest, median), without a filter");
        compare(
            &pool,
            &queries,
            &[
                ("streaming the bytes of the codes", &|_| {
                    black_box(stream.sum());
                }),
                ("scan over codes", &|query| drop(black_box(half.search_scan(query, K, None).unwrap()))),
                ("exact, 16 bits", &|query| drop(black_box(half.search_exact(query, K, None).unwrap()))),
                ("exact, 32 bits", &|query| drop(black_box(float.search_exact(query, K, None).unwrap()))),
            ],
        );
        for share in [0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.001, 0.0001] {
            let mut rng = StdRng::seed_from_u64(3);
            let filter: RoaringTreemap = half.ids().filter(|_| rng.random_bool(share)).collect();
            println!("{threads} threads: a filter that keeps {} %", share * 100.0);
            compare(
                &pool,
                &queries,
                &[
                    ("scan over codes", &|query| drop(black_box(half.search_scan(query, K, Some(&filter)).unwrap()))),
                    ("exact, 16 bits", &|query| drop(black_box(half.search_exact(query, K, Some(&filter)).unwrap()))),
                ],
            );
        }
    }

    println!("\nrecall@{K} of the scan");
    let mut found = 0;
    let mut of_float = 0;
    let mut all = 0;
    for query in queries.iter().take(QUERIES) {
        let exact = half.search_exact(query, K, None)?;
        all += exact.len();
        found += common(&half.search_scan(query, K, None)?, &exact);
        of_float += common(&exact, &float.search_exact(query, K, None)?);
    }
    println!("{:.5} of the best by rows in 16 bits", found as f64 / all as f64);
    println!("{:.5} of the best by rows in 32 bits are among the best by 16 bits", of_float as f64 / all as f64);
    Ok(())
}

fn common(a: &[Neighbour], b: &[Neighbour]) -> usize {
    a.iter().filter(|a| b.iter().any(|b| a.id == b.id)).count()
}

type Method<'a> = (&'static str, &'a (dyn Fn(&[f32]) + Sync));

/// Runs the methods in turns, and prints the medians.
fn compare(pool: &ThreadPool, queries: &[Vec<f32>], methods: &[Method<'_>]) {
    let mut times = vec![Vec::new(); methods.len()];
    // The first round brings everything into memory.
    for round in 0..=ROUNDS {
        for ((_, method), times) in methods.iter().zip(&mut times) {
            let query = &queries[round % queries.len()];
            let start = Instant::now();
            pool.install(|| method(query));
            if round > 0 {
                times.push(start.elapsed());
            }
        }
    }
    times.iter_mut().for_each(|times| times.sort_unstable());
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let last = milliseconds(times[times.len() - 1][0]);
    for ((name, _), times) in methods.iter().zip(&times) {
        let (shortest, median) = (milliseconds(times[0]), milliseconds(times[times.len() / 2]));
        println!("{name:36} {shortest:9.3} {median:9.3}   {:6.3} of the last", shortest / last);
    }
}

/// The codes and scales of an index, read without computing anything with them.
struct Stream {
    files: Vec<(Mmap, std::ops::Range<usize>)>,
}

impl Stream {
    fn open(index: &IndexReader) -> Result<Stream> {
        let mut files = Vec::new();
        for entry in fs::read_dir(index.dir().join("vectors"))? {
            // SAFETY: the bench changes no file after its indexes are made.
            #[allow(unsafe_code)]
            let map = unsafe { Mmap::map(&File::open(entry?.path())?)? };
            let count = u64::from_le_bytes(map[16..24].try_into()?) as usize;
            let start = (64 + 8 * count).next_multiple_of(64);
            let end = (start + 4 * count).next_multiple_of(64) + count * index.dimension().next_multiple_of(64);
            files.push((map, start..end));
        }
        Ok(Stream { files })
    }

    fn bytes(&self) -> usize {
        self.files.iter().map(|(_, range)| range.len()).sum()
    }

    fn sum(&self) -> u64 {
        let chunks = self.files.par_iter().flat_map(|(map, range)| map[range.clone()].par_chunks(256 << 10));
        chunks.map(wide_sum).reduce(|| 0, u64::wrapping_add)
    }
}

fn wide_sum(bytes: &[u8]) -> u64 {
    let mut sums = [0u64; 32];
    for chunk in bytes.as_chunks::<256>().0 {
        for (sum, word) in sums.iter_mut().zip(chunk.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    }
    sums.iter().fold(0, |sum, &part| sum.wrapping_add(part))
}

/// Opens an index of the rows, which is made if it is not there.
fn open(dir: &Path, format: RowFormat, rows: &Rows) -> Result<IndexReader> {
    if let Ok(index) = IndexReader::open(dir)
        && (index.len(), index.dimension()) == (rows.len(), rows.dimension())
    {
        return Ok(index);
    }
    let start = Instant::now();
    let model = ModelId { name: "bench".into(), fingerprint: "bench".into(), dimension: rows.dimension() };
    let mut writer = IndexWriter::open_or_create(dir, &model)?;
    writer.set_row_format(format);
    for number in 0..rows.len() {
        let photo = Asset {
            path: format!("/{number}").into(),
            stamp: Stamp::default(),
            hash: (number as u128).to_le_bytes(),
            kind: Kind::Photo,
            width: 1,
            height: 1,
            taken_at: None,
            camera: None,
            lens: None,
            gps: None,
            ..Asset::default()
        };
        writer.add(photo, rows.row(number))?;
        if number % 20_000 == 19_999 {
            writer.commit()?;
        }
    }
    writer.commit()?;
    writer.close()?;
    println!("{} was made in {:.1} s", dir.display(), start.elapsed().as_secs_f64());
    Ok(IndexReader::open(dir)?)
}

enum Rows {
    Stored(Matrix),
    Drawn { count: usize, centres: Vec<Vec<f32>> },
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Rows::Stored(matrix) => matrix.rows,
            Rows::Drawn { count, .. } => *count,
        }
    }

    fn dimension(&self) -> usize {
        match self {
            Rows::Stored(matrix) => matrix.columns,
            Rows::Drawn { centres, .. } => centres[0].len(),
        }
    }

    fn row(&self, number: usize) -> Vec<f32> {
        match self {
            Rows::Stored(matrix) => unit(matrix.row(number)),
            Rows::Drawn { centres, .. } => {
                let mut rng = StdRng::seed_from_u64(number as u64);
                let centre = &centres[rng.random_range(0..centres.len())];
                unit(centre.iter().map(|x| x + 0.05 * noise(&mut rng)).collect())
            }
        }
    }
}

/// About normally distributed.
fn noise(rng: &mut StdRng) -> f32 {
    (0..3).map(|_| rng.random_range(-1.0f32..1.0)).sum()
}

fn unit(mut row: Vec<f32>) -> Vec<f32> {
    let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.iter_mut().for_each(|x| *x /= length);
    row
}

/// A matrix of 32-bit numbers, as numpy stores it.
struct Matrix {
    map: Mmap,
    start: usize,
    rows: usize,
    columns: usize,
}

impl Matrix {
    fn open(path: &Path) -> Result<Matrix> {
        // SAFETY: nobody changes a file that is being measured with.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&File::open(path)?)? };
        let length = u16::from_le_bytes(map[8..10].try_into()?) as usize;
        let header = std::str::from_utf8(&map[10..10 + length])?;
        let shape = header.split_once("'shape': (").ok_or("no shape")?.1;
        let shape = shape.split_once(')').ok_or("no shape")?.0;
        let (rows, columns) = shape.split_once(", ").ok_or("not a matrix")?;
        if !header.contains("'<f4'") || header.contains("'fortran_order': True") {
            return Err("not rows of 32-bit numbers".into());
        }
        Ok(Matrix { start: 10 + length, rows: rows.parse()?, columns: columns.parse()?, map })
    }

    fn row(&self, number: usize) -> Vec<f32> {
        let bytes = &self.map[self.start + number * self.columns * 4..][..self.columns * 4];
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }
}

#[derive(Default)]
struct Arguments {
    count: Option<usize>,
    photos: Option<PathBuf>,
    queries: Option<PathBuf>,
    dir: Option<PathBuf>,
}

impl Arguments {
    fn parse() -> Result<Arguments> {
        let mut parsed = Arguments::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            // What cargo adds.
            if name == "--bench" {
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--rows" => parsed.count = Some(value.parse()?),
                "--photos" => parsed.photos = Some(value.into()),
                "--queries" => parsed.queries = Some(value.into()),
                "--dir" => parsed.dir = Some(value.into()),
                _ => return Err(format!("unknown argument {name}").into()),
            }
        }
        Ok(parsed)
    }

    fn rows(&self) -> Result<Rows> {
        if let Some(path) = &self.photos {
            let mut matrix = Matrix::open(path)?;
            matrix.rows = matrix.rows.min(self.count.unwrap_or(usize::MAX));
            return Ok(Rows::Stored(matrix));
        }
        let mut rng = StdRng::seed_from_u64(1);
        let centres = (0..1000).map(|_| unit((0..384).map(|_| noise(&mut rng)).collect())).collect();
        Ok(Rows::Drawn { count: self.count.unwrap_or(100_000), centres })
    }

    fn queries(&self) -> Result<Vec<Vec<f32>>> {
        if let Some(path) = &self.queries {
            let matrix = Matrix::open(path)?;
            return Ok((0..matrix.rows).map(|number| unit(matrix.row(number))).collect());
        }
        let rows = self.rows()?;
        // Near the rows, but none of them.
        let mut rng = StdRng::seed_from_u64(2);
        let mut query =
            |number| unit(rows.row(number * 17 % rows.len()).iter().map(|x| x + 0.03 * noise(&mut rng)).collect());
        Ok((0..QUERIES).map(&mut query).collect())
    }
}
