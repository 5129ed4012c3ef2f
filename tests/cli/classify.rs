//! `classify`: labels by their names and by examples.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Run, Sandbox, on_samples, samples};

const LABELS: &str = "a cat,a cup of coffee,a man with a camera";

fn sample(name: &str) -> String {
    samples().join(name).to_str().unwrap().to_owned()
}

fn labels(line: &Value) -> Vec<(String, f64)> {
    let pair = |label: &Value| (label["label"].as_str().unwrap().to_owned(), label["probability"].as_f64().unwrap());
    line["labels"].as_array().unwrap().iter().map(pair).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// A part of a sample, as a photo of its own: `place` of four corners.
fn crop(name: &str, place: u32, to: &Path) {
    let photo = image::open(samples().join(name)).unwrap();
    let (width, height) = (photo.width() * 3 / 4, photo.height() * 3 / 4);
    let (x, y) = (place % 2 * (photo.width() - width), place / 2 * (photo.height() - height));
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    photo.crop_imm(x, y, width, height).save(to).unwrap();
}

/// A folder of examples whose names say nothing.
fn examples(sandbox: &Sandbox, each: u32) -> PathBuf {
    let folder = sandbox.path().join("examples");
    for (class, name) in [("first", "cat.jpg"), ("second", "coffee.jpg"), ("third", "rocket.jpg")] {
        for place in 0..each {
            crop(name, place, &folder.join(class).join(format!("{place}.png")));
        }
    }
    folder
}

/// What stderr says besides the progress that a slow machine gets to see.
fn told(run: &Run) -> Vec<&str> {
    run.stderr.lines().filter(|line| !line.starts_with("embedding: ")).collect()
}

#[track_caller]
fn fails(run: Run, parts: &[&str]) {
    let run = run.expect(2);
    assert_eq!((run.stdout.as_str(), told(&run).len()), ("", 1), "{run:#?}");
    for part in parts {
        assert!(run.stderr.contains(part), "expected {part:?} in: {}", run.stderr);
    }
}

#[test]
fn labels_for_scripts() {
    let photos = ["coffee.jpg", "cat.jpg", "photographer.jpg"].map(sample);
    let run = on_samples(&["classify", "--json", "--labels", LABELS, &photos[0], &photos[1], &photos[2]]).expect(0);
    assert_eq!(told(&run), [""; 0]);
    let lines = run.json_lines();
    assert_eq!(lines.iter().map(|line| line["path"].as_str().unwrap()).collect::<Vec<_>>(), photos);
    assert!(run.stdout.starts_with(&format!("{{\"path\":\"{}\",\"labels\":[{{\"label\":\"a cup", photos[0])));
    for (line, expected) in lines.iter().zip(["a cup of coffee", "a cat", "a man with a camera"]) {
        let found = labels(line);
        assert_eq!(found.len(), 3, "all by default");
        assert_eq!(found[0].0, expected);
        assert!(found.is_sorted_by(|a, b| a.1 >= b.1), "{found:?}");
        assert!((found.iter().map(|label| label.1).sum::<f64>() - 1.0).abs() < 1e-5, "{found:?}");
    }
    let top = on_samples(&["classify", "--json", "--top", "1", "--labels", LABELS, &photos[0]]).expect(0);
    assert_eq!(labels(&top.json()), labels(&lines[0])[..1]);
}

#[test]
fn probabilities_are_those_of_the_embeddings() {
    let photo = sample("cat.jpg");
    let names = ["a cat", "a cup of coffee", "a man with a camera"];
    let found = on_samples(&["classify", "--json", "--templates", "none", "--labels", LABELS, &photo]).expect(0).json();
    let image = numbers(&on_samples(&["embed", "--json", "--image", &photo]).expect(0).json()["embedding"]);
    let texts = on_samples(&["embed", "--json", "--text", names[0], names[1], names[2]]).expect(0).json_lines();
    let scale = clip_model::Checkpoint::open(&clip_search::ModelSource::Default).unwrap().logit_scale().unwrap().exp();
    let weights: Vec<f64> = texts
        .iter()
        .map(|text| numbers(&text["embedding"]).iter().zip(&image).map(|(a, b)| a * b).sum::<f64>())
        .map(|cosine| (f64::from(scale) * cosine).exp())
        .collect();
    for (label, probability) in labels(&found) {
        let place = names.iter().position(|name| *name == label).unwrap();
        let expected = weights[place] / weights.iter().sum::<f64>();
        assert!((probability - expected).abs() < 1e-4, "{label}: {probability} {expected}");
    }
}

#[test]
fn labels_for_people_and_from_a_file() {
    let sandbox = Sandbox::new();
    let file = sandbox.path().join("labels.txt");
    fs::write(&file, "a cat\r\na cup of coffee\n\na man with a camera\na cat\n").unwrap();
    let photo = sample("cat.jpg");
    let arguments = ["classify", "--templates", "short", "--labels", file.to_str().unwrap(), &photo];
    let people = on_samples(&arguments).expect(0);
    assert_eq!(told(&people), ["warning: duplicate label a cat: it is used once"]);
    let json = on_samples(&["classify", "--templates", "short", "--json", "--labels", LABELS, &photo]).expect(0).json();
    let lines: String = labels(&json)
        .iter()
        .map(|(label, probability)| format!("{:>7.2} %  {label}\n", 100.0 * *probability as f32))
        .collect();
    assert_eq!(people.stdout, format!("{photo}\n{lines}"));
    let other = on_samples(&["classify", "--templates", "none", "--json", "--labels", LABELS, &photo]).expect(0).json();
    assert_ne!(labels(&json), labels(&other));
}

#[test]
fn a_bad_photo_is_named_and_the_others_are_classified() {
    let sandbox = Sandbox::new();
    let bad = sandbox.photos().join("bad.jpg");
    fs::write(&bad, "no photo").unwrap();
    let missing = sandbox.photos().join("missing.jpg");
    let (bad, missing, good) = (bad.to_str().unwrap(), missing.to_str().unwrap(), sample("cat.jpg"));
    let run = on_samples(&["classify", "--json", "--labels", LABELS, bad, &good, missing]).expect(1);
    assert_eq!(run.json()["path"], good);
    let told = told(&run);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with(&format!("skipped: {bad}: not a supported image")), "{told:?}");
    assert!(told[1].starts_with(&format!("skipped: {missing}: ")), "{told:?}");
}

#[test]
fn examples_teach_classes_that_names_do_not_tell() {
    let sandbox = Sandbox::new();
    for each in [1, 4] {
        let folder = examples(&sandbox, each);
        let photos = ["rocket.jpg", "cat.jpg", "coffee.jpg"].map(sample);
        let arguments =
            ["classify", "--json", "--examples", folder.to_str().unwrap(), &photos[0], &photos[1], &photos[2]];
        let run = on_samples(&arguments).expect(0);
        assert_eq!(told(&run), [""; 0]);
        for (line, expected) in run.json_lines().iter().zip(["third", "first", "second"]) {
            let found = labels(line);
            assert_eq!((found.len(), found[0].0.as_str()), (3, expected), "{each} examples: {found:?}");
            assert!((found.iter().map(|label| label.1).sum::<f64>() - 1.0).abs() < 1e-5, "{found:?}");
        }
        assert_eq!(on_samples(&arguments).expect(0).stdout, run.stdout, "the same examples give the same answer");
    }
}

#[test]
fn a_bad_example_is_named_and_the_others_are_used() {
    let sandbox = Sandbox::new();
    let folder = examples(&sandbox, 2);
    let bad = folder.join("second/bad.jpg");
    fs::write(&bad, "no photo").unwrap();
    let arguments = ["classify", "--json", "--examples", folder.to_str().unwrap(), &sample("coffee.jpg")];
    let run = on_samples(&arguments).expect(1);
    assert_eq!(labels(&run.json())[0].0, "second");
    assert!(
        told(&run)[0].starts_with(&format!("skipped: {}: not a supported image", bad.to_str().unwrap())),
        "{run:?}"
    );

    for place in 0..2 {
        fs::remove_file(folder.join(format!("second/{place}.png"))).unwrap();
    }
    let run = on_samples(&arguments).expect(2);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("second contains no readable photo"), "{run:?}");
}

#[test]
fn labels_and_examples_that_cannot_be_used() {
    let sandbox = Sandbox::new();
    let photo = sample("cat.jpg");
    let path = |name: &str| sandbox.path().join(name).to_str().unwrap().to_owned();
    let by_labels = |labels: &str| on_samples(&["classify", "--labels", labels, &photo]);
    fails(by_labels(" ,"), &["error: --labels is empty", "comma-separated list"]);
    fails(by_labels(&path("labels.txt")), &["cannot read labels", "no such file"]);
    fs::write(path("labels.txt"), "\n").unwrap();
    fails(by_labels(&path("labels.txt")), &["contains no labels", "one per line"]);
    fs::write(path("labels.txt"), b"caf\xe9").unwrap();
    fails(by_labels(&path("labels.txt")), &["cannot read labels", "UTF-8"]);

    let by_examples = |folder: &str| on_samples(&["classify", "--examples", folder, &photo]);
    fails(by_examples(&path("none")), &["cannot read the examples", "none"]);
    fs::create_dir_all(path("examples/only")).unwrap();
    fs::copy(&photo, path("examples/only/cat.jpg")).unwrap();
    fails(by_examples(&path("examples")), &["has 1 subfolder", "at least two"]);
    fs::create_dir_all(path("examples/empty")).unwrap();
    fails(by_examples(&path("examples")), &["empty contains no readable photo"]);
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_keep_their_bytes() {
    use base64::Engine;
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    let path = sandbox.put("cat.jpg", std::ffi::OsStr::from_bytes(b"caf\xe9.jpg"));
    let arguments = ["classify", "--json", "--templates", "none", "--labels", LABELS].map(std::ffi::OsStr::new);
    let line = sandbox.run(&[&arguments[..], &[path.as_os_str()]].concat()).expect(0).json();
    let bytes = base64::prelude::BASE64_STANDARD.decode(line["path_bytes"].as_str().unwrap()).unwrap();
    assert_eq!(bytes, path.as_os_str().as_bytes());
    assert_eq!(labels(&line)[0].0, "a cat");
}
