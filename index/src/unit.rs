//! Unit vectors.

/// How far an embedding's length may be from 1.
pub(crate) const UNIT_TOLERANCE: f32 = 1e-3;

/// Euclidean length, in double precision inside: it decides whether a vector is accepted.
pub(crate) fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt() as f32
}
