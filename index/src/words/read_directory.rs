//! What tantivy sees of its index when it reads: one committed state, which never changes and is never written to.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clip_files::system_error;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, DirectoryLock, FileHandle, Lock, MmapDirectory, WatchCallback, WatchHandle, WritePtr,
};
use tantivy::index::SegmentComponent;
use tantivy::{Index, IndexMeta};

use super::blocks::{BlockSums, CheckedFile};
use super::guard::guard;
use crate::error::IndexError;
use crate::layout::Layout;
use crate::manifest::Manifest;

const COMMIT_POINT: &str = "meta.json";

/// The files that one `meta.json` names, all mapped, so that they stay readable after a writer has removed them, and that
/// `meta.json` itself.
///
/// Nothing outside this set is visible, no lock is taken, and everything that would write fails.
#[derive(Clone)]
pub(crate) struct ReadDirectory {
    root: PathBuf,
    meta: Arc<[u8]>,
    files: Arc<HashMap<PathBuf, Arc<dyn FileHandle>>>,
    /// All files are there that a whole index has.
    complete: bool,
    /// Those whose blocks are checked when they are read.
    checked: Arc<HashMap<PathBuf, Arc<CheckedFile>>>,
}

impl fmt::Debug for ReadDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadDirectory").field("root", &self.root).field("files", &self.files.len()).finish()
    }
}

impl ReadDirectory {
    /// One that sees `meta.json` and no other file.
    pub(super) fn without_files(root: &Path, meta: Arc<[u8]>) -> ReadDirectory {
        ReadDirectory { root: root.to_path_buf(), meta, files: Arc::default(), complete: true, checked: Arc::default() }
    }

    /// The files of the word index of a commit, if it has one: see [`pin`](ReadDirectory::pin).
    pub(crate) fn of(layout: &Layout, manifest: &Manifest) -> Result<Option<ReadDirectory>, IndexError> {
        let pin = |meta: &String| ReadDirectory::pin(&layout.words(), meta.as_bytes().into(), &manifest.word_sums);
        manifest.words.as_ref().map(pin).transpose()
    }

    /// Maps the files in `root` that this `meta.json` names. What is missing or damaged shows when it is read: files with `sums`
    /// are checked block by block then.
    ///
    /// # Errors
    /// [`IndexError::Io`] if the system refuses to open one.
    pub(crate) fn pin(root: &Path, meta: Arc<[u8]>, sums: &BlockSums) -> Result<ReadDirectory, IndexError> {
        let mut pinned = ReadDirectory::without_files(root, meta);
        let metas = match guard(root, || Index::open(pinned.clone())?.load_metas()) {
            Ok(metas) => metas,
            // It will be told again when the metadata is read; until then it harms nothing.
            Err(IndexError::Metadata { .. }) => return Ok(pinned),
            Err(error) => return Err(error),
        };
        let expected = expected_files(&metas);
        let (files, checked, complete) = guard(root, || {
            let on_disk = MmapDirectory::open(root)?;
            let (mut files, mut checked) = (HashMap::new(), HashMap::new());
            let mut complete = true;
            // Some of the names are of files that a segment may have.
            for path in metas.list_segment_files() {
                // Opening a named pipe would wait for somebody who writes to it.
                let is_file = root.join(&path).metadata().map_or(true, |metadata| metadata.is_file());
                match is_file.then(|| on_disk.get_file_handle(&path)) {
                    Some(Ok(file)) => {
                        let sums = path.to_str().and_then(|name| sums.get(name));
                        match sums.and_then(|sums| CheckedFile::new(file.clone(), sums)) {
                            Some(file) => {
                                let file = Arc::new(file);
                                checked.insert(path.clone(), file.clone());
                                files.insert(path, file as Arc<dyn FileHandle>);
                            }
                            None => {
                                files.insert(path, file);
                            }
                        }
                    }
                    // What nobody can read is as good as missing: it can be made again.
                    None | Some(Err(OpenReadError::FileDoesNotExist(_))) => complete &= !expected.contains(&path),
                    Some(Err(OpenReadError::IoError { io_error, .. })) if system_error::says_unreadable(&io_error) => {
                        complete &= !expected.contains(&path);
                    }
                    Some(Err(error)) => return Err(error.into()),
                }
            }
            Ok((files, checked, complete))
        })?;
        (pinned.files, pinned.checked, pinned.complete) = (Arc::new(files), Arc::new(checked), complete);
        Ok(pinned)
    }

    /// False if a file is missing: the index is damaged, or a writer has just replaced it.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Is every byte of this file checked before it is given to anybody?
    pub(super) fn checks(&self, file: &Path) -> bool {
        self.checked.contains_key(file)
    }

    /// Bytes that were checked so far.
    #[cfg(test)]
    pub(super) fn checked_bytes(&self) -> usize {
        self.checked.values().map(|file| file.checked_bytes()).sum()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}

/// The files that every segment has.
pub(super) fn expected_files(metas: &IndexMeta) -> Vec<PathBuf> {
    use SegmentComponent::{Delete, FastFields, FieldNorms, Positions, Postings, Store, Terms};
    let always = [Postings, Positions, FastFields, FieldNorms, Terms, Store];
    let of_segment = |segment: &tantivy::SegmentMeta| {
        let deleted = segment.has_deletes().then_some(Delete);
        always.iter().cloned().chain(deleted).map(|part| segment.relative_path(part)).collect::<Vec<_>>()
    };
    metas.segments.iter().flat_map(of_segment).collect()
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "readers of an index write nothing")
}

impl Directory for ReadDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.files.get(path).cloned().ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_path_buf()))
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(path == Path::new(COMMIT_POINT) || self.files.contains_key(path))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        // `.managed.json` is of use to writers only.
        if path == Path::new(COMMIT_POINT) {
            Ok(self.meta.to_vec())
        } else {
            Err(OpenReadError::FileDoesNotExist(path.to_path_buf()))
        }
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_path_buf() })
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(read_only(), path.to_path_buf()))
    }

    fn atomic_write(&self, _path: &Path, _data: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Err(read_only())
    }

    /// Tantivy's lock keeps files from being removed while they are opened: here all are open already.
    fn acquire_lock(&self, _lock: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}
