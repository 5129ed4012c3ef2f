//! What a download tells its caller, and how the caller ends it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::HubError;
use crate::interruption::Interruption;

/// Something that happened. Names are as the server has them: escape them before they reach a terminal.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum PullEvent<'a> {
    /// The server was asked, and this is to be fetched.
    Planned {
        /// Files of the checkpoint.
        files: usize,
        /// Bytes of all of them.
        bytes: u64,
        /// Bytes that the cache has already, whole files and beginnings.
        cached: u64,
    },
    /// What is in the cache is being hashed.
    Checking {
        /// The file's name in the repository.
        file: &'a str,
    },
    /// A file is fetched from here on.
    Fetching {
        /// The file's name in the repository.
        file: &'a str,
        /// Its size.
        bytes: u64,
        /// Bytes that an earlier run had fetched.
        resumed: u64,
    },
    /// This many bytes of the checkpoint are on this disk.
    Bytes {
        /// Out of `bytes` in [`Planned`](Self::Planned).
        done: u64,
    },
    /// The connection broke; it is tried again after a pause.
    Retrying {
        /// The file's name in the repository.
        file: &'a str,
        /// Why.
        cause: &'a Interruption,
        /// How long it is waited before.
        pause: Duration,
    },
    /// Another process fetches the same file; it is waited for.
    Waiting {
        /// The file's name in the repository.
        file: &'a str,
    },
}

/// Fails if the caller asked to stop.
///
/// # Errors
/// [`HubError::Cancelled`].
pub(crate) fn go_on(cancel: &AtomicBool) -> Result<(), HubError> {
    if cancel.load(Ordering::Relaxed) { Err(HubError::Cancelled) } else { Ok(()) }
}
