//! The seam between the blocks of a product and the instructions that compute them.

use crate::prefetch::Ahead;

/// Computes the dot products of a block. Implemented by proofs of the instructions that it takes.
pub trait Dots<S, const OUTPUTS: usize>: Copy {
    /// Values that a step multiplies.
    const LANES: usize;

    /// Those of tokens with rows of weights of the same length, over the first so many values of either. What lies ahead
    /// may be fetched meanwhile.
    fn dots<const TOKENS: usize>(
        self,
        weights: [&[u8]; OUTPUTS],
        tokens: [&[f32]; TOKENS],
        ahead: Ahead,
    ) -> ([[f32; OUTPUTS]; TOKENS], usize);
}
