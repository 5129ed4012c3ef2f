//! The innermost loop of products of small integers: a tile of sums in registers.
//!
//! A tile's left side is a few rows of unsigned bytes, its right side a panel of columns of signed bytes; both are laid
//! out by groups of positions of the depth, which the processor multiplies and adds up at once.

use crate::Isa;
use crate::kernels::{MOST_COLUMNS, MOST_ROWS};
#[cfg(target_arch = "aarch64")]
use arm::neon;
#[cfg(target_arch = "x86_64")]
use x86::{avx2, vnni};

/// Largest size of a weight: what a byte with a sign holds in both directions.
pub const MOST_WEIGHT: i8 = 127;

/// How sums are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dots {
    /// By AVX-512's instruction for just this.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    Vnni,
    /// By AVX2.
    Avx2,
    /// By Arm's instruction for the same, whose left side has signs as well.
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    Neon,
    /// In plain Rust.
    Portable,
}

impl Dots {
    /// The best way within an instruction set.
    pub fn of(isa: Isa) -> Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 if is_x86_feature_detected!("avx512vnni") => Self::Vnni,
            Isa::Avx512 | Isa::Avx2 => Self::Avx2,
            Isa::Neon => Self::Neon,
            Isa::Portable => Self::Portable,
        }
    }

    /// Positions of the depth that lie side by side.
    pub fn group(self) -> usize {
        match self {
            Self::Vnni | Self::Neon => 4,
            Self::Avx2 => 2,
            Self::Portable => 1,
        }
    }

    /// Bytes that a group takes on the left side. AVX2 has an instruction for unsigned bytes, but it sums up in 16 bits, in
    /// which two products with weights of eight bits have no room; so it gets 16-bit integers.
    pub fn left_bytes(self) -> usize {
        match self {
            Self::Vnni | Self::Neon | Self::Avx2 => 4,
            Self::Portable => 1,
        }
    }

    /// What codes of the left side, 0 to 255, are stored less of.
    pub fn offset(self) -> u8 {
        if self == Self::Neon { 128 } else { 0 }
    }

    /// Columns of a panel.
    pub fn panel(self) -> usize {
        match self {
            Self::Vnni => 32,
            Self::Avx2 | Self::Neon | Self::Portable => 16,
        }
    }

    /// Rows of a full tile.
    pub fn rows(self) -> usize {
        match self {
            Self::Vnni => 14,
            Self::Avx2 | Self::Neon => 6,
            Self::Portable => 4,
        }
    }
}

/// What a tile is computed from.
#[derive(Clone, Copy)]
pub struct Tile<'a> {
    /// `[groups, rows, group]`, [`Dots::left_bytes`] a group.
    pub left: &'a [u8],
    /// `[groups, columns, group]`, none larger than [`MOST_WEIGHT`].
    pub panel: &'a [i8],
    /// Length of the sums in groups.
    pub groups: usize,
}

/// Sums of a tile, row by row without gaps.
#[repr(align(64))]
pub struct Sums(pub [i32; MOST_ROWS * MOST_COLUMNS]);

macro_rules! by_rows {
    ($rows:expr, $tile:expr, $sums:expr, $kernel:ident, [$($count:literal)*]) => {
        match $rows {
            $($count => $kernel::<$count>($tile, $sums),)*
            rows => unreachable!("no tile has {rows} rows"),
        }
    };
}

/// The sums of `rows` rows (at most [`Dots::rows`]) with each of a panel's columns.
pub fn multiply(dots: Dots, rows: usize, tile: Tile<'_>, sums: &mut Sums) {
    // What the kernels rely on.
    assert!(rows > 0 && rows <= dots.rows());
    assert!(tile.panel.len() >= tile.groups * dots.panel() * dots.group());
    assert!(tile.left.len() >= tile.groups * rows * dots.left_bytes());
    match dots {
        // SAFETY: `Dots::of` found VNNI, and AVX-512F with it; lengths were checked above.
        #[cfg(target_arch = "x86_64")]
        Dots::Vnni => unsafe { by_rows!(rows, tile, sums, vnni, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]) },
        // SAFETY: the same with AVX2.
        #[cfg(target_arch = "x86_64")]
        Dots::Avx2 => unsafe { by_rows!(rows, tile, sums, avx2, [1 2 3 4 5 6]) },
        // SAFETY: the same with the dot products of `Isa::Neon`.
        #[cfg(target_arch = "aarch64")]
        Dots::Neon => unsafe { by_rows!(rows, tile, sums, neon, [1 2 3 4 5 6]) },
        _ => by_rows!(rows, tile, sums, portable, [1 2 3 4]),
    }
}

fn portable<const ROWS: usize>(tile: Tile<'_>, out: &mut Sums) {
    const COLUMNS: usize = 16;
    let mut sums = [[0i32; COLUMNS]; ROWS];
    let (left, right) = (tile.left.as_chunks::<ROWS>().0, tile.panel.as_chunks::<COLUMNS>().0);
    for (left, right) in left.iter().zip(right).take(tile.groups) {
        for (sums, left) in sums.iter_mut().zip(left) {
            for (sum, right) in sums.iter_mut().zip(right) {
                // A product fits 16 bits, of which twice as many are multiplied at a time.
                *sum += i32::from(i16::from(*left) * i16::from(*right));
            }
        }
    }
    for (out, sums) in out.0.chunks_exact_mut(COLUMNS).zip(&sums) {
        out.copy_from_slice(sums);
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    //! The same with vector instructions, which need what `multiply` checks.

    use std::arch::aarch64::*;
    use std::arch::asm;

    use super::{Sums, Tile};

    /// `ROWS` x 16 sums.
    #[target_feature(enable = "neon,dotprod")]
    pub unsafe fn neon<const ROWS: usize>(tile: Tile<'_>, out: &mut Sums) {
        const VECTORS: usize = 4;
        const STEP: usize = 16;
        const GROUP: usize = 4;
        let mut sums = [[vdupq_n_s32(0); VECTORS]; ROWS];
        let mut right = tile.panel.as_ptr();
        let mut left = tile.left.as_ptr();
        for _ in 0..tile.groups {
            // SAFETY: the panel has `groups` times as many bytes as are read here.
            let columns: [int8x16_t; VECTORS] = std::array::from_fn(|v| unsafe { vld1q_s8(right.add(STEP * v)) });
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: every group of the left side has `ROWS` times `GROUP` bytes.
                let bytes = unsafe { left.add(row * GROUP).cast::<i32>().read_unaligned() };
                let values = vreinterpretq_s8_s32(vdupq_n_s32(bytes));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = dot(*sum, values, column);
                }
            }
            right = right.wrapping_add(STEP * VECTORS);
            left = left.wrapping_add(ROWS * GROUP);
        }
        let out = out.0.as_mut_ptr();
        for (row, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                // SAFETY: `Sums` has room for the largest tile.
                unsafe { vst1q_s32(out.add((row * VECTORS + v) * 4), *sum) };
            }
        }
    }

    /// Adds the sums of four products each. The compiler's own name for it is not stable yet.
    #[target_feature(enable = "neon,dotprod")]
    #[inline]
    fn dot(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
        // SAFETY: the instruction touches these registers alone, and is one of the enabled features.
        unsafe {
            asm!(
                "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
                sum = inout(vreg) sum,
                a = in(vreg) a,
                b = in(vreg) b,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sum
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The same with vector instructions. All need what `multiply` checks.

    use std::arch::x86_64::*;

    use super::{Sums, Tile};

    /// As `Dots::left_bytes` has it.
    const GROUP: usize = 4;

    /// How many groups ahead the panel is fetched into the first-level cache.
    const AHEAD: usize = 8;

    /// `ROWS` x 32 sums.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub unsafe fn vnni<const ROWS: usize>(tile: Tile<'_>, out: &mut Sums) {
        const VECTORS: usize = 2;
        const STEP: usize = 64;
        let mut sums = [[_mm512_setzero_si512(); VECTORS]; ROWS];
        let mut right = tile.panel.as_ptr();
        let mut left = tile.left.as_ptr();
        for _ in 0..tile.groups {
            // SAFETY: the panel has `groups` times as many bytes as are read here.
            let columns: [__m512i; VECTORS] =
                std::array::from_fn(|v| unsafe { _mm512_loadu_si512(right.add(STEP * v).cast()) });
            // Prefetching past the end is harmless.
            _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(AHEAD * STEP * VECTORS));
            _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(AHEAD * STEP * VECTORS + STEP));
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: every group of the left side has `ROWS` times `GROUP` bytes.
                let bytes = unsafe { left.add(row * GROUP).cast::<i32>().read_unaligned() };
                let values = _mm512_set1_epi32(bytes);
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm512_dpbusd_epi32(*sum, values, column);
                }
            }
            right = right.wrapping_add(STEP * VECTORS);
            left = left.wrapping_add(ROWS * GROUP);
        }
        let out = out.0.as_mut_ptr();
        for (row, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                // SAFETY: `Sums` has room for the largest tile.
                unsafe { _mm512_storeu_si512(out.add((row * VECTORS + v) * 16).cast(), *sum) };
            }
        }
    }

    /// `ROWS` x 16 sums.
    #[target_feature(enable = "avx2")]
    pub unsafe fn avx2<const ROWS: usize>(tile: Tile<'_>, out: &mut Sums) {
        const VECTORS: usize = 2;
        /// Bytes of weights for a vector of eight columns.
        const STEP: usize = 16;
        let mut sums = [[_mm256_setzero_si256(); VECTORS]; ROWS];
        let mut right = tile.panel.as_ptr();
        let mut left = tile.left.as_ptr();
        for _ in 0..tile.groups {
            // SAFETY: the panel has `groups` times as many bytes as are read here.
            let columns: [__m256i; VECTORS] =
                std::array::from_fn(|v| unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(right.add(STEP * v).cast())) });
            // Prefetching past the end is harmless.
            _mm_prefetch::<_MM_HINT_T0>(right.wrapping_add(2 * AHEAD * STEP * VECTORS));
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: every group of the left side has `ROWS` times `GROUP` bytes.
                let pair = unsafe { left.add(row * GROUP).cast::<i32>().read_unaligned() };
                let values = _mm256_set1_epi32(pair);
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(values, column));
                }
            }
            right = right.wrapping_add(STEP * VECTORS);
            left = left.wrapping_add(ROWS * GROUP);
        }
        let out = out.0.as_mut_ptr();
        for (row, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                // SAFETY: `Sums` has room for the largest tile.
                unsafe { _mm256_storeu_si256(out.add((row * VECTORS + v) * 8).cast(), *sum) };
            }
        }
    }
}
