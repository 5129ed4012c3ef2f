//! Writing the trained model as one self-describing file.

use std::path::Path;

use super::TrainError;
use super::recipe::Storage;
use crate::ClipConfig;
use crate::clip::Clip;
use crate::weights::native;
use crate::weights::safetensors::Precision;

/// Writes the model; gives it back with its weights as they are read from the file.
pub fn write(
    config: &ClipConfig,
    tokenizer: &[u8],
    model: &Clip,
    storage: Storage,
    path: &Path,
) -> Result<Clip, TrainError> {
    let precision = match storage {
        Storage::F32 => Precision::F32,
        Storage::F16 => Precision::F16,
        Storage::Int8 => Precision::I8,
    };
    native::write(path, config, tokenizer, model, precision)?;
    let device = model.logit_scale.val().device();
    Ok(native::read_clip(path, &device)?)
}
