//! An index of the samples, servers over it, and a client that sends what it is told.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fs, io};

use clip_search::language::Date;
use clip_search::{Library, Silent, UpdateOptions};
use clip_server::{Server, Settings, Stopper};
use serde_json::Value;
use tempfile::TempDir;

/// Nothing takes as long where nothing is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a camera with a receiver for positions noted (see tests/cli/real_exif).
const POSITIONS: [&[u8]; 2] = [
    include_bytes!("../../../../tests/cli/real_exif/nikon-p6000-a.exif"),
    include_bytes!("../../../../tests/cli/real_exif/nikon-p6000-b.exif"),
];

pub fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples").canonicalize().unwrap()
}

/// A folder of photos and an index, removed at the end.
pub struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        let sandbox = Sandbox { folder: tempfile::tempdir().unwrap() };
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

    /// Copies a sample.
    pub fn put(&self, sample: &str) -> PathBuf {
        let path = self.photos().join(sample);
        fs::copy(samples().join(sample), &path).unwrap();
        path
    }

    pub fn library(&self) -> Library {
        Library::builder(self.index()).device(clip_search::DeviceChoice::Cpu).open_or_create().unwrap()
    }

    /// Indexes the photos.
    pub fn update(&self) {
        let update =
            self.library().update(&[self.photos()], &UpdateOptions::default(), &Silent, &AtomicBool::new(false));
        assert_eq!(update.unwrap().report.skipped.len(), 0);
    }

    /// Starts a server over the index.
    pub fn serve(&self, change: impl FnOnce(&mut Settings)) -> Running {
        let mut settings = Settings::new(|| Date::constant(2026, 11, 30));
        settings.listen = "127.0.0.1:0".parse().unwrap();
        settings.thumbnails = Some(self.path().join("cache/thumbnails"));
        change(&mut settings);
        let server = Server::bind(Arc::new(self.library()), settings).unwrap();
        let (address, stopper) = (server.address(), server.stopper());
        let thread = Some(thread::spawn(move || server.run()));
        Running { address, stopper, thread }
    }
}

/// The ten samples, and two of them with positions, in an index that no test changes.
pub fn all_samples() -> &'static Sandbox {
    static ALL: OnceLock<Sandbox> = OnceLock::new();
    ALL.get_or_init(|| {
        let sandbox = Sandbox::new();
        for entry in fs::read_dir(samples()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".jpg") {
                sandbox.put(&name);
            }
        }
        for (number, (sample, exif)) in ["coffee.jpg", "lawn.jpg"].into_iter().zip(POSITIONS).enumerate() {
            let jpeg = fs::read(samples().join(sample)).unwrap();
            let mut located = jpeg[..2].to_vec();
            located.extend(b"\xff\xe1");
            located.extend((exif.len() as u16 + 8).to_be_bytes());
            located.extend(b"Exif\0\0");
            located.extend(exif);
            located.extend(&jpeg[2..]);
            fs::write(sandbox.photos().join(format!("located-{number}.jpg")), located).unwrap();
        }
        sandbox.update();
        sandbox
    })
}

/// A server that is running; it stops at the end.
pub struct Running {
    pub address: SocketAddr,
    pub stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Stops it, and waits until it has come to its end.
    pub fn stop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes as they are, and reads the answer.
    pub fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // It may be refused before everything was sent; there is an answer then too.
        let sent = stream.write_all(request);
        Answer::read(&mut stream).unwrap_or_else(|error| panic!("{error}, after {sent:?}"))
    }

    /// A request with these headers, each with a line break at its end.
    pub fn request(&self, method: &str, target: &str, headers: &str, body: &[u8]) -> Answer {
        let mut request =
            format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}", self.address);
        if !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        self.raw(&[request.as_bytes(), body].concat())
    }

    pub fn get(&self, target: &str) -> Answer {
        self.request("GET", target, "", b"")
    }

    /// The JSON of an answer that is as it should be.
    #[track_caller]
    pub fn json(&self, target: &str) -> Value {
        self.get(target).expect(200).json()
    }

    pub fn post_json(&self, target: &str, headers: &str, body: &str) -> Answer {
        self.request("POST", target, &format!("Content-Type: application/json\r\n{headers}"), body.as_bytes())
    }

    /// The id of a photo by the name of its file.
    #[track_caller]
    pub fn id(&self, name: &str) -> u64 {
        let found = self.json(&format!("/api/v1/search?q=name:{name}"));
        let hits = found["results"].as_array().unwrap();
        let is_it = |hit: &&Value| hit["path"].as_str().unwrap().ends_with(&format!("/{name}"));
        hits.iter().find(is_it).unwrap()["id"].as_u64().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.stop();
        }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads one whole answer.
    pub fn read(stream: &mut impl Read) -> io::Result<Answer> {
        let head = read_head(stream)?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no answer: {head:?}")))?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = read_until(stream, b"\r\n")?;
                let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
                let mut chunk = vec![0; length + 2];
                stream.read_exact(&mut chunk)?;
                if length == 0 {
                    break;
                }
                answer.body.extend_from_slice(&chunk[..length]);
            }
        } else if let Some(length) = answer.header("content-length").filter(|_| status != 304) {
            answer.body = vec![0; length.parse().map_err(io::Error::other)?];
            stream.read_exact(&mut answer.body)?;
        }
        Ok(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{:?} {}", self.headers, String::from_utf8_lossy(&self.body));
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The kind of a problem.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(!problem["detail"].as_str().unwrap().is_empty() && !problem["title"].as_str().unwrap().is_empty());
        problem["type"].as_str().unwrap().trim_start_matches("urn:clip-search:problem:").to_owned()
    }
}

fn read_head(stream: &mut impl Read) -> io::Result<String> {
    read_until(stream, b"\r\n\r\n")
}

/// Reads up to an end, which is part of it.
pub fn read_until(stream: &mut impl Read, end: &[u8]) -> io::Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, String::from_utf8_lossy(&bytes).into_owned()));
        }
        bytes.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Looks again and again until it is so.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("it never came to this: {what}");
}

/// Whether the other side has closed a connection, whatever it sent before.
pub fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
    }
}
