//! Completion scripts in the shells that they are for, and manual pages in `man`. A shell that is not there is passed over.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::pty::Session;
use crate::support::{PROGRAM, Sandbox, on_samples};

/// The script for a shell, in a file.
fn script(sandbox: &Sandbox, shell: &str) -> String {
    let run = on_samples(&["completions", shell]).expect(0);
    assert!(run.stderr.is_empty() && run.stdout.contains("clip-search"), "{run:?}");
    assert!(!run.stdout.contains("decode-worker"), "{shell}");
    let path = sandbox.path().join(format!("completions.{shell}"));
    fs::write(&path, run.stdout).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What a program says; none if there is no such program.
fn said(program: &str, arguments: &[&str]) -> Option<Output> {
    Command::new(program).args(arguments).env("TERM", "dumb").output().ok()
}

/// Lines that people begin, and how they go on after Tab.
const TYPED: [(&str, &str); 4] = [
    ("clip-search que", "clip-search query "),
    ("clip-search query --previ", "clip-search query --preview"),
    ("clip-search model pu", "clip-search model pull "),
    ("clip-search bench --device g", "clip-search bench --device gpu"),
];

/// Types into a shell whose prompt is `ready> `, after a line that sets it up.
fn complete_in(mut command: Command, sandbox: &Sandbox, set_up: &str) {
    command.env("TERM", "dumb").env("PS1", "ready> ").env("HOME", sandbox.path()).current_dir(sandbox.path());
    let mut session = Session::start(command, b"");
    session.wait_for("ready> ", 0);
    session.send(format!("{set_up}; echo set-''up\n").as_bytes());
    session.wait_for("set-up", 0);
    for (typed, expected) in TYPED {
        let from = session.shown().len();
        session.send(format!("{typed}\t").as_bytes());
        session.wait_for(expected, from);
        // Ctrl-U: another line.
        session.send(b"\x15");
    }
    session.send(b"\x15exit\n");
    assert!(session.end().0.is_some());
}

#[test]
fn bash_completes() {
    if said("bash", &["--version"]).is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let script = script(&sandbox, "bash");
    let mut command = Command::new("bash");
    command.args(["--norc", "--noprofile", "-i"]).env("INPUTRC", "/dev/null");
    complete_in(command, &sandbox, &format!("source {script}"));
}

/// In the folder where it looks for scripts by itself. Its first line depends on the terminal, so it is asked instead.
#[test]
fn fish_completes() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path().join("config/fish/completions");
    fs::create_dir_all(&folder).unwrap();
    fs::rename(script(&sandbox, "fish"), folder.join("clip-search.fish")).unwrap();
    // It looks only for scripts of programs that there are.
    let others = std::env::var_os("PATH").unwrap_or_default();
    let folders = [Path::new(PROGRAM).parent().unwrap().to_owned()].into_iter().chain(std::env::split_paths(&others));
    let path = std::env::join_paths(folders).unwrap();
    for (typed, expected) in TYPED {
        let fish = Command::new("fish")
            .args(["-c", &format!("complete -C '{typed}'")])
            .env("XDG_CONFIG_HOME", sandbox.path().join("config"))
            .env("XDG_DATA_HOME", sandbox.path())
            .env("PATH", &path)
            .env("HOME", sandbox.path())
            .output();
        let Ok(output) = fish else { return };
        let words = String::from_utf8_lossy(&output.stdout);
        let expected = expected.split_whitespace().next_back();
        let is_there = words.lines().any(|line| line.split('\t').next() == expected);
        assert!(output.status.success() && is_there, "{expected:?}: {output:?}");
    }
}

/// From a folder of functions, by its name and first line.
#[test]
fn zsh_completes() {
    if said("zsh", &["--version"]).is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let folder = sandbox.path().join("functions");
    fs::create_dir(&folder).unwrap();
    fs::rename(script(&sandbox, "zsh"), folder.join("_clip-search")).unwrap();
    let mut command = Command::new("zsh");
    command.args(["-f", "-i"]);
    let set_up = format!(
        "unsetopt zle_bracketed_paste; fpath=({} $fpath); autoload -U compinit; compinit -D -u",
        folder.to_str().unwrap()
    );
    complete_in(command, &sandbox, &set_up);
}

#[test]
fn other_shells_get_scripts_too() {
    let sandbox = Sandbox::new();
    for shell in ["powershell", "elvish"] {
        script(&sandbox, shell);
    }
    assert!(on_samples(&["completions", "tcsh"]).expect(2).stderr.contains("possible values"));
}

#[test]
fn man_shows_every_page() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path().join("man");
    let run = on_samples(&["man", folder.to_str().unwrap()]).expect(0);
    assert!(run.stdout.is_empty() && run.stderr.is_empty(), "{run:?}");
    let pages: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let has = |name: &str| pages.iter().any(|page| page.file_name() == Some(name.as_ref()));
    assert!(has("clip-search.1") && has("clip-search-query.1") && has("clip-search-model-pull.1"), "{pages:?}");
    assert!(!has("clip-search-decode-worker.1") && !has("clip-search-man.1"), "{pages:?}");
    for page in &pages {
        let show = |page: &Path| {
            let page = page.to_str()?.to_owned();
            Command::new("man")
                .args(["--warnings", "-l", &page])
                .env("MANWIDTH", "100")
                .env("LC_ALL", "C.UTF-8")
                .output()
                .ok()
        };
        let Some(output) = show(page) else { return };
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("SYNOPSIS"), "{page:?}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{page:?}");
    }
}
