//! What the caller decides.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::escape::without_secrets;
use crate::proxy::Proxies;

/// Where checkpoints are kept and where they come from.
#[derive(Clone)]
pub struct HubSettings {
    /// The cache's folder, `~/.cache/huggingface/hub` for most people.
    pub cache: PathBuf,
    /// The server, `https://huggingface.co` or a mirror that speaks its protocol.
    pub endpoint: String,
    /// Proves who asks, for repositories that not everybody may read. Sent only to the server of `endpoint`.
    pub token: Option<Token>,
    /// Never use the network.
    pub offline: bool,
    /// The proxies to go through.
    pub proxies: Proxies,
    /// How often a request that brings no new byte is tried.
    pub attempts: u32,
    /// The pause after the first failure; it doubles with each further one, up to ten seconds.
    pub pause: Duration,
    /// How long to wait for a connection, for an answer and for the next byte.
    pub patience: Duration,
}

impl HubSettings {
    /// The public server.
    pub const ENDPOINT: &'static str = "https://huggingface.co";

    /// Keeps checkpoints in `cache`; fetches from the public server, without a token.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            endpoint: Self::ENDPOINT.to_owned(),
            token: None,
            offline: false,
            proxies: Proxies::default(),
            attempts: 5,
            pause: Duration::from_millis(500),
            patience: Duration::from_secs(30),
        }
    }
}

/// Without what is secret.
impl fmt::Debug for HubSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cache, endpoint, token, offline, proxies, attempts, pause, patience } = self;
        f.debug_struct("HubSettings")
            .field("cache", cache)
            .field("endpoint", &without_secrets(endpoint))
            .field("token", token)
            .field("offline", offline)
            .field("proxies", proxies)
            .field("attempts", attempts)
            .field("pause", pause)
            .field("patience", patience)
            .finish()
    }
}

/// A secret: it is sent, but never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token as it is in a file or variable, without the white space around it; `None` if nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let mut settings = HubSettings::new("cache");
        settings.token = Token::new(" hf_secret\n");
        assert_eq!(settings.token.as_ref().unwrap().secret(), "hf_secret");
        settings.endpoint = "https://me:secret@hub.example".to_owned();
        settings.proxies.https = Some("http://me:secret@proxy:3128".to_owned());
        assert!(!format!("{settings:?}").contains("secret"));
        assert_eq!(Token::new(" \n"), None);
    }
}
