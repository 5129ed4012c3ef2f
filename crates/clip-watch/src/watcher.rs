//! The system's watches, and the batches that come of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use thiserror::Error;

use crate::batcher::{Batch, Batcher, Happening, Timing};
use crate::disk::RealDisk;
use crate::events::{Seen, seen};
use crate::roots::Roots;

/// The shortest time between two looks at what has changed.
const STEP: Duration = Duration::from_millis(50);
/// Whether each folder is watched by itself, as inotify does it. Elsewhere, trees are.
const BY_FOLDER: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Whether a path may matter, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// It does not.
    No,
    /// If it is a folder or a link.
    AsFolder,
    /// Whatever it is.
    Yes,
}

/// Why nothing can be watched.
#[derive(Debug, Error)]
#[error("cannot watch folders: {0}")]
pub struct WatchError(#[from] notify::Error);

/// How far folders are watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Folders that are watched.
    pub watched: usize,
    /// Folders that are not, because they cannot be, or went away.
    pub unwatched: usize,
    /// The system allows no more watches (`fs.inotify.max_user_watches`).
    pub is_full: bool,
}

/// Watches folders. Dropping it ends that.
pub struct Watcher {
    system: RecommendedWatcher,
    events: Receiver<notify::Result<notify::Event>>,
    batcher: Batcher<RealDisk>,
    interest: Box<dyn Fn(&Path) -> Interest + Send>,
    /// What the system watches.
    watched: BTreeSet<PathBuf>,
    is_full: bool,
    roots: Roots,
    roots_every: Duration,
    started: Instant,
    roots_at: Duration,
    stepped_at: Duration,
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher").field("watched", &self.watched.len()).finish_non_exhaustive()
    }
}

impl Watcher {
    /// Watches nothing yet. `interest` tells which names may matter; changes of others are not told.
    ///
    /// # Errors
    /// [`WatchError`] if the system refuses.
    pub fn new(timing: Timing, interest: impl Fn(&Path) -> Interest + Send + 'static) -> Result<Watcher, WatchError> {
        let (sender, events) = crossbeam_channel::unbounded();
        // Reading files gives events too, as many as there are files. They must not wait in the queue with the others.
        let handle = move |event: notify::Result<notify::Event>| {
            let matters = match &event {
                Ok(event) => !matches!(
                    event.kind,
                    notify::EventKind::Access(notify::event::AccessKind::Open(_) | notify::event::AccessKind::Read)
                ),
                Err(_) => true,
            };
            if matters {
                let _ = sender.send(event);
            }
        };
        Ok(Watcher {
            system: notify::recommended_watcher(handle)?,
            events,
            batcher: Batcher::new(timing, RealDisk),
            interest: Box::new(interest),
            watched: BTreeSet::new(),
            is_full: false,
            roots: Roots::default(),
            roots_every: timing.roots,
            started: Instant::now(),
            roots_at: Duration::ZERO,
            stepped_at: Duration::ZERO,
        })
    }

    /// Watches these folders from now on, and no others. `roots` are the folders and single files that all of it is about. A
    /// folder that was not watched before counts as changed: what happened in it until now was not told.
    pub fn follow<'p>(&mut self, roots: &'p [PathBuf], folders: impl Iterator<Item = &'p Path>) -> Coverage {
        self.roots.set(roots);
        let wanted: BTreeSet<PathBuf> = if BY_FOLDER {
            let around_files = roots.iter().filter(|root| root.is_file()).filter_map(|root| root.parent());
            folders.chain(around_files).map(Path::to_path_buf).collect()
        } else {
            roots.iter().filter(|root| root.exists()).cloned().collect()
        };
        // A new folder that is in no batch yet is watched already, lest a file in it grow unseen.
        let is_new = |path: &Path| path.ancestors().any(|path| self.batcher.is_pending(path));
        let others: Vec<PathBuf> =
            self.watched.iter().filter(|path| !wanted.contains(*path) && !is_new(path)).cloned().collect();
        for folder in others {
            self.unwatch(&folder);
        }
        self.is_full = false;
        let mut coverage = Coverage::default();
        let mut newest: Option<PathBuf> = None;
        for folder in wanted {
            if self.watched.contains(&folder) {
                continue;
            }
            if !self.watch(&folder) {
                coverage.unwatched += 1;
                continue;
            }
            // In order, so a folder comes before all that is in it.
            if !newest.as_ref().is_some_and(|newest| folder.starts_with(newest)) {
                self.batcher.take(Happening::Changed(folder.clone()), self.started.elapsed());
                newest = Some(folder);
            }
        }
        Coverage { watched: self.watched.len(), is_full: self.is_full, ..coverage }
    }

    /// Waits for the next batch, for so long at most.
    pub fn next(&mut self, timeout: Duration) -> Option<Batch> {
        let end = self.started.elapsed() + timeout;
        loop {
            let now = self.started.elapsed();
            if now >= self.roots_at + self.roots_every {
                self.roots_at = now;
                self.look_at_roots(now);
            }
            if now >= self.stepped_at + STEP {
                self.stepped_at = now;
                if let Some(batch) = self.batcher.batch(now) {
                    return Some(batch);
                }
            }
            if now >= end {
                return None;
            }
            let wake = self.batcher.wake().unwrap_or(end).min(end).max(self.stepped_at + STEP);
            match self.events.recv_timeout(wake.saturating_sub(now)) {
                Ok(event) => {
                    self.take(event);
                    while let Ok(event) = self.events.try_recv() {
                        self.take(event);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The system's side has died. What is left is what the caller finds by itself.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(wake.saturating_sub(now)),
            }
        }
    }

    fn look_at_roots(&mut self, now: Duration) {
        for root in self.roots.changed() {
            // The watches went with the drive, or are those of the folder that it was mounted over.
            self.unwatch_all(&root);
            self.batcher.take(Happening::Changed(root), now);
        }
    }

    fn take(&mut self, event: notify::Result<notify::Event>) {
        let now = self.started.elapsed();
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                log::warn!("changes may have been lost: {error}");
                self.is_full |= matches!(error.kind, ErrorKind::MaxFilesWatch);
                return self.batcher.take(Happening::Lost, now);
            }
        };
        for seen in seen(event) {
            match seen {
                Seen::Lost => self.batcher.take(Happening::Lost, now),
                Seen::Gone(path) => {
                    self.roots.forget(&path);
                    let was_folder = self.forget(&path);
                    if was_folder || (self.interest)(&path) == Interest::Yes {
                        self.batcher.take(Happening::Changed(path), now);
                    }
                }
                Seen::There(path) => self.there(path, now),
            }
        }
    }

    fn there(&mut self, path: PathBuf, now: Duration) {
        let interest = (self.interest)(&path);
        if interest == Interest::No {
            return;
        }
        let kind = fs::symlink_metadata(&path).map(|metadata| metadata.file_type());
        let is_folder = kind.as_ref().is_ok_and(fs::FileType::is_dir);
        if BY_FOLDER && is_folder && !self.watched.contains(&path) {
            self.watch_new(&path, now);
        }
        if interest == Interest::Yes || kind.is_ok_and(|kind| kind.is_dir() || kind.is_symlink()) {
            self.batcher.take(Happening::Changed(path), now);
        }
    }

    /// Watches a folder that has just come to be, and all in it. What it holds already may still be growing.
    fn watch_new(&mut self, folder: &Path, now: Duration) {
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            if !self.watch(&folder) {
                continue;
            }
            // Listed after it is watched, so that nothing is missed.
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match ((self.interest)(&path), entry.file_type()) {
                    (Interest::No, _) | (_, Err(_)) => {}
                    (_, Ok(kind)) if kind.is_dir() => folders.push(path),
                    (Interest::Yes, _) => self.batcher.take(Happening::Changed(path), now),
                    _ => {}
                }
            }
        }
    }

    fn watch(&mut self, folder: &Path) -> bool {
        if self.is_full {
            return false;
        }
        let mode = if BY_FOLDER { RecursiveMode::NonRecursive } else { RecursiveMode::Recursive };
        match self.system.watch(folder, mode) {
            Ok(()) => {
                self.watched.insert(folder.to_path_buf());
                true
            }
            Err(error) => {
                log::debug!("cannot watch {}: {error}", folder.display());
                self.is_full = matches!(error.kind, ErrorKind::MaxFilesWatch);
                false
            }
        }
    }

    fn unwatch(&mut self, folder: &Path) {
        self.watched.remove(folder);
        // It may be gone with its folder.
        let _ = self.system.unwatch(folder);
    }

    fn below(&self, folder: &Path) -> Vec<PathBuf> {
        let from = self.watched.range(folder.to_path_buf()..);
        from.take_while(|path| path.starts_with(folder)).cloned().collect()
    }

    fn unwatch_all(&mut self, folder: &Path) {
        for path in self.below(folder) {
            self.unwatch(&path);
        }
    }

    /// Forgets a folder whose watches the system has dropped; false if it was none.
    fn forget(&mut self, folder: &Path) -> bool {
        let gone = self.below(folder);
        for path in &gone {
            self.watched.remove(path);
        }
        !gone.is_empty()
    }
}
