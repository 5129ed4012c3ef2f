//! Why a video gave no frames.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clip_files::system_error;

/// Why a video gave no frames, or ffmpeg is of no use. The message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VideoError {
    /// The program could not be started.
    #[error("{} cannot be started: {}", program.display(), system_error::describe(source))]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The program does not answer like ffmpeg.
    #[error("{} is not ffmpeg: expected its version, found {found}", program.display())]
    NotFfmpeg {
        /// The program.
        program: PathBuf,
        /// What it answered, in short.
        found: String,
    },
    /// No format that ffmpeg may read.
    #[error("ffmpeg cannot read it: {said}")]
    Unreadable {
        /// What ffmpeg says.
        said: String,
    },
    /// There is sound in it, but no moving pictures.
    #[error("it has no video stream")]
    NoPictures,
    /// ffmpeg ended before the first frame.
    #[error("ffmpeg found no frame in it: {said}")]
    NoFrames {
        /// What ffmpeg says.
        said: String,
    },
    /// ffmpeg was silent for so long, and was ended.
    #[error("ffmpeg was silent for {} seconds and was ended", after.as_secs())]
    Hung {
        /// How long it was waited for.
        after: Duration,
    },
    /// ffmpeg had not finished after so long, and was ended.
    #[error("ffmpeg had not finished after {} seconds and was ended", after.as_secs())]
    TooSlow {
        /// How long it had.
        after: Duration,
    },
    /// ffmpeg told more than it was asked for, and was ended.
    #[error("ffmpeg was ended: expected {expected}, found {found}")]
    Flood {
        /// What it was asked for.
        expected: String,
        /// What it began to tell.
        found: String,
    },
    /// Whoever wanted the frames does not want them any more.
    #[error("cancelled")]
    Cancelled,
}

/// What can be done about a [`VideoError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Install ffmpeg, or name another one.
    AnotherFfmpeg,
    /// Try again: the disk may have been slow, or the machine busy.
    TryAgain,
}

impl VideoError {
    /// What can be done; `None` where the file itself is at fault.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::NotStarted { .. } | Self::NotFfmpeg { .. } => Some(Remedy::AnotherFfmpeg),
            Self::Hung { .. } | Self::TooSlow { .. } | Self::Cancelled => Some(Remedy::TryAgain),
            Self::Unreadable { .. } | Self::NoPictures | Self::NoFrames { .. } | Self::Flood { .. } => None,
        }
    }
}
