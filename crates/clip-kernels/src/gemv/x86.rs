//! Dot products with vector instructions.

use std::arch::x86_64::*;

use super::dot_products::DotProducts;
use super::element::{Bf16, Element, F16};
use crate::isa::{Avx2, Avx512};
use crate::prefetch::Prefetch;

/// A number format that is read a vector at a time.
pub trait LoadVector: Element {
    /// Sixteen numbers.
    ///
    /// # Safety
    /// They can be read, and the processor has AVX-512.
    unsafe fn load16(at: *const u8) -> __m512;

    /// Eight numbers.
    ///
    /// # Safety
    /// They can be read, and the processor has AVX2 and F16C.
    unsafe fn load8(at: *const u8) -> __m256;
}

// All of these are inlined into functions with the features first, and the intrinsics into them after that.

impl LoadVector for f32 {
    #[inline(always)]
    unsafe fn load16(at: *const u8) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_loadu_ps(at.cast()) }
    }

    #[inline(always)]
    unsafe fn load8(at: *const u8) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_ps(at.cast()) }
    }
}

impl LoadVector for F16 {
    #[inline(always)]
    unsafe fn load16(at: *const u8) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(at.cast())) }
    }

    #[inline(always)]
    unsafe fn load8(at: *const u8) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(at.cast())) }
    }
}

impl LoadVector for Bf16 {
    #[inline(always)]
    unsafe fn load16(at: *const u8) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe {
            let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(at.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))
        }
    }

    #[inline(always)]
    unsafe fn load8(at: *const u8) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe {
            let bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(at.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits))
        }
    }
}

impl LoadVector for i8 {
    #[inline(always)]
    unsafe fn load16(at: *const u8) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(at.cast()))) }
    }

    #[inline(always)]
    unsafe fn load8(at: *const u8) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(at.cast()))) }
    }
}

impl<S: LoadVector, const OUTPUTS: usize> DotProducts<S, OUTPUTS> for Avx512 {
    const LANES: usize = 16;

    fn dot_products<const TOKENS: usize>(
        self,
        weights: [&[u8]; OUTPUTS],
        tokens: [&[f32]; TOKENS],
        prefetch: Prefetch,
    ) -> ([[f32; OUTPUTS]; TOKENS], usize) {
        // SAFETY: `self` proves these instructions.
        unsafe { avx512::<S, OUTPUTS, TOKENS>(weights, tokens, prefetch) }
    }
}

impl<S: LoadVector, const OUTPUTS: usize> DotProducts<S, OUTPUTS> for Avx2 {
    const LANES: usize = 8;

    fn dot_products<const TOKENS: usize>(
        self,
        weights: [&[u8]; OUTPUTS],
        tokens: [&[f32]; TOKENS],
        prefetch: Prefetch,
    ) -> ([[f32; OUTPUTS]; TOKENS], usize) {
        // SAFETY: `self` proves these instructions.
        unsafe { avx2::<S, OUTPUTS, TOKENS>(weights, tokens, prefetch) }
    }
}

/// Checks what the loops below rely on: all rows and tokens have one length, which is returned.
#[inline(always)]
fn check<S: Element, const OUTPUTS: usize, const TOKENS: usize>(
    weights: &[&[u8]; OUTPUTS],
    tokens: &[&[f32]; TOKENS],
) -> usize {
    let depth = tokens[0].len();
    assert!(tokens.iter().all(|token| token.len() == depth));
    assert!(weights.iter().all(|row| row.len() == depth * S::BYTES));
    depth
}

/// The sums over all whole vectors of 16, and how many values those are.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c")]
fn avx512<S: LoadVector, const OUTPUTS: usize, const TOKENS: usize>(
    weights: [&[u8]; OUTPUTS],
    tokens: [&[f32]; TOKENS],
    prefetch: Prefetch,
) -> ([[f32; OUTPUTS]; TOKENS], usize) {
    const LANES: usize = 16;
    let depth = check::<S, OUTPUTS, TOKENS>(&weights, &tokens);
    let mut sums = [[_mm512_setzero_ps(); OUTPUTS]; TOKENS];
    let whole = depth / LANES * LANES;
    for k in (0..whole).step_by(LANES) {
        prefetch.fetch(k / LANES);
        // SAFETY: `check` made sure that the rows have `depth` weights, and `k + LANES` is no more.
        let weights = weights.map(|row| unsafe { S::load16(row.as_ptr().add(k * S::BYTES)) });
        for (sums, token) in sums.iter_mut().zip(tokens) {
            // SAFETY: as above, the tokens have `depth` values.
            let value = unsafe { _mm512_loadu_ps(token.as_ptr().add(k)) };
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = _mm512_fmadd_ps(value, weight, *sum);
            }
        }
    }
    let mut all = [[0.0; OUTPUTS]; TOKENS];
    for (all, sums) in all.as_flattened_mut().chunks_mut(4).zip(sums.as_flattened().chunks(4)) {
        let at = |i: usize| sums.get(i).copied().unwrap_or(_mm512_setzero_ps());
        let pairs = |a, b| _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let (left, right) = (_mm512_castps_pd(pairs(at(0), at(1))), _mm512_castps_pd(pairs(at(2), at(3))));
        let (low, high) = (_mm512_unpacklo_pd(left, right), _mm512_unpackhi_pd(left, right));
        let four = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
        let two = _mm256_add_ps(_mm512_castps512_ps256(four), _mm512_extractf32x8_ps::<1>(four));
        all.copy_from_slice(&halves(two)[..all.len()]);
    }
    (all, whole)
}

/// The same for vectors of 8.
#[target_feature(enable = "avx2,fma,f16c")]
fn avx2<S: LoadVector, const OUTPUTS: usize, const TOKENS: usize>(
    weights: [&[u8]; OUTPUTS],
    tokens: [&[f32]; TOKENS],
    prefetch: Prefetch,
) -> ([[f32; OUTPUTS]; TOKENS], usize) {
    const LANES: usize = 8;
    let depth = check::<S, OUTPUTS, TOKENS>(&weights, &tokens);
    let mut sums = [[_mm256_setzero_ps(); OUTPUTS]; TOKENS];
    let whole = depth / LANES * LANES;
    for k in (0..whole).step_by(LANES) {
        prefetch.fetch(k / LANES);
        // SAFETY: `check` made sure that the rows have `depth` weights, and `k + LANES` is no more.
        let weights = weights.map(|row| unsafe { S::load8(row.as_ptr().add(k * S::BYTES)) });
        for (sums, token) in sums.iter_mut().zip(tokens) {
            // SAFETY: as above, the tokens have `depth` values.
            let value = unsafe { _mm256_loadu_ps(token.as_ptr().add(k)) };
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = _mm256_fmadd_ps(value, weight, *sum);
            }
        }
    }
    let mut all = [[0.0; OUTPUTS]; TOKENS];
    for (all, sums) in all.as_flattened_mut().chunks_mut(4).zip(sums.as_flattened().chunks(4)) {
        let at = |i: usize| sums.get(i).copied().unwrap_or(_mm256_setzero_ps());
        let two = _mm256_hadd_ps(_mm256_hadd_ps(at(0), at(1)), _mm256_hadd_ps(at(2), at(3)));
        all.copy_from_slice(&halves(two)[..all.len()]);
    }
    (all, whole)
}

/// The sum of a vector's halves.
#[target_feature(enable = "avx2")]
#[inline]
fn halves(vector: __m256) -> [f32; 4] {
    let sum = _mm_add_ps(_mm256_castps256_ps128(vector), _mm256_extractf128_ps::<1>(vector));
    let mut values = [0.0; 4];
    // SAFETY: the array has four values.
    unsafe { _mm_storeu_ps(values.as_mut_ptr(), sum) };
    values
}
