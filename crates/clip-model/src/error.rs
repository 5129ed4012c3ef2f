//! The one error type of the crate.

use std::path::PathBuf;

use clip_files::system_error;

use crate::precision::Precision;
use crate::shown::{shown, shown_path};

/// Why a model could not be loaded or run.
///
/// Every message says what was expected and what was found; what can be done about it, [`remedy`](Self::remedy) says. Names
/// that come from files are escaped in messages and stand in the fields as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {}", shown_path(path), shown(&system_error::describe(source)))]
    Io {
        /// What was being done: `read`, `map`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The bytes are not a safetensors file at all.
    #[error("expected a safetensors file, found {found}: {}", shown(origin))]
    NotSafetensors {
        /// The file.
        origin: String,
        /// What it looks like.
        found: FileKind,
    },
    /// The file claims to be safetensors but its header lies or is cut off.
    #[error("{} is damaged: {}; its size is {len} bytes", shown(origin), shown(reason))]
    DamagedWeights {
        /// The file.
        origin: String,
        /// What does not add up.
        reason: String,
        /// Bytes the file has.
        len: u64,
    },
    /// A tensor that the configuration calls for is not in the file.
    #[error(
        "{} has no tensor `{}` (expected shape {expected:?}); \
         the configuration is for a different checkpoint, or the file is incomplete",
        shown(origin),
        shown(name)
    )]
    MissingTensor {
        /// The file.
        origin: String,
        /// The tensor's name in the file.
        name: String,
        /// The shape that the configuration calls for, as stored.
        expected: Vec<usize>,
    },
    /// The file holds tensors that the configuration has no place for.
    #[error(
        "{} has {} not described by the configuration: {}{}; the configuration is for a different checkpoint",
        shown(origin),
        counted(names.len(), "tensor"),
        names.iter().take(4).map(|name| format!("`{}`", shown(name))).collect::<Vec<_>>().join(", "),
        if names.len() > 4 { " and more" } else { "" }
    )]
    UnexpectedTensors {
        /// The file.
        origin: String,
        /// The tensors, sorted.
        names: Vec<String>,
    },
    /// A tensor has another shape than the configuration calls for.
    #[error(
        "tensor `{}` in {} has shape {found:?}; the configuration requires {expected:?}",
        shown(name),
        shown(origin)
    )]
    MisshapenTensor {
        /// The file.
        origin: String,
        /// The tensor's name in the file.
        name: String,
        /// The shape that the configuration calls for, as stored.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor is stored in a number format that is not read.
    #[error("tensor `{}` in {} is stored as {}; {expected} can be read", shown(name), shown(origin), shown(found))]
    TensorType {
        /// The file.
        origin: String,
        /// The tensor's name in the file.
        name: String,
        /// The format in the file.
        found: String,
        /// The formats that are read.
        expected: &'static str,
    },
    /// A configuration cannot be parsed, contradicts itself or is beyond the limits.
    #[error("the configuration in {} is invalid: {}", shown(origin), shown(reason))]
    Config {
        /// The file or preset.
        origin: String,
        /// What is wrong, with the value found and the one expected.
        reason: String,
    },
    /// A file has weights and does not describe the model that they are of.
    #[error("{} has weights but no model configuration; it was written by another program", shown(origin))]
    NotNative {
        /// The file.
        origin: String,
    },
    /// A native model file was written by a newer version of this software.
    #[error("{} has model format {found}; this version reads formats up to {supported}", shown(origin))]
    NewerFormat {
        /// The file.
        origin: String,
        /// Its format version.
        found: u32,
        /// The newest version that is read.
        supported: u32,
    },
    /// A folder is in none of the known checkpoint layouts.
    #[error(
        "{} is not a checkpoint folder: {}; expected `config.json` with \
         `model.safetensors` (Hugging Face) or `open_clip_config.json` with \
         `open_clip_model.safetensors` (open_clip)",
        shown_path(folder),
        shown(reason)
    )]
    UnknownLayout {
        /// The folder.
        folder: PathBuf,
        /// What is missing or ambiguous.
        reason: String,
    },
    /// The tokenizer's data cannot be used.
    #[error("cannot load the tokenizer from {}: {}", shown(origin), shown(reason))]
    Tokenizer {
        /// The file.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// A device was asked for by name and is not there.
    #[error("no usable GPU: {}", shown(reason))]
    Device {
        /// What was found instead.
        reason: String,
    },
    /// A GPU was asked for, and this build has no support for GPUs.
    #[error("this program was built without GPU support")]
    NoGpuSupport,
    /// The device failed while computing.
    #[error("the {device} failed: {}", shown(reason))]
    Execution {
        /// Which device.
        device: &'static str,
        /// Its own words.
        reason: String,
    },
    /// An input has the wrong size or type.
    #[error("{}", shown(.0))]
    Input(String),
    /// The tower that an operation needs was left out when the model was loaded.
    #[error("the {tower} tower of {} was not loaded", shown(model))]
    TowerNotLoaded {
        /// `image` or `text`.
        tower: &'static str,
        /// The model's name.
        model: String,
    },
    /// A GPU does not compute in this precision.
    #[error("this GPU does not support {precision}")]
    Precision {
        /// What was asked for.
        precision: Precision,
    },
    /// The model answered with NaN or infinity.
    #[error(
        "{} produced NaN or infinity for input {index} on the {device} in {precision}; its weights are damaged{}",
        shown(model),
        if *device == "CPU" && *precision == Precision::F32 { "" } else { " or overflow there" }
    )]
    NotFinite {
        /// The model's name.
        model: String,
        /// Where it was computed, as [`Model::device`](crate::Model::device) says it.
        device: &'static str,
        /// What it was computed in.
        precision: Precision,
        /// Which input of the call.
        index: usize,
    },
}

/// What kind of file was found where weights were expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// It has no bytes.
    Empty,
    /// A folder, a device or a pipe.
    NotRegular,
    /// A zip archive, as PyTorch writes.
    Zip,
    /// A Python pickle.
    Pickle,
    /// HDF5, as Keras writes.
    Hdf5,
    /// GGUF, as llama.cpp reads.
    Gguf,
    /// What Git LFS leaves in the place of a file that was not fetched.
    GitLfsPointer,
    /// Text.
    Text,
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::NotRegular => "a folder, a device or a pipe",
            Self::Zip => "a zip archive (a PyTorch checkpoint?)",
            Self::Pickle => "a Python pickle, which can run code and is never loaded",
            Self::Hdf5 => "an HDF5 file",
            Self::Gguf => "a GGUF file",
            Self::GitLfsPointer => "a Git LFS pointer",
            Self::Text => "a text file (an error page instead of a download?)",
        })
    }
}

/// What can be done about a [`ModelError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Convert the checkpoint's weights to safetensors.
    ConvertWeights,
    /// Fetch or convert the file again: it is damaged or something else than it should be.
    FetchAgain,
    /// Fetch the file that the pointer in its place stands for, with Git LFS.
    FetchFromGitLfs,
    /// Name the checkpoint's folder, in which its configuration is, and not the file with its weights.
    NameFolder,
    /// Use a newer version of this software, or export the model again with this one.
    UpdateOrExportAgain,
    /// Compute on the CPU, or leave the choice of the device to the program.
    UseCpu,
    /// Compute on the CPU, or in another precision; an index of the other precision is then to be made anew.
    UseCpuOrOtherPrecision,
    /// Compute in another precision, for which an index is to be made anew, or fetch the file again.
    UseOtherPrecision,
    /// Load the model with both towers.
    LoadBothTowers,
}

impl ModelError {
    /// What can be done about it, where that is known.
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::NotSafetensors { found, .. } => match found {
                FileKind::Zip | FileKind::Pickle | FileKind::Hdf5 | FileKind::Gguf => Remedy::ConvertWeights,
                FileKind::Empty | FileKind::Text => Remedy::FetchAgain,
                FileKind::GitLfsPointer => Remedy::FetchFromGitLfs,
                FileKind::NotRegular => return None,
            },
            Self::DamagedWeights { .. } => Remedy::FetchAgain,
            Self::NotNative { .. } => Remedy::NameFolder,
            Self::NewerFormat { .. } => Remedy::UpdateOrExportAgain,
            Self::Device { .. } | Self::NoGpuSupport => Remedy::UseCpu,
            Self::NotFinite { device, precision, .. } => match (*device, precision) {
                ("CPU", Precision::F32) => Remedy::FetchAgain,
                ("CPU", _) => Remedy::UseOtherPrecision,
                _ => Remedy::UseCpu,
            },
            Self::Precision { .. } => Remedy::UseCpuOrOtherPrecision,
            Self::TowerNotLoaded { .. } => Remedy::LoadBothTowers,
            _ => return None,
        })
    }
}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clip_files::deceptive::is_deceptive;

    const BAD: &str = "a\u{1b}]0;b\u{7}\u{9b}31m\r\n\u{202e}c\u{2067}d";

    /// One of each kind, with such text wherever there is text.
    fn all() -> Vec<ModelError> {
        let bad = || BAD.to_owned();
        let (origin, name, reason, model) = (bad, bad, bad, bad);
        vec![
            ModelError::Io { action: "read", path: bad().into(), source: std::io::Error::other("no") },
            ModelError::NotSafetensors { origin: origin(), found: FileKind::GitLfsPointer },
            ModelError::DamagedWeights { origin: origin(), reason: reason(), len: 3 },
            ModelError::MissingTensor { origin: origin(), name: name(), expected: vec![1] },
            ModelError::UnexpectedTensors { origin: origin(), names: vec![name(); 5] },
            ModelError::MisshapenTensor { origin: origin(), name: name(), expected: vec![1], found: vec![2] },
            ModelError::TensorType { origin: origin(), name: name(), found: bad(), expected: "F32" },
            ModelError::Config { origin: origin(), reason: reason() },
            ModelError::NotNative { origin: origin() },
            ModelError::NewerFormat { origin: origin(), found: 2, supported: 1 },
            ModelError::UnknownLayout { folder: bad().into(), reason: reason() },
            ModelError::Tokenizer { origin: origin(), reason: reason() },
            ModelError::Device { reason: reason() },
            ModelError::NoGpuSupport,
            ModelError::Execution { device: "GPU", reason: reason() },
            ModelError::Input(bad()),
            ModelError::TowerNotLoaded { tower: "text", model: model() },
            ModelError::Precision { precision: Precision::F16 },
            ModelError::NotFinite { model: model(), device: "CPU", precision: Precision::F16, index: 0 },
        ]
    }

    #[test]
    fn no_message_steers_a_terminal() {
        for error in all() {
            let message = error.to_string();
            assert!(!message.contains(is_deceptive), "{message:?}");
        }
    }

    #[test]
    fn nobody_is_told_to_do_what_is_done() {
        let remedy = |device, precision| {
            let error = ModelError::NotFinite { model: "m".into(), device, precision, index: 0 };
            assert_eq!(
                error.to_string().contains("overflow"),
                (device, precision) != ("CPU", Precision::F32),
                "{error}"
            );
            error.remedy().unwrap()
        };
        assert_eq!(remedy("GPU", Precision::F32), Remedy::UseCpu);
        assert_eq!(remedy("CPU", Precision::F16), Remedy::UseOtherPrecision);
        assert_eq!(remedy("CPU", Precision::F32), Remedy::FetchAgain);
    }

    #[test]
    fn system_errors_are_told_without_numbers() {
        let source = std::io::Error::from_raw_os_error(2);
        let error = ModelError::Io { action: "read", path: "a".into(), source };
        assert_eq!(error.to_string(), "cannot read a: no such file or directory");
    }

    #[test]
    fn messages_name_no_command_and_no_option() {
        for error in all() {
            let message = error.to_string();
            for word in ["clip-search", "--", "git lfs", "run "] {
                assert!(!message.contains(word), "{message}");
            }
        }
    }
}
