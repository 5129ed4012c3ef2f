//! The one error type of the crate.

use std::path::PathBuf;

/// Why a checkpoint could not be found, fetched or checked.
///
/// Every message says what was expected, what was found and, where there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done: `read`, `write`, `rename`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A name cannot be one of a repository.
    #[error("`{name}` is not the name of a repository: {reason}; expected ORG/NAME, such as `timm/ViT-B-16-SigLIP`")]
    Repository {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name is neither in the catalogue nor that of a repository.
    #[error(
        "unknown model `{name}`: expected a name of the catalogue or a repository (ORG/NAME){}",
        nearest.as_ref().map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
    )]
    UnknownModel {
        /// The name.
        name: String,
        /// The name in the catalogue that is most like it, if one is close.
        nearest: Option<String>,
    },
    /// A setting cannot be used.
    #[error("{name} is `{value}`: {reason}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What it is set to.
        value: String,
        /// What is wrong with it and what was expected.
        reason: String,
    },
    /// The embedded catalogue cannot be read.
    #[error("the catalogue of models is damaged: {reason}")]
    Catalogue {
        /// What is wrong.
        reason: String,
    },
    /// The checkpoint, or a part of it, is not in the cache.
    #[error("{name} is not in the cache ({}): {missing}; fetch it with `clip-search model pull {name}`", cache.display())]
    NotCached {
        /// The name under which it was asked for.
        name: String,
        /// The cache's folder.
        cache: PathBuf,
        /// What is missing.
        missing: String,
    },
    /// The network is switched off and the cache does not hold everything.
    #[error(
        "{name} is not in the cache ({}): {missing}; the network is switched off, leave out --offline and unset \
         HF_HUB_OFFLINE to fetch it",
        cache.display()
    )]
    Offline {
        /// The name under which it was asked for.
        name: String,
        /// The cache's folder.
        cache: PathBuf,
        /// What is missing.
        missing: String,
    },
    /// The server knows no such repository, or hides it.
    #[error(
        "{endpoint} has no repository {repository} for us; check the name, and if it is private set HF_TOKEN to a \
         token that may read it"
    )]
    RepositoryNotFound {
        /// The repository.
        repository: String,
        /// The server.
        endpoint: String,
    },
    /// The repository has no such revision.
    #[error("{repository} has no revision `{revision}`; expected a branch, a tag or a commit")]
    RevisionNotFound {
        /// The repository.
        repository: String,
        /// The revision.
        revision: String,
    },
    /// The repository lacks a file that is needed.
    #[error("{repository} has no file `{file}`, which is needed; the repository was changed or is no such checkpoint")]
    FileNotFound {
        /// The repository.
        repository: String,
        /// The file's name in it.
        file: String,
    },
    /// The server refuses to hand out the repository.
    #[error(
        "{endpoint} does not let us read {repository}: {reason}; accept its conditions at {endpoint}/{repository} and \
         set HF_TOKEN to a token of the account that did"
    )]
    Denied {
        /// The repository.
        repository: String,
        /// The server.
        endpoint: String,
        /// The server's words.
        reason: String,
    },
    /// The server answered with a status that is no success.
    #[error("{url} answered {status}{}; try again later", if reason.is_empty() { String::new() } else { format!(" ({reason})") })]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The server's words, or nothing.
        reason: String,
    },
    /// The server could not be reached, or the connection broke too often.
    #[error(
        "cannot fetch {url}: {reason} (tried {attempts} times); what was fetched is kept, run the same again to go on"
    )]
    Network {
        /// What was asked for.
        url: String,
        /// Tries without a single new byte.
        attempts: u32,
        /// The last failure.
        reason: String,
    },
    /// The server does not keep to the hub's protocol.
    #[error("{url} does not answer like a Hugging Face hub: {reason}")]
    Protocol {
        /// What was asked for.
        url: String,
        /// What was expected and found.
        reason: String,
    },
    /// A file arrived with another content than the server announced.
    #[error(
        "{file} of {repository} arrived damaged: expected the hash {expected}, found {found}; it was thrown away, try \
         again, and if it stays so the server or something between is broken"
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
        "{repository} holds its weights only as `{found}`, a pickle, which could run code and is never read; use a \
         repository with safetensors, or convert it and give --model the folder"
    )]
    PickleOnly {
        /// The repository.
        repository: String,
        /// The pickled file.
        found: String,
    },
    /// The repository is no checkpoint in a known layout.
    #[error(
        "{repository} is no checkpoint that can be read: {missing}; expected `config.json` with `model.safetensors` \
         (Hugging Face) or `open_clip_config.json` with `open_clip_model.safetensors` (open_clip)"
    )]
    NoCheckpoint {
        /// The repository.
        repository: String,
        /// What is missing.
        missing: String,
    },
    /// The observer asked to stop. What was fetched is kept.
    #[error("stopped; what was fetched is kept, run the same again to go on")]
    Cancelled,
}
