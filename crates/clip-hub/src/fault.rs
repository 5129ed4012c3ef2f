//! What went wrong on the way to a server, in words of our own: those of the HTTP library are about its parts.

use std::io;
use std::time::Duration;

use clip_files::system_error;
use ureq::Timeout;

use crate::HubError;
use crate::escape::{server, shortened, without_secrets};
use crate::interruption::Interruption;
use crate::setting::Setting;

/// How many characters of a reason a message repeats.
const SHOWN: usize = 200;

/// Why a request did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may succeed if it is tried again: the connection, or the server for the moment.
    Passing(Interruption),
    /// It will not.
    Lasting(HubError),
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self::Lasting(error)
    }
}

impl From<Interruption> for Failure {
    fn from(cause: Interruption) -> Self {
        Self::Passing(cause)
    }
}

/// Who was asked, and through whom.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// The URL that was asked for.
    pub url: String,
    /// The proxy, as messages show it, and the setting that names it.
    pub proxy: Option<(Setting, String)>,
    /// How long the server was waited for.
    pub patience: Duration,
}

impl Route {
    /// The server's host, and its port where it is not the usual one.
    pub fn server(&self) -> String {
        server(&self.url)
    }

    /// A connection that failed for this reason, which is a sentence without its end.
    pub fn broken(&self, reason: String) -> Interruption {
        Interruption::Connection { reason, proxy: self.proxy.as_ref().map(|(setting, _)| *setting) }
    }

    /// An answer that no server gives by the rules.
    pub fn protocol(&self, reason: impl Into<String>) -> HubError {
        HubError::Protocol { url: without_secrets(&self.url), reason: reason.into() }
    }
}

/// What an error of the HTTP library means.
pub(crate) fn of(error: ureq::Error, route: &Route) -> Failure {
    let server = route.server();
    let via = route.proxy.as_ref().map(|(_, proxy)| format!(" through the proxy {proxy}")).unwrap_or_default();
    // Whoever is connected to first: behind a proxy nobody else can refuse or be unknown.
    let first = route.proxy.as_ref().map_or(server.clone(), |(_, proxy)| format!("the proxy {proxy}"));
    let seconds = route.patience.as_secs_f32();
    let passing = |reason: String| Failure::Passing(route.broken(reason));
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => route.protocol("it is not a valid address").into(),
        ureq::Error::LargeResponseHeader(_, limit) => {
            route.protocol(format!("the headers of its answer have more than {limit} bytes")).into()
        }
        ureq::Error::ConnectProxyFailed(reason) => refused_by_proxy(&reason, route, &server),
        ureq::Error::HostNotFound => passing(format!("cannot find {first}: unknown host, or no network")),
        ureq::Error::Timeout(Timeout::Resolve) => {
            passing(format!("cannot find {first}: no answer about its address within {seconds} seconds"))
        }
        ureq::Error::Timeout(Timeout::Connect) => {
            passing(format!("cannot connect to {server}{via}: no answer within {seconds} seconds"))
        }
        ureq::Error::Timeout(_) => passing(format!("nothing came from {server}{via} for {seconds} seconds")),
        ureq::Error::ConnectionFailed => passing(format!("cannot connect to {server}{via}")),
        ureq::Error::Protocol(_) => passing(format!("what {server}{via} sends is not valid HTTP")),
        ureq::Error::Rustls(error) => passing(unencrypted(&server, &via, &error.to_string())),
        ureq::Error::Tls(reason) => passing(unencrypted(&server, &via, reason)),
        ureq::Error::Io(error) => passing(system(&error, &server, &via, &first)),
        other => passing(format!("the connection with {server}{via} broke: {}", shortened(&other.to_string(), SHOWN))),
    }
}

fn system(error: &io::Error, server: &str, via: &str, first: &str) -> String {
    let words = shortened(&system_error::describe(error), SHOWN);
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("{server}{via} ended the connection in the middle of its answer"),
        io::ErrorKind::InvalidData => unencrypted(server, via, &words),
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => format!("cannot connect to {first}: {words}"),
        // The standard library has no kind of its own for it. Only what is said depends on this.
        _ if words.starts_with("failed to lookup address information") => {
            format!("cannot find {first}: unknown host, or no network")
        }
        _ => format!("the connection with {server}{via} broke: {words}"),
    }
}

fn unencrypted(server: &str, via: &str, reason: &str) -> String {
    format!("no encrypted connection with {server}{via}: {}", shortened(reason, SHOWN))
}

/// A proxy's refusal. The library has the status in its text alone: "… responded 407/407".
fn refused_by_proxy(reason: &str, route: &Route, server: &str) -> Failure {
    let status = reason.rsplit(['/', ' ']).next().and_then(|status| status.parse::<u16>().ok());
    let Some((setting, proxy)) = &route.proxy else {
        return route.broken(format!("no connection to {server}")).into();
    };
    match status {
        // Asked again, it says the same.
        Some(status @ 400..=499) => {
            HubError::Proxy { setting: *setting, proxy: proxy.clone(), server: server.to_owned(), status }.into()
        }
        Some(status) => route.broken(format!("the proxy {proxy} answered {status} when asked for {server}")).into(),
        None => route.broken(format!("the proxy {proxy} did not answer when asked for {server}")).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(proxy: Option<&str>) -> Route {
        Route {
            url: "https://user:secret@hub.example:8443/a/b?c".to_owned(),
            proxy: proxy.map(|proxy| (Setting::HttpsProxy, proxy.to_owned())),
            patience: Duration::from_secs(30),
        }
    }

    fn words(error: ureq::Error, proxy: Option<&str>) -> String {
        match of(error, &route(proxy)) {
            Failure::Passing(cause) => cause.to_string(),
            Failure::Lasting(error) => error.to_string(),
        }
    }

    fn io(kind: io::ErrorKind) -> ureq::Error {
        ureq::Error::Io(kind.into())
    }

    #[test]
    fn who_is_at_fault_is_named() {
        for (error, proxy, expected) in [
            (io(io::ErrorKind::ConnectionRefused), None, "cannot connect to hub.example:8443: connection refused"),
            (
                io(io::ErrorKind::ConnectionRefused),
                Some("p:3128"),
                "cannot connect to the proxy p:3128: connection refused",
            ),
            (
                io(io::ErrorKind::UnexpectedEof),
                None,
                "hub.example:8443 ended the connection in the middle of its answer",
            ),
            (
                ureq::Error::Timeout(Timeout::RecvResponse),
                Some("p:3128"),
                "nothing came from hub.example:8443 through the proxy p:3128 for 30 seconds",
            ),
            (
                ureq::Error::Io(io::Error::other("failed to lookup address information: Name or service not known")),
                None,
                "cannot find hub.example:8443: unknown host, or no network",
            ),
        ] {
            assert_eq!(words(error, proxy), expected);
        }
    }

    #[test]
    fn no_words_of_the_library() {
        let errors = [
            ureq::Error::Timeout(Timeout::PerRead),
            ureq::Error::Timeout(Timeout::Connect),
            ureq::Error::Timeout(Timeout::Resolve),
            ureq::Error::HostNotFound,
            ureq::Error::ConnectionFailed,
            ureq::Error::LargeResponseHeader(128_000, 65_536),
            ureq::Error::ConnectProxyFailed("proxy server responded 407/407".to_owned()),
            ureq::Error::ConnectProxyFailed("proxy server responded 502/502".to_owned()),
            ureq::Error::ConnectProxyFailed("proxy server did not respond".to_owned()),
            ureq::Error::Io(io::Error::from_raw_os_error(104)),
        ];
        for error in errors {
            let theirs = error.to_string();
            let ours = words(error, Some("p:3128"));
            for part in [theirs.as_str(), "os error", "timeout:", "io:", "CONNECT", "secret"] {
                assert!(!ours.contains(part), "{ours} / {part}");
            }
        }
    }

    #[test]
    fn only_a_proxy_that_may_change_its_mind_is_asked_again() {
        let failure = |status: &str| {
            let reason = format!("proxy server responded {status}/{status}");
            of(ureq::Error::ConnectProxyFailed(reason), &route(Some("p:3128")))
        };
        for status in ["407", "403"] {
            let Failure::Lasting(error) = failure(status) else { panic!("{status}") };
            assert!(error.to_string().contains(status), "{error}");
        }
        assert!(matches!(failure("502"), Failure::Passing(_)));
    }
}
