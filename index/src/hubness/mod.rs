//! How near each item is to texts of all kinds, so that those that come up for everything can be told from those that are
//! meant.
//!
//! In a space of words and pictures some pictures are near to very many texts: they are hubs, and crowd out the pictures that
//! a text is about. "Nearest Neighbor Normalization" (Chowdhury et al. 2024, arXiv 2410.24114) takes from a picture's score a
//! share of its mean similarity to those texts of a bank that lie nearest to it. That mean is the picture's *hubness*. It does
//! not depend on a query, so it is computed once and stored.

mod bank_file;
mod file;

use clip_kernels::Isa;
use clip_kernels::similarity::{self, CodeQuery};

use crate::error::IndexError;
use crate::segment::Segment;
use crate::unit::{self, UNIT_TOLERANCE};
#[cfg(any(test, fuzzing))]
pub(crate) use bank_file::check_bank;
#[cfg(any(test, fuzzing))]
pub(crate) use file::check_file;
pub(crate) use file::{HubnessFile, KIND, open_of, write};

/// How near an item is to texts: the mean of its dot products with those that are nearest to it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Hubness {
    /// Nearness to whole sentences.
    pub captions: f32,
    /// Nearness to single words and short phrases, which prefer other pictures than sentences do.
    pub phrases: f32,
}

impl Hubness {
    /// What is taken from a score, if these shares of the hubness count against the item.
    pub fn penalty(self, shares: Hubness) -> f32 {
        shares.captions * self.captions + shares.phrases * self.phrases
    }
}

/// Embedded texts that hubness is measured with.
///
/// They are kept in eight bits, which changes a hubness by less than a thousandth. All machines compute the same number.
#[derive(Debug, Clone, PartialEq)]
pub struct Bank {
    name: String,
    dimension: usize,
    neighbours: usize,
    captions: Texts,
    phrases: Texts,
}

impl Bank {
    /// A bank of texts with these embeddings, one after the other: unit vectors of `dimension` numbers. `name` stands for the
    /// texts and for `neighbours`, which is how many of the nearest texts count, so that what was measured with another bank is
    /// measured again.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] if captions or phrases are not at least `neighbours` whole vectors, [`IndexError::NotUnit`] if
    /// one is no unit vector.
    pub fn new(
        name: impl Into<String>,
        captions: &[f32],
        phrases: &[f32],
        dimension: usize,
        neighbours: usize,
    ) -> Result<Bank, IndexError> {
        let neighbours = neighbours.max(1);
        let (captions, phrases) =
            (Texts::new(captions, dimension, neighbours)?, Texts::new(phrases, dimension, neighbours)?);
        Ok(Bank { name: name.into(), dimension, neighbours, captions, phrases })
    }

    /// What stands for its texts.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Length of every embedding.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The hubness of an embedding.
    ///
    /// # Panics
    /// If the embedding has another dimension.
    pub fn hubness(&self, embedding: &[f32]) -> Hubness {
        assert_eq!(embedding.len(), self.dimension, "numbers of an embedding");
        let query = CodeQuery::new(Isa::best(), embedding);
        Hubness {
            captions: self.captions.nearness(&query, self.neighbours),
            phrases: self.phrases.nearness(&query, self.neighbours),
        }
    }

    /// The dot products of an embedding with at most `count` captions and as many phrases, evenly spread.
    pub(crate) fn some_scores(&self, embedding: &[f32], count: usize) -> (Vec<f32>, Vec<f32>) {
        let query = CodeQuery::new(Isa::best(), embedding);
        (self.captions.some_scores(&query, count), self.phrases.some_scores(&query, count))
    }

    /// That of a stored row.
    pub(crate) fn hubness_of(&self, segment: &Segment, row: usize) -> Hubness {
        let mut numbers = vec![0.0; segment.dimension()];
        segment.row(row).to_f32(&mut numbers);
        self.hubness(&numbers)
    }
}

/// Embeddings of texts.
#[derive(Debug, Clone, PartialEq)]
struct Texts {
    /// `similarity::code_len` for each.
    codes: Vec<i8>,
    scales: Vec<f32>,
}

impl Texts {
    fn new(rows: &[f32], dimension: usize, least: usize) -> Result<Texts, IndexError> {
        let least = dimension.saturating_mul(least).max(1);
        if dimension == 0 || rows.len() < least || !rows.len().is_multiple_of(dimension) {
            return Err(IndexError::Dimension { expected: least, found: rows.len() });
        }
        let code_len = similarity::code_len(dimension);
        let mut codes = vec![0; rows.len() / dimension * code_len];
        let mut scales = Vec::with_capacity(rows.len() / dimension);
        for (row, codes) in rows.chunks_exact(dimension).zip(codes.chunks_exact_mut(code_len)) {
            let length = unit::length(row);
            if length.is_nan() || (length - 1.0).abs() > UNIT_TOLERANCE {
                return Err(IndexError::NotUnit { length });
            }
            scales.push(similarity::quantise(row, codes));
        }
        Ok(Texts { codes, scales })
    }

    fn some_scores(&self, query: &CodeQuery, count: usize) -> Vec<f32> {
        let step = self.scales.len().div_ceil(count.max(1)).max(1);
        let texts = self.scales.iter().zip(self.codes.chunks_exact(self.codes.len() / self.scales.len()));
        let score = |(scale, codes): (&f32, &[i8])| {
            let mut sum = [0];
            query.dots(codes, &mut sum);
            query.scale() * scale * sum[0] as f32
        };
        texts.step_by(step).map(score).collect()
    }

    /// The mean of the dot products with the nearest.
    fn nearness(&self, query: &CodeQuery, neighbours: usize) -> f32 {
        let mut sums = vec![0; self.scales.len()];
        query.dots(&self.codes, &mut sums);
        let mut scores: Vec<f32> = sums.iter().zip(&self.scales).map(|(&sum, scale)| scale * sum as f32).collect();
        let (nearer, nearest, _) = scores.select_nth_unstable_by(neighbours - 1, |a, b| b.total_cmp(a));
        // In one order on all machines, so that the sum is the same.
        nearer.sort_unstable_by(f32::total_cmp);
        query.scale() * (nearer.iter().sum::<f32>() + *nearest) / neighbours as f32
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn unit(rng: &mut StdRng, dimension: usize) -> Vec<f32> {
        let row: Vec<f32> = (0..dimension).map(|_| rng.random_range(-1.0..1.0)).collect();
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter().map(|x| x / length).collect()
    }

    #[test]
    fn it_is_the_mean_of_the_nearest() {
        let mut rng = StdRng::seed_from_u64(3);
        for (dimension, texts, neighbours) in [(3, 1, 1), (65, 40, 8), (384, 300, 8), (20, 9, 9)] {
            let rows: Vec<f32> = (0..texts).flat_map(|_| unit(&mut rng, dimension)).collect();
            let first = &rows[..neighbours * dimension];
            let bank = Bank::new("bank", &rows, first, dimension, neighbours).unwrap();
            for _ in 0..20 {
                let row = unit(&mut rng, dimension);
                let dot = |text: &[f32]| text.iter().zip(&row).map(|(a, b)| a * b).sum::<f32>();
                let expected = |rows: &[f32]| {
                    let mut scores: Vec<f32> = rows.chunks_exact(dimension).map(dot).collect();
                    scores.sort_unstable_by(|a, b| b.total_cmp(a));
                    scores[..neighbours].iter().sum::<f32>() / neighbours as f32
                };
                let found = bank.hubness(&row);
                for (found, expected) in [(found.captions, expected(&rows)), (found.phrases, expected(first))] {
                    assert!((found - expected).abs() < 5e-3, "{found} for {expected}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_bank_is_refused() {
        let good = &[1.0, 0.0, 0.0, 1.0];
        let with = |rows: &[f32], dimension, neighbours| {
            let both = [Bank::new("bank", rows, good, 2, 1), Bank::new("bank", good, rows, dimension, neighbours)];
            both.map(|bank| bank.map(drop).unwrap_err())
        };
        for (rows, dimension, neighbours) in [(&[][..], 2, 1), (&[1.0, 0.0, 1.0], 2, 1), (&[1.0], 2, 2)] {
            let errors = with(rows, dimension, neighbours);
            assert!(errors.iter().all(|error| matches!(error, IndexError::Dimension { .. })), "{errors:?}");
        }
        for rows in [[1.0, 1.0], [f32::NAN, 1.0]] {
            assert!(with(&rows, 2, 1).iter().all(|error| matches!(error, IndexError::NotUnit { .. })));
        }
        assert!(matches!(Bank::new("bank", &[], &[], 0, 0), Err(IndexError::Dimension { .. })));
        assert!(Bank::new("bank", good, good, 2, 0).is_ok());
    }
}
