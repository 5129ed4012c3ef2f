//! A writer that is killed at random moments, again and again, while readers look on.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clip_index::{IndexError, IndexReader, IndexWriter, verify};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common::*;
use crate::fixture;
use crate::history::{self, History};
use crate::watcher::{Content, Watcher};

const DIR: &str = "CLIP_INDEX_CRASH_TEST_DIR";
const SEED: &str = "CLIP_INDEX_CRASH_TEST_SEED";
/// One index is killed this many times; then another one is begun, so that all have few photos.
const KILLS: u32 = 30;

/// Not a test but the process that [`killing_the_writer_loses_nothing`] kills.
#[test]
#[ignore = "started by another test"]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let mut history = match IndexReader::open(&dir) {
        Ok(reader) => History::of(seed, &reader),
        Err(IndexError::NotFound { .. }) => History::after(seed, 0),
        Err(error) => panic!("{error}"),
    };
    let mut writer = None;
    loop {
        history.advance(dir.as_ref(), &mut writer).unwrap();
        say(&format!("committed {}", history.step));
        history.tend(&mut writer).unwrap();
    }
}

/// Not a test but the process that [`killing_a_migration_leaves_the_old_version_or_the_new_one`] kills.
#[test]
#[ignore = "started by another test"]
fn migrating_child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    say("committed 1");
    let _writer = IndexWriter::open_or_create(dir, &fixture::model()).unwrap();
    say("committed 2");
    loop {
        thread::park();
    }
}

fn say(word: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{word}").unwrap();
    out.flush().unwrap();
}

/// Starts this process, kills it `delay` after it has said to have made some commits, and returns the last step that it said
/// to have committed.
fn run_and_kill(name: &str, seed: u64, dir: &Path, commits: usize, delay: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(DIR, dir)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut last = 0;
    let mut line = String::new();
    let mut note = |line: &str| {
        // A line that the kill has cut short does not count.
        let step = line.strip_suffix('\n').and_then(|line| line.rsplit_once("committed ")?.1.parse().ok());
        last = step.unwrap_or(last);
        usize::from(step.is_some())
    };
    let mut seen = 0;
    while seen < commits {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "the writer ended by itself");
        seen += note(&line);
    }
    thread::sleep(delay);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "the writer ended by itself");
    loop {
        line.clear();
        if out.read_line(&mut line).unwrap() == 0 {
            return last;
        }
        note(&line);
    }
}

#[test]
fn killing_the_writer_loses_nothing() {
    let mut left = history::rounds() * 55 / 100;
    for seed in 0.. {
        let kills = left.min(KILLS);
        if kills == 0 {
            break;
        }
        killing_one_index(seed, kills);
        left -= kills;
    }
}

fn killing_one_index(seed: u64, kills: u32) {
    let dir = tempfile::tempdir().unwrap();
    let watcher = Watcher::start(dir.path(), Content::History);
    let mut rng = StdRng::seed_from_u64(20 + seed);
    let mut last = History::after(seed, 0);
    for kill in 0..kills {
        let delay = Duration::from_micros(rng.random_range(0..60_000));
        let commits = rng.random_range(0..4);
        let acknowledged = run_and_kill("crash::child", seed, dir.path(), commits, delay).max(last.step);
        let reader = match IndexReader::open(dir.path()) {
            Ok(reader) => reader,
            // Killed before the very first commit.
            Err(IndexError::NotFound { .. }) if acknowledged == 0 => continue,
            Err(error) => panic!("seed {seed}, kill {kill}: {error}"),
        };
        let step = history::step_of(&reader);
        assert!(
            step >= acknowledged,
            "seed {seed}, kill {kill}: step {acknowledged} was committed, but {step} is there"
        );
        while last.step < step {
            last.replay();
        }
        last.check(dir.path());
    }
    assert!(last.step >= u64::from(kills / 2), "only {} commits in all: nothing was tested", last.step);
    // And the next writer leaves nothing of the dead ones behind.
    last.go_on(dir.path());
    assert!(watcher.stop() > 0);
}

#[test]
fn killing_a_migration_leaves_the_old_version_or_the_new_one() {
    let mut rng = StdRng::seed_from_u64(3);
    let mut duration = Duration::from_millis(50);
    let (mut outcomes, mut left) = ([0, 0], history::rounds() * 20 / 100);
    while left > 0 {
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("index");
        fixture::copy(&fixture::fixture(1), &index);
        let watcher = Watcher::start(&index, Content::Fixture);
        // Killed until it has come to its end.
        for kill in 0.. {
            // Measured now and then: it tells where the moments of interest are.
            let to_the_end = left % 8 == 0;
            let began = Instant::now();
            let delay = if to_the_end { Duration::ZERO } else { duration.mul_f64(rng.random_range(0.0..1.2)) };
            let commits = if to_the_end { 2 } else { 1 };
            let acknowledged = run_and_kill("crash::migrating_child", 0, &index, commits, delay);
            if to_the_end {
                duration = began.elapsed();
            }
            left = left.saturating_sub(1);
            let reader = IndexReader::open(&index).unwrap();
            let version = fixture::check_either_version(&reader);
            assert!(version == 2 || acknowledged < 2, "a migration that was made is gone");
            let report = verify(&index).unwrap();
            assert!(report.is_clean(), "kill {kill}: {report:?}");
            outcomes[version as usize - 1] += 1;
            if version == 2 || left == 0 {
                break;
            }
        }
        // A writer goes on from whatever is there.
        let mut writer = IndexWriter::open_or_create(&index, &fixture::model()).unwrap();
        fixture::check_either_version(&IndexReader::open(&index).unwrap());
        assert!(watcher.stop() > 0);
        let mut photo = photo(99, 3);
        photo.embedding = normalised(vec![1.0, 1.0, 1.0]);
        assert_eq!(writer.add_photo(photo.clone()).unwrap(), 6);
        writer.commit().unwrap();
        writer.close().unwrap();
        let mut expected = fixture::expected();
        expected.values_mut().for_each(|(_, row)| *row = stored(row));
        expected.insert(6, (record(6, &photo), stored(&photo.embedding)));
        assert_same(&IndexReader::open(&index).unwrap(), &expected);
        assert!(verify(&index).unwrap().is_clean());
        history::assert_swept(&index);
    }
    let few = history::rounds() < 100;
    assert!(few || outcomes.iter().all(|&count| count > 0), "one of the two never came: {outcomes:?}");
}
