//! Quantisation of a column's weights to bytes with one scale (per-channel symmetric quantisation, Krishnamoorthi 2018,
//! <https://arxiv.org/abs/1806.08342>).

use crate::int8_tile::{MAX_PAIR_SUM, MAX_WEIGHT};

/// The scale, and the nearest code for each of the weights. With `pairs`, no two neighbours of the same sign add
/// up to more than [`MAX_PAIR_SUM`].
pub fn quantise_column(weights: &[f32], pairs: bool) -> (f32, Vec<i8>) {
    let largest = weights.iter().fold(0.0, |max: f32, weight| max.max(weight.abs()));
    let scale = largest / f32::from(MAX_WEIGHT);
    let scale = if pairs { scale.max(largest_pair(weights) / f32::from(MAX_PAIR_SUM)) } else { scale };
    let code = |weight: &f32| if scale > 0.0 { (weight / scale).round_ties_even() as i8 } else { 0 };
    let mut codes: Vec<i8> = weights.iter().map(code).collect();
    if pairs {
        for [first, second] in codes.as_chunks_mut().0 {
            *second = beside(*first, *second);
        }
    }
    (scale, codes)
}

/// The largest sum of two neighbours of the same sign. Neighbours of different signs cancel in part, whatever they are
/// multiplied with, since codes have no sign.
fn largest_pair(weights: &[f32]) -> f32 {
    let sum = |pair: &[f32]| {
        let up: f32 = pair.iter().map(|weight| weight.max(0.0)).sum();
        let down: f32 = pair.iter().map(|weight| weight.min(0.0)).sum();
        up.max(-down)
    };
    weights.chunks(2).map(sum).fold(0.0, f32::max)
}

/// The second code, or one step less if the pair is too large: division may have rounded both away from zero.
fn beside(first: i8, second: i8) -> i8 {
    let sum = i16::from(first) + i16::from(second);
    second - if sum.abs() > MAX_PAIR_SUM { second.signum() } else { 0 }
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
            let largest = weights.iter().fold(0.0, |max: f32, weight| max.max(weight.abs()));
            for pairs in [false, true] {
                let (scale, codes) = quantise_column(&weights, pairs);
                prop_assert_eq!(codes.len(), depth);
                for (weight, code) in weights.iter().zip(&codes) {
                    prop_assert!((weight / scale - f32::from(*code)).abs() <= 0.5001, "{} in steps of {}", weight, scale);
                }
                if pairs {
                    prop_assert!(scale <= largest / 63.99);
                    for pair in codes.chunks(2) {
                        let codes = pair.iter().copied().map(i32::from);
                        let max: i32 = codes.clone().map(|code| 255 * code.max(0)).sum();
                        let min: i32 = codes.map(|code| 255 * code.min(0)).sum();
                        prop_assert!(max <= i16::MAX.into() && min >= i16::MIN.into(), "{:?}", pair);
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
            let (scale, codes) = quantise_column(&[0.0; 5], pairs);
            assert_eq!((scale, codes), (0.0, vec![0; 5]));
        }
    }

    #[test]
    fn pairs_that_were_both_rounded_up_fit() {
        assert_eq!([beside(64, 64), beside(64, 65), beside(-64, -65), beside(127, -127)], [64, 64, -64, -127]);
    }
}
