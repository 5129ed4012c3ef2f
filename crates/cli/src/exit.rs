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

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Partly => 1,
            Exit::Failed => 2,
            Exit::Interrupted => 130,
        })
    }
}
