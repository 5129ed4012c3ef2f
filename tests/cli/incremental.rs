//! The second run takes what is new, changed, moved or gone, and nothing else.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::Sandbox;

#[track_caller]
fn assert_counts(summary: &Value, expected: [u64; 4]) {
    let counts = ["indexed", "unchanged", "moved", "removed"].map(|field| summary[field].as_u64().unwrap());
    assert_eq!(counts, expected, "{summary}");
}

#[test]
fn new_changed_moved_and_gone() {
    let sandbox = Sandbox::new();
    sandbox.put("gravel.jpg", "stays.jpg");
    sandbox.put("coffee.jpg", "moves.jpg");
    sandbox.put("rocket.jpg", "changes.jpg");
    sandbox.put("lawn.jpg", "goes.jpg");
    assert_counts(&sandbox.update(0), [4, 0, 0, 0]);
    assert_counts(&sandbox.update(0), [0, 4, 0, 0]);

    let photos = sandbox.photos();
    fs::create_dir(photos.join("album")).unwrap();
    fs::rename(photos.join("moves.jpg"), photos.join("album/moved.jpg")).unwrap();
    sandbox.put("cat.jpg", "changes.jpg");
    fs::remove_file(photos.join("goes.jpg")).unwrap();
    sandbox.put("galaxies.jpg", "new.jpg");
    assert_counts(&sandbox.update(0), [2, 1, 1, 1]);
    let expected = ["album/moved.jpg", "changes.jpg", "new.jpg", "stays.jpg"].map(Path::new);
    assert_eq!(sandbox.indexed(), expected);

    // What changed is found by what it shows now.
    let hit = sandbox.run(&["query", "a cat", "-n", "1", "--json"]).expect(0).json();
    assert!(hit["path"].as_str().unwrap().ends_with("/changes.jpg"), "{hit}");
    sandbox.run(&["verify"]).expect(0);
}

#[test]
fn without_folders_those_that_are_known() {
    let sandbox = Sandbox::new();
    let first = sandbox.put("cat.jpg", "a/cat.jpg");
    let second = sandbox.put("coffee.jpg", "b/coffee.jpg");
    for photo in [&first, &second] {
        sandbox.run(&["index", photo.parent().unwrap().to_str().unwrap()]).expect(0);
    }
    sandbox.put("rocket.jpg", "b/rocket.jpg");
    let summary = sandbox.run(&["index", "--json"]).expect(0).json();
    assert_counts(&summary, [1, 2, 0, 0]);
}

#[test]
fn a_folder_that_is_away_keeps_its_photos() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "drive/cat.jpg");
    let drive = sandbox.photos().join("drive");
    sandbox.run(&["index", drive.to_str().unwrap()]).expect(0);
    fs::rename(&drive, sandbox.path().join("unplugged")).unwrap();
    let summary = sandbox.run(&["index", "--json"]).expect(1).json();
    assert_eq!((&summary["removed"], &summary["unreachable"][0]["photos_kept"]), (&0.into(), &1.into()));
    assert_eq!(sandbox.indexed(), [Path::new("drive/cat.jpg")]);
    let people = sandbox.run(&["index"]).expect(1);
    assert!(people.stderr.starts_with("warning: ") && people.stderr.contains("1 photo"), "{}", people.stderr);

    let summary = sandbox.run(&["index", "--json", "--forget-unreachable"]).expect(0).json();
    assert_eq!((&summary["removed"], &summary["forgotten"][0]["photos_removed"]), (&1.into(), &1.into()));
    assert!(sandbox.indexed().is_empty());
}
