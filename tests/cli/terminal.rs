//! What a terminal of a known width gets to see: the bar never wraps, and never shows half of a change.
#![cfg(target_os = "linux")]

use std::io::Read;
use std::process::{Command, Stdio};

use regex::Regex;

use crate::model::{NAME, Place};
use crate::pty::terminal;
use crate::support::{Sandbox, write_numbered_photo};

/// The texts that the program wrote to its stderr, a terminal: whatever stands between two control characters or sequences.
fn shown(mut command: Command, columns: u16) -> Vec<String> {
    let (mut user, program) = terminal(columns);
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // The system reports an error when the last program has closed its end.
        let _ = user.read_to_end(&mut bytes);
        bytes
    });
    command.env("TERM", "xterm").stdout(Stdio::null()).stderr(program);
    let status = command.status().unwrap();
    // It holds an open end of the terminal.
    drop(command);
    assert!(status.success(), "{status}");
    let bytes = String::from_utf8(reading.join().unwrap()).unwrap();
    let control = Regex::new(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x1f]").unwrap();
    control.split(&bytes).filter(|text| !text.trim().is_empty()).map(str::to_owned).collect()
}

#[track_caller]
fn assert_fits(texts: &[String], columns: u16) {
    for text in texts {
        // What an earlier line left is covered with spaces.
        assert!(text.chars().count() <= usize::from(columns), "{columns} columns: {text:?}");
        assert!(text.trim_end().chars().count() < usize::from(columns), "{columns} columns: {text:?}");
        assert!(!text.contains("/0 "), "{text}");
    }
}

#[test]
fn the_bar_of_an_index_fits() {
    for (columns, shape) in [
        (80, r"^indexing [█░]{5,30} \d+/60 photos, \d+\.\d/s, .* left *$"),
        (40, r"^indexing \d+/60( photos)?, .* left *$"),
        (20, r"^(indexing )?\d+/60"),
    ] {
        let sandbox = Sandbox::new();
        for number in 0..60 {
            write_numbered_photo(&sandbox.photos().join(format!("{number}.png")), number);
        }
        let texts = shown(sandbox.command(&["index", sandbox.photos().to_str().unwrap()]), columns);
        assert_fits(&texts, columns);
        let shape = Regex::new(shape).unwrap();
        assert!(texts.iter().any(|text| shape.is_match(text)), "{columns} columns: {texts:#?}");
    }
}

#[test]
fn the_bar_of_a_download_fits() {
    for columns in [80, 40] {
        let place = Place::new();
        let texts = shown(place.command(&["model", "pull", NAME]), columns);
        assert_fits(&texts, columns);
        assert!(texts.iter().any(|text| text.contains("iB")), "{texts:#?}");
    }
}

#[test]
fn nothing_new_shows_no_count() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.update(0);
    let texts = shown(sandbox.command(&["index"]), 80);
    assert_fits(&texts, 80);
    assert!(texts.iter().all(|text| !text.contains('█') && !text.contains("0/")), "{texts:#?}");
}

#[test]
fn a_quiet_program_draws_nothing() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    assert_eq!(shown(sandbox.command(&["index", "-q", sandbox.photos().to_str().unwrap()]), 80), [""; 0]);
}
