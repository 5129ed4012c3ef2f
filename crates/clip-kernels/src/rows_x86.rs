//! The dot products of [`rows`](crate::rows) with vector instructions.

use std::arch::x86_64::*;

use crate::rows::{Brain, Half, Stored};

/// A number format that is read a vector at a time.
pub trait Load: Stored {
    /// Sixteen numbers.
    ///
    /// # Safety
    /// They are there to be read, and the processor has AVX-512.
    unsafe fn sixteen(at: *const u8) -> __m512;

    /// Eight numbers.
    ///
    /// # Safety
    /// They are there to be read, and the processor has AVX2 and F16C.
    unsafe fn eight(at: *const u8) -> __m256;
}

// All are inlined into functions with these features before the intrinsics are inlined into them.

impl Load for f32 {
    #[inline(always)]
    unsafe fn sixteen(at: *const u8) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_loadu_ps(at.cast()) }
    }

    #[inline(always)]
    unsafe fn eight(at: *const u8) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_ps(at.cast()) }
    }
}

impl Load for Half {
    #[inline(always)]
    unsafe fn sixteen(at: *const u8) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(at.cast())) }
    }

    #[inline(always)]
    unsafe fn eight(at: *const u8) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(at.cast())) }
    }
}

impl Load for Brain {
    #[inline(always)]
    unsafe fn sixteen(at: *const u8) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe {
            let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(at.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))
        }
    }

    #[inline(always)]
    unsafe fn eight(at: *const u8) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe {
            let bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(at.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits))
        }
    }
}

impl Load for i8 {
    #[inline(always)]
    unsafe fn sixteen(at: *const u8) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(at.cast()))) }
    }

    #[inline(always)]
    unsafe fn eight(at: *const u8) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(at.cast()))) }
    }
}

/// Checks what the loops below rely on: all rows are of the tokens' length, which is returned.
#[inline(always)]
fn check<S: Stored, const ROWS: usize, const TOKENS: usize>(
    weights: &[&[u8]; ROWS],
    tokens: &[&[f32]; TOKENS],
) -> usize {
    let depth = tokens[0].len();
    assert!(tokens.iter().all(|token| token.len() == depth));
    assert!(weights.iter().all(|row| row.len() == depth * S::BYTES));
    depth
}

/// The sums over all whole vectors of 16, and how many values those are.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c")]
pub fn avx512<S: Load, const ROWS: usize, const TOKENS: usize>(
    weights: [&[u8]; ROWS],
    tokens: [&[f32]; TOKENS],
) -> ([[f32; TOKENS]; ROWS], usize) {
    const LANES: usize = 16;
    let depth = check::<S, ROWS, TOKENS>(&weights, &tokens);
    let mut sums = [[_mm512_setzero_ps(); TOKENS]; ROWS];
    let whole = depth / LANES * LANES;
    for k in (0..whole).step_by(LANES) {
        // SAFETY: `check` made sure that the tokens have `depth` values, and `k + LANES` is no more.
        let values: [__m512; TOKENS] = std::array::from_fn(|t| unsafe { _mm512_loadu_ps(tokens[t].as_ptr().add(k)) });
        for (sums, row) in sums.iter_mut().zip(weights) {
            // SAFETY: as above, the rows have `depth` weights.
            let weight = unsafe { S::sixteen(row.as_ptr().add(k * S::BYTES)) };
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = _mm512_fmadd_ps(value, weight, *sum);
            }
        }
    }
    let halved = |sum: __m512| _mm256_add_ps(_mm512_castps512_ps256(sum), _mm512_extractf32x8_ps::<1>(sum));
    (sums.map(|sums| totals(sums.map(halved))), whole)
}

/// The same over vectors of 8.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn avx2<S: Load, const ROWS: usize, const TOKENS: usize>(
    weights: [&[u8]; ROWS],
    tokens: [&[f32]; TOKENS],
) -> ([[f32; TOKENS]; ROWS], usize) {
    const LANES: usize = 8;
    let depth = check::<S, ROWS, TOKENS>(&weights, &tokens);
    let mut sums = [[_mm256_setzero_ps(); TOKENS]; ROWS];
    let whole = depth / LANES * LANES;
    for k in (0..whole).step_by(LANES) {
        // SAFETY: `check` made sure that the tokens have `depth` values, and `k + LANES` is no more.
        let values: [__m256; TOKENS] = std::array::from_fn(|t| unsafe { _mm256_loadu_ps(tokens[t].as_ptr().add(k)) });
        for (sums, row) in sums.iter_mut().zip(weights) {
            // SAFETY: as above, the rows have `depth` weights.
            let weight = unsafe { S::eight(row.as_ptr().add(k * S::BYTES)) };
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = _mm256_fmadd_ps(value, weight, *sum);
            }
        }
    }
    (sums.map(|sums| totals(sums)), whole)
}

/// The sum of each vector's values.
#[target_feature(enable = "avx2")]
#[inline]
fn totals<const COUNT: usize>(vectors: [__m256; COUNT]) -> [f32; COUNT] {
    let mut totals = [0.0; COUNT];
    // Four at a time take little more than one.
    for (totals, vectors) in totals.chunks_mut(4).zip(vectors.chunks(4)) {
        let at = |i: usize| vectors.get(i).copied().unwrap_or(_mm256_setzero_ps());
        let pairs = _mm256_hadd_ps(_mm256_hadd_ps(at(0), at(1)), _mm256_hadd_ps(at(2), at(3)));
        let four = _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps::<1>(pairs));
        let mut lanes = [0.0; 4];
        // SAFETY: the array has four values.
        unsafe { _mm_storeu_ps(lanes.as_mut_ptr(), four) };
        totals.copy_from_slice(&lanes[..totals.len()]);
    }
    totals
}
