//! `index --model NEW`: the change of an index to another model.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::model::{NAME, Place};
use crate::support::write_numbered_photo;

/// The model's name in an index: that of its repository.
const INDEXED: &str = "vit_base_patch32_clip_224.openai";

fn model(place: &Place) -> String {
    place.run(&["status", "--json"]).expect(0).json()["model"].as_str().unwrap().to_owned()
}

/// A photo in each of two folders, indexed with `pocket`, and the other model at hand.
fn indexed_twice() -> Place {
    let place = Place::new();
    place.run(&["model", "pull", NAME]).expect(0);
    for folder in ["a", "b"] {
        place.sandbox.put("cat.jpg", format!("{folder}/cat.jpg"));
        place.sandbox.put("coffee.jpg", format!("{folder}/coffee.jpg"));
        let folder = place.sandbox.photos().join(folder);
        place.run(&["index", "--json", folder.to_str().unwrap()]).expect(0);
    }
    place
}

/// Nothing lies beside the index.
#[track_caller]
fn assert_tidy(place: &Place) {
    for suffix in [".rebuild", ".old"] {
        assert!(!place.sandbox.path().join(format!("index{suffix}")).exists(), "index{suffix}");
    }
}

#[test]
fn the_index_changes_its_model_with_all_its_folders() {
    let place = indexed_twice();
    assert_eq!(model(&place), "pocket");
    let c = place.sandbox.put("rocket.jpg", "c/rocket.jpg");
    let c = c.parent().unwrap().to_str().unwrap();
    let summary = place.run(&["index", "--json", "--model", NAME, c]).expect(0).json();
    assert_eq!((&summary["unchanged"], &summary["skipped"].as_array().unwrap().len()), (&0.into(), &0));
    assert_tidy(&place);
    assert_eq!(model(&place), INDEXED);
    assert_eq!(place.sandbox.indexed().len(), 5, "those of both folders, and the new one");

    // From here on the index's own model is the default.
    let hits = place.run(&["query", "--json", "a cat"]).expect(0).json_lines();
    // Copies are one result.
    let copies = |hit: &serde_json::Value| hit["duplicates"].as_array().map_or(0, Vec::len);
    assert_eq!(hits.iter().map(|hit| 1 + copies(hit)).sum::<usize>(), 5);
    let named = place.run(&["query", "--json", "a cat", "--model", NAME]).expect(0).json_lines();
    assert_eq!(hits, named);
    assert_eq!(place.run(&["index", "--json"]).expect(0).json()["unchanged"], 5);
    assert_eq!(place.run(&["index", "--json", "--model", NAME]).expect(0).json()["unchanged"], 5, "no change, no work");
    assert_eq!(place.run(&["index", "--json", "--rebuild"]).expect(0).json()["indexed"], 5);
    assert_eq!(model(&place), INDEXED, "a rebuild keeps the model unless it is told another");

    let run = place.run(&["query", "a cat", "--model", "pocket"]).expect(2);
    assert!(run.stderr.contains(INDEXED) && run.stderr.contains("--model"), "{run:?}");
    assert!(run.stderr.contains("clip-search index --rebuild"), "{run:?}");
    place.run(&["index", "--model", "pocket"]).expect(0);
    assert_eq!(model(&place), "pocket");
    assert_tidy(&place);
}

#[test]
fn the_index_keeps_the_precision_it_was_made_with() {
    let place = indexed_twice();
    let scores = |arguments: &[&str]| -> Vec<f64> {
        let hits = place.run(&[&["query", "--json", "a cat"], arguments].concat()).expect(0).json_lines();
        hits.iter().map(|hit| hit["score"].as_f64().unwrap()).collect()
    };
    let rounded = scores(&[]);
    assert_eq!(scores(&["--precision", "int8"]), rounded, "what the built-in model suits");
    assert_eq!(place.run(&["index", "--json", "--precision", "f32"]).expect(0).json()["indexed"], 4, "a change");
    assert_tidy(&place);
    // Rounding shows, and is small.
    let exact = scores(&[]);
    assert!(exact != rounded && exact.iter().zip(&rounded).all(|(a, b)| (a - b).abs() < 0.03), "{exact:?} {rounded:?}");
    assert_eq!(scores(&["--model", "pocket"]), exact);
    assert_eq!(scores(&["--precision", "f32"]), exact);
    for update in [&["index", "--json"][..], &["index", "--json", "--model", "pocket"]] {
        assert_eq!(place.run(update).expect(0).json()["unchanged"], 4);
    }

    let run = place.run(&["query", "a cat", "--precision", "int8"]).expect(2);
    assert!(run.stderr.contains("-int8") && run.stderr.contains("--precision"), "{run:?}");
    place.run(&["index", "--precision", "int8"]).expect(0);
    assert_eq!(scores(&[]), rounded);
}

#[test]
fn a_model_that_left_the_cache_is_named() {
    let place = indexed_twice();
    place.run(&["index", "--model", NAME]).expect(0);
    fs::remove_dir_all(place.hf_home()).unwrap();
    let run = place.run(&["query", "a cat"]).expect(2);
    assert!(run.stderr.contains("clip-search model pull clip-vit-b-32"), "{run:?}");
    assert_eq!(model(&place), INDEXED, "status needs no model");
}

#[test]
fn folders_that_are_away_are_not_lost_by_a_change() {
    let place = indexed_twice();
    let (here, away) = (place.sandbox.photos().join("b"), place.sandbox.path().join("away"));
    fs::rename(&here, &away).unwrap();
    let run = place.run(&["index", "--model", NAME]).expect(2);
    assert!(run.stderr.contains(here.to_str().unwrap()) && run.stderr.contains("--forget-unreachable"), "{run:?}");
    assert_eq!(model(&place), "pocket");
    assert_eq!(place.sandbox.indexed().len(), 4);
    assert_tidy(&place);

    place.run(&["index", "--model", NAME, "--forget-unreachable"]).expect(0);
    assert_eq!((model(&place).as_str(), place.sandbox.indexed().len()), (INDEXED, 2));
}

#[test]
fn a_change_that_is_cut_off_leaves_the_old_index_and_goes_on_later() {
    const PHOTOS: u32 = 160;
    let place = Place::new();
    place.run(&["model", "pull", NAME]).expect(0);
    let photos = place.sandbox.photos();
    for number in 0..PHOTOS {
        write_numbered_photo(&photos.join(format!("{number}.png")), number);
    }
    place.run(&["index", photos.to_str().unwrap()]).expect(0);

    let mut command = place.command(&["index", "--model", NAME, "--checkpoint", "4"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Until it has committed something.
    let staged = place.sandbox.index().join("rebuild");
    let started = Instant::now();
    while committed(&staged) < 3 && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(staged.exists(), "it was over before it was cut off");

    assert_eq!(model(&place), "pocket");
    let rebuild = &place.run(&["status", "--json"]).expect(0).json()["rebuild"];
    assert_eq!(rebuild["model"], INDEXED);
    let (photos, remaining) = (rebuild["photos"].as_u64().unwrap(), rebuild["remaining"].as_u64().unwrap());
    assert!(photos > 0 && photos + remaining == u64::from(PHOTOS), "{rebuild}");
    assert!(place.run(&["status"]).expect(0).stdout.contains("\nrebuild      "));
    place.run(&["query", "waves"]).expect(0);
    place.run(&["verify"]).expect(0);
    let summary = place.run(&["index", "--model", NAME, "--json"]).expect(0).json();
    let (indexed, unchanged) = (summary["indexed"].as_u64().unwrap(), summary["unchanged"].as_u64().unwrap());
    assert!(unchanged > 0 && indexed + unchanged == u64::from(PHOTOS), "{summary}");
    assert_eq!(model(&place), INDEXED);
    assert!(place.run(&["status", "--json"]).expect(0).json()["rebuild"].is_null());
    assert_tidy(&place);
    place.run(&["query", "waves"]).expect(0);
}

/// The newest generation of an index that is being written.
fn committed(index: &Path) -> u64 {
    clip_index::IndexReader::open(index).map_or(0, |reader| reader.generation())
}
