//! A module's tensors where a checkpoint keeps them.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::Module;

use super::layout::Location;
use super::layout::TensorLayout;
use super::module::{check_all_used, check_located, read_located, shapes, transpose};
use super::source::TensorSource;
use super::stored_matrix::StoredMatrix;
use super::stored_tensor::StoredTensor;
use crate::ModelError;

/// The tensors of a module, found and checked as strictly as when the module itself is
/// [filled](super::module::apply), but not read.
pub(crate) struct Places<'a> {
    source: &'a dyn TensorSource,
    places: BTreeMap<String, (Location, Vec<usize>)>,
}

impl<'a> Places<'a> {
    /// Finds the tensors of `module`, whose own values are never computed.
    ///
    /// # Errors
    /// As [`apply`](super::module::apply), except for number formats that are not read.
    pub fn of<M: Module>(
        module: &M,
        source: &'a dyn TensorSource,
        layout: &dyn TensorLayout,
    ) -> Result<Places<'a>, ModelError> {
        let mut places = BTreeMap::new();
        let mut used = BTreeSet::new();
        for (name, shape) in shapes(module) {
            let location = layout.locate(&name);
            check_located(source, &location, &shape)?;
            used.extend(location.parts.iter().cloned());
            places.insert(name, (location, shape));
        }
        check_all_used(source, layout, &used)?;
        Ok(Self { source, places })
    }

    /// Whether the module has such a tensor.
    pub fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    fn place(&self, name: &str) -> Result<(&Location, &[usize]), ModelError> {
        let missing =
            || ModelError::MissingTensor { origin: self.source.origin(), name: name.to_owned(), expected: Vec::new() };
        self.places.get(name).map(|(location, shape)| (location, shape.as_slice())).ok_or_else(missing)
    }

    /// Reads a tensor, by the module's name for it: the values of its stored form, `[out, in]` for linear maps.
    ///
    /// # Errors
    /// [`ModelError::TensorType`] for number formats that are not read; [`ModelError::MissingTensor`] if the module
    /// has no such tensor.
    pub fn values(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        let (location, shape) = self.place(name)?;
        let tensor = read_located(self.source, location, shape)?;
        Ok(match (location.transposed, tensor.shape.as_slice()) {
            (true, &[rows, columns]) => transpose(&tensor.data, rows, columns),
            _ => tensor.data,
        })
    }

    /// A matrix as it is stored, in the parts whose rows make it up. Copied only where it is stored transposed.
    ///
    /// # Errors
    /// As [`values`](Self::values).
    pub fn matrix(&self, name: &str) -> Result<Vec<StoredMatrix>, ModelError> {
        let (location, shape) = self.place(name)?;
        if location.transposed || location.batched {
            let data = self.values(name)?;
            return Ok(vec![StoredMatrix::owned(StoredTensor { shape: shape.to_vec(), data })]);
        }
        location.parts.iter().map(|part| self.source.matrix(part)).collect()
    }
}
