//! Quantisation of rows with vector instructions.

use std::arch::x86_64::*;

use super::ranges::{LANES, MinMax, Ranges};
use crate::int8_tile::CHUNK;

/// Quiet and signalling NaN and both infinities, as `fpclass` has them.
const NOT_FINITE: i32 = 0x01 | 0x80 | 0x08 | 0x10;

/// The ranges of rows `[rows, depth]`.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c")]
pub fn ranges_avx512(values: &[f32], depth: usize) -> Ranges {
    let mut extremes = MinMax::default();
    for (row, values) in values.chunks_exact(depth).enumerate() {
        let (mut min, mut max, mut wrong) = (_mm512_setzero_ps(), _mm512_setzero_ps(), 0);
        let mut look = |x| {
            min = _mm512_min_ps(x, min);
            max = _mm512_max_ps(x, max);
            // Comparisons lose NaN; this keeps it.
            wrong |= _mm512_fpclass_ps_mask::<NOT_FINITE>(x);
        };
        let (whole, rest) = values.as_chunks();
        whole.iter().for_each(|values| look(load512(values)));
        if !rest.is_empty() {
            look(rest512(rest));
        }
        extremes.min[row] = _mm512_reduce_min_ps(min);
        extremes.max[row] = _mm512_reduce_max_ps(max);
        extremes.non_finite[row] = if wrong == 0 { 0.0 } else { f32::NAN };
    }
    Ranges::of(&extremes)
}

/// The codes of rows `[rows, depth]`.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c")]
pub fn codes_avx512(values: &[f32], depth: usize, rows: usize, ranges: &Ranges, codes: &mut [u8]) {
    let chunks = codes.as_chunks_mut::<CHUNK>().0;
    for (row, values) in values.chunks_exact(depth).enumerate() {
        let (inverse, low) = (_mm512_set1_ps(ranges.inverse[row]), _mm512_set1_ps(ranges.low[row]));
        let (high, shift) = (_mm512_set1_ps(ranges.high[row]), _mm512_set1_ps(ranges.shift[row]));
        let turn = |x, place: &mut [u8; CHUNK]| {
            let x = _mm512_min_ps(_mm512_max_ps(_mm512_mul_ps(x, inverse), low), high);
            let codes = _mm512_cvtepi32_epi8(_mm512_castps_si512(_mm512_add_ps(x, shift)));
            // SAFETY: a chunk has as many bytes as are stored.
            unsafe { _mm_storeu_si128(place.as_mut_ptr().cast(), codes) };
        };
        let (whole, rest) = values.as_chunks();
        let mut place = row;
        for values in whole {
            turn(load512(values), &mut chunks[place]);
            place += rows;
        }
        if !rest.is_empty() {
            turn(rest512(rest), &mut chunks[place]);
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load512(values: &[f32; LANES]) -> __m512 {
    // SAFETY: there are as many values as are loaded.
    unsafe { _mm512_loadu_ps(values.as_ptr()) }
}

/// Fewer values, padded with zeros.
#[target_feature(enable = "avx512f")]
#[inline]
fn rest512(values: &[f32]) -> __m512 {
    let mask = (1u16 << values.len().min(LANES - 1)) - 1;
    // SAFETY: only what the mask selects is read, and for that there are values.
    unsafe { _mm512_maskz_loadu_ps(mask, values.as_ptr()) }
}

/// The ranges of rows `[rows, depth]`.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn ranges_avx2(values: &[f32], depth: usize) -> Ranges {
    let zero = _mm256_setzero_ps();
    let mut extremes = MinMax::default();
    for (row, values) in values.chunks_exact(depth).enumerate() {
        let (mut min, mut max, mut poison) = (zero, zero, zero);
        let mut look = |x| {
            min = _mm256_min_ps(x, min);
            max = _mm256_max_ps(x, max);
            // Comparisons lose NaN; this keeps it.
            poison = _mm256_fmadd_ps(x, zero, poison);
        };
        let (whole, rest) = values.as_chunks();
        whole.iter().for_each(|values| look(load256(values)));
        if !rest.is_empty() {
            look(rest256(rest));
        }
        let finite = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(poison, zero)) == 0xff;
        let min = _mm_min_ps(_mm256_castps256_ps128(min), _mm256_extractf128_ps::<1>(min));
        let min = _mm_min_ps(min, _mm_movehl_ps(min, min));
        let min = _mm_min_ss(min, _mm_movehdup_ps(min));
        let max = _mm_max_ps(_mm256_castps256_ps128(max), _mm256_extractf128_ps::<1>(max));
        let max = _mm_max_ps(max, _mm_movehl_ps(max, max));
        let max = _mm_max_ss(max, _mm_movehdup_ps(max));
        extremes.min[row] = _mm_cvtss_f32(min);
        extremes.max[row] = _mm_cvtss_f32(max);
        extremes.non_finite[row] = if finite { 0.0 } else { f32::NAN };
    }
    Ranges::of(&extremes)
}

/// [`codes_avx512`] in vectors of 256 bits.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn codes_avx2(values: &[f32], depth: usize, rows: usize, ranges: &Ranges, codes: &mut [u8]) {
    let byte = _mm256_set1_epi32(0xff);
    let chunks = codes.as_chunks_mut::<CHUNK>().0;
    for (row, values) in values.chunks_exact(depth).enumerate() {
        let (inverse, low) = (_mm256_set1_ps(ranges.inverse[row]), _mm256_set1_ps(ranges.low[row]));
        let (high, shift) = (_mm256_set1_ps(ranges.high[row]), _mm256_set1_ps(ranges.shift[row]));
        let turn = |x| {
            let x = _mm256_min_ps(_mm256_max_ps(_mm256_mul_ps(x, inverse), low), high);
            _mm256_and_si256(_mm256_castps_si256(_mm256_add_ps(x, shift)), byte)
        };
        let mut place = row;
        let mut store = |first, second| {
            // Packing interleaves the halves of both; the permutation restores their order.
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(turn(first), turn(second)));
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            // SAFETY: a chunk has as many bytes as are stored.
            unsafe { _mm_storeu_si128(chunks[place].as_mut_ptr().cast(), bytes) };
            place += rows;
        };
        let (whole, rest) = values.as_chunks::<HALF>();
        let (pairs, half) = whole.as_chunks();
        for [first, second] in pairs {
            store(load256(first), load256(second));
        }
        match half {
            [first] => store(load256(first), rest256(rest)),
            _ if !rest.is_empty() => store(rest256(rest), _mm256_setzero_ps()),
            _ => {}
        }
    }
}

/// Values that a vector of 256 bits has.
const HALF: usize = LANES / 2;

#[target_feature(enable = "avx2")]
#[inline]
fn load256(values: &[f32; HALF]) -> __m256 {
    // SAFETY: there are as many values as are loaded.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

/// Fewer values, padded with zeros.
#[target_feature(enable = "avx2")]
#[inline]
fn rest256(values: &[f32]) -> __m256 {
    let count = _mm256_set1_epi32(values.len().min(HALF) as i32);
    let mask = _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    // SAFETY: only what the mask selects is read, and for that there are values.
    unsafe { _mm256_maskload_ps(values.as_ptr(), mask) }
}
