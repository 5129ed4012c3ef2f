//! Classification by examples: some photos of each class, and the classes' names besides.
//!
//! A linear probe that is fitted in closed form: linear discriminant analysis with a shrunken covariance, as in Wang et
//! al. 2024 ("A Hard-to-Beat Baseline for Training-Free CLIP-Based Adaptation"), whose scores are added to those of the
//! names. How much the covariance is shrunk, and how much examples and names weigh, is chosen by leaving out every
//! example in turn and predicting it from the others. Folders may therefore be named as one likes: names that say
//! nothing get no weight.
//!
//! The alternative, the cache of Tip-Adapter (Zhang et al. 2022) with its two parameters chosen in the same way, was
//! worse with two, five and ten examples a class; docs/models.md has the figures.

use crate::discriminant::{Discriminant, Whitened};
use crate::error::ClassifyError;
use crate::linear;
use crate::link::softmax;
use crate::stacking::{Observations, Weights};
use crate::zero_shot::{ZeroShot, dot};

/// Degrees of shrinkage that are tried.
const SHRINKAGES: [f64; 7] = [0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0];
/// Losses that differ by no more than this, relative to their size, are equal.
const TIE: f64 = 1e-6;
/// Examples that are left out in turn, times classes, at most. Three numbers are chosen by them, for which a part of
/// many examples is plenty; all take part in the fit.
const LEFT_OUT_SCORES: usize = 1 << 20;
/// The weight of the cosine with an example against the one with a name, where no class has two examples to learn it
/// from. Of 0.1 to 1, it gave the best likelihood with one example a class, on classes that no figure is reported for
/// and names blurred until 70 % of photos were classified by them; with good names 0.1 to 0.2 would be better.
const ONE_EXAMPLE: f64 = 0.5;

/// A linear classifier that was fitted to examples.
#[derive(Debug, Clone, PartialEq)]
pub struct FewShot {
    weights: Vec<f32>,
    offsets: Vec<f32>,
    dimension: usize,
}

impl FewShot {
    /// Fits to `examples`, `[n, dimension]` unit vectors row by row, `class_of[i]` being the class of the i-th. `names`
    /// has a vector for each class.
    ///
    /// # Errors
    /// [`ClassifyError::Classes`] for fewer than two classes, [`ClassifyError::NoExample`], [`ClassifyError::Index`] for
    /// an example of a class that does not exist, [`ClassifyError::Length`] for lengths that do not fit.
    pub fn fit(examples: &[f32], class_of: &[usize], names: &ZeroShot) -> Result<Self, ClassifyError> {
        let (classes, dimension) = (names.count(), names.dimension());
        check(examples, class_of, classes, dimension)?;
        let scale = f64::from(names.link().scale());
        let rows: Vec<f64> = examples.iter().copied().map(f64::from).collect();
        let mut weights: Vec<f64> = names.vectors().iter().map(|value| scale * f64::from(*value)).collect();
        let mut offsets = vec![0.0; classes];
        let discriminant = Discriminant::new(&rows, class_of, classes, dimension);
        match discriminant.as_ref().and_then(|discriminant| choose(discriminant, &rows, class_of, &weights)) {
            Some((fitted, chosen)) => {
                let (directions, constants) = fitted.linear();
                for (weight, direction) in weights.iter_mut().zip(directions) {
                    *weight = chosen.second * *weight + chosen.first * direction;
                }
                offsets = constants.iter().map(|constant| chosen.first * constant).collect();
            }
            // One example a class, or copies of it.
            None => {
                let counts = class_of.iter().fold(vec![0.0; classes], |mut counts, &class| {
                    counts[class] += 1.0;
                    counts
                });
                for (row, &class) in rows.chunks_exact(dimension).zip(class_of) {
                    for (weight, value) in weights[class * dimension..].iter_mut().zip(row) {
                        *weight += ONE_EXAMPLE * scale * value / counts[class];
                    }
                }
            }
        }
        centre(&mut weights, dimension);
        centre(&mut offsets, 1);
        let single = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
        Ok(Self { weights: single(weights), offsets: single(offsets), dimension })
    }

    /// The probability of each class, which sum to one. `photo` is a unit vector.
    ///
    /// # Errors
    /// [`ClassifyError::Dimension`] if the photo's vector has another length than the examples'.
    pub fn probabilities(&self, photo: &[f32]) -> Result<Vec<f32>, ClassifyError> {
        if photo.len() != self.dimension {
            return Err(ClassifyError::Dimension { found: photo.len(), expected: self.dimension });
        }
        let logits: Vec<f64> = self
            .weights
            .chunks_exact(self.dimension)
            .zip(&self.offsets)
            .map(|(weights, offset)| f64::from(dot(weights, photo) + offset))
            .collect();
        Ok(softmax(logits.into_iter()))
    }
}

fn check(examples: &[f32], class_of: &[usize], classes: usize, dimension: usize) -> Result<(), ClassifyError> {
    if classes < 2 {
        return Err(ClassifyError::Classes { found: classes });
    }
    if examples.len() != class_of.len() * dimension {
        let vectors = Some(class_of.len());
        return Err(ClassifyError::Length { what: "examples", found: examples.len(), vectors, dimension });
    }
    let mut seen = vec![false; classes];
    for &class in class_of {
        *seen.get_mut(class).ok_or(ClassifyError::Index { what: "class", index: class, count: classes })? = true;
    }
    match seen.iter().position(|seen| !seen) {
        Some(class) => Err(ClassifyError::NoExample { class }),
        None => Ok(()),
    }
}

/// The degree of shrinkage and the weights that predict left-out examples best.
fn choose<'a>(
    discriminant: &'a Discriminant<'a>,
    rows: &[f64],
    class_of: &[usize],
    names: &[f64],
) -> Option<(Whitened<'a>, Weights)> {
    let d = rows.len() / class_of.len();
    let left_out = discriminant.spare((LEFT_OUT_SCORES / (names.len() / d)).max(1));
    let right: Vec<usize> = left_out.iter().map(|&i| class_of[i]).collect();
    let by_name: Vec<f64> = left_out
        .iter()
        .flat_map(|&i| names.chunks_exact(d).map(move |name| linear::dot(name, &rows[i * d..][..d])))
        .collect();
    let mut best: Option<(Whitened<'a>, Weights)> = None;
    for shrinkage in SHRINKAGES {
        let Some(fitted) = discriminant.whiten(shrinkage) else { continue };
        let scores = fitted.left_out_scores(&left_out);
        let found = Observations { first: &scores, second: &by_name, right: &right }.fit();
        // A little less is not better: it may be the rounding of sums in another order.
        if best.as_ref().is_none_or(|(_, best)| found.loss < best.loss - TIE * (1.0 + best.loss.abs())) {
            best = Some((fitted, found));
        }
    }
    best
}

/// Subtracts the mean row, which says nothing about which class it is and costs digits.
fn centre(rows: &mut [f64], d: usize) {
    let n = (rows.len() / d) as f64;
    for column in 0..d {
        let mean = rows.iter().skip(column).step_by(d).sum::<f64>() / n;
        rows.iter_mut().skip(column).step_by(d).for_each(|value| *value -= mean);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::link::Link;

    const D: usize = 12;

    fn unit(seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let values: Vec<f32> = (0..D)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 40) as f32 / (1u32 << 24) as f32 - 0.5
            })
            .collect();
        scaled(values)
    }

    fn scaled(values: Vec<f32>) -> Vec<f32> {
        let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
        values.into_iter().map(|v| v / length).collect()
    }

    /// A photo of a class: its direction and something of its own.
    fn photo(class: usize, number: usize) -> Vec<f32> {
        let (centre, own) = (unit(1 + class as u64), unit(1_000_000 + 1000 * class as u64 + number as u64));
        scaled(centre.iter().zip(own).map(|(centre, own)| centre + 0.6 * own).collect())
    }

    fn names(vectors: impl Iterator<Item = Vec<f32>>) -> ZeroShot {
        ZeroShot::new(vectors.flatten().collect(), D, Link::Softmax { scale: 20.0 }).unwrap()
    }

    fn set(counts: &[usize]) -> (Vec<f32>, Vec<usize>) {
        let class_of: Vec<usize> = counts.iter().enumerate().flat_map(|(c, &n)| std::iter::repeat_n(c, n)).collect();
        let examples = counts.iter().enumerate().flat_map(|(c, &n)| (0..n).flat_map(move |i| photo(c, i))).collect();
        (examples, class_of)
    }

    fn best(probabilities: &[f32]) -> usize {
        (0..probabilities.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).unwrap()
    }

    /// How many of new photos get the right class.
    fn right(fitted: &FewShot, classes: usize, photos: usize) -> usize {
        let judged = (0..classes).flat_map(|c| (0..photos).map(move |i| (c, photo(c, 500 + i))));
        judged.filter(|(c, photo)| best(&fitted.probabilities(photo).unwrap()) == *c).count()
    }

    #[test]
    fn examples_outweigh_names_that_mislead() {
        let (examples, class_of) = set(&[5; 6]);
        // Every name points at the next class.
        let misleading = names((0..6).map(|c| unit(1 + (c + 1) % 6)));
        let fitted = FewShot::fit(&examples, &class_of, &misleading).unwrap();
        let by_name = (0..6).filter(|&c| best(&misleading.probabilities(&photo(c, 500)).unwrap()) == c).count();
        assert_eq!(by_name, 0);
        assert!(right(&fitted, 6, 10) >= 54, "{}", right(&fitted, 6, 10));
    }

    #[test]
    fn good_names_help_few_examples() {
        let (examples, class_of) = set(&[2; 30]);
        let good = names((0..30).map(|c| unit(1 + c)));
        let useless = names((0..30).map(|c| unit(9000 + c)));
        let with = right(&FewShot::fit(&examples, &class_of, &good).unwrap(), 30, 10);
        let without = right(&FewShot::fit(&examples, &class_of, &useless).unwrap(), 30, 10);
        assert!(with > without, "{with} {without}");
    }

    #[test]
    fn one_example_a_class_is_enough() {
        let (examples, class_of) = set(&[1; 5]);
        let useless = names((0..5).map(|_| unit(77)));
        let fitted = FewShot::fit(&examples, &class_of, &useless).unwrap();
        assert!(right(&fitted, 5, 10) >= 40, "{}", right(&fitted, 5, 10));
        // Also beside classes with more.
        let (examples, class_of) = set(&[6, 1, 3, 1, 2]);
        let fitted = FewShot::fit(&examples, &class_of, &useless).unwrap();
        assert!(right(&fitted, 5, 10) >= 40, "{}", right(&fitted, 5, 10));
    }

    #[test]
    fn copies_of_one_photo_are_one_example() {
        let once = set(&[1; 4]);
        let twice = (
            once.0.chunks_exact(D).flat_map(|row| [row, row].concat()).collect::<Vec<f32>>(),
            [0, 0, 1, 1, 2, 2, 3, 3],
        );
        let names = names((0..4).map(unit));
        let (a, b) =
            (FewShot::fit(&once.0, &once.1, &names).unwrap(), FewShot::fit(&twice.0, &twice.1, &names).unwrap());
        let (a, b) = (a.probabilities(&unit(5)).unwrap(), b.probabilities(&unit(5)).unwrap());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5), "{a:?} {b:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let two = names((0..2).map(unit));
        let error = |examples: &[f32], class_of: &[usize], names: &ZeroShot| {
            FewShot::fit(examples, class_of, names).unwrap_err().to_string()
        };
        let (examples, _) = set(&[1, 1]);
        assert!(error(&examples, &[0, 0], &two).contains("class 1 has no example"));
        assert!(error(&examples, &[0, 2], &two).contains("class 2 does not exist, expected less than 2"));
        assert!(error(&examples, &[0, 1, 1], &two).contains("expected 3 vectors"));
        assert!(error(&examples, &[0, 0], &names((0..1).map(unit))).contains("at least two"));
        let fitted = FewShot::fit(&examples, &[0, 1], &two).unwrap();
        assert!(fitted.probabilities(&[1.0]).unwrap_err().to_string().contains("has 1 dimensions"));
    }

    #[test]
    fn thousands_of_classes() {
        let classes = 3000;
        let (examples, class_of) = set(&vec![2; classes]);
        let names = names((0..classes as u64).map(|c| unit(1 + c)));
        let found = FewShot::fit(&examples, &class_of, &names).unwrap().probabilities(&photo(7, 0)).unwrap();
        assert_eq!(found.len(), classes);
        assert!((found.iter().sum::<f32>() - 1.0).abs() < 1e-4);
    }

    /// Fits a set and the same in reverse order: both must say the same.
    fn check_order(counts: &[usize], seed: u64) {
        let (examples, class_of) = set(counts);
        let classes = counts.len();
        let fitted = FewShot::fit(&examples, &class_of, &names((0..classes as u64).map(|c| unit(1 + c)))).unwrap();
        let found = fitted.probabilities(&unit(seed)).unwrap();
        assert!((found.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(found.iter().all(|p| (0.0..=1.0).contains(p)));

        // The classes in reverse, and so the examples.
        let reversed: Vec<f32> = examples.chunks_exact(D).rev().flatten().copied().collect();
        let class_of: Vec<usize> = class_of.iter().rev().map(|class| classes - 1 - class).collect();
        let back = names((0..classes as u64).rev().map(|c| unit(1 + c)));
        let other = FewShot::fit(&reversed, &class_of, &back).unwrap().probabilities(&unit(seed)).unwrap();
        // With two or three examples to leave out, the loss is so flat that sums in another order move its minimum.
        for (a, b) in found.iter().zip(other.iter().rev()) {
            assert!((a - b).abs() < 1e-2, "{:?} {:?}", found, other);
        }
    }

    /// Degrees of shrinkage whose losses differ only by rounding: whichever came out a little better was taken, which
    /// depended on the order of the examples.
    #[test]
    fn a_tie_is_not_decided_by_rounding() {
        check_order(&[1, 2, 1], 16_203_654_448_823_509_450);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn probabilities_sum_to_one_and_do_not_depend_on_the_order(
            counts in prop::collection::vec(1usize..5, 2..8), seed in any::<u64>()
        ) {
            check_order(&counts, seed);
        }
    }
}
