//! A writer that is killed at random moments, again and again.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use clip_index::{GraphOptions, IndexReader, IndexWriter, verify};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common::*;

const DIMENSION: usize = 8;
const DIR: &str = "CLIP_INDEX_CRASH_TEST_DIR";

/// What the `step`th commit changes. It depends on nothing else, so that the state after any commit is known.
fn apply(step: u64, writer: &mut Option<IndexWriter>, oracle: &mut Oracle, next_id: &mut u64) {
    let mut rng = StdRng::seed_from_u64(step);
    let known: Vec<u64> = oracle.keys().copied().collect();
    for id in known {
        if rng.random_bool(0.05) {
            oracle.remove(&id);
            if let Some(writer) = writer {
                assert!(writer.remove(id).unwrap());
            }
        } else if rng.random_bool(0.02) {
            let path = PathBuf::from(format!("/moved/{step}-{id}.jpg"));
            let record = &mut oracle.get_mut(&id).unwrap().0;
            (record.asset.path, record.asset.stamp) = (path.clone(), stamp(step, 3));
            if let Some(writer) = writer {
                writer.relocate(id, &path, stamp(step, 3)).unwrap();
            }
        }
    }
    for number in 0..rng.random_range(1..30) {
        let photo = photo(step * 100 + number, DIMENSION);
        oracle.insert(*next_id, (record(*next_id, &photo), stored(&photo.embedding)));
        if let Some(writer) = writer {
            assert_eq!(writer.add_photo(photo).unwrap(), *next_id);
        }
        *next_id += 1;
    }
}

/// The number of the last committed step is committed with it, as a root.
fn step_of(roots: &[PathBuf]) -> u64 {
    roots.first().map_or(0, |root| root.to_str().unwrap().parse().unwrap())
}

fn state_after(step: u64) -> (Oracle, u64) {
    let (mut oracle, mut next_id) = (Oracle::new(), 1);
    (1..=step).for_each(|step| apply(step, &mut None, &mut oracle, &mut next_id));
    (oracle, next_id)
}

/// Not a test but the process that [`killing_the_writer_loses_nothing`] kills.
#[test]
#[ignore = "started by another test"]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let writer = IndexWriter::open_or_create(dir, &model(DIMENSION)).unwrap();
    let mut step = step_of(&writer.roots());
    let (mut oracle, mut next_id) = state_after(step);
    let options = GraphOptions { connections: 8, ef_construction: 30, min_photos: 50, ..GraphOptions::default() };
    let mut writer = Some(writer);
    loop {
        step += 1;
        apply(step, &mut writer, &mut oracle, &mut next_id);
        let open = writer.as_mut().unwrap();
        open.set_roots(&[step.to_string().into()]).unwrap();
        open.commit().unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "committed {step}").unwrap();
        out.flush().unwrap();
        if step.is_multiple_of(5) {
            open.update_graph(&options, &mut |_, _| {}, &AtomicBool::new(false)).unwrap();
        }
    }
}

/// Kills a writer `delay` after it has said to have made some commits, and returns the last step that it said to have
/// committed.
fn run_and_kill(dir: &Path, commits: usize, delay: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--ignored", "--nocapture"])
        .env(DIR, dir)
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
    let dir = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(20);
    let mut last = 0;
    for round in 0..25 {
        let delay = Duration::from_micros(rng.random_range(0..60_000));
        let acknowledged = run_and_kill(dir.path(), rng.random_range(0..4), delay).max(last);
        let reader = match IndexReader::open(dir.path()) {
            Ok(reader) => reader,
            // Killed before the very first commit.
            Err(clip_index::IndexError::NotFound { .. }) if acknowledged == 0 => continue,
            Err(error) => panic!("round {round}: {error}"),
        };
        let step = step_of(&reader.roots());
        assert!(step >= acknowledged, "step {acknowledged} was committed, but {step} is there");
        assert_same(&reader, &state_after(step).0);
        let report = verify(dir.path()).unwrap();
        assert!(report.is_clean(), "round {round}: {report:?}");
        last = step;
    }
    assert!(last > 20, "only {last} commits in all: nothing was tested");
    // And the next writer leaves nothing of the dead ones behind.
    drop(IndexWriter::open_or_create(dir.path(), &model(DIMENSION)).unwrap());
    let names: Vec<String> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.iter().filter(|name| name.contains("manifest")).count(), 1, "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with(".tmp")), "{names:?}");
}
