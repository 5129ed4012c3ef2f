//! Which proxy a request goes through.

use std::fmt;

use ureq::{Proxy, ProxyProtocol};

use crate::escape::{server, without_secrets};
use crate::location::Origin;
use crate::setting::Setting;
use crate::{HubError, NoProxy};

/// The proxies to go through: one for each scheme of the address that is asked for, and the hosts that are reached
/// without. It is decided for every request, also for those to servers that the hub redirects to.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http://` addresses: `http://HOST:PORT` or `https://HOST:PORT`, with `USER:PASSWORD@` before the host if need
    /// be.
    pub http: Option<String>,
    /// For `https://` addresses, in the same form.
    pub https: Option<String>,
    /// The hosts that need no proxy.
    pub except: NoProxy,
}

/// A proxy that a request goes through.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub proxy: Proxy,
    /// The setting that names it.
    pub setting: Setting,
    /// How messages show it.
    pub shown: String,
}

impl Proxies {
    /// The proxy for an origin; `None` to connect directly.
    ///
    /// # Errors
    /// [`HubError::Setting`] if it cannot be used.
    pub(crate) fn choose(&self, origin: &Origin) -> Result<Option<Chosen>, HubError> {
        let (setting, proxy) = match origin.is_encrypted() {
            true => (Setting::HttpsProxy, &self.https),
            false => (Setting::HttpProxy, &self.http),
        };
        let Some(proxy) = proxy.as_deref().filter(|_| !self.except.contains(origin.host(), origin.port())) else {
            return Ok(None);
        };
        let wrong = |reason| HubError::Setting { setting, value: without_secrets(proxy), reason };
        let parsed = Proxy::new(proxy).map_err(|_| wrong("it cannot be used; expected http://HOST:PORT"))?;
        match parsed.protocol() {
            ProxyProtocol::Http | ProxyProtocol::Https if !parsed.host().is_empty() => {
                Ok(Some(Chosen { proxy: parsed, setting, shown: server(proxy) }))
            }
            ProxyProtocol::Http | ProxyProtocol::Https => Err(wrong("it names no host; expected http://HOST:PORT")),
            _ => Err(wrong("SOCKS proxies are not supported; expected http://HOST:PORT")),
        }
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |proxy: &Option<String>| proxy.as_deref().map(without_secrets);
        f.debug_struct("Proxies")
            .field("http", &shown(&self.http))
            .field("https", &shown(&self.https))
            .field("except", &self.except)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(proxies: &Proxies, url: &str) -> Option<String> {
        let origin = Origin::of_url(url).unwrap();
        proxies.choose(&origin).unwrap().map(|chosen| chosen.proxy.host().to_owned())
    }

    #[test]
    fn each_scheme_has_its_own() {
        let proxies = Proxies {
            http: Some("http://plain:3128".to_owned()),
            https: Some("user:secret@tunnel:3128".to_owned()),
            except: NoProxy::parse("internal, .cdn.example"),
        };
        assert_eq!(host(&proxies, "http://hub.example/x").as_deref(), Some("plain"));
        assert_eq!(host(&proxies, "HTTPS://hub.example/x").as_deref(), Some("tunnel"));
        assert_eq!(host(&proxies, "https://internal/x"), None);
        assert_eq!(host(&proxies, "https://a.CDN.example/x"), None);
        assert!(!format!("{proxies:?}").contains("secret"));
        assert_eq!(host(&Proxies::default(), "https://hub.example/x"), None);
    }

    #[test]
    fn proxies_that_cannot_be_used_are_errors_and_only_where_they_would_be() {
        for proxy in [
            "socks5://user:secret@p:1",
            "socks5h://p",
            "socks4://p",
            "socks://p",
            "ftp://p",
            "",
            "http://",
            "a b",
            "http://:1",
        ] {
            let proxies = Proxies { http: None, https: Some(proxy.to_owned()), except: NoProxy::parse("near.example") };
            let far = Origin::of_url("https://far.example/").unwrap();
            let error = proxies.choose(&far).unwrap_err();
            assert!(matches!(error, HubError::Setting { setting: Setting::HttpsProxy, .. }), "{proxy}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
            assert_eq!(host(&proxies, "https://near.example/"), None, "{proxy}");
            assert_eq!(host(&proxies, "http://far.example/"), None, "{proxy}");
        }
    }

    #[test]
    fn hosts_are_compared_as_the_origin_has_them() {
        let proxies =
            Proxies { http: Some("http://p:1".to_owned()), https: None, except: NoProxy::parse("::1,127.0.0.0/8") };
        assert_eq!(host(&proxies, "http://[::1]:8080/"), None);
        assert_eq!(host(&proxies, "http://127.0.0.1:8080/"), None);
        assert_eq!(host(&proxies, "http://[::2]:8080/").as_deref(), Some("p"));
    }
}
