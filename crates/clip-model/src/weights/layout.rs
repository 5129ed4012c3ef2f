//! Where checkpoints keep tensors.

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
pub trait TensorLayout {
    /// Where the tensor that we call `name` (a module's dotted field path, see [`super::module`]) is kept.
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

impl TensorLayout for Native<'_> {
    fn locate(&self, name: &str) -> Location {
        Location::one(format!("{}{name}", self.prefix))
    }

    fn ignores(&self, stored: &str) -> bool {
        !stored.starts_with(self.prefix)
    }
}
