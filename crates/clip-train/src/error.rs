//! The one error type of the crate.

use std::fmt;
use std::path::{Path, PathBuf};

use clip_classify::ClassifyError;
use clip_files::system_error;
use clip_model::ModelError;

/// Why training could not start or go on.
///
/// Messages show names from recipes and data sets with control characters and direction marks escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {}", Shown::path(path), system_error::describe(source))]
    Io {
        /// What was being done: `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The recipe cannot be parsed or asks for something impossible.
    #[error("the recipe {} is invalid: {}", Shown::path(path), Shown::text(reason))]
    Recipe {
        /// The recipe's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A data set cannot be used.
    #[error("the data in {} cannot be used: {}", Shown::path(path), Shown::text(reason))]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A photo cannot be read. Training stops: a recipe names its photos, and a missing one would change the result.
    #[error("the photo {} cannot be read: {}", Shown::path(path), Shown::text(reason))]
    Photo {
        /// The photo.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A stage of the recipe does not fit the model.
    #[error("stage {stage:?} does not fit the model: {}", Shown::text(reason))]
    Stage {
        /// The stage.
        stage: String,
        /// Why not.
        reason: String,
    },
    /// An expression of the recipe matches no tensor of the model.
    #[error("no tensor of the model matches `{}` in stage {stage:?}", Shown::text(expression))]
    NoTensors {
        /// The stage.
        stage: String,
        /// The expression, as written.
        expression: String,
    },
    /// The model that the recipe starts from is neither on the disk nor published.
    #[error("cannot start from {}: {source}", Shown::text(start))]
    Start {
        /// As the recipe has it.
        start: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The output folder has a run already, which would be lost.
    #[error("{} already holds a training run ({})", Shown::path(path), Shown::text(progress))]
    Existing {
        /// The output folder.
        path: PathBuf,
        /// How far it got: `finished`, or a stage and an epoch.
        progress: String,
    },
    /// Another process trains into the output folder.
    #[error("another process is training in {}", Shown::path(path))]
    Busy {
        /// The output folder.
        path: PathBuf,
    },
    /// The output folder has no run that could be resumed.
    #[error("there is no training run to resume in {}", Shown::path(path))]
    NothingToResume {
        /// The output folder.
        path: PathBuf,
    },
    /// A file of the saved training state is damaged or missing.
    #[error("cannot resume training: {} is damaged: {}", Shown::path(path), Shown::text(reason))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
    /// The training state cannot be resumed: it belongs to another recipe.
    #[error("cannot resume training from {}: {}", Shown::path(path), Shown::text(reason))]
    State {
        /// The state's folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The loss is no longer a finite number.
    #[error("the loss became {loss} in stage {stage:?}, epoch {epoch}")]
    Diverged {
        /// The stage.
        stage: String,
        /// The epoch, from 1.
        epoch: usize,
        /// The loss.
        loss: f32,
    },
    /// The run was cancelled. The last saved training state can be resumed.
    #[error("training was cancelled; it can be resumed from the last saved state")]
    Stopped,
    /// The model could not be built, read or written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Recall could not be measured.
    #[error("cannot measure recall on the dev set: {0}")]
    Recall(#[from] ClassifyError),
}

/// What may help against a [`TrainError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Repair the photo, or remove its rows from the CSV.
    RepairOrRemovePhoto,
    /// Start the run again without resuming.
    StartAgain,
    /// Start the run again from the beginning, and discard the damaged state.
    DiscardDamaged,
    /// Resume with the recipe that the state is of, or start again and discard the state.
    DiscardState,
    /// Resume the run, start it again, or choose another output folder.
    ResumeOrStartAgain,
    /// Look at the names of the model's tensors.
    ListTensors,
    /// Wait for the other process, or choose another output folder.
    WaitOrChooseFolder,
    /// Lower the learning rates of the stage.
    LowerLearningRates,
    /// Resume from the last saved training state.
    Resume,
    /// What helps against the model's error.
    Model(clip_model::Remedy),
    /// What helps against the error of measuring recall.
    Recall(clip_classify::Remedy),
}

impl TrainError {
    /// What may help, if that is known.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Photo { .. } => Some(Remedy::RepairOrRemovePhoto),
            Self::Damaged { .. } => Some(Remedy::DiscardDamaged),
            Self::State { .. } => Some(Remedy::DiscardState),
            Self::NothingToResume { .. } => Some(Remedy::StartAgain),
            Self::Existing { .. } => Some(Remedy::ResumeOrStartAgain),
            Self::NoTensors { .. } => Some(Remedy::ListTensors),
            Self::Busy { .. } => Some(Remedy::WaitOrChooseFolder),
            Self::Diverged { .. } => Some(Remedy::LowerLearningRates),
            Self::Stopped => Some(Remedy::Resume),
            Self::Model(error) => error.remedy().map(Remedy::Model),
            Self::Recall(error) => error.remedy().map(Remedy::Recall),
            Self::Io { .. } | Self::Recipe { .. } | Self::Data { .. } | Self::Stage { .. } | Self::Start { .. } => None,
        }
    }

    /// An I/O error's conversion for [`Result::map_err`].
    pub(crate) fn reading(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        move |source| Self::Io { action: "read", path: path.to_owned(), source }
    }

    /// As [`reading`](Self::reading).
    pub(crate) fn writing(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        move |source| Self::Io { action: "write", path: path.to_owned(), source }
    }
}

/// Text from a file, shown so that it cannot control a terminal. Line breaks stay: parsers' reasons have several lines.
struct Shown<'a>(std::borrow::Cow<'a, str>);

impl<'a> Shown<'a> {
    fn path(path: &'a Path) -> Self {
        Self(path.to_string_lossy())
    }

    fn text(text: &'a str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if turns || (c.is_control() && c != '\n') {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_files_cannot_control_a_terminal() {
        let hostile = "a\u{1b}[2J\u{202e}gpj.exe\u{9b}31m\rb";
        let escaped = r"a\u{1b}[2J\u{202e}gpj.exe\u{9b}31m\rb";
        let (path, reason) = (PathBuf::from(hostile), hostile.to_owned());
        let errors = [
            TrainError::Io { action: "read", path: path.clone(), source: std::io::ErrorKind::NotFound.into() },
            TrainError::Recipe { path: path.clone(), reason: reason.clone() },
            TrainError::Data { path: path.clone(), reason: reason.clone() },
            TrainError::Photo { path: path.clone(), reason: reason.clone() },
            TrainError::Stage { stage: "s".into(), reason: reason.clone() },
            TrainError::NoTensors { stage: "s".into(), expression: reason.clone() },
            TrainError::Start { start: reason.clone(), source: "absent".into() },
            TrainError::Existing { path: path.clone(), progress: reason.clone() },
            TrainError::Busy { path: path.clone() },
            TrainError::NothingToResume { path: path.clone() },
            TrainError::State { path, reason },
        ];
        for error in errors {
            let text = error.to_string();
            assert!(text.contains(escaped) && !text.chars().any(char::is_control), "{text:?}");
        }
    }

    #[test]
    fn the_models_remedy_is_passed_on() {
        let error = TrainError::from(ModelError::NoGpuSupport);
        assert_eq!(error.remedy(), Some(Remedy::Model(clip_model::Remedy::UseCpu)));
        assert_eq!(TrainError::Stopped.remedy(), Some(Remedy::Resume));
    }
}
