//! What a run did, and what it left out and why.

use std::path::PathBuf;
use std::time::Duration;

use clip_encoder::BoxedError;
use clip_image::ImageError;
use clip_ocr::OcrError;
use clip_video::VideoError;
use thiserror::Error;

use crate::ignore_file::IgnoreFault;
use crate::passed_over::PassedOver;

/// What reading text in photos has come to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct TextReport {
    /// Photos that were looked at after all could be searched. Most of them need no more than a look.
    pub looked_at: u64,
    /// Those of them that have words.
    pub with_words: u64,
    /// Those that what reads text could not read. They are not tried again by the same version.
    pub failed: u64,
    /// Photos that are still to be looked at, because the run was interrupted or for the fault below.
    pub remaining: u64,
    /// Why no more was read.
    pub fault: Option<OcrError>,
}

/// What [`Indexer::run`](crate::Indexer::run) did.
///
/// Every file that looks like a photo and is not left out is counted exactly once, in `indexed`, `unchanged`, `moved`,
/// `skipped`, `skipped_before`, `in_cloud` or `parts_of_photos`, unless the run was cancelled or the file went away before its
/// turn came.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Photos that are new in the index or whose content changed.
    pub indexed: u64,
    /// How many of `indexed` hold the same bytes as another photo, and so took over its embedding.
    pub copied: u64,
    /// Photos that the index knew as they are. A file whose time changed but not its content is among them.
    pub unchanged: u64,
    /// How many of `unchanged` had their details (time, place, keywords and so on) read again: an earlier version knew
    /// fewer of them, or a sidecar was added, changed or removed.
    pub details_read: u64,
    /// Videos that turned out to be the moving halves of photos, and so are none of their own. Once the index has their photos,
    /// they are not counted any more.
    pub parts_of_photos: u64,
    /// How many of `indexed` are videos, and so not photos.
    pub videos: u64,
    /// How many frames these videos have in the index.
    pub frames: u64,
    /// Photos known by their content that now lie elsewhere.
    pub moved: u64,
    /// Photos that left the index: gone from the disk, excluded, or overwritten by something that is no photo.
    pub removed: u64,
    /// What looked like a photo and could not be indexed, each named once, in the order of their paths. What an earlier run
    /// has told of is not among them, nor what `unreachable` tells of with the photos that were kept.
    pub skipped: Vec<Skipped>,
    /// What could not be indexed in an earlier run either and is as it was then, in the order of their paths.
    pub skipped_before: Vec<Skipped>,
    /// Photos that are only in the cloud and that the index does not have, or has in an older version. They were not read,
    /// since that would download them.
    pub in_cloud: u64,
    /// Folders that were to be indexed and are excluded.
    pub excluded: Vec<PathBuf>,
    /// Folders that were to be indexed and are excluded by a `.clipignore`.
    pub ignored: Vec<Ignored>,
    /// What is ignored in such files and was not told by an earlier run.
    pub ignore_faults: Vec<IgnoreFault>,
    /// What is ignored in such files and was told by an earlier run.
    pub ignore_faults_before: Vec<IgnoreFault>,
    /// Roots that are new in the index and were given as symbolic links.
    pub linked_roots: Vec<LinkedRoot>,
    /// Places that could not be looked into, or went away during the run, or where photos were not found that may be on a drive
    /// that is not mounted. The photos that the index knows there were kept.
    pub unreachable: Vec<Unreachable>,
    /// Places that would be in `unreachable`, had they not been [forgotten](crate::IndexOptions::forget_unreachable): their
    /// photos are among `removed`. And roots that do not exist any more and of which the index has no photo, which are forgotten
    /// in any case: there is nothing to keep.
    pub forgotten: Vec<Forgotten>,
    /// Roots that the index no longer has, because they do not exist any more and all of their photos have moved.
    pub moved_roots: Vec<PathBuf>,
    /// What the walk passed over because of its name, by kind.
    pub passed_over: Vec<PassedOver>,
    /// Why videos were passed over, though something was to read them: it does not work. What the index has of videos was kept.
    pub video_fault: Option<VideoError>,
    /// What reading text in photos has come to; `None` if none was to be read, or the run was interrupted before.
    pub text: Option<TextReport>,
    /// The run was interrupted. All it did is committed; the next run goes on from there.
    pub cancelled: bool,
    /// How many files were still to be read when the run ended: 0 unless it was interrupted. `None` if it was interrupted
    /// before all folders were listed.
    pub remaining: Option<u64>,
    /// From the start of the run to its end.
    pub elapsed: Duration,
    /// Where the time went.
    pub stages: StageTimes,
}

/// A file that could not be indexed.
#[derive(Debug)]
pub struct Skipped {
    /// Absolute; its bytes are those of the file's name, be they UTF-8 or not.
    pub path: PathBuf,
    /// Displays as a phrase that goes after the path and a colon.
    pub reason: SkipReason,
}

/// Why a file was not indexed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// A named pipe, a socket or a device under a photo's name.
    #[error("not a file but {kind}")]
    NotAFile {
        /// With its article: "a named pipe".
        kind: &'static str,
    },
    /// A symbolic link that may lead to a photo or a folder, by its name, and whose target does not exist.
    #[error("broken link to {}", target.display())]
    DanglingLink {
        /// As the link has it, be it absolute or relative to the link.
        target: PathBuf,
    },
    /// A symbolic link that leads nowhere for another reason, such as to itself.
    #[error("cannot follow the link: {error}")]
    BadLink {
        /// In the operating system's words.
        error: String,
    },
    /// A file or folder that the walk could not look at.
    #[error("cannot be read: {error}")]
    Unreadable {
        /// In the operating system's words.
        error: String,
    },
    /// Reading it would download it.
    #[error("only in the cloud")]
    InCloud,
    /// The file could not be read or decoded.
    #[error("{0}")]
    Image(#[from] ImageError),
    /// No frame of the video could be had.
    #[error("{0}")]
    Video(#[from] VideoError),
    /// Hardly anything of a large file is there: the rest are holes, which read as zeros.
    #[error("only {there} of its {length} bytes are there, the rest is empty: a download that is not complete?")]
    MostlyHoles {
        /// How many bytes are there.
        there: u64,
        /// How many it claims to have.
        length: u64,
    },
    /// The file holds the same bytes as another one, which was skipped.
    #[error("identical to {}, which was skipped", other.display())]
    SameAs {
        /// The file whose entry tells the reason.
        other: PathBuf,
    },
    /// The model could encode other photos but not this one.
    #[error("the model cannot encode this photo: {error}")]
    NotEncoded {
        /// What the model says.
        error: BoxedError,
    },
    /// An earlier run could not index it, and neither the file nor what decodes it has changed since.
    #[error("{reason}")]
    Remembered {
        /// Why, as the earlier run put it.
        reason: String,
    },
    /// A fault in this program or in a library that it uses, met while the file was being decoded.
    #[error("the decoder crashed ({message}); please report this with the file")]
    Panicked {
        /// What the fault said of itself.
        message: String,
    },
}

impl SkipReason {
    /// Whether a file was read and holds no photo, as opposed to one that could not be read this time.
    pub(crate) fn is_about_content(&self) -> bool {
        !matches!(
            self,
            Self::Unreadable { .. }
                | Self::InCloud
                | Self::MostlyHoles { .. }
                | Self::Panicked { .. }
                | Self::NotEncoded { .. }
                | Self::Video(
                    VideoError::NotStarted { .. }
                        | VideoError::NotFfmpeg { .. }
                        | VideoError::Hung { .. }
                        | VideoError::TooSlow { .. }
                        | VideoError::Cancelled
                )
                | Self::Image(
                    ImageError::Io(_)
                        | ImageError::NotBuiltIn { .. }
                        | ImageError::NoWorker { .. }
                        | ImageError::Panicked { .. }
                )
        )
    }
}

/// A root that was given as a symbolic link. The index has what the link leads to, and keeps to that if the link is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedRoot {
    /// The link, made absolute.
    pub link: PathBuf,
    /// The folder or file that it leads to, which is indexed.
    pub target: PathBuf,
}

/// A folder that was to be indexed and is excluded by a `.clipignore` in a folder above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The folder.
    pub path: PathBuf,
    /// The `.clipignore`.
    pub by: PathBuf,
}

/// A place whose photos were removed from the index though it could not be reached, or a root that is gone and had none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// The root, folder or link.
    pub path: PathBuf,
    /// How many photos were removed: 0 for a root that had none.
    pub photos_removed: u64,
}

/// A root, or a folder or link below one, about whose photos nothing can be said: it could not be looked into, or it is
/// empty or on another file system than before, as the mount point of a drive is that is not mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreachable {
    /// The root, folder or link.
    pub path: PathBuf,
    /// A phrase that goes after the path: "does not exist; is its drive mounted?".
    pub reason: String,
    /// How many photos the index knows there; they were kept.
    pub photos_kept: u64,
}

/// Where the time of a run went.
///
/// `read` to `preprocess` are summed over the decoding threads; on Unix they are processor time, so that neither waiting
/// for the encoder nor other programs blur them, except for `read`, which is mostly waiting for the disk and hence
/// measured by the clock. The other stages happen one at a time and are measured by the clock.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageTimes {
    /// Listing folders.
    pub walk: Duration,
    /// Reading files.
    pub read: Duration,
    /// Hashing their bytes.
    pub hash: Duration,
    /// Decoding, orienting and reading the metadata.
    pub decode: Duration,
    /// Resizing, cropping and normalising for the encoder.
    pub preprocess: Duration,
    /// The image tower.
    pub encode: Duration,
    /// Waiting for decoded photos while the encoder had nothing to do: near zero where the encoder is the bottleneck.
    pub wait: Duration,
    /// Writing to the index and committing.
    pub write: Duration,
    /// Building the search graph.
    pub graph: Duration,
    /// Reading text in photos.
    pub text: Duration,
}
