//! The hub's protocol over HTTP: what a file is, what a repository holds, and the bytes.

use std::collections::BTreeSet;
use std::io::Read;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::{HeaderMap, Response, Uri};
use ureq::{Agent, Body, Proxy};

use crate::HubError;
use crate::digest::Digest;
use crate::repository::{Repository, is_commit, is_file_name};
use crate::settings::{HubSettings, Token};

const USER_AGENT: &str = concat!("clip-search/", env!("CARGO_PKG_VERSION"));
const MAX_REDIRECTS: usize = 10;
/// Largest answer of the model-info API that is read.
const MAX_INFO_BYTES: u64 = 32 << 20;
/// Characters of a server's own words that are repeated.
const MAX_REASON: usize = 200;

/// Why a request did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may succeed if it is tried again: the connection, or the server for the moment.
    Passing(String),
    /// It will not.
    Lasting(HubError),
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self::Lasting(error)
    }
}

/// What the hub says of a file.
#[derive(Debug, Clone)]
pub(crate) struct FileInfo {
    pub commit: String,
    pub digest: Digest,
    pub size: u64,
}

/// What the hub says of a repository.
#[derive(Debug, Clone)]
pub(crate) struct RepositoryInfo {
    pub commit: String,
    pub files: BTreeSet<String>,
}

/// A part of a file, as it comes in.
pub(crate) struct Content {
    /// The byte that it begins with.
    pub start: u64,
    pub reader: Box<dyn Read>,
}

/// Speaks with one server, and with those that it redirects to.
pub(crate) struct Client {
    agent: Agent,
    endpoint: String,
    origin: Origin,
    token: Option<Token>,
}

/// What decides whether the token may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let port = uri.port_u16().or(match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => return None,
        });
        Some(Self { scheme, host: uri.host()?.to_ascii_lowercase(), port })
    }
}

impl Client {
    /// # Errors
    /// [`HubError::Setting`] for an endpoint or a proxy that is none.
    pub fn new(settings: &HubSettings) -> Result<Self, HubError> {
        let setting = |name, value: &str, reason: String| HubError::Setting { name, value: value.to_owned(), reason };
        let endpoint = settings.endpoint.trim_end_matches('/').to_owned();
        let origin = endpoint.parse::<Uri>().ok().as_ref().and_then(Origin::of).ok_or_else(|| {
            setting("the hub's address", &settings.endpoint, "expected https://HOST or http://HOST:PORT".to_owned())
        })?;
        let proxy =
            match &settings.proxy {
                // Not shown: it may hold a password.
                Some(proxy) => Some(Proxy::new(proxy).map_err(|_| {
                    setting("the proxy", "…", "it cannot be used; expected http://HOST:PORT".to_owned())
                })?),
                None => None,
            };
        let agent = Agent::config_builder()
            .user_agent(USER_AGENT)
            // Sizes and ranges are those of the file itself.
            .accept_encoding("identity")
            .http_status_as_error(false)
            // Redirects are followed here, where it is known who may see the token.
            .max_redirects(0)
            .proxy(proxy)
            .timeout_resolve(Some(settings.patience))
            .timeout_connect(Some(settings.patience))
            .timeout_recv_response(Some(settings.patience))
            .timeout_per_read(Some(settings.patience))
            .build()
            .new_agent();
        Ok(Self { agent, endpoint, origin, token: settings.token.clone() })
    }

    /// The server's address, without a slash at its end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where a file of a revision is asked for.
    pub fn file_url(&self, repository: &Repository, revision: &str, file: &str) -> String {
        let file: Vec<String> = file.split('/').map(encode).collect();
        format!("{}/{repository}/resolve/{}/{}", self.endpoint, encode(revision), file.join("/"))
    }

    /// Asks what a file is; `None` if the revision has no such file.
    pub fn file(&self, repository: &Repository, revision: &str, file: &str) -> Result<Option<FileInfo>, Failure> {
        let mut url = self.file_url(repository, revision, file);
        let mut commit = None;
        for _ in 0..MAX_REDIRECTS {
            let response = self.send("HEAD", &url, None)?;
            let (status, headers) = (response.status().as_u16(), response.headers());
            commit = header(headers, "x-repo-commit").map(str::to_owned).or(commit);
            if is_redirect(status) {
                // Within the server, renamed repositories and small files are redirected. Large contents lie on another
                // one, which knows nothing of commits: what we came for stands in the redirect's own headers.
                let next = self.redirected(&url, headers)?;
                if header(headers, "x-linked-etag").is_none() && self.is_ours(&next) {
                    url = next;
                    continue;
                }
            } else if status != 200 {
                return match self.refused(repository, revision, &url, status, headers) {
                    None => Ok(None),
                    Some(failure) => Err(failure),
                };
            }
            return described(&url, status, headers, commit).map(Some).map_err(Failure::Lasting);
        }
        Err(too_many_redirects(&url).into())
    }

    /// Asks what a repository holds.
    pub fn repository(&self, repository: &Repository, revision: &str) -> Result<RepositoryInfo, Failure> {
        #[derive(Deserialize)]
        struct Info {
            sha: String,
            #[serde(default)]
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
        }
        let url = format!("{}/api/models/{repository}/revision/{}", self.endpoint, encode(revision));
        let (response, url) = self.get(&url, None)?;
        let status = response.status().as_u16();
        if status != 200 {
            let failure = self.refused(repository, revision, &url, status, response.headers());
            return Err(failure.unwrap_or_else(|| self.unknown_repository(repository).into()));
        }
        let mut text = Vec::new();
        response
            .into_body()
            .into_reader()
            .take(MAX_INFO_BYTES)
            .read_to_end(&mut text)
            .map_err(|error| Failure::Passing(error.to_string()))?;
        let wrong = |reason: String| HubError::Protocol { url: url.clone(), reason };
        let info: Info = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if !is_commit(&info.sha) {
            return Err(wrong(format!("`sha` is no commit but `{}`", shortened(&info.sha))).into());
        }
        // Names that would lead out of the folder are none of ours.
        let files = info.siblings.into_iter().map(|file| file.rfilename).filter(|name| is_file_name(name)).collect();
        Ok(RepositoryInfo { commit: info.sha.to_ascii_lowercase(), files })
    }

    /// Fetches a file from this byte on; a server that knows no ranges sends all of it.
    pub fn content(&self, repository: &Repository, commit: &str, file: &str, start: u64) -> Result<Content, Failure> {
        let (response, url) = self.get(&self.file_url(repository, commit, file), (start > 0).then_some(start))?;
        let status = response.status().as_u16();
        let start = match status {
            200 => 0,
            206 => {
                let range = header(response.headers(), "content-range").unwrap_or_default();
                let found = range.strip_prefix("bytes ").and_then(|range| range.split_once('-'));
                match found.and_then(|(start, _)| start.parse::<u64>().ok()) {
                    Some(found) if found == start => start,
                    _ => {
                        let reason = format!("asked for the bytes from {start} on, found `{}`", shortened(range));
                        return Err(HubError::Protocol { url, reason }.into());
                    }
                }
            }
            // What we have cannot be a beginning of this file: begin anew.
            416 => return Err(Failure::Passing("416 Range Not Satisfiable".to_owned())),
            // The addresses of the storage behind the hub are good for a while only; the hub gives new ones.
            _ if !self.is_ours(&url) => return Err(Failure::Passing(format!("the storage answered {status}"))),
            _ => {
                let failure = self.refused(repository, commit, &url, status, response.headers());
                let missing = || HubError::FileNotFound { repository: repository.to_string(), file: file.to_owned() };
                return Err(failure.unwrap_or_else(|| missing().into()));
            }
        };
        Ok(Content { start, reader: Box::new(response.into_body().into_reader()) })
    }

    /// Sends a GET and follows redirects. Also returns where it ended.
    fn get(&self, url: &str, from: Option<u64>) -> Result<(Response<Body>, String), Failure> {
        let mut url = url.to_owned();
        for _ in 0..MAX_REDIRECTS {
            let response = self.send("GET", &url, from)?;
            if !is_redirect(response.status().as_u16()) {
                return Ok((response, url));
            }
            url = self.redirected(&url, response.headers())?;
        }
        Err(too_many_redirects(&url).into())
    }

    fn send(&self, method: &str, url: &str, from: Option<u64>) -> Result<Response<Body>, Failure> {
        let mut request = match method {
            "HEAD" => self.agent.head(url),
            _ => self.agent.get(url),
        };
        if let Some(token) = self.token.as_ref().filter(|_| self.is_ours(url)) {
            request = request.header("Authorization", format!("Bearer {}", token.secret()));
        }
        if let Some(from) = from {
            request = request.header("Range", format!("bytes={from}-"));
        }
        request.call().map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                HubError::Protocol { url: url.to_owned(), reason: error.to_string() }.into()
            }
            error => Failure::Passing(error.to_string()),
        })
    }

    /// Whether a URL is of the server that the token is for.
    fn is_ours(&self, url: &str) -> bool {
        url.parse::<Uri>().ok().as_ref().and_then(Origin::of).is_some_and(|origin| origin == self.origin)
    }

    /// Where a redirect leads.
    fn redirected(&self, url: &str, headers: &HeaderMap) -> Result<String, HubError> {
        let wrong = |reason: String| HubError::Protocol { url: url.to_owned(), reason };
        let location =
            header(headers, "location").ok_or_else(|| wrong("it redirects without saying where to".to_owned()))?;
        let from = url.parse::<Uri>().map_err(|error| wrong(error.to_string()))?;
        let (scheme, authority) = (from.scheme_str().unwrap_or("https"), from.authority().map_or("", |a| a.as_str()));
        let next = if location.contains("://") {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{scheme}:{location}")
        } else if location.starts_with('/') {
            format!("{scheme}://{authority}{location}")
        } else {
            return Err(wrong(format!("it redirects to `{}`, which is no address", shortened(location))));
        };
        let target = next.parse::<Uri>().ok().as_ref().and_then(Origin::of);
        match target {
            None => Err(wrong(format!("it redirects to `{}`, which is no address", shortened(location)))),
            Some(target) if scheme == "https" && target.scheme != "https" => {
                Err(wrong(format!("it redirects from https to {}, which anyone on the way could read", target.scheme)))
            }
            Some(_) => Ok(next),
        }
    }

    /// What a status that is no success means; `None` if a file is not there.
    fn refused(
        &self,
        repository: &Repository,
        revision: &str,
        url: &str,
        status: u16,
        headers: &HeaderMap,
    ) -> Option<Failure> {
        let words = shortened(header(headers, "x-error-message").unwrap_or_default());
        let lasting = |error| Some(Failure::Lasting(error));
        match (header(headers, "x-error-code"), status) {
            (Some("EntryNotFound"), _) => None,
            (Some("RevisionNotFound"), _) => lasting(HubError::RevisionNotFound {
                repository: repository.to_string(),
                revision: revision.to_owned(),
            }),
            // To strangers the public server says 401 for what does not exist.
            (Some("RepoNotFound"), _) => lasting(self.unknown_repository(repository)),
            (_, 401 | 403) => lasting(HubError::Denied {
                repository: repository.to_string(),
                endpoint: self.endpoint.clone(),
                reason: if words.is_empty() { format!("it answered {status}") } else { words },
            }),
            (_, 404) => None,
            (_, 408 | 429 | 500..=599) => {
                let words = if words.is_empty() { String::new() } else { format!(": {words}") };
                Some(Failure::Passing(format!("the server answered {status}{words}")))
            }
            _ => lasting(HubError::Status { url: url.to_owned(), status, reason: words }),
        }
    }

    fn unknown_repository(&self, repository: &Repository) -> HubError {
        HubError::RepositoryNotFound { repository: repository.to_string(), endpoint: self.endpoint.clone() }
    }
}

/// What the headers say of a file. `commit` may come from an earlier redirect.
fn described(url: &str, status: u16, headers: &HeaderMap, commit: Option<String>) -> Result<FileInfo, HubError> {
    let wrong = |reason: String| HubError::Protocol { url: url.to_owned(), reason };
    let commit = commit
        .filter(|commit| is_commit(commit))
        .ok_or_else(|| wrong("its header X-Repo-Commit names no commit".to_owned()))?;
    let tag = header(headers, "x-linked-etag").or_else(|| header(headers, "etag")).unwrap_or_default();
    let digest = Digest::parse(tag)
        .ok_or_else(|| wrong(format!("expected the file's hash as its ETag, found `{}`", shortened(tag))))?;
    // Of a redirect the length is that of the redirect.
    let length = if status == 200 { header(headers, "content-length") } else { None };
    let size = header(headers, "x-linked-size")
        .or(length)
        .and_then(|size| size.parse().ok())
        .ok_or_else(|| wrong("neither X-Linked-Size nor Content-Length tells the file's size".to_owned()))?;
    Ok(FileInfo { commit: commit.to_ascii_lowercase(), digest, size })
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The pause before the next try.
pub(crate) fn pause(first: Duration, failures: u32) -> Duration {
    const LONGEST: Duration = Duration::from_secs(10);
    first.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST.max(first))
}

fn too_many_redirects(url: &str) -> HubError {
    HubError::Protocol { url: url.to_owned(), reason: format!("more than {MAX_REDIRECTS} redirects") }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A server's words: one line of bounded length, without control characters.
fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REASON).collect()
}

/// Percent-encodes one component of a path.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte as char),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(endpoint: &str) -> Client {
        let mut settings = HubSettings::new("cache");
        settings.endpoint = endpoint.to_owned();
        Client::new(&settings).unwrap()
    }

    #[test]
    fn addresses() {
        let repository = Repository::parse("org/name").unwrap();
        let client = client("https://hub.example/");
        assert_eq!(
            client.file_url(&repository, "refs/pr/1", "a dir/ü.json"),
            "https://hub.example/org/name/resolve/refs%2Fpr%2F1/a%20dir/%C3%BC.json"
        );
        for endpoint in ["", "hub.example", "ftp://hub.example", "https://"] {
            let mut settings = HubSettings::new("cache");
            settings.endpoint = endpoint.to_owned();
            assert!(matches!(Client::new(&settings), Err(HubError::Setting { .. })), "{endpoint}");
        }
    }

    #[test]
    fn the_token_is_for_one_origin() {
        let client = client("https://hub.example");
        for url in ["https://hub.example/x", "https://HUB.example:443/x"] {
            assert!(client.is_ours(url), "{url}");
        }
        for url in [
            "http://hub.example/x",
            "https://hub.example:8443/x",
            "https://cdn.hub.example/x",
            "https://hub.example.evil/x",
            "https://hub.example@evil/x",
        ] {
            assert!(!client.is_ours(url), "{url}");
        }
    }

    #[test]
    fn redirects_by_the_book_and_never_to_plain_http() {
        let client = client("https://hub.example");
        let to = |location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("location", location.parse().unwrap());
            client.redirected("https://hub.example/a/b", &headers)
        };
        assert_eq!(to("/c/d?e").unwrap(), "https://hub.example/c/d?e");
        assert_eq!(to("//cdn.example/x").unwrap(), "https://cdn.example/x");
        assert_eq!(to("https://cdn.example/x").unwrap(), "https://cdn.example/x");
        for location in ["http://hub.example/x", "ftp://x/y", "x", ""] {
            assert!(matches!(to(location), Err(HubError::Protocol { .. })), "{location}");
        }
    }

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let first = Duration::from_millis(500);
        let pauses: Vec<u64> = (1..=7).map(|n| pause(first, n).as_millis() as u64).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(pause(Duration::ZERO, 3), Duration::ZERO);
    }
}
