//! What tantivy sees of its index when it writes.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use clip_files::private;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, META_LOCK, MmapDirectory, TerminatingWrite,
    WatchCallback, WatchHandle, WritePtr,
};

use super::blocks::{self, BlockSums, Summing};

const META: &str = "meta.json";

/// The folder `words/` of an index whose lock is held.
///
/// `meta.json` and tantivy's list of its files are kept in memory: the manifest commits. And nothing is removed: a file that
/// tantivy needs no more may be one that the manifest still names.
///
/// Tantivy's own lock files are not used. The index's lock keeps other writers away, on systems without file locks too;
/// and what remains, the order between opening and removing files within this process, needs no file.
#[derive(Debug, Clone)]
pub(super) struct WriteDirectory {
    files: MmapDirectory,
    root: PathBuf,
    in_memory: Arc<Mutex<HashMap<PathBuf, Vec<u8>>>>,
    gate: Arc<Gate>,
    opening: Arc<Turn>,
    /// Of the files that were written.
    sums: Arc<Mutex<BlockSums>>,
}

impl WriteDirectory {
    /// With this `meta.json`, if there is one.
    pub(super) fn open(root: &Path, meta: Option<&str>) -> tantivy::Result<WriteDirectory> {
        let meta = meta.map(|meta| (PathBuf::from(META), meta.as_bytes().to_vec()));
        Ok(WriteDirectory {
            files: MmapDirectory::open(root)?,
            root: root.to_path_buf(),
            in_memory: Arc::new(Mutex::new(meta.into_iter().collect())),
            gate: Arc::default(),
            opening: Arc::default(),
            sums: Arc::default(),
        })
    }

    /// The `meta.json` of now.
    pub(super) fn meta(&self) -> String {
        let files = self.in_memory();
        // Tantivy writes JSON.
        files.get(Path::new(META)).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }

    /// The checksums of the blocks of these files: as they were written, as they were known, or as they are where nobody knows, all
    /// of which were found to be whole when the directory was opened.
    pub(super) fn sums(&self, files: &HashSet<PathBuf>, known: &BlockSums) -> io::Result<BlockSums> {
        let written = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sums = BlockSums::new();
        for name in files.iter().filter_map(|file| file.to_str()) {
            let known = written.get(name).or_else(|| known.get(name));
            let found = match known {
                Some(known) => known.clone(),
                None => match File::open(self.root.join(name)) {
                    Ok(file) => blocks::sums_of(file)?,
                    // Some of the names are of files that a segment may have.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                },
            };
            sums.insert(name.to_owned(), found);
        }
        Ok(sums)
    }

    fn in_memory(&self) -> MutexGuard<'_, HashMap<PathBuf, Vec<u8>>> {
        self.in_memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn gate(&self) -> Arc<Gate> {
        self.gate.clone()
    }
}

/// Ends all writing. Threads of tantivy may outlive its writer, and must not touch an index whose lock is given back.
#[derive(Debug, Default)]
pub(super) struct Gate {
    closed: RwLock<bool>,
}

impl Gate {
    /// Waits for changes that are under way; none is made afterwards.
    pub(super) fn close(&self) {
        *self.closed.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn pass(&self) -> io::Result<RwLockReadGuard<'_, bool>> {
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        if *closed { Err(io::Error::new(io::ErrorKind::BrokenPipe, "the index is closed")) } else { Ok(closed) }
    }
}

/// A lock among the threads of this process.
#[derive(Debug, Default)]
struct Turn {
    taken: Mutex<bool>,
    given_back: Condvar,
}

struct Taken(Arc<Turn>);

impl Turn {
    fn take(self: &Arc<Self>) -> Taken {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            taken = self.given_back.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
        Taken(self.clone())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.given_back.notify_one();
    }
}

impl Directory for WriteDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.files.get_file_handle(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.in_memory().contains_key(path) || self.files.exists(path)?)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.in_memory().get(path).cloned().ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_path_buf()))
    }

    fn delete(&self, _path: &Path) -> Result<(), DeleteError> {
        Ok(())
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let create = || {
            let _open = self.gate.pass()?;
            private::options().write(true).create_new(true).open(self.root.join(path))
        };
        match create() {
            Ok(file) => {
                let (summing, sums, name) = (Summing::default(), self.sums.clone(), path.to_path_buf());
                Ok(BufWriter::new(Box::new(Synced { file, summing, sums, name })))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(OpenWriteError::FileAlreadyExists(path.to_path_buf()))
            }
            Err(error) => Err(OpenWriteError::wrap_io_error(error, path.to_path_buf())),
        }
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        let _open = self.gate.pass()?;
        self.in_memory().insert(path.to_path_buf(), data.to_vec());
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        clip_files::directory::sync_dir(&self.root)
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        let guard: Box<dyn Send + Sync> =
            if lock.filepath == META_LOCK.filepath { Box::new(self.opening.take()) } else { Box::new(()) };
        Ok(DirectoryLock::from(Box::new(guard)))
    }

    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

/// A file that is on the disk when it is finished.
struct Synced {
    file: File,
    summing: Summing,
    sums: Arc<Mutex<BlockSums>>,
    name: PathBuf,
}

impl Write for Synced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.summing.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl TerminatingWrite for Synced {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        self.file.sync_data()?;
        if let Some(name) = self.name.to_str() {
            let sums = std::mem::take(&mut self.summing).finish();
            self.sums.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), sums);
        }
        Ok(())
    }
}
