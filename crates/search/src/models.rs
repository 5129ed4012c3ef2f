//! From the name of a model to its files.

use std::path::Path;

use clip_files::system_error;
use clip_index::{ModelId, ModelOrigin, StoredPath};
use clip_model::{Model, ModelSource};

use crate::error::LibraryError;

/// The name of the built-in model. A folder of that name is reached as `./pocket`.
pub const POCKET: &str = "pocket";

/// Where models come from: the one that is built in, files and folders on this disk, and, with the feature `hub`, published
/// models in the cache that all programs around the Hugging Face hub share.
#[derive(Debug, Default)]
pub struct Models {
    #[cfg(feature = "hub")]
    hub: Option<clip_hub::Hub>,
}

impl Models {
    /// The built-in model, and files and folders on this disk.
    pub fn local() -> Models {
        Models::default()
    }

    /// Published models in the hub's cache too. Only [`pull`](Models::pull) ever uses the network.
    #[cfg(feature = "hub")]
    pub fn with_hub(hub: clip_hub::Hub) -> Models {
        Models { hub: Some(hub) }
    }

    /// The hub, if one was given.
    #[cfg(feature = "hub")]
    pub fn hub(&self) -> Option<&clip_hub::Hub> {
        self.hub.as_ref()
    }

    /// Finds a model on this disk. The names of published models come first, then files and folders, then repositories
    /// (`ORG/NAME`). Nothing is downloaded.
    ///
    /// # Errors
    /// [`LibraryError::UnknownModel`] if nothing has that name; with the feature `hub`, [`LibraryError::Hub`] if a
    /// published model was not downloaded yet.
    pub fn find(&self, model: &Path) -> Result<ModelSource, LibraryError> {
        if model.as_os_str() == POCKET {
            return Ok(ModelSource::Default);
        }
        #[cfg(feature = "hub")]
        if let Some(name) = model.to_str()
            && clip_hub::Catalogue::built_in()?.find(name).is_some()
        {
            return self.downloaded(name);
        }
        match std::fs::metadata(model) {
            Ok(metadata) if metadata.is_dir() => Ok(ModelSource::Folder(model.to_owned())),
            Ok(_) => Ok(ModelSource::File(model.to_owned())),
            Err(error) => self.repository(model, &error),
        }
    }

    /// Where a model came from, for an index to remember.
    pub fn origin(&self, source: &ModelSource) -> ModelOrigin {
        origin_of(source)
    }

    /// Finds the model that an index was made with: the repository, file or folder that it came from, else a published model
    /// or the built-in one of its name.
    ///
    /// # Errors
    /// Those of [`of_index`](Models::of_index), [`LibraryError::ModelMoved`] if the file or folder is not there any more, and
    /// [`LibraryError::ModelOfIndex`] if the repository is not on this disk.
    pub fn of_origin(&self, indexed: &ModelId, origin: Option<&ModelOrigin>) -> Result<ModelSource, LibraryError> {
        let moved = match origin {
            Some(ModelOrigin::Repository { repository, commit, .. }) => {
                return self.of_repository(repository, commit).map_err(|source| LibraryError::ModelOfIndex {
                    model: shown_name(&indexed.name, origin),
                    source: Box::new(source),
                });
            }
            Some(ModelOrigin::Path { path }) => {
                let path = path.path();
                match std::fs::metadata(&path) {
                    Ok(metadata) if metadata.is_dir() => return Ok(ModelSource::Folder(path)),
                    Ok(_) => return Ok(ModelSource::File(path)),
                    Err(error) => Some((path, error)),
                }
            }
            _ => None,
        };
        match (self.of_index(indexed), moved) {
            // One's own model may have any name, that of the built-in one too.
            (Ok(ModelSource::Default) | Err(_), Some((path, error))) => Err(LibraryError::ModelMoved {
                model: indexed.name.clone(),
                path,
                reason: system_error::describe(&error),
            }),
            (found, _) => found,
        }
    }

    /// The snapshot of a repository that an index remembers; if the cache has only another commit, that one, since it may hold
    /// the same model.
    #[cfg(feature = "hub")]
    fn of_repository(&self, repository: &str, commit: &str) -> Result<ModelSource, LibraryError> {
        let catalogue = clip_hub::Catalogue::built_in()?;
        let hub = self.hub.as_ref().ok_or_else(|| LibraryError::NoModelCache { model: repository.to_owned() })?;
        match catalogue.resolve(repository)? {
            clip_hub::Named::OnHub { checkpoint, entry: None } => {
                let exact = clip_hub::Checkpoint { revision: commit.to_owned(), ..checkpoint.clone() };
                let located = hub.locate(&exact).or_else(|_| hub.locate(&checkpoint))?;
                Ok(ModelSource::Folder(located.folder))
            }
            _ => self.downloaded(repository),
        }
    }

    #[cfg(not(feature = "hub"))]
    fn of_repository(&self, repository: &str, _commit: &str) -> Result<ModelSource, LibraryError> {
        Err(LibraryError::NoModelCache { model: repository.to_owned() })
    }

    /// Finds the model that an index was made with by its name alone. The index knows the name of a published model's
    /// repository, without the organisation.
    ///
    /// # Errors
    /// With the feature `hub`: [`LibraryError::ModelOfIndex`] if the model was published and is not on this disk.
    /// [`LibraryError::ModelUnknown`] if no model that is known has the name.
    pub fn of_index(&self, indexed: &ModelId) -> Result<ModelSource, LibraryError> {
        #[cfg(feature = "hub")]
        {
            let catalogue = clip_hub::Catalogue::built_in()?;
            if let Some(hub) = &self.hub {
                return match hub.resolve_model(&catalogue, &indexed.name) {
                    Ok(Some(found)) => Ok(source(found)),
                    Ok(None) => built_in(indexed),
                    Err(error) => Err(LibraryError::ModelOfIndex {
                        model: shown_name(&indexed.name, None),
                        source: Box::new(error.into()),
                    }),
                };
            }
            if catalogue.find_model(&indexed.name).is_some_and(|entry| entry.name != POCKET) {
                let model = shown_name(&indexed.name, None);
                let source = Box::new(LibraryError::NoModelCache { model: model.clone() });
                return Err(LibraryError::ModelOfIndex { model, source });
            }
        }
        built_in(indexed)
    }

    /// Downloads a published model by its name in the catalogue or its repository, or goes on with that. A model that is
    /// on this disk already is only looked up.
    ///
    /// # Errors
    /// [`LibraryError::Hub`]: the name is unknown, or the download failed; [`LibraryError::NoModelCache`] if no hub was
    /// given.
    #[cfg(feature = "hub")]
    pub fn pull(
        &self,
        name: &str,
        progress: &dyn for<'e> clip_progress::Progress<clip_hub::PullEvent<'e>>,
        cancel: &std::sync::atomic::AtomicBool,
    ) -> Result<ModelSource, LibraryError> {
        match clip_hub::Catalogue::built_in()?.resolve(name)? {
            clip_hub::Named::BuiltIn(_) => Ok(ModelSource::Default),
            clip_hub::Named::OnHub { checkpoint, .. } => {
                let hub = self.hub.as_ref().ok_or_else(|| LibraryError::NoModelCache { model: name.to_owned() })?;
                Ok(ModelSource::Folder(hub.pull(&checkpoint, progress, cancel)?.folder))
            }
        }
    }

    #[cfg(feature = "hub")]
    fn downloaded(&self, name: &str) -> Result<ModelSource, LibraryError> {
        let hub = self.hub.as_ref().ok_or_else(|| LibraryError::NoModelCache { model: name.to_owned() })?;
        Ok(source(hub.resolve(&clip_hub::Catalogue::built_in()?, name)?))
    }

    /// What is neither a published name nor a file: a repository, or a mistake.
    fn repository(&self, model: &Path, error: &std::io::Error) -> Result<ModelSource, LibraryError> {
        #[cfg(feature = "hub")]
        let nearest = {
            let name = model.to_string_lossy();
            if clip_hub::Repository::parse(&name).is_ok() {
                return self.downloaded(&name);
            }
            clip_hub::Catalogue::built_in()?.nearest(&name).map(|entry| entry.name.clone())
        };
        #[cfg(not(feature = "hub"))]
        let nearest = None;
        Err(LibraryError::UnknownModel { model: model.to_owned(), reason: system_error::describe(error), nearest })
    }
}

/// The built-in model, if an index names it. Another would be a silent change of the model, if the index were made anew.
fn built_in(indexed: &ModelId) -> Result<ModelSource, LibraryError> {
    if indexed.name == POCKET {
        Ok(ModelSource::Default)
    } else {
        Err(LibraryError::ModelUnknown { model: indexed.name.clone() })
    }
}

/// The repository whose snapshot a folder of the hub's cache is: `models--ORG--NAME/snapshots/COMMIT`.
#[cfg(feature = "hub")]
fn published(folder: &Path) -> Option<ModelOrigin> {
    let snapshots = folder.parent().filter(|parent| parent.ends_with("snapshots"))?;
    let repository = clip_hub::Repository::of_folder(snapshots.parent()?.file_name()?.to_str()?)?;
    let catalogue = clip_hub::Catalogue::built_in().ok();
    let entry = catalogue.as_ref().and_then(|catalogue| catalogue.find_repository(repository.as_str()));
    Some(ModelOrigin::Repository {
        repository: repository.as_str().to_owned(),
        commit: folder.file_name()?.to_str()?.to_owned(),
        name: entry.map(|entry| entry.name.clone()),
    })
}

#[cfg(feature = "hub")]
fn source(found: clip_hub::Resolved) -> ModelSource {
    match found {
        clip_hub::Resolved::BuiltIn(_) => ModelSource::Default,
        clip_hub::Resolved::Downloaded { located, .. } => ModelSource::Folder(located.folder),
    }
}

/// Where the model of this source came from.
pub(crate) fn origin_of(source: &ModelSource) -> ModelOrigin {
    let path = match source {
        ModelSource::Default => return ModelOrigin::BuiltIn,
        ModelSource::File(path) | ModelSource::Folder(path) => path,
    };
    #[cfg(feature = "hub")]
    if let Some(origin) = published(path) {
        return origin;
    }
    let path = path.canonicalize().unwrap_or_else(|_| path.clone());
    StoredPath::new(&path).map_or(ModelOrigin::BuiltIn, |path| ModelOrigin::Path { path })
}

/// The name that users give a model which the index or its own files call `name`: that of the catalogue, where it is a
/// published one. A file or folder of a user's own keeps its name, hence the origin where it is known.
pub(crate) fn shown_name(name: &str, origin: Option<&ModelOrigin>) -> String {
    match origin {
        Some(ModelOrigin::Repository { name: Some(name), .. }) => return name.clone(),
        Some(ModelOrigin::Repository { repository, .. }) => return repository.clone(),
        Some(_) => return name.to_owned(),
        None => {}
    }
    #[cfg(feature = "hub")]
    if let Ok(catalogue) = clip_hub::Catalogue::built_in()
        && let Some(entry) = catalogue.find_model(name)
    {
        return entry.name.clone();
    }
    name.to_owned()
}

/// The name that an index has of the model from this source.
pub(crate) fn name_of(source: &ModelSource) -> Result<String, LibraryError> {
    match source {
        ModelSource::Default => Ok(POCKET.to_owned()),
        _ => Ok(Model::name_of(source)?),
    }
}
