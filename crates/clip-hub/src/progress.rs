//! What a download tells its caller.

/// Something that happened.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum PullEvent<'a> {
    /// The server was asked; so much is to be fetched.
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
    /// So many bytes of the checkpoint are on this disk.
    Bytes {
        /// Of the number in [`Planned`](Self::Planned).
        done: u64,
    },
    /// The connection broke; it is tried again after a pause.
    Retrying {
        /// The file's name in the repository.
        file: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// Another process fetches the same file; it is waited for.
    Waiting {
        /// The file's name in the repository.
        file: &'a str,
    },
    /// Nothing new: asked often while something takes time, so that it can be stopped.
    Idle,
}

/// Listens to a download.
pub trait PullObserver {
    /// Something happened. `false` stops the download; what was fetched is kept.
    fn event(&mut self, event: PullEvent<'_>) -> bool;
}

impl<F: FnMut(PullEvent<'_>) -> bool> PullObserver for F {
    fn event(&mut self, event: PullEvent<'_>) -> bool {
        self(event)
    }
}
