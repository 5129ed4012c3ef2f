//! What can go wrong.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clip_files::system_error;
use thiserror::Error;

/// Why text could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OcrError {
    /// The program is not there, or cannot be started.
    #[error("cannot start {}: {}", program.display(), system_error::describe(error))]
    NoProgram {
        /// Its name or path.
        program: PathBuf,
        /// In the operating system's words.
        error: io::Error,
    },
    /// Something else lies under the program's name.
    #[error("expected {} to list its languages, found {found:?}", program.display())]
    NotTesseract {
        /// Its name or path.
        program: PathBuf,
        /// The beginning of what it said.
        found: String,
    },
    /// The program does not have these languages.
    #[error("expected tesseract to have the languages {}, found {}", missing.join(", "), listed(found))]
    NoLanguages {
        /// Those that it lacks.
        missing: Vec<String>,
        /// Those that it has.
        found: Vec<String>,
    },
    /// A list of languages that cannot be one.
    #[error("expected languages as eng or eng+deu, found {found:?}")]
    Languages {
        /// What was given.
        found: String,
    },
    /// The program did not end in time, and was killed.
    #[error("tesseract took longer than {} seconds", longest.as_secs_f64())]
    TookTooLong {
        /// The time that it had.
        longest: Duration,
    },
    /// The program ended otherwise than it should.
    #[error("tesseract ended with {how}")]
    Died {
        /// How, in the operating system's words.
        how: String,
    },
    /// The program said more than a picture can hold, and was killed.
    #[error("tesseract wrote more than {most} bytes")]
    TooMuch {
        /// The most that it may write.
        most: usize,
    },
    /// It was cancelled.
    #[error("it was cancelled")]
    Cancelled,
    /// Reading from the program or writing to it failed.
    #[error("cannot exchange data with tesseract: {}", system_error::describe(.0))]
    Io(#[from] io::Error),
}

/// What to do about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Install tesseract.
    InstallTesseract,
    /// Install these languages of tesseract.
    InstallLanguages(Vec<String>),
}

impl OcrError {
    /// What to do, if there is something.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::NoProgram { .. } | Self::NotTesseract { .. } => Some(Remedy::InstallTesseract),
            Self::NoLanguages { missing, .. } => Some(Remedy::InstallLanguages(missing.clone())),
            _ => None,
        }
    }

    /// Whether the picture may be at fault, as opposed to the program as it is installed.
    pub fn is_about_picture(&self) -> bool {
        matches!(self, Self::TookTooLong { .. } | Self::Died { .. } | Self::TooMuch { .. } | Self::Io(_))
    }
}

fn listed(languages: &[String]) -> String {
    if languages.is_empty() { "none".to_owned() } else { languages.join(", ") }
}
