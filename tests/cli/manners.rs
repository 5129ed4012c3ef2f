//! What people try when they do not know the program: other words, folders for files and files for folders, less and more to
//! read.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::model::{NAME, Place};
use crate::support::{Run, Sandbox, on_samples, sample_index, samples};

#[test]
fn help_is_a_command_too() {
    for (command, option) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "query"], &["query", "--help"]),
        (&["help", "model", "pull"], &["model", "pull", "--help"]),
        (&["model", "help", "pull"], &["model", "pull", "--help"]),
    ] {
        let (command, option) = (on_samples(command).expect(0), on_samples(option).expect(0));
        assert_eq!((command.stdout, command.stderr.as_str()), (option.stdout, ""));
    }
}

#[test]
fn other_programs_words_lead_to_ours() {
    for (arguments, meant) in [
        (&["search", "a cat"][..], "clip-search query"),
        (&["search", "cat"], "clip-search query"),
        (&["SEARCH", "a cat"], "clip-search query"),
        (&["serch", "a cat"], "clip-search query"),
        (&["search", "-n", "3", "a cat"], "clip-search query"),
        (&["search", "ls"], "clip-search search list"),
        (&["Index", "."], "index"),
        (&["update"], "clip-search index"),
        (&["query", "a cat", "--JSON"], "--json"),
        (&["model", "download", "x"], "clip-search model pull"),
    ] {
        let run = on_samples(arguments).expect(2);
        assert!(run.stderr.contains("tip: ") && run.stderr.contains(&format!("{meant}'")), "{}", run.stderr);
    }
    let alone = on_samples(&["search"]).expect(2).stderr;
    assert!(!alone.contains("bench") && alone.contains("To find photos, use `clip-search query`."), "{alone}");
}

/// A run with something on its standard input.
fn with_input(arguments: &[&str], input: &[u8]) -> Run {
    let mut command = crate::support::command(sample_index(), arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    Run::from(child.wait_with_output().unwrap())
}

#[test]
fn a_dash_is_a_description_on_standard_input() {
    let expected = on_samples(&["query", "a cat on a sofa", "--paths-only"]).expect(0).stdout;
    for input in [&b"a cat on a sofa\n"[..], b"  a cat\r\non a sofa"] {
        assert_eq!(with_input(&["query", "-", "--paths-only"], input).expect(0).stdout, expected);
    }
    assert!(with_input(&["query", "-"], b"\n").expect(2).stderr.starts_with("error: the query is empty"));
    let photo = fs::read(samples().join("cat.jpg")).unwrap();
    for (input, words) in [(&b"\xff\xd8\xff"[..], "not valid UTF-8"), (&photo.repeat(3), "at most 64 KiB")] {
        let run = with_input(&["query", "-"], input).expect(2);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    // Among other words it is one.
    assert_eq!(with_input(&["query", "a", "-", "b", "-n", "1"], b"").expect(0).stdout.lines().count(), 1);
}

#[test]
fn quiet_leaves_results_and_what_went_wrong() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let photos = sandbox.photos();
    let photos = photos.to_str().unwrap();
    let run = sandbox.run(&["index", "-q", photos]).expect(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    fs::write(sandbox.photos().join("bad.jpg"), "no photo").unwrap();
    let run = sandbox.run(&["--quiet", "index", photos]).expect(1);
    assert!(run.stdout.is_empty() && run.stderr.starts_with("skipped: "), "{run:?}");
    assert_eq!(sandbox.run(&["query", "a cat", "-q"]).expect(0).stdout.lines().count(), 1);
    assert!(sandbox.run(&["query", " ", "-q"]).expect(2).stderr.starts_with("error: "));
    assert_eq!(on_samples(&["model", "list", "-q"]).expect(0).stderr, "");
}

#[test]
fn verbose_says_how() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let run = sandbox.run(&["index", "-v", sandbox.photos().to_str().unwrap()]).expect(0);
    assert!(run.stderr.contains("time: listing folders ") && run.stderr.contains(", encoding "), "{run:?}");
    let run = sandbox.run(&["query", "a cat", "--verbose"]).expect(0);
    assert!(run.stderr.contains("searching 1 photo: ") && run.stderr.contains("of 1 result: "), "{run:?}");
    assert!(sandbox.run(&["query", "a cat", "-q", "-v"]).expect(2).stderr.contains("cannot be used with"));
}

#[test]
fn a_folder_is_classified_photo_by_photo() {
    let sandbox = Sandbox::new();
    let cat = sandbox.put("cat.jpg", "a/cat.jpg");
    let coffee = sandbox.put("coffee.jpg", "coffee.jpg");
    fs::write(sandbox.photos().join("notes.txt"), "").unwrap();
    fs::create_dir(sandbox.photos().join(".thumbnails")).unwrap();
    fs::copy(&cat, sandbox.photos().join(".thumbnails/cat.jpg")).unwrap();
    let folder = sandbox.photos();
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let classify = |photos: &[&str]| {
        let arguments = [&["classify", "--labels", "a cat,a cup of coffee", "--json"], photos].concat();
        sandbox.run(&arguments)
    };
    let named = classify(&[&text(&cat), &text(&coffee)]).expect(0).stdout;
    assert_eq!(classify(&[&text(&folder)]).expect(0).stdout, named);
    assert_eq!(classify(&[&text(&folder.join("a")), &text(&coffee)]).expect(0).stdout, named);

    let empty = sandbox.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let run = classify(&[&text(&empty), &text(&coffee)]).expect(1);
    assert_eq!((run.stdout.lines().count(), run.stderr.lines().count()), (1, 1), "{run:?}");
    assert!(run.stderr.starts_with("warning: no photos in "), "{}", run.stderr);
}

#[test]
fn a_single_file_is_indexed_and_kept_up_to_date() {
    let sandbox = Sandbox::new();
    let cat = sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "coffee.jpg");
    let file = cat.to_str().unwrap();
    assert_eq!(sandbox.run(&["index", "--json", file]).expect(0).json()["indexed"], 1);
    assert!(sandbox.run(&["status"]).expect(0).stdout.contains(&format!("file         {file}\n")));
    let again = |expected: [u64; 4]| {
        let summary = sandbox.run(&["index", "--json"]).expect(0).json();
        let counts = ["indexed", "unchanged", "moved", "removed"].map(|field| summary[field].as_u64().unwrap());
        assert_eq!(counts, expected, "{summary}");
    };
    again([0, 1, 0, 0]);
    sandbox.put("rocket.jpg", "cat.jpg");
    again([1, 0, 0, 0]);
    let hit = sandbox.run(&["query", "a rocket", "--paths-only"]).expect(0).stdout;
    assert_eq!(hit.trim_end(), file);

    // Its folder takes it in.
    assert_eq!(sandbox.update(0)["unchanged"], 1);
    let status = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["roots"], serde_json::json!([sandbox.photos()]));
    fs::remove_file(&cat).unwrap();
    again([0, 1, 0, 1]);
}

#[test]
fn a_single_file_that_was_deleted_is_not_waited_for() {
    let sandbox = Sandbox::new();
    let cat = sandbox.put("cat.jpg", "inbox/cat.jpg");
    sandbox.put("coffee.jpg", "inbox/coffee.jpg");
    sandbox.put("rocket.jpg", "other/rocket.jpg");
    let other = sandbox.photos().join("other");
    sandbox.run(&["index", cat.to_str().unwrap(), other.to_str().unwrap()]).expect(0);
    // Moved into a folder that is indexed, it is the same photo.
    fs::rename(&cat, other.join("cat.jpg")).unwrap();
    let summary = sandbox.run(&["index", "--json"]).expect(0).json();
    assert_eq!((&summary["moved"], &summary["indexed"]), (&1.into(), &0.into()), "{summary}");
    let status = sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["roots"], serde_json::json!([other]));

    // A file whose whole folder is away may come back.
    let coffee = sandbox.photos().join("inbox/coffee.jpg");
    sandbox.run(&["index", coffee.to_str().unwrap()]).expect(0);
    fs::rename(sandbox.photos().join("inbox"), sandbox.path().join("unplugged")).unwrap();
    let summary = sandbox.run(&["index", "--json"]).expect(1).json();
    assert_eq!((&summary["removed"], &summary["unreachable"][0]["photos_kept"]), (&0.into(), &1.into()));
}

#[test]
fn a_single_file_that_is_no_photo_is_refused_once() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.update(0);
    let notes = sandbox.path().join("notes.txt");
    fs::write(&notes, "no photo").unwrap();
    let run = sandbox.run(&["index", notes.to_str().unwrap()]).expect(1);
    assert!(run.stderr.starts_with("skipped: ") && run.stderr.contains("notes.txt"), "{run:?}");
    assert_eq!(sandbox.run(&["index"]).expect(0).stderr, "");
}

#[test]
fn status_names_a_model_as_the_list_does() {
    let place = Place::new();
    place.run(&["model", "pull", NAME]).expect(0);
    place.sandbox.put("cat.jpg", "cat.jpg");
    place.run(&["index", "--model", NAME, place.sandbox.photos().to_str().unwrap()]).expect(0);
    let status = place.run(&["status"]).expect(0).stdout;
    assert!(status.contains(&format!("model        {NAME} (")), "{status}");
    assert_eq!(place.run(&["status", "--json"]).expect(0).json()["model_name"], NAME);
    assert_eq!(on_samples(&["status", "--json"]).expect(0).json()["model_name"], "pocket");
}

/// The tip after indexing recommended another model than `model list`.
#[test]
fn there_is_one_recommendation() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    let run = |arguments: &[&str]| {
        Run::from(sandbox.command(arguments).env("HOME", sandbox.path()).output().unwrap()).expect(0)
    };
    let tip = run(&["index", sandbox.photos().to_str().unwrap()]).stderr;
    let name = tip.split("model pull ").nth(1).unwrap().split('`').next().unwrap();
    let listed = run(&["model", "list", "--json"]).json_lines();
    let recommended: Vec<_> = listed.iter().filter(|line| line["recommended"] == true).collect();
    assert_eq!(recommended.len(), 1);
    assert_eq!(recommended[0]["name"], name, "{tip}");

    // What it costs is said in the same words.
    let people = run(&["model", "list"]);
    let cost = tip.split(&format!("{name} knows far more, at ")).nth(1).unwrap().split(". To switch").next().unwrap();
    assert!(people.stderr.contains(&format!("recommended for this machine: {name}, at {cost}\n")), "{people:?}");
    for part in ["a download of ", " of memory", " for 80,000 photos on this machine's CPU (estimated)"] {
        assert!(cost.contains(part), "{cost}");
    }
    let line = people.stdout.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(line.ends_with("recommended"), "{line}");
    assert!(recommended[0]["photos_per_second"].as_f64().unwrap() > 0.0);
    let info = run(&["model", "info", name]).stdout;
    assert!(info.contains("size         a download of about ") && info.contains("\ntime         about "), "{info}");
}
