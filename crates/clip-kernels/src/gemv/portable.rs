//! The same in plain Rust.

use super::dots::Dots;
use super::element::Stored;
use crate::math::{Baseline, Multiply};
use crate::prefetch::Ahead;

/// What every processor has.
#[derive(Clone, Copy)]
pub struct Plain;

impl<S: Stored, const OUTPUTS: usize> Dots<S, OUTPUTS> for Plain {
    const LANES: usize = 4;

    fn dots<const TOKENS: usize>(
        self,
        weights: [&[u8]; OUTPUTS],
        tokens: [&[f32]; TOKENS],
        ahead: Ahead,
    ) -> ([[f32; OUTPUTS]; TOKENS], usize) {
        const LANES: usize = 4;
        let whole = tokens[0].len() / LANES;
        // Arrays of a length that the compiler knows.
        let tokens: [&[[f32; LANES]]; TOKENS] = tokens.map(|token| &token.as_chunks::<LANES>().0[..whole]);
        let mut sums = [[[0.0f32; LANES]; OUTPUTS]; TOKENS];
        for k in 0..whole {
            ahead.fetch(k);
            let weights: [[f32; LANES]; OUTPUTS] = weights.map(|row| S::several(&row[k * LANES * S::BYTES..]));
            for t in 0..TOKENS {
                for o in 0..OUTPUTS {
                    for i in 0..LANES {
                        sums[t][o][i] = Baseline::add(tokens[t][k][i], weights[o][i], sums[t][o][i]);
                    }
                }
            }
        }
        (sums.map(|sums| sums.map(|lanes| lanes.iter().sum())), whole * LANES)
    }
}
