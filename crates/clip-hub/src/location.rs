//! Where requests go: the origins of URLs, and where redirects lead.

use ureq::http::Uri;

use crate::escape::{shortened, without_secrets};

/// How many characters of a header a message repeats.
const SHOWN: usize = 200;

/// A server, as far as trust is concerned: what decides whether it may see the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of a URL; `None` for one that is not complete, or not of http or https.
    pub fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let usual = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        // `Uri::port` is silent about a port that is none.
        let authority = uri.authority()?;
        let port = authority.as_str().rsplit('@').next()?.strip_prefix(authority.host())?;
        let port = match port.strip_prefix(':').unwrap_or(port) {
            "" => usual,
            port => port.parse().ok()?,
        };
        Some(Self { scheme, host, port })
    }

    /// The same, of text.
    pub fn of_url(url: &str) -> Option<Self> {
        Self::of(&url.parse().ok()?)
    }

    /// Whether what is sent there cannot be read on the way.
    pub fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// The host without brackets, in small letters.
    pub fn host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// The port, which is the scheme's usual one if the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// The URL that a `Location` header leads to from this one: complete, without a scheme, or from the root of the same
/// server. Relative paths are refused, since no hub sends them.
///
/// # Errors
/// What is wrong with it, also for one that leads from https to http.
pub(crate) fn redirect(from: &str, location: &str) -> Result<String, String> {
    let no_address =
        || format!("it redirects to `{}`, which is not a valid URL", shortened(&without_secrets(location), SHOWN));
    let base = from.parse::<Uri>().map_err(|error| error.to_string())?;
    let (Some(scheme), Some(authority)) = (base.scheme_str(), base.authority()) else { return Err(no_address()) };
    let next = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        location.to_owned()
    };
    let origin = Origin::of_url(&next).ok_or_else(no_address)?;
    if Origin::of(&base).is_some_and(|base| base.is_encrypted()) && !origin.is_encrypted() {
        return Err("it redirects from https to http, which is not encrypted".to_owned());
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_by_the_book_and_never_to_plain_http() {
        let to = |location: &str| redirect("https://hub.example/a/b", location);
        assert_eq!(to("/c/d?e").unwrap(), "https://hub.example/c/d?e");
        assert_eq!(to("/c?from=http://hub.example/x").unwrap(), "https://hub.example/c?from=http://hub.example/x");
        assert_eq!(to("//cdn.example/x").unwrap(), "https://cdn.example/x");
        assert_eq!(to("https://cdn.example/x").unwrap(), "https://cdn.example/x");
        assert_eq!(to("HTTPS://cdn.example/x").unwrap(), "HTTPS://cdn.example/x");
        for location in
            ["http://hub.example/x", "HTTP://x/", "ftp://x/y", "x", "", "?a", "//", "https://", "file:///etc"]
        {
            to(location).unwrap_err();
        }
        assert_eq!(redirect("http://127.0.0.1:80/a", "/b").unwrap(), "http://127.0.0.1:80/b");
        redirect("HTTPS://hub.example/a", "http://hub.example/b").unwrap_err();
        redirect("nonsense", "/b").unwrap_err();
    }

    #[test]
    fn messages_about_redirects_keep_secrets() {
        let error = redirect("https://hub.example/a", "ftp://user:pass@cdn.example/x?Signature=s").unwrap_err();
        assert!(error.contains("`ftp://cdn.example/x`"), "{error}");
    }

    #[test]
    fn origins_are_scheme_host_and_port() {
        let origin = Origin::of_url("https://hub.example").unwrap();
        for url in ["https://hub.example/x", "https://HUB.example:443/x", "HTTPS://hub.example"] {
            assert_eq!(Origin::of_url(url).as_ref(), Some(&origin), "{url}");
        }
        for url in [
            "http://hub.example/x",
            "https://hub.example:8443/x",
            "https://cdn.hub.example/x",
            "https://hub.example.evil/x",
            "https://hub.example@evil/x",
            "https://hub.example:99999/x",
            "/x",
        ] {
            assert_ne!(Origin::of_url(url).as_ref(), Some(&origin), "{url}");
        }
        assert_eq!(Origin::of_url("http://[::1]:8080/").unwrap().host(), "::1");
    }
}
