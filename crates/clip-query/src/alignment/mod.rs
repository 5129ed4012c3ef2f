//! Whether a model knows which words go with which pictures.
//!
//! A model whose weights were never trained, or whose towers do not belong together, answers every query with the nearest photos
//! as any other does, and its scores look like scores. So it is asked something that every trained model of words and pictures
//! knows: which of a few simple drawings is the one that a text describes.

mod drawings;

use clip_encoder::Encoder;

use crate::embed::checked;
use crate::error::QueryError;

/// How many drawings a model is shown.
const DRAWINGS: usize = drawings::COUNT;

/// Below this, a model may as well guess: one in a thousand that does is above.
const LEAST: f32 = 3.0;

/// How well a model tells which of the drawings goes with which text: how many standard deviations the sum of the right pairs'
/// similarities is above that of pairs drawn by lot. 0 is guessing, and 15 the most there can be.
///
/// # Errors
/// [`QueryError::Encoder`] or [`QueryError::EncoderOutput`] if the model fails.
pub fn measure(encoder: &impl Encoder) -> Result<f32, QueryError> {
    let dimension = encoder.dimension();
    let texts = checked(encoder.embed_texts(&drawings::texts()), DRAWINGS * dimension)?;
    let mut similarities = vec![0.0; DRAWINGS * DRAWINGS];
    for (at, drawing) in drawings::drawings().enumerate() {
        // One at a time, as example photos are: some models take much memory for each.
        let image = checked(encoder.embed_images(&[drawing]), dimension)?;
        for (text, row) in texts.chunks_exact(dimension).enumerate() {
            similarities[at * DRAWINGS + text] =
                row.iter().zip(&image).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        }
    }
    Ok(above_chance(&similarities, DRAWINGS))
}

/// Whether a model of this alignment can be asked for anything.
pub fn is_enough(alignment: f32) -> bool {
    // A model that gives no numbers knows nothing.
    alignment >= LEAST
}

/// The sum of the diagonal of a square table, once the means of rows and columns are taken away, in standard deviations of that
/// sum over all ways to pair rows and columns.
fn above_chance(table: &[f64], side: usize) -> f32 {
    let row = |at: usize| table[at * side..][..side].iter().sum::<f64>() / side as f64;
    let column = |at: usize| (0..side).map(|row| table[row * side + at]).sum::<f64>() / side as f64;
    let rows: Vec<f64> = (0..side).map(row).collect();
    let columns: Vec<f64> = (0..side).map(column).collect();
    let mean = rows.iter().sum::<f64>() / side as f64;
    let (mut diagonal, mut squares) = (0.0, 0.0);
    for y in 0..side {
        for x in 0..side {
            let value = table[y * side + x] - rows[y] - columns[x] + mean;
            squares += value * value;
            if x == y {
                diagonal += value;
            }
        }
    }
    let deviation = (squares / (side as f64 - 1.0)).sqrt();
    if deviation > 0.0 { (diagonal / deviation) as f32 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn who_guesses_is_hardly_ever_taken_for_one_who_knows() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut passed = 0;
        let mut squares = 0.0;
        for _ in 0..2_000 {
            // Pictures and texts that are liked more than others, as hubs are, are no knowledge.
            let liked: Vec<f64> = (0..2 * DRAWINGS).map(|_| rng.random_range(0.0..5.0)).collect();
            let table: Vec<f64> = (0..DRAWINGS * DRAWINGS)
                .map(|at| rng.random_range(0.0..1.0) + liked[at / DRAWINGS] + liked[DRAWINGS + at % DRAWINGS])
                .collect();
            let alignment = above_chance(&table, DRAWINGS);
            squares += alignment * alignment;
            passed += usize::from(is_enough(alignment));
        }
        assert!(passed <= 10, "{passed}");
        assert!((0.9..1.1).contains(&(squares / 2_000.0)), "{squares}");
    }

    #[test]
    fn who_knows_passes() {
        let known: Vec<f64> =
            (0..DRAWINGS * DRAWINGS).map(|at| if at / DRAWINGS == at % DRAWINGS { 0.3 } else { 0.2 }).collect();
        assert!((above_chance(&known, DRAWINGS) - (DRAWINGS as f32 - 1.0)).abs() < 1e-3);
        assert!(!is_enough(above_chance(&vec![0.25; DRAWINGS * DRAWINGS], DRAWINGS)));
        assert!(!is_enough(f32::NAN));
    }
}
