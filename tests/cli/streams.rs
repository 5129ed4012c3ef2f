//! What goes where, and readers and users that leave early.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Run, Sandbox, command, on_samples, sample_index, write_numbered_photo};

#[test]
fn a_closed_pipe_is_success() {
    for arguments in [&["query", "a cat", "--json"][..], &["status"], &["embed", "--text", "a", "--json"], &["verify"]]
    {
        let mut child =
            command(sample_index(), arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let run = Run::from(child.wait_with_output().unwrap());
        assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command(sample_index(), &["query", "a cat"]).stdout(full).output().unwrap();
    let run = Run::from(output).expect(2);
    assert!(run.stderr.starts_with("error: cannot write to standard output: "), "{}", run.stderr);
    // What is printed before a command runs, and by none.
    for arguments in
        [&["--help"][..], &["-h"], &["query", "--help"], &["help", "index"], &["--version"], &["model", "list"]]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let run = Run::from(command(sample_index(), arguments).stdout(full).output().unwrap()).expect(2);
        assert!(run.stderr.starts_with("error: cannot write to standard output: "), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn help_and_version_are_results() {
    for argument in ["--help", "--version"] {
        let run = on_samples(&[argument]).expect(0);
        assert!(run.stdout.contains("clip-search") && run.stderr.is_empty(), "{run:?}");
    }
}

#[test]
fn an_interruption_saves_what_is_done() {
    const PHOTOS: u64 = 400;
    let sandbox = Sandbox::new();
    for number in 0..PHOTOS as u32 {
        write_numbered_photo(&sandbox.photos().join(format!("{number}.png")), number);
    }
    let mut child = sandbox
        .command(&["index", "--json", "--checkpoint", "16", sandbox.photos().to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let some_are_saved = || clip_search::IndexReader::open(sandbox.index()).is_ok_and(|reader| !reader.is_empty());
    while !some_are_saved() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before anything was saved");
        assert!(started.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let run = Run::from(child.wait_with_output().unwrap()).expect(130);
    assert!(run.stderr.starts_with("interrupted: "), "{}", run.stderr);
    let summary = run.json();
    assert_eq!(summary["cancelled"], true);
    let saved = summary["indexed"].as_u64().unwrap();
    assert!(0 < saved && saved < PHOTOS, "{summary}");
    assert_eq!(sandbox.indexed().len() as u64, saved, "what it says is done is saved");
    sandbox.run(&["verify"]).expect(0);
    // What remains is said at once, and later on.
    let status = || sandbox.run(&["status", "--json"]).expect(0).json();
    assert_eq!((&summary["remaining"], &status()["remaining"]), (&(PHOTOS - saved).into(), &(PHOTOS - saved).into()));
    let line = format!("remaining    {} photo", PHOTOS - saved);
    assert!(sandbox.run(&["status"]).expect(0).stdout.contains(&line));

    let summary = sandbox.run(&["index", "--json"]).expect(0).json();
    assert_eq!((&summary["remaining"], &status()["remaining"]), (&0.into(), &0.into()));
    assert_eq!(summary["indexed"].as_u64().unwrap() + saved, PHOTOS);
    assert_eq!(summary["unchanged"].as_u64().unwrap(), saved);
}
