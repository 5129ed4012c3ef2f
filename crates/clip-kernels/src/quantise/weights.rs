//! A column's weights to bytes: a factor for all of them (Krishnamoorthi 2018, <https://arxiv.org/abs/1806.08342>, per-channel
//! symmetric quantisation).

use crate::int8_tile::{MOST_PAIR, MOST_WEIGHT};

/// The factor, and what times it comes nearest to each of the weights. With `pairs`, no two neighbours of the same sign add
/// up to more than [`MOST_PAIR`].
pub fn quantise(weights: &[f32], pairs: bool) -> (f32, Vec<i8>) {
    let largest = weights.iter().fold(0.0, |most: f32, weight| most.max(weight.abs()));
    let scale = largest / f32::from(MOST_WEIGHT);
    let scale = if pairs { scale.max(largest_pair(weights) / f32::from(MOST_PAIR)) } else { scale };
    let code = |weight: &f32| if scale > 0.0 { (weight / scale).round_ties_even() as i8 } else { 0 };
    let mut codes: Vec<i8> = weights.iter().map(code).collect();
    if pairs {
        for [first, second] in codes.as_chunks_mut().0 {
            *second = beside(*first, *second);
        }
    }
    (scale, codes)
}

/// The largest sum of two neighbours of the same sign. Those of different signs make up for each other in part, whatever they
/// are multiplied with, since codes have no sign.
fn largest_pair(weights: &[f32]) -> f32 {
    let sum = |pair: &[f32]| {
        let up: f32 = pair.iter().map(|weight| weight.max(0.0)).sum();
        let down: f32 = pair.iter().map(|weight| weight.min(0.0)).sum();
        up.max(-down)
    };
    weights.chunks(2).map(sum).fold(0.0, f32::max)
}

/// The second code, a step less if together they are too large: division may have rounded both away from zero.
fn beside(first: i8, second: i8) -> i8 {
    let sum = i16::from(first) + i16::from(second);
    second - if sum.abs() > MOST_PAIR { second.signum() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_are_the_nearest_and_pairs_fit(depth in 1usize..40, seed: u64, size in -30i32..30, one_sign: bool) {
            let weights: Vec<f32> = noise(seed, depth)
                .iter()
                .map(|weight| if one_sign { weight.abs() } else { *weight } * 10f32.powi(size))
                .collect();
            let largest = weights.iter().fold(0.0, |most: f32, weight| most.max(weight.abs()));
            for pairs in [false, true] {
                let (scale, codes) = quantise(&weights, pairs);
                prop_assert_eq!(codes.len(), depth);
                for (weight, code) in weights.iter().zip(&codes) {
                    prop_assert!((weight / scale - f32::from(*code)).abs() <= 0.5001, "{} in steps of {}", weight, scale);
                }
                if pairs {
                    prop_assert!(scale <= largest / 63.99);
                    for pair in codes.chunks(2) {
                        let codes = pair.iter().copied().map(i32::from);
                        let most: i32 = codes.clone().map(|code| 255 * code.max(0)).sum();
                        let least: i32 = codes.map(|code| 255 * code.min(0)).sum();
                        prop_assert!(most <= i16::MAX.into() && least >= i16::MIN.into(), "{:?}", pair);
                    }
                } else {
                    prop_assert_eq!(codes.iter().map(|code| code.unsigned_abs()).max(), Some(127));
                }
            }
        }
    }

    #[test]
    fn nothing_is_made_of_zeros() {
        for pairs in [false, true] {
            let (scale, codes) = quantise(&[0.0; 5], pairs);
            assert_eq!((scale, codes), (0.0, vec![0; 5]));
        }
    }

    #[test]
    fn pairs_that_were_both_rounded_up_fit() {
        assert_eq!([beside(64, 64), beside(64, 65), beside(-64, -65), beside(127, -127)], [64, 64, -64, -127]);
    }
}
