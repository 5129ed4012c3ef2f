//! Disks that fail, fill up, or go away with what was not synced: every system call that changes a file is a place where
//! something goes wrong.
//!
//! A script runs in another process, with a library (`faults/shim.c`) that counts these calls and lets one of them fail.
//! Afterwards the index must be what it was before the step that failed, or after it; it must be whole; and a healthy writer
//! must be able to go on.

#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use clip_index::{IndexError, IndexReader, IndexWriter, verify};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::fixture;
use crate::history::{self, History};
use crate::watcher::{Content, Watcher};

const DIR: &str = "CLIP_INDEX_FAULTS_TEST_DIR";
const SCRIPT: &str = "CLIP_INDEX_FAULTS_TEST_SCRIPT";
const SEED: u64 = 4;
/// Steps of the script [`Script::History`]: additions, removals, relocations, merges, a graph, a rebuild, and a commit after it.
const STEPS: u64 = 9;
/// How the process ends when it has come to the call at which it is cut off, and when it cannot be watched at all.
const CUT: i32 = 77;
const UNSUPPORTED: i32 = 78;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Script {
    /// The first steps of a [`History`], in an empty directory.
    History,
    /// A migration of the fixture of version 1.
    Migration,
}

/// What goes wrong, and at which call.
#[derive(Debug, Clone, Copy)]
struct Fault {
    kind: &'static str,
    at: usize,
    /// The call at which the process ends; 0 for none.
    cut: usize,
}

const NO_FAULT: Fault = Fault { kind: "", at: 0, cut: 0 };

/// Not a test but the process whose disk fails.
#[test]
#[ignore = "started by another test"]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let dir = Path::new(&dir);
    if std::env::var(SCRIPT).unwrap() == format!("{:?}", Script::Migration) {
        let Some(writer) = tried(1, || IndexWriter::open_or_create(dir, &fixture::model())) else { return };
        say("acknowledged 1");
        drop(writer);
        return;
    }
    let mut history = History::after(SEED, 0);
    let mut writer = None;
    while history.step < STEPS {
        let before = history.clone();
        let mut result = history.advance(dir, &mut writer);
        if let Err(error) = &result {
            say(&format!("failed {}: {error}", history.step));
            // Once more: with the same writer, as long as there is one.
            result = match &mut writer {
                Some(writer) => writer.commit(),
                None => {
                    history = before;
                    history.advance(dir, &mut writer)
                }
            };
        }
        if let Err(error) = result {
            say(&format!("failed {}: {error}", history.step));
            return;
        }
        say(&format!("acknowledged {}", history.step));
        if let Err(error) = history.tend(&mut writer) {
            say(&format!("failed {}: {error}", history.step));
        }
    }
}

/// Tries it twice.
fn tried<T>(step: u64, run: impl Fn() -> Result<T, IndexError>) -> Option<T> {
    run()
        .or_else(|error| {
            say(&format!("failed {step}: {error}"));
            run()
        })
        .map_err(|error| say(&format!("failed {step}: {error}")))
        .ok()
}

fn say(word: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{word}").unwrap();
    out.flush().unwrap();
}

/// The library, compiled; `None` without a compiler.
fn shim() -> Option<&'static Path> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
        let shim = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shim-{}.so", std::process::id()));
        let compiled = Command::new("cc").args(["-O1", "-shared", "-fPIC", "-o"]).arg(&shim).arg(source).output();
        match compiled {
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                Some(shim)
            }
            Err(error) => {
                say(&format!("passed over, because there is no C compiler: {error}"));
                None
            }
        }
    };
    SHIM.get_or_init(compile).as_deref()
}

/// A directory with an index, and others for what the shim notes.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new(script: Script) -> Place {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("kept")).unwrap();
        let place = Place { root };
        match script {
            Script::History => fs::create_dir(place.index()).unwrap(),
            Script::Migration => fixture::copy(&fixture::fixture(1), &place.index()),
        }
        place
    }

    fn index(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("index")
    }

    fn log(&self) -> PathBuf {
        self.root.path().join("log")
    }

    fn kept(&self, call: usize) -> PathBuf {
        self.root.path().join("kept").join(call.to_string())
    }

    /// Runs the script; `None` where that cannot be done.
    fn run(&self, script: Script, fault: Fault) -> Option<Run> {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "faults::child", "--ignored", "--nocapture"])
            .env(DIR, self.index())
            .env(SCRIPT, format!("{script:?}"))
            .env("LD_PRELOAD", shim()?)
            .env("SHIM_DIR", self.index())
            .env("SHIM_LOG", self.log())
            .env("SHIM_KEEP", self.root.path().join("kept"))
            .env("SHIM_FAULT", fault.kind)
            .env("SHIM_AT", fault.at.to_string())
            .env("SHIM_CUT", fault.cut.to_string())
            .output()
            .unwrap();
        if output.status.code() == Some(UNSUPPORTED) {
            say(&format!("passed over: {}", String::from_utf8_lossy(&output.stderr)));
            return None;
        }
        Some(Run::new(&output, self, fault))
    }
}

/// What a process said and did.
struct Run {
    /// The last step that it took for committed.
    acknowledged: u64,
    failures: Vec<String>,
    was_cut: bool,
    calls: Vec<Call>,
}

/// A line of the shim's log.
#[derive(Debug, Clone)]
struct Call {
    number: usize,
    name: String,
    succeeded: bool,
    inode: u64,
    path: PathBuf,
    /// Of renames and links.
    to: PathBuf,
}

impl Run {
    fn new(output: &Output, place: &Place, fault: Fault) -> Run {
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), None, "{fault:?}: {text}{errors}");
        let was_cut = output.status.code() == Some(CUT);
        assert!(was_cut || output.status.success(), "{fault:?}: {text}{errors}");
        let after = |word: &str, line: &str| line.split_once(word).map(|(_, rest)| rest.to_owned());
        let acknowledged = text.lines().filter_map(|line| after("acknowledged ", line)?.parse().ok()).max();
        let log = fs::read_to_string(place.log()).unwrap();
        let call = |line: &str| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [number, name, succeeded, inode, path, to] = fields[..] else { panic!("{line}") };
            Call {
                number: number.parse().unwrap(),
                name: name.to_owned(),
                succeeded: succeeded == "1",
                inode: inode.parse().unwrap(),
                path: path.into(),
                to: to.into(),
            }
        };
        Run {
            acknowledged: acknowledged.unwrap_or(0),
            failures: text.lines().filter_map(|line| after("failed ", line)).collect(),
            was_cut,
            calls: log.lines().map(call).collect(),
        }
    }
}

/// The index is that of the last step that was acknowledged, or of the one after it, and can be written on.
fn check(script: Script, index: &Path, acknowledged: u64) {
    match (script, IndexReader::open(index)) {
        (Script::Migration, reader) => {
            let version = fixture::check_either_version(&reader.unwrap());
            assert!(version == 2 || acknowledged == 0, "a migration that was made is gone");
            assert!(verify(index).unwrap().is_clean());
            drop(IndexWriter::open_or_create(index, &fixture::model()).unwrap());
            assert_eq!(fixture::check_either_version(&IndexReader::open(index).unwrap()), 2);
            assert!(verify(index).unwrap().is_clean());
            history::assert_swept(index);
        }
        (Script::History, Ok(reader)) => {
            let history = History::of(SEED, &reader);
            let found = history.step;
            assert!(found == acknowledged || found == acknowledged + 1, "{acknowledged} committed, {found} found");
            history.check(index);
            history.go_on(index);
        }
        (Script::History, Err(IndexError::NotFound { .. })) if acknowledged == 0 => {
            History::after(SEED, 0).go_on(index);
        }
        (Script::History, Err(error)) => panic!("{error}"),
    }
}

/// The seeded choice of the calls that something happens at: all if there are that many rounds.
fn places(calls: usize, rounds: u32, rng: &mut StdRng) -> Vec<usize> {
    let rounds = (rounds as usize).clamp(1, calls);
    (0..rounds).map(|round| 1 + rng.random_range(round * calls / rounds..(round + 1) * calls / rounds)).collect()
}

/// Gives a test's panic the case that it is about.
fn case<T>(name: &str, run: impl FnOnce() -> T) -> T {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|_| panic!("{name}"))
}

fn errors_everywhere(script: Script, share: u32) {
    let healthy = Place::new(script);
    let Some(run) = healthy.run(script, NO_FAULT) else { return };
    assert!(run.failures.is_empty() && !run.was_cut, "{:?}", run.failures);
    check(script, &healthy.index(), run.acknowledged);
    let calls = run.calls.len();
    assert!(calls > 40, "only {calls} calls: nothing was looked at");
    let mut rng = StdRng::seed_from_u64(1);
    let mut failed = 0;
    for kind in ["eio", "full", "short", "eintr"] {
        for at in places(calls, history::rounds() * share / 400, &mut rng) {
            let fault = Fault { kind, at, cut: 0 };
            case(&format!("{script:?}, {fault:?}"), || {
                let place = Place::new(script);
                let content = if script == Script::History { Content::History } else { Content::Fixture };
                let watcher = (at % 8 == 0).then(|| Watcher::start(&place.index(), content));
                let run = place.run(script, fault).unwrap();
                if kind == "eintr" {
                    assert!(run.failures.is_empty(), "{:?}", run.failures);
                }
                failed += usize::from(!run.failures.is_empty());
                if let Some(watcher) = watcher {
                    watcher.stop();
                }
                check(script, &place.index(), run.acknowledged);
            });
        }
    }
    assert!(failed > 0, "nothing ever failed");
}

#[test]
fn errors_everywhere_in_a_history() {
    errors_everywhere(Script::History, 80);
}

#[test]
fn errors_everywhere_in_a_migration() {
    errors_everywhere(Script::Migration, 20);
}

/// What the disk holds after a power cut, if it forgets some of what it was not told to keep.
fn forget(place: &Place, calls: &[Call], rng: &mut StdRng) {
    let parent = |path: &Path| path.parent().unwrap().to_path_buf();
    // Whether this is the file or directory that the call was about: other calls may have put another one there.
    let is = |path: &Path, inode: u64| path.symlink_metadata().is_ok_and(|found| found.ino() == inode);
    // The last call that syncs each directory.
    let mut synced: HashMap<&Path, usize> = HashMap::new();
    // Files with content that was not synced.
    let mut dirty: HashMap<u64, bool> = HashMap::new();
    for call in calls.iter().filter(|call| call.succeeded) {
        match call.name.as_str() {
            "sync" => {
                synced.insert(&call.path, call.number);
                dirty.insert(call.inode, false);
            }
            "write" => drop(dirty.insert(call.inode, true)),
            _ => {}
        }
    }
    let share = [0.0, 0.3, 0.7, 1.0][rng.random_range(0..4)];
    for call in calls.iter().rev().filter(|call| call.succeeded) {
        let name = if call.to.as_os_str().is_empty() { &call.path } else { &call.to };
        let is_durable = |path: &Path| synced.get(parent(path).as_path()).is_some_and(|&sync| sync > call.number);
        if !rng.random_bool(share) {
            continue;
        }
        if is_durable(name) {
            // The new name is there to stay, but the old one may be so as well.
            if call.name == "rename" && !is_durable(&call.path) && is(name, call.inode) && parent(&call.path).is_dir() {
                let _ = fs::hard_link(name, &call.path);
            }
            continue;
        }
        let restore = |path: &Path| {
            if !path.exists() && place.kept(call.number).exists() {
                fs::hard_link(place.kept(call.number), path).unwrap();
            }
        };
        match call.name.as_str() {
            "create" if is(name, call.inode) => fs::remove_file(name).unwrap(),
            "link" if is(name, call.inode) => fs::remove_file(name).unwrap(),
            "mkdir" if is(name, call.inode) => fs::remove_dir_all(name).unwrap(),
            "rename" if is(name, call.inode) && parent(&call.path).is_dir() => {
                fs::rename(name, &call.path).unwrap();
                restore(name);
            }
            "unlink" if parent(name).is_dir() => restore(name),
            "rmdir" if parent(name).is_dir() && !name.exists() => fs::create_dir(name).unwrap(),
            _ => {}
        }
    }
    for file in files(&place.index()) {
        let metadata = file.metadata().unwrap();
        if dirty.get(&metadata.ino()) == Some(&true) {
            let kept = [metadata.len(), metadata.len() / 2, 0][rng.random_range(0..3)];
            fs::File::options().write(true).open(file).unwrap().set_len(kept).unwrap();
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn power_cuts(script: Script, share: u32) {
    let healthy = Place::new(script);
    let Some(run) = healthy.run(script, NO_FAULT) else { return };
    let syncs: Vec<usize> = run.calls.iter().filter(|call| call.name == "sync").map(|call| call.number).collect();
    let mut rng = StdRng::seed_from_u64(2);
    for (round, cut) in places(run.calls.len(), history::rounds() * share / 100, &mut rng).into_iter().enumerate() {
        // Every other time a sync has failed not long before.
        let before = syncs.partition_point(|&sync| sync < cut);
        let at = if round % 2 == 0 { 0 } else { syncs[rng.random_range(before.saturating_sub(20)..before.max(1))] };
        let fault = Fault { kind: "eio", at, cut };
        case(&format!("{script:?}, {fault:?}, round {round}"), || {
            let place = Place::new(script);
            let run = place.run(script, fault).unwrap();
            assert!(run.was_cut || at > 0);
            forget(&place, &run.calls, &mut rng);
            check(script, &place.index(), run.acknowledged);
        });
    }
}

#[test]
fn power_cuts_in_a_history() {
    power_cuts(Script::History, 70);
}

#[test]
fn power_cuts_in_a_migration() {
    power_cuts(Script::Migration, 30);
}
