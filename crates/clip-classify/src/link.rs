//! From cosine similarities to probabilities, as the model was trained.

/// How a model's cosines become probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Link {
    /// One of the labels is right (Radford et al. 2021): the softmax of `scale` x cosine. Sums to one.
    Softmax {
        /// The exponentiated `logit_scale`.
        scale: f32,
    },
    /// Each label is right or not by itself (SigLIP, Zhai et al. 2023): the logistic function of `scale` x cosine +
    /// `bias`. Does not sum to one: all labels may be improbable, or several probable.
    Sigmoid {
        /// The exponentiated `logit_scale`.
        scale: f32,
        /// The `logit_bias`.
        bias: f32,
    },
}

impl Link {
    /// The one that a model was trained with: a sigmoid if it has a bias. `scale` is its exponentiated `logit_scale`,
    /// `bias` its `logit_bias`.
    pub fn new(scale: f32, bias: Option<f32>) -> Self {
        match bias {
            Some(bias) => Self::Sigmoid { scale, bias },
            None => Self::Softmax { scale },
        }
    }

    /// The factor on cosines.
    pub fn scale(&self) -> f32 {
        match *self {
            Self::Softmax { scale } | Self::Sigmoid { scale, .. } => scale,
        }
    }

    /// The cosines of one photo with all labels to the labels' probabilities.
    pub fn probabilities(&self, cosines: &[f32]) -> Vec<f32> {
        match *self {
            Self::Softmax { scale } => softmax(cosines.iter().map(|cosine| f64::from(scale * cosine))),
            Self::Sigmoid { scale, bias } => cosines.iter().map(|cosine| logistic(scale * cosine + bias)).collect(),
        }
    }
}

/// `exp(x) / sum of exp(x)`; nothing overflows, and the sum is one to the precision of `f32`.
pub(crate) fn softmax(logits: impl Iterator<Item = f64> + Clone) -> Vec<f32> {
    let largest = logits.clone().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.clone().map(|logit| (logit - largest).exp()).sum();
    logits.map(|logit| ((logit - largest).exp() / sum) as f32).collect()
}

fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn softmax_weighs_by_the_exponential_of_the_scaled_cosine() {
        // exp(100 x ln(n) / 100) = n
        let cosines = [1.0f32, 2.0, 5.0].map(|weight| weight.ln() / 100.0);
        let found = Link::Softmax { scale: 100.0 }.probabilities(&cosines);
        for (found, expected) in found.iter().zip([0.125, 0.25, 0.625]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn sigmoid_judges_each_label_by_itself() {
        let link = Link::Sigmoid { scale: 100.0, bias: -10.0 };
        let found = link.probabilities(&[0.1, 0.14, 0.05, -1.0]);
        for (found, expected) in found.iter().zip([0.5, 1.0 / (1.0 + (-4f32).exp()), 1.0 / (1.0 + 5f32.exp()), 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert_eq!(link.probabilities(&[0.1])[0], link.probabilities(&[0.1, 0.9])[0]);
    }

    proptest! {
        #[test]
        fn softmax_sums_to_one_and_keeps_the_order(
            cosines in prop::collection::vec(-1.0f32..1.0, 1..3000), scale in 0.0f32..1000.0
        ) {
            let found = Link::Softmax { scale }.probabilities(&cosines);
            prop_assert!((found.iter().sum::<f32>() - 1.0).abs() < 1e-4);
            prop_assert!(found.iter().all(|p| (0.0..=1.0).contains(p)));
            let mut order: Vec<usize> = (0..cosines.len()).collect();
            order.sort_by(|&a, &b| cosines[a].total_cmp(&cosines[b]));
            prop_assert!(order.is_sorted_by(|&a, &b| found[a] <= found[b]));
        }

        #[test]
        fn sigmoid_stays_between_zero_and_one(cosine in -1.0f32..1.0, scale in 0.0f32..1000.0, bias in -200.0f32..200.0) {
            let found = Link::Sigmoid { scale, bias }.probabilities(&[cosine])[0];
            prop_assert!((0.0..=1.0).contains(&found));
        }
    }
}
