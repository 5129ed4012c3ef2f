//! Starting weights: those of a file where it has them, random ones elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use crate::ModelError;
use crate::clip::Clip;
use crate::weights::module::{apply, collect};
use crate::weights::safetensors::SafetensorsFile;
use crate::weights::{Native, StoredTensor, TensorSource};

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
pub fn lay_over(model: Clip, path: &Path) -> Result<(Clip, Vec<String>), ModelError> {
    let file = SafetensorsFile::open(path)?;
    let names = file.names();
    let below = collect(&model)?.into_iter().map(|(name, shape, data)| (name, StoredTensor { shape, data })).collect();
    let model = apply(model, &Overlay { file: &file, below }, &Native { prefix: "" })?;
    Ok((model, names))
}
