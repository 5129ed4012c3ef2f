//! One writer at a time, by an advisory lock of the operating system: it goes when the process dies, however it dies.

use std::fs::{File, TryLockError};

use crate::error::IndexError;
use crate::files;
use crate::layout::Layout;

/// Held as long as a writer lives. Readers take no lock.
#[derive(Debug)]
pub(crate) struct WriteLock {
    _file: File,
}

impl WriteLock {
    pub(crate) fn acquire(layout: &Layout) -> Result<WriteLock, IndexError> {
        let path = layout.lock();
        let file = files::open_lock_file(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(WriteLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(IndexError::Locked { dir: layout.root().to_path_buf() }),
            Err(TryLockError::Error(error)) => Err(IndexError::io("lock", &path)(error)),
        }
    }
}
