//! Names of the settings, for errors.

use std::fmt;

/// A setting that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// [`HubSettings::endpoint`](crate::HubSettings::endpoint).
    Endpoint,
    /// [`HubSettings::token`](crate::HubSettings::token).
    Token,
    /// [`Proxies::http`](crate::Proxies::http).
    HttpProxy,
    /// [`Proxies::https`](crate::Proxies::https).
    HttpsProxy,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Endpoint => "the hub's address",
            Self::Token => "the token",
            Self::HttpProxy => "the proxy for http",
            Self::HttpsProxy => "the proxy for https",
        })
    }
}
