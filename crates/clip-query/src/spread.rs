//! How numbers are spread.

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
