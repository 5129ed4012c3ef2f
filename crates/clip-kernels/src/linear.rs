//! What the encoders need of a linear map, whatever its weights are stored as.

use std::fmt::Debug;

use crate::Activation;

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
