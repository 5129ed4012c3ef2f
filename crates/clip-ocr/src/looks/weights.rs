//! How much a window is like text: a quadratic form of its features. Made by `benches/compare/may_hold_text.py`.

use super::windows::FEATURES;

/// The logarithm of the odds that a window is of text, were half of all windows.
pub(super) fn likeness(features: &[f32; FEATURES]) -> f32 {
    let mut values = [0.0; FEATURES];
    for (number, value) in values.iter_mut().enumerate() {
        *value = ((features[number] - MEANS[number]) * SCALES[number]).clamp(-MOST, MOST);
    }
    let mut sum = CONSTANT;
    let mut pairs = PAIRS.iter();
    for (number, value) in values.iter().enumerate() {
        sum += SINGLE[number] * value;
        // In this order, no weight is taken and lost where the values end.
        for (other, weight) in values[number..].iter().zip(pairs.by_ref()) {
            sum += weight * value * other;
        }
    }
    sum
}

/// Features are this many standard deviations from their mean at most.
const MOST: f32 = 4.0;

const CONSTANT: f32 = -1.3335;

#[rustfmt::skip]
const MEANS: [f32; FEATURES] = [
    3.0723, 0.5080, 0.5325, 0.0678, 0.0627, 0.4055, 0.7563, 1.1667, 0.0384, 0.0221,
    0.0389, 0.0195, 0.4547, 0.0279,
];

/// One divided by the standard deviations.
#[rustfmt::skip]
const SCALES: [f32; FEATURES] = [
    1.0518, 4.2620, 4.0153, 13.1335, 13.9181, 3.3636, 2.4234, 1.7461, 19.5177, 27.6916,
    20.3167, 31.2472, 5.9717, 28.7642,
];

#[rustfmt::skip]
const SINGLE: [f32; FEATURES] = [
    6.0705, 3.4071, 1.4244, -1.2002, 0.6199, 1.7414, 1.0362, -3.7700, -0.8998, 0.6207,
    0.1840, -2.2422, 1.2268, -0.9577,
];

/// Of each feature with itself and all that come after it.
#[rustfmt::skip]
const PAIRS: [f32; FEATURES * (FEATURES + 1) / 2] = [
    -0.9695, 2.0002, 3.1236, 2.5197, 0.8704, 2.3727, -2.2422, 0.0280, -0.1680, -1.3592,
    -1.3057, 1.0195, 2.7715, 0.5287, -0.4457, 1.3093, 0.4549, -0.1479, 0.4046, -1.1375,
    0.0630, -0.2445, -0.4982, -0.7057, 0.6971, 1.4634, -0.2032, 0.1704, -1.2799, -0.1700,
    1.0719, 0.3406, -1.0704, 0.0749, 0.2351, 0.1091, -0.2767, 0.2722, -0.4593, -0.9105,
    -0.7243, -0.3441, 0.5129, 0.1124, -0.3961, -0.2836, 1.1783, -0.5331, -1.8542, -0.1721,
    -0.0943, 0.0188, 0.0126, 0.4240, -0.6074, 0.6463, -0.0123, -0.3762, -0.6357, -0.0502,
    0.0684, 0.2071, -0.7344, -0.7251, 0.3209, -0.0198, -0.7813, -0.2352, -0.3775, -0.7660,
    1.0643, 0.3517, 0.0507, 0.6102, -0.3196, 1.7303, 0.3012, 0.8007, 0.0204, 0.2635,
    -0.4937, 0.6393, -2.4899, 0.0429, 0.5144, 0.0284, 0.4031, -0.2504, -0.5407, 0.0307,
    0.5749, -0.2960, -0.1942, 0.4380, -0.1903, -0.3400, 0.5430, 0.0320, 0.2488, 0.3334,
    0.0785, -0.1413, -0.5426, -0.7762, -0.0449,
];
