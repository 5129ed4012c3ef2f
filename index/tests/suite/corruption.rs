//! Every file of an index, damaged in every way: an error or a problem, never a panic, never other data in silence.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use clip_index::{
    BadFile, GraphOptions, GraphUpdate, Hubness, IndexReader, IndexWriter, Neighbour, Rebuild, Record, Remedy,
    SearchOptions, Steps, repair, verify, verify_with,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::allocations;
use crate::common::*;
use crate::history;

const DIMENSION: usize = 6;

/// An index with every kind of file: several segments, removed photos, a graph.
fn build(dir: &Path) {
    index_of(dir, 90, 30, DIMENSION);
    let mut writer = IndexWriter::open_or_create(dir, &model(DIMENSION)).unwrap();
    writer.set_bank(bank(1, DIMENSION)).unwrap();
    assert!(writer.update_hubness(&clip_index::Silent, &AtomicBool::new(false)).unwrap());
    let options = GraphOptions { connections: 6, ef_construction: 30, min_photos: 10, ..GraphOptions::default() };
    let update = writer.update_graph(&options, &clip_index::Silent, &AtomicBool::new(false)).unwrap();
    assert_eq!(update, GraphUpdate::Built { nodes: 90 });
    for id in [3, 40, 41] {
        assert!(writer.remove(id).unwrap());
    }
    writer.relocate(7, "/moved.jpg".as_ref(), stamp(1, 1)).unwrap();
    for number in 200..210 {
        writer.add_photo(photo(number, DIMENSION)).unwrap();
    }
    writer.set_roots(&["/photos".into()]).unwrap();
    let (path, stamp) = ("/photos/bad.jpg".into(), stamp(3, 4));
    writer.remember_bad_file(BadFile { path, stamp, hash: None, reason: "it was bad".into(), decoder: Some(1) });
    writer.commit().unwrap();
    writer.close().unwrap();
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        // Files are never changed once they are there, so those that stay as they are need not be copied.
        if fs::hard_link(&file, &target).is_err() {
            fs::copy(&file, target).unwrap();
        }
    }
}

/// All that a reader tells.
#[derive(Debug, PartialEq)]
struct Content {
    rows: Vec<(u64, Vec<f32>)>,
    records: Vec<Record>,
    exact: Vec<Neighbour>,
    graph: Vec<Neighbour>,
    /// `None` where that of any is unknown.
    hubness: Option<Vec<Hubness>>,
    words: Vec<(u64, f32)>,
    path: Option<u64>,
    roots: Vec<PathBuf>,
}

fn read(dir: &Path) -> Result<Content, clip_index::IndexError> {
    let reader = IndexReader::open(dir)?;
    let query = photo(1000, DIMENSION).embedding;
    // Everything is tried, even where something before it has failed.
    let exact = reader.search_exact(&query, 20, None);
    let graph = reader.search_graph(&query, 5, 20, None);
    let words = reader.search_words("album 3", 20);
    let path = reader.find_path("/moved.jpg");
    let records = reader.all_records();
    Ok(Content {
        path: path?,
        // Where the ids are damaged, they may not be found.
        rows: reader.ids().map(|id| (id, reader.embedding(id).unwrap_or_default())).collect(),
        records: records?,
        exact: exact?,
        hubness: reader.ids().map(|id| reader.hubness(id)).collect(),
        graph: graph?,
        words: words?,
        roots: reader.roots(),
    })
}

/// Of this thread's panics, shows no backtrace: that of one of tantivy's, which are caught, takes more memory than anything
/// that is measured.
#[expect(clippy::print_stderr, reason = "it stands for the usual message")]
fn show_no_backtraces() {
    let (own, usual) = (std::thread::current().id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(
        move |info| {
            if std::thread::current().id() == own { eprintln!("{info}") } else { usual(info) }
        },
    ));
}

#[test]
fn damage_is_noticed() {
    show_no_backtraces();
    let good = tempfile::tempdir().unwrap();
    build(good.path());
    let content = read(good.path()).unwrap();
    assert_eq!(content.graph, content.exact[..5]);
    assert_eq!(content.path, Some(7));
    assert!(verify(good.path()).unwrap().is_clean());
    let (_, memory) = allocations::largest(|| (verify(good.path()).unwrap(), read(good.path()).unwrap()));
    let all = files(good.path());
    let size: u64 = all.iter().map(|file| file.metadata().unwrap().len()).sum();
    let memory = memory + size as usize;
    assert!(all.len() > 15, "{all:?}");
    for kind in ["vec", "del", "hub", "rec", "bad", "hnsw", "json", "idx", "pos", "term", "store", "fast", "fieldnorm"]
    {
        assert!(all.iter().any(|file| file.extension().is_some_and(|extension| extension == kind)), "{kind}");
    }
    let mut rng = StdRng::seed_from_u64(1);
    for file in all {
        let bytes = fs::read(&file).unwrap();
        let name = file.strip_prefix(good.path()).unwrap();
        let mut damaged: Vec<Option<Vec<u8>>> = vec![None];
        // A thousand rounds are two hundred places of each file.
        let rounds = history::rounds();
        for _ in 0..rounds.div_ceil(if rounds > 100 { 5 } else { 10 }) {
            if bytes.is_empty() {
                damaged.push(Some(vec![rng.random()]));
                continue;
            }
            let mut flipped = bytes.clone();
            flipped[rng.random_range(0..bytes.len())] ^= 1 << rng.random_range(0..8);
            damaged.push(Some(flipped));
            let mut overwritten = bytes.clone();
            let start = rng.random_range(0..bytes.len());
            let end = bytes.len().min(start + rng.random_range(1..40));
            overwritten[start..end].iter_mut().for_each(|byte| *byte = rng.random());
            damaged.push(Some(overwritten));
            damaged.push(Some(bytes[..rng.random_range(0..bytes.len())].to_vec()));
            let mut longer = bytes.clone();
            longer.extend((0..rng.random_range(1..20)).map(|_| rng.random::<u8>()));
            damaged.push(Some(longer));
        }
        for (number, damage) in damaged.into_iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            copy(good.path(), dir.path());
            let target = dir.path().join(name);
            // The file has links elsewhere, which must stay as they are.
            fs::remove_file(&target).unwrap();
            if let Some(bytes) = &damage {
                fs::write(&target, bytes).unwrap();
            }
            let case = describe(name, &bytes, damage.as_deref());
            let unchanged = damage.as_deref() == Some(&bytes[..]);
            let ((), found) = allocations::largest(|| check(dir.path(), name, unchanged, &content, &case));
            assert!(found <= memory, "{found} bytes were asked for at once, instead of {memory}: {case}");
            // Writers take their time: they look at everything, and make the word index again.
            if number % 13 == 0 {
                check_writer(dir.path(), &content, &case);
            }
        }
    }
}

/// A writer refuses the index and leaves it alone, or goes on without making things worse.
fn check_writer(dir: &Path, good: &Content, case: &str) {
    let before = pairs(dir, good);
    let contents = |dir: &Path| files(dir).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect::<Vec<_>>();
    let tree = contents(dir);
    let added = photo(300, DIMENSION);
    let opened = catch_unwind(|| IndexWriter::open_or_create(dir, &model(DIMENSION)));
    let Ok(mut writer) = opened.unwrap_or_else(|_| panic!("opening a writer panicked: {case}")) else {
        let without_lock = |tree: Vec<(Vec<u8>, PathBuf)>| {
            tree.into_iter().filter(|(_, file)| !file.ends_with("lock")).collect::<Vec<_>>()
        };
        assert!(without_lock(contents(dir)) == without_lock(tree), "a refused writer has changed files: {case}");
        return;
    };
    let go_on = || {
        let removed = writer.remove(9);
        writer.add_photo(added.clone()).and_then(|_| writer.commit()).map(|()| removed.unwrap_or(false))
    };
    let written = catch_unwind(std::panic::AssertUnwindSafe(go_on));
    let written = written.unwrap_or_else(|_| panic!("writing panicked: {case}"));
    let after = pairs(dir, good);
    let removed = u64::from(matches!(written, Ok(true)));
    assert!(after.right + removed >= before.right, "{before:?} became {after:?}: {case}");
    assert!(after.wrong <= before.wrong, "{before:?} became {after:?}: {case}");
    if written.is_ok() {
        assert_eq!(after.added, 1, "what was committed is not there: {case}");
    }
}

/// Vectors that are where they belong.
#[derive(Debug, Default)]
struct Pairs {
    right: u64,
    wrong: u64,
    added: u64,
}

fn pairs(dir: &Path, good: &Content) -> Pairs {
    let mut pairs = Pairs::default();
    let Ok(reader) = IndexReader::open(dir) else { return pairs };
    let added = photo(300, DIMENSION);
    for id in reader.ids() {
        let Ok(records) = reader.records(&[id]) else { continue };
        let (Some(record), Some(row)) = (records.first(), reader.embedding(id)) else { continue };
        let is_that = |known: &&Record| known.asset.path == record.asset.path;
        let place = good.records.iter().find(is_that).and_then(|known| good.rows.iter().find(|row| row.0 == known.id));
        if record.asset.path == added.asset.path && row == stored(&added.embedding) {
            pairs.added += 1;
        } else if place.is_some_and(|place| place.1 == row) {
            pairs.right += 1;
        } else {
            pairs.wrong += 1;
        }
    }
    pairs
}

/// What was done, for the message of a failure.
fn describe(name: &Path, good: &[u8], damaged: Option<&[u8]>) -> String {
    let Some(damaged) = damaged else { return format!("{} removed", name.display()) };
    let equal = good.iter().zip(damaged).take_while(|(a, b)| a == b).count();
    let end = |bytes: &[u8]| bytes.len().min(equal + 40);
    let before = String::from_utf8_lossy(&good[equal..end(good)]).into_owned();
    let after = String::from_utf8_lossy(&damaged[equal..end(damaged)]).into_owned();
    let (from, to) = (good.len(), damaged.len());
    format!("{}, {from} bytes, now {to}, from byte {equal} on: {before:?}, now {after:?}", name.display())
}

fn check(dir: &Path, name: &Path, unchanged: bool, content: &Content, case: &str) {
    let report = catch_unwind(|| verify(dir)).unwrap_or_else(|_| panic!("verify panicked: {case}"));
    // Damage is what it is there to tell of, and never ends it.
    let noticed = !report.unwrap_or_else(|error| panic!("verify ended with \"{error}\": {case}")).is_clean();
    // Files of our own have checksums over every byte. Those of tantivy leave some without meaning, and locks are empty.
    // Indexes of earlier versions have no spare manifest.
    let is_optional = name == Path::new("manifest.spare") && !dir.join(name).exists();
    let own = !name.starts_with("words") && name != Path::new("lock") && !is_optional;
    assert!(noticed || !own || unchanged, "not noticed: {case}");
    let found = catch_unwind(|| read(dir)).unwrap_or_else(|_| panic!("reading panicked: {case}"));
    match found {
        Ok(found) => assert!(noticed || found == *content, "other data: {case}"),
        Err(error) => assert!(noticed, "reading failed ({error}) though verify found nothing: {case}"),
    }
}

/// A copy of the index in `good` in which a file is another.
fn with_other_file(good: &Path, name: &Path, bytes: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(good, dir.path());
    fs::remove_file(dir.path().join(name)).unwrap();
    fs::write(dir.path().join(name), bytes).unwrap();
    dir
}

fn repair_now(dir: &Path) -> Result<clip_index::Repaired, clip_index::IndexError> {
    repair(dir, &clip_index::Silent, &AtomicBool::new(false)).map(|repaired| repaired.expect("not cancelled"))
}

/// The files of our own with a binary header, in the index in `dir`.
fn binary_files(dir: &Path) -> Vec<PathBuf> {
    let folders = ["vectors", "records", "graph"].map(|folder| files(&dir.join(folder)));
    folders.concat().iter().map(|file| file.strip_prefix(dir).unwrap().to_path_buf()).collect()
}

/// One bit of a version must not make an index that nobody can use, nor repair, until there is a newer program.
#[test]
fn a_flipped_bit_in_a_version_is_damage() {
    let good = tempfile::tempdir().unwrap();
    build(good.path());
    for name in binary_files(good.path()) {
        let bytes = fs::read(good.path().join(&name)).unwrap();
        for bit in 0..32 {
            let mut flipped = bytes.clone();
            flipped[8 + bit / 8] ^= 1 << (bit % 8);
            let dir = with_other_file(good.path(), &name, &flipped);
            let case = format!("bit {bit} of the version of {}", name.display());
            let report = verify(dir.path()).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!(!report.is_clean(), "{case}");
            if let Err(error) = IndexReader::open(dir.path()) {
                assert_eq!(error.remedy(), Some(Remedy::RepairOrRebuild), "{case}: {error}");
            }
            if bit % 8 == 3 {
                drop(Rebuild::begin(dir.path(), &model(DIMENSION)).unwrap_or_else(|error| panic!("{case}: {error}")));
                let repaired = repair_now(dir.path()).unwrap_or_else(|error| panic!("{case}: {error}"));
                assert!(!repaired.is_unchanged(), "{case}");
                assert!(verify(dir.path()).unwrap().is_clean(), "{case}");
            }
        }
    }
    let name = Path::new("manifest.json");
    let bytes = fs::read(good.path().join(name)).unwrap();
    let at = bytes.windows(11).position(|part| part == b"\"version\":2").unwrap() + 10;
    for bit in 0..8 {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        let dir = with_other_file(good.path(), name, &flipped);
        let report = verify(dir.path()).unwrap_or_else(|error| panic!("bit {bit}: {error}"));
        assert_eq!(report.remedy, Some(Remedy::RestoreManifest), "bit {bit}");
        drop(Rebuild::begin(dir.path(), &model(DIMENSION)).unwrap());
    }
}

/// Newer caches go; what only a newer program can read is left to it, or to a rebuild.
#[test]
fn files_of_a_newer_version_are_told_from_damaged_ones() {
    let good = tempfile::tempdir().unwrap();
    build(good.path());
    for name in binary_files(good.path()) {
        let mut bytes = fs::read(good.path().join(&name)).unwrap();
        bytes[8] = 9;
        let is_set = name.extension().is_some_and(|extension| extension == "del");
        if !is_set {
            let crc = crc32fast::hash(&bytes[..60]);
            bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        }
        let dir = with_other_file(good.path(), &name, &bytes);
        // The manifest names the newer file.
        let mut document = manifest_of(dir.path());
        let number = u64::from_str_radix(name.file_stem().unwrap().to_str().unwrap(), 16).unwrap();
        let crc = if is_set { crc32fast::hash(&bytes) } else { crc32fast::hash(&bytes[..60]) };
        fn name_file(value: &mut serde_json::Value, number: u64, crc: u32) {
            if value["file"] == number {
                let member = if value.get("crc32").is_some() { "crc32" } else { "header_crc32" };
                value[member] = crc.into();
            }
        }
        for member in ["segments", "records", "hubness"] {
            document[member].as_array_mut().unwrap().iter_mut().for_each(|entry| name_file(entry, number, crc));
        }
        for member in ["deleted", "graph", "bad_files"] {
            name_file(&mut document[member], number, crc);
        }
        fs::remove_file(dir.path().join("manifest.json")).unwrap();
        write_manifest(dir.path(), 2, None, &document);
        let case = name.display();
        drop(Rebuild::begin(dir.path(), &model(DIMENSION)).unwrap_or_else(|error| panic!("{case}: {error}")));
        let is_cache = ["hub", "bad", "hnsw"].iter().any(|cache| name.extension().is_some_and(|name| name == *cache));
        if is_cache {
            assert_eq!(verify(dir.path()).unwrap().problems.len(), 1, "{case}");
            assert_eq!(IndexReader::open(dir.path()).unwrap().len(), 97, "{case}");
            assert!(!repair_now(dir.path()).unwrap().is_unchanged(), "{case}");
            assert!(verify(dir.path()).unwrap().is_clean(), "{case}");
        } else {
            for error in [
                verify(dir.path()).unwrap_err(),
                IndexReader::open(dir.path()).unwrap_err(),
                IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap_err(),
                repair_now(dir.path()).unwrap_err(),
            ] {
                assert!(matches!(error, clip_index::IndexError::NewerFormat { found: 9, .. }), "{case}: {error}");
            }
        }
    }
}

/// Each kind of file of the word index is named where it is damaged or missing, and made again by the next writer.
#[test]
fn damaged_words_are_named_and_made_again() {
    let good = tempfile::tempdir().unwrap();
    build(good.path());
    let content = read(good.path()).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for file in files(&good.path().join("words")) {
        let name = file.strip_prefix(good.path()).unwrap();
        kinds.insert(name.extension().unwrap().to_str().unwrap().to_owned());
        let bytes = fs::read(&file).unwrap();
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 3] ^= 1;
        for damage in [None, Some(flipped), Some(Vec::new()), Some(bytes[..bytes.len() - 1].to_vec())] {
            let dir = with_other_file(good.path(), name, damage.as_deref().unwrap_or_default());
            if damage.is_none() {
                fs::remove_file(dir.path().join(name)).unwrap();
            }
            let case = format!("{}, {:?}", name.display(), damage.map(|bytes| bytes.len()));
            let report = verify(dir.path()).unwrap();
            let named: Vec<&PathBuf> = report.problems.iter().map(|problem| &problem.path).collect();
            assert_eq!(named, [&dir.path().join(name)], "{case}: {report:?}");
            drop(IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap());
            let report = verify(dir.path()).unwrap();
            assert!(report.is_clean(), "{case}: {report:?}");
            // The frequencies of words are others without those of removed photos.
            assert_eq!(read(dir.path()).unwrap().words.len(), content.words.len(), "{case}");
        }
    }
    for kind in ["idx", "pos", "term", "store", "fast", "fieldnorm", "del"] {
        assert!(kinds.contains(kind), "{kinds:?}");
    }
}

/// The graph is a cache: damage to it costs no more than its being built again.
#[test]
fn a_damaged_graph_is_built_again() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let options = GraphOptions { connections: 6, ef_construction: 30, min_photos: 10, ..GraphOptions::default() };
    for header in [true, false] {
        let graph = files(&dir.path().join("graph"));
        assert_eq!(graph.len(), 1);
        let mut bytes = fs::read(&graph[0]).unwrap();
        let at = if header { 16 } else { bytes.len() / 2 };
        bytes[at] ^= 1;
        fs::write(&graph[0], bytes).unwrap();
        assert!(!verify(dir.path()).unwrap().is_clean());
        let query = photo(1000, DIMENSION).embedding;
        let reader = IndexReader::open(dir.path()).unwrap();
        match reader.search_graph(&query, 5, 20, None) {
            // Damage to the links is not looked for at every search: it does no harm.
            Ok(found) => assert!(!header && found.len() == 5),
            Err(error) => assert!(header && matches!(error, clip_index::IndexError::Graph { .. }), "{error}"),
        }
        assert_eq!(reader.search_exact(&query, 5, None).unwrap().len(), 5);
        let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
        let update = writer.update_graph(&options, &clip_index::Silent, &AtomicBool::new(false)).unwrap();
        assert_eq!(update, GraphUpdate::Built { nodes: 97 });
        let reader = IndexReader::open(dir.path()).unwrap();
        reader.search_graph(&query, 5, 20, None).unwrap();
        assert!(verify(dir.path()).unwrap().is_clean());
    }
}

/// A file with damaged rows is not copied into another one, where the damage would get a checksum that fits.
#[test]
fn damage_is_not_copied() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 70, 10, DIMENSION);
    let file = &files(&dir.path().join("vectors"))[0];
    let mut bytes = fs::read(file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(file, bytes).unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap();
    for number in 70..100 {
        writer.add_photo(photo(number, DIMENSION)).unwrap();
        writer.commit().unwrap();
    }
    assert_eq!(IndexReader::open(dir.path()).unwrap().len(), 100);
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert_eq!(&report.problems[0].path, file);
}

/// Writes the only vector file again, whose table of checksums lies at `table`, with checksums that fit.
fn seal(dir: &Path, file: &Path, mut bytes: Vec<u8>, table: usize) {
    let crc = crc32fast::hash(&bytes[64..table]);
    bytes[table..].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32fast::hash(&bytes[table..]);
    bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    let header = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&header.to_le_bytes());
    fs::write(file, &bytes).unwrap();
    let mut document = manifest_of(dir);
    document["segments"][0]["header_crc32"] = header.into();
    write_manifest(dir, 2, None, &document);
}

/// The first id of a file tells where others are: with a wrong one, none of them would be found.
#[test]
fn ids_out_of_order_are_no_empty_answer() {
    for count in [10, 4000] {
        let dir = tempfile::tempdir().unwrap();
        index_of(dir.path(), count, count, 2);
        let file = &files(&dir.path().join("vectors"))[0];
        let whole = fs::read(file).unwrap();
        let last = 64 + 8 * (count as usize - 1);
        for at in [64, 64 + 8, last - 8, last] {
            let mut bytes = whole.clone();
            bytes[at..at + 4].fill(0xff);
            fs::write(file, &bytes).unwrap();
            let error = IndexReader::open(dir.path()).unwrap_err();
            assert!(error.to_string().contains("vectors"), "{error}");
        }
        fs::write(file, &whole).unwrap();
        IndexReader::open(dir.path()).unwrap();
    }
    // In the middle of a long file nobody looks before a search.
    let dir = tempfile::tempdir().unwrap();
    let oracle = index_of(dir.path(), 8000, 8000, 2);
    let file = &files(&dir.path().join("vectors"))[0];
    let mut bytes = fs::read(file).unwrap();
    for row in 1100..6900 {
        bytes[64 + 8 * row..][..8].copy_from_slice(&(8000 - row as u64).to_le_bytes());
    }
    fs::write(file, &bytes).unwrap();
    let reader = IndexReader::open(dir.path()).unwrap();
    let query = &oracle[&2000].1;
    for error in [
        reader.search_exact(query, 1000, None).unwrap_err(),
        reader.search_scan(query, 1000, None).unwrap_err(),
        reader.search(query, &SearchOptions::best(1000)).map(|found| found.neighbours).unwrap_err(),
    ] {
        assert!(error.to_string().contains("out of order"), "{error}");
    }
}

#[test]
fn codes_that_are_not_of_their_rows_are_found_and_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let oracle = index_of(dir.path(), 5, 5, 2);
    let file = &files(&dir.path().join("vectors"))[0];
    let whole = fs::read(file).unwrap();
    let (scales, codes, table) = (128, 192, 64 + 64 + 64 + 5 * 64 + 64);
    assert_eq!(whole.len(), table + 4);
    for at in [scales, codes, codes + 7] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        seal(dir.path(), file, bytes, table);
        let report = verify(dir.path()).unwrap();
        assert_eq!(report.problems.len(), 1, "{report:?}");
        assert!(report.problems[0].message.contains("codes"), "{report:?}");
    }
    let repaired = repair(dir.path(), &clip_index::Silent, &AtomicBool::new(false)).unwrap().unwrap();
    assert_eq!((repaired.kept.items(), repaired.lost.len(), repaired.dropped_files.len()), (5, 0, 1));
    assert!(verify(dir.path()).unwrap().is_clean());
    assert_same(&IndexReader::open(dir.path()).unwrap(), &oracle);
    let again = &files(&dir.path().join("vectors"))[0];
    assert_eq!(fs::read(again).unwrap(), whole, "codes are as they were");
}

#[test]
fn vectors_that_are_not_of_unit_length_are_found() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 5, 5, 2);
    // Rewritten with checksums that fit, as a faulty program might.
    let file = &files(&dir.path().join("vectors"))[0];
    let mut bytes = fs::read(file).unwrap();
    // Header, ids, scales and codes of five rows come before them, in multiples of 64 bytes.
    let (rows, table) = (64 + 64 + 64 + 5 * 64, 64 + 64 + 64 + 5 * 64 + 64);
    assert_eq!(bytes.len(), table + 4);
    bytes[rows..rows + 2].copy_from_slice(&half::f16::from_f32(7.5).to_le_bytes());
    seal(dir.path(), file, bytes, table);
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert!(report.problems[0].message.contains("unit vectors, found norm 7.5"), "{report:?}");
}

/// One damaged file keeps the index from being opened, but not the others from being looked at.
#[test]
fn all_damaged_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let mut damaged = Vec::new();
    for folder in ["vectors", "records"] {
        for (number, file) in files(&dir.path().join(folder)).into_iter().enumerate() {
            let mut bytes = fs::read(&file).unwrap();
            let at = if number == 0 { 20 } else { bytes.len() - 5 };
            bytes[at] ^= 1;
            fs::write(&file, bytes).unwrap();
            damaged.push(file);
        }
    }
    assert!(damaged.len() > 4);
    let report = verify(dir.path()).unwrap();
    assert_eq!(report.generation, None);
    let mut named: Vec<&PathBuf> = report.problems.iter().map(|problem| &problem.path).collect();
    named.sort();
    assert_eq!(named, damaged.iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>());
}

#[test]
fn verification_tells_how_far_it_is_and_can_be_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let seen = Mutex::new(Vec::new());
    let progress = |Steps { done, total }| seen.lock().unwrap().push((done, total));
    let report = verify_with(dir.path(), &progress, &AtomicBool::new(false));
    let seen = seen.into_inner().unwrap();
    assert!(report.unwrap().unwrap().is_clean());
    let total = seen[0].1;
    assert!(seen.len() > 4 && seen.is_sorted() && seen.iter().all(|&(_, of)| of == total), "{seen:?}");
    // The set of removed ids lies among the vectors, and is read all the same.
    assert!(seen.last().unwrap().0 > total * 9 / 10, "{seen:?}");
    assert_eq!(verify_with(dir.path(), &clip_index::Silent, &AtomicBool::new(true)).unwrap(), None);
}
