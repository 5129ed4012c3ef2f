//! From a checkpoint's name to its folder.

use crate::cache::{Cache, Lack, Snapshot};
use crate::catalogue::Entry;
use crate::client::Client;
use crate::{HubError, HubSettings, Repository, files};

/// A checkpoint on a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// What it is called in messages: a name of the catalogue, or the repository's.
    pub name: String,
    /// Where it is published.
    pub repository: Repository,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// The files that it must have, if they are known; otherwise the repository's listing decides.
    pub files: Option<Vec<String>>,
}

impl Checkpoint {
    /// The newest state of a repository.
    pub fn of_repository(repository: Repository) -> Self {
        Self { name: repository.to_string(), repository, revision: "main".to_owned(), files: None }
    }

    /// An entry of the catalogue; `None` for one that is built in and needs no download.
    ///
    /// # Errors
    /// [`HubError::Repository`] if the catalogue is wrong.
    pub fn of_entry(entry: &Entry) -> Result<Option<Self>, HubError> {
        let Some(repository) = &entry.repository else { return Ok(None) };
        Ok(Some(Self {
            name: entry.name.clone(),
            repository: Repository::parse(repository)?,
            revision: "main".to_owned(),
            files: Some(entry.files.clone()),
        }))
    }
}

/// A checkpoint that is on this disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The folder with its files.
    pub folder: std::path::PathBuf,
    /// Its commit.
    pub commit: String,
}

/// A hub and its cache.
#[derive(Debug, Clone)]
pub struct Hub {
    pub(crate) settings: HubSettings,
    pub(crate) cache: Cache,
}

impl Hub {
    /// Touches neither disk nor network.
    pub fn new(settings: HubSettings) -> Self {
        Self { cache: Cache::new(&settings.cache), settings }
    }

    /// The cache.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Finds a checkpoint in the cache, whoever put it there. Uses no network.
    ///
    /// # Errors
    /// [`HubError::NotCached`] if there is no snapshot or a file of it is missing; [`HubError::Io`] and
    /// [`HubError::InTheWay`] if nobody can tell.
    pub fn locate(&self, checkpoint: &Checkpoint) -> Result<Located, HubError> {
        self.find(checkpoint).map_err(|lack| self.not_cached(checkpoint, lack))
    }

    /// The same; the error says what is missing.
    pub(crate) fn find(&self, checkpoint: &Checkpoint) -> Result<Located, Lack> {
        let Checkpoint { repository, revision, files, .. } = checkpoint;
        let Snapshot { folder, commit } = self.cache.look_up(repository, revision)?;
        match files::missing(&folder, files.as_deref())? {
            Some(missing) => Err(Lack::Missing(missing)),
            None => Ok(Located { folder, commit }),
        }
    }

    /// A client, where the network may be used.
    pub(crate) fn client(&self) -> Result<Option<Client>, HubError> {
        if self.settings.offline { Ok(None) } else { Client::new(&self.settings).map(Some) }
    }

    pub(crate) fn not_cached(&self, checkpoint: &Checkpoint, lack: Lack) -> HubError {
        match lack {
            Lack::Missing(missing) => {
                HubError::NotCached { name: checkpoint.name.clone(), cache: self.cache.root().to_owned(), missing }
            }
            Lack::Unusable(error) => error,
        }
    }

    pub(crate) fn offline(&self, checkpoint: &Checkpoint, lack: Lack) -> HubError {
        match lack {
            Lack::Missing(missing) => {
                HubError::Offline { name: checkpoint.name.clone(), cache: self.cache.root().to_owned(), missing }
            }
            Lack::Unusable(error) => error,
        }
    }
}
