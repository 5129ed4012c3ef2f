//! How long it takes to find the duplicates in a large index.
//!
//!     cargo bench -p clip-query --bench duplicates -- 100000
//!
//! Every hundredth photo has a copy that is half as large; the other hashes are random.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clip_image::PictureHash;
use clip_index::{Asset, IndexReader, IndexWriter, ModelId};
use clip_query::{DuplicateOptions, duplicates};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const DIMENSION: usize = 8;

fn hash(rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = PictureHash::to_bytes(None);
    // Low frequencies are larger.
    bytes.extend((0..PictureHash::LEN).map(|at| (rng.random_range(-127..=127) / (1 + at as i32 / 16)) as i8 as u8));
    bytes
}

fn make(index: &Path, photos: usize) {
    let model = ModelId { name: "bench".into(), fingerprint: "bench-8".into(), dimension: DIMENSION };
    let mut writer = IndexWriter::open_or_create(index, &model).expect("a folder for the index");
    let mut rng = StdRng::seed_from_u64(1);
    let file = std::env::current_exe().expect("this program has a path");
    for number in 0..photos {
        let mut embedding: Vec<f32> = (0..DIMENSION).map(|_| rng.random_range(-1.0..1.0)).collect();
        let length = embedding.iter().map(|x| x * x).sum::<f32>().sqrt();
        embedding.iter_mut().for_each(|x| *x /= length);
        let asset = Asset {
            path: file.clone(),
            hash: (number as u128 + 1).to_le_bytes(),
            width: 4000,
            height: 3000,
            picture_hash: hash(&mut rng),
            ..Asset::default()
        };
        if number % 100 == 0 {
            let hash = (u128::MAX - number as u128).to_le_bytes();
            let copy = Asset { hash, width: 2000, height: 1500, ..asset.clone() };
            writer.add(copy, embedding.clone()).expect("room for the index");
        }
        writer.add(asset, embedding).expect("room for the index");
    }
    writer.commit().expect("room for the index");
    writer.close().expect("room for the index");
}

#[expect(clippy::print_stdout, reason = "what a benchmark is for")]
fn main() {
    let photos = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(10_000);
    let dir = tempfile::tempdir().expect("a folder");
    make(dir.path(), photos);
    let started = Instant::now();
    let reader = IndexReader::open(dir.path()).expect("the index that was made");
    let found = duplicates(&reader, &DuplicateOptions::default(), &clip_index::Silent, &AtomicBool::new(false));
    let found = found.expect("the index can be read").expect("nobody cancels");
    println!("{} photos, {} groups, {:.1} s", found.photos, found.groups.len(), started.elapsed().as_secs_f64());
}
