//! What fuzzers call: one function for each parser of bytes that come from elsewhere.
//!
//! An index may lie on a stick or a share that somebody else has written to. Whatever is in its files, reading them gives
//! an error or a state that is consistent in itself.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use crate::asset::{Asset, Stamp};
use crate::bad_files;
use crate::exchange;
use crate::graph::{Graph, GraphOptions};
use crate::hubness;
use crate::id_set;
use crate::layout::Layout;
use crate::manifest::{GraphEntry, Manifest, VERSION};
use crate::model::ModelId;
use crate::records;
use crate::segment;
use crate::snapshot::Snapshot;
use crate::sought::Sought;
use crate::v1;
use crate::words::{self, ReadDirectory, Words};
use crate::writer::IndexWriter;

const PATH: &str = "fuzzed";

/// A manifest.
pub fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::decode(bytes, Path::new(PATH)) {
        let again = Manifest::decode(&manifest.encode(), Path::new(PATH));
        assert_eq!(again.expect("what was read can be written"), Manifest { version: VERSION, ..manifest });
    }
}

/// A set of ids.
pub fn id_set(bytes: &[u8]) {
    if let Ok(ids) = id_set::decode(bytes, Path::new(PATH)) {
        assert_eq!(id_set::decode(&id_set::encode(&ids), Path::new(PATH)).expect("what was read can be written"), ids);
    }
}

/// A vector file.
pub fn segment(bytes: &[u8]) {
    segment::check_file(bytes);
}

/// A file of records.
pub fn records(bytes: &[u8]) {
    records::check_file(bytes);
}

/// A record.
pub fn record(bytes: &[u8]) {
    records::check_record(bytes);
}

/// A file of hubness.
pub fn hubness(bytes: &[u8]) {
    hubness::check_file(bytes);
}

/// The file of a bank: the texts that hubness is measured with, embedded.
pub fn bank(bytes: &[u8]) {
    hubness::check_bank(bytes);
}

/// A list of files that could not be indexed.
pub fn bad_files(bytes: &[u8]) {
    bad_files::check_file(bytes);
}

/// The `meta.json` of the word index, which is in the manifest, and what tantivy makes of it.
pub fn words(bytes: &[u8]) {
    let dir = example().layout.words();
    if let Ok(meta) = str::from_utf8(bytes) {
        let _ = words::live_files(&dir, Some(meta));
    }
    if let Ok(files) = ReadDirectory::pin(&dir, bytes.into(), &Default::default())
        && let Ok(words) = Words::open(&files)
    {
        let _ = words.ids();
        let _ = words.search("photos 7", 5);
    }
}

/// The commit point of version 1, `meta.json`, and what tantivy makes of it.
pub fn commit_point(bytes: &[u8]) {
    let Ok(Some(point)) = v1::CommitPoint::parse(bytes.to_vec(), Path::new(PATH)) else { return };
    if let Ok(files) = ReadDirectory::pin(&v1_fixture().v1_meta(), point.bytes().clone(), &Default::default())
        && let Ok(metadata) = v1::Metadata::open(&files)
    {
        let _ = metadata.all();
    }
}

fn v1_fixture() -> Layout {
    Layout::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1"))
}

/// A graph.
pub fn graph(bytes: &[u8]) {
    let example = example();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let layout = Layout::new(dir.path());
    fs::create_dir(layout.graphs()).expect("a directory");
    fs::write(layout.graph(1), bytes).expect("a file");
    // That the manifest names just this file is the least that an attacker can arrange.
    let crc = bytes.get(60..64).and_then(|crc| crc.first_chunk()).map_or(0, |crc| u32::from_le_bytes(*crc));
    let entry = GraphEntry { file: 1, header_crc32: crc, unknown: Default::default() };
    let snapshot = Snapshot::assemble(
        layout,
        example.snapshot.manifest().clone(),
        example.snapshot.segments().to_vec(),
        example.snapshot.records().clone(),
        example.snapshot.deleted().clone(),
    );
    let snapshot = snapshot.expect("its parts were together before");
    let Ok(graph) = Graph::open(&snapshot, &entry) else { return };
    assert!(graph.nodes() <= example.snapshot.rows());
    let filter = (1..20).collect();
    for (query, filter) in [([1.0, 0.0], None), ([-0.6, 0.8], Some(&filter))] {
        let found = graph.search(&snapshot, Sought::plain(&query), 3, 5, filter);
        assert!(found.len() <= 3 && found.iter().all(|hit| snapshot.locate_live(hit.id).is_some()));
    }
    let _ = Graph::verify(&snapshot, &entry);
}

/// A NumPy array to be imported.
pub fn npy(bytes: &[u8]) {
    exchange::check_array(bytes);
}

/// A Parquet file to be imported.
#[cfg(feature = "parquet")]
pub fn parquet(bytes: &[u8]) {
    exchange::check_table(bytes);
}

/// A line that describes an item to be imported.
pub fn ndjson(bytes: &[u8]) {
    exchange::check_line(bytes);
}

/// An index with every kind of file.
struct Example {
    _dir: tempfile::TempDir,
    layout: Layout,
    snapshot: Snapshot,
}

fn example() -> &'static Example {
    static EXAMPLE: OnceLock<Example> = OnceLock::new();
    EXAMPLE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let model = ModelId { name: "fuzz".into(), fingerprint: "fuzz".into(), dimension: 2 };
        let mut writer = IndexWriter::open_or_create(dir.path(), &model).expect("a new index");
        for number in 0..20u8 {
            let angle = f32::from(number);
            let photo = Asset {
                path: format!("/photos/{number}.jpg").into(),
                stamp: Stamp { size: 1, ..Stamp::default() },
                hash: [number; 16],
                ..Asset::default()
            };
            writer.add(photo, vec![angle.cos(), angle.sin()]).expect("a unit vector");
        }
        writer.commit().expect("a commit");
        let options = GraphOptions { min_photos: 1, connections: 4, ef_construction: 10, ..GraphOptions::default() };
        writer.update_graph(&options, &clip_progress::Silent, &AtomicBool::new(false)).expect("a graph");
        for id in [3, 9] {
            assert!(writer.remove(id).expect("its record"));
        }
        writer.commit().expect("a commit");
        writer.close().expect("nothing left to do");
        let layout = Layout::new(dir.path());
        let snapshot = Snapshot::open(&layout).expect("an index");
        Example { _dir: dir, layout, snapshot }
    })
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    /// Flips, overwrites, cuts and splices; and now and then bytes that are nothing at all.
    fn mutate(seeds: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
        if rng.random_ratio(1, 10) {
            return (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
        }
        let mut bytes = seeds[rng.random_range(0..seeds.len())].clone();
        for _ in 0..rng.random_range(0..4) {
            if bytes.is_empty() {
                break;
            }
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] ^= 1 << rng.random_range(0..8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'9', b'"'][rng.random_range(0..7)],
                2 => bytes.truncate(at),
                _ => {
                    let other = &seeds[rng.random_range(0..seeds.len())];
                    bytes.splice(at.., other[rng.random_range(0..=other.len())..].iter().copied());
                }
            }
        }
        bytes
    }

    /// Puts a checksum right, so that what comes after it is reached.
    type Seal = fn(&mut [u8]);

    fn run(target: fn(&[u8]), seeds: &[Vec<u8>], rounds: usize, seal: Seal) {
        let mut rng = StdRng::seed_from_u64(7);
        seeds.iter().for_each(|seed| target(seed));
        for round in 0..rounds {
            let mut bytes = mutate(seeds, &mut rng);
            if round % 2 == 0 {
                seal(&mut bytes);
            }
            target(&bytes);
        }
    }

    fn seal_json(bytes: &mut [u8]) {
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else { return };
        let (line, body) = bytes.split_at_mut(end + 1);
        let crc = format!("{:08x}\"}}\n", crc32fast::hash(body));
        if let Some(start) = line.len().checked_sub(crc.len()) {
            line[start..].copy_from_slice(crc.as_bytes());
        }
    }

    fn seal_id_set(bytes: &mut [u8]) {
        if bytes.len() >= 16 {
            let crc = crc32fast::hash(&bytes[16..]);
            bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        }
    }

    fn seal_segment(bytes: &mut [u8]) {
        if bytes.len() >= 64 {
            let crc = crc32fast::hash(&bytes[..60]);
            bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        }
    }

    fn files(paths: &[std::path::PathBuf]) -> Vec<Vec<u8>> {
        paths.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    #[test]
    fn damaged_manifests() {
        let example = example();
        run(manifest, &files(&[example.layout.manifest()]), 3000, seal_json);
    }

    #[test]
    fn damaged_sets_of_ids() {
        let large = crate::id_set::encode(&(0..70_000).step_by(3).chain(u64::MAX - 70..u64::MAX).collect());
        let example = example();
        let deleted = example.snapshot.manifest().deleted.as_ref().unwrap().file;
        let mut seeds = files(&[example.layout.deleted(deleted)]);
        seeds.push(large);
        run(id_set, &seeds, 3000, seal_id_set);
    }

    #[test]
    fn damaged_vector_files() {
        let example = example();
        let paths: Vec<_> = example.snapshot.segments().iter().map(|segment| segment.path().to_path_buf()).collect();
        let mut seeds = files(&paths);
        seeds.push(fs::read("tests/fixtures/v1/vectors/00000001.vec").unwrap());
        run(segment, &seeds, 3000, seal_segment);
    }

    /// Puts the header's checksum right.
    fn seal_frame(bytes: &mut [u8]) {
        if bytes.len() >= 64 {
            let crc = crc32fast::hash(&bytes[..60]);
            bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        }
    }

    #[test]
    fn damaged_records() {
        let example = example();
        let files =
            files(&example.snapshot.records().files().iter().map(|f| f.path().to_path_buf()).collect::<Vec<_>>());
        run(records, &files, 2000, seal_frame);
        let seeds: Vec<Vec<u8>> =
            example.snapshot.records().iter().map(|found| found.bytes().unwrap().to_vec()).collect();
        run(record, &seeds, 5000, |_| {});
    }

    #[test]
    fn damaged_lists_of_bad_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        let file = |number: u64| crate::BadFile {
            path: format!("/photos/{number}.heic").into(),
            stamp: Stamp { size: number, mtime_ns: -5, ctime_ns: number.is_multiple_of(2).then_some(7), inode: None },
            hash: number.is_multiple_of(3).then_some([number as u8; 16]),
            reason: "HEIC is not supported".into(),
            decoder: (number % 2 == 1).then_some(number),
        };
        let list = (0..40).map(file).map(|file| (file.path.clone(), file)).collect();
        crate::bad_files::write(&path, 1, &list).unwrap();
        run(bad_files, &files(&[path]), 2000, seal_frame);
    }

    #[test]
    fn damaged_files_of_hubness() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        fs::create_dir(layout.vectors()).unwrap();
        let segment = example().snapshot.segments()[0].clone();
        let number = |row: usize| crate::Hubness { captions: row as f32 / 100.0, phrases: 0.5 };
        let numbers: Vec<crate::Hubness> = (0..segment.len()).map(number).collect();
        crate::hubness::write(&layout, 3, &segment, "bank", &numbers).unwrap();
        run(hubness, &files(&[layout.hubness(3)]), 2000, seal_frame);
    }

    #[test]
    fn damaged_banks() {
        let dir = tempfile::tempdir().unwrap();
        let seeds: Vec<Vec<u8>> = [(2, 4, 1), (3, 20, 8), (65, 2, 2)]
            .into_iter()
            .map(|(dimension, texts, neighbours)| {
                let row = |text: usize| (0..dimension).map(move |at| if at == text % dimension { 1.0 } else { 0.0 });
                let rows: Vec<f32> = (0..texts).flat_map(row).collect();
                crate::Bank::new("bank", &rows, &rows, dimension, neighbours).unwrap().store(dir.path()).unwrap();
                fs::read(Layout::new(dir.path()).bank()).unwrap()
            })
            .collect();
        run(bank, &seeds, 1000, seal_frame);
    }

    #[test]
    fn damaged_word_indexes() {
        let meta = example().snapshot.manifest().words.clone().unwrap();
        run(words, &[meta.into_bytes()], 500, |_| {});
    }

    #[test]
    fn damaged_commit_points() {
        run(commit_point, &files(&[v1_fixture().v1_commit_point()]), 500, |_| {});
    }

    #[test]
    fn damaged_graphs() {
        let example = example();
        let entry = example.snapshot.manifest().graph.as_ref().unwrap();
        let seed = fs::read(example.layout.graph(entry.file)).unwrap();
        // The seed can be searched, so the target goes all the way.
        assert!(Graph::verify(&example.snapshot, entry).is_ok());
        run(graph, &[seed], 3000, seal_frame);
    }

    #[test]
    fn damaged_arrays() {
        let header = |text: &str| [b"\x93NUMPY\x01\x00\x80\x00", format!("{text:128}").as_bytes()].concat();
        let seeds = [
            [header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }"), vec![1; 8]].concat(),
            [header("{'descr': '<f2', 'fortran_order': False, 'shape': (2, 2), }"), vec![2; 8]].concat(),
            [header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }"), vec![3; 8]].concat(),
        ];
        run(npy, &seeds, 3000, |_| {});
    }

    #[test]
    fn damaged_lines() {
        let seeds = [
            br#"{"id":7,"asset":7,"position":3,"path":"/a\u00fc.mp4","hash":"000102030405060708090a0b0c0d0e0f","size":5,"#.to_vec(),
            br#"{"path_bytes":[47,255],"mtime_ns":"-5","kind":"video","width":640.5,"height":4,"taken_at":-3,"gps":[1.5,-2]}"#
                .to_vec(),
            br#"{"image_path":"/a.jpg","camera":"c","lens":null,"mtime_ns":99,"size":1,"unknown":{"a":[]}}"#.to_vec(),
        ];
        run(ndjson, &seeds, 5000, |_| {});
    }
}
