//! One tensor in memory, arranged as files store it.

/// One tensor as a file stores it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTensor {
    /// Dimensions, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Row-major values, as many as the product of `shape`.
    pub data: Vec<f32>,
}
