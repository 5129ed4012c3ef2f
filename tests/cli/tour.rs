//! The commands of a new user, in order, each with what it prints: the file `snapshots/tour.snap` is to be read from top to
//! bottom, as a user would.
//!
//! To accept a change: `INSTA_UPDATE=always cargo test --release -p clip-search-cli tour`, then read the difference.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;

use crate::model::{NAME, Place, fixture};
use crate::snapshots::Transcript;
use crate::support::{Run, write_numbered_photo};

/// A user at work: every step changes something on the disk or runs a command, and is written down.
struct Tour {
    place: Place,
    transcript: Transcript,
}

impl Tour {
    fn new() -> Self {
        let place = Place::new();
        let mut transcript = Transcript::new(&place.sandbox);
        transcript.name(&place.server.endpoint(), "[HUB]");
        Self { place, transcript }
    }

    fn path(&self, name: &str) -> String {
        self.place.sandbox.path().join(name).to_str().unwrap().to_owned()
    }

    /// The program in a home that nobody has used.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command.env("HOME", self.path("home"));
        command
    }

    /// A heading.
    fn part(&mut self, title: &str) {
        self.transcript.note(&format!("== {title} =="));
    }

    /// Changes something on the disk, which the snapshot shows as a shell's command.
    fn change(&mut self, shown: &str, change: impl FnOnce(&Path)) {
        change(&self.place.sandbox.path());
        self.transcript.note(&format!("$ {shown}"));
    }

    fn run(&mut self, arguments: &[&str]) {
        let run = Run::from(self.command(arguments).output().unwrap());
        self.transcript.add(arguments, run);
    }

    /// As [`run`](Self::run), with all counts replaced: they depend on when the run was interrupted.
    fn run_uncounted(&mut self, arguments: &[&str], run: Run) {
        let number = Regex::new(r"\b\d[\d,]*(\.\d+)?( (photos?|segments?|[KMG]iB))?\b").unwrap();
        let uncounted = |text: &str| {
            let lines = text.lines().map(|line| match line.split_once(" skipped in ") {
                Some((counts, time)) => format!("{} skipped in {time}\n", number.replace_all(counts, "[N]")),
                None => format!("{}\n", number.replace_all(line, "[N]")),
            });
            lines.collect::<String>()
        };
        let run = Run { stdout: uncounted(&run.stdout), stderr: uncounted(&run.stderr), status: run.status };
        self.transcript.add(arguments, run);
    }
}

#[test]
fn tour() {
    let mut tour = Tour::new();
    for (sample, name) in [
        ("cat.jpg", "photos/2019/cat.jpg"),
        ("coffee.jpg", "photos/2020/coffee.jpg"),
        ("rocket.jpg", "photos/2020/rocket.jpg"),
        ("lawn.jpg", "photos/inbox/lawn.jpg"),
    ] {
        tour.place.sandbox.put(sample, Path::new(name).strip_prefix("photos").unwrap());
    }
    let photos = tour.path("photos");

    tour.part("First steps");
    tour.run(&["query", "a cat"]);
    tour.run(&["index"]);
    tour.run(&["index", &photos]);
    tour.run(&["query", "a cat", "-n", "1"]);
    tour.run(&["search", "a cat"]);
    tour.run(&["status"]);
    tour.run(&["index"]);

    tour.part("A moved folder, and a removed photo");
    tour.change("mv photos/2020 photos/summer", |path| {
        fs::rename(path.join("photos/2020"), path.join("photos/summer")).unwrap();
    });
    tour.run(&["index"]);
    tour.run(&["query", "a", "cup", "of", "coffee", "-n", "1"]);
    tour.change("rm photos/inbox/lawn.jpg", |path| fs::remove_file(path.join("photos/inbox/lawn.jpg")).unwrap());
    tour.run(&["index"]);

    tour.part("A folder under a new name");
    tour.change("mv photos pictures", |path| fs::rename(path.join("photos"), path.join("pictures")).unwrap());
    tour.run(&["index"]);
    let pictures = tour.path("pictures");
    tour.run(&["index", &pictures]);
    tour.run(&["index", "--forget-unreachable"]);
    tour.run(&["index"]);
    tour.run(&["query", "a cat", "-n", "1"]);

    tour.part("A bad file");
    tour.change("head -c 1000 cat.jpg > pictures/broken.jpg", |path| {
        let photo = fs::read(path.join("pictures/2019/cat.jpg")).unwrap();
        fs::write(path.join("pictures/broken.jpg"), &photo[..1000]).unwrap();
    });
    tour.run(&["index"]);
    tour.run(&["index"]);
    tour.change("rm pictures/broken.jpg", |path| fs::remove_file(path.join("pictures/broken.jpg")).unwrap());
    tour.run(&["index"]);

    tour.part("A photo that is not to be found, and a folder");
    let (cat, summer) = (tour.path("pictures/2019/cat.jpg"), tour.path("pictures/summer"));
    tour.run(&["remove", &cat]);
    tour.run(&["index"]);
    tour.run(&["status"]);
    tour.run(&["index", "--include", &cat]);
    tour.run(&["index", "--exclude", &summer]);
    tour.run(&["index", "--include", &summer]);

    tour.part("A photo in two places");
    tour.change("cp pictures/2019/cat.jpg pictures/summer/favourite.jpg", |path| {
        fs::copy(path.join("pictures/2019/cat.jpg"), path.join("pictures/summer/favourite.jpg")).unwrap();
    });
    tour.run(&["index"]);
    tour.run(&["query", "a cat", "-n", "2"]);
    tour.change("rm pictures/summer/favourite.jpg", |path| {
        fs::remove_file(path.join("pictures/summer/favourite.jpg")).unwrap();
    });
    tour.run(&["query", "a cat", "-n", "1"]);
    tour.run(&["index"]);

    tour.part("A model of one's own");
    tour.change("cp tiny-pocket.safetensors my-model.safetensors", |path| {
        fs::copy(fixture("tiny-pocket").join("model.safetensors"), path.join("my-model.safetensors")).unwrap();
    });
    let (model, other, year) = (tour.path("my-model.safetensors"), tour.path("other"), tour.path("pictures/2019"));
    tour.run(&["index", "--index", &other, "--model", &model, &year]);
    tour.run(&["query", "--index", &other, "a cat"]);
    tour.run(&["index", "--index", &other]);
    tour.run(&["status", "--index", &other]);
    tour.change("mv my-model.safetensors moved.safetensors", |path| {
        fs::rename(path.join("my-model.safetensors"), path.join("moved.safetensors")).unwrap();
    });
    tour.run(&["query", "--index", &other, "a cat"]);

    tour.part("Another model");
    tour.run(&["index", "--model", NAME]);
    tour.run(&["model", "pull", NAME]);
    tour.run(&["query", "a cat", "--model", NAME]);
    tour.run(&["index", "--model", NAME]);
    tour.run(&["status"]);

    tour.part("An interrupted run");
    tour.change("cp -r /media/camera many", |path| {
        let folder = path.join("many");
        fs::create_dir(&folder).unwrap();
        for number in 0..300 {
            write_numbered_photo(&folder.join(format!("{number}.png")), number);
        }
    });
    let (many, last) = (tour.path("many"), tour.path("last"));
    let arguments = ["index", "--index", &last, "--checkpoint", "16", &many];
    let run = interrupted(tour.command(&arguments), Path::new(&last));
    tour.run_uncounted(&arguments, run);
    let status = Run::from(tour.command(&["status", "--index", &last]).output().unwrap());
    tour.run_uncounted(&["status", "--index", &last], status);
    let run = Run::from(tour.command(&arguments).output().unwrap());
    tour.run_uncounted(&arguments, run);
    tour.run(&["verify", "--index", &last]);

    tour.transcript.check(
        "tour",
        &[
            (r"(?m)^[01]\.\d{3}  ", "[SCORE]  "),
            (r"(?m)^-0\.\d{3}  ", "[SCORE]  "),
            // Which model suits the machine depends on the machine.
            (r"(?m)^tip: .* knows far more, at .*$", "tip: [MODEL AND WHAT IT COSTS]"),
        ],
    );
}

/// Runs a command until it has saved something, and then presses Ctrl-C.
fn interrupted(mut command: Command, index: &Path) -> Run {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while !clip_search::IndexReader::open(index).is_ok_and(|reader| !reader.is_empty()) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before anything was saved");
        assert!(started.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    Run::from(child.wait_with_output().unwrap())
}
