//! One writer at a time.

use clip_files::lock::{FileLock, LockError, OperatingSystem, System};

use crate::error::IndexError;
use crate::layout::Layout;

/// Held as long as a writer lives. Readers take no lock.
#[derive(Debug)]
pub(crate) struct WriteLock {
    _lock: FileLock,
}

impl WriteLock {
    pub(crate) fn acquire(layout: &Layout) -> Result<WriteLock, IndexError> {
        WriteLock::acquire_by(&OperatingSystem, layout)
    }

    fn acquire_by(system: &dyn System, layout: &Layout) -> Result<WriteLock, IndexError> {
        let dir = || layout.root().to_path_buf();
        match FileLock::acquire_by(system, &layout.lock(), &layout.lock_holder()) {
            Ok(lock) => Ok(WriteLock { _lock: lock }),
            Err(LockError::Held) => Err(IndexError::Locked { dir: dir() }),
            Err(LockError::HeldBy(holder)) => Err(IndexError::LockedBy {
                dir: dir(),
                file: holder.file,
                host: holder.host,
                process: holder.process,
                since: holder.since,
            }),
            Err(LockError::Io(path, error)) => Err(IndexError::io("lock", &path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, TryLockError};
    use std::io;

    use super::*;
    use crate::error::Remedy;

    /// A network file system.
    struct NoLocks;

    impl System for NoLocks {
        fn try_lock(&self, _: &File) -> Result<(), TryLockError> {
            Err(TryLockError::Error(io::ErrorKind::Unsupported.into()))
        }

        fn host(&self) -> String {
            "elsewhere".into()
        }

        fn is_alive(&self, _: u32) -> bool {
            true
        }
    }

    #[test]
    fn where_there_are_no_locks_the_holder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let lock = WriteLock::acquire_by(&NoLocks, &layout).unwrap();
        for error in [WriteLock::acquire_by(&NoLocks, &layout).unwrap_err(), WriteLock::acquire(&layout).unwrap_err()] {
            let message = error.to_string();
            assert!(message.contains("elsewhere") && message.contains(&std::process::id().to_string()), "{message}");
            assert_eq!(error.remedy(), Some(Remedy::RemoveLockFile { file: layout.lock_holder() }));
        }
        drop(lock);
        WriteLock::acquire(&layout).unwrap();
    }
}
