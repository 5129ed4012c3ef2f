//! Folders to work in, and runs of the program.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use image::RgbImage;
use serde_json::Value;
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_clip-search");

/// The folder of the sample photos.
pub fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples").canonicalize().unwrap()
}

/// A folder for photos and an index, removed at the end.
pub struct Sandbox {
    folder: TempDir,
}

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Run {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the program ended this way.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self:#?}");
        self
    }

    /// The one JSON object on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        let lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{self:#?}");
        lines[0].clone()
    }

    /// A JSON object per line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let sandbox = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(sandbox.photos()).unwrap();
        sandbox
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub fn photos(&self) -> PathBuf {
        self.path().join("photos")
    }

    pub fn index(&self) -> PathBuf {
        self.path().join("index")
    }

    /// Copies a sample to a name in the folder of photos.
    pub fn put(&self, sample: &str, name: impl AsRef<Path>) -> PathBuf {
        let path = self.photos().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(samples().join(sample), &path).unwrap();
        path
    }

    /// The program with the sandbox's index, on the CPU.
    pub fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        command(&self.index(), arguments)
    }

    pub fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Run {
        Run::from(self.command(arguments).output().unwrap())
    }

    /// Indexes the folder of photos and returns the summary. Whether there is an ffmpeg makes no difference.
    #[track_caller]
    pub fn update(&self, status: i32) -> Value {
        self.run(&["index", "--no-video", "--json", self.photos().to_str().unwrap()]).expect(status).json()
    }

    /// Paths relative to the folder of photos, of everything in the index, sorted.
    pub fn indexed(&self) -> Vec<PathBuf> {
        let reader = clip_search::IndexReader::open(self.index()).unwrap();
        let ids: Vec<u64> = reader.ids().collect();
        let mut paths: Vec<PathBuf> = reader
            .records(&ids)
            .unwrap()
            .into_iter()
            .map(|photo| photo.asset.path.strip_prefix(self.photos()).unwrap().to_owned())
            .collect();
        paths.sort();
        paths
    }

    /// What was printed, with the parts that differ from run to run made equal.
    pub fn normalise(&self, text: &str) -> String {
        normalise(&text.replace(self.path().to_str().unwrap(), "[DIR]"))
    }
}

/// The program with an index folder, free of the environment's settings.
pub fn command(index: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env("CLIP_SEARCH_INDEX", index).stdin(Stdio::null());
    for variable in [
        "HF_HUB_CACHE",
        "HF_ENDPOINT",
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
        "CLIP_SEARCH_CONFIG",
        "CLIP_SEARCH_DEVICE",
        "CLIP_SEARCH_FUSION",
        "CLIP_SEARCH_LIMIT",
        "CLIP_SEARCH_MIN_RELEVANCE",
        "CLIP_SEARCH_MODEL",
        "CLIP_SEARCH_OFFLINE",
        "CLIP_SEARCH_PRECISION",
        "CLIP_SEARCH_PREVIEW",
        "CLIP_SEARCH_THREADS",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "COLORTERM",
        "FORCE_HYPERLINK",
        "KITTY_WINDOW_ID",
        "KONSOLE_VERSION",
        "LC_TERMINAL",
        "MLTERM",
        "NO_COLOR",
        "STY",
        "TERM_PROGRAM",
        "TMUX",
        "VTE_VERSION",
        "WT_SESSION",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "RUST_BACKTRACE",
        "ZELLIJ",
    ] {
        command.env_remove(variable);
    }
    command.env("HOME", home()).env("HF_HOME", home().join("huggingface"));
    command
}

/// A home of a user who was told of better models already and has none of them.
fn home() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
        for data in [".local/share", "Library/Application Support"] {
            let folder = home.join(data).join("clip-search");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("model-suggested"), "").unwrap();
        }
        // What an earlier run of the tests embedded says nothing about this build.
        for cache in [".cache", "Library/Caches"] {
            let _ = fs::remove_dir_all(home.join(cache).join("clip-search"));
        }
        home
    })
}

/// Replaces the samples' folder, and times ("in 1.2 s").
pub fn normalise(text: &str) -> String {
    let text = text.replace(samples().to_str().unwrap(), "[SAMPLES]");
    let lines = text.split_inclusive('\n').map(|line| match line.rfind(" in ") {
        Some(at) if line.ends_with(" s\n") && line[at + 4..].starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{} in [TIME]\n", &line[..at])
        }
        _ => line.to_owned(),
    });
    lines.collect()
}

/// An index of the samples, made once by the program itself and only read from then on.
pub fn sample_index() -> &'static Path {
    static INDEX: OnceLock<PathBuf> = OnceLock::new();
    INDEX.get_or_init(|| {
        let index = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sample-index");
        if index.exists() {
            fs::remove_dir_all(&index).unwrap();
        }
        let run = Run::from(command(&index, &[OsStr::new("index"), samples().as_os_str()]).output().unwrap());
        run.expect(0);
        index
    })
}

/// Runs the program on the index of the samples.
pub fn on_samples(arguments: &[impl AsRef<OsStr>]) -> Run {
    Run::from(command(sample_index(), arguments).output().unwrap())
}

/// A small picture that differs with its number, in a file of its own bytes.
pub fn write_numbered_photo(path: &Path, number: u32) {
    let picture = RgbImage::from_fn(48, 48, |x, y| {
        let wave = |step: u32| ((x * (1 + number % 7) + y * (1 + number / 7 % 11) + number * step) % 256) as u8;
        image::Rgb([wave(3), wave(17), wave(29)])
    });
    picture.save(path).unwrap();
}

/// Another program in the environment that ours runs in.
pub fn in_our_environment(mut program: Command, ours: &Command) -> Command {
    for (name, value) in ours.get_envs() {
        match value {
            Some(value) => program.env(name, value),
            None => program.env_remove(name),
        };
    }
    program
}
