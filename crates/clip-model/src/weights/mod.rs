//! Weights: from files to modules and back.
//!
//! [`module`] knows burn's modules and the one native naming; [`safetensors`] knows files;
//! a [`TensorSource`] and a [`Layout`] connect them. `fold` computes tensors from several stored ones. `places` finds a
//! module's tensors without reading them, for code that computes with them as they are stored.

mod file_bytes;
pub(crate) mod fold;
pub mod module;
pub(crate) mod places;
pub mod safetensors;
pub mod stored_matrix;

use crate::ModelError;
use stored_matrix::StoredMatrix;

/// One tensor as a file stores it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTensor {
    /// Dimensions, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Row-major values, as many as the product of `shape`.
    pub data: Vec<f32>,
}

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

/// Where a checkpoint keeps one of our tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Stored tensors that, joined along their first dimension, make up ours.
    pub parts: Vec<String>,
    /// The stored matrix is the transpose of ours (a bare `[in, out]` parameter in place of a
    /// linear layer's `[out, in]`).
    pub transposed: bool,
    /// How many of equal shares of the rows each part holds; one each where this is empty.
    pub shares: Vec<usize>,
    /// The stored tensor has a leading dimension of one that ours lacks.
    pub batched: bool,
}

impl Location {
    /// One tensor, stored as ours is.
    pub fn one(name: impl Into<String>) -> Self {
        Self { parts: vec![name.into()], transposed: false, shares: Vec::new(), batched: false }
    }

    /// One tensor, stored with a leading dimension of one.
    pub fn batched(name: impl Into<String>) -> Self {
        Self { batched: true, ..Self::one(name) }
    }

    /// One matrix, stored transposed.
    pub fn transposed(name: impl Into<String>) -> Self {
        Self { transposed: true, ..Self::one(name) }
    }

    /// Several tensors to be joined along their first dimension.
    pub fn joined(parts: impl IntoIterator<Item = String>) -> Self {
        Self { parts: parts.into_iter().collect(), ..Self::one("") }
    }

    /// Several tensors to be joined along their first dimension, with the share of the rows that each has.
    pub fn shared(parts: impl IntoIterator<Item = (String, usize)>) -> Self {
        let (parts, shares) = parts.into_iter().unzip();
        Self { parts, shares, transposed: false, batched: false }
    }
}

/// How a family of checkpoints names and arranges tensors.
pub trait Layout {
    /// Where the tensor that we call `name` (a module's dotted field path, see [`module`]) is kept.
    fn locate(&self, name: &str) -> Location;

    /// Whether a stored tensor may be left unread: buffers that hold no weights, or a tower that
    /// is not loaded.
    fn ignores(&self, stored: &str) -> bool;
}

/// Our own layout: tensors are stored under their own names, after a prefix.
#[derive(Debug, Clone, Copy)]
pub struct Native<'a> {
    /// Put before each name (`"text."` loads a lone text tower from a whole model); tensors
    /// outside it are ignored.
    pub prefix: &'a str,
}

impl Layout for Native<'_> {
    fn locate(&self, name: &str) -> Location {
        Location::one(format!("{}{name}", self.prefix))
    }

    fn ignores(&self, stored: &str) -> bool {
        !stored.starts_with(self.prefix)
    }
}

/// A layout from two closures.
pub struct Renamed<L, I> {
    /// See [`Layout::locate`].
    pub locate: L,
    /// See [`Layout::ignores`].
    pub ignores: I,
}

impl<L: Fn(&str) -> Location, I: Fn(&str) -> bool> Layout for Renamed<L, I> {
    fn locate(&self, name: &str) -> Location {
        (self.locate)(name)
    }

    fn ignores(&self, stored: &str) -> bool {
        (self.ignores)(stored)
    }
}
