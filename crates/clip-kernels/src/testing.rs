//! Inputs for the tests.

use rand::{Rng, SeedableRng};

/// Seeded values from -2 to 2.
pub fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-2.0..2.0)).collect()
}

/// Weights `[columns, depth]` as `[depth, columns]`.
pub fn transposed(weights: &[f32], depth: usize) -> Vec<f32> {
    (0..depth).flat_map(|k| weights.chunks_exact(depth).map(move |column| column[k])).collect()
}
