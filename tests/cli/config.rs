//! Settings of variables and of a file, and which of them holds.
#![cfg(target_os = "linux")]

use std::fs;

use crate::snapshots::Transcript;
use crate::support::{Run, Sandbox, command, sample_index};

/// Runs the program with a file of settings and variables.
fn run(sandbox: &Sandbox, settings: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    let file = sandbox.path().join("config.toml");
    fs::write(&file, settings).unwrap();
    let mut command = command(sample_index(), arguments);
    command.env("CLIP_SEARCH_CONFIG", &file).envs(variables.iter().copied());
    Run::from(command.output().unwrap())
}

#[test]
fn what_is_shown_of_settings() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    let good = "# Mine\nlimit = 20\nmodel = \"siglip-b-16\"\nexclude = [\"*.png\", \"raw\"]\n";
    for (note, settings, variables, arguments) in [
        ("With a file", good, &[("CLIP_SEARCH_DEVICE", "cpu")][..], &["config", "show"][..]),
        ("As JSON", good, &[], &["--offline", "config", "show", "--json"]),
        ("Where the file is", good, &[], &["config", "path"]),
        ("A name that does not exist", "\nlimt = 20\n", &[], &["query", "a cat"]),
        ("A value that is wrong", "device = \"tpu\"", &[], &["query", "a cat"]),
        ("No TOML", "limit = \n", &[], &["config", "show"]),
        ("A variable that is wrong", "", &[("CLIP_SEARCH_LIMIT", "many")], &["query", "a cat"]),
    ] {
        transcript.note(&format!("== {note} =="));
        transcript.add(arguments, run(&sandbox, settings, variables, arguments));
    }
    let missing = sandbox.path().join("none.toml");
    let mut command = command(sample_index(), &["query", "a cat"]);
    let output = command.env("CLIP_SEARCH_CONFIG", &missing).output().unwrap();
    transcript.note("== A file that was named and is not there ==");
    transcript.add(&["query", "a cat"], Run::from(output));
    // How wide the column of values is depends on the length of a path.
    transcript.check("config", &[(r"([^ \n]) {2,}", "$1  ")]);
}

#[test]
fn an_option_comes_before_a_variable_before_the_file_before_the_default() {
    let sandbox = Sandbox::new();
    let results = |settings: &str, variables: &[(&str, &str)], arguments: &[&str]| {
        let arguments = [&["query", "a photo", "--paths-only"], arguments].concat();
        run(&sandbox, settings, variables, &arguments).expect(0).stdout.lines().count()
    };
    assert_eq!(results("", &[], &[]), 10);
    assert_eq!(results("limit = 2", &[], &[]), 2);
    assert_eq!(results("limit = 2", &[("CLIP_SEARCH_LIMIT", "3")], &[]), 3);
    assert_eq!(results("limit = 2", &[("CLIP_SEARCH_LIMIT", "")], &[]), 2);
    assert_eq!(results("limit = 2", &[("CLIP_SEARCH_LIMIT", "3")], &["-n", "4"]), 4);
    assert_eq!(results("limit = 2", &[], &["--all"]), 10);
}

#[test]
fn an_index_keeps_its_model_whatever_the_settings_say() {
    let sandbox = Sandbox::new();
    let settings = "model = \"no-such-model\"\nprecision = \"f32\"\n";
    assert!(run(&sandbox, settings, &[], &["query", "a cat", "-n", "1"]).expect(0).stdout.contains("cat.jpg"));
    let new = ["--index", "/dev/null/none", "index", "."];
    assert!(run(&sandbox, settings, &[], &new).expect(2).stderr.contains("no-such-model"));
    assert!(run(&sandbox, settings, &[], &["embed", "--text", "a cat"]).expect(2).stderr.contains("no-such-model"));
    let other = ["embed", "--text", "a cat", "--model", "pocket", "--precision", "int8"];
    run(&sandbox, settings, &[], &other).expect(0);
}

#[test]
fn the_folder_of_the_index_and_excludes_come_from_the_file() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "raw/coffee.jpg");
    let file = sandbox.path().join("config.toml");
    fs::write(&file, "index = \"mine\"\nexclude = [\"raw\"]\n").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        Run::from(command.env_remove("CLIP_SEARCH_INDEX").env("CLIP_SEARCH_CONFIG", &file).output().unwrap())
    };
    let photos = sandbox.photos();
    assert_eq!(run(&["index", "--json", photos.to_str().unwrap()]).expect(0).json()["indexed"], 1);
    assert!(sandbox.path().join("mine").is_dir() && !sandbox.index().exists());
    // What is included by name comes back, and again goes without.
    assert_eq!(run(&["index", "--json", "--include", "raw"]).expect(0).json()["indexed"], 1);
    assert_eq!(run(&["index", "--json"]).expect(0).json()["removed"], 1);
}

#[test]
fn what_needs_no_settings_works_with_broken_ones() {
    let sandbox = Sandbox::new();
    for arguments in [&["config", "path"][..], &["completions", "bash"], &["--help"], &["--version"]] {
        run(&sandbox, "what = \n", &[], arguments).expect(0);
    }
}
