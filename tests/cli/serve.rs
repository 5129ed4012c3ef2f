//! `serve`: from starting it to Ctrl-C. What it answers is tested in crates/clip-server/tests.
#![cfg(feature = "serve")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::{Run, Sandbox};

struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// `127.0.0.1:PORT`.
    address: String,
}

impl Serving {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Serving {
        let mut command = sandbox.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(arguments).env("XDG_CACHE_HOME", sandbox.path().join("cache"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
        let address = address.unwrap_or_else(|| panic!("no address: {line:?}")).to_owned();
        Serving { child, stdout, address }
    }

    fn get(&self, target: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Presses Ctrl-C, and waits for the end.
    fn interrupt(mut self) -> Run {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let mut run = Run::from(self.child.wait_with_output().unwrap());
        run.stdout = rest;
        run
    }
}

#[cfg(unix)]
#[test]
fn the_server_answers_until_it_is_interrupted() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "coffee.jpg");
    sandbox.update(0);
    let serving = Serving::start(&sandbox, &[]);
    let answer = serving.get("/api/v1/search?q=a+photo+of+a+cat", "");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let (cat, coffee) = (answer.find("/cat.jpg").unwrap(), answer.find("/coffee.jpg").unwrap());
    assert!(cat < coffee, "{answer}");
    assert!(serving.get("/", "").contains("<html"));
    let thumbnail = serving.get("/api/v1/photos/1/thumbnail", "");
    assert!(thumbnail.contains("image/jpeg"), "{thumbnail}");
    assert!(sandbox.path().join("cache/clip-search/thumbnails").is_dir());
    assert!(serving.get("/", "Origin: http://evil.example\r\n").starts_with("HTTP/1.1 403 "));
    let run = serving.interrupt().expect(0);
    assert!(run.stderr.contains("open this address in a browser") && run.stderr.contains("stopping"), "{run:?}");
    assert_eq!(run.stdout, "");
}

#[cfg(unix)]
#[test]
fn a_token_is_read_from_a_file() {
    let sandbox = Sandbox::new();
    let token = sandbox.path().join("token");
    fs::write(&token, "correct-horse-battery\n").unwrap();
    Command::new("chmod").arg("644").arg(&token).status().unwrap();
    let serving = Serving::start(&sandbox, &["--token-file", token.to_str().unwrap()]);
    assert!(serving.get("/api/v1/status", "").starts_with("HTTP/1.1 401 "));
    let header = "Authorization: Bearer correct-horse-battery\r\n";
    assert!(serving.get("/api/v1/status", header).starts_with("HTTP/1.1 200 "));
    let run = serving.interrupt().expect(0);
    assert!(run.stderr.contains("other users can read the token"), "{run:?}");
    assert!(run.stderr.contains("there is no index in"), "{run:?}");
}

#[test]
fn what_would_let_strangers_in_is_refused() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["serve", "--listen", "0.0.0.0:0"]).expect(2);
    assert!(run.stderr.contains("without a token") && run.stderr.contains("--token-file FILE"), "{run:?}");
    let token = sandbox.path().join("token");
    fs::write(&token, "secret").unwrap();
    let run = sandbox.run(&["serve", "--token-file", token.to_str().unwrap()]).expect(2);
    assert!(run.stderr.contains("at least 16 characters, found 6"), "{run:?}");
    let run = sandbox.run(&["serve", "--token-file", "/nowhere"]).expect(2);
    assert!(run.stderr.contains("cannot read the token in /nowhere"), "{run:?}");
    sandbox.run(&["serve", "--listen", "localhost"]).expect(2);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let sandbox = Sandbox::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let run = sandbox.run(&["serve", "--listen", &taken.local_addr().unwrap().to_string()]).expect(2);
    assert!(run.stderr.contains("cannot listen at 127.0.0.1:") && run.stderr.contains("--listen"), "{run:?}");
}
