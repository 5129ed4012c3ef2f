//! Why a run could not continue.

use std::io;
use std::path::PathBuf;

use clip_encoder::BoxedError;
use clip_files::system_error;
use clip_index::IndexError;
use clip_video::VideoError;
use thiserror::Error;

/// Why a run stopped. Whatever was committed before stays; a file that cannot be indexed never stops a run. Messages say
/// what was expected and what was found; [`remedy`](Self::remedy) says what can be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IndexerError {
    /// No folder was given, and the index has none.
    #[error("no folder to index: none was given, and the index in {} has none yet", index.display())]
    NoRoots {
        /// Where the index is.
        index: PathBuf,
    },
    /// A folder or file that was asked for does not exist or cannot be read.
    #[error("cannot index {}: {}; expected a readable folder or photo", path.display(), system_error::describe(source))]
    Root {
        /// As it was given.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Something other than a folder or a file was asked for.
    #[error("cannot index {}: expected a folder or a photo, found {found}", path.display())]
    NotIndexable {
        /// As it was given.
        path: PathBuf,
        /// What it is, with its article: "a named pipe".
        found: &'static str,
    },
    /// The only folders that were asked for are excluded.
    #[error("cannot index {}: it is excluded from the index by {by}", path.display())]
    Excluded {
        /// As it was given.
        path: PathBuf,
        /// The exclude, as it is given to be taken back.
        by: String,
    },
    /// All folders that were asked for are deeper than the maximum depth.
    #[error(
        "cannot index {}: it lies deeper below {} than is indexed, which is {levels} level{}",
        path.display(),
        root.display(),
        if *levels == 1 { "" } else { "s" }
    )]
    TooDeep {
        /// As it was given.
        path: PathBuf,
        /// The folder of the index that it is in.
        root: PathBuf,
        /// The depth.
        levels: u32,
    },
    /// All folders that were asked for are excluded by a `.clipignore`.
    #[error("cannot index {}: it is left out by {}", path.display(), by.display())]
    Ignored {
        /// As it was given.
        path: PathBuf,
        /// The `.clipignore`.
        by: PathBuf,
    },
    /// Something is to be excluded that has no name.
    #[error("cannot exclude nothing: expected a path or a pattern, found an empty one")]
    EmptyExclude,
    /// Something is to be excluded by a pattern that cannot mean what it says.
    #[error("cannot exclude by the pattern {pattern}: {fault}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it, as a phrase.
        fault: String,
    },
    /// An exclude is to be taken back that there is not.
    #[error(
        "{} is not excluded; {}",
        given.display(),
        if excluded.is_empty() { "nothing is excluded".to_owned() } else { format!("excluded are {}", excluded.join(", ")) }
    )]
    NotExcluded {
        /// As it was given.
        given: PathBuf,
        /// All excludes, as they are given to be taken back.
        excluded: Vec<String>,
    },
    /// The index could not be opened, read or written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The model could not encode. The photos of the batch it was given are not in the index.
    #[error(
        "the model failed on a batch of {photos} photo{}: {source}; photos indexed before are saved",
        if *photos == 1 { "" } else { "s" }
    )]
    Encoder {
        /// How many photos the batch held.
        photos: usize,
        /// What the model says.
        source: BoxedError,
    },
    /// The model returned something other than it was asked for.
    #[error(
        "the model failed: expected {expected} values for a batch, found {found}; this is a bug in the model's code"
    )]
    EncoderOutput {
        /// Photos times dimension.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// An index that has videos is to be replaced by one without them, since nothing reads them.
    #[error(
        "nothing reads videos here, and the new index would lack the {videos} video{} of the old one{}",
        if *videos == 1 { "" } else { "s" },
        fault.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default()
    )]
    VideosAtStake {
        /// How many of its videos are where they were.
        videos: u64,
        /// What is wrong with the program that was to read them; `None` if there was to be none.
        fault: Option<VideoError>,
    },
    /// The operating system refused to start threads.
    #[error("cannot start the decoding threads: {}", system_error::describe(.0))]
    Threads(#[source] io::Error),
}

/// What can be done about an [`IndexerError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Name the folders that hold the photos.
    NameFolders,
    /// If the folder or file is on a drive, mount the drive. If it was deleted, index its parent folder, which removes its photos
    /// from the index.
    MountOrIndexParent,
    /// Check the permissions of the folder.
    CheckPermissions,
    /// Take the exclude back.
    TakeBackExclude,
    /// Correct the pattern; `[[]` stands for an opening bracket.
    CorrectPattern,
    /// Raise the maximum depth.
    LookDeeper,
    /// Remove the line from the `.clipignore`.
    EditIgnoreFile,
    /// Run the same again: what was indexed is kept.
    Resume,
    /// Report the fault to the authors of the model's code.
    Report,
    /// Install ffmpeg and let it read videos, or drop them.
    ReadVideosOrForget,
    /// Close other programs or use fewer threads.
    UseFewerThreads,
}

impl IndexerError {
    /// What can be done about it, where that is known. For [`Index`](Self::Index) ask the error in it.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::NoRoots { .. } => Some(Remedy::NameFolders),
            Self::Root { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Some(Remedy::MountOrIndexParent),
                io::ErrorKind::PermissionDenied => Some(Remedy::CheckPermissions),
                _ => None,
            },
            Self::Excluded { .. } => Some(Remedy::TakeBackExclude),
            Self::TooDeep { .. } => Some(Remedy::LookDeeper),
            Self::Ignored { .. } => Some(Remedy::EditIgnoreFile),
            Self::Pattern { .. } => Some(Remedy::CorrectPattern),
            Self::Encoder { .. } => Some(Remedy::Resume),
            Self::EncoderOutput { .. } => Some(Remedy::Report),
            Self::VideosAtStake { .. } => Some(Remedy::ReadVideosOrForget),
            Self::Threads(_) => Some(Remedy::UseFewerThreads),
            Self::NotIndexable { .. } | Self::EmptyExclude | Self::NotExcluded { .. } | Self::Index(_) => None,
        }
    }
}
