//! Our own model files: everything in one safetensors file.
//!
//! - `__metadata__` has an entry `clip-search`: JSON with `format_version` and `config`, a [`ClipConfig`].
//! - The `U8` tensor `tokenizer` is the tokenizer's file.
//! - All other tensors are parameters, named by their field paths in [`Clip`] ([`crate::weights::module`]):
//!   `image.…`, `text.…`, `logit_scale`, perhaps `logit_bias`.

use std::path::Path;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::clip::Clip;
use crate::config::ClipConfig;
use crate::json;
use crate::weights::module::{apply, collect};
use crate::weights::safetensors::{self, Contents, SafetensorsFile};
use crate::weights::{Location, TensorLayout};
use crate::{ModelError, Precision};

/// The newest format that is read, and the one that is written.
pub const FORMAT_VERSION: u32 = 1;

const METADATA_KEY: &str = "clip-search";
const TOKENIZER: &str = "tokenizer";

#[derive(Serialize, Deserialize)]
struct Description<C> {
    format_version: u32,
    config: C,
}

/// The layout of a whole native model.
pub(crate) struct NativeModel<'a> {
    /// As in [`crate::weights::Native`].
    pub prefix: &'a str,
}

impl TensorLayout for NativeModel<'_> {
    fn locate(&self, name: &str) -> Location {
        Location::one(format!("{}{name}", self.prefix))
    }

    fn ignores(&self, stored: &str) -> bool {
        stored == TOKENIZER || !stored.starts_with(self.prefix)
    }
}

/// Reads the configuration of a native file.
///
/// # Errors
/// [`ModelError::NotNative`] if there is none, [`ModelError::Config`] if it is not usable, [`ModelError::NewerFormat`].
pub fn config(file: &SafetensorsFile) -> Result<ClipConfig, ModelError> {
    use crate::weights::TensorSource;
    let origin = file.origin();
    let unusable = |reason: String| ModelError::Config { origin: origin.clone(), reason };
    let Some(description) = file.metadata(METADATA_KEY) else {
        return Err(ModelError::NotNative { origin });
    };
    // The version first: a newer format may describe itself in other words.
    let description: Description<serde_json::Value> =
        serde_json::from_str(description).map_err(|e| unusable(json::describe(&e)))?;
    if description.format_version > FORMAT_VERSION {
        return Err(ModelError::NewerFormat { origin, found: description.format_version, supported: FORMAT_VERSION });
    }
    ClipConfig::from_json(&description.config.to_string(), &origin)
}

/// The tokenizer's file, in place.
///
/// # Errors
/// [`ModelError::MissingTensor`] and [`ModelError::TensorType`].
pub fn tokenizer(file: &SafetensorsFile) -> Result<&[u8], ModelError> {
    file.bytes(TOKENIZER)
}

/// Writes a model file. The same model gives the same bytes.
///
/// # Errors
/// [`ModelError::Io`]; [`ModelError::Input`] if a weight is not finite or too large for `precision`.
pub fn write(
    path: &Path,
    config: &ClipConfig,
    tokenizer: &[u8],
    model: &Clip,
    precision: Precision,
) -> Result<(), ModelError> {
    let description = Description { format_version: FORMAT_VERSION, config };
    let description = serde_json::to_string(&description)
        .map_err(|e| ModelError::Config { origin: path.display().to_string(), reason: e.to_string() })?;
    let contents = Contents {
        metadata: vec![(METADATA_KEY, description)],
        tensors: &collect(model)?,
        files: vec![(TOKENIZER, tokenizer)],
        precision,
    };
    safetensors::write(path, &contents)
}

/// Reads a whole model, both towers.
///
/// # Errors
/// As [`config`], [`SafetensorsFile::open`] and [`apply`].
pub fn read_clip(path: &Path, device: &Device) -> Result<Clip, ModelError> {
    let file = SafetensorsFile::open(path)?;
    let config = config(&file)?;
    apply(Clip::init(&config, device), &file, &NativeModel { prefix: "" })
}
