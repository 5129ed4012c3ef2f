//! Logistic regression of what is right on what was estimated.

use super::simulation::Asked;
use super::{Line, Refinement};
use crate::relevance::Calibration;

/// What is believed of the lines before, counted in queries: that they change nothing.
const BELIEF: f64 = 4.0;
/// Newton's method needs fewer steps.
const STEPS: usize = 50;
/// So many of the queries that have an answer may be told that nothing matches well.
const LOST: f64 = 0.06;
/// With fewer queries of a kind, its limit is the earlier one.
const LEAST_QUERIES: usize = 200;
/// What is more likely right than wrong is a match in any case.
const MOST_LEAST: f32 = 0.5;
/// Probabilities are never said to be nearer to 0 and 1.
const SURE: f64 = 1e-4;

/// Slope and offset for captions, and those for phrases.
type Numbers = [f64; 4];

/// The negative logarithm of the probability of what is true.
pub(super) fn loss(said: f64, is_right: bool) -> f64 {
    let said = if said.is_nan() { 0.5 } else { said.clamp(SURE, 1.0 - SURE) };
    -(if is_right { said } else { 1.0 - said }).ln()
}

/// The mean loss of an estimate that is the same for all.
pub(super) fn blind(asked: &[Asked]) -> f64 {
    let all: Vec<bool> = asked.iter().flat_map(|one| one.is_right.iter().copied()).collect();
    let share = all.iter().filter(|is_right| **is_right).count() as f64 / all.len().max(1) as f64;
    all.iter().map(|&is_right| loss(share, is_right)).sum::<f64>() / all.len().max(1) as f64
}

/// What queries say of the estimates of a calibration.
pub(super) fn refinement(asked: &[Asked], base: &Calibration) -> Refinement {
    let [slope, offset, slope_of_phrases, offset_of_phrases] = numbers(asked);
    let line = |slope: f64, offset: f64| Line { slope: slope.max(0.0) as f32, offset: offset as f32 };
    let (captions, phrases) = (line(slope, offset), line(slope_of_phrases, offset_of_phrases));
    let before = base.least_of_all();
    let mapped = |line: Line, least: f32| logistic(line.at((least / (1.0 - least)).ln()));
    let unset = Refinement { captions, phrases, least: (mapped(captions, before.0), mapped(phrases, before.1)) };
    let refined = base.refined(unset);
    let least = |is_phrase: bool, otherwise: f32| {
        let of_kind = |one: &&Asked| one.is_there && (one.phrase_weight > 0.5) == is_phrase;
        let best = |one: &Asked| one.logits.first().map(|&logit| refined.said(logit, one.phrase_weight));
        let mut best: Vec<f32> = asked.iter().filter(of_kind).filter_map(best).collect();
        if best.len() < LEAST_QUERIES {
            return otherwise.min(MOST_LEAST);
        }
        best.sort_by(f32::total_cmp);
        best[(best.len() as f64 * LOST) as usize].min(MOST_LEAST)
    };
    Refinement { least: (least(false, unset.least.0), least(true, unset.least.1)), ..unset }
}

fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The numbers that make what is true most likely, near those that change nothing.
fn numbers(asked: &[Asked]) -> Numbers {
    const UNCHANGED: Numbers = [1.0, 0.0, 1.0, 0.0];
    // Each query was asked for in several libraries, which are not so many queries.
    let queries = asked.len() as f64 / super::simulation::LIBRARIES as f64;
    let results: usize = asked.iter().map(|one| one.logits.len()).sum();
    let weight = queries / results.max(1) as f64;
    let examples = || {
        asked.iter().flat_map(|one| {
            let (phrase, caption) = (f64::from(one.phrase_weight), 1.0 - f64::from(one.phrase_weight));
            let of = move |(&logit, &is_right): (&f32, &bool)| {
                let x = f64::from(logit).clamp(-30.0, 30.0);
                ([caption * x, caption, phrase * x, phrase], if is_right { 1.0 } else { 0.0 })
            };
            one.logits.iter().zip(&one.is_right).map(of)
        })
    };
    let cost = |numbers: &Numbers| {
        let data: f64 = examples()
            .map(|(x, right)| {
                let z: f64 = x.iter().zip(numbers).map(|(x, number)| x * number).sum();
                // log(1 + e^z) - right z, without overflow.
                z.max(0.0) + (-z.abs()).exp().ln_1p() - right * z
            })
            .sum();
        let belief: f64 = numbers.iter().zip(UNCHANGED).map(|(number, before)| (number - before).powi(2)).sum();
        weight * data + 0.5 * BELIEF * belief
    };
    let mut numbers = UNCHANGED;
    let mut least = cost(&numbers);
    for _ in 0..STEPS {
        let mut slope: [f64; 4] = std::array::from_fn(|at| BELIEF * (numbers[at] - UNCHANGED[at]));
        let mut curve = [[0.0; 4]; 4];
        for (at, row) in curve.iter_mut().enumerate() {
            row[at] = BELIEF;
        }
        for (x, right) in examples() {
            let z: f64 = x.iter().zip(&numbers).map(|(x, number)| x * number).sum();
            let said = 1.0 / (1.0 + (-z).exp());
            for ((slope, row), a) in slope.iter_mut().zip(&mut curve).zip(x) {
                *slope += weight * (said - right) * a;
                row.iter_mut().zip(x).for_each(|(value, b)| *value += weight * said * (1.0 - said) * a * b);
            }
        }
        let Some(step) = solved(curve, slope) else { break };
        let mut share = 1.0;
        let next = loop {
            let next: Numbers = std::array::from_fn(|at| numbers[at] - share * step[at]);
            let there = cost(&next);
            if there < least || share < 1e-6 {
                break (next, there);
            }
            share *= 0.5;
        };
        if least - next.1 < 1e-9 {
            break;
        }
        (numbers, least) = next;
    }
    numbers
}

/// Solves `matrix` x = `right`, by elimination.
fn solved(mut matrix: [[f64; 4]; 4], mut right: [f64; 4]) -> Option<[f64; 4]> {
    for column in 0..4 {
        let pivot = (column..4).max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))?;
        if matrix[pivot][column].abs() < 1e-12 || !matrix[pivot][column].is_finite() {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..4 {
            let factor = matrix[row][column] / matrix[column][column];
            let above = matrix[column];
            matrix[row].iter_mut().zip(above).skip(column).for_each(|(number, above)| *number -= factor * above);
            right[row] -= factor * right[column];
        }
    }
    let mut x = [0.0; 4];
    for row in (0..4).rev() {
        let known: f64 = (row + 1..4).map(|at| matrix[row][at] * x[at]).sum();
        x[row] = (right[row] - known) / matrix[row][row];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::relevance::POCKET;

    /// Queries whose results are right as often as lines have it.
    fn made(count: usize, captions: Line, phrases: Line) -> Vec<Asked> {
        let mut rng = StdRng::seed_from_u64(1);
        (0..count)
            .map(|at| {
                let phrase_weight = if at % 2 == 0 { 0.0 } else { 1.0 };
                let line = if at % 2 == 0 { captions } else { phrases };
                let logits: Vec<f32> = (0..5).map(|_| rng.random_range(-6.0..3.0)).collect();
                let is_right = logits.iter().map(|&x| rng.random_range(0.0..1.0) < logistic(line.at(x))).collect();
                Asked { is_there: rng.random_range(0..2) == 0, phrase_weight, logits, is_right }
            })
            .collect()
    }

    #[test]
    fn lines_are_found_again() {
        let (captions, phrases) = (Line { slope: 0.6, offset: 1.0 }, Line { slope: 1.4, offset: -0.5 });
        let found = refinement(&made(80_000, captions, phrases), &POCKET);
        for (found, line) in [(found.captions, captions), (found.phrases, phrases)] {
            assert!((found.slope - line.slope).abs() < 0.05 && (found.offset - line.offset).abs() < 0.1, "{found:?}");
        }
        assert!(found.least.0 <= MOST_LEAST && found.least.0 > 0.0);
    }

    #[test]
    fn few_queries_change_little() {
        let line = Line { slope: 0.6, offset: 1.0 };
        let found = refinement(&made(80, line, line), &POCKET);
        assert!((0.7..1.2).contains(&found.captions.slope) && found.captions.offset.abs() < 0.8, "{found:?}");
        let nothing = refinement(&[], &POCKET);
        assert_eq!((nothing.captions, nothing.phrases), (Line::UNCHANGED, Line::UNCHANGED));
        assert!((nothing.least.0 - POCKET.least_of_all().0).abs() < 1e-6);
    }

    #[test]
    fn what_says_nothing_is_not_believed() {
        let asked = made(40_000, Line { slope: 0.0, offset: -2.0 }, Line { slope: 0.0, offset: -2.0 });
        let found = refinement(&asked, &POCKET);
        assert!(found.captions.slope < 0.05, "{found:?}");
        let told = super::super::quality(&[(&asked, POCKET.refined(found))]);
        assert!(told.log_loss > 0.98 * blind(&asked));
    }

    #[test]
    fn equations_are_solved() {
        let matrix = [[2.0, 1.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0], [0.0, 4.0, 0.0, 1.0], [0.0, 0.0, 0.0, 5.0]];
        let x = [1.0, 2.0, 3.0, 4.0];
        let right = matrix.map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum::<f64>());
        let found = solved(matrix, right).unwrap();
        assert!(found.iter().zip(x).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
        assert_eq!(solved([[0.0; 4]; 4], right), None);
    }
}
