//! Downloads: a plan of files, each resumed, checked and only then made visible.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::cache::{create_parent, remove, rename};
use crate::client::{Client, Failure, pause};
use crate::escape::without_secrets;
use crate::files::{self, AUXILIARY, SHARD_INDEX};
use crate::headers::FileInfo;
use crate::interruption::Interruption;
use crate::link::place;
use crate::lock::Lock;
use crate::progress::{PullEvent, PullProgress, go_on};
use crate::repository::is_file_name;
use crate::{Checkpoint, Hub, HubError};

/// How many bytes are read from the network at a time.
const BLOCK: usize = 1 << 16;
/// How long a pause goes on before it is checked again whether to stop.
const MOMENT: Duration = Duration::from_millis(50);

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
    /// `cancel` is looked at between blocks and while waiting; what was fetched until then is kept.
    ///
    /// # Errors
    /// Whatever is wrong with the name, the server, the connection, the content or the disk.
    pub fn pull(
        &self,
        checkpoint: &Checkpoint,
        progress: &dyn PullProgress,
        cancel: &AtomicBool,
    ) -> Result<Pulled, HubError> {
        let Some(client) = self.client()? else {
            let found = self.find(checkpoint).map_err(|missing| self.offline(checkpoint, missing))?;
            return Ok(counted(found.folder, found.commit));
        };
        Pull { hub: self, client, checkpoint, progress, cancel, done: 0, fetched: 0 }.run()
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
    progress: &'a dyn PullProgress,
    cancel: &'a AtomicBool,
    /// Bytes of the checkpoint that are on the disk.
    done: u64,
    fetched: u64,
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
        self.check_shards(&folder)?;
        self.hub.cache.set_reference(&self.checkpoint.repository, &self.checkpoint.revision, &commit)?;
        Ok(Pulled { folder, commit, files: plan.len(), bytes, fetched: self.fetched })
    }

    /// All files with what the server says about them, small ones first: what is wrong with a configuration shows before
    /// gigabytes of weights are fetched.
    fn plan(&mut self) -> Result<(String, Vec<Planned>), HubError> {
        let checkpoint = self.checkpoint;
        let repository = &checkpoint.repository;
        let (mut commit, required, optional) = match &checkpoint.files {
            Some(files) => {
                let optional = AUXILIARY.iter().map(|name| (*name).to_owned()).filter(|name| !files.contains(name));
                (None, files.clone(), optional.collect())
            }
            None => {
                let url = self.client.page(repository);
                let listed = self.retrying(&url, repository.as_str(), |client| {
                    client.repository(repository, &checkpoint.revision)
                })?;
                (Some(listed.commit), files::choose(repository, &listed.files)?, Vec::new())
            }
        };
        let mut plan: Vec<Planned> = Vec::new();
        for (name, is_required) in
            required.into_iter().map(|name| (name, true)).chain(optional.into_iter().map(|name| (name, false)))
        {
            // Listings and the catalogue hold no others, but a caller may.
            if !is_file_name(&name) {
                return Err(HubError::FileNotFound { repository: repository.to_string(), file: name });
            }
            // All files of one commit, whatever happens to the branch meanwhile.
            let revision = commit.as_deref().unwrap_or(&checkpoint.revision).to_owned();
            let url = self.client.file_url(repository, &revision, &name);
            let info = self.retrying(&url, &name, |client| client.file(repository, &revision, &name))?;
            match info {
                Some(info) => {
                    commit.get_or_insert_with(|| info.commit.clone());
                    plan.push(Planned { name, info });
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

    /// Every shard that the index names must be there.
    fn check_shards(&self, folder: &Path) -> Result<(), HubError> {
        let index = folder.join(SHARD_INDEX);
        if self.checkpoint.files.is_some() || folder.join("model.safetensors").exists() || !index.exists() {
            return Ok(());
        }
        match files::shards(&index)?.into_iter().find(|name| !folder.join(name).is_file()) {
            Some(file) => Err(HubError::FileNotFound { repository: self.checkpoint.repository.to_string(), file }),
            None => Ok(()),
        }
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
        let lock = self.hub.cache.lock_file(&self.checkpoint.repository, file.info.digest);
        let waiting = || self.progress.event(PullEvent::Waiting { file: &file.name });
        let _lock = Lock::take(&lock, waiting, self.cancel)?;
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
            let mut have = fs::metadata(&partial).map_or(0, |metadata| metadata.len());
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
                        let now = fs::metadata(&partial).map_or(0, |metadata| metadata.len());
                        failures = if now > have { 1 } else { failures + 1 };
                        self.after_failure(&url, &file.name, failures, cause)?;
                        continue;
                    }
                }
            } else if size == 0 {
                write(&partial, &[])?;
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
        self.done = begun + size;
        Ok(())
    }

    /// Appends to the partial file until it has the file's size.
    fn transfer(&mut self, commit: &str, file: &Planned, partial: &Path, have: u64, begun: u64) -> Result<(), Failure> {
        let content = self.client.content(&self.checkpoint.repository, commit, &file.name, have);
        let content = match content {
            Ok(content) => content,
            Err(Failure::Passing(cause @ Interruption::Range { .. })) => {
                remove(partial)?;
                return Err(cause.into());
            }
            Err(failure) => return Err(failure),
        };
        let io = |source| HubError::Io { action: "write", path: partial.to_owned(), source };
        let mut out = File::options().create(true).write(true).truncate(false).open(partial).map_err(io)?;
        // A server without ranges starts from the beginning.
        out.set_len(content.start).map_err(io)?;
        io::Seek::seek(&mut out, io::SeekFrom::End(0)).map_err(io)?;
        let mut have = content.start;
        // Never more bytes than were announced, whatever comes.
        let mut reader = content.reader.take(file.info.size - have);
        let mut block = vec![0; BLOCK];
        loop {
            self.tell(PullEvent::Bytes { done: begun + have })?;
            match reader.read(&mut block) {
                Ok(0) if have < file.info.size => {
                    return Err(Interruption::Ended { at: have, size: file.info.size }.into());
                }
                Ok(0) => break,
                Ok(n) => {
                    out.write_all(&block[..n]).map_err(io)?;
                    have += n as u64;
                    self.fetched += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Interruption::Connection { reason: error.to_string() }.into()),
            }
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
                    self.after_failure(url, name, failures, cause)?;
                }
            }
        }
    }

    /// Gives up after too many failures, and otherwise waits a while.
    fn after_failure(&self, url: &str, file: &str, failures: u32, cause: Interruption) -> Result<(), HubError> {
        let settings = &self.hub.settings;
        if failures >= settings.attempts.max(1) {
            return Err(HubError::Network { url: without_secrets(url), attempts: failures, cause });
        }
        let until = Instant::now() + pause(settings.pause, failures);
        self.tell(PullEvent::Retrying { file, cause: &cause })?;
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

fn write(path: &Path, bytes: &[u8]) -> Result<(), HubError> {
    fs::write(path, bytes).map_err(|source| HubError::Io { action: "write", path: path.to_owned(), source })
}
