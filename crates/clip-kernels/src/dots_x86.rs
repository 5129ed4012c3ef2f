//! Products of small integers with vector instructions. All need what `dots` checks.

use std::arch::x86_64::*;

use crate::dots::{CHUNK, GROUP, GROUPS, Results, Sums, Tile};

/// How many groups ahead the panel is fetched into the first-level cache.
const AHEAD: usize = 8;

/// `ROWS` x 32 sums.
#[target_feature(enable = "avx512f,avx512vnni")]
pub unsafe fn vnni<const ROWS: usize>(tile: Tile<'_>, out: &mut Sums) {
    // SAFETY: passed on.
    let sums = unsafe { vnni_sums::<ROWS>(tile) };
    for (out, sum) in out.0.as_chunks_mut::<16>().0.iter_mut().zip(sums.as_flattened()) {
        // SAFETY: there is room for as many as are stored.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), *sum) };
    }
}

/// `ROWS` x 32 results.
#[target_feature(enable = "avx512f,avx512vnni")]
pub unsafe fn vnni_results<const ROWS: usize>(tile: Tile<'_>, to: &Results<'_>) {
    // SAFETY: passed on.
    let sums = unsafe { vnni_sums::<ROWS>(tile) };
    let (least, most) = (_mm512_set1_ps(to.bounds.0), _mm512_set1_ps(to.bounds.1));
    for v in 0..2 {
        let columns = to.columns.saturating_sub(16 * v).min(16);
        if columns == 0 {
            break;
        }
        let mask = 0xffff >> (16 - columns);
        // SAFETY: there are values for each column of the panel.
        let (scales, totals, bias) = unsafe {
            (
                _mm512_loadu_ps(to.scales.as_ptr().add(16 * v)),
                _mm512_loadu_si512(to.totals.as_ptr().add(16 * v).cast()),
                _mm512_loadu_ps(to.bias.as_ptr().add(16 * v)),
            )
        };
        for (row, (sums, map)) in sums.iter().zip(to.rows).enumerate() {
            let x = _mm512_sub_epi32(sums[v], _mm512_mullo_epi32(_mm512_set1_epi32(map.zero), totals));
            let x = _mm512_mul_ps(_mm512_cvtepi32_ps(x), _mm512_mul_ps(_mm512_set1_ps(map.scale), scales));
            // In this order NaN stays.
            let mut x = _mm512_min_ps(most, _mm512_max_ps(least, _mm512_add_ps(x, bias)));
            let at = row * to.stride + 16 * v;
            if let Some(add) = to.add {
                // SAFETY: what is added has a value for each column that is stored.
                x = _mm512_add_ps(x, unsafe { _mm512_maskz_loadu_ps(mask, add.wrapping_add(at)) });
            }
            let out = to.out.wrapping_add(at);
            // SAFETY: these columns of this row are the caller's.
            unsafe {
                match columns {
                    16 => _mm512_storeu_ps(out, x),
                    _ => _mm512_mask_storeu_ps(out, mask, x),
                }
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
unsafe fn vnni_sums<const ROWS: usize>(tile: Tile<'_>) -> [[__m512i; 2]; ROWS] {
    const VECTORS: usize = 2;
    const STEP: usize = 64;
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; ROWS];
    let mut right = tile.panel.as_ptr();
    let mut left = tile.left.as_ptr();
    let mut add = |left: *const u8| {
        // SAFETY: the panel has `groups` times as many bytes as are read here.
        let columns: [__m512i; VECTORS] =
            std::array::from_fn(|v| unsafe { _mm512_loadu_si512(right.add(STEP * v).cast()) });
        // Prefetching past the end is harmless.
        _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(AHEAD * STEP * VECTORS));
        _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(AHEAD * STEP * VECTORS + STEP));
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: every chunk of the left side has `ROWS` times `CHUNK` bytes.
            let bytes = unsafe { left.add(row * CHUNK).cast::<i32>().read_unaligned() };
            let values = _mm512_set1_epi32(bytes);
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = _mm512_dpbusd_epi32(*sum, values, column);
            }
        }
        right = right.wrapping_add(STEP * VECTORS);
    };
    for _ in 0..tile.groups / GROUPS {
        for group in 0..GROUPS {
            add(left.wrapping_add(group * GROUP));
        }
        left = left.wrapping_add(ROWS * CHUNK);
    }
    for group in 0..tile.groups % GROUPS {
        add(left.wrapping_add(group * GROUP));
    }
    sums
}

/// `ROWS` x 16 sums.
#[target_feature(enable = "avx2")]
pub unsafe fn avx2<const ROWS: usize>(tile: Tile<'_>, out: &mut Sums) {
    // SAFETY: passed on.
    let sums = unsafe { avx2_sums::<ROWS>(tile) };
    for (out, sum) in out.0.as_chunks_mut::<8>().0.iter_mut().zip(sums.as_flattened()) {
        // SAFETY: there is room for as many as are stored.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), *sum) };
    }
}

/// `ROWS` x 16 results, or x 8.
#[target_feature(enable = "avx2")]
pub unsafe fn avx2_results<const ROWS: usize>(tile: Tile<'_>, to: &Results<'_>) {
    // SAFETY: passed on.
    let sums = unsafe { avx2_sums::<ROWS>(tile) };
    let (least, most) = (_mm256_set1_ps(to.bounds.0), _mm256_set1_ps(to.bounds.1));
    for v in 0..to.columns / 8 {
        // SAFETY: there are values for each column of the panel.
        let (scales, totals, bias) = unsafe {
            (
                _mm256_loadu_ps(to.scales.as_ptr().add(8 * v)),
                _mm256_loadu_si256(to.totals.as_ptr().add(8 * v).cast()),
                _mm256_loadu_ps(to.bias.as_ptr().add(8 * v)),
            )
        };
        for (row, (sums, map)) in sums.iter().zip(to.rows).enumerate() {
            let x = _mm256_sub_epi32(sums[v], _mm256_mullo_epi32(_mm256_set1_epi32(map.zero), totals));
            let x = _mm256_mul_ps(_mm256_cvtepi32_ps(x), _mm256_mul_ps(_mm256_set1_ps(map.scale), scales));
            // In this order NaN stays.
            let mut x = _mm256_min_ps(most, _mm256_max_ps(least, _mm256_add_ps(x, bias)));
            let at = row * to.stride + 8 * v;
            if let Some(add) = to.add {
                // SAFETY: what is added has a value for each column that is stored.
                x = _mm256_add_ps(x, unsafe { _mm256_loadu_ps(add.wrapping_add(at)) });
            }
            // SAFETY: these columns of this row are the caller's.
            unsafe { _mm256_storeu_ps(to.out.wrapping_add(at), x) };
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
unsafe fn avx2_sums<const ROWS: usize>(tile: Tile<'_>) -> [[__m256i; 2]; ROWS] {
    const VECTORS: usize = 2;
    /// Bytes of weights for a vector of eight columns.
    const STEP: usize = 16;
    let mut sums = [[_mm256_setzero_si256(); VECTORS]; ROWS];
    let mut right = tile.panel.as_ptr();
    let mut left = tile.left.as_ptr();
    let mut add = |left: *const u8| {
        // SAFETY: the panel has `groups` times as many bytes as are read here.
        let columns: [__m256i; VECTORS] =
            std::array::from_fn(|v| unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(right.add(STEP * v).cast())) });
        // Prefetching past the end is harmless.
        _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(2 * AHEAD * STEP * VECTORS));
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: every chunk of the left side has `ROWS` times `CHUNK` bytes.
            let pair = unsafe { left.add(row * CHUNK).cast::<i32>().read_unaligned() };
            let values = _mm256_set1_epi32(pair);
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(values, column));
            }
        }
        right = right.wrapping_add(STEP * VECTORS);
    };
    for _ in 0..tile.groups / GROUPS {
        for group in 0..GROUPS {
            add(left.wrapping_add(group * GROUP));
        }
        left = left.wrapping_add(ROWS * CHUNK);
    }
    for group in 0..tile.groups % GROUPS {
        add(left.wrapping_add(group * GROUP));
    }
    sums
}
