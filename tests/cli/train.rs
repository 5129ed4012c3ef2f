//! Training from outside: Ctrl-C, runs that must not be lost, recipes and where they start.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::snapshots::tiny_recipe;
use crate::support::{Run, Sandbox};

struct Place {
    sandbox: Sandbox,
    recipe: PathBuf,
    out: PathBuf,
}

impl Place {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        tiny_recipe::write(&sandbox.path());
        Self { recipe: sandbox.path().join("recipe.toml"), out: sandbox.path().join("out"), sandbox }
    }

    fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(&self.recipe).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&self.recipe, text.replacen(from, to, 1)).unwrap();
    }

    fn command(&self, options: &[&str]) -> Command {
        let paths = ["train", self.recipe.to_str().unwrap(), "--out", self.out.to_str().unwrap(), "--device", "cpu"];
        self.sandbox.command(&[&paths[..], options].concat())
    }

    fn train(&self, options: &[&str]) -> Run {
        Run::from(self.command(options).output().unwrap())
    }

    /// Starts to train, and presses Ctrl-C once `line` of standard output or standard error is there.
    fn interrupt(&self, line: &str) -> Run {
        let mut child = self.command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let id = child.id().to_string();
        let (send, lines) = std::sync::mpsc::channel();
        let mut readers = Vec::new();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        for (name, pipe) in [("out", Box::new(out) as Box<dyn std::io::Read + Send>), ("err", Box::new(err))] {
            let send = send.clone();
            readers.push(std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let _ = send.send((name, line));
                }
            }));
        }
        drop(send);
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut interrupted = None;
        while let Ok((name, text)) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            let into = if name == "out" { &mut stdout } else { &mut stderr };
            into.push_str(&text);
            into.push('\n');
            if interrupted.is_none() && text.starts_with(line) {
                // In the middle of the work that follows.
                std::thread::sleep(Duration::from_millis(300));
                assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
                interrupted = Some(Instant::now());
            }
        }
        if Instant::now() >= deadline {
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        let interrupted = interrupted.unwrap_or_else(|| panic!("no line `{line}`: {stdout}{stderr}"));
        assert!(interrupted.elapsed() < Duration::from_secs(30), "{stderr}");
        Run { status: status.code(), stdout, stderr }
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_while_photos_are_cached_ends_the_run() {
    let place = Place::new();
    // A minute's worth of crops.
    let mut csv = String::from("image,caption\n");
    for number in 0..400 {
        fs::hard_link(place.sandbox.path().join("red.png"), place.sandbox.path().join(format!("{number}.png")))
            .unwrap();
        csv += &format!("{number}.png,red\n");
    }
    fs::write(place.sandbox.path().join("pairs.csv"), csv).unwrap();
    let photo = image::RgbImage::from_fn(1600, 1200, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
    photo.save(place.sandbox.path().join("red.png")).unwrap();
    place.edit("count = 2", "count = 64");
    place.edit("'.*'", "'image.head.(linear|hidden|output)|text|logit_scale'");
    let run = place.interrupt("training on 400 photos").expect(130);
    assert!(run.stderr.contains("run the same command with --resume to continue"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    // That command begins anew with what is cached; it is only stopped again here.
    fs::write(place.sandbox.path().join("pairs.csv"), "image,caption\nred.png,red\ngreen.png,green\n").unwrap();
    place.edit("count = 64", "count = 2");
    place.train(&["--resume"]).expect(0);
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_is_not_overwritten() {
    let place = Place::new();
    place.edit("epochs = 2", "epochs = 5000");
    let run = place.interrupt("all, epoch 2 of 5000").expect(130);
    assert!(run.stderr.contains("--resume"), "{}", run.stderr);
    let position = place.out.join("checkpoint/position.json");
    let state = fs::read(&position).unwrap();
    let run = place.train(&[]).expect(2);
    for words in ["already holds a training run (stage \"all\", epoch ", "--resume", "--restart", "--out"] {
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    place.edit("epochs = 5000", "epochs = 2");
    place.edit("rate = 1e-3", "rate = 2e-3");
    let run = place.train(&["--resume"]).expect(2);
    let changes = "(stages.all.epochs was 5000, is now 2; stages.all.train[0].rate was 0.001, is now 0.002)";
    assert!(run.stderr.contains(changes) && run.stderr.contains("--restart"), "{}", run.stderr);
    assert_eq!(fs::read(&position).unwrap(), state);
    place.train(&["--restart"]).expect(0);
    let run = place.train(&[]).expect(2);
    assert!(run.stderr.contains("(finished)"), "{}", run.stderr);
}

#[test]
fn all_problems_of_a_recipe_are_told_at_once() {
    let place = Place::new();
    place.edit("epochs = 2", "epoch = 2");
    place.edit("batch = 2", "");
    place.edit("flip = 0.5", "");
    let run = place.train(&[]).expect(2);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 5, "{}", run.stderr);
    assert!(lines[0].ends_with("is invalid: it has 4 problems"), "{}", run.stderr);
    for words in [
        "missing field `epochs` in [[stages]] entry 1",
        "unknown field `epoch` in [[stages]] entry 1; did you mean `epochs`?",
        "missing field `batch` in [[stages]] entry 1",
        "missing field `flip` in [views]",
    ] {
        assert!(lines[1..].iter().any(|line| line.trim() == words), "{words}: {}", run.stderr);
    }
    assert!(!place.out.exists());
    for (right, wrong) in [("rate = 1e-3", "rate = -1"), ("rate = 1e-3", "rate = nan"), ("epochs = 2", "epochs = 0")] {
        let place = Place::new();
        place.edit(right, wrong);
        let run = place.train(&[]).expect(2);
        assert!(run.stderr.contains("stages.all.") && run.stderr.contains("expected "), "{}", run.stderr);
    }
}

#[test]
fn init_writes_a_recipe_that_trains() {
    let place = Place::new();
    let file = place.sandbox.path().join("mine.toml");
    let init = ["train", "--init", file.to_str().unwrap()];
    let run = place.sandbox.run(&init).expect(0);
    assert!(run.stderr.contains("mine.toml"), "{}", run.stderr);
    let text = fs::read_to_string(&file).unwrap();
    assert!(place.sandbox.run(&init).expect(2).stderr.contains("already exists"));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // Its tensors can be looked at before there is any data.
    let list = ["train", "--list-tensors", file.to_str().unwrap()];
    let run = place.sandbox.run(&list).expect(0);
    let line = |name: &str| run.stdout.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("image.head.linear.weight").ends_with("heads 1e-4"), "{}", run.stdout);
    assert!(line("image.backbones.0.stem").ends_with("frozen"), "{}", run.stdout);
    // Trained on the photos of the small recipe, it gives a model that is used like any other.
    let two = "image,caption\nred.png,a red square\ngreen.png,a green square\n";
    for name in ["captions.csv", "dev.csv"] {
        fs::write(place.sandbox.path().join(name), two).unwrap();
    }
    for name in ["red.png", "green.png"] {
        fs::copy(place.sandbox.path().join(name), place.sandbox.photos().join(name)).unwrap();
    }
    fs::write(&file, text.replace("epochs = 10", "epochs = 1")).unwrap();
    let out = place.out.to_str().unwrap();
    place.sandbox.run(&["train", file.to_str().unwrap(), "--out", out, "--device", "cpu"]).expect(0);
    let model = place.out.join("model.safetensors");
    let embed = ["embed", "--text", "a red square", "--model", model.to_str().unwrap(), "--device", "cpu"];
    place.sandbox.run(&embed).expect(0);
}

#[test]
fn starts_that_are_not_there_are_told_with_what_helps() {
    let place = Place::new();
    place.edit("config = \"config.json\"", "start = \"siglip-b-16\"");
    place.edit("tokenizer = \"vocab.txt\"", "");
    let run = place.train(&[]).expect(2);
    assert!(run.stderr.contains("clip-search model pull siglip-b-16"), "{}", run.stderr);
    place.edit("siglip-b-16", "no such model");
    let run = place.train(&[]).expect(2);
    assert!(run.stderr.contains("cannot start from no such model"), "{}", run.stderr);
    assert!(run.stderr.contains("clip-search model list"), "{}", run.stderr);
    let place = Place::new();
    place.edit("'.*'", "'image.tail'");
    let run = place.train(&[]).expect(2);
    assert!(run.stderr.contains("`image.tail`") && run.stderr.contains("--list-tensors"), "{}", run.stderr);
}
