//! Kill -9 at random moments: the index always opens, nothing that was committed is lost, and the next run completes it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use clip_search::{IndexError, IndexReader};

use crate::support::{Sandbox, write_numbered_photo};

const PHOTOS: u32 = 80;
const KILLS: usize = 20;

/// What is committed: the path of every id.
fn committed(sandbox: &Sandbox) -> HashMap<u64, PathBuf> {
    let reader = match IndexReader::open(sandbox.index()) {
        Ok(reader) => reader,
        Err(IndexError::NotFound { .. }) => return HashMap::new(),
        Err(error) => panic!("the index does not open: {error}"),
    };
    let ids: Vec<u64> = reader.ids().collect();
    let photos = reader.records(&ids).unwrap();
    assert_eq!(photos.len(), ids.len(), "every photo has its record");
    photos.into_iter().map(|photo| (photo.id, photo.asset.path)).collect()
}

#[test]
fn killed_twenty_times() {
    let photos = Sandbox::new();
    for number in 0..PHOTOS {
        write_numbered_photo(&photos.photos().join(format!("{number}.png")), number);
    }
    let folder = photos.photos();
    let arguments = ["index", "--checkpoint", "8", folder.to_str().unwrap()];

    // However fast the machine is, the kills are spread over a whole run.
    let started = Instant::now();
    Sandbox::new().run(&arguments).expect(0);
    let whole = started.elapsed();

    let random = RandomState::new();
    let mut sandbox = Sandbox::new();
    let mut kills = 0;
    let mut kills_after_a_commit = 0;
    for round in 0.. {
        let before = committed(&sandbox);
        let mut child = sandbox.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let delay = whole.mul_f64(random.hash_one(round) as f64 / u64::MAX as f64);
        std::thread::sleep(delay);
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();

        let after = committed(&sandbox);
        for (id, path) in &before {
            assert_eq!(after.get(id), Some(path), "lost by the kill after {delay:?} in round {round}");
        }
        if !after.is_empty() {
            sandbox.run(&["verify"]).expect(0);
        }
        match ended {
            // It was done before it could be killed: begin anew, so that every kill is one.
            Some(status) => {
                assert!(status.success(), "{status}");
                assert_eq!(after.len(), PHOTOS as usize);
                sandbox = Sandbox::new();
            }
            None => {
                kills += 1;
                kills_after_a_commit += usize::from(!after.is_empty());
            }
        }
        if kills == KILLS {
            break;
        }
    }
    assert!(kills_after_a_commit > 0, "no run got as far as a commit");

    sandbox.run(&arguments).expect(0);
    assert_eq!(committed(&sandbox).len(), PHOTOS as usize);
    sandbox.run(&["verify"]).expect(0);
}
