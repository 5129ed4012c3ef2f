//! Thumbnails on disk, by content and size, as many as there is room for.
//!
//! `FOLDER/ab/abcdef….240.v1.jpg`, for the user alone. Reading one that was not read for a day sets its time, and where there is
//! no more room, those with the oldest times go.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, SystemTime};

use clip_files::{atomic, private, regular};

/// Counts ways of making thumbnails: those of another are not used.
const VERSION: u32 = 1;
/// A larger file is no thumbnail.
const LARGEST: u64 = 8 << 20;
/// The time of a file is not set for every read.
const SELDOM: Duration = Duration::from_secs(86_400);

/// How JPEG files begin and end.
const BEGINNING: &[u8] = b"\xff\xd8\xff";
const END: &[u8] = b"\xff\xd9";

/// What a thumbnail is called.
pub(super) fn name(key: &[u8; 16], size: u32, at: u64) -> String {
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let moment = if at == 0 { String::new() } else { format!(".{at}") };
    format!("{key}.{size}{moment}.v{VERSION}")
}

/// Thumbnails in a folder.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    most_bytes: u64,
    /// How many bytes there are, about; more than there can be until they were counted.
    bytes: AtomicU64,
    /// Held by whoever tidies up.
    tidying: Mutex<()>,
}

impl Store {
    pub(super) fn new(folder: PathBuf, most_bytes: u64) -> Store {
        Store { folder, most_bytes, bytes: AtomicU64::new(u64::MAX), tidying: Mutex::new(()) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(&name[..2]).join(format!("{name}.jpg"))
    }

    /// The thumbnail of this name, if there is one.
    pub(super) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.path(name);
        let bytes = regular::read(&path, LARGEST).ok()?;
        // Something else may lie there, and would be called a picture; and what was just written when the power failed may have
        // no end.
        if !(bytes.starts_with(BEGINNING) && bytes.ends_with(END)) {
            return None;
        }
        let is_old = |path: &Path| path.metadata()?.modified()?.elapsed().map_err(std::io::Error::other);
        if is_old(&path).is_ok_and(|age| age > SELDOM) {
            let _ = File::options().write(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        }
        Some(bytes)
    }

    /// Keeps a thumbnail. One that cannot be kept is made again the next time.
    pub(super) fn put(&self, name: &str, jpeg: &[u8]) {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.folder);
        let kept = private::create_dir(folder).and_then(|()| write(folder, &path, jpeg));
        if let Err(error) = kept {
            log::debug!("cannot keep a thumbnail in {}: {error}", folder.display());
            return;
        }
        let before = self
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bytes| Some(bytes.saturating_add(jpeg.len() as u64)));
        if before.is_ok_and(|before| before.saturating_add(jpeg.len() as u64) > self.most_bytes) {
            self.tidy();
        }
    }

    /// Counts what there is, and removes what was not used for longest if it is too much: a tenth more than necessary, so that
    /// this is not done again at once.
    fn tidy(&self) {
        // Who finds somebody tidying leaves it to them.
        let _tidying = match self.tidying.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let mut files = Vec::new();
        let folders = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for folder in folders.filter(|folder| folder.file_name().len() == 2) {
            for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                if let Ok(metadata) = file.metadata()
                    && metadata.is_file()
                {
                    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    files.push((modified, metadata.len(), file.path()));
                }
            }
        }
        let mut bytes: u64 = files.iter().map(|file| file.1).sum();
        if bytes > self.most_bytes {
            files.sort_unstable();
            for (_, length, path) in files {
                if bytes <= self.most_bytes / 10 * 9 {
                    break;
                }
                if fs::remove_file(path).is_ok() {
                    bytes -= length;
                }
            }
        }
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

/// Writes a file whole or not at all. It is not synced: it can be made again.
fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = atomic::temporary_file(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = b"\xff\xd8\xff0123456789\xff\xd9";

    fn set_age(store: &Store, name: &str, age: Duration) {
        let file = File::options().write(true).open(store.path(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn what_is_kept_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().join("thumbnails"), 1000);
        let name = name(&[0xab; 16], 240, 0);
        assert_eq!(store.get(&name), None);
        store.put(&name, JPEG);
        assert_eq!(store.get(&name).as_deref(), Some(JPEG));
        for other in [&b"<html>"[..], &JPEG[..5]] {
            fs::write(store.path(&name), other).unwrap();
            assert_eq!(store.get(&name), None, "it is no JPEG");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            store.put(&name, JPEG);
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&store.path(&name)), 0o600);
            assert_eq!(mode(&store.folder), 0o700);
            assert_eq!(mode(store.path(&name).parent().unwrap()), 0o700);
        }
    }

    #[test]
    fn what_was_not_used_for_longest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().to_path_buf(), 4 * JPEG.len() as u64);
        let names: Vec<String> = (0..5).map(|at| name(&[at; 16], 240, 7)).collect();
        for (at, name) in names[..4].iter().enumerate() {
            store.put(name, JPEG);
            set_age(&store, name, Duration::from_secs(200_000 - at as u64 * 10));
        }
        // Used, and so not the oldest any more.
        assert!(store.get(&names[0]).is_some());
        store.put(&names[4], JPEG);
        let left: Vec<bool> = names.iter().map(|name| store.get(name).is_some()).collect();
        assert_eq!(left, [true, false, false, true, true]);
    }
}
