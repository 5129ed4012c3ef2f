//! What a model answers with.

/// Unit vectors, one a photo or text, in the order of the inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    values: Vec<f32>,
    dimension: usize,
}

impl Embeddings {
    /// `values` are rows of `dimension` each.
    pub(crate) fn new(values: Vec<f32>, dimension: usize) -> Self {
        debug_assert!(dimension > 0 && values.len().is_multiple_of(dimension));
        Self { values, dimension }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Width of a row.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// A row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dimension..][..self.dimension]
    }

    /// All rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dimension)
    }

    /// All values, row by row.
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// All values, row by row.
    pub fn into_vec(self) -> Vec<f32> {
        self.values
    }
}

/// The states of one text's tokens, which generators are guided by.
#[derive(Debug, Clone, PartialEq)]
pub struct HiddenStates {
    values: Vec<f32>,
    width: usize,
}

impl HiddenStates {
    pub(crate) fn new(values: Vec<f32>, width: usize) -> Self {
        debug_assert!(width > 0 && values.len().is_multiple_of(width));
        Self { values, width }
    }

    /// Number of tokens, start and end included.
    pub fn tokens(&self) -> usize {
        self.values.len() / self.width
    }

    /// Width of a state.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The tokens' states in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    /// All values, token by token.
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }
}
