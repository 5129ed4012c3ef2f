//! Completion scripts in the shells that they are for, and manual pages in `man`. A shell that is not there is passed over.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::pty::Session;
use crate::support::{Sandbox, on_samples};

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

#[test]
fn bash_completes() {
    let sandbox = Sandbox::new();
    let script = script(&sandbox, "bash");
    for (words, expected) in [
        (&["clip-search", "que"][..], "query"),
        (&["clip-search", "query", "--prev"], "--preview"),
        (&["clip-search", "model", "pu"], "pull"),
        (&["clip-search", "bench", "--device", "g"], "gpu"),
    ] {
        let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
        let line = format!(
            "source {script} || exit 1; COMP_WORDS=({}); COMP_CWORD={}; _clip__search clip-search {last} {before}; \
             echo \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len() - 1
        );
        let Some(output) = said("bash", &["--norc", "--noprofile", "-c", &line]) else { return };
        let words = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && words.split_whitespace().any(|word| word == expected), "{output:?}");
    }
}

#[test]
fn fish_completes() {
    let sandbox = Sandbox::new();
    let script = script(&sandbox, "fish");
    for (line, expected) in [
        ("clip-search que", "query"),
        ("clip-search query --prev", "--preview"),
        ("clip-search model pu", "pull"),
        ("clip-search bench --device g", "gpu"),
    ] {
        let command = format!("source {script}; complete -C '{line}'");
        let Some(output) = said("fish", &["--no-config", "-c", &command]) else { return };
        let words = String::from_utf8_lossy(&output.stdout);
        let is_there = words.lines().any(|line| line.split('\t').next() == Some(expected));
        assert!(output.status.success() && is_there, "{output:?}");
    }
}

#[test]
fn zsh_completes() {
    if said("zsh", &["--version"]).is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    let script = script(&sandbox, "zsh");
    let mut command = Command::new("zsh");
    command.args(["-f", "-i"]).env("TERM", "dumb").env("PS1", "ready> ").current_dir(sandbox.path());
    let mut session = Session::start(command, b"");
    session.wait_for("ready> ", 0);
    let set_up =
        format!("unsetopt zle_bracketed_paste; autoload -U compinit; compinit -D -u; . {script}; echo set-''up\n");
    session.send(set_up.as_bytes());
    session.wait_for("set-up", 0);
    for (typed, expected) in
        [("clip-search que\t", "clip-search query "), ("clip-search model pu\t", "clip-search model pull ")]
    {
        let from = session.shown().len();
        session.send(typed.as_bytes());
        session.wait_for(expected, from);
        // Ctrl-U: another line.
        session.send(b"\x15");
    }
    session.send(b"\x15exit\n");
    assert!(session.end().0.is_some());
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
