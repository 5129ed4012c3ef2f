//! Programs in ffmpeg's place that hang, die and flood.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clip_video::{Ffmpeg, Limits, Remedy, Sampling, Video, VideoError};

/// Says what ffmpeg says of a video of ten seconds, and then goes on as `rest` has it.
fn program(dir: &Path, rest: &str) -> Ffmpeg {
    let path = dir.join("ffmpeg");
    let script = format!(
        r#"#!/bin/sh
case "$*" in
-version) echo "ffmpeg version 9.9-fake Copyright"; exit 0;;
*ppm*) teller=$(expr "$*" : '.*\(showinfo@[0-9a-f]*\)');;
*) echo "Input #0, mov, from 'x':
  Duration: 00:00:10.00, start: 0.0
  Stream #0:0: Video: h264 (avc1 / 0x31637661), yuv420p, 320x240, 25 fps" >&2; exit 1;;
esac
frame() {{ echo "[$teller @ 0x1] n: 0 pts: 0 pts_time:$1 " >&2; printf 'P6\n2 1\n255\nabcdef'; }}
{rest}
"#
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    // Another test's child may hold the file open for a moment; it cannot be run then.
    for _ in 0..100 {
        match Ffmpeg::open(&path) {
            Err(VideoError::NotStarted { source, .. }) if source.raw_os_error() == Some(libc::ETXTBSY) => {
                std::thread::sleep(Duration::from_millis(20));
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("{} stays busy", path.display());
}

fn limits() -> Limits {
    Limits { silence: Duration::from_millis(700), longest: Duration::from_secs(3), ..Limits::default() }
}

fn frames(ffmpeg: &Ffmpeg, cancel: &AtomicBool) -> Result<Video, VideoError> {
    ffmpeg.frames(Path::new("/v.mp4"), Some(64), &Sampling::default(), &limits(), &|_| (), cancel)
}

/// What comes of a program that does this, and how long it takes.
fn outcome(rest: &str) -> (Result<Video, VideoError>, Duration) {
    let dir = tempfile::tempdir().unwrap();
    let ffmpeg = program(dir.path(), rest);
    let started = Instant::now();
    (frames(&ffmpeg, &AtomicBool::new(false)), started.elapsed())
}

#[test]
fn one_that_hangs_is_ended_with_all_that_it_started() {
    let dir = tempfile::tempdir().unwrap();
    // It can write no file, so its child is known by what it was told.
    let seconds = format!("{}.25", 1000 + std::process::id());
    let ffmpeg = program(dir.path(), &format!("trap '' TERM INT\nframe 0\nsleep {seconds} &\nwait"));
    let started = Instant::now();
    let watched = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            (0..200).any(|_| {
                std::thread::sleep(Duration::from_millis(5));
                runs("sleep", &seconds)
            })
        });
        let error = frames(&ffmpeg, &AtomicBool::new(false)).unwrap_err();
        assert!(matches!(error, VideoError::Hung { .. }) && error.remedy() == Some(Remedy::TryAgain), "{error}");
        watch.join().unwrap()
    });
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    // Only where the system tells.
    assert!(watched || !Path::new("/proc/self/cmdline").exists());
    let patience = Instant::now();
    while runs("sleep", &seconds) && patience.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!runs("sleep", &seconds));
}

/// Whether a program runs with this argument.
fn runs(program: &str, argument: &str) -> bool {
    let expected = format!("{program}\0{argument}\0");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .into_iter()
        .any(|process| fs::read(process.path().join("cmdline")).is_ok_and(|line| line == expected.as_bytes()))
}

#[test]
fn none_can_write_files() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let note = dir.path().join("note");
    // The limits come a moment after the program has started.
    let ffmpeg = program(dir.path(), &format!("frame 0\nsleep 0.2\necho written > {}\nframe 1", note.display()));
    let _ = frames(&ffmpeg, &AtomicBool::new(false));
    assert_eq!(fs::read_to_string(note).unwrap_or_default(), "");
}

#[test]
fn one_that_dies_leaves_what_it_gave() {
    let (video, _) = outcome("frame 0.5\nframe 1.5\nkill -9 $$");
    let video = video.unwrap();
    // Both look alike.
    assert_eq!(video.frames.iter().map(|frame| frame.at).collect::<Vec<_>>(), [500]);
    assert!(video.is_cut);
    let (video, _) = outcome("frame 0\nprintf 'P6\\n2 1\\n255\\nab'");
    assert!(video.unwrap().is_cut, "within a picture");
    let (video, _) = outcome("frame 0");
    assert!(!video.unwrap().is_cut);
    let (error, _) = outcome("echo 'file:/v.mp4: no memory' >&2; exit 1");
    assert_eq!(error.unwrap_err().to_string(), "ffmpeg found no frame in it: no memory");
}

#[test]
fn one_that_floods_is_ended() {
    for rest in [
        "while :; do frame 1; done",
        "printf 'P6\\n60000 60000\\n255\\n'; yes",
        "yes",
        "printf 'P6\\n2 1\\n255\\nabcdef'",
        "cat /dev/zero",
    ] {
        let (outcome, time) = outcome(rest);
        let error = outcome.unwrap_err();
        assert!(matches!(error, VideoError::Flood { .. } | VideoError::TooSlow { .. }), "{rest}: {error}");
        assert!(time < Duration::from_secs(8), "{rest}: {time:?}");
    }
    let (error, _) = outcome("yes >&2");
    let error = error.unwrap_err();
    assert!(matches!(error, VideoError::Hung { .. }), "words are no frames: {error}");
}

#[test]
fn one_that_is_too_slow_is_ended() {
    let (error, time) = outcome("while :; do frame 1; sleep 0.3; done");
    let error = error.unwrap_err();
    assert!(matches!(error, VideoError::TooSlow { .. }), "{error}");
    assert!(time < Duration::from_secs(6), "{time:?}");
}

#[test]
fn a_caller_does_not_wait_for_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let ffmpeg = program(dir.path(), "frame 0\nsleep 1000");
    let (cancel, started) = (AtomicBool::new(false), Instant::now());
    let error = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| frames(&ffmpeg, &cancel));
        std::thread::sleep(Duration::from_millis(300));
        cancel.store(true, Ordering::Relaxed);
        waiting.join().unwrap().unwrap_err()
    });
    assert!(matches!(error, VideoError::Cancelled), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[test]
fn what_is_no_ffmpeg_is_not_taken_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let found = Ffmpeg::find([PathBuf::from("relative"), dir.path().to_path_buf()]);
    assert_eq!(found, None);
    let ffmpeg = program(dir.path(), "");
    assert_eq!((ffmpeg.version().unwrap(), ffmpeg.program()), ("9.9-fake", dir.path().join("ffmpeg").as_path()));
    assert_eq!(Ffmpeg::find([dir.path().to_path_buf()]).as_deref(), Some(ffmpeg.program()));
    fs::set_permissions(ffmpeg.program(), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(Ffmpeg::find([dir.path().to_path_buf()]), None, "it cannot be run");
    let error = Ffmpeg::open(ffmpeg.program()).unwrap_err();
    assert!(matches!(error, VideoError::NotStarted { .. }) && error.remedy() == Some(Remedy::AnotherFfmpeg), "{error}");
    let error = Ffmpeg::open(Path::new("/bin/true")).unwrap_err();
    assert!(matches!(error, VideoError::NotFfmpeg { .. }), "{error}");
}
