//! `watch` follows what happens to photos until it is told to stop.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Sandbox;

/// Longer than any machine takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that watches, and its lines.
struct Watching {
    program: Child,
    lines: Receiver<Value>,
}

impl Watching {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Watching {
        let mut command: Command = sandbox.command(&[&["watch", "--json", "--quiet"], arguments].concat());
        let mut program = command.stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(program.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Watching { program, lines }
    }

    fn next(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    /// Adds up batches until the counts of indexed, moved and removed photos are these.
    fn until(&self, expected: [u64; 3]) {
        let mut sum = [0; 3];
        while sum != expected {
            let line = self.next();
            for (sum, field) in sum.iter_mut().zip(["indexed", "moved", "removed"]) {
                *sum += line[field].as_u64().unwrap();
            }
            assert!(sum.iter().zip(expected).all(|(sum, expected)| *sum <= expected), "{sum:?}: {line}");
        }
    }

    /// Asks it to stop, as systemd does, and waits until it has.
    #[cfg(unix)]
    fn stop(mut self) {
        let killed = Command::new("kill").arg("-TERM").arg(self.program.id().to_string()).status().unwrap();
        assert!(killed.success());
        let patience = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.program.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < patience, "it does not stop");
            std::thread::sleep(Duration::from_millis(50));
        };
        assert!(status.success(), "{status}");
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[cfg(unix)]
#[test]
fn photos_are_followed_until_it_is_told_to_stop() {
    let sandbox = Sandbox::new();
    sandbox.put("gravel.jpg", "stays.jpg");
    sandbox.put("coffee.jpg", "moves.jpg");
    sandbox.put("lawn.jpg", "goes.jpg");
    let photos = sandbox.photos();
    let watching = Watching::start(&sandbox, &[photos.to_str().unwrap()]);
    assert_eq!(watching.next()["indexed"], 3);

    fs::create_dir(photos.join("album")).unwrap();
    fs::rename(photos.join("moves.jpg"), photos.join("album/moved.jpg")).unwrap();
    fs::remove_file(photos.join("goes.jpg")).unwrap();
    sandbox.put("cat.jpg", "album/new.jpg");
    watching.until([1, 1, 1]);
    // Readers are not in the way, nor in need of waiting.
    let hit = sandbox.run(&["query", "a cat", "-n", "1", "--json"]).expect(0).json();
    assert!(hit["path"].as_str().unwrap().ends_with("/album/new.jpg"), "{hit}");

    fs::write(photos.join("album/bad.jpg"), "no picture").unwrap();
    let line = watching.next();
    assert_eq!(line["skipped"].as_array().unwrap().len(), 1, "{line}");
    watching.stop();
    let expected = ["album/moved.jpg", "album/new.jpg", "stays.jpg"].map(std::path::Path::new);
    assert_eq!(sandbox.indexed(), expected);
    sandbox.run(&["verify"]).expect(0);
    assert_eq!(sandbox.update(0)["unchanged"], 3, "nothing was left to be done");
}

#[cfg(unix)]
#[test]
fn without_folders_those_that_are_known_and_without_any_it_says_so() {
    let sandbox = Sandbox::new();
    sandbox.run(&["watch"]).expect(2);
    sandbox.put("gravel.jpg", "stays.jpg");
    sandbox.update(0);
    let watching = Watching::start(&sandbox, &[]);
    assert_eq!(watching.next()["unchanged"], 1);
    sandbox.put("cat.jpg", "new.jpg");
    watching.until([1, 0, 0]);
    watching.stop();
}

/// A drive with the index may be pulled out; photos of folders that were named are not put into a new one.
#[cfg(unix)]
#[test]
fn without_its_index_it_ends_with_a_word() {
    let sandbox = Sandbox::new();
    sandbox.put("gravel.jpg", "stays.jpg");
    let mut command = sandbox.command(&["watch", "--json", sandbox.photos().to_str().unwrap()]);
    let mut program = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("\"indexed\":1"), "{line}");
    fs::rename(sandbox.index(), sandbox.path().join("aside")).unwrap();
    sandbox.put("cat.jpg", "new.jpg");
    let run = crate::support::Run::from(program.wait_with_output().unwrap()).expect(2);
    assert!(run.stderr.contains("is gone; if it is on a drive"), "{run:?}");
    assert!(!sandbox.index().exists());
}
