//! The embeddings of recent queries are remembered between runs.

use std::fs;
use std::path::PathBuf;

use crate::support::{Run, Sandbox};

/// The file begins with a header and its secret, which goes into the checksums; a record begins with its key.
const HEADER: usize = 16;
const START: usize = HEADER + 32;
const KEY: usize = 32;

/// A sandbox with an index of three photos, and a cache folder of its own.
struct Place {
    sandbox: Sandbox,
}

impl Place {
    fn new() -> Place {
        let sandbox = Sandbox::new();
        for photo in ["cat.jpg", "coffee.jpg", "rocket.jpg"] {
            sandbox.put(photo, photo);
        }
        sandbox.update(0);
        Place { sandbox }
    }

    fn cache(&self) -> PathBuf {
        let home = self.sandbox.path().join("home");
        match () {
            () if cfg!(target_os = "macos") => home.join("Library/Caches/clip-search/query-embeddings"),
            () => home.join(".cache/clip-search/query-embeddings"),
        }
    }

    fn query(&self, arguments: &[&str]) -> Run {
        let arguments = [&["query", "--json", "--fusion", "off"], arguments].concat();
        Run::from(self.sandbox.command(&arguments).env("HOME", self.sandbox.path().join("home")).output().unwrap())
    }
}

#[test]
fn a_query_that_was_asked_before_gives_the_same_and_is_not_embedded() {
    let place = Place::new();
    let first = place.query(&["a cup of coffee"]).expect(0);
    let kept = fs::read(place.cache()).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("coffee"));
    assert_eq!(place.query(&["a cup of coffee"]).expect(0).stdout, first.stdout);
    assert_eq!(fs::read(place.cache()).unwrap(), kept, "nothing new was embedded");
    // A vector that stands there for another text would be believed: it is the file that answers.
    let other = place.query(&["a rocket"]).expect(0);
    let both = fs::read(place.cache()).unwrap();
    let record = kept.len() - START;
    let (first_key, first_rest) = both[START..START + record].split_at(KEY);
    let (second_key, second_rest) = both[START + record..].split_at(KEY);
    let mut swapped = [&both[..START], first_key, second_rest, second_key, first_rest].concat();
    for at in [START, START + record] {
        let sum = crc32(&[&swapped[HEADER..START], &swapped[at..at + record - 4]].concat());
        swapped[at + record - 4..at + record].copy_from_slice(&sum.to_le_bytes());
    }
    fs::write(place.cache(), swapped).unwrap();
    assert_eq!(place.query(&["a cup of coffee"]).expect(0).stdout, other.stdout);
    // Not where the user does without.
    assert_eq!(place.query(&["--no-cache", "a cup of coffee"]).expect(0).stdout, first.stdout);
}

#[test]
fn doing_without_leaves_no_trace() {
    let place = Place::new();
    place.query(&["--no-cache", "a cup of coffee"]).expect(0);
    assert!(!place.cache().exists());
}

#[test]
fn a_damaged_cache_is_no_error() {
    let place = Place::new();
    let first = place.query(&["a cup of coffee"]).expect(0);
    let kept = fs::read(place.cache()).unwrap();
    for damaged in [&b""[..], b"something else", &kept[..kept.len() - 1]] {
        fs::write(place.cache(), damaged).unwrap();
        let run = place.query(&["a cup of coffee"]).expect(0);
        assert_eq!((run.stdout, run.stderr), (first.stdout.clone(), first.stderr.clone()));
        // It is repaired, though a new file has a secret of its own: nothing is embedded the next time.
        let repaired = fs::read(place.cache()).unwrap();
        assert_eq!((&repaired[..HEADER], repaired.len()), (&kept[..HEADER], kept.len()));
        assert_eq!(place.query(&["a cup of coffee"]).expect(0).stdout, first.stdout);
        assert_eq!(fs::read(place.cache()).unwrap(), repaired);
    }
    // A folder in its place cannot be repaired.
    fs::remove_file(place.cache()).unwrap();
    fs::create_dir(place.cache()).unwrap();
    assert_eq!(place.query(&["a cup of coffee"]).expect(0).stdout, first.stdout);
}

#[test]
fn another_precision_is_another_model() {
    let place = Place::new();
    place.query(&["a cup of coffee"]).expect(0);
    // What the index was not made with is told, cached or not.
    let run = place.query(&["--precision", "f16", "a cup of coffee"]).expect(2);
    assert!(run.stderr.contains("--precision"), "{run:#?}");
}

/// CRC-32 as in zlib, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(crc & 1)))
    })
}
