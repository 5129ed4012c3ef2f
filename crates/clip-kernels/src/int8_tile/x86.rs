//! The micro-kernels with vector instructions. All rely on what `check` asserts.

use std::arch::asm;
use std::arch::x86_64::*;

use super::operands::{Accumulators, CHUNK, FusedEpilogue, GROUP_SIZE, GROUPS_PER_CHUNK, Operands};

/// How many groups ahead the panel is fetched into the first-level cache.
const PREFETCH_DISTANCE: usize = 8;

/// Calls `add` for every group with its addresses: on the left side, in the first row, and in the panel, which has `step`
/// bytes per group. Always inlined, so that `add` is too, which uses instructions that this function is not compiled for.
#[inline(always)]
fn each_group<const ROWS: usize>(tile: Operands<'_>, step: usize, mut add: impl FnMut(*const u8, *const i8)) {
    let mut left = tile.left.as_ptr();
    let mut right = tile.panel.as_ptr();
    let mut next = |left: *const u8, groups: usize| {
        for group in 0..groups {
            add(left.wrapping_add(group * GROUP_SIZE), right);
            right = right.wrapping_add(step);
        }
    };
    for _ in 0..tile.groups / GROUPS_PER_CHUNK {
        next(left, GROUPS_PER_CHUNK);
        left = left.wrapping_add(ROWS * CHUNK);
    }
    next(left, tile.groups % GROUPS_PER_CHUNK);
}

/// `ROWS` x 32 sums.
#[target_feature(enable = "avx512f,avx512vnni")]
pub unsafe fn avx512_vnni<const ROWS: usize>(tile: Operands<'_>, out: &mut Accumulators) {
    // SAFETY: passed on.
    let sums = unsafe { avx512_vnni_sums::<ROWS>(tile) };
    for (out, sum) in out.0.as_chunks_mut::<16>().0.iter_mut().zip(sums.as_flattened()) {
        // SAFETY: there is room for as many as are stored.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), *sum) };
    }
}

/// `ROWS` x 32 results.
#[target_feature(enable = "avx512f,avx512vnni")]
pub unsafe fn avx512_vnni_fused<const ROWS: usize>(tile: Operands<'_>, to: &FusedEpilogue<'_>) {
    // SAFETY: passed on.
    let sums = unsafe { avx512_vnni_sums::<ROWS>(tile) };
    let (min, max) = (_mm512_set1_ps(to.bounds.0), _mm512_set1_ps(to.bounds.1));
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
        for (index, (sums, row)) in sums.iter().zip(to.rows).enumerate() {
            let x = _mm512_sub_epi32(sums[v], _mm512_mullo_epi32(_mm512_set1_epi32(row.zero_point), totals));
            let x = _mm512_mul_ps(_mm512_cvtepi32_ps(x), _mm512_mul_ps(_mm512_set1_ps(row.scale), scales));
            // In this order NaN is kept.
            let mut x = _mm512_min_ps(max, _mm512_max_ps(min, _mm512_add_ps(x, bias)));
            let at = index * to.stride + 16 * v;
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
unsafe fn avx512_vnni_sums<const ROWS: usize>(tile: Operands<'_>) -> [[__m512i; 2]; ROWS] {
    const VECTORS: usize = 2;
    const STEP: usize = 64;
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; ROWS];
    each_group::<ROWS>(tile, STEP * VECTORS, |left, right| {
        // SAFETY: the panel has `groups` times as many bytes as are read here.
        let columns: [__m512i; VECTORS] =
            std::array::from_fn(|v| unsafe { _mm512_loadu_si512(right.add(STEP * v).cast()) });
        // Prefetching past the end is harmless.
        _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(PREFETCH_DISTANCE * STEP * VECTORS));
        _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(PREFETCH_DISTANCE * STEP * VECTORS + STEP));
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: every chunk of the left side has `ROWS` times `CHUNK` bytes.
            let bytes = unsafe { left.add(row * CHUNK).cast::<i32>().read_unaligned() };
            let values = _mm512_set1_epi32(bytes);
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = _mm512_dpbusd_epi32(*sum, values, column);
            }
        }
    });
    sums
}

/// `ROWS` x 16 sums.
#[target_feature(enable = "avx2,avxvnni")]
pub unsafe fn avx_vnni<const ROWS: usize>(tile: Operands<'_>, out: &mut Accumulators) {
    // SAFETY: passed on.
    unsafe { store256(avx_vnni_sums::<ROWS, false>(tile), out) }
}

/// `ROWS` x 16 results, or x 8.
#[target_feature(enable = "avx2,avxvnni")]
pub unsafe fn avx_vnni_fused<const ROWS: usize>(tile: Operands<'_>, to: &FusedEpilogue<'_>) {
    // SAFETY: passed on.
    unsafe { fused256(avx_vnni_sums::<ROWS, false>(tile), to) }
}

/// `ROWS` x 16 sums.
#[target_feature(enable = "avx2")]
pub unsafe fn avx2<const ROWS: usize>(tile: Operands<'_>, out: &mut Accumulators) {
    // SAFETY: passed on.
    unsafe { store256(avx2_sums::<ROWS>(tile), out) }
}

/// `ROWS` x 16 results, or x 8.
#[target_feature(enable = "avx2")]
pub unsafe fn avx2_fused<const ROWS: usize>(tile: Operands<'_>, to: &FusedEpilogue<'_>) {
    // SAFETY: passed on.
    unsafe { fused256(avx2_sums::<ROWS>(tile), to) }
}

#[target_feature(enable = "avx2")]
#[inline]
unsafe fn store256<const ROWS: usize>(sums: [[__m256i; 2]; ROWS], out: &mut Accumulators) {
    for (out, sum) in out.0.as_chunks_mut::<8>().0.iter_mut().zip(sums.as_flattened()) {
        // SAFETY: there is room for as many as are stored.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), *sum) };
    }
}

#[target_feature(enable = "avx2")]
#[inline]
unsafe fn fused256<const ROWS: usize>(sums: [[__m256i; 2]; ROWS], to: &FusedEpilogue<'_>) {
    let (min, max) = (_mm256_set1_ps(to.bounds.0), _mm256_set1_ps(to.bounds.1));
    for v in 0..to.columns / 8 {
        // SAFETY: there are values for each column of the panel.
        let (scales, totals, bias) = unsafe {
            (
                _mm256_loadu_ps(to.scales.as_ptr().add(8 * v)),
                _mm256_loadu_si256(to.totals.as_ptr().add(8 * v).cast()),
                _mm256_loadu_ps(to.bias.as_ptr().add(8 * v)),
            )
        };
        for (index, (sums, row)) in sums.iter().zip(to.rows).enumerate() {
            let x = _mm256_sub_epi32(sums[v], _mm256_mullo_epi32(_mm256_set1_epi32(row.zero_point), totals));
            let x = _mm256_mul_ps(_mm256_cvtepi32_ps(x), _mm256_mul_ps(_mm256_set1_ps(row.scale), scales));
            // In this order NaN is kept.
            let mut x = _mm256_min_ps(max, _mm256_max_ps(min, _mm256_add_ps(x, bias)));
            let at = index * to.stride + 8 * v;
            if let Some(add) = to.add {
                // SAFETY: what is added has a value for each column that is stored.
                x = _mm256_add_ps(x, unsafe { _mm256_loadu_ps(add.wrapping_add(at)) });
            }
            // SAFETY: these columns of this row are the caller's.
            unsafe { _mm256_storeu_ps(to.out.wrapping_add(at), x) };
        }
    }
}

// Steps of the two loops below. They are in assembly because the compiler would load further ahead than there are registers
// for, and spill sums to the stack, which takes a quarter longer.

/// Adds to the sums of some rows what a group of their codes gives with the columns `$first` and `$second`.
macro_rules! add_dots {
    ($sums:ident, $left:ident, $first:ident, $second:ident, $template:literal, [$($row:literal)*]) => {$(
        if $row < ROWS {
            let [a, b] = &mut $sums[$row];
            // SAFETY: every chunk of the left side has `ROWS` times `CHUNK` bytes.
            unsafe {
                asm!(
                    $template,
                    codes = out(ymm_reg) _,
                    a = inout(ymm_reg) *a,
                    b = inout(ymm_reg) *b,
                    first = in(ymm_reg) $first,
                    second = in(ymm_reg) $second,
                    left = in(reg) $left,
                    offset = const $row * CHUNK,
                    options(readonly, nostack, preserves_flags),
                );
            }
        }
    )*};
}

/// The same with the columns at `$right`, in sums of pairs that become sums of groups by a product with `$ones`.
macro_rules! add_pairs {
    ($sums:ident, $left:ident, $right:ident, $ones:ident, [$($row:literal)*]) => {$(
        if $row < ROWS {
            let [a, b] = &mut $sums[$row];
            // SAFETY: every chunk of the left side has `ROWS` times `CHUNK` bytes, and the panel as many as are read here for
            // every group.
            unsafe {
                asm!(
                    "vpbroadcastd {codes}, dword ptr [{left} + {offset}]",
                    "vpmaddubsw {pairs}, {codes}, ymmword ptr [{right}]",
                    "vpmaddubsw {codes}, {codes}, ymmword ptr [{right} + 32]",
                    "vpmaddwd {pairs}, {pairs}, {ones}",
                    "vpmaddwd {codes}, {codes}, {ones}",
                    "vpaddd {a}, {a}, {pairs}",
                    "vpaddd {b}, {b}, {codes}",
                    codes = out(ymm_reg) _,
                    pairs = out(ymm_reg) _,
                    a = inout(ymm_reg) *a,
                    b = inout(ymm_reg) *b,
                    ones = in(ymm_reg) $ones,
                    left = in(reg) $left,
                    right = in(reg) $right,
                    offset = const $row * CHUNK,
                    options(readonly, nostack, preserves_flags),
                );
            }
        }
    )*};
}

/// Bytes of weights of a group for 16 columns.
const STEP256: usize = 64;

/// With AVX-VNNI, or with the same instructions of AVX-512, which differ only in their encoding.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn avx_vnni_sums<const ROWS: usize, const AVX512: bool>(tile: Operands<'_>) -> [[__m256i; 2]; ROWS] {
    let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
    each_group::<ROWS>(tile, STEP256, |left, right| {
        // Prefetching past the end is harmless.
        _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(PREFETCH_DISTANCE * STEP256));
        let (first, second): (__m256i, __m256i);
        // SAFETY: the panel has `groups` times as many bytes as are read here.
        unsafe {
            asm!(
                "vmovdqu {first}, ymmword ptr [{right}]",
                "vmovdqu {second}, ymmword ptr [{right} + 32]",
                first = out(ymm_reg) first,
                second = out(ymm_reg) second,
                right = in(reg) right,
                options(readonly, nostack, preserves_flags),
            );
        }
        if AVX512 {
            add_dots!(sums, left, first, second, "
                vpbroadcastd {codes}, dword ptr [{left} + {offset}]
                {{evex}} vpdpbusd {a}, {codes}, {first}
                {{evex}} vpdpbusd {b}, {codes}, {second}
            ", [0 1 2 3 4 5]);
        } else {
            add_dots!(sums, left, first, second, "
                vpbroadcastd {codes}, dword ptr [{left} + {offset}]
                {{vex}} vpdpbusd {a}, {codes}, {first}
                {{vex}} vpdpbusd {b}, {codes}, {second}
            ", [0 1 2 3 4 5]);
        }
    });
    sums
}

#[target_feature(enable = "avx2")]
#[inline]
unsafe fn avx2_sums<const ROWS: usize>(tile: Operands<'_>) -> [[__m256i; 2]; ROWS] {
    let ones = _mm256_set1_epi16(1);
    let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
    each_group::<ROWS>(tile, STEP256, |left, right| {
        // Prefetching past the end is harmless.
        _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(PREFETCH_DISTANCE * STEP256));
        add_pairs!(sums, left, right, ones, [0 1 2 3 4 5]);
    });
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::int8_tile::operands::MAX_PAIR_SUM;

    fn check<const ROWS: usize>(name: &str, max: i8, sums: unsafe fn(Operands<'_>) -> [[__m256i; 2]; ROWS]) {
        for groups in [1usize, 3, 4, 9, 30] {
            let mut state = groups as u32 + 1;
            let mut byte = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            let left: Vec<u8> =
                (0..groups.div_ceil(GROUPS_PER_CHUNK) * ROWS * CHUNK).map(|_| byte().max(200)).collect();
            let weight = |byte: u8| (byte as i8).clamp(-max, max);
            let panel: Vec<i8> = (0..groups * STEP256).map(|_| weight(byte())).collect();
            // SAFETY: the caller found the instructions, and the lengths are those of this many groups.
            let found = unsafe { sums(Operands { left: &left, panel: &panel, groups }) };
            for (row, found) in found.iter().enumerate() {
                // SAFETY: both are plain numbers.
                let found: [i32; 16] = unsafe { std::mem::transmute(*found) };
                for (column, found) in found.into_iter().enumerate() {
                    let product = |k: usize| {
                        let (group, within) = (k / GROUP_SIZE, k % GROUP_SIZE);
                        let code = left[(group / GROUPS_PER_CHUNK * ROWS + row) * CHUNK
                            + group % GROUPS_PER_CHUNK * GROUP_SIZE
                            + within];
                        i32::from(code) * i32::from(panel[group * STEP256 + column * GROUP_SIZE + within])
                    };
                    assert_eq!(found, (0..groups * GROUP_SIZE).map(product).sum::<i32>(), "{name}, {ROWS} rows");
                }
            }
        }
    }

    macro_rules! check_rows {
        ($name:literal, $max:expr, $sums:ident $(, $more:tt)?) => {
            check::<1>($name, $max, $sums::<1 $(, $more)?>);
            check::<2>($name, $max, $sums::<2 $(, $more)?>);
            check::<3>($name, $max, $sums::<3 $(, $more)?>);
            check::<4>($name, $max, $sums::<4 $(, $more)?>);
            check::<5>($name, $max, $sums::<5 $(, $more)?>);
            check::<6>($name, $max, $sums::<6 $(, $more)?>);
        };
    }

    /// Few processors have AVX-VNNI; more have its instructions in AVX-512's form.
    #[test]
    fn all_forms_give_the_sums() {
        if is_x86_feature_detected!("avx2") {
            check_rows!("AVX2", (MAX_PAIR_SUM / 2) as i8, avx2_sums);
        }
        if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl") {
            check_rows!("AVX-512 VNNI of 256 bits", i8::MAX, avx_vnni_sums, true);
        }
        if is_x86_feature_detected!("avxvnni") {
            check_rows!("AVX-VNNI", i8::MAX, avx_vnni_sums, false);
        }
    }
}
