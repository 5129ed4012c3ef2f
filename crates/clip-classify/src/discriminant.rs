//! Linear discriminant analysis (Fisher 1936) with a shrunken covariance, and what it says of every example when that
//! one is left out.
//!
//! All is done in coordinates in which the shrunken covariance within classes is the identity; there the score of a
//! class is `x . mean - |mean|^2 / 2`.

use rayon::prelude::*;

use crate::linear::{Cholesky, dot, scatter};

/// The examples, and what all degrees of shrinkage have in common.
pub(crate) struct Discriminant<'a> {
    /// `[n, d]`.
    examples: &'a [f64],
    class_of: &'a [usize],
    d: usize,
    counts: Vec<f64>,
    /// `[classes, d]`.
    means: Vec<f64>,
    /// The covariance within classes, `[d, d]`.
    covariance: Vec<f64>,
    /// Examples less the classes that their means were taken from.
    freedom: f64,
    /// The mean variance of a coordinate.
    variance: f64,
}

/// The discriminant at one degree of shrinkage, in its own coordinates.
pub(crate) struct Whitened<'a> {
    discriminant: &'a Discriminant<'a>,
    factor: Cholesky,
    shrinkage: f64,
    /// `[classes, d]`.
    means: Vec<f64>,
    /// An unbiased estimate of every mean's squared length: the mean of `n` examples is longer by the spread / `n`, which
    /// would count against classes with few examples.
    squares: Vec<f64>,
    /// The mean squared distance of an example from its class.
    spread: f64,
}

impl<'a> Discriminant<'a> {
    /// `None` if no class has two examples that differ: nothing is known then of the spread within classes.
    pub fn new(examples: &'a [f64], class_of: &'a [usize], classes: usize, d: usize) -> Option<Self> {
        let mut counts = vec![0.0; classes];
        let mut means = vec![0.0; classes * d];
        for (row, &class) in examples.chunks_exact(d).zip(class_of) {
            counts[class] += 1.0;
            means[class * d..][..d].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        for (mean, count) in means.chunks_exact_mut(d).zip(&counts) {
            mean.iter_mut().for_each(|value| *value /= count);
        }
        let residuals: Vec<f64> = examples
            .chunks_exact(d)
            .zip(class_of)
            .flat_map(|(row, &class)| row.iter().zip(&means[class * d..][..d]).map(|(value, mean)| value - mean))
            .collect();
        let freedom = class_of.len() as f64 - classes as f64;
        let mut covariance = scatter(&residuals, d);
        covariance.iter_mut().for_each(|value| *value /= freedom.max(1.0));
        let variance = (0..d).map(|i| covariance[i * d + i]).sum::<f64>() / d as f64;
        // Vectors are of unit length; below this, differences are those of rounding.
        let differ = freedom >= 1.0 && variance * d as f64 > 1e-9;
        differ.then_some(Self { examples, class_of, d, counts, means, covariance, freedom, variance })
    }

    /// The covariance becomes `(1 - shrinkage) covariance + shrinkage variance identity`; with 1, the nearest mean wins.
    /// `None` if that is singular, which no shrinkage above zero should be.
    pub fn whiten(&'a self, shrinkage: f64) -> Option<Whitened<'a>> {
        let mut matrix: Vec<f64> = self.covariance.iter().map(|value| (1.0 - shrinkage) * value).collect();
        for i in 0..self.d {
            matrix[i * self.d + i] += shrinkage * self.variance;
        }
        let factor = Cholesky::new(matrix, self.d)?;
        let means = factor.whiten(&self.means);
        let examples = factor.whiten(self.examples);
        let distances = examples.chunks_exact(self.d).zip(self.class_of).map(|(row, &class)| {
            row.iter().zip(&means[class * self.d..]).map(|(value, mean)| (value - mean).powi(2)).sum::<f64>()
        });
        let spread = distances.sum::<f64>() / self.freedom;
        let squares =
            means.chunks_exact(self.d).zip(&self.counts).map(|(mean, n)| dot(mean, mean) - spread / n).collect();
        Some(Whitened { discriminant: self, factor, shrinkage, means, squares, spread })
    }

    /// Examples that can be left out: those whose class then still has one. At most `limit`, evenly spread.
    pub fn spare(&self, limit: usize) -> Vec<usize> {
        let spare: Vec<usize> = (0..self.class_of.len()).filter(|&i| self.counts[self.class_of[i]] > 1.0).collect();
        let step = spare.len().div_ceil(limit).max(1);
        spare.into_iter().step_by(step).collect()
    }
}

impl Whitened<'_> {
    /// The scores that the given examples get, `[left_out, classes]`, each from all the others; centred.
    ///
    /// Exact but for the mean variance of a coordinate, which is left as it is: without example `i`, the covariance
    /// is less by a multiple of `r r^T`, `r` its distance from its class, and the Sherman-Morrison formula inverts that.
    pub fn left_out_scores(&self, left_out: &[usize]) -> Vec<f64> {
        let Discriminant { examples, class_of, d, counts, freedom, .. } = self.discriminant;
        let d = *d;
        let scores: Vec<Vec<f64>> = left_out
            .par_iter()
            .map(|&i| {
                let (class, n) = (class_of[i], counts[class_of[i]]);
                let x = self.factor.whiten(&examples[i * d..][..d]);
                let own = &self.means[class * d..][..d];
                let r: Vec<f64> = x.iter().zip(own).map(|(x, mean)| x - mean).collect();
                let part = (1.0 - self.shrinkage) / freedom * n / (n - 1.0);
                let part = part / (1.0 - part * dot(&r, &r)).max(1e-6);
                let (rx, rest) = (dot(&r, &x), n - 1.0);
                let score = |mean: &[f64], square: f64| {
                    let rm = dot(&r, mean);
                    dot(&x, mean) + part * rx * rm - 0.5 * (square + part * rm * rm)
                };
                let mut scores: Vec<f64> =
                    self.means.chunks_exact(d).zip(&self.squares).map(|(mean, square)| score(mean, *square)).collect();
                let moved: Vec<f64> = own.iter().zip(&r).map(|(mean, r)| mean - r / rest).collect();
                scores[class] = score(&moved, dot(&moved, &moved) - self.spread / rest);
                let middle = scores.iter().sum::<f64>() / scores.len() as f64;
                scores.iter_mut().for_each(|score| *score -= middle);
                scores
            })
            .collect();
        scores.concat()
    }

    /// The discriminant as weights `[classes, d]` on plain vectors and an offset for every class.
    pub fn linear(&self) -> (Vec<f64>, Vec<f64>) {
        (self.factor.back(&self.means), self.squares.iter().map(|square| -0.5 * square).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made-up vectors around a centre for each class.
    fn examples(counts: &[usize], d: usize) -> (Vec<f64>, Vec<usize>) {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1u32 << 31) - 0.5
        };
        let (mut rows, mut class_of) = (Vec::new(), Vec::new());
        for (class, &count) in counts.iter().enumerate() {
            let centre: Vec<f64> = (0..d).map(|_| 2.0 * next()).collect();
            for _ in 0..count {
                rows.extend(centre.iter().map(|value| value + next()));
                class_of.push(class);
            }
        }
        (rows, class_of)
    }

    #[test]
    fn leaving_out_is_fitting_without() {
        let (counts, d, shrinkage) = ([4, 2, 3, 1], 5, 0.3);
        let (rows, class_of) = examples(&counts, d);
        let whole = Discriminant::new(&rows, &class_of, 4, d).unwrap();
        let fast = whole.whiten(shrinkage).unwrap();
        let spare = whole.spare(100);
        assert_eq!(spare, (0..9).collect::<Vec<_>>(), "the last is the only one of its class");
        let found = fast.left_out_scores(&spare);
        for (&i, found) in spare.iter().zip(found.chunks_exact(4)) {
            let (mut rows, mut class_of) = (rows.clone(), class_of.clone());
            let x: Vec<f64> = rows.drain(i * d..(i + 1) * d).collect();
            class_of.remove(i);
            let mut without = Discriminant::new(&rows, &class_of, 4, d).unwrap();
            // What the short cut leaves as it is.
            let scale = without.freedom / whole.freedom;
            without.covariance.iter_mut().for_each(|value| *value *= scale);
            without.variance = whole.variance;
            let mut fitted = without.whiten(shrinkage).unwrap();
            for (c, mean) in fitted.means.chunks_exact(d).enumerate() {
                fitted.squares[c] = dot(mean, mean) - fast.spread / without.counts[c];
            }
            let (weights, offsets) = fitted.linear();
            let expected: Vec<f64> =
                weights.chunks_exact(d).zip(&offsets).map(|(weights, offset)| dot(weights, &x) + offset).collect();
            // The spread of the other classes' means is taken with all examples, their squares are not; compare up to
            // a constant.
            let middle = expected.iter().sum::<f64>() / 4.0;
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - (expected - middle)).abs() < 1e-8, "{found} {}", expected - middle);
            }
        }
    }

    #[test]
    fn without_two_examples_that_differ_there_is_no_spread() {
        let (rows, class_of) = examples(&[1, 1, 1], 4);
        assert!(Discriminant::new(&rows, &class_of, 3, 4).is_none());
        let twice = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        assert!(Discriminant::new(&twice, &[0, 0, 1], 2, 2).is_none());
    }

    #[test]
    fn left_out_examples_are_spread_evenly() {
        let (rows, class_of) = examples(&[10, 10], 3);
        let discriminant = Discriminant::new(&rows, &class_of, 2, 3).unwrap();
        assert_eq!(discriminant.spare(5), [0, 4, 8, 12, 16]);
    }
}
