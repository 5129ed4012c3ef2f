//! The one error type of the crate.

use std::path::PathBuf;
use std::time::Duration;

use clip_files::system_error::describe;

use crate::escape::{Escaped, EscapedPath};
use crate::interruption::{Interruption, answer, words};
use crate::setting::Setting;

/// Why a checkpoint could not be found, fetched or checked.
///
/// A message says what was expected and what was found, in one line: whatever comes from outside is escaped in it, and
/// URLs are shown without passwords and queries. The fields hold names as they are. What can be done about it is in
/// [`remedy`](Self::remedy).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {}", EscapedPath(path), Escaped(&describe(source)))]
    Io {
        /// What was being done: `read`, `write`, `rename`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// In the place of a file or folder of the cache is something else.
    #[error("expected {expected} at {}, found {found}", EscapedPath(path))]
    InTheWay {
        /// What is in the way.
        path: PathBuf,
        /// What was expected there, with its article: "a file".
        expected: &'static str,
        /// What it is: "a folder".
        found: &'static str,
    },
    /// A name cannot be one of a repository.
    #[error(
        "`{}` is not a valid repository name: {reason}; expected ORG/NAME, such as `timm/ViT-B-16-SigLIP`",
        Escaped(name)
    )]
    Repository {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name is neither in the catalogue nor that of a repository.
    #[error(
        "unknown model `{}`: expected a name from the catalogue or a repository (ORG/NAME){}",
        Escaped(name),
        nearest.as_ref().map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
    )]
    UnknownModel {
        /// The name.
        name: String,
        /// The name in the catalogue that is most like it, if one is close.
        nearest: Option<String>,
    },
    /// A setting cannot be used.
    #[error("{setting} is `{}`: {reason}", Escaped(value))]
    Setting {
        /// Which.
        setting: Setting,
        /// What it is set to, without passwords.
        value: String,
        /// What is wrong with it and what was expected.
        reason: &'static str,
    },
    /// The embedded catalogue cannot be read.
    #[error("the model catalogue is damaged: {}", Escaped(reason))]
    Catalogue {
        /// What is wrong.
        reason: String,
    },
    /// The shard index of a checkpoint is not valid.
    #[error("{} is not an index of shards: {}", EscapedPath(path), Escaped(reason))]
    ShardIndex {
        /// The index.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
    /// The checkpoint, or a part of it, is not in the cache.
    #[error("{} is not in the cache ({}): {}", Escaped(name), EscapedPath(cache), Escaped(missing))]
    NotCached {
        /// The name under which it was asked for.
        name: String,
        /// The cache's folder.
        cache: PathBuf,
        /// What is missing.
        missing: String,
    },
    /// The network is switched off and the cache does not hold everything.
    #[error("{} is not in the cache ({}): {}; offline mode is on", Escaped(name), EscapedPath(cache), Escaped(missing))]
    Offline {
        /// The name under which it was asked for.
        name: String,
        /// The cache's folder.
        cache: PathBuf,
        /// What is missing.
        missing: String,
    },
    /// The server knows no such repository, or hides it.
    #[error("no repository {} on {}, or no permission to see it", Escaped(repository), Escaped(endpoint))]
    RepositoryNotFound {
        /// The repository.
        repository: String,
        /// The server.
        endpoint: String,
        /// Whether a token was sent.
        token: bool,
    },
    /// The repository has no such revision.
    #[error("{} has no revision `{}`; expected a branch, a tag or a commit", Escaped(repository), Escaped(revision))]
    RevisionNotFound {
        /// The repository.
        repository: String,
        /// The revision.
        revision: String,
    },
    /// The repository lacks a file that is needed.
    #[error(
        "{} lacks the required file `{}`; the repository has changed or is not a supported checkpoint",
        Escaped(repository),
        Escaped(file)
    )]
    FileNotFound {
        /// The repository.
        repository: String,
        /// The file's name in it.
        file: String,
    },
    /// The server refuses to hand out the repository.
    #[error("access to {} denied by {} (HTTP {status}){}", Escaped(repository), Escaped(endpoint), words(message))]
    Denied {
        /// The repository.
        repository: String,
        /// The server.
        endpoint: String,
        /// The HTTP status.
        status: u16,
        /// The server's words; empty if it had none.
        message: String,
        /// Whether a token was sent.
        token: bool,
    },
    /// What was asked for was there once, and is not to be had any more: status 410, or 451 for legal reasons.
    #[error("{} {} (HTTP {status}){}", Escaped(url), withdrawn(*status), words(message))]
    Withdrawn {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The server's words; empty if it had none.
        message: String,
    },
    /// The server answered with a status that is neither success nor expected to pass.
    #[error("{} answered {}", Escaped(url), answer(*status, message))]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The server's words; empty if it had none.
        message: String,
    },
    /// The server could not be reached, or the connection broke too often.
    #[error(
        "cannot download {}: {cause} (gave up after {attempts} attempt{}){}",
        Escaped(url),
        if *attempts == 1 { "" } else { "s" },
        if *kept { "; the partial download is kept" } else { "" }
    )]
    Network {
        /// What was asked for.
        url: String,
        /// Tries without a single new byte.
        attempts: u32,
        /// Whether something of what was fetched is on the disk; the next download goes on from there.
        kept: bool,
        /// The last failure.
        #[source]
        cause: Interruption,
    },
    /// A proxy refuses to connect to the server.
    #[error(
        "the proxy {} refuses to connect to {} (HTTP {status}{})",
        Escaped(proxy),
        Escaped(server),
        if *status == 407 { ": the user name and password are missing or wrong" } else { "" }
    )]
    Proxy {
        /// The setting that names it.
        setting: Setting,
        /// The proxy, without a password.
        proxy: String,
        /// The server that was asked for.
        server: String,
        /// The HTTP status.
        status: u16,
    },
    /// A web page came in place of what was asked for, as in networks that want a login.
    #[error("expected the answer of a Hugging Face hub from {}, found a web page", Escaped(url))]
    WebPage {
        /// What answered.
        url: String,
    },
    /// The server does not keep to the hub's protocol.
    #[error("{} does not behave like a Hugging Face hub: {}", Escaped(url), Escaped(reason))]
    Protocol {
        /// What was asked for.
        url: String,
        /// What was expected and found.
        reason: String,
    },
    /// A file arrived with other content than the server announced.
    #[error(
        "{} of {} was corrupted in transit: expected hash {expected}, found {found}; the download was discarded",
        Escaped(file),
        Escaped(repository)
    )]
    WrongHash {
        /// The repository.
        repository: String,
        /// The file's name in it.
        file: String,
        /// The hash that the server announced.
        expected: String,
        /// The hash of what arrived.
        found: String,
    },
    /// The repository's weights are pickled.
    #[error(
        "{} has only pickled weights (`{}`), which are never loaded because they can run code; expected safetensors",
        Escaped(repository),
        Escaped(found)
    )]
    PickleOnly {
        /// The repository.
        repository: String,
        /// The pickled file.
        found: String,
    },
    /// The repository is not a checkpoint in a known layout.
    #[error(
        "{} is not a supported checkpoint: {}; expected `config.json` with `model.safetensors` (Hugging Face) \
         or `open_clip_config.json` with `open_clip_model.safetensors` (open_clip)",
        Escaped(repository),
        Escaped(missing)
    )]
    NoCheckpoint {
        /// The repository.
        repository: String,
        /// What is missing.
        missing: String,
    },
    /// The caller asked to stop. What was fetched is kept.
    #[error("cancelled")]
    Cancelled,
}

/// What a status says that nothing can be done about.
fn withdrawn(status: u16) -> &'static str {
    match status {
        451 => "is not available for legal reasons",
        _ => "is gone: it was removed for good",
    }
}

/// What can be done about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Download the checkpoint of this name ([`Hub::pull`](crate::Hub::pull)).
    Download {
        /// The name under which it was asked for: one of the catalogue, or a repository.
        name: String,
    },
    /// Allow the network ([`HubSettings::offline`](crate::HubSettings::offline)), and download.
    AllowNetwork {
        /// The name under which it was asked for.
        name: String,
    },
    /// Move this away from where the cache has files and folders of its own.
    ClearTheWay {
        /// What is in the way.
        path: PathBuf,
    },
    /// Get permission to read or write this, or use another cache ([`HubSettings::cache`](crate::HubSettings::cache)).
    GetPermission {
        /// The file or folder.
        path: PathBuf,
    },
    /// Choose another model: this one cannot be had any more.
    ChooseAnother,
    /// Choose a name that the catalogue lists, or a repository.
    ChooseModel {
        /// The name that is most like the one that was given, if one is close.
        nearest: Option<String>,
    },
    /// Correct a setting, or leave it unset.
    CorrectSetting(Setting),
    /// Check the repository's name; if it is private, set a token that may read it
    /// ([`HubSettings::token`](crate::HubSettings::token)).
    CheckNameOrToken {
        /// Whether a token was sent, and does not suffice.
        token: bool,
    },
    /// Accept the repository's conditions on its page, and set a token of the account that did.
    AcceptConditions {
        /// The repository's page.
        page: String,
        /// Whether a token was sent, and does not suffice.
        token: bool,
    },
    /// Try again later: the server is at fault.
    TryLater,
    /// Try again when this time has passed; the server asks for that.
    TryAfter(Duration),
    /// Check that there is a network, and the setting of the proxy if the request went through one.
    CheckConnection {
        /// The setting that names the proxy.
        proxy: Option<Setting>,
    },
    /// Check the server's address ([`HubSettings::endpoint`](crate::HubSettings::endpoint)), and whether the network wants
    /// a login.
    CheckServer,
    /// Do the same again: what was fetched is kept, and the download goes on where it stopped.
    Resume,
    /// Do the same again from the beginning; if it fails in the same way, the server or something on the way to it is
    /// broken.
    TryAgain,
    /// Use a repository with safetensors, or convert the weights and use the folder with them.
    ConvertWeights,
}

impl HubError {
    /// What can be done about it, if that is known.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::UnknownModel { nearest, .. } => Some(Remedy::ChooseModel { nearest: nearest.clone() }),
            Self::Setting { setting, .. } => Some(Remedy::CorrectSetting(*setting)),
            Self::NotCached { name, .. } => Some(Remedy::Download { name: name.clone() }),
            Self::Offline { name, .. } => Some(Remedy::AllowNetwork { name: name.clone() }),
            Self::RepositoryNotFound { token, .. } => Some(Remedy::CheckNameOrToken { token: *token }),
            Self::Denied { repository, endpoint, token, .. } => {
                Some(Remedy::AcceptConditions { page: format!("{endpoint}/{repository}"), token: *token })
            }
            Self::InTheWay { path, .. } => Some(Remedy::ClearTheWay { path: path.clone() }),
            Self::Io { path, source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Some(Remedy::GetPermission { path: path.clone() })
            }
            Self::Withdrawn { .. } => Some(Remedy::ChooseAnother),
            Self::Status { .. } | Self::Protocol { .. } | Self::WebPage { .. } => Some(Remedy::CheckServer),
            Self::Proxy { setting, .. } => Some(Remedy::CorrectSetting(*setting)),
            Self::Network { kept, cause, .. } => Some(match cause {
                Interruption::Status { wait: Some(wait), .. } => Remedy::TryAfter(*wait),
                _ if *kept => Remedy::Resume,
                Interruption::Connection { proxy, .. } => Remedy::CheckConnection { proxy: *proxy },
                _ => Remedy::TryLater,
            }),
            Self::Cancelled => Some(Remedy::Resume),
            Self::WrongHash { .. } => Some(Remedy::TryAgain),
            Self::PickleOnly { .. } => Some(Remedy::ConvertWeights),
            Self::Io { .. }
            | Self::Repository { .. }
            | Self::Catalogue { .. }
            | Self::ShardIndex { .. }
            | Self::RevisionNotFound { .. }
            | Self::FileNotFound { .. }
            | Self::NoCheckpoint { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One error of each kind, with this text wherever text from outside can be.
    fn all(text: &str) -> Vec<HubError> {
        let s = || text.to_owned();
        let path = || PathBuf::from(text);
        let causes = [
            Interruption::Status { server: s(), status: 503, message: s(), wait: None },
            Interruption::Status { server: s(), status: 429, message: s(), wait: Some(Duration::from_secs(3600)) },
            Interruption::Connection { reason: s(), proxy: Some(Setting::HttpProxy) },
            Interruption::Range { from: 1 },
            Interruption::Ended { at: 1, size: 2 },
        ];
        let mut errors = vec![
            HubError::Io { action: "read", path: path(), source: std::io::ErrorKind::NotFound.into() },
            HubError::Io { action: "read", path: path(), source: std::io::ErrorKind::PermissionDenied.into() },
            HubError::InTheWay { path: path(), expected: "a file", found: "a folder" },
            HubError::Withdrawn { url: s(), status: 410, message: s() },
            HubError::Withdrawn { url: s(), status: 451, message: s() },
            HubError::Repository { name: s(), reason: "it is wrong" },
            HubError::UnknownModel { name: s(), nearest: Some("pocket".to_owned()) },
            HubError::Setting { setting: Setting::Endpoint, value: s(), reason: "expected another" },
            HubError::Catalogue { reason: s() },
            HubError::ShardIndex { path: path(), reason: s() },
            HubError::NotCached { name: s(), cache: path(), missing: s() },
            HubError::Offline { name: s(), cache: path(), missing: s() },
            HubError::RepositoryNotFound { repository: s(), endpoint: s(), token: true },
            HubError::RevisionNotFound { repository: s(), revision: s() },
            HubError::FileNotFound { repository: s(), file: s() },
            HubError::Denied { repository: s(), endpoint: s(), status: 403, message: s(), token: false },
            HubError::Status { url: s(), status: 400, message: s() },
            HubError::Protocol { url: s(), reason: s() },
            HubError::WebPage { url: s() },
            HubError::Proxy { setting: Setting::HttpProxy, proxy: s(), server: s(), status: 407 },
            HubError::WrongHash { repository: s(), file: s(), expected: "1".to_owned(), found: "2".to_owned() },
            HubError::PickleOnly { repository: s(), found: s() },
            HubError::NoCheckpoint { repository: s(), missing: s() },
            HubError::Cancelled,
        ];
        for cause in causes {
            errors.extend([true, false].map(|kept| HubError::Network {
                url: s(),
                attempts: 5,
                kept,
                cause: cause.clone(),
            }));
        }
        errors
    }

    #[test]
    fn no_message_carries_what_acts_on_a_terminal() {
        for error in all("evil\u{1b}]0;x\u{7}\r\n\u{9b}31m\u{202e}\u{2066}\u{200f}name") {
            let message = error.to_string();
            assert!(!message.contains(clip_files::deceptive::is_deceptive), "{message:?}");
            if message.contains("evil") {
                assert!(message.contains("\\u{1b}]0;x"), "{message}");
            }
        }
    }

    #[test]
    fn remedies_fit_what_went_wrong() {
        let name = || "x".to_owned();
        let remedies: Vec<Remedy> = all("x").iter().filter_map(HubError::remedy).collect();
        for expected in [
            Remedy::ChooseModel { nearest: Some("pocket".to_owned()) },
            Remedy::CorrectSetting(Setting::Endpoint),
            Remedy::Download { name: name() },
            Remedy::AllowNetwork { name: name() },
            Remedy::CheckNameOrToken { token: true },
            Remedy::AcceptConditions { page: "x/x".to_owned(), token: false },
            Remedy::TryLater,
            Remedy::TryAfter(Duration::from_secs(3600)),
            Remedy::CheckConnection { proxy: Some(Setting::HttpProxy) },
            Remedy::CheckServer,
            Remedy::Resume,
            Remedy::TryAgain,
            Remedy::ConvertWeights,
        ] {
            assert!(remedies.contains(&expected), "{expected:?}");
        }
    }

    #[test]
    fn messages_name_no_option_variable_or_command() {
        for error in all("x") {
            let message = error.to_string();
            for word in ["--", "HF_", "clip-search", "PROXY"] {
                assert!(!message.contains(word), "{message}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_systems_reason_is_said_once_and_without_its_number() {
        // EISDIR has the same number on all Unixes.
        let source = std::io::Error::from_raw_os_error(21);
        let error = HubError::Io { action: "open", path: "/c/x.lock".into(), source };
        assert_eq!(error.to_string(), "cannot open /c/x.lock: is a directory");
    }
}
