//! An index that was made with one's own model: a file or a folder, which the index remembers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::model::fixture;
use crate::support::{Run, Sandbox};

const CAT: &[&str] = &["query", "--paths-only", "--no-cache", "a cat"];

struct Place {
    sandbox: Sandbox,
}

impl Place {
    /// Two photos, a small model as a file and another as a folder.
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.put("cat.jpg", "cat.jpg");
        sandbox.put("coffee.jpg", "coffee.jpg");
        fs::copy(fixture("tiny-pocket").join("model.safetensors"), sandbox.path().join("mine.safetensors")).unwrap();
        let folder = sandbox.path().join("my checkpoint");
        fs::create_dir(&folder).unwrap();
        for file in fs::read_dir(fixture("tiny-open-clip")).unwrap().flatten() {
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        Self { sandbox }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.sandbox.run(arguments)
    }

    /// From the sandbox's own folder.
    fn run_inside(&self, arguments: &[&str]) -> Run {
        Run::from(self.sandbox.command(arguments).current_dir(self.sandbox.path()).output().unwrap())
    }

    /// Indexes the photos with this model.
    fn index(&self, model: &str) {
        self.run_inside(&["index", "--model", model, "photos"]).expect(0);
    }

    /// The index is searched and updated without a word about its model.
    #[track_caller]
    fn works(&self) {
        assert_eq!(self.run(CAT).expect(0).stdout.lines().count(), 2);
        let summary = self.run(&["index", "--json"]).expect(0).json();
        assert_eq!((&summary["unchanged"], &summary["indexed"]), (&2.into(), &0.into()), "{summary}");
    }

    /// Neither searches nor updates, and says this.
    #[track_caller]
    fn fails(&self, words: &[&str]) {
        for arguments in [CAT, &["query", "--image", "photos/cat.jpg"], &["index"], &["index", "photos"]] {
            let run = self.run_inside(arguments).expect(2);
            for words in words {
                assert!(run.stderr.contains(words), "{arguments:?}: {words}: {}", run.stderr);
            }
            assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        }
        self.run(&["status"]).expect(0);
        self.run(&["verify"]).expect(0);
    }
}

/// The weights of the small models are random, so nothing that they find is more than the nearest.
#[test]
fn a_model_that_was_never_trained_finds_nothing_that_matches() {
    let place = Place::new();
    for (model, is_known) in [("mine.safetensors", false), ("my checkpoint", false), ("pocket", true)] {
        place.index(model);
        for text in ["a cat lies on a sofa", "coffee beans", "xylophone"] {
            let query = ["query", "--no-cache", "--fusion", "off", text];
            let lines = place.run(&[&query[..], &["--json"]].concat()).expect(0).json_lines();
            assert_eq!(lines.len(), 2);
            if !is_known {
                assert!(lines.iter().all(|hit| hit["match"] == false && hit["relevance"] == 0.0), "{lines:?}");
                let run = place.run(&query).expect(0);
                assert!(run.stderr.contains("nothing matches well"), "{run:?}");
            }
        }
    }
    let best = place.run(&["query", "--json", "--fusion", "off", "a cat lies on a sofa"]).expect(0).json_lines();
    assert!(best[0]["match"] == true && best[0]["path"].as_str().unwrap().ends_with("cat.jpg"), "{best:?}");
}

#[test]
fn files_folders_and_relative_paths_are_remembered() {
    let file = Place::new().path("mine.safetensors");
    for (model, relative) in
        [("mine.safetensors", true), ("my checkpoint", true), ("./mine.safetensors", true), ("", false)]
    {
        let place = Place::new();
        let absolute = place.path(file.file_name().unwrap().to_str().unwrap());
        let model = if relative { model } else { absolute.to_str().unwrap() };
        place.index(model);
        place.works();
        let name = model.trim_start_matches("./");
        let stored = if relative { place.path(name) } else { absolute.clone() };
        let status = place.run(&["status"]).expect(0).stdout;
        assert!(status.contains(stored.to_str().unwrap()), "{status}");
        let status = place.run(&["status", "--json"]).expect(0).json();
        assert_eq!(status["model_path"], stored.to_str().unwrap());
        // A photo more is embedded with the same model.
        place.sandbox.put("rocket.jpg", "rocket.jpg");
        assert_eq!(place.run(&["index", "--json"]).expect(0).json()["indexed"], 1);
        // So is a new index in the old one's place.
        assert_eq!(place.run(&["index", "--rebuild", "--json"]).expect(0).json()["indexed"], 3);
        assert_eq!(place.run(CAT).expect(0).stdout.lines().count(), 3);
    }
}

#[test]
fn a_model_that_was_moved_is_named_with_what_to_do() {
    for (from, to) in [("mine.safetensors", "moved.safetensors"), ("my checkpoint", "moved")] {
        let place = Place::new();
        place.index(from);
        fs::rename(place.path(from), place.path(to)).unwrap();
        let gone = place.path(from);
        place.fails(&["cannot find the index's model", gone.to_str().unwrap(), "`clip-search index --model PATH`"]);
        assert!(place.run(&["status"]).expect(0).stdout.contains("(not found)"));
        // A query takes the new place, once; an update remembers it.
        assert_eq!(place.run_inside(&[CAT, &["--model", to]].concat()).expect(0).stdout.lines().count(), 2);
        place.fails(&[gone.to_str().unwrap()]);
        let summary = place.run_inside(&["index", "--json", "--model", to]).expect(0).json();
        assert_eq!((&summary["unchanged"], &summary["indexed"]), (&2.into(), &0.into()), "it is the same model");
        place.works();
    }
}

#[test]
fn a_model_that_is_lost_is_replaced() {
    let place = Place::new();
    place.index("mine.safetensors");
    fs::remove_file(place.path("mine.safetensors")).unwrap();
    place.fails(&["mine.safetensors is gone"]);
    assert_eq!(place.run_inside(&["index", "--json", "--model", "my checkpoint"]).expect(0).json()["indexed"], 2);
    place.works();
}

#[test]
fn a_file_that_holds_another_model_now_is_told() {
    let place = Place::new();
    place.index("mine.safetensors");
    let earlier = fs::read(place.path("mine.safetensors")).unwrap();
    change_a_weight(&place.path("mine.safetensors"));
    place.fails(&["mine.safetensors has changed", "`clip-search index --rebuild`"]);
    fs::write(place.path("mine.safetensors"), earlier).unwrap();
    place.works();
    change_a_weight(&place.path("mine.safetensors"));
    assert_eq!(place.run(&["index", "--rebuild", "--json"]).expect(0).json()["indexed"], 2);
    place.works();
    // What is no model at all says so itself.
    fs::write(place.path("mine.safetensors"), "<html>").unwrap();
    place.fails(&["mine.safetensors", "expected a safetensors file"]);
}

#[test]
fn an_index_that_does_not_say_where_its_model_is_asks_for_it_once() {
    let place = Place::new();
    place.index("mine.safetensors");
    // As earlier versions left it.
    let model = clip_search::IndexReader::open(place.sandbox.index()).unwrap().model().clone();
    let mut writer = clip_index::IndexWriter::open_or_create(place.sandbox.index(), &model).unwrap();
    writer.set_origin(None);
    writer.commit().unwrap();
    writer.close().unwrap();
    place.fails(&["cannot find the index's model tiny-pocket", "`clip-search index --model PATH`"]);
    place.run_inside(&["index", "--model", "mine.safetensors"]).expect(0);
    place.works();
}

/// Another value in the last tensor of a model file.
fn change_a_weight(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 0x11;
    fs::write(path, bytes).unwrap();
}
