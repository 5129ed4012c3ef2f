//! The seam between the blocks of a product and the instructions that compute them.

use crate::prefetch::Prefetch;

/// Computes the dot products of a block. Implemented by proofs of the instructions that it takes.
pub trait DotProducts<S, const OUTPUTS: usize>: Copy {
    /// Values that a step multiplies.
    const LANES: usize;

    /// The dot products of tokens with rows of weights of the same length, over their first values, and how many values
    /// those are: all whole steps. Fetches what comes next meanwhile.
    fn dot_products<const TOKENS: usize>(
        self,
        weights: [&[u8]; OUTPUTS],
        tokens: [&[f32]; TOKENS],
        prefetch: Prefetch,
    ) -> ([[f32; OUTPUTS]; TOKENS], usize);
}
