//! A hub on the loopback interface: repositories in memory, the protocol of the real one, and faults on demand.
//!
//! Every test has its own, on a port of its own; it ends with the value.

#![allow(dead_code, reason = "each test program uses a part")]

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use sha1::{Digest, Sha1};
use sha2::Sha256;

/// Requests that a server answers at most: a client that never gives up must not hang a test.
const MAX_REQUESTS: usize = 2000;

/// How long a silent server keeps a connection: longer than any test's patience.
const SILENCE: Duration = Duration::from_secs(60);

/// The commit of every repository, unless a test says otherwise.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What goes wrong with a content request, in the order of the requests for a file.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection ends after this many bytes of the body.
    Drop(usize),
    /// Other bytes of the same length.
    Garbage,
    /// This status, with no body.
    Status(u16),
    /// All bytes, whatever range was asked for.
    IgnoreRange,
    /// No answer for as long as the client may wait.
    Silence,
    /// The beginning of the body, and then nothing for as long as the client may wait.
    Stall(usize),
    /// A web page in place of the content.
    Page,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
}

/// A file of a repository.
#[derive(Debug, Clone)]
struct StoredFile {
    content: Vec<u8>,
    /// Large files have the SHA-256 for a tag, and are redirected to another host if there is one.
    lfs: bool,
}

#[derive(Default)]
struct State {
    /// By repository, then by name.
    files: BTreeMap<String, BTreeMap<String, StoredFile>>,
    commit: Option<String>,
    /// Repositories that need this token.
    gated: HashMap<String, String>,
    /// Old names of repositories.
    renamed: HashMap<String, String>,
    faults: HashMap<String, Vec<Fault>>,
    /// Where large contents are redirected to.
    storage: Option<SocketAddr>,
    /// A tag that is no hash.
    bad_tags: bool,
    /// Small files are redirected to another path of the same server.
    resolve_cache: bool,
    /// Whether it is a proxy.
    tunnels: bool,
    /// Sizes that are announced in place of the true ones, by name.
    sizes: HashMap<String, u64>,
    /// What is answered to whoever asks for a listing.
    listing: Option<String>,
    /// With which status and further header, in place of 200 and none.
    refusal: Option<(u16, Option<(&'static str, String)>)>,
    /// Whoever asks for a listing gets no answer.
    silent: bool,
    /// The status that a proxy refuses with.
    refuses: Option<u16>,
    requests: Vec<Request>,
}

pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, stopped) = (Arc::clone(&state), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming().take(MAX_REQUESTS) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                let state = Arc::clone(&theirs);
                // Its own thread: a client may keep one connection while it opens another.
                std::thread::spawn(move || serve(connection, &state));
            }
        });
        Self { address, state, stop, thread: Some(thread) }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a small file, which lies in git.
    pub fn file(&self, repository: &str, name: &str, content: impl Into<Vec<u8>>) {
        self.put(repository, name, content.into(), false);
    }

    /// Adds a large file.
    pub fn large_file(&self, repository: &str, name: &str, content: impl Into<Vec<u8>>) {
        self.put(repository, name, content.into(), true);
    }

    fn put(&self, repository: &str, name: &str, content: Vec<u8>, lfs: bool) {
        let mut state = self.state.lock().unwrap();
        let files = state.files.entry(repository.to_owned()).or_default();
        files.insert(name.to_owned(), StoredFile { content, lfs });
    }

    /// From here on `main` is another commit.
    pub fn set_commit(&self, commit: &str) {
        self.state.lock().unwrap().commit = Some(commit.to_owned());
    }

    pub fn gate(&self, repository: &str, token: &str) {
        self.state.lock().unwrap().gated.insert(repository.to_owned(), token.to_owned());
    }

    pub fn rename(&self, old: &str, new: &str) {
        self.state.lock().unwrap().renamed.insert(old.to_owned(), new.to_owned());
    }

    /// What happens to the next requests for the content of a file.
    pub fn faults(&self, name: &str, faults: &[Fault]) {
        self.state.lock().unwrap().faults.insert(name.to_owned(), faults.to_vec());
    }

    /// Redirects large contents to another server, which must hold the same files.
    pub fn redirect_to(&self, storage: &Self) {
        self.state.lock().unwrap().storage = Some(storage.address);
    }

    pub fn use_resolve_cache(&self) {
        self.state.lock().unwrap().resolve_cache = true;
    }

    pub fn use_bad_tags(&self) {
        self.state.lock().unwrap().bad_tags = true;
    }

    /// Connects whoever asks for it with other servers.
    pub fn tunnel(&self) {
        self.state.lock().unwrap().tunnels = true;
    }

    /// Announces this size for a large file, whatever size it has.
    pub fn announce_size(&self, name: &str, size: u64) {
        self.state.lock().unwrap().sizes.insert(name.to_owned(), size);
    }

    /// Answers this text to whoever asks for a repository's files.
    pub fn answer_listing(&self, text: &str) {
        self.state.lock().unwrap().listing = Some(text.to_owned());
    }

    /// Answers this status, and perhaps this header, to whoever asks for a repository's files.
    pub fn refuse_listing(&self, status: u16, header: Option<(&'static str, &str)>) {
        let header = header.map(|(name, value)| (name, value.to_owned()));
        self.state.lock().unwrap().refusal = Some((status, header));
    }

    /// Gives no answer to whoever asks for a repository's files.
    pub fn be_silent(&self) {
        self.state.lock().unwrap().silent = true;
    }

    /// Refuses with this status to connect anybody.
    pub fn refuse_tunnels(&self, status: u16) {
        self.state.lock().unwrap().refuses = Some(status);
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    /// The requests for the content of a file.
    pub fn downloads(&self, name: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.method == "GET" && request.path.ends_with(&format!("/{name}")));
        requests
    }

    pub fn forget_requests(&self) {
        self.state.lock().unwrap().requests.clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub fn sha256(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

pub fn git_sha1(content: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", content.len()));
    hasher.update(content);
    hex(&hasher.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that differ from place to place.
pub fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut x = seed.wrapping_mul(2_654_435_761).max(1);
    std::iter::repeat_with(|| {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        (x >> 8) as u8
    })
    .take(length)
    .collect()
}

fn serve(mut connection: TcpStream, state: &Mutex<State>) {
    let _ = connection.set_read_timeout(Some(Duration::from_secs(10)));
    let Ok(reading) = connection.try_clone() else { return };
    let mut reader = BufReader::new(reading);
    for _ in 0..MAX_REQUESTS {
        let Some(request) = read_request(&mut reader) else { return };
        let answer = {
            let mut state = state.lock().unwrap();
            state.requests.push(request.clone());
            if request.method == "CONNECT" && state.tunnels {
                drop(state);
                return tunnel(connection, &request.path);
            }
            answer(&mut state, &request)
        };
        if answer.silent && answer.body.is_empty() {
            std::thread::sleep(SILENCE);
            return;
        }
        let mut head = format!("HTTP/1.1 {} X\r\n", answer.status);
        for (name, value) in &answer.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", answer.length);
        if connection.write_all(head.as_bytes()).is_err() || connection.write_all(&answer.body).is_err() {
            return;
        }
        if answer.silent {
            std::thread::sleep(SILENCE);
            return;
        }
        if answer.drop {
            let _ = connection.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// Connects a client with the server that it asked for, until one of them ends it.
fn tunnel(mut client: TcpStream, target: &str) {
    let Ok(mut server) = TcpStream::connect(target) else { return };
    let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone()) else { return };
    if client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_err() {
        return;
    }
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
    let mut parts = line.split_whitespace();
    let (method, path) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut headers = HashMap::new();
    for _ in 0..100 {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Some(Request { method, path, headers })
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    length: usize,
    drop: bool,
    /// Nothing more comes, and the connection stays.
    silent: bool,
}

impl Answer {
    fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), length: 0, drop: false, silent: false }
    }

    fn error(status: u16, code: &str, message: &str) -> Self {
        let mut answer = Self::status(status);
        answer.headers = vec![("X-Error-Code", code.to_owned()), ("X-Error-Message", message.to_owned())];
        answer
    }
}

fn answer(state: &mut State, request: &Request) -> Answer {
    let commit = state.commit.clone().unwrap_or_else(|| COMMIT.to_owned());
    let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    match parts[..] {
        ["api", "models", organisation, name, "revision", revision] => {
            let repository = format!("{organisation}/{name}");
            if let Some(refusal) = refusal(state, &repository, request) {
                return refusal;
            }
            if revision != "main" && revision != commit {
                return Answer::error(404, "RevisionNotFound", "Invalid rev id");
            }
            if state.silent {
                return Answer { silent: true, ..Answer::status(200) };
            }
            if let Some((status, header)) = state.refusal.clone() {
                return Answer { headers: header.into_iter().collect(), ..Answer::status(status) };
            }
            let files: Vec<String> =
                state.files[&repository].keys().map(|name| format!(r#"{{"rfilename":"{name}"}}"#)).collect();
            let mut answer = Answer::status(200);
            let listing = format!(r#"{{"id":"{repository}","sha":"{commit}","siblings":[{}]}}"#, files.join(","));
            answer.body = state.listing.clone().unwrap_or(listing).into();
            answer.length = answer.body.len();
            answer
        }
        [organisation, name, "resolve", revision, ref file @ ..] => {
            let (repository, file) = (format!("{organisation}/{name}"), file.join("/"));
            if let Some(new) = state.renamed.get(&repository) {
                let mut answer = Answer::status(307);
                answer.headers = vec![("Location", format!("/{new}/resolve/{revision}/{file}"))];
                return answer;
            }
            if let Some(refusal) = refusal(state, &repository, request) {
                return refusal;
            }
            if revision != "main" && revision != commit {
                return Answer::error(404, "RevisionNotFound", "Invalid rev id");
            }
            let Some(stored) = state.files[&repository].get(&file).cloned() else {
                return Answer::error(404, "EntryNotFound", "Entry not found");
            };
            if state.resolve_cache && !stored.lfs {
                let mut answer = Answer::status(307);
                let path = format!("/api/resolve-cache/models/{repository}/{commit}/{file}");
                answer.headers = vec![("X-Repo-Commit", commit), ("Location", path)];
                return answer;
            }
            content(state, request, &commit, &file, &stored)
        }
        ["api", "resolve-cache", "models", organisation, name, _, ref file @ ..] => {
            let (repository, file) = (format!("{organisation}/{name}"), file.join("/"));
            let stored = state.files[&repository][&file].clone();
            content(state, request, &commit, &file, &stored)
        }
        _ => Answer::status(if request.method == "CONNECT" { state.refuses.unwrap_or(404) } else { 404 }),
    }
}

fn refusal(state: &State, repository: &str, request: &Request) -> Option<Answer> {
    if let Some(token) = state.gated.get(repository)
        && request.headers.get("authorization") != Some(&format!("Bearer {token}"))
    {
        return Some(Answer::error(401, "GatedRepo", "Access to this model is restricted"));
    }
    // As the real one answers strangers.
    (!state.files.contains_key(repository)).then(|| Answer::error(401, "RepoNotFound", "Invalid username or password."))
}

fn content(state: &mut State, request: &Request, commit: &str, name: &str, stored: &StoredFile) -> Answer {
    let content = &stored.content;
    let mut answer = Answer::status(200);
    answer.headers.push(("X-Repo-Commit", commit.to_owned()));
    let tag = match (state.bad_tags, stored.lfs) {
        (true, _) => "\"abc-2\"".to_owned(),
        (_, true) => format!("\"{}\"", sha256(content)),
        (_, false) => format!("\"{}\"", git_sha1(content)),
    };
    if stored.lfs {
        let size = state.sizes.get(name).copied().unwrap_or(content.len() as u64);
        answer.headers.push(("X-Linked-Size", size.to_string()));
        answer.headers.push(("X-Linked-ETag", tag));
        answer.headers.push(("ETag", "\"that of the redirect\"".to_owned()));
        if let Some(storage) = state.storage {
            answer.status = 302;
            answer.headers.push(("Location", format!("http://{storage}{}", request.path)));
            return answer;
        }
    } else {
        answer.headers.push(("ETag", tag));
    }
    if request.method == "HEAD" {
        answer.length = content.len();
        return answer;
    }
    let fault = state.faults.get_mut(name).filter(|faults| !faults.is_empty()).map(|faults| faults.remove(0));
    let range =
        request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let start: usize = range.unwrap_or(0);
    if start >= content.len() && range.is_some() {
        return Answer::status(416);
    }
    answer.body = content[start..].to_vec();
    if range.is_some() {
        answer.status = 206;
        answer.headers.push(("Content-Range", format!("bytes {start}-{}/{}", content.len() - 1, content.len())));
    }
    answer.length = answer.body.len();
    match fault {
        None => {}
        Some(Fault::Drop(bytes)) => {
            answer.body.truncate(bytes);
            answer.drop = true;
        }
        Some(Fault::Silence) => return Answer { silent: true, ..Answer::status(200) },
        Some(Fault::Stall(bytes)) => {
            answer.body.truncate(bytes);
            answer.silent = true;
        }
        Some(Fault::Page) => {
            answer.headers.push(("Content-Type", "text/html; charset=utf-8".to_owned()));
            answer.body = b"<html>log in</html>".to_vec();
            answer.length = answer.body.len();
        }
        Some(Fault::Garbage) => answer.body.iter_mut().for_each(|byte| *byte ^= 0x55),
        Some(Fault::Status(status)) => return Answer::status(status),
        Some(Fault::IgnoreRange) => {
            answer.status = 200;
            answer.headers.retain(|(name, _)| *name != "Content-Range");
            answer.body = content.clone();
            answer.length = content.len();
        }
    }
    answer
}
