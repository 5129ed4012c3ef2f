//! With vector instructions. Callers have checked that both sides are equally long.

use std::arch::x86_64::*;

use super::portable;

/// Turns a signed byte into an unsigned one that is greater by 128.
const SIGN: i8 = i8::MIN;

/// The sum of products, plus 128 times the sum of the query's codes.
///
/// # Safety
/// `row` must be as long as `query`, a multiple of 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub unsafe fn avx512_vnni(query: &[i8], row: &[i8]) -> i32 {
    let sign = _mm512_set1_epi8(SIGN);
    let mut sums = [_mm512_setzero_si512(); 2];
    let step = |sum: __m512i, at: usize| {
        // SAFETY: 64 codes from here on are within both slices.
        let (query, row) = unsafe {
            (
                _mm512_loadu_si512(query.as_ptr().wrapping_add(at).cast()),
                _mm512_loadu_si512(row.as_ptr().wrapping_add(at).cast()),
            )
        };
        _mm512_dpbusd_epi32(sum, _mm512_xor_si512(row, sign), query)
    };
    let mut at = 0;
    while at + 128 <= query.len() {
        sums = [step(sums[0], at), step(sums[1], at + 64)];
        at += 128;
    }
    if at < query.len() {
        sums[0] = step(sums[0], at);
    }
    _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]))
}

/// The sums for rows that follow each other, four at a time: adding up the lanes of four vectors together takes hardly
/// longer than those of one.
///
/// # Safety
/// `query` must be a multiple of 64 long and not empty, `rows` as long as there are sums times that.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub unsafe fn avx512_vnni_rows(query: &[i8], offset: i32, rows: &[i8], out: &mut [i32]) {
    let len = query.len();
    let sign = _mm512_set1_epi8(SIGN);
    let (fours, rest) = out.as_chunks_mut::<4>();
    let mut row = rows.as_ptr();
    for out in &mut *fours {
        let mut sums = [_mm512_setzero_si512(); 4];
        // One row after the other, in the order of memory: read side by side, four rows are a pattern that the processor's
        // prefetcher does not follow, and a scan takes half as long again. Fetching ahead makes up for little of that.
        for (index, sum) in sums.iter_mut().enumerate() {
            for at in (0..len).step_by(64) {
                // SAFETY: 64 codes from here on are within the query and within each of the four rows.
                unsafe {
                    let query = _mm512_loadu_si512(query.as_ptr().wrapping_add(at).cast());
                    let codes = _mm512_loadu_si512(row.wrapping_add(index * len + at).cast());
                    *sum = _mm512_dpbusd_epi32(*sum, _mm512_xor_si512(codes, sign), query);
                }
            }
        }
        let [a, b, c, d] = sums;
        // Pairs of lanes of two vectors, then of four.
        let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        let sums = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
        let sums = _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64::<1>(sums));
        let sums = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        // SAFETY: four numbers have this size.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), _mm_sub_epi32(sums, _mm_set1_epi32(offset))) };
        row = row.wrapping_add(4 * len);
    }
    let done = 4 * fours.len() * len;
    for (row, out) in rows[done..].chunks_exact(len).zip(rest) {
        // SAFETY: passed on.
        *out = unsafe { avx512_vnni(query, row) } - offset;
    }
}

/// The sum of products, plus 128 times the sum of the query's codes.
///
/// # Safety
/// `row` must be as long as `query`, a multiple of 64.
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
pub unsafe fn avx_vnni(query: &[i8], row: &[i8]) -> i32 {
    let sign = _mm256_set1_epi8(SIGN);
    let mut sums = [_mm256_setzero_si256(); 2];
    for at in (0..query.len()).step_by(64) {
        for (half, sum) in sums.iter_mut().enumerate() {
            // SAFETY: 64 codes from `at` on are within both slices.
            let (query, row) = unsafe { (load(query, at + 32 * half), load(row, at + 32 * half)) };
            *sum = _mm256_dpbusd_avx_epi32(*sum, _mm256_xor_si256(row, sign), query);
        }
    }
    add_up(_mm256_add_epi32(sums[0], sums[1]))
}

/// The sum of products. `absolute` are the absolute values of the query's codes.
///
/// # Safety
/// All must be equally long, a multiple of 64.
#[inline]
#[target_feature(enable = "avx2")]
pub unsafe fn avx2(query: &[i8], absolute: &[i8], row: &[i8]) -> i32 {
    let ones = _mm256_set1_epi16(1);
    let mut sums = [_mm256_setzero_si256(); 2];
    for at in (0..query.len()).step_by(64) {
        for (half, sum) in sums.iter_mut().enumerate() {
            let at = at + 32 * half;
            // SAFETY: 64 codes from the outer `at` on are within all three slices.
            let (query, absolute, row) = unsafe { (load(query, at), load(absolute, at), load(row, at)) };
            // |q| · (row with q's sign): pairs of these are at most 2 · 127 · 128, which fits into 16 bits.
            let pairs = _mm256_maddubs_epi16(absolute, _mm256_sign_epi8(row, query));
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
        }
    }
    add_up(_mm256_add_epi32(sums[0], sums[1]))
}

/// # Safety
/// 32 codes from `at` on must be within the slice.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(codes: &[i8], at: usize) -> __m256i {
    // SAFETY: passed on.
    unsafe { _mm256_loadu_si256(codes.as_ptr().wrapping_add(at).cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn add_up(sums: __m256i) -> i32 {
    let sums = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    let sums = _mm_add_epi32(sums, _mm_shuffle_epi32::<0b01_00_11_10>(sums));
    let sums = _mm_add_epi32(sums, _mm_shuffle_epi32::<0b00_00_00_01>(sums));
    _mm_cvtsi128_si32(sums)
}

#[target_feature(enable = "avx512f")]
pub fn avx512_f32(a: &[f32], b: &[f32]) -> f32 {
    portable::dot_f32::<true>(a, b)
}

#[target_feature(enable = "avx2,fma")]
pub fn avx2_f32(a: &[f32], b: &[f32]) -> f32 {
    portable::dot_f32::<true>(a, b)
}

/// # Safety
/// `row` must be as long as `query`.
#[target_feature(enable = "avx512f,avx512vl,avx512bw")]
pub unsafe fn avx512_f16(query: &[f32], row: &[u16]) -> f32 {
    let mut sums = [_mm512_setzero_ps(); 2];
    let mut at = 0;
    // SAFETY: 16 numbers from `at` on are within both slices.
    let step = |sum: __m512, at: usize| unsafe {
        let row = _mm256_loadu_si256(row.as_ptr().wrapping_add(at).cast());
        _mm512_fmadd_ps(_mm512_loadu_ps(query.as_ptr().wrapping_add(at)), _mm512_cvtph_ps(row), sum)
    };
    while at + 32 <= query.len() {
        sums = [step(sums[0], at), step(sums[1], at + 16)];
        at += 32;
    }
    while at < query.len() {
        let left = (query.len() - at).min(16);
        let mask = 0xffff >> (16 - left);
        // SAFETY: only the `left` numbers from `at` on are read.
        unsafe {
            let row = _mm256_maskz_loadu_epi16(mask, row.as_ptr().wrapping_add(at).cast());
            let query = _mm512_maskz_loadu_ps(mask, query.as_ptr().wrapping_add(at));
            sums[0] = _mm512_fmadd_ps(query, _mm512_cvtph_ps(row), sums[0]);
        }
        at += left;
    }
    _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]))
}

/// # Safety
/// `row` must be as long as `query`.
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn avx2_f16(query: &[f32], row: &[u16]) -> f32 {
    let mut sums = [_mm256_setzero_ps(); 4];
    let (query_chunks, query_rest) = query.as_chunks::<32>();
    let (row_chunks, row_rest) = row.as_chunks::<32>();
    for (query, row) in query_chunks.iter().zip(row_chunks) {
        for (index, sum) in sums.iter_mut().enumerate() {
            // SAFETY: eight numbers at each of the four places are within the chunks.
            unsafe {
                let row = _mm_loadu_si128(row.as_ptr().wrapping_add(8 * index).cast());
                let query = _mm256_loadu_ps(query.as_ptr().wrapping_add(8 * index));
                *sum = _mm256_fmadd_ps(query, _mm256_cvtph_ps(row), *sum);
            }
        }
    }
    let sums = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
    let sums = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps::<1>(sums));
    let sums = _mm_add_ps(sums, _mm_movehl_ps(sums, sums));
    let sum = _mm_cvtss_f32(_mm_add_ss(sums, _mm_shuffle_ps::<1>(sums, sums)));
    sum + portable::dot_f16(query_rest, row_rest)
}
