//! Numbers to bytes with vector instructions.

use std::arch::x86_64::*;

use crate::codes::{LANES, Range, vectors};

/// Quiet and signalling NaN and both infinities, as `fpclass` has them.
const NOT_FINITE: i32 = 0x01 | 0x80 | 0x08 | 0x10;

/// The ranges of rows `[rows, depth]`.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c")]
pub fn ranges512(values: &[f32], depth: usize, ranges: &mut [Range]) {
    for (values, range) in values.chunks_exact(depth).zip(ranges) {
        let (whole, last) = vectors(values);
        let (mut least, mut most, mut wrong) = (_mm512_setzero_ps(), _mm512_setzero_ps(), 0);
        for values in whole.iter().chain(&last) {
            let x = load512(values);
            least = _mm512_min_ps(x, least);
            most = _mm512_max_ps(x, most);
            // Comparisons lose NaN; this keeps it.
            wrong |= _mm512_fpclass_ps_mask::<NOT_FINITE>(x);
        }
        *range = Range::of(_mm512_reduce_min_ps(least), _mm512_reduce_max_ps(most), wrong == 0);
    }
}

/// Codes as bytes, four a group.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c")]
pub fn bytes(values: &[f32], depth: usize, ranges: &[Range], codes: &mut [u8]) {
    let groups = codes.as_chunks_mut::<4>().0;
    for (row, (values, range)) in values.chunks_exact(depth).zip(ranges).enumerate() {
        let (whole, last) = vectors(values);
        let (inverse, low) = (_mm512_set1_ps(range.inverse), _mm512_set1_ps(range.low));
        let (high, shift) = (_mm512_set1_ps(range.high), _mm512_set1_ps(range.shift));
        let mut places = groups.iter_mut().skip(row).step_by(ranges.len());
        for values in whole.iter().chain(&last) {
            let x = _mm512_min_ps(_mm512_max_ps(_mm512_mul_ps(load512(values), inverse), low), high);
            let codes = _mm512_cvtepi32_epi8(_mm512_castps_si512(_mm512_add_ps(x, shift)));
            let mut four = [[0u8; 4]; 4];
            // SAFETY: the array has as many bytes as are stored.
            unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), codes) };
            for (codes, place) in four.into_iter().zip(places.by_ref()) {
                *place = codes;
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load512(values: &[f32; LANES]) -> __m512 {
    // SAFETY: there are as many values as are loaded.
    unsafe { _mm512_loadu_ps(values.as_ptr()) }
}

/// The ranges of rows `[rows, depth]`.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn ranges256(values: &[f32], depth: usize, ranges: &mut [Range]) {
    let zero = _mm256_setzero_ps();
    for (values, range) in values.chunks_exact(depth).zip(ranges) {
        let (whole, last) = vectors(values);
        let (mut least, mut most, mut poison) = (zero, zero, zero);
        for values in whole.iter().chain(&last) {
            for x in load256(values) {
                least = _mm256_min_ps(x, least);
                most = _mm256_max_ps(x, most);
                // Comparisons lose NaN; this keeps it.
                poison = _mm256_fmadd_ps(x, zero, poison);
            }
        }
        let finite = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(poison, zero)) == 0xff;
        let least = _mm_min_ps(_mm256_castps256_ps128(least), _mm256_extractf128_ps::<1>(least));
        let least = _mm_min_ps(least, _mm_movehl_ps(least, least));
        let least = _mm_min_ss(least, _mm_movehdup_ps(least));
        let most = _mm_max_ps(_mm256_castps256_ps128(most), _mm256_extractf128_ps::<1>(most));
        let most = _mm_max_ps(most, _mm_movehl_ps(most, most));
        let most = _mm_max_ss(most, _mm_movehdup_ps(most));
        *range = Range::of(_mm_cvtss_f32(least), _mm_cvtss_f32(most), finite);
    }
}

/// Codes as 16-bit integers, two a group.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn pairs(values: &[f32], depth: usize, ranges: &[Range], codes: &mut [u8]) {
    let byte = _mm256_set1_epi32(0xff);
    let groups = codes.as_chunks_mut::<4>().0;
    for (row, (values, range)) in values.chunks_exact(depth).zip(ranges).enumerate() {
        let (whole, last) = vectors(values);
        let (inverse, low) = (_mm256_set1_ps(range.inverse), _mm256_set1_ps(range.low));
        let (high, shift) = (_mm256_set1_ps(range.high), _mm256_set1_ps(range.shift));
        let mut places = groups.iter_mut().skip(row).step_by(ranges.len());
        for values in whole.iter().chain(&last) {
            let [first, second] = load256(values).map(|x| {
                let x = _mm256_min_ps(_mm256_max_ps(_mm256_mul_ps(x, inverse), low), high);
                _mm256_and_si256(_mm256_castps_si256(_mm256_add_ps(x, shift)), byte)
            });
            // Packing works on halves, whose middle parts are to be swapped.
            let codes = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(first, second));
            let mut eight = [[0u8; 4]; 8];
            // SAFETY: the array has as many bytes as are stored.
            unsafe { _mm256_storeu_si256(eight.as_mut_ptr().cast(), codes) };
            for (codes, place) in eight.into_iter().zip(places.by_ref()) {
                *place = codes;
            }
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load256(values: &[f32; LANES]) -> [__m256; 2] {
    // SAFETY: there are as many values as are loaded.
    unsafe { [_mm256_loadu_ps(values.as_ptr()), _mm256_loadu_ps(values.as_ptr().add(LANES / 2))] }
}
