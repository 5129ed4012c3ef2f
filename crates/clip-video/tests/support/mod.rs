//! Clips made by the system's ffmpeg. Without one, the tests that need it say so and pass.
#![allow(dead_code, reason = "each test file needs some of it")]
#![allow(clippy::print_stderr, reason = "a test that is passed over has to be seen")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use clip_video::{Ffmpeg, Frame, Limits, Sampling, Video, VideoError};
use image::RgbImage;
use image::imageops::{FilterType, resize};

/// The system's ffmpeg; `None`, with a word, if there is none.
pub fn ffmpeg() -> Option<Ffmpeg> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = Ffmpeg::find(std::env::split_paths(&folders));
    if found.is_none() {
        eprintln!("PASSED OVER: there is no ffmpeg");
    }
    found.map(|program| Ffmpeg::open(&program).unwrap())
}

/// Has ffmpeg write a file.
pub fn make(ffmpeg: &Ffmpeg, arguments: &[&str], to: &Path) {
    let mut command = Command::new(ffmpeg.program());
    command.args(["-nostdin", "-v", "error", "-y"]).args(arguments).arg(to);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The sample photos, in order.
pub fn photos() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    let mut photos: Vec<_> = walk(&folder);
    photos.sort();
    assert!(photos.len() >= 8, "{photos:?}");
    photos
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "jpg"))
        .collect()
}

/// A photo that is shown from a time on, in seconds.
#[derive(Debug, Clone)]
pub struct Scene {
    pub photo: PathBuf,
    pub from: f64,
    pub until: f64,
}

/// How one scene follows another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Transition {
    Cut,
    /// So many seconds, which are part of the scene that begins.
    Fade(f64),
}

/// Makes a clip of photos that are shown for so many seconds each.
pub fn clip(ffmpeg: &Ffmpeg, shown: &[(PathBuf, f64)], transition: Transition, to: &Path) -> Vec<Scene> {
    let fade = if let Transition::Fade(seconds) = transition { seconds } else { 0.0 };
    let (mut arguments, mut graph, mut scenes, mut at) = (Vec::new(), String::new(), Vec::new(), 0.0);
    for (number, (photo, seconds)) in shown.iter().enumerate() {
        // What fades out is shown for longer.
        let last = number + 1 == shown.len();
        let length = seconds + if last { 0.0 } else { fade };
        arguments.extend(["-loop", "1", "-framerate", "25", "-t"].map(str::to_owned));
        arguments.extend([format!("{length:.2}"), "-i".to_owned(), photo.display().to_string()]);
        graph += &format!(
            "[{number}:v]scale=320:180:force_original_aspect_ratio=increase,crop=320:180,setsar=1,format=yuv420p[v{number}];"
        );
        scenes.push(Scene { photo: photo.clone(), from: at, until: at + seconds });
        at += seconds;
    }
    if fade == 0.0 {
        (0..shown.len()).for_each(|number| graph += &format!("[v{number}]"));
        graph += &format!("concat=n={}:v=1[out]", shown.len());
    } else {
        let mut before = "v0".to_owned();
        for (number, scene) in scenes.iter().enumerate().skip(1) {
            let name = if number + 1 == shown.len() { "out".to_owned() } else { format!("x{number}") };
            graph += &format!(
                "[{before}][v{number}]xfade=transition=fade:duration={fade}:offset={:.2}[{name}];",
                scene.from
            );
            before = name;
        }
        graph.pop();
    }
    arguments.extend(["-filter_complex", &graph, "-map", "[out]", "-preset", "veryfast"].map(str::to_owned));
    if to.extension().is_some_and(|extension| extension == "webm") {
        arguments.extend(["-deadline", "realtime", "-cpu-used", "8"].map(str::to_owned));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    make(ffmpeg, &arguments, to);
    scenes
}

/// The frames of a clip, with default settings.
pub fn frames(ffmpeg: &Ffmpeg, path: &Path) -> Result<Video, VideoError> {
    let never = AtomicBool::new(false);
    ffmpeg.frames(path, Some(180), &Sampling::default(), &Limits::default(), &|_| (), &never)
}

/// The frame that looks most like a photo, as clips show it.
pub fn most_like<'a>(frames: &'a [Frame], photo: &Path) -> &'a Frame {
    let photo = as_shown(photo);
    frames.iter().min_by(|a, b| unlike(&a.picture, &photo).total_cmp(&unlike(&b.picture, &photo))).unwrap()
}

/// A photo as clips show it: filling 16x9.
fn as_shown(photo: &Path) -> RgbImage {
    let photo = image::open(photo).unwrap().into_rgb8();
    let (width, height) = photo.dimensions();
    let (w, h) = if width * 9 > height * 16 { (height * 16 / 9, height) } else { (width, width * 9 / 16) };
    let cut = image::imageops::crop_imm(&photo, (width - w) / 2, (height - h) / 2, w, h).to_image();
    resize(&cut, 32, 18, FilterType::Triangle)
}

fn unlike(frame: &RgbImage, photo: &RgbImage) -> f64 {
    let frame = resize(frame, 32, 18, FilterType::Triangle);
    frame.as_raw().iter().zip(photo.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum()
}
