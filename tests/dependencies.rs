//! What a program brings with it that embeds the library.

// The embedder itself: it is in no workspace, and must go on compiling.
#[allow(dead_code, clippy::print_stdout, reason = "it is a program, and nobody calls its `main`")]
#[path = "embedder/src/main.rs"]
mod embedder;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The names of the packages in a tree of dependencies, with the workspace's own versions.
fn packages(folder: &Path, arguments: &[&str]) -> BTreeSet<String> {
    let run = Command::new(env!("CARGO"))
        .current_dir(folder)
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// What the embedder depends on, of whose features cargo knows nothing but what its manifest says.
fn of_embedder(features: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let manifest = fs::read_to_string(root().join("tests/embedder/Cargo.toml")).unwrap();
    let library = root().join("crates/search").canonicalize().unwrap();
    let manifest = manifest
        .replace("\"../../crates/search\"", &format!("{:?}", library.to_str().unwrap()))
        .replace("default-features = false", &format!("default-features = false, features = [{features}]"));
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::copy(root().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/main.rs"), "fn main() {}\n").unwrap();
    packages(folder.path(), &[])
}

#[track_caller]
fn assert_without(packages: &BTreeSet<String>, unwanted: &[&str]) {
    // A list that is empty by mistake would pass everything.
    assert!(packages.contains("clip-index") && packages.len() > 20, "{packages:?}");
    for package in packages {
        assert!(!unwanted.iter().any(|unwanted| package.starts_with(unwanted)), "{package}: {packages:#?}");
    }
}

/// Of the command line. Where the library depends on one of these by way of another, the list must change.
const PROGRAM: [&str; 5] = ["clap", "csv", "ctrlc", "indicatif", "clip-search-cli"];
const NETWORK: [&str; 4] = ["ureq", "rustls", "ring", "http"];
const GPU: [&str; 4] = ["wgpu", "cubek", "naga", "burn-fusion"];
const TRAINING: [&str; 3] = ["burn-autodiff", "burn-optim", "clip-train"];

#[test]
fn a_program_that_embeds_the_library_brings_no_command_line_with_it() {
    let bare = of_embedder("");
    assert!(bare.contains("clip-model") && !bare.contains("clip-parquet"));
    for unwanted in [&PROGRAM[..], &NETWORK, &GPU, &TRAINING] {
        assert_without(&bare, unwanted);
    }
    let with_hub = of_embedder("\"hub\", \"json\"");
    assert!(with_hub.contains("ureq"));
    for unwanted in [&PROGRAM[..], &GPU, &TRAINING] {
        assert_without(&with_hub, unwanted);
    }
    let with_gpu = of_embedder("\"gpu\"");
    assert!(with_gpu.contains("wgpu"));
    for unwanted in [&PROGRAM[..], &NETWORK, &TRAINING] {
        assert_without(&with_gpu, unwanted);
    }
}

#[test]
fn indexing_searching_and_classifying_build_without_a_model() {
    for package in ["clip-indexer", "clip-query", "clip-classify"] {
        let packages = packages(root(), &["--package", package]);
        assert!(packages.contains("clip-encoder"), "{packages:?}");
        assert!(!packages.iter().any(|package| package.starts_with("burn") || package == "clip-model"), "{packages:?}");
    }
}
