//! How much two sources of evidence weigh (stacking, Wolpert 1992; two weights fitted as in Platt 1999).

use rayon::prelude::*;

/// Newton steps at most; a handful is usual.
const STEPS: usize = 60;
/// The part of a single observation by which probabilities are kept from certainty. Without it, the weights of
/// examples that are told apart without a fault would grow without bound. Chosen on classes that no figure is
/// reported for: of 1, 0.3 and 0.1 the middle one has probabilities closest to the rate of right answers.
const DOUBT: f64 = 0.3;

/// Scores of observations by two sources, `[observations, classes]` each, and the right classes.
pub(crate) struct Observations<'a> {
    pub first: &'a [f64],
    pub second: &'a [f64],
    pub right: &'a [usize],
}

/// The weights of the two sources, and the mean negative log-likelihood with them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weights {
    pub first: f64,
    pub second: f64,
    pub loss: f64,
}

/// Value, gradient and (Gauss-Newton) curvature of the loss in the weights.
#[derive(Clone, Copy, Default)]
struct Terms {
    loss: f64,
    gradient: [f64; 2],
    curvature: [[f64; 2]; 2],
}

impl Observations<'_> {
    /// The positive weights under which the softmax of the weighted sum predicts the right classes best.
    pub fn fit(&self) -> Weights {
        let classes = self.first.len() / self.right.len();
        let spread = self.first.chunks_exact(classes).map(deviation).sum::<f64>() / self.right.len() as f64;
        // In logarithms, which keeps them positive and steps in proportion.
        let mut at = [-spread.max(1.0).ln(), 0.0];
        let mut terms = self.terms(at);
        for _ in 0..STEPS {
            let step = newton(&terms);
            let tried = (0..20).map(|halvings| 0.5f64.powi(halvings)).find_map(|length| {
                let to = [at[0] + length * step[0], at[1] + length * step[1]];
                let found = self.terms(to);
                (found.loss <= terms.loss).then_some((to, found))
            });
            let Some((to, found)) = tried else { break };
            let gain = terms.loss - found.loss;
            (at, terms) = (to, found);
            if gain < 1e-9 {
                break;
            }
        }
        Weights { first: at[0].exp(), second: at[1].exp(), loss: terms.loss }
    }

    fn terms(&self, logarithms: [f64; 2]) -> Terms {
        let n = self.right.len();
        let classes = self.first.len() / n;
        let weights = logarithms.map(f64::exp);
        let doubt = DOUBT / (n as f64 + 1.0);
        let rows: Vec<Terms> = self
            .first
            .par_chunks_exact(classes)
            .zip(self.second.par_chunks_exact(classes))
            .zip(self.right)
            .map(|((first, second), &right)| row(first, second, right, weights, doubt))
            .collect();
        // One after the other: the same examples give the same weights, however many threads there are.
        let mut sum = Terms::default();
        for row in rows {
            sum.loss += row.loss / n as f64;
            for i in 0..2 {
                sum.gradient[i] += row.gradient[i] / n as f64;
                for j in 0..2 {
                    sum.curvature[i][j] += row.curvature[i][j] / n as f64;
                }
            }
        }
        sum
    }
}

/// One observation's share. The target is `1 - doubt` for the right class and `doubt` spread over all.
fn row(first: &[f64], second: &[f64], right: usize, weights: [f64; 2], doubt: f64) -> Terms {
    let logit = |(a, b): (&f64, &f64)| weights[0] * a + weights[1] * b;
    let largest = first.iter().zip(second).map(logit).fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut logits, mut mean, mut square, mut cross) = (0.0, 0.0, [0.0; 2], [0.0; 2], 0.0);
    let mut plain = [0.0; 2];
    for (a, b) in first.iter().zip(second) {
        let value = logit((a, b));
        let p = (value - largest).exp();
        sum += p;
        logits += value;
        mean[0] += p * a;
        mean[1] += p * b;
        square[0] += p * a * a;
        square[1] += p * b * b;
        cross += p * a * b;
        plain[0] += a;
        plain[1] += b;
    }
    let even = doubt / first.len() as f64;
    let mean = mean.map(|value| value / sum);
    let covariance = cross / sum - mean[0] * mean[1];
    let variance = [0, 1].map(|i| square[i] / sum - mean[i] * mean[i]);
    let own = [first[right], second[right]];
    let gradient = [0, 1].map(|i| weights[i] * (mean[i] - (1.0 - doubt) * own[i] - even * plain[i]));
    let own_logit = weights[0] * own[0] + weights[1] * own[1];
    Terms {
        loss: largest + sum.ln() - (1.0 - doubt) * own_logit - even * logits,
        gradient,
        curvature: [
            [weights[0] * weights[0] * variance[0], weights[0] * weights[1] * covariance],
            [weights[0] * weights[1] * covariance, weights[1] * weights[1] * variance[1]],
        ],
    }
}

/// A damped Newton step, at most one in each logarithm.
fn newton(terms: &Terms) -> [f64; 2] {
    let [[a, b], [_, d]] = terms.curvature;
    let (a, d) = (a * 1.001 + 1e-6, d * 1.001 + 1e-6);
    let determinant = a * d - b * b;
    let [x, y] = terms.gradient;
    [(b * y - d * x) / determinant, (b * x - a * y) / determinant].map(|step| step.clamp(-1.0, 1.0))
}

fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let (first, second) = ([0.3, -1.0, 2.0, 0.1, 0.2, -0.4], [1.0, 0.5, -0.5, 0.0, 2.0, 1.0]);
        let observations = Observations { first: &first, second: &second, right: &[2, 1] };
        let at = [0.3, -0.2];
        let terms = observations.terms(at);
        for i in 0..2 {
            let moved = |by: f64| {
                let mut at = at;
                at[i] += by;
                observations.terms(at).loss
            };
            let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((terms.gradient[i] - slope).abs() < 1e-8, "{} {slope}", terms.gradient[i]);
        }
    }

    #[test]
    fn what_misleads_gets_no_weight() {
        // The first source is right three times of four, the second says the same whatever is right.
        let first = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        let second = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
        let found = Observations { first: &first, second: &second, right: &[0, 0, 1, 1] }.fit();
        // Odds of 3 to 1, a little less for the doubt.
        assert!((found.first - 3f64.ln()).abs() < 0.2, "{found:?}");
        assert!(found.second < 1e-2, "{found:?}");
    }

    #[test]
    fn faultless_scores_do_not_run_away() {
        let scores = [1.0, 0.0, 0.0, 1.0];
        let found = Observations { first: &scores, second: &[0.0; 4], right: &[0, 1] }.fit();
        let p = 1.0 / (1.0 + (-found.first).exp());
        // The target is 1 - 0.3 / 3 for the right class and half of 0.3 / 3 for each.
        assert!((p - 0.95).abs() < 1e-3, "{found:?}");
    }
}
