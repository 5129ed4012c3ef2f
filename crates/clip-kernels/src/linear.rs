//! What the encoders need of a linear map, whatever its weights are stored as.

use std::fmt::Debug;

use crate::Activation;
use crate::shape::volume;

/// A linear map with a bias.
pub trait Linear: Debug + Send + Sync {
    /// Inputs a row.
    fn depth(&self) -> usize;

    /// Outputs a row.
    fn columns(&self) -> usize;

    /// `out = activation(left * weights + bias) + add`, `left` `[rows, depth]`, `out` and `add` `[rows, columns]`
    /// without gaps, on so many threads of rayon's pool.
    ///
    /// # Panics
    /// If the lengths do not fit.
    fn apply_on(&self, threads: usize, left: &[f32], activation: Activation, add: Option<&[f32]>, out: &mut [f32]);
}

/// Number of rows of what [`Linear::apply_on`] is given.
///
/// # Panics
/// If the lengths do not fit.
pub(crate) fn check_shapes(depth: usize, columns: usize, left: &[f32], add: Option<&[f32]>, out: &[f32]) -> usize {
    let rows = left.len() / depth;
    assert_eq!(left.len(), rows * depth, "left is [rows, depth]");
    assert_eq!(out.len(), volume([rows, columns]), "out is [rows, columns]");
    assert!(add.is_none_or(|add| add.len() == out.len()), "what is added has the shape of out");
    rows
}
