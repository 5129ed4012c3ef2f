//! How the process ends.

use std::process::ExitCode;

/// Exit status of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All that was asked for is done.
    Done,
    /// Nothing was found, or some photos were skipped.
    Partly,
    /// It could not be done.
    Failed,
    /// Ctrl-C, after a checkpoint.
    Interrupted,
}

impl Exit {
    /// The number that the caller of the program sees.
    pub fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Partly => 1,
            Self::Failed => 2,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}
