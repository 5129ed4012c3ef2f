//! Dot products of rows, with the widest instructions that the machine has.
//!
//! One body, compiled several times: many accumulators side by side are what compilers turn into vector instructions.
//! All scores of this crate come from here, so the same pair of vectors has the same score wherever it is computed on
//! one machine; machines with and without fused multiply-add differ in the last bits.
#![allow(unsafe_code)]

/// Four vectors of eight, enough to hide the latency of the additions.
const LANES: usize = 32;

/// The dot product of two vectors of equal length.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the machine has AVX-512F.
            return unsafe { dot_avx512(a, b) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the machine has AVX2 and FMA.
            return unsafe { dot_avx2(a, b) };
        }
        body::<false>(a, b)
    }
    // 64-bit ARM always has fused multiply-add; elsewhere it might be a slow function call.
    #[cfg(not(target_arch = "x86_64"))]
    body::<{ cfg!(target_arch = "aarch64") }>(a, b)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn dot_avx512(a: &[f32], b: &[f32]) -> f32 {
    body::<true>(a, b)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
    body::<true>(a, b)
}

#[inline(always)]
fn body<const FUSED: bool>(a: &[f32], b: &[f32]) -> f32 {
    let add = |x: f32, y: f32, sum: f32| if FUSED { x.mul_add(y, sum) } else { x * y + sum };
    let mut sums = [0f32; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] = add(a[lane], b[lane], sums[lane]);
        }
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    a_rest.iter().zip(b_rest).fold(sums[0], |sum, (&x, &y)| add(x, y, sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    #[test]
    fn agrees_with_double_precision() {
        let mut rng = StdRng::seed_from_u64(1);
        for length in (0..70).chain([255, 256, 511, 512, 768, 1000]) {
            let mut vector = || (0..length).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f32>>();
            let (a, b) = (vector(), vector());
            let exact: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            for found in [dot(&a, &b), body::<false>(&a, &b), body::<true>(&a, &b)] {
                assert!((f64::from(found) - exact).abs() < 1e-4, "length {length}: {found} for {exact}");
            }
        }
    }
}
