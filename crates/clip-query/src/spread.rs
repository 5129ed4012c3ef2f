//! How numbers are spread.

use clip_index::{Hubness, IndexError, IndexReader};

/// In a library of a few photos, all may be equally similar.
const LEAST_DEVIATION: f32 = 0.005;

/// Mean and standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub mean: f32,
    pub deviation: f32,
}

impl Spread {
    /// That of some numbers. NaN if there are none, or one is no number.
    pub fn of(numbers: &[f32]) -> Spread {
        let count = numbers.len() as f64;
        let mean = numbers.iter().map(|&number| f64::from(number)).sum::<f64>() / count;
        let variance = numbers.iter().map(|&number| (f64::from(number) - mean).powi(2)).sum::<f64>() / count;
        Spread { mean: mean as f32, deviation: variance.sqrt() as f32 }
    }
}

/// The standard deviation of what a vector scores with the photos of a library, by a sample of them. `correction` is what an
/// item's hubness takes from its score.
pub(crate) fn deviation(reader: &IndexReader, vector: &[f32], correction: Hubness) -> Result<f32, IndexError> {
    let scores = reader.sample_scores(vector, correction)?;
    // `max` takes the other number where one is none.
    Ok(Spread::of(&scores).deviation.max(LEAST_DEVIATION))
}
