//! Where tensors are read from.

use super::stored_matrix::StoredMatrix;
use super::stored_tensor::StoredTensor;
use crate::ModelError;

/// Named tensors that can be read one at a time.
pub trait TensorSource {
    /// What to call this source in messages: usually the file's path.
    fn origin(&self) -> String;

    /// The names of all tensors, in no particular order.
    fn names(&self) -> Vec<String>;

    /// The shape of a tensor, or `None` if there is none of that name.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;

    /// Reads a tensor as `f32`.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`] if there is none of that name, [`ModelError::TensorType`] if it
    /// is stored in a format that is not read.
    fn read(&self, name: &str) -> Result<StoredTensor, ModelError>;

    /// A matrix in its place, without a copy where the source can do that.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn matrix(&self, name: &str) -> Result<StoredMatrix, ModelError> {
        Ok(StoredMatrix::owned(self.read(name)?))
    }
}
