//! What goes wrong for the moment.

use crate::escape::Escaped;

/// Why a request did not succeed although the next one may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Interruption {
    /// The server, or the storage that it redirected to, answered with a status that may pass.
    #[error("the server answered {status}{}", words(message))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The server's words; empty if it had none.
        message: String,
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
        /// What the network says.
        reason: String,
    },
}

/// A server's words in brackets, or nothing.
pub(crate) fn words(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({})", Escaped(message)) }
}
