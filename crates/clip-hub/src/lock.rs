//! Keeps two programs from fetching one file at the same time.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::HubError;
use crate::cache::{A_FILE, create_parent, fault};
use crate::progress::go_on;

/// How long to wait before a lock that somebody else holds is tried again.
const INTERVAL: Duration = Duration::from_millis(100);

/// A lock on a file; it is released when the value is dropped, or when the process ends.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock as soon as it is free. `waiting` is called once if it has to wait.
    ///
    /// `huggingface_hub` locks the same files with the same system call. File systems that know no locks go without:
    /// no file becomes visible unchecked, so the worst is a wasted download.
    ///
    /// # Errors
    /// [`HubError::Io`], and [`HubError::Cancelled`] if `cancel` says so.
    pub fn take(path: &Path, waiting: impl FnOnce(), cancel: &AtomicBool) -> Result<Self, HubError> {
        create_parent(path)?;
        let file = clip_files::regular::open_with(File::options().create(true).write(true).truncate(false), path)
            .map_err(|source| fault("open", path, A_FILE, source))?;
        let mut waiting = Some(waiting);
        while let Err(TryLockError::WouldBlock) = file.try_lock() {
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            go_on(cancel)?;
            std::thread::sleep(INTERVAL);
        }
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.lock");
        let (cancelled, mut told) = (AtomicBool::new(true), false);
        let first = Lock::take(&path, || panic!("it is free"), &cancelled).unwrap();
        assert!(matches!(Lock::take(&path, || told = true, &cancelled), Err(HubError::Cancelled)));
        assert!(told);
        drop(first);
        Lock::take(&path, || panic!("it is free again"), &cancelled).unwrap();
    }
}
