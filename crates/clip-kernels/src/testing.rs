//! Inputs for the tests.

use rand::{Rng, SeedableRng};

/// Seeded values from -2 to 2.
pub fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-2.0..2.0)).collect()
}
