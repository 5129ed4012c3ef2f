//! `query --interactive`: typing, results, what is done with them, and the terminal afterwards.
#![cfg(target_os = "linux")]

use std::time::Duration;

use crate::pty::Session;
use crate::support::{command, on_samples, sample_index};

fn session(arguments: &[&str], variables: &[(&str, &str)]) -> Session {
    let mut command = command(sample_index(), &[&["query", "--interactive"], arguments].concat());
    // No opener of the machine that the tests run on.
    command.env("PATH", "/nowhere").env("TERM", "alacritty").envs(variables.iter().copied());
    Session::start(command, b"")
}

/// Ends the program, and looks at what it leaves behind.
#[track_caller]
fn end(mut session: Session, key: &[u8]) -> String {
    session.send(key);
    let (status, shown, is_usual) = session.end();
    assert!(status == Some(0) && is_usual, "{status:?} {is_usual} {shown:?}");
    let (_, after) = shown.split_once("\x1b[?1049h").expect("a screen of its own");
    assert!(after.contains("\x1b[?1049l") && after.contains("\x1b[?25h") && after.contains("\x1b[?2004l"), "{shown:?}");
    shown
}

/// Waits until the screen has a text. It is drawn anew for that: usually only the letters are written that have changed. Plain
/// blanks are not written even so.
#[track_caller]
fn shows(session: &Session, text: &str) {
    for round in 0..600 {
        let from = session.shown().len();
        session.resize(110 + round % 2, 30);
        std::thread::sleep(Duration::from_millis(100));
        if session.shown().get(from..).is_some_and(|new| new.contains(text)) {
            return;
        }
    }
    panic!("waited for {text:?}: {:?}", session.shown());
}

#[test]
fn results_follow_what_is_typed() {
    let mut session = session(&["--preview", "never"], &[]);
    shows(&session, "describe the photos");
    session.send(b"a cat");
    shows(&session, "cat.jpg");
    session.send(b"\x15a rocket");
    shows(&session, "rocket.jpg");
    shows(&session, "similarity");
    session.send(b" iso:[");
    shows(&session, "is taken as text");
    end(session, b"\x1b");
}

#[test]
fn a_result_is_copied_opened_and_searched_with() {
    let mut session = session(&["--preview", "never", "a", "cat"], &[]);
    shows(&session, "cat.jpg");
    session.send(b"\x19");
    session.wait_for("\x1b]52;c;", 0);
    shows(&session, "copied");
    session.send(b"\r");
    shows(&session, "xdg-open:");
    session.send(b"\x0c");
    shows(&session, "like:");
    shows(&session, "10 results");
    session.send(b"\x1b[B\x18");
    shows(&session, "-like:");
    end(session, b"\x03");
}

#[test]
fn pictures_are_drawn_and_taken_away() {
    let kitty = session(&["a cat"], &[("TERM", "xterm-kitty")]);
    kitty.wait_for("\x1b_Ga=T", 0);
    let shown = end(kitty, b"\x1b");
    assert!(shown.rfind("\x1b_Ga=d") > shown.rfind("\x1b_Ga=T"), "{shown:?}");
    let blocks = session(&["a cat"], &[]);
    blocks.wait_for("▀", 0);
    end(blocks, b"\x1b");
}

#[test]
fn a_signal_leaves_a_clean_terminal() {
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
        let session = session(&["a cat", "--preview", "never"], &[]);
        shows(&session, "cat.jpg");
        session.signal(signal);
        end(session, b"");
    }
}

#[test]
fn it_needs_a_terminal() {
    let run = on_samples(&["query", "-i", "a cat"]).expect(2);
    assert!(run.stderr.contains("--interactive needs a terminal") && run.stdout.is_empty(), "{run:?}");
    assert!(on_samples(&["query", "-i", "--json"]).expect(2).stderr.contains("cannot be used with"));
}
