//! Readers in another process, that look at an index all the time while it is written, killed and repaired.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clip_index::{IndexError, IndexReader};

use crate::fixture;
use crate::history;

const DIR: &str = "CLIP_INDEX_WATCHER_TEST_DIR";
const CONTENT: &str = "CLIP_INDEX_WATCHER_TEST_CONTENT";

/// What the index is one of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Content {
    /// A [`history::History`].
    History,
    /// The fixture of version 1, migrated or not.
    Fixture,
}

/// The other process.
pub struct Watcher {
    child: Child,
    /// It goes on until this is closed, be it by the end of this process.
    stdin: Option<ChildStdin>,
}

impl Watcher {
    pub fn start(dir: &Path, content: Content) -> Watcher {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "watcher::child", "--ignored", "--nocapture"])
            .env(DIR, dir)
            .env(CONTENT, format!("{content:?}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        Watcher { child, stdin }
    }

    /// Ends it, and gives the number of times that it has looked at an index, which was right each time.
    pub fn stop(mut self) -> u64 {
        drop(self.stdin.take());
        let out = BufReader::new(self.child.stdout.take().unwrap());
        let mut views = None;
        for line in out.lines() {
            let line = line.unwrap();
            views = line.rsplit_once("views ").map_or(views, |(_, number)| number.parse().ok());
        }
        assert!(self.child.wait().unwrap().success(), "a reader has seen something wrong");
        views.expect("it says how many")
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// Not a test but the process that a [`Watcher`] starts.
#[test]
#[ignore = "started by another test"]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let is_history = std::env::var(CONTENT).unwrap() == "History";
    let stop = AtomicBool::new(false);
    let mut views = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            stop.store(true, Ordering::Relaxed);
        });
        let mut last = 0;
        let mut kept: Option<IndexReader> = None;
        while !stop.load(Ordering::Relaxed) {
            match IndexReader::open(&dir) {
                Ok(reader) => {
                    assert!(reader.generation() >= last, "an older commit came back");
                    last = reader.generation();
                    for reader in kept.iter().chain([&reader]) {
                        if is_history {
                            history::check_pairs(reader);
                        } else {
                            fixture::check_either_version(reader);
                        }
                        views += 1;
                    }
                    // Some are used again when what they show is long gone.
                    if views % 5 == 0 || kept.is_none() {
                        kept = Some(reader);
                    }
                }
                Err(IndexError::NotFound { .. }) if last == 0 => {}
                Err(error) => panic!("{error}"),
            }
            // The processors are for the writer.
            thread::sleep(Duration::from_millis(5));
        }
    });
    writeln!(std::io::stdout(), "views {views}").unwrap();
}
