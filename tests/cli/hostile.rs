//! A folder with all that can go wrong in it.
//!
//! A huge picture ended rclip: <https://github.com/yurijmikhalevich/rclip/issues/193>.
#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{PROGRAM, Run, Sandbox};

const NOBODY: u32 = 65_534;

/// A PNG that claims 60,000 x 60,000 pixels and has next to nothing behind the claim.
fn huge_png() -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(60_000u32.to_be_bytes());
    header.extend(60_000u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for chunk in [header, b"IDAT\x78\x9c\x03\x00\x00\x00\x00\x01".to_vec(), b"IEND".to_vec()] {
        png.extend((chunk.len() as u32 - 4).to_be_bytes());
        png.extend(&chunk);
        png.extend(crc32(&chunk).to_be_bytes());
    }
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Fills the folder; returns the good photos and the bad files.
fn fill(sandbox: &Sandbox) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let photos = sandbox.photos();
    let good = vec![
        sandbox.put("cat.jpg", "good.jpg"),
        sandbox.put("coffee.jpg", "sub/good.JPG"),
        sandbox.put("rocket.jpg", OsStr::from_bytes(b"caf\xe9.jpg")),
        sandbox.put("lawn.jpg", "line\nbreak.jpg"),
    ];
    let bad = |name: &str| photos.join(name);
    let whole = fs::read(crate::support::samples().join("astronaut.jpg")).unwrap();
    fs::write(bad("truncated.jpg"), &whole[..whole.len() / 2]).unwrap();
    fs::write(bad("text.jpg"), "Dear diary, today I renamed a text file.").unwrap();
    fs::write(bad("empty.jpg"), "").unwrap();
    fs::write(bad("huge.png"), huge_png()).unwrap();
    // No photo, and no bad one either.
    fs::create_dir(bad("x.png")).unwrap();
    assert!(Command::new("mkfifo").arg(bad("pipe.jpg")).status().unwrap().success());
    symlink("nowhere.jpg", bad("dangling.jpg")).unwrap();
    fs::copy(crate::support::samples().join("gravel.jpg"), bad("unreadable.jpg")).unwrap();
    fs::set_permissions(bad("unreadable.jpg"), fs::Permissions::from_mode(0o000)).unwrap();
    symlink(".", photos.join("loop")).unwrap();
    symlink("../..", photos.join("sub/loop")).unwrap();
    let names = ["dangling.jpg", "empty.jpg", "huge.png", "pipe.jpg", "text.jpg", "truncated.jpg", "unreadable.jpg"];
    (good, names.map(bad).to_vec())
}

/// The program as a user who is not allowed everything: root can read what nobody may.
fn as_plain_user(sandbox: &Sandbox, arguments: &[&OsStr]) -> Command {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !root {
        return sandbox.command(arguments);
    }
    // Where the program is built nobody else may look; in the sandbox they may.
    let program = sandbox.path().join("clip-search");
    if !program.exists() {
        fs::copy(PROGRAM, &program).unwrap();
        give_away(&sandbox.path());
    }
    let mut command = Command::new(program);
    command.args(arguments).env("CLIP_SEARCH_INDEX", sandbox.index()).uid(NOBODY).gid(NOBODY);
    command
}

fn give_away(path: &Path) {
    lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if fs::symlink_metadata(path).unwrap().is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
}

fn path_of(entry: &serde_json::Value) -> PathBuf {
    use base64::Engine;
    match entry["path_bytes"].as_str() {
        Some(bytes) => {
            let bytes = base64::prelude::BASE64_STANDARD.decode(bytes).unwrap();
            PathBuf::from(OsStr::from_bytes(&bytes))
        }
        None => PathBuf::from(entry["path"].as_str().unwrap()),
    }
}

#[test]
fn every_good_photo_is_found_and_every_bad_file_named_once_with_its_reason() {
    let sandbox = Sandbox::new();
    let (mut good, bad) = fill(&sandbox);
    let photos = sandbox.photos();

    let arguments = [OsStr::new("index"), "--json".as_ref(), photos.as_os_str()];
    let run = Run::from(as_plain_user(&sandbox, &arguments).output().unwrap()).expect(1);
    assert_eq!(run.stderr, "");
    let summary = run.json();
    assert_eq!(summary["indexed"], good.len());
    let skipped = summary["skipped"].as_array().unwrap();
    let named: Vec<PathBuf> = skipped.iter().map(path_of).collect();
    assert_eq!(named, bad, "each once, sorted");
    let reason = |name: &str| {
        let entry = skipped.iter().find(|entry| path_of(entry) == photos.join(name)).unwrap();
        entry["reason"].as_str().unwrap().to_lowercase()
    };
    for (name, expected) in [
        ("dangling.jpg", "nowhere.jpg"),
        ("empty.jpg", "empty"),
        ("huge.png", "60000x60000"),
        ("pipe.jpg", "pipe"),
        ("text.jpg", "not a supported image"),
        ("truncated.jpg", "truncated"),
        ("unreadable.jpg", "permission denied"),
    ] {
        assert!(reason(name).contains(expected), "{name}: {}", reason(name));
    }

    let hits = Run::from(
        as_plain_user(&sandbox, &["query".as_ref(), "--json".as_ref(), "a photo".as_ref()]).output().unwrap(),
    );
    let mut found: Vec<PathBuf> = hits.expect(0).json_lines().iter().map(path_of).collect();
    found.sort();
    good.sort();
    assert_eq!(found, good);

    // For people the same, a line each, even where a name has a line break; and nothing is encoded again.
    let run = Run::from(as_plain_user(&sandbox, &["index".as_ref(), "--verbose".as_ref()]).output().unwrap());
    // It is no news.
    let run = run.expect(0);
    assert!(run.stdout.starts_with("0 indexed, 4 unchanged, 0 moved, 0 removed, 7 skipped"), "{}", run.stdout);
    let told = run.stderr.lines().filter(|line| !line.starts_with("time: "));
    assert_eq!(told.count(), bad.len(), "{}", run.stderr);
    for path in &bad {
        let start = format!("skipped as before: {}: ", path.display());
        assert_eq!(run.stderr.lines().filter(|line| line.starts_with(&start)).count(), 1, "{}", run.stderr);
    }
}

#[test]
fn an_unreadable_folder_says_what_to_do() {
    let sandbox = Sandbox::new();
    let locked = sandbox.photos().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let arguments = [OsStr::new("index"), locked.as_os_str()];
    let run = Run::from(as_plain_user(&sandbox, &arguments).output().unwrap()).expect(2);
    assert!(run.stderr.contains(locked.to_str().unwrap()) && run.stderr.contains("permission"), "{}", run.stderr);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
}
