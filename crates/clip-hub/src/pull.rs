//! Downloads: a plan of files, each resumed, checked and only then made visible.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clip_files::regular;
use clip_progress::Progress;

use crate::aside::MOMENT;
use crate::cache::{A_FILE, create_parent, fault, obstacle, remove, rename};
use crate::client::{Client, pause};
use crate::escape::without_secrets;
use crate::fault::Failure;
use crate::files::{self, AUXILIARY, SHARD_INDEX};
use crate::headers::FileInfo;
use crate::interruption::Interruption;
use crate::link::place;
use crate::lock;
use crate::progress::{PullEvent, go_on};
use crate::repository::is_file_name;
use crate::{Checkpoint, Hub, HubError};

/// The longest time that a server may ask to wait before the next try; whoever asks for more is given up.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The result of a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The folder with the checkpoint's files.
    pub folder: PathBuf,
    /// Its commit.
    pub commit: String,
    /// How many files it has.
    pub files: usize,
    /// Their total size, in bytes.
    pub bytes: u64,
    /// Bytes that came over the network in this run; 0 if everything was in the cache.
    pub fetched: u64,
}

/// A file that the checkpoint needs.
struct Planned {
    name: String,
    info: FileInfo,
}

impl Hub {
    /// Brings a checkpoint into the cache: asks the server what it consists of, fetches what is missing, and checks the
    /// hash of every file. Files that were there before are checked, too, and fetched again if they are damaged.
    ///
    /// The branch's reference is moved last, so that an interrupted update leaves the older snapshot in use. Without
    /// network ([`HubSettings::offline`](crate::HubSettings::offline)) what the cache holds is returned as it is.
    ///
    /// `cancel` is looked at between blocks and while waiting, also for a server that does not answer; what was fetched
    /// until then is kept. A thread may be left that waits for that server, for as long as
    /// [`HubSettings::patience`](crate::HubSettings::patience) says.
    ///
    /// # Errors
    /// Whatever is wrong with the name, the server, the connection, the content or the disk.
    pub fn pull(
        &self,
        checkpoint: &Checkpoint,
        progress: &dyn for<'e> Progress<PullEvent<'e>>,
        cancel: &AtomicBool,
    ) -> Result<Pulled, HubError> {
        let Some(client) = self.client()? else {
            let found = self.find(checkpoint).map_err(|lack| self.offline(checkpoint, lack))?;
            return Ok(counted(found.folder, found.commit));
        };
        Pull { hub: self, client, checkpoint, progress, cancel, done: 0, fetched: 0, kept: false }.run()
    }
}

/// What lies in a snapshot.
fn counted(folder: PathBuf, commit: String) -> Pulled {
    let sizes: Vec<u64> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| fs::metadata(entry.ok()?.path()).ok())
        .filter(fs::Metadata::is_file)
        .map(|metadata| metadata.len())
        .collect();
    Pulled { folder, commit, files: sizes.len(), bytes: sizes.iter().sum(), fetched: 0 }
}

struct Pull<'a> {
    hub: &'a Hub,
    client: Client,
    checkpoint: &'a Checkpoint,
    progress: &'a dyn for<'e> Progress<PullEvent<'e>>,
    cancel: &'a AtomicBool,
    /// Bytes of the checkpoint that are on the disk.
    done: u64,
    fetched: u64,
    /// Whether a file that this run has fetched is complete: whatever happens, it need not be fetched again.
    kept: bool,
}

impl Pull<'_> {
    fn run(mut self) -> Result<Pulled, HubError> {
        let (commit, plan) = self.plan()?;
        let bytes = plan.iter().map(|file| file.info.size).sum();
        let cached = plan.iter().map(|file| self.on_disk(&commit, file)).sum();
        self.tell(PullEvent::Planned { files: plan.len(), bytes, cached })?;
        for file in &plan {
            self.bring(&commit, file)?;
            self.tell(PullEvent::Bytes { done: self.done })?;
        }
        let folder = self.hub.cache.snapshot_folder(&self.checkpoint.repository, &commit);
        self.hub.cache.set_reference(&self.checkpoint.repository, &self.checkpoint.revision, &commit)?;
        Ok(Pulled { folder, commit, files: plan.len(), bytes, fetched: self.fetched })
    }

    /// All files with what the server says about them, small ones first: what is wrong with a configuration shows before
    /// gigabytes of weights are fetched.
    fn plan(&mut self) -> Result<(String, Vec<Planned>), HubError> {
        let (checkpoint, cancel) = (self.checkpoint, self.cancel);
        let repository = &checkpoint.repository;
        let (mut commit, required, optional) = match &checkpoint.files {
            Some(files) => {
                let optional = AUXILIARY.iter().map(|name| (*name).to_owned()).filter(|name| !files.contains(name));
                (None, files.clone(), optional.collect())
            }
            None => {
                let url = self.client.page(repository);
                let listed = self.retrying(&url, repository.as_str(), |client| {
                    client.repository(repository, &checkpoint.revision, cancel)
                })?;
                (Some(listed.commit), files::choose(repository, &listed.files)?, Vec::new())
            }
        };
        let mut plan: Vec<Planned> = Vec::new();
        let mut wanted: VecDeque<(String, bool)> = required
            .into_iter()
            .map(|name| (name, true))
            .chain(optional.into_iter().map(|name| (name, false)))
            .collect();
        while let Some((name, is_required)) = wanted.pop_front() {
            // Listings and the catalogue hold no others, but a caller may.
            if !is_file_name(&name) {
                return Err(HubError::FileNotFound { repository: repository.to_string(), file: name });
            }
            // All files of one commit, whatever happens to the branch meanwhile.
            let revision = commit.as_deref().unwrap_or(&checkpoint.revision).to_owned();
            let url = self.client.file_url(repository, &revision, &name);
            let info = self.retrying(&url, &name, |client| client.file(repository, &revision, &name, cancel))?;
            match info {
                Some(info) => {
                    let commit = commit.get_or_insert_with(|| info.commit.clone());
                    let file = Planned { name, info };
                    // Which other files there are stands in this one.
                    if file.name == SHARD_INDEX && checkpoint.files.is_none() {
                        self.bring(commit, &file)?;
                        self.done = 0;
                        let index = self.places(commit, &file).0;
                        wanted.extend(files::shards(&index)?.into_iter().map(|name| (name, true)));
                    }
                    plan.push(file);
                }
                None if is_required => {
                    return Err(HubError::FileNotFound { repository: repository.to_string(), file: name });
                }
                None => {}
            }
        }
        plan.sort_by_key(|file| file.info.size);
        let commit = commit.ok_or_else(|| HubError::NoCheckpoint {
            repository: repository.to_string(),
            missing: "it has no files".to_owned(),
        })?;
        Ok((commit, plan))
    }

    /// Bytes of a file that need not be fetched, unless they turn out to be damaged.
    fn on_disk(&self, commit: &str, file: &Planned) -> u64 {
        let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let (pointer, blob, partial) = self.places(commit, file);
        [pointer, blob, partial].iter().map(|path| length(path)).find(|&n| n > 0).unwrap_or(0).min(file.info.size)
    }

    fn places(&self, commit: &str, file: &Planned) -> (PathBuf, PathBuf, PathBuf) {
        let (cache, repository) = (&self.hub.cache, &self.checkpoint.repository);
        (
            cache.snapshot_folder(repository, commit).join(&file.name),
            cache.blob(repository, file.info.digest),
            cache.partial(repository, file.info.digest),
        )
    }

    /// Makes sure that one file is there, with the right content.
    fn bring(&mut self, commit: &str, file: &Planned) -> Result<(), HubError> {
        let (pointer, blob, _) = self.places(commit, file);
        // Before the lock: a complete cache may be read-only.
        if self.is_good(&pointer, file)? {
            self.done += file.info.size;
            return Ok(());
        }
        let file_of_lock = self.hub.cache.lock_file(&self.checkpoint.repository, file.info.digest);
        // Before gigabytes are fetched for which there is no place.
        if let Some(error) = obstacle(&blob, A_FILE).or_else(|| obstacle(&pointer, A_FILE)) {
            return Err(error);
        }
        let waiting = || self.progress.event(PullEvent::Waiting { file: &file.name });
        let _lock = lock::take(&file_of_lock, waiting, self.cancel)?;
        if self.is_good(&blob, file)? {
            self.done += file.info.size;
        } else {
            self.fetch(commit, file)?;
        }
        let snapshot = self.hub.cache.snapshot_folder(&self.checkpoint.repository, commit);
        place(&snapshot, &file.name, &blob)?;
        Ok(())
    }

    fn is_good(&self, path: &Path, file: &Planned) -> Result<bool, HubError> {
        if fs::metadata(path).map_or(true, |metadata| !metadata.is_file() || metadata.len() != file.info.size) {
            return Ok(false);
        }
        self.tell(PullEvent::Checking { file: &file.name })?;
        file.info.digest.matches(path, self.cancel)
    }

    /// Fetches a blob, from where an earlier run got to.
    fn fetch(&mut self, commit: &str, file: &Planned) -> Result<(), HubError> {
        let (_, blob, partial) = self.places(commit, file);
        let FileInfo { digest, size, .. } = file.info;
        create_parent(&partial)?;
        let begun = self.done;
        let url = self.client.file_url(&self.checkpoint.repository, commit, &file.name);
        let (mut failures, mut resumed, mut restarted) = (0, false, false);
        loop {
            let mut have = length_of_partial(&partial)?;
            if have > size {
                remove(&partial)?;
                have = 0;
            }
            resumed |= have > 0;
            if have < size {
                self.tell(PullEvent::Fetching { file: &file.name, bytes: size, resumed: have })?;
                match self.transfer(commit, file, &partial, have, begun) {
                    Ok(()) => {}
                    Err(Failure::Lasting(error)) => return Err(error),
                    Err(Failure::Passing(cause)) => {
                        let now = length_of_partial(&partial)?;
                        failures = if now > have { 1 } else { failures + 1 };
                        self.after_failure(&url, &file.name, failures, self.kept || now > 0, cause)?;
                        continue;
                    }
                }
            } else if size == 0 {
                open_partial(&partial)?;
            }
            self.tell(PullEvent::Checking { file: &file.name })?;
            let found = digest.of_file(&partial, self.cancel)?;
            if found == digest {
                break;
            }
            remove(&partial)?;
            self.done = begun;
            // The beginning may have come from somewhere else; what comes in one piece is the server's own.
            if resumed && !restarted {
                (resumed, restarted, failures) = (false, true, 0);
                continue;
            }
            return Err(HubError::WrongHash {
                repository: self.checkpoint.repository.to_string(),
                file: file.name.clone(),
                expected: digest.to_string(),
                found: found.to_string(),
            });
        }
        rename(&partial, &blob)?;
        self.kept = true;
        self.done = begun + size;
        Ok(())
    }

    /// Appends to the partial file until it has the file's size.
    fn transfer(&mut self, commit: &str, file: &Planned, partial: &Path, have: u64, begun: u64) -> Result<(), Failure> {
        let (repository, size) = (&self.checkpoint.repository, file.info.size);
        let content = match self.client.content(repository, commit, &file.name, (have, size), self.cancel) {
            Ok(content) => content,
            Err(Failure::Passing(cause @ Interruption::Range { .. })) => {
                remove(partial)?;
                return Err(cause.into());
            }
            Err(failure) => return Err(failure),
        };
        let io = |source| HubError::Io { action: "write", path: partial.to_owned(), source };
        let mut out = open_partial(partial)?;
        // A server without ranges starts from the beginning.
        out.set_len(content.start).map_err(io)?;
        io::Seek::seek(&mut out, io::SeekFrom::End(0)).map_err(io)?;
        let mut have = content.start;
        loop {
            self.tell(PullEvent::Bytes { done: begun + have })?;
            let Some(block) = content.next(self.cancel)? else { break };
            out.write_all(&block).map_err(io)?;
            have += block.len() as u64;
            self.fetched += block.len() as u64;
        }
        if have < size {
            return Err(Interruption::Ended { at: have, size }.into());
        }
        out.sync_all().map_err(io)?;
        Ok(())
    }

    /// Sends a request until it is answered, or has been tried often enough.
    fn retrying<T>(
        &mut self,
        url: &str,
        name: &str,
        mut request: impl FnMut(&Client) -> Result<T, Failure>,
    ) -> Result<T, HubError> {
        let mut failures = 0;
        loop {
            go_on(self.cancel)?;
            match request(&self.client) {
                Ok(answer) => return Ok(answer),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(cause)) => {
                    failures += 1;
                    self.after_failure(url, name, failures, self.kept, cause)?;
                }
            }
        }
    }

    /// Gives up after too many failures, and otherwise waits a while, or as long as the server asks to.
    fn after_failure(
        &self,
        url: &str,
        file: &str,
        failures: u32,
        kept: bool,
        cause: Interruption,
    ) -> Result<(), HubError> {
        let settings = &self.hub.settings;
        let asked = cause.wait().unwrap_or_default();
        if failures >= settings.attempts.max(1) || asked > LONGEST_WAIT {
            return Err(HubError::Network { url: without_secrets(url), attempts: failures, kept, cause });
        }
        let pause = pause(settings.pause, failures).max(asked);
        let until = Instant::now() + pause;
        self.tell(PullEvent::Retrying { file, cause: &cause, pause })?;
        while let Some(rest) = until.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) {
            std::thread::sleep(rest.min(MOMENT));
            go_on(self.cancel)?;
        }
        Ok(())
    }

    fn tell(&self, event: PullEvent<'_>) -> Result<(), HubError> {
        self.progress.event(event);
        go_on(self.cancel)
    }
}

/// How many bytes of a blob have been fetched. What other programs would write through, a link, is removed.
fn length_of_partial(path: &Path) -> Result<u64, HubError> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(0) };
    if metadata.is_symlink() {
        remove(path)?;
        return Ok(0);
    }
    if let Some(error) = obstacle(path, A_FILE) {
        return Err(error);
    }
    Ok(metadata.len())
}

/// Opens the part of a blob that was fetched, or creates it.
fn open_partial(path: &Path) -> Result<File, HubError> {
    regular::open_with(File::options().create(true).write(true).truncate(false), path)
        .map_err(|source| fault("write", path, A_FILE, source))
}
