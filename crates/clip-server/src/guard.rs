//! Who is let in: the checks that come before every request.
//!
//! - **Host.** A page of a stranger can make the name of its own host lead to this server (DNS rebinding), and then read what the
//!   server answers. So a request must be for `localhost`, for an address, or for a name that the settings have.
//! - **Origin.** What browsers send for pages of strangers is refused, even where they could not read the answer.
//! - **Token.** Where the settings have one, a request needs it: in the header `Authorization`, or, from a browser that has
//!   logged in, as a cookie.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use crate::problem::Problem;
use crate::state::App;
use crate::token::Token;

/// The cookie of a browser that has logged in.
pub(crate) const COOKIE: &str = "clip-search-session";

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Lets a request pass, or refuses it. Adds the headers that all answers have.
pub(crate) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = match refusal(&app, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    with_headers(response)
}

fn refusal(app: &App, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let host = match host_of(request) {
        Ok(host) => host,
        Err(problem) => return Some(problem.into_response()),
    };
    if !is_ours(host.host(), &app.settings.hosts) {
        let detail = format!("this server does not answer for the host {}", host.host());
        return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, "host", detail).into_response());
    }
    if let Err(problem) = check_origin(request.method(), headers, &host) {
        return Some(problem.into_response());
    }
    let path = request.uri().path();
    if let Some(token) = &app.settings.token
        && !is_open(path)
        && !knows(headers, token)
    {
        return Some(if path == "/" && request.method() == Method::GET {
            Redirect::to("/login").into_response()
        } else {
            let detail = "expected the token as `Authorization: Bearer TOKEN`";
            Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).into_response()
        });
    }
    None
}

/// The host that a request is for.
fn host_of(request: &Request) -> Result<Authority, Problem> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Problem::bad("expected one header Host"));
    };
    let host: Option<Authority> = host.to_str().ok().and_then(|host| host.parse().ok());
    let host = host.filter(|host| !host.as_str().contains('@'));
    let host = host.ok_or_else(|| Problem::bad("expected a host in the header Host"))?;
    // `GET http://host/ HTTP/1.1`, as proxies are asked.
    if request.uri().authority().is_some_and(|asked| *asked != host) {
        return Err(Problem::bad("expected the same host in the request and in the header Host"));
    }
    Ok(host)
}

/// Whether no stranger can make this name lead here: an address is no name.
fn is_ours(host: &str, names: &[String]) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    address.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || names.iter().any(|name| host.eq_ignore_ascii_case(name))
}

/// Refuses what a browser sends for a page of somebody else.
fn check_origin(method: &Method, headers: &HeaderMap, host: &Authority) -> Result<(), Problem> {
    let refused = || Err(Problem::forbidden("this server does not answer to pages of other origins"));
    let is_safe = matches!(*method, Method::GET | Method::HEAD);
    let text = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    match headers.get(header::ORIGIN) {
        Some(origin) => {
            // The scheme is that of a proxy in front of this server.
            let origin = origin.to_str().unwrap_or_default();
            let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            if own.is_none_or(|own| !own.eq_ignore_ascii_case(host.as_str())) {
                return refused();
            }
        }
        // Browsers always send an origin with what changes something. Other programs send none, and no cookie.
        None if !is_safe && (headers.contains_key(header::COOKIE) || headers.contains_key("sec-fetch-site")) => {
            return refused();
        }
        None => {}
    }
    match text("sec-fetch-site") {
        None | Some(b"same-origin" | b"none") => Ok(()),
        // Somebody followed a link.
        _ if is_safe
            && text("sec-fetch-mode") == Some(&b"navigate"[..])
            && text("sec-fetch-dest") == Some(&b"document"[..]) =>
        {
            Ok(())
        }
        _ => refused(),
    }
}

/// What can be seen without a token: the form that asks for it, and what the page looks like.
fn is_open(path: &str) -> bool {
    path == "/login" || path.starts_with("/assets/")
}

fn knows(headers: &HeaderMap, token: &Token) -> bool {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, given) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(given.trim())
    });
    bearer.is_some_and(|given| token.is(given)) || session_of(headers).any(|given| token.is_session(given))
}

fn session_of(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Whether a request comes from this machine itself, and not by way of a proxy.
pub(crate) fn is_local(peer: Option<&Peer>, headers: &HeaderMap) -> bool {
    let proxied = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];
    peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback())
        && !proxied.iter().any(|name| headers.contains_key(*name))
}

/// What the page may do. Anything else that is served may do nothing at all.
const OF_THE_PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                           media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const OF_ALL_ELSE: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let is_page = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let policy = if is_page { OF_THE_PAGE } else { OF_ALL_ELSE };
    let all = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With `no-referrer`, browsers would send the forms of the page as if they came from nowhere.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn names_of_strangers_are_not_ours() {
        let names = ["photos.example".to_owned()];
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]", "192.168.1.7", "Photos.example"] {
            assert!(is_ours(host, &names), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "2130706433", "0x7f.1"] {
            assert!(!is_ours(host, &names), "{host}");
        }
    }

    #[test]
    fn a_request_has_one_host() {
        let request = |uri: &str, hosts: &[&str]| {
            let mut request = Request::builder().uri(uri);
            for host in hosts {
                request = request.header("host", *host);
            }
            host_of(&request.body(axum::body::Body::empty()).unwrap()).map(|host| host.as_str().to_owned())
        };
        assert_eq!(request("/", &["localhost:8080"]).unwrap(), "localhost:8080");
        assert_eq!(request("http://a:1/", &["a:1"]).unwrap(), "a:1");
        for (uri, hosts) in
            [("/", &[][..]), ("/", &["a", "b"]), ("/", &["a b"]), ("/", &["me@a"]), ("http://a/", &["b"])]
        {
            assert!(request(uri, hosts).is_err(), "{uri} {hosts:?}");
        }
    }

    #[test]
    fn pages_of_strangers_are_refused() {
        let host: Authority = "localhost:8080".parse().unwrap();
        let passes =
            |method: Method, pairs: &[(&'static str, &str)]| check_origin(&method, &headers(pairs), &host).is_ok();
        assert!(passes(Method::GET, &[]) && passes(Method::POST, &[]));
        assert!(passes(Method::POST, &[("origin", "http://localhost:8080"), ("cookie", "a=b")]));
        assert!(passes(Method::POST, &[("origin", "https://localhost:8080"), ("sec-fetch-site", "same-origin")]));
        for origin in ["http://localhost", "http://localhost:8081", "http://evil.example", "null", "", "localhost:8080"]
        {
            assert!(!passes(Method::GET, &[("origin", origin)]), "{origin}");
            assert!(!passes(Method::POST, &[("origin", origin)]), "{origin}");
        }
        assert!(!passes(Method::POST, &[("cookie", "a=b")]), "a browser would send an origin");
        assert!(!passes(Method::GET, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]));
        assert!(!passes(Method::GET, &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")]));
        let navigation =
            [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert!(passes(Method::GET, &navigation));
        assert!(!passes(Method::POST, &navigation));
        let frame = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
        assert!(!passes(Method::GET, &frame));
    }

    #[test]
    fn a_token_comes_in_a_header_or_a_cookie() {
        let token = Token::new("0123456789abcdef").unwrap();
        let passes = |pairs: &[(&'static str, &str)]| knows(&headers(pairs), &token);
        assert!(passes(&[("authorization", "bearer 0123456789abcdef")]));
        assert!(passes(&[("cookie", &format!("a=b; {COOKIE}={}", token.session()))]));
        assert!(!passes(&[]));
        assert!(!passes(&[("authorization", "Basic 0123456789abcdef")]));
        assert!(!passes(&[("authorization", "Bearer 0123456789abcdee")]));
        assert!(!passes(&[("cookie", &format!("{COOKIE}=0123456789abcdef"))]), "the token is no session");
        assert!(!passes(&[("cookie", &format!("other={}", token.session()))]));
    }

    #[test]
    fn what_a_proxy_passes_on_is_not_local() {
        let peer = |address: &str| Some(Peer(address.parse().unwrap()));
        let none = HeaderMap::new();
        assert!(is_local(peer("127.0.0.1:5").as_ref(), &none));
        assert!(is_local(peer("[::ffff:127.0.0.1]:5").as_ref(), &none));
        assert!(!is_local(peer("192.168.1.7:5").as_ref(), &none));
        assert!(!is_local(None, &none));
        assert!(!is_local(peer("127.0.0.1:5").as_ref(), &headers(&[("x-forwarded-for", "1.2.3.4")])));
    }
}
