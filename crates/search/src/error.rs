//! Why a library could not do what it was asked for.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use clip_files::system_error;
use clip_image::ImageError;
use clip_index::IndexError;
use clip_indexer::IndexerError;
use clip_model::ModelError;
use clip_query::QueryError;
use clip_query::language::ParseError;
use thiserror::Error;

/// Why a [`Library`](crate::Library) could not do what it was asked for. Messages say what was expected and what was
/// found; [`remedy`](LibraryError::remedy) says what to do, as data, so that a program can put it into its own words.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// The index could not be opened, read or written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Photos could not be indexed.
    #[error(transparent)]
    Indexer(#[from] IndexerError),
    /// A query has no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A text is no query. The error says where.
    #[error("cannot read the query: {0}")]
    Unreadable(#[from] ParseError),
    /// A model could not be loaded or run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A published model could not be found or downloaded.
    #[cfg(feature = "hub")]
    #[error(transparent)]
    Hub(#[from] clip_hub::HubError),
    /// No model has this name.
    #[error(
        "unknown model {}: expected `pocket`, the name of a published model, a repository (ORG/NAME), a checkpoint folder \
         or a model file (.safetensors), found none of these ({reason}){}",
        model.display(),
        nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
    )]
    UnknownModel {
        /// What was asked for.
        model: PathBuf,
        /// Why nothing of that name could be opened.
        reason: String,
        /// A published model with a similar name.
        nearest: Option<String>,
    },
    /// A published model was asked for, and nobody said where those are kept.
    #[error("cannot look up the published model {model}: no model cache folder is set")]
    NoModelCache {
        /// The model.
        model: String,
    },
    /// The model that the index was made with is not on this disk.
    #[error("cannot load the index's model {model}: {source}")]
    ModelOfIndex {
        /// The model.
        model: String,
        /// What is missing.
        source: Box<LibraryError>,
    },
    /// The file or folder of the model that the index was made with is not there any more.
    #[error("cannot find the index's model {model}: {} is gone ({reason})", path.display())]
    ModelMoved {
        /// The model.
        model: String,
        /// Where it was.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The model that the index was made with is neither built in nor one of the published ones on this disk.
    #[error(
        "cannot find the index's model {model}: no model of that name is known, and the index does not say where it was"
    )]
    ModelUnknown {
        /// The model.
        model: String,
    },
    /// The file or folder that the index's model was in holds another one now.
    #[error("{} has changed: it no longer holds the model {model} that the index was made with", path.display())]
    ModelChanged {
        /// The model.
        model: String,
        /// Where it was.
        path: PathBuf,
    },
    /// An index that cannot be read is to be rebuilt, and nobody said of which folders.
    #[error("cannot tell which folders to index again, because the index is unreadable: {0}")]
    UnknownFolders(#[source] IndexError),
    /// A folder of the index cannot be reached, and a rebuild without it would lose its photos.
    #[error("cannot reach {}: rebuilding the index would lose its photos", folder.display())]
    FolderAway {
        /// The folder.
        folder: PathBuf,
    },
    /// The index holds photos that lie in none of the folders to be indexed, since they were imported, and a new index in its place
    /// would lack them.
    #[error(
        "{photos} of the index's photos, such as {}, are in none of its folders: they were imported, and a new index would not \
         have them",
        example.display()
    )]
    ImportsAtStake {
        /// How many there are.
        photos: u64,
        /// One of them.
        example: PathBuf,
    },
    /// A saved search cannot have this name.
    #[error("expected a name of letters, digits, - and _, at most {longest} of them, found {name:?}")]
    SearchName {
        /// The name.
        name: String,
        /// How many characters it may have.
        longest: usize,
    },
    /// There is no saved search of this name.
    #[error(
        "there is no saved search named {name}{}{}",
        user.as_ref().map(|user| format!(", which {user} refers to")).unwrap_or_default(),
        nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
    )]
    UnknownSearch {
        /// What was asked for.
        name: String,
        /// The saved search that refers to it, where nobody else does.
        user: Option<String>,
        /// A similar name that there is.
        nearest: Option<String>,
    },
    /// The text of a saved search, or of one that is to be saved, is no query.
    #[error("cannot read the search {name}: {error}")]
    UnreadableSearch {
        /// Its name.
        name: String,
        /// Its text, which the place of the error is in.
        query: String,
        /// What is wrong.
        error: ParseError,
    },
    /// The file of saved searches is not as it should be.
    #[error("cannot use the saved searches in {}: {reason}", path.display())]
    DamagedSearches {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// The file of what captions say of relevance is not as it should be.
    #[error("cannot use what captions say of relevance in {}: {reason}", path.display())]
    DamagedRefinement {
        /// The file.
        path: PathBuf,
        /// What was expected.
        reason: String,
    },
    /// The file of saved searches would become too large.
    #[error("cannot save the search: {} would have more than {most} bytes", path.display())]
    TooManySearches {
        /// The file.
        path: PathBuf,
        /// How many bytes it may have.
        most: u64,
    },
    /// A path could not be made absolute.
    #[error("cannot resolve {}: {}", path.display(), system_error::describe(source))]
    Path {
        /// As it was given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// What to do about an error, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// What the index advises.
    Index(clip_index::Remedy),
    /// What the indexer advises.
    Indexer(clip_indexer::Remedy),
    /// What is advised about an example photo.
    Image(clip_image::Remedy),
    /// What the model advises.
    Model(clip_model::Remedy),
    /// What the hub advises.
    #[cfg(feature = "hub")]
    Hub(clip_hub::Remedy),
    /// Name a model that there is.
    ChooseModel,
    /// Say once where the index's model is now, or change the index to another one.
    LocateModel,
    /// Put the earlier model back in its place, or rebuild the index with the one that is there.
    RestoreModelOrRebuild,
    /// Say where downloaded models are kept.
    SetModelCache,
    /// Name the folders.
    NameFolders,
    /// Make the folder reachable (mount its drive), or say that its photos may be forgotten.
    ReachOrForget,
    /// Name the folders that imported photos lie in, import them again into a new index, or say that they may be forgotten.
    NameFoldersOrForget,
    /// Look up what names saved searches have.
    ListSearches,
    /// Correct this file of saved searches, which is text, or delete it to begin with none.
    CorrectSearches {
        /// The file.
        file: PathBuf,
    },
    /// Ask captions again what they say of relevance, or delete this file.
    RefineAgain {
        /// The file.
        file: PathBuf,
    },
    /// Save this search anew, with a text that is right.
    SaveSearchAgain {
        /// Its name.
        name: String,
    },
    /// Remove saved searches that are not needed any more.
    RemoveSearches,
}

impl LibraryError {
    /// Whether the model of an index was not found; the index itself could be read.
    pub fn is_about_the_model(&self) -> bool {
        match self {
            Self::ModelOfIndex { .. }
            | Self::ModelMoved { .. }
            | Self::ModelUnknown { .. }
            | Self::Model(_)
            | Self::NoModelCache { .. } => true,
            #[cfg(feature = "hub")]
            Self::Hub(_) => true,
            _ => false,
        }
    }

    /// What to do about it, where there is something.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Index(error) | Self::Query(QueryError::Index(error)) | Self::Indexer(IndexerError::Index(error)) => {
                error.remedy().map(Remedy::Index)
            }
            Self::Query(QueryError::Image { source, .. }) => source.remedy().map(Remedy::Image),
            Self::Model(error) => error.remedy().map(Remedy::Model),
            #[cfg(feature = "hub")]
            Self::Hub(error) => error.remedy().map(Remedy::Hub),
            Self::ModelOfIndex { source, .. } => source.remedy(),
            Self::UnknownModel { .. } => Some(Remedy::ChooseModel),
            Self::NoModelCache { .. } => Some(Remedy::SetModelCache),
            Self::ModelMoved { .. } | Self::ModelUnknown { .. } => Some(Remedy::LocateModel),
            Self::ModelChanged { .. } => Some(Remedy::RestoreModelOrRebuild),
            Self::UnknownFolders(_) => Some(Remedy::NameFolders),
            Self::FolderAway { .. } => Some(Remedy::ReachOrForget),
            Self::ImportsAtStake { .. } => Some(Remedy::NameFoldersOrForget),
            Self::Indexer(error) => error.remedy().map(Remedy::Indexer),
            Self::UnknownSearch { .. } => Some(Remedy::ListSearches),
            Self::DamagedSearches { path, .. } => Some(Remedy::CorrectSearches { file: path.clone() }),
            Self::DamagedRefinement { path, .. } => Some(Remedy::RefineAgain { file: path.clone() }),
            Self::UnreadableSearch { name, .. } => Some(Remedy::SaveSearchAgain { name: name.clone() }),
            Self::TooManySearches { .. } => Some(Remedy::RemoveSearches),
            Self::Query(_) | Self::Unreadable(_) | Self::Path { .. } | Self::SearchName { .. } => None,
        }
    }
}

/// An error and what is behind it, in one line. A cause that its parent quotes already, or has put into words, is not repeated;
/// the operating system's errors are without their numbers.
pub fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let words_of = |error: &(dyn StdError + 'static)| {
        error.downcast_ref::<io::Error>().map_or_else(|| error.to_string(), system_error::describe)
    };
    let mut text = words_of(error);
    let mut parent = error;
    while let Some(cause) = parent.source() {
        let words = words_of(cause);
        if !text.contains(&words) && !parent.is::<ImageError>() {
            let _ = write!(text, ": {words}");
        }
        parent = cause;
    }
    text
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// The same on all Unixes.
    const EACCES: i32 = 13;

    #[test]
    fn causes_are_told_once_and_without_numbers() {
        let source = io::Error::from_raw_os_error(EACCES);
        let error = LibraryError::Index(IndexError::Io { action: "open", path: "a/b".into(), source });
        assert_eq!(with_causes(&error), "cannot open a/b: permission denied");
        assert_eq!(with_causes(&io::Error::from_raw_os_error(EACCES)), "permission denied");
        let query = LibraryError::Query(QueryError::EmptyText);
        assert_eq!(with_causes(&query), query.to_string());
    }
}
