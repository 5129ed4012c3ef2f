//! Results on a terminal: bars, colours, links and pictures; and none of them anywhere else.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use regex::Regex;

use crate::pty::Session;
use crate::snapshots::Transcript;
use crate::support::{Run, Sandbox, command, sample_index};

const QUERY: [&str; 4] = ["query", "a cat", "-n", "2"];

/// What is shown, with what acts on the terminal made visible, and pictures replaced by their place.
fn visible(shown: &str) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let text = shown.replace("\r\n", "\n").replace(&format!("file://{}", host.trim()), "file://[HOST]");
    let kitty = Regex::new(r"\x1b_Ga=T,([^;]*),m=\d;[^\x1b]*\x1b\\(\x1b_Gm=\d;[^\x1b]*\x1b\\)*").unwrap();
    let text = kitty.replace_all(&text, "[KITTY $1]");
    let blocks = Regex::new(r"\x1b\[(0;)?38;[\d;]*m▀([^\n]*▀\x1b\[0m)?").unwrap();
    let text = blocks.replace_all(&text, "[BLOCKS]");
    text.replace('\x1b', "^[").replace('\r', "^M")
}

fn shown(mut command: Command, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    command.envs(variables.iter().copied());
    let (status, shown, is_usual) = Session::start(command, b"").end();
    assert!(is_usual, "the terminal is not as it was: {shown:?}");
    (status, shown)
}

fn on_samples(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let (status, shown) = shown(command(sample_index(), arguments), variables);
    assert_eq!(status, Some(0), "{shown}");
    shown
}

#[test]
fn what_terminals_show() {
    let sandbox = Sandbox::new();
    let mut transcript = Transcript::new(&sandbox);
    for (name, arguments, variables) in [
        ("kitty", &QUERY[..], &[("TERM", "xterm-kitty")][..]),
        ("kitty, without colours", &QUERY, &[("TERM", "xterm-kitty"), ("NO_COLOR", "1")]),
        ("kitty in tmux", &QUERY, &[("TERM", "tmux-256color"), ("KITTY_WINDOW_ID", "1"), ("TMUX", "/s,1,0")]),
        ("without pictures", &["query", "a cat", "-n", "1", "--preview", "never"], &[("TERM", "xterm-kitty")]),
        ("one picture of characters", &["query", "a cat", "-n", "2", "--preview", "1"], &[("TERM", "alacritty")]),
        ("dumb", &["query", "a cat", "-n", "1"], &[("TERM", "dumb")]),
        (
            "conditions alone",
            &["query", "ext:jpg", "-n", "2", "--sort", "path", "--group", "day"],
            &[("TERM", "alacritty")],
        ),
    ] {
        let run = Run { status: Some(0), stdout: visible(&on_samples(arguments, variables)), stderr: String::new() };
        transcript.note(&format!("== {name} =="));
        transcript.add(arguments, run);
    }
    transcript.check("query_on_terminal", &[(r"[█▉▊▋▌▍▎▏]+ *", "[BAR]"), (r"[01]\.\d{3}", "[SCORE]")]);
}

#[test]
fn a_pipe_gets_what_it_always_got() {
    let plain = Run::from(command(sample_index(), &QUERY).env_remove("TERM").output().unwrap()).expect(0);
    assert!(Regex::new(r"^[01]\.\d{3}  /.*/cat\.jpg\n").unwrap().is_match(&plain.stdout), "{plain:?}");
    for variables in [
        &[("TERM", "xterm-kitty"), ("COLORTERM", "truecolor")][..],
        &[("TERM", "foot"), ("CLICOLOR", "1")],
        &[("TERM", "xterm-kitty"), ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
    ] {
        for preview in ["auto", "never", "3"] {
            let mut command = command(sample_index(), &QUERY);
            let run = command.args(["--preview", preview]).envs(variables.iter().copied()).output().unwrap();
            assert_eq!(Run::from(run).expect(0).stdout, plain.stdout, "{variables:?}");
        }
    }
    // Colours, where they are asked for, and nothing else.
    let forced = command(sample_index(), &QUERY).envs([("TERM", "xterm"), ("CLICOLOR_FORCE", "1")]).output().unwrap();
    let forced = Run::from(forced).expect(0).stdout;
    assert!(forced.contains("\x1b[1mcat.jpg\x1b[0m"), "{forced:?}");
    assert_eq!(Regex::new(r"\x1b\[\d*m").unwrap().replace_all(&forced, ""), plain.stdout);
}

#[test]
fn output_for_scripts_is_the_same_on_a_terminal() {
    for option in ["--json", "--paths-only", "--null", "--count"] {
        let arguments = ["query", "a cat", option];
        let piped = Run::from(command(sample_index(), &arguments).output().unwrap()).expect(0);
        let shown = on_samples(&arguments, &[("TERM", "xterm-kitty"), ("COLORTERM", "truecolor")]);
        assert_eq!(shown.replace("\r\n", "\n"), piped.stdout, "{option}");
    }
}

#[test]
fn photos_that_cannot_be_read_have_no_picture() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "broken.jpg");
    sandbox.put("rocket.jpg", "rocket.jpg");
    sandbox.update(0);
    fs::write(sandbox.photos().join("broken.jpg"), "\u{1b}[31mno photo").unwrap();
    let command = sandbox.command(&["query", "ext:jpg", "--preview", "3"]);
    let (status, shown) = shown(command, &[("TERM", "xterm-kitty")]);
    assert_eq!(status, Some(0), "{shown}");
    assert_eq!(shown.matches("\x1b_Ga=T").count(), 2, "{}", visible(&shown));
    assert!(shown.contains("broken.jpg"));
}

#[test]
fn names_do_not_act_on_a_terminal_that_knows_links() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "a\u{1b}]0;x\u{7}\u{9b}31m b\u{202e}gpj.jpg");
    sandbox.update(0);
    let command = sandbox.command(&["query", "a cat", "--preview", "never"]);
    let (_, shown) = shown(command, &[("TERM", "xterm-kitty")]);
    let ours = Regex::new(r"\x1b\[\d+m|\x1b\]8;;[!-~]*\x1b\\").unwrap();
    let rest = ours.replace_all(&shown, "").replace("\r\n", "");
    assert!(!rest.chars().any(|c| c.is_control() || c == '\u{202e}'), "{rest:?}");
    assert!(rest.contains(r"a\u{1b}]0;x\u{7}\u{9b}31m b\u{202e}gpj.jpg"), "{rest:?}");
}

#[test]
fn a_terminal_is_asked_whether_it_shows_sixels() {
    for (answer, has_pictures) in [(&b"\x1b[?62;4;22c"[..], true), (b"\x1b[?62;22c", false), (b"", false)] {
        let mut command = command(sample_index(), &QUERY);
        command.env("TERM", "xterm-256color");
        let (status, shown, is_usual) = Session::start(command, answer).end();
        assert_eq!((status, is_usual), (Some(0), true), "{shown:?}");
        assert_eq!(shown.matches("\x1b[c").count(), 1, "{shown:?}");
        assert_eq!(shown.contains("\x1bP0;1;0q"), has_pictures, "{shown:?}");
        assert!(shown.contains("cat.jpg"));
    }
    // Nobody who could answer is asked nothing.
    for variables in [&[("TERM", "xterm"), ("TMUX", "x")][..], &[("TERM", "screen")], &[("TERM", "dumb")]] {
        assert!(!on_samples(&QUERY, variables).contains("\x1b[c"), "{variables:?}");
    }
    let without = ["query", "a cat", "--preview", "never"];
    assert!(!on_samples(&without, &[("TERM", "xterm")]).contains("\x1b[c"));
}
