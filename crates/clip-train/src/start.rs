//! What a run starts from: a checkpoint as it is, or a configuration with the weights of a file where it has them and random
//! ones elsewhere.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use burn::tensor::Device;
use clip_model::clip::Clip;
use clip_model::weights::module::{apply, collect, shapes};
use clip_model::weights::safetensors::SafetensorsFile;
use clip_model::weights::{Native, StoredTensor, TensorSource};
use clip_model::{Checkpoint, ClipConfig, Fingerprint, ModelError, ModelSource, Precision};

use crate::error::TrainError;
use crate::recipe::Recipe;

/// Finds a published model on this disk by its name.
pub type FindModel<'a> = dyn Fn(&str) -> Result<ModelSource, Box<dyn Error + Send + Sync>> + Sync + 'a;

/// Largest configuration or tokenizer file that is read.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Largest file of weights that is laid over random ones. It is mapped to be used, and read whole only to tell it from others.
const MAX_WEIGHTS_BYTES: u64 = 16 << 30;

/// A model before its training.
pub struct Start {
    /// What it is.
    pub config: ClipConfig,
    /// The configuration as the recipe has it, for telling runs apart.
    pub config_text: Vec<u8>,
    /// The tokenizer's file.
    pub tokenizer: Vec<u8>,
    /// Where that is from.
    pub tokenizer_origin: String,
    /// The model with its weights.
    pub model: Clip,
    /// The tensors whose weights are not random.
    pub given: Vec<String>,
    /// What tells the given weights from others.
    pub identity: Option<Vec<u8>>,
}

impl Start {
    /// Reads what the recipe, whose file is in `folder`, starts from.
    ///
    /// # Errors
    /// Whatever is wrong with the files, by name.
    pub fn read(
        recipe: &Recipe,
        folder: &Path,
        find: Option<&FindModel<'_>>,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let read = |path: &Path| read(path, MAX_FILE_BYTES);
        let (Some(config_path), Some(tokenizer_path)) = (&recipe.config, &recipe.tokenizer) else {
            // The recipe was checked: then it names a checkpoint.
            let start = recipe.start.as_deref().unwrap_or(Path::new(""));
            return Self::checkpoint(&source(start, folder, find)?, &recipe.name, device);
        };
        let config_text = read(config_path)?;
        let config = ClipConfig::from_json(&String::from_utf8_lossy(&config_text), &config_path.to_string_lossy())?;
        let mut model = Clip::init(&config, device);
        let (mut given, mut identity) = (Vec::new(), None);
        if let Some(path) = &recipe.start {
            (model, given) = lay_over(model, path)?;
            identity = Some(weights_identity(path)?);
        }
        Ok(Self {
            config,
            config_text,
            tokenizer: read(tokenizer_path)?,
            tokenizer_origin: tokenizer_path.to_string_lossy().into_owned(),
            model,
            given,
            identity,
        })
    }

    fn checkpoint(source: &ModelSource, name: &str, device: &Device) -> Result<Self, TrainError> {
        let checkpoint = Checkpoint::open(source)?;
        let config = ClipConfig { name: name.to_owned(), ..checkpoint.config().clone() };
        config.check("the recipe")?;
        let (tokenizer_origin, tokenizer) = checkpoint.tokenizer_bytes()?;
        let tokenizer = tokenizer.to_vec();
        let model = checkpoint.clip(device)?;
        Ok(Self {
            config_text: config.to_json().into_bytes(),
            config,
            tokenizer,
            tokenizer_origin,
            given: shapes(&model).into_iter().map(|(name, _)| name).collect(),
            model,
            identity: Some(Fingerprint::of(&checkpoint, Precision::F32)?.as_str().as_bytes().to_vec()),
        })
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, TrainError> {
    clip_files::regular::read(path, most).map_err(TrainError::reading(path))
}

/// What tells a file of weights from others: what stands in it.
fn weights_identity(path: &Path) -> Result<Vec<u8>, TrainError> {
    read(path, MAX_WEIGHTS_BYTES)
}

/// The model of this name: the built-in one, what lies in `folder`, or a published one.
fn source(start: &Path, folder: &Path, find: Option<&FindModel<'_>>) -> Result<ModelSource, TrainError> {
    if start.as_os_str() == "pocket" {
        return Ok(ModelSource::Default);
    }
    let path = folder.join(start);
    match (path.metadata(), find) {
        (Ok(metadata), _) if metadata.is_dir() => Ok(ModelSource::Folder(path)),
        (Ok(_), _) => Ok(ModelSource::File(path)),
        (Err(error), find) => {
            let start = start.to_string_lossy().into_owned();
            match find {
                Some(find) => find(&start).map_err(|source| TrainError::Start { start, source }),
                None => Err(TrainError::Start { start, source: error.into() }),
            }
        }
    }
}

/// Tensors of a file laid over others.
struct Overlay<'a> {
    file: &'a dyn TensorSource,
    below: BTreeMap<String, StoredTensor>,
}

impl TensorSource for Overlay<'_> {
    fn origin(&self) -> String {
        self.file.origin()
    }

    fn names(&self) -> Vec<String> {
        let mut names = self.file.names();
        names.extend(self.below.keys().cloned());
        names.sort();
        names.dedup();
        names
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.file.shape(name).or_else(|| self.below.get(name).map(|tensor| tensor.shape.clone()))
    }

    fn read(&self, name: &str) -> Result<StoredTensor, ModelError> {
        if self.file.shape(name).is_some() {
            return self.file.read(name);
        }
        self.below.get(name).cloned().ok_or_else(|| ModelError::MissingTensor {
            origin: self.file.origin(),
            name: name.to_owned(),
            expected: Vec::new(),
        })
    }
}

/// Replaces the tensors of `model` that the file at `path` has; the names of those.
///
/// # Errors
/// As [`apply`]: a tensor the model has no place for, or one of another shape.
fn lay_over(model: Clip, path: &Path) -> Result<(Clip, Vec<String>), ModelError> {
    let file = SafetensorsFile::open(path)?;
    let names = file.names();
    let below = collect(&model)?.into_iter().map(|(name, shape, data)| (name, StoredTensor { shape, data })).collect();
    let model = apply(model, &Overlay { file: &file, below }, &Native { prefix: "" })?;
    Ok((model, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pretrained parts in f32 are larger than any configuration or vocabulary.
    #[test]
    fn weights_may_be_larger_than_a_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("start.safetensors");
        std::fs::File::create(&path).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_eq!(weights_identity(&path).unwrap().len() as u64, MAX_FILE_BYTES + 1);
    }
}
