//! What the encoders need from a linear map, whatever the format of its weights.

use std::fmt::Debug;

use crate::Activation;
use crate::shape::volume;

/// A linear map with a bias.
pub trait Linear: Debug + Send + Sync {
    /// Inputs per row.
    fn depth(&self) -> usize;

    /// Outputs per row.
    fn columns(&self) -> usize;

    /// `out = activation(left * weights + bias) + add`, `left` `[rows, depth]`, `out` and `add` `[rows, columns]`
    /// without gaps, on up to this many threads of rayon's pool.
    ///
    /// # Panics
    /// If the lengths do not fit.
    fn apply_on(&self, threads: usize, left: &[f32], activation: Activation, add: Option<&[f32]>, out: &mut [f32]);
}

/// Number of rows of the arguments of [`Linear::apply_on`].
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
