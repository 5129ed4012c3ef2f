//! Elementwise functions in a form that compilers vectorise: no branches, no calls.

/// How `a * b + c` is computed. Fused is fast only where the processor has the instruction.
pub trait MultiplyAdd: Copy {
    /// `a * b + c`.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// With a single rounding.
#[cfg(any(test, target_arch = "x86_64"))]
#[derive(Clone, Copy)]
pub struct Fused;

#[cfg(any(test, target_arch = "x86_64"))]
impl MultiplyAdd for Fused {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

/// As is fastest on the target's baseline.
#[derive(Clone, Copy)]
pub struct Baseline;

impl MultiplyAdd for Baseline {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        if cfg!(target_arch = "aarch64") { a.mul_add(b, c) } else { a * b + c }
    }
}

/// The larger of `x` and `least`. Keeps a NaN in `x`; `f32::max`, which drops it, takes three instructions instead of one.
#[inline(always)]
pub fn at_least(x: f32, least: f32) -> f32 {
    if least > x { least } else { x }
}

/// The smaller of `x` and `most`. Keeps a NaN in `x`.
#[inline(always)]
pub fn at_most(x: f32, most: f32) -> f32 {
    if most < x { most } else { x }
}

/// `e^x` to two units in the last place, for `x` from -87 to 88; clamped beyond.
///
/// `x = n ln 2 + r`, and a polynomial for `e^r` with |r| <= ln 2 / 2 (the scheme of Cephes' `expf`).
#[inline(always)]
pub fn exp<M: MultiplyAdd>(x: f32) -> f32 {
    /// Adding this rounds to an integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = at_most(at_least(x, -87.0), 88.0);
    let shifted = M::mul_add(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, the first of which has few bits, so that `n` times it is exact.
    let r = M::mul_add(n, 2.121_944_4e-4, M::mul_add(n, -0.693_359_4, x));
    let p = M::mul_add(r, 1.987_569_1e-4, 1.398_199_9e-3);
    let p = M::mul_add(p, r, 8.333_452e-3);
    let p = M::mul_add(p, r, 4.166_579_5e-2);
    let p = M::mul_add(p, r, 1.666_666_5e-1);
    let p = M::mul_add(p, r, 0.500_000_06);
    let p = M::mul_add(p * r, r, r) + 1.0;
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// `x * sigmoid(1.702 x)`.
#[inline(always)]
pub fn quick_gelu<M: MultiplyAdd>(x: f32) -> f32 {
    x / (1.0 + exp::<M>(-1.702 * x))
}

/// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`, which is `x` times the sigmoid of twice what `tanh` is taken of.
#[inline(always)]
pub fn gelu_tanh<M: MultiplyAdd>(x: f32) -> f32 {
    const FACTOR: f32 = -1.595_769_2;
    let inner = x * M::mul_add(x * x, 0.044_715 * FACTOR, FACTOR);
    x / (1.0 + exp::<M>(inner))
}

/// `x * Phi(x)`, with the error function after Abramowitz & Stegun, 7.1.26 (at most 1.5e-7 off).
#[inline(always)]
pub fn gelu<M: MultiplyAdd>(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / M::mul_add(z, 0.327_591_1, 1.0);
    let p = M::mul_add(t, 1.061_405_4, -1.453_152);
    let p = M::mul_add(p, t, 1.421_413_7);
    let p = M::mul_add(p, t, -0.284_496_74);
    let p = M::mul_add(p, t, 0.254_829_6);
    // Half of what the error function of |x| lacks to 1: Phi(-|x|).
    let tail = 0.5 * p * t * exp::<M>(-z * z);
    // x Phi(x), without cancellation on either side: -|x| tail below zero, and x more above.
    M::mul_add(-x.abs(), tail, at_least(x, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error function by its Taylor series, in double precision; good to 1e-12 for |x| < 5.
    fn erf(x: f64) -> f64 {
        let mut term = x;
        let mut sum = x;
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    fn points() -> impl Iterator<Item = f32> {
        (-60_000..=60_000).map(|i| i as f32 * 1e-4)
    }

    fn worst(function: fn(f32) -> f32, exact: fn(f64) -> f64) -> f64 {
        points().map(|x| (f64::from(function(x)) - exact(f64::from(x))).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn activations_are_exact_to_a_millionth() {
        fn check<M: MultiplyAdd>() {
            assert!(worst(gelu::<M>, |x| 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))) < 6e-7);
            assert!(worst(quick_gelu::<M>, |x| x / (1.0 + (-1.702 * x).exp())) < 1e-6);
            let factor = (2.0 / std::f64::consts::PI).sqrt();
            assert_eq!(factor as f32, 0.797_884_6);
            let exact = |x: f64| 0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044715 * x * x * x)).tanh());
            assert!(worst(gelu_tanh::<M>, exact) < 1e-6);
        }
        check::<Fused>();
        check::<Baseline>();
    }

    #[test]
    fn far_values_are_limits() {
        for function in [gelu::<Fused>, quick_gelu::<Fused>, gelu_tanh::<Fused>] {
            assert_eq!(function(100.0), 100.0);
            assert_eq!(function(3e38), 3e38);
            assert!(function(-100.0).abs() < 1e-30);
            assert_eq!(function(0.0), 0.0);
            assert!(function(f32::NAN).is_nan());
        }
    }

    #[test]
    fn the_exponential_is_relatively_exact() {
        for i in -8700..8800 {
            let x = i as f32 * 1e-2;
            let exact = f64::from(x).exp();
            for found in [exp::<Fused>(x), exp::<Baseline>(x)] {
                assert!((f64::from(found) / exact - 1.0).abs() < 3e-7, "e^{x} is {exact}, found {found}");
            }
        }
        assert!(exp::<Fused>(-1e30) > 0.0 && exp::<Fused>(-1e30) < 1e-37);
    }
}
