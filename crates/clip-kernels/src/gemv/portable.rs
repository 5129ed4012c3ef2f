//! Dot products in plain Rust.

use super::dot_products::DotProducts;
use super::element::Element;
use crate::math::{Baseline, MultiplyAdd};
use crate::prefetch::Prefetch;

/// The form that needs no proof.
#[derive(Clone, Copy)]
pub struct Portable;

impl<S: Element, const OUTPUTS: usize> DotProducts<S, OUTPUTS> for Portable {
    const LANES: usize = 4;

    fn dot_products<const TOKENS: usize>(
        self,
        weights: [&[u8]; OUTPUTS],
        tokens: [&[f32]; TOKENS],
        prefetch: Prefetch,
    ) -> ([[f32; OUTPUTS]; TOKENS], usize) {
        const LANES: usize = 4;
        let whole = tokens[0].len() / LANES;
        // Arrays of a length that the compiler knows.
        let tokens: [&[[f32; LANES]]; TOKENS] = tokens.map(|token| &token.as_chunks::<LANES>().0[..whole]);
        let mut sums = [[[0.0f32; LANES]; OUTPUTS]; TOKENS];
        for k in 0..whole {
            prefetch.fetch(k);
            let weights: [[f32; LANES]; OUTPUTS] = weights.map(|row| S::read_array(&row[k * LANES * S::BYTES..]));
            for t in 0..TOKENS {
                for o in 0..OUTPUTS {
                    for i in 0..LANES {
                        sums[t][o][i] = Baseline::mul_add(tokens[t][k][i], weights[o][i], sums[t][o][i]);
                    }
                }
            }
        }
        (sums.map(|sums| sums.map(|lanes| lanes.iter().sum())), whole * LANES)
    }
}
