//! The one error type of the crate.

use std::path::PathBuf;

use crate::precision::Precision;

/// Why a model could not be loaded or run.
///
/// Every message says what was expected, what was found and, where there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done: `read`, `map`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The bytes are not a safetensors file at all.
    #[error(
        "{origin} is not a safetensors file but {found}; only safetensors weights are read, \
         convert the checkpoint first"
    )]
    NotSafetensors {
        /// The file.
        origin: String,
        /// What it looks like.
        found: &'static str,
    },
    /// The file claims to be safetensors but its header lies or is cut off.
    #[error("{origin} is damaged: {reason}; fetch or convert it again, its size is {len} bytes now")]
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
        "{origin} has no tensor `{name}` (expected shape {expected:?}); \
         the configuration belongs to another checkpoint or the file is incomplete"
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
        "{origin} holds {} that the configuration has no place for: `{}`{}; \
         the configuration belongs to another checkpoint",
        counted(names.len(), "tensor"),
        names.iter().take(4).map(String::as_str).collect::<Vec<_>>().join("`, `"),
        if names.len() > 4 { " and more" } else { "" }
    )]
    UnexpectedTensors {
        /// The file.
        origin: String,
        /// The tensors, sorted.
        names: Vec<String>,
    },
    /// A tensor has another shape than the configuration calls for.
    #[error("tensor `{name}` in {origin} has shape {found:?}, the configuration calls for {expected:?}")]
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
    #[error("tensor `{name}` in {origin} is stored as {found}; {expected} can be read")]
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
    #[error("the configuration in {origin} is not usable: {reason}")]
    Config {
        /// The file or preset.
        origin: String,
        /// What is wrong, with the value found and the one expected.
        reason: String,
    },
    /// A native model file was written by a newer version of this software.
    #[error(
        "{origin} has model format {found}, this version reads up to {supported}; \
         update clip-search or export the model again"
    )]
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
        "{} is not a checkpoint folder: {reason}; expected `config.json` with \
         `model.safetensors` (Hugging Face) or `open_clip_config.json` with \
         `open_clip_model.safetensors` (open_clip)",
        folder.display()
    )]
    UnknownLayout {
        /// The folder.
        folder: PathBuf,
        /// What is missing or ambiguous.
        reason: String,
    },
    /// The tokenizer's data cannot be used.
    #[error("the tokenizer in {origin} is not usable: {reason}")]
    Tokenizer {
        /// The file.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// A device was asked for by name and is not there.
    #[error("no usable GPU: {reason}; use the CPU (`--device cpu`) or `auto`")]
    Device {
        /// What was found instead.
        reason: String,
    },
    /// A GPU was asked for, and this build has no support for GPUs.
    #[error("this program was built without GPU support")]
    NoGpuSupport,
    /// The device failed while computing.
    #[error("the {device} failed: {reason}")]
    Execution {
        /// Which device.
        device: &'static str,
        /// Its own words.
        reason: String,
    },
    /// An input has the wrong size or type.
    #[error("{0}")]
    Input(String),
    /// The tower that an operation needs was left out when the model was loaded.
    #[error("the {tower} tower of {model} was not loaded; load the model with both towers")]
    TowerNotLoaded {
        /// `image` or `text`.
        tower: &'static str,
        /// The model's name.
        model: String,
    },
    /// A GPU does not compute in this precision.
    #[error(
        "this GPU does not compute in {precision}; choose the CPU (`--device cpu`) or another precision (an index is then \
         to be made anew)"
    )]
    Precision {
        /// What was asked for.
        precision: Precision,
    },
    /// The model answered with NaN or infinity.
    #[error(
        "{model} gave an embedding that is not a finite unit vector for input {index}; \
         its weights are broken or overflow on this device (try `--device cpu`)"
    )]
    NotFinite {
        /// The model's name.
        model: String,
        /// Which input of the call.
        index: usize,
    },
}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
