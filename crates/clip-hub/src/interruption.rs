//! What goes wrong for the moment.

use std::time::Duration;

use crate::escape::Escaped;
use crate::setting::Setting;

/// Why a request did not succeed although the next one may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Interruption {
    /// The server, or the storage that it redirected to, answered with a status that may pass.
    #[error("{} answered {}", Escaped(server), answer(*status, message))]
    Status {
        /// Who answered: a host, and its port if it is not the usual one.
        server: String,
        /// The HTTP status.
        status: u16,
        /// The server's words; empty if it had none.
        message: String,
        /// How long the server asks to wait before the next request, if it says so.
        wait: Option<Duration>,
    },
    /// The server has fewer bytes than were fetched before (status 416): what is there cannot be a beginning of this
    /// file. It is removed, and the download begins anew.
    #[error("the server has no byte {from}: the partial download belongs to a different file")]
    Range {
        /// The first byte that was asked for.
        from: u64,
    },
    /// The connection ended within a file.
    #[error("the connection ended at byte {at} of {size}")]
    Ended {
        /// Bytes of the file that have come.
        at: u64,
        /// Bytes of the whole file.
        size: u64,
    },
    /// No connection, none in time, or one that broke.
    #[error("{}", Escaped(reason))]
    Connection {
        /// Who was asked, and what went wrong.
        reason: String,
        /// The setting that names the proxy that it went through, if there was one.
        proxy: Option<Setting>,
    },
}

impl Interruption {
    /// How long the server asks to wait.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Status { wait, .. } => *wait,
            _ => None,
        }
    }
}

/// A status with the server's words, or else with its standard name.
pub(crate) fn answer(status: u16, message: &str) -> String {
    let name = ureq::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    match name {
        Some(name) if message.is_empty() => format!("{status} ({name})"),
        _ => format!("{status}{}", words(message)),
    }
}

/// A server's words in brackets, or nothing.
pub(crate) fn words(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({})", Escaped(message)) }
}
