//! An index that is built inside the old one.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use clip_index::{
    Asset, GraphOptions, IndexError, IndexReader, IndexWriter, ModelId, Rebuild, RebuildStatus, RowFormat, verify,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common::*;
use crate::history;

fn fill(dir: &Path, model: &ModelId, numbers: std::ops::Range<u64>) -> Oracle {
    let mut writer = IndexWriter::open_or_create(dir, model).unwrap();
    let mut oracle = Oracle::new();
    for number in numbers {
        add(&mut writer, &mut oracle, photo(number, model.dimension));
    }
    writer.commit().unwrap();
    writer.close().unwrap();
    oracle
}

fn tree(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(tree(&path));
        }
        found.insert(path);
    }
    found
}

#[test]
fn how_far_a_rebuild_has_come() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 50, 20, 8);
    let status = || IndexReader::open(dir.path()).unwrap().status().unwrap().rebuild;
    assert_eq!(status(), None);
    let rebuild = Rebuild::begin(dir.path(), &model(3)).unwrap();
    let mut writer = IndexWriter::open_or_create(rebuild.dir(), &model(3)).unwrap();
    add(&mut writer, &mut Oracle::new(), photo(1, 3));
    writer.set_remaining(5);
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(status(), Some(RebuildStatus { model: model(3), photos: 1, videos: 0, remaining: 5 }));
    // A staging area that was left behind by one that took its place is none.
    let copy = tempfile::tempdir().unwrap();
    for path in tree(rebuild.dir()) {
        let to = copy.path().join(path.strip_prefix(rebuild.dir()).unwrap());
        if path.is_dir() {
            fs::create_dir(to).unwrap();
        } else {
            fs::copy(path, to).unwrap();
        }
    }
    let staged = rebuild.dir().to_owned();
    rebuild.commit().unwrap();
    assert_eq!(status(), None);
    fs::rename(copy.path(), staged).unwrap();
    assert_eq!(status(), None);
}

#[test]
fn a_rebuild_stores_rows_as_the_index_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(8)).unwrap();
    writer.set_row_format(RowFormat::F32);
    writer.commit().unwrap();
    drop(writer);
    let rebuild = Rebuild::begin(dir.path(), &model(3)).unwrap();
    let mut writer = IndexWriter::open_or_create(rebuild.dir(), &model(3)).unwrap();
    let id = writer.add_photo(photo(1, 3)).unwrap();
    writer.commit().unwrap();
    drop(writer);
    rebuild.commit().unwrap();
    let found = IndexReader::open(dir.path()).unwrap().embedding(id).unwrap();
    assert_eq!(found, photo(1, 3).embedding);
    assert_ne!(found, stored(&photo(1, 3).embedding));
}

#[test]
fn a_rebuild_takes_effect_with_its_commit() {
    let dir = tempfile::tempdir().unwrap();
    let old = index_of(dir.path(), 50, 20, 8);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(8)).unwrap();
    writer.set_roots(&["/photos".into()]).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let before = IndexReader::open(dir.path()).unwrap();

    let rebuild = Rebuild::begin(dir.path(), &model(3)).unwrap();
    for error in [
        IndexWriter::open_or_create(dir.path(), &model(8)).unwrap_err(),
        Rebuild::begin(dir.path(), &model(3)).unwrap_err(),
    ] {
        assert!(matches!(error, IndexError::Locked { .. }), "{error}");
    }
    let mut writer = IndexWriter::open_or_create(rebuild.dir(), &model(3)).unwrap();
    let mut new = Oracle::new();
    for number in 1000..1400 {
        let id = add(&mut writer, &mut new, photo(number, 3));
        assert!(!old.contains_key(&id));
        if number % 50 == 0 {
            writer.commit().unwrap();
        }
    }
    for id in new.keys().copied().take(3).collect::<Vec<_>>() {
        assert!(writer.remove(id).unwrap());
        new.remove(&id);
    }
    writer.set_roots(&["/other".into()]).unwrap();
    writer.commit().unwrap();
    let options = GraphOptions { min_photos: 10, ..GraphOptions::default() };
    writer.update_graph(&options, &clip_index::Silent, &AtomicBool::new(false)).unwrap();
    assert!(writer.remove(*new.keys().next().unwrap()).unwrap());
    new.pop_first();
    writer.commit().unwrap();
    assert_same(&IndexReader::open(dir.path()).unwrap(), &old);
    assert!(before.is_current().unwrap());
    drop(writer);
    rebuild.commit().unwrap();

    assert!(!before.is_current().unwrap());
    assert_same(&before, &old);
    let reader = IndexReader::open(dir.path()).unwrap();
    assert_same(&reader, &new);
    assert_eq!(reader.model(), &model(3));
    assert_eq!(reader.roots(), [PathBuf::from("/other")]);
    assert!(reader.generation() > before.generation());
    assert_eq!(reader.search_graph(&[1.0, 0.0, 0.0], 5, 50, None).unwrap().len(), 5);
    assert!(verify(dir.path()).unwrap().is_clean());
    assert!(!dir.path().join("rebuild").exists());
    // Nothing of the old index is left, and it can be written on.
    let ids = reader.ids().max();
    let mut writer = IndexWriter::open_or_create(dir.path(), &model(3)).unwrap();
    assert!(Some(add(&mut writer, &mut new, photo(9, 3))) > ids);
    writer.commit().unwrap();
    writer.close().unwrap();
    assert_same(&IndexReader::open(dir.path()).unwrap(), &new);
    let names: Vec<PathBuf> = tree(dir.path()).into_iter().collect();
    assert_eq!(names.iter().filter(|name| name.to_str().unwrap().contains("manifest")).count(), 2, "{names:?}");
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[test]
fn a_first_rebuild_makes_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("a/index");
    let rebuild = Rebuild::begin(&index, &model(3)).unwrap();
    assert!(matches!(Rebuild::begin(&index, &model(3)).unwrap_err(), IndexError::Locked { .. }));
    assert!(matches!(IndexReader::open(&index).unwrap_err(), IndexError::NotFound { .. }));
    let new = fill(rebuild.dir(), &model(3), 0..10);
    assert_eq!(new.keys().next(), Some(&1));
    rebuild.commit().unwrap();
    assert_same(&IndexReader::open(&index).unwrap(), &new);
    assert!(verify(&index).unwrap().is_clean());
}

#[test]
fn an_interrupted_rebuild_is_gone_on_from() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 10, 10, 4);
    let rebuild = Rebuild::begin(dir.path(), &model(3)).unwrap();
    let mut new = fill(rebuild.dir(), &model(3), 0..20);
    drop(rebuild);
    // The old index is updated in between; that does not touch the staged one.
    let old = fill(dir.path(), &model(4), 100..130);
    let rebuild = Rebuild::begin(dir.path(), &model(3)).unwrap();
    assert_same(&IndexReader::open(rebuild.dir()).unwrap(), &new);
    new.extend(fill(rebuild.dir(), &model(3), 20..30));
    assert!(new.keys().all(|id| !old.contains_key(id)));
    rebuild.commit().unwrap();
    assert_same(&IndexReader::open(dir.path()).unwrap(), &new);

    // Another model, damage: begun anew. An abandoned one leaves nothing.
    let rebuild = Rebuild::begin(dir.path(), &model(5)).unwrap();
    fill(rebuild.dir(), &model(5), 0..5);
    drop(rebuild);
    let rebuild = Rebuild::begin(dir.path(), &model(6)).unwrap();
    assert!(IndexReader::open(rebuild.dir()).unwrap().is_empty());
    fill(rebuild.dir(), &model(6), 0..5);
    let vectors = tree(&rebuild.dir().join("vectors"));
    let mut bytes = fs::read(vectors.first().unwrap()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(vectors.first().unwrap(), bytes).unwrap();
    drop(rebuild);
    let rebuild = Rebuild::begin(dir.path(), &model(6)).unwrap();
    assert!(IndexReader::open(rebuild.dir()).unwrap().is_empty());
    let error = {
        let _writer = IndexWriter::open_or_create(rebuild.dir(), &model(6)).unwrap();
        rebuild.commit().unwrap_err()
    };
    assert!(matches!(error, IndexError::Locked { .. }), "{error}");
    Rebuild::begin(dir.path(), &model(6)).unwrap().abandon().unwrap();
    assert!(!dir.path().join("rebuild").exists());
    assert_same(&IndexReader::open(dir.path()).unwrap(), &new);
}

#[test]
fn a_staged_index_is_never_put_in_place_twice() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 10, 10, 4);
    for photos in [20, 0] {
        let rebuild = Rebuild::begin(dir.path(), &model(4)).unwrap();
        fill(rebuild.dir(), &model(4), 0..photos);
        let copy = tempfile::tempdir().unwrap();
        copy_tree(rebuild.dir(), copy.path());
        rebuild.commit().unwrap();
        // As if the process had died before it could remove the staging area.
        copy_tree(copy.path(), &dir.path().join("rebuild"));
        let rebuild = Rebuild::begin(dir.path(), &model(4)).unwrap();
        assert!(IndexReader::open(rebuild.dir()).unwrap().is_empty());
        drop(rebuild);
        fs::remove_dir_all(dir.path().join("rebuild")).unwrap();
        copy_tree(copy.path(), &dir.path().join("rebuild"));
        drop(IndexWriter::open_or_create(dir.path(), &model(4)).unwrap());
        assert!(!dir.path().join("rebuild").exists());
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in tree(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        if path.is_dir() { fs::create_dir_all(target).unwrap() } else { assert!(fs::copy(&path, target).is_ok()) }
    }
}

#[test]
fn what_is_no_index_is_left_alone() {
    let names =
        ["graph/plot.png", "vectors/logo.svg", "notes.txt", "rebuild/engine.txt", "meta/meta.json", "manifest.json"];
    for name in names {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "{\"mine\": 1}").unwrap();
        let before = tree(dir.path());
        for error in [
            Rebuild::begin(dir.path(), &model(4)).unwrap_err(),
            IndexWriter::open_or_create(dir.path(), &model(4)).unwrap_err(),
        ] {
            assert!(matches!(&error, IndexError::NotAnIndex { found, .. } if *found == path), "{name}: {error}");
        }
        assert_eq!(tree(dir.path()), before, "{name}");
    }
}

#[test]
fn files_that_are_not_ours_survive_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 10, 10, 4);
    let foreign =
        ["notes.txt", "graph/plot.png", "vectors/logo.svg", "words/0.jpg", "records/0.txt", "manifest-x.json"];
    for name in foreign {
        fs::write(dir.path().join(name), "mine").unwrap();
    }
    let rebuild = Rebuild::begin(dir.path(), &model(4)).unwrap();
    let new = fill(rebuild.dir(), &model(4), 5..9);
    rebuild.commit().unwrap();
    assert_same(&IndexReader::open(dir.path()).unwrap(), &new);
    for name in foreign {
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), b"mine", "{name}");
    }
    // A folder of the same name as the staging area, but with other files, is not ours to use.
    fs::create_dir(dir.path().join("rebuild")).unwrap();
    fs::write(dir.path().join("rebuild/engine.txt"), "mine").unwrap();
    let error = Rebuild::begin(dir.path(), &model(4)).unwrap_err();
    assert!(matches!(error, IndexError::NotAnIndex { .. }), "{error}");
    drop(IndexWriter::open_or_create(dir.path(), &model(4)).unwrap());
    assert_eq!(fs::read(dir.path().join("rebuild/engine.txt")).unwrap(), b"mine");
}

#[test]
fn nothing_outside_the_directory_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    index_of(&index, 10, 10, 4);
    for name in ["index.rebuild", "index.old"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let mut spellings = vec![PathBuf::from(format!("{}/", index.display())), index.join(".")];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&index, dir.path().join("link")).unwrap();
        spellings.push(dir.path().join("link"));
        spellings.push(dir.path().join("link/"));
    }
    let outside = || fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>();
    let before = outside();
    for (number, spelling) in spellings.iter().enumerate() {
        let rebuild = Rebuild::begin(spelling, &model(4)).unwrap();
        let new = fill(rebuild.dir(), &model(4), 0..number as u64 + 1);
        rebuild.commit().unwrap();
        assert_same(&IndexReader::open(&index).unwrap(), &new);
    }
    assert_eq!(outside(), before);
    #[cfg(unix)]
    {
        assert!(dir.path().join("link").is_symlink());
        // A link in the place of the staging area leads elsewhere.
        fs::write(dir.path().join("index.old/lock"), "").unwrap();
        std::os::unix::fs::symlink(dir.path().join("index.old"), index.join("rebuild")).unwrap();
        let error = Rebuild::begin(&index, &model(4)).unwrap_err();
        assert!(matches!(error, IndexError::NotAnIndex { .. }), "{error}");
        assert!(dir.path().join("index.old/lock").exists());
    }
}

#[test]
fn a_damaged_index_is_replaced() {
    let damage: [(&str, bool); 4] = [
        ("manifest.json", false),
        ("manifest.json", true),
        ("vectors/00000001.vec", false),
        ("vectors/00000001.vec", true),
    ];
    for (name, removed) in damage {
        let dir = tempfile::tempdir().unwrap();
        let old = index_of(dir.path(), 10, 10, 4);
        let path = dir.path().join(name);
        if removed {
            fs::remove_file(&path).unwrap()
        } else {
            fs::write(&path, "{\"half").unwrap()
        }
        assert!(IndexReader::open(dir.path()).is_err());
        let rebuild = Rebuild::begin(dir.path(), &model(4)).unwrap();
        let mut new = fill(rebuild.dir(), &model(4), 0..5);
        drop(rebuild);
        // It can be gone on from here too.
        let rebuild = Rebuild::begin(dir.path(), &model(4)).unwrap();
        new.extend(fill(rebuild.dir(), &model(4), 5..9));
        assert!(new.keys().all(|id| !old.contains_key(id)), "{name}");
        rebuild.commit().unwrap();
        assert_same(&IndexReader::open(dir.path()).unwrap(), &new);
        assert!(verify(dir.path()).unwrap().is_clean(), "{name}");
    }
    // What a newer version made is not damaged.
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 3, 10, 4);
    write_manifest(dir.path(), 12, None, &manifest_of(dir.path()));
    assert!(matches!(Rebuild::begin(dir.path(), &model(4)).unwrap_err(), IndexError::NewerFormat { .. }));
}

/// A rebuild that was interrupted is no reason to take the damaged index around it for a new one.
#[test]
fn a_lost_commit_point_is_damage_while_a_rebuild_waits() {
    let dir = tempfile::tempdir().unwrap();
    index_of(dir.path(), 10, 10, 4);
    for name in ["manifest.json", "manifest.spare"] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    let rebuild = Rebuild::begin(dir.path(), &model(4)).unwrap();
    fill(rebuild.dir(), &model(4), 0..5);
    drop(rebuild);
    let before = tree(dir.path());
    let error = IndexWriter::open_or_create(dir.path(), &model(4)).unwrap_err();
    assert!(matches!(error, IndexError::Corrupt { .. }), "{error}");
    assert_eq!(tree(dir.path()), before);
}

/// A photo whose embedding tells its path, so that a pair of the two that do not belong together is noticed.
fn paired(round: u64, number: u64, dimension: usize) -> Photo {
    let path = format!("/round {round}/{number}.jpg");
    let embedding = embedding_of(&path, dimension);
    let asset = Asset { path: path.into(), ..photo(number, dimension).asset };
    Photo { asset, embedding }
}

fn embedding_of(path: &str, dimension: usize) -> Vec<f32> {
    let seed = path
        .bytes()
        .fold(14_695_981_039_346_656_037, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211));
    unit(&mut StdRng::seed_from_u64(seed), dimension)
}

fn check_pairs(reader: &IndexReader) -> usize {
    let ids: Vec<u64> = reader.ids().collect();
    let some: Vec<u64> = ids.iter().copied().step_by(ids.len() / 7 + 1).collect();
    let records = reader.records(&some).unwrap();
    assert_eq!(records.iter().map(|record| record.id).collect::<Vec<_>>(), some);
    for record in &records {
        let query = embedding_of(record.asset.path.to_str().unwrap(), reader.dimension());
        let best = reader.search_exact(&query, 1, None).unwrap()[0];
        assert_eq!(best.id, record.id, "{}", record.asset.path.display());
        assert!(best.score > 0.999, "{}", record.asset.path.display());
    }
    records.len()
}

#[test]
fn vectors_and_metadata_are_never_of_two_commits() {
    let dir = tempfile::tempdir().unwrap();
    let model_of = |round: u64| model(8 + round as usize % 3);
    let mut writer = IndexWriter::open_or_create(dir.path(), &model_of(0)).unwrap();
    for number in 0..20 {
        writer.add_photo(paired(0, number, 8)).unwrap();
    }
    writer.commit().unwrap();
    writer.close().unwrap();
    let done = AtomicBool::new(false);
    let checked = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..2 {
            let (dir, done, checked) = (dir.path(), &done, &checked);
            scope.spawn(move || {
                let mut kept: Vec<IndexReader> = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let fresh = IndexReader::open(dir).unwrap();
                    // The metadata of some readers is asked for only after other commits.
                    if thread == 0 {
                        checked.fetch_add(check_pairs(&fresh), Ordering::Relaxed);
                    }
                    kept.iter().for_each(|reader| assert!(check_pairs(reader) > 0));
                    kept.push(fresh);
                    if kept.len() > 5 {
                        kept.remove(thread * 3);
                    }
                }
            });
        }
        // Seen from here so that a failed check ends the test instead of leaving the others waiting.
        let result = std::panic::catch_unwind(|| {
            for round in 1..=50 {
                let model = model_of(round);
                let rebuild = Rebuild::begin(dir.path(), &model).unwrap();
                let mut writer = IndexWriter::open_or_create(rebuild.dir(), &model).unwrap();
                for number in 0..20 {
                    writer.add_photo(paired(round, number, model.dimension)).unwrap();
                }
                writer.commit().unwrap();
                drop(writer);
                rebuild.commit().unwrap();
                // And an ordinary change, with which tantivy replaces files too.
                let mut writer = IndexWriter::open_or_create(dir.path(), &model).unwrap();
                let ids: Vec<u64> = IndexReader::open(dir.path()).unwrap().ids().take(3).collect();
                ids.into_iter().for_each(|id| assert!(writer.remove(id).unwrap()));
                writer.add_photo(paired(round, 99, model.dimension)).unwrap();
                writer.commit().unwrap();
            }
        });
        done.store(true, Ordering::Relaxed);
        result.unwrap();
    });
    assert!(checked.load(Ordering::Relaxed) > 100);
}

const DIR: &str = "CLIP_INDEX_REBUILD_TEST_DIR";
const PHOTOS: u64 = 10;

/// The root tells which round an index is of, and that its photos.
fn round_of(reader: &IndexReader) -> u64 {
    reader.roots()[0].to_str().unwrap().parse().unwrap()
}

fn check_round(reader: &IndexReader) -> u64 {
    let round = round_of(reader);
    assert_eq!(reader.dimension(), 4 + round as usize % 2);
    let photos = reader.all_records().unwrap();
    assert_eq!(photos.len() as u64, PHOTOS);
    for (number, record) in photos.iter().enumerate() {
        let expected = paired(round, number as u64, reader.dimension());
        assert_eq!(record.asset.path, expected.asset.path);
        assert_eq!(reader.embedding(record.id).unwrap(), stored(&expected.embedding));
    }
    round
}

/// Not a test but the process that [`killing_a_rebuild_leaves_the_old_index_or_the_new_one`] kills.
#[test]
#[ignore = "started by another test"]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let mut round = IndexReader::open(&dir).map_or(0, |reader| round_of(&reader));
    loop {
        round += 1;
        let model = model(4 + round as usize % 2);
        let rebuild = Rebuild::begin(&dir, &model).unwrap();
        let mut writer = IndexWriter::open_or_create(rebuild.dir(), &model).unwrap();
        // What an earlier process has staged is of the same round.
        while (writer.len() as u64) < PHOTOS {
            writer.add_photo(paired(round, writer.len() as u64, model.dimension)).unwrap();
            if writer.len() == 6 {
                writer.commit().unwrap();
            }
        }
        writer.set_roots(&[round.to_string().into()]).unwrap();
        writer.commit().unwrap();
        if round.is_multiple_of(3) {
            let options = GraphOptions { min_photos: 10, ..GraphOptions::default() };
            writer.update_graph(&options, &clip_index::Silent, &AtomicBool::new(false)).unwrap();
        }
        drop(writer);
        say("staged");
        rebuild.commit().unwrap();
        say("committed");
    }
}

fn say(word: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{word}").unwrap();
    out.flush().unwrap();
}

/// Starts a process that rebuilds without end, and kills it some time after it has said this.
fn run_and_kill(dir: &Path, word: &str, delay: Duration) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "rebuild::child", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(out.any(|line| line.unwrap().ends_with(word)), "the rebuild ended by itself");
    thread::sleep(delay);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "the rebuild ended by itself");
}

#[test]
fn killing_a_rebuild_leaves_the_old_index_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(5);
    let (mut last, mut greatest_id) = (0, 0);
    let mut ids_of_last: Vec<u64> = Vec::new();
    let kills = u64::from(history::rounds()) * 25 / 100;
    for kill in 0..kills {
        // Most of them during the commit, the others anywhere.
        let (word, delay) = if kill % 4 == 0 { ("committed", 60_000) } else { ("staged", 12_000) };
        run_and_kill(dir.path(), word, Duration::from_micros(rng.random_range(0..delay)));
        let reader = match IndexReader::open(dir.path()) {
            Ok(reader) => reader,
            Err(IndexError::NotFound { .. }) if last == 0 => continue,
            Err(error) => panic!("kill {kill}: {error}"),
        };
        let round = check_round(&reader);
        assert!(round >= last);
        let ids: Vec<u64> = reader.ids().collect();
        if round == last {
            assert_eq!(ids, ids_of_last);
        } else {
            assert!(ids[0] > greatest_id, "the id {} was given out before", ids[0]);
        }
        (last, greatest_id, ids_of_last) = (round, ids[ids.len() - 1], ids);
        let report = verify(dir.path()).unwrap();
        assert!(report.is_clean(), "kill {kill}: {report:?}");
        // Sometimes an ordinary writer comes in between.
        if kill % 3 == 0 {
            drop(IndexWriter::open_or_create(dir.path(), reader.model()).unwrap());
            assert_eq!(check_round(&IndexReader::open(dir.path()).unwrap()), round);
        }
    }
    assert!(last >= kills / 8, "only {last} rebuilds in all: nothing was tested");
}
