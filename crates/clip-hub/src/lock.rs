//! Keeps two programs from fetching one file at the same time.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clip_files::lock::{FileLock, LockError};

use crate::HubError;
use crate::cache::{A_FILE, create_parent, fault};
use crate::progress::go_on;

/// How long to wait before a lock that somebody else holds is tried again.
const INTERVAL: Duration = Duration::from_millis(100);

/// Takes the lock on a file as soon as it is free. `waiting` is called once if it has to wait.
///
/// `huggingface_hub` locks the same files with the same system call. File systems that know no locks go without: no file
/// becomes visible unchecked, so the worst is a wasted download.
///
/// # Errors
/// [`HubError::Io`] and [`HubError::InTheWay`], and [`HubError::Cancelled`] if `cancel` says so.
pub(crate) fn take(path: &Path, waiting: impl FnOnce(), cancel: &AtomicBool) -> Result<FileLock, HubError> {
    create_parent(path)?;
    let mut waiting = Some(waiting);
    loop {
        match FileLock::acquire_shared(path) {
            Ok(lock) => return Ok(lock),
            Err(LockError::Io(path, source)) => return Err(fault("open", &path, A_FILE, source)),
            Err(LockError::Held | LockError::HeldBy(_)) => {
                if let Some(waiting) = waiting.take() {
                    waiting();
                }
                go_on(cancel)?;
                std::thread::sleep(INTERVAL);
            }
        }
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
        let first = take(&path, || panic!("it is free"), &cancelled).unwrap();
        assert!(matches!(take(&path, || told = true, &cancelled), Err(HubError::Cancelled)));
        assert!(told);
        drop(first);
        take(&path, || panic!("it is free again"), &cancelled).unwrap();
    }
}
