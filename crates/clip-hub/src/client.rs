//! The hub's protocol over HTTP: what a file is, what a repository holds, and the bytes.

use std::io::Read;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderValue, Response};
use ureq::{Agent, Body};

use crate::HubError;
use crate::aside::{aside, next};
use crate::escape::{server, without_secrets};
use crate::fault::{self, Failure, Route};
use crate::headers::{self, FileInfo};
use crate::interruption::Interruption;
use crate::listing::{Listing, parse_listing};
use crate::location::{Origin, redirect};
use crate::proxy::Proxies;
use crate::repository::Repository;
use crate::setting::Setting;
use crate::settings::{HubSettings, Token};

const USER_AGENT: &str = concat!("clip-search/", env!("CARGO_PKG_VERSION"));
const MAX_REDIRECTS: usize = 10;
/// The largest answer of the model-info API that is read, in bytes.
const MAX_INFO_BYTES: u64 = 32 << 20;
/// How many bytes of a content are read at a time.
const BLOCK: usize = 1 << 16;

/// A part of a file, as it comes in.
pub(crate) struct Content {
    /// The byte that it begins with.
    pub start: u64,
    blocks: Receiver<Result<Vec<u8>, ureq::Error>>,
    route: Route,
}

impl Content {
    /// The next bytes; `None` at the end.
    pub fn next(&self, cancel: &AtomicBool) -> Result<Option<Vec<u8>>, Failure> {
        match next(&self.blocks, cancel)? {
            Some(Err(error)) => Err(fault::of(error, &self.route)),
            Some(Ok(block)) => Ok(Some(block)),
            None => Ok(None),
        }
    }
}

/// Talks to one server, and to those that it redirects to.
pub(crate) struct Client {
    agent: Agent,
    endpoint: String,
    origin: Origin,
    /// What the header `Authorization` holds in requests to `origin`.
    authorization: Option<HeaderValue>,
    proxies: Proxies,
    patience: Duration,
}

impl Client {
    /// # Errors
    /// [`HubError::Setting`] for an endpoint that is not an address, and for a token that cannot be sent.
    pub fn new(settings: &HubSettings) -> Result<Self, HubError> {
        let endpoint = settings.endpoint.trim_end_matches('/').to_owned();
        let origin = Origin::of_url(&endpoint).ok_or_else(|| HubError::Setting {
            setting: Setting::Endpoint,
            value: without_secrets(&settings.endpoint),
            reason: "expected https://HOST or http://HOST:PORT",
        })?;
        if endpoint.contains(['?', '#']) {
            return Err(HubError::Setting {
                setting: Setting::Endpoint,
                value: without_secrets(&settings.endpoint),
                reason: "expected an address without a query (after `?`) and a fragment (after `#`)",
            });
        }
        let authorization = settings.token.as_ref().map(authorization).transpose()?;
        let agent = Agent::config_builder()
            .user_agent(USER_AGENT)
            // Sizes and ranges are those of the file itself.
            .accept_encoding("identity")
            .http_status_as_error(false)
            // Redirects are followed here, where it is known who may see the token.
            .max_redirects(0)
            // The one that fits the address is chosen for each request; none comes from the environment.
            .proxy(None)
            .timeout_resolve(Some(settings.patience))
            .timeout_connect(Some(settings.patience))
            .timeout_recv_response(Some(settings.patience))
            .timeout_per_read(Some(settings.patience))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            endpoint,
            origin,
            authorization,
            proxies: settings.proxies.clone(),
            patience: settings.patience,
        })
    }

    /// The server's address as messages show it: without a password, and without a slash at its end.
    pub fn shown_endpoint(&self) -> String {
        without_secrets(&self.endpoint)
    }

    /// Where a repository is described to people.
    pub fn page(&self, repository: &Repository) -> String {
        format!("{}/{repository}", self.shown_endpoint())
    }

    /// The URL of a file of a revision.
    pub fn file_url(&self, repository: &Repository, revision: &str, file: &str) -> String {
        let file: Vec<String> = file.split('/').map(encode).collect();
        format!("{}/{repository}/resolve/{}/{}", self.endpoint, encode(revision), file.join("/"))
    }

    /// Asks about a file; `None` if the revision has no such file.
    pub fn file(
        &self,
        repository: &Repository,
        revision: &str,
        file: &str,
        cancel: &AtomicBool,
    ) -> Result<Option<FileInfo>, Failure> {
        let mut url = self.file_url(repository, revision, file);
        let mut commit = None;
        for _ in 0..MAX_REDIRECTS {
            let (response, _) = self.send("HEAD", &url, None, cancel)?;
            let (status, headers) = (response.status().as_u16(), response.headers());
            commit = headers::commit(headers).map(str::to_owned).or(commit);
            if is_redirect(status) {
                // Within the server, renamed repositories and small files are redirected. Large contents lie on another
                // one, which knows nothing about commits: what we came for is in the redirect's own headers.
                let next = redirected(&url, headers)?;
                if !headers::is_linked(headers) && self.is_ours(&next) {
                    url = next;
                    continue;
                }
                if commit.is_none() {
                    let reason =
                        format!("it redirects to `{}`, as networks do that want a login", without_secrets(&next));
                    return Err(protocol(&url, reason).into());
                }
            } else if status != 200 {
                return match self.refused(repository, revision, &url, status, headers) {
                    None => Ok(None),
                    Some(failure) => Err(failure),
                };
            }
            if commit.is_none() && headers::is_web_page(headers) {
                return Err(HubError::WebPage { url: without_secrets(&url) }.into());
            }
            let described = headers::file_info(status, headers, commit.as_deref());
            return described.map(Some).map_err(|reason| protocol(&url, reason).into());
        }
        Err(too_many_redirects(&url).into())
    }

    /// Asks what a repository holds.
    pub fn repository(&self, repository: &Repository, revision: &str, cancel: &AtomicBool) -> Result<Listing, Failure> {
        let url = format!("{}/api/models/{repository}/revision/{}", self.endpoint, encode(revision));
        let (response, route) = self.get(&url, None, cancel)?;
        let (status, url) = (response.status().as_u16(), &route.url);
        if status != 200 {
            let failure = self.refused(repository, revision, url, status, response.headers());
            return Err(failure.unwrap_or_else(|| self.unknown_repository(repository).into()));
        }
        let web_page = headers::is_web_page(response.headers());
        let content = Content { start: 0, blocks: blocks(response, MAX_INFO_BYTES + 1), route: route.clone() };
        let mut text = Vec::new();
        while let Some(block) = content.next(cancel)? {
            text.extend(block);
        }
        if text.len() as u64 > MAX_INFO_BYTES {
            return Err(protocol(url, format!("its listing has more than {MAX_INFO_BYTES} bytes")).into());
        }
        if web_page || text.trim_ascii_start().starts_with(b"<") {
            return Err(HubError::WebPage { url: without_secrets(url) }.into());
        }
        parse_listing(&text).map_err(|reason| protocol(url, reason).into())
    }

    /// Fetches a file of this size from this byte on; a server that knows no ranges sends all of it.
    pub fn content(
        &self,
        repository: &Repository,
        commit: &str,
        file: &str,
        (start, size): (u64, u64),
        cancel: &AtomicBool,
    ) -> Result<Content, Failure> {
        let url = self.file_url(repository, commit, file);
        let (response, route) = self.get(&url, (start > 0).then_some(start), cancel)?;
        let (status, url) = (response.status().as_u16(), route.url.as_str());
        if matches!(status, 200 | 206) && headers::is_web_page(response.headers()) {
            return Err(HubError::WebPage { url: without_secrets(url) }.into());
        }
        let start = match status {
            200 => 0,
            206 => {
                let found = headers::range_start(response.headers()).map_err(|reason| protocol(url, reason))?;
                if found != start {
                    let reason = format!("asked for bytes from {start}, got bytes from {found}");
                    return Err(protocol(url, reason).into());
                }
                start
            }
            // What we have cannot be a beginning of this file.
            416 if start > 0 => return Err(Interruption::Range { from: start }.into()),
            // The addresses of the storage behind the hub expire; the hub gives new ones.
            _ if !self.is_ours(url) => {
                let wait = headers::wait(response.headers());
                return Err(Interruption::Status { server: server(url), status, message: String::new(), wait }.into());
            }
            _ => {
                let failure = self.refused(repository, commit, url, status, response.headers());
                let missing = || HubError::FileNotFound { repository: repository.to_string(), file: file.to_owned() };
                return Err(failure.unwrap_or_else(|| missing().into()));
            }
        };
        // Never more bytes than were announced, whatever comes.
        Ok(Content { start, blocks: blocks(response, size.saturating_sub(start)), route })
    }

    /// Sends a GET and follows redirects. Also returns who answered.
    fn get(&self, url: &str, from: Option<u64>, cancel: &AtomicBool) -> Result<(Response<Body>, Route), Failure> {
        let mut url = url.to_owned();
        for _ in 0..MAX_REDIRECTS {
            let (response, route) = self.send("GET", &url, from, cancel)?;
            if !is_redirect(response.status().as_u16()) {
                return Ok((response, route));
            }
            url = redirected(&url, response.headers())?;
        }
        Err(too_many_redirects(&url).into())
    }

    fn send(
        &self,
        method: &str,
        url: &str,
        from: Option<u64>,
        cancel: &AtomicBool,
    ) -> Result<(Response<Body>, Route), Failure> {
        let origin = Origin::of_url(url).ok_or_else(|| protocol(url, "it is not a valid URL".to_owned()))?;
        let mut request = match method {
            "HEAD" => self.agent.head(url),
            _ => self.agent.get(url),
        };
        if let Some(authorization) = self.authorization.as_ref().filter(|_| origin == self.origin) {
            request = request.header("Authorization", authorization);
        }
        if let Some(from) = from {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let (proxy, shown) = match self.proxies.choose(&origin)? {
            Some(chosen) => (Some(chosen.proxy), Some((chosen.setting, chosen.shown))),
            None => (None, None),
        };
        let route = Route { url: url.to_owned(), proxy: shown, patience: self.patience };
        let request = request.config().proxy(proxy).build();
        let answers = aside(move |send| {
            send(request.call());
        });
        match next(&answers, cancel)? {
            Some(Ok(response)) => Ok((response, route)),
            Some(Err(error)) => Err(fault::of(error, &route)),
            None => Err(route.broken(format!("the connection with {} was given up", route.server())).into()),
        }
    }

    /// Whether a URL is of the server that the token is for.
    fn is_ours(&self, url: &str) -> bool {
        Origin::of_url(url).is_some_and(|origin| origin == self.origin)
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
        let message = headers::error_message(headers);
        let lasting = |error| Some(Failure::Lasting(error));
        match (headers::error_code(headers), status) {
            (Some("EntryNotFound"), _) => None,
            (Some("RevisionNotFound"), _) => lasting(HubError::RevisionNotFound {
                repository: repository.to_string(),
                revision: revision.to_owned(),
            }),
            // To strangers the public server answers 401 for repositories that do not exist.
            (Some("RepoNotFound"), _) => lasting(self.unknown_repository(repository)),
            (_, 401 | 403) => lasting(HubError::Denied {
                repository: repository.to_string(),
                endpoint: self.shown_endpoint(),
                status,
                message,
                token: self.authorization.is_some(),
            }),
            (_, 404) => None,
            (_, 410 | 451) => lasting(HubError::Withdrawn { url: without_secrets(url), status, message }),
            (_, 408 | 429 | 500..=599) => {
                let (server, wait) = (server(url), headers::wait(headers));
                Some(Interruption::Status { server, status, message, wait }.into())
            }
            _ => lasting(HubError::Status { url: without_secrets(url), status, message }),
        }
    }

    fn unknown_repository(&self, repository: &Repository) -> HubError {
        HubError::RepositoryNotFound {
            repository: repository.to_string(),
            endpoint: self.shown_endpoint(),
            token: self.authorization.is_some(),
        }
    }
}

/// Reads the body of an answer, up to this many bytes of it, while it comes in.
fn blocks(response: Response<Body>, limit: u64) -> Receiver<Result<Vec<u8>, ureq::Error>> {
    let mut reader = response.into_body().into_reader().take(limit);
    aside(move |send| {
        loop {
            let mut block = vec![0; BLOCK];
            match reader.read(&mut block) {
                Ok(0) => return,
                Ok(n) => {
                    block.truncate(n);
                    if !send(Ok(block)) {
                        return;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    send(Err(error.into()));
                    return;
                }
            }
        }
    })
}

/// The header that proves who asks.
fn authorization(token: &Token) -> Result<HeaderValue, HubError> {
    let wrong = || HubError::Setting {
        setting: Setting::Token,
        value: "…".to_owned(),
        reason: "expected one line of printable ASCII characters",
    };
    let visible = token.secret().bytes().all(|byte| byte.is_ascii_graphic());
    let mut header = HeaderValue::try_from(format!("Bearer {}", token.secret())).ok().filter(|_| visible);
    header.iter_mut().for_each(|header| header.set_sensitive(true));
    header.ok_or_else(wrong)
}

/// Where an answer redirects to.
fn redirected(url: &str, headers: &HeaderMap) -> Result<String, HubError> {
    let location = headers::header(headers, "location")
        .ok_or_else(|| protocol(url, "it redirects without saying where to".to_owned()))?;
    redirect(url, location).map_err(|reason| protocol(url, reason))
}

fn protocol(url: &str, reason: String) -> HubError {
    HubError::Protocol { url: without_secrets(url), reason }
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
    protocol(url, format!("more than {MAX_REDIRECTS} redirects"))
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
        for endpoint in
            ["", "hub.example", "ftp://hub.example", "https://", "https://hub.example?x=1", "https://hub.example/#a"]
        {
            let mut settings = HubSettings::new("cache");
            settings.endpoint = endpoint.to_owned();
            assert!(matches!(Client::new(&settings), Err(HubError::Setting { .. })), "{endpoint}");
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
