//! What a user sees who has not indexed anything yet.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use crate::pty::Session;
use crate::snapshots::Transcript;
use crate::support::{Run, Sandbox};

/// A home with a folder for pictures, which has a photo.
fn home() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path().join(".config")).unwrap();
    fs::write(sandbox.path().join(".config/user-dirs.dirs"), "XDG_PICTURES_DIR=\"$HOME/photos\"\n").unwrap();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox
}

fn at_home(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command.env("HOME", sandbox.path()).env("TERM", "xterm");
    command
}

#[test]
fn the_program_alone_says_what_there_is_to_do() {
    let sandbox = home();
    let mut transcript = Transcript::new(&sandbox);
    let mut add = |arguments: &[&str]| {
        transcript.add(arguments, Run::from(at_home(&sandbox, arguments).output().unwrap()));
    };
    add(&[]);
    add(&["index"]);
    sandbox.update(0);
    add(&[]);
    fs::write(sandbox.index().join("manifest.json"), "{").unwrap();
    fs::remove_file(sandbox.index().join("manifest.spare")).unwrap();
    add(&[]);
    // How wide the column of commands is depends on the length of a path.
    transcript.check("first_run", &[(r"(?m)^(  clip-search .*\S)  +(\w)", "$1  $2")]);
}

#[test]
fn on_a_terminal_the_pictures_folder_is_proposed() {
    for (answer, status, words) in [
        ("\n", 0, "1 indexed"),
        ("y\n", 0, "1 indexed"),
        ("no\n", 2, "nothing was indexed"),
        ("\x04", 2, "nothing was"),
    ] {
        let sandbox = home();
        let mut session = Session::start(at_home(&sandbox, &["index"]), b"");
        session.wait_for("photos? [Y/n] ", 0);
        session.send(answer.as_bytes());
        let (ended, shown, _) = session.end();
        assert!(ended == Some(status) && shown.contains(words), "{answer:?}: {shown}");
        assert_eq!(sandbox.index().exists(), status == 0);
    }
}

#[test]
fn without_such_a_folder_the_error_is_the_usual_one() {
    let sandbox = Sandbox::new();
    let run = Run::from(at_home(&sandbox, &["index"]).output().unwrap()).expect(2);
    assert!(run.stderr.contains("clip-search index DIR"), "{}", run.stderr);
}
