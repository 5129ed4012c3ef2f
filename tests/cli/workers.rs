//! HEIC and AVIF are decoded in other processes: what is damaged costs itself, and no process is left behind.

use std::fs;
use std::path::Path;

use crate::support::Sandbox;

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip-image/tests/fixtures/heif");
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn damaged_files_cost_themselves_only() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "coffee.jpg");
    let photos = sandbox.photos();
    let mut seed = 1_u32;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    for (name, copies) in [("plain.heic", 30), ("thumbnail.heic", 30), ("plain.avif", 30)] {
        let good = fixture(name);
        fs::write(photos.join(name), &good).unwrap();
        for copy in 0..copies {
            let mut damaged = good.clone();
            for _ in 0..=random(8) {
                let at = random(damaged.len());
                damaged[at] = random(256) as u8;
            }
            fs::write(photos.join(format!("{copy}-{name}")), damaged).unwrap();
        }
    }
    let run = sandbox.run(&["index", photos.to_str().unwrap(), "--json"]);
    // Whether there is a libheif or none: the others are found, and each of these is found or told of.
    let report = run.json();
    assert!(report["indexed"].as_u64().unwrap() + report["copies"].as_u64().unwrap_or(0) >= 2, "{report}");
    assert_ne!(report["interrupted"].as_bool(), Some(true), "{report}");
    let found = sandbox.run(&["query", "a cat", "--json", "-n", "1"]).expect(0);
    assert!(found.stdout.contains("cat.jpg"), "{found:?}");
    let again = sandbox.run(&["index"]).expect(0);
    assert!(again.stdout.starts_with("0 indexed"), "{again:?}");
}

#[test]
fn bad_contents_are_known_wherever_they_are_and_can_be_tried_again() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let photos = sandbox.photos();
    let bad = [b"\xff\xd8\xff\xe0".as_slice(), &[7; 100]].concat();
    fs::write(photos.join("bad.jpg"), &bad).unwrap();
    sandbox.run(&["index", photos.to_str().unwrap()]).expect(1);
    fs::write(photos.join("copy.jpg"), &bad).unwrap();
    let copied = sandbox.run(&["index"]).expect(1);
    let reason = |line: &str| line.split_once(".jpg: ").map(|(_, reason)| reason.to_owned());
    assert_eq!(copied.stderr.lines().count(), 1, "{copied:?}");
    assert_eq!(reason(copied.stderr.trim()).unwrap(), "truncated JPEG: the file ends before the image data does");
    let again = sandbox.run(&["index", "--retry"]).expect(0);
    assert!(again.stdout.contains("2 skipped (2 as before"), "{again:?}");
}

#[test]
fn a_worker_ends_with_what_started_it() {
    let sandbox = Sandbox::new();
    // Nothing to do: its standard input is closed.
    let run = sandbox.run(&["decode-worker"]).expect(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let help = sandbox.run(&["--help"]).expect(0);
    assert!(!help.stdout.contains("decode-worker"));
}
