//! The innermost loop of products of small integers: a tile of sums in registers.
//!
//! A tile's left side is a few rows of unsigned bytes, its right side a panel of columns of signed bytes, laid out by groups
//! of positions of the depth, which the processor multiplies and adds up at once.

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
use self::x86::{avx2, avx2_results, vnni, vnni_results, vnni256, vnni256_results};
use crate::Isa;
use crate::f32_tile::{MOST_COLUMNS, MOST_ROWS};
use crate::isa::Instructions;
#[cfg(target_arch = "aarch64")]
use crate::isa::NeonDotProduct;
#[cfg(target_arch = "x86_64")]
use crate::isa::{Avx2, Avx512Vnni, AvxVnni};
use crate::quantise::Map;
use crate::shape::volume;
#[cfg(target_arch = "aarch64")]
use arm::neon;

/// Largest size of a weight: what a byte with a sign holds in both directions.
pub const MOST_WEIGHT: i8 = 127;
/// Most that two weights of the same sign may add up to where [`Dots::adds_pairs`].
pub const MOST_PAIR: i16 = 128;
// The largest code times that has room in 16 bits.
const _: () = assert!(255 * MOST_PAIR as i32 <= i16::MAX as i32);

/// How sums are computed. All but the last hold a proof of their instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dots {
    /// By AVX-512's instruction for just this.
    #[cfg(target_arch = "x86_64")]
    Vnni(Avx512Vnni),
    /// By the same in half as long vectors, which processors without AVX-512 have.
    #[cfg(target_arch = "x86_64")]
    Vnni256(AvxVnni),
    /// By AVX2, whose instruction adds up pairs in 16 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// By Arm's instruction for the same, whose left side has signs as well.
    #[cfg(target_arch = "aarch64")]
    Neon(NeonDotProduct),
    /// In plain Rust.
    Portable,
}

impl Dots {
    /// The best way within an instruction set.
    pub fn of(isa: Isa) -> Self {
        match isa.instructions() {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512(proof) => {
                Avx512Vnni::detect().map_or_else(|| Self::of_256_bits(proof.avx2()), Self::Vnni)
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2(proof) => Self::of_256_bits(proof),
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon(proof) => Self::Neon(proof),
            Instructions::Portable => Self::Portable,
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn of_256_bits(proof: Avx2) -> Self {
        AvxVnni::detect().map_or(Self::Avx2(proof), Self::Vnni256)
    }

    /// Positions of the depth that lie side by side.
    pub fn group(self) -> usize {
        if matches!(self, Self::Portable) { 1 } else { GROUP }
    }

    /// Whether the products of two neighbours are added up in 16 bits. These have no room for two of 8 bits each, so that the
    /// weights must be smaller: see [`MOST_PAIR`]. To give them 16 bits instead takes half as long again.
    pub fn adds_pairs(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => true,
            _ => false,
        }
    }

    /// What codes of the left side, 0 to 255, are stored less of.
    pub fn offset(self) -> u8 {
        match self {
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => 128,
            _ => 0,
        }
    }

    /// Columns of a panel.
    pub fn panel(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni(_) => 32,
            _ => 16,
        }
    }

    /// Rows of a full tile.
    pub fn rows(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni(_) => 14,
            Self::Portable => 4,
            #[allow(unreachable_patterns)]
            _ => 6,
        }
    }
}

/// Bytes of a row that lie in one piece on the left side: what one instruction stores of it.
pub const CHUNK: usize = 16;
/// Bytes of a group there, where groups are of more than one position.
pub const GROUP: usize = 4;
/// Such groups of a chunk.
pub const GROUPS: usize = CHUNK / GROUP;

/// What a tile is computed from.
#[derive(Clone, Copy)]
pub struct Tile<'a> {
    /// `[chunks, rows, chunk]`.
    pub left: &'a [u8],
    /// `[groups, columns, group]`, none larger than [`MOST_WEIGHT`] and [`MOST_PAIR`] allow.
    pub panel: &'a [i8],
    /// Length of the sums in groups.
    pub groups: usize,
}

/// Sums of a tile, row by row without gaps.
#[repr(align(64))]
pub struct Sums(pub [i32; MOST_ROWS * MOST_COLUMNS]);

/// What becomes of sums, and where they go, where both are simple enough to be done before they leave the registers.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub struct Results<'a> {
    /// How each row's codes stand for numbers.
    pub rows: &'a [Map],
    /// A factor for each of the panel's columns.
    pub scales: &'a [f32],
    /// The sum of each column's weights.
    pub totals: &'a [i32],
    /// Added to the numbers.
    pub bias: &'a [f32],
    /// Least and most of the results.
    pub bounds: (f32, f32),
    /// Added last, from here on as `out` lies.
    pub add: Option<*const f32>,
    /// Where the first row's results begin.
    pub out: *mut f32,
    /// Values between the starts of two rows.
    pub stride: usize,
    /// Columns that are stored.
    pub columns: usize,
}

macro_rules! by_rows {
    ($rows:expr, $tile:expr, $to:expr, $kernel:ident, [$($count:literal)*]) => {
        match $rows {
            $($count => $kernel::<$count>($tile, $to),)*
            rows => unreachable!("no tile has {rows} rows"),
        }
    };
}

/// What the kernels rely on.
fn check(dots: Dots, rows: usize, tile: Tile<'_>) {
    assert!(rows > 0 && rows <= dots.rows());
    assert!(tile.panel.len() >= volume([tile.groups, dots.panel(), dots.group()]));
    assert!(tile.left.len() >= volume([volume([tile.groups, dots.group()]).div_ceil(CHUNK), rows, CHUNK]));
}

/// The sums of `rows` rows (at most [`Dots::rows`]) with each of a panel's columns.
pub fn multiply(dots: Dots, rows: usize, tile: Tile<'_>, sums: &mut Sums) {
    check(dots, rows, tile);
    match dots {
        // SAFETY: the variant proves VNNI, and AVX-512F with it; lengths were checked above.
        #[cfg(target_arch = "x86_64")]
        Dots::Vnni(_) => unsafe { by_rows!(rows, tile, sums, vnni, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]) },
        // SAFETY: the same with AVX-VNNI, which comes with AVX2.
        #[cfg(target_arch = "x86_64")]
        Dots::Vnni256(_) => unsafe { by_rows!(rows, tile, sums, vnni256, [1 2 3 4 5 6]) },
        // SAFETY: the same with AVX2.
        #[cfg(target_arch = "x86_64")]
        Dots::Avx2(_) => unsafe { by_rows!(rows, tile, sums, avx2, [1 2 3 4 5 6]) },
        // SAFETY: the same with NEON's dot products.
        #[cfg(target_arch = "aarch64")]
        Dots::Neon(_) => unsafe { by_rows!(rows, tile, sums, neon, [1 2 3 4 5 6]) },
        _ => by_rows!(rows, tile, sums, portable, [1 2 3 4]),
    }
}

/// [`multiply`], and what becomes of the sums. Says whether it was done: not every instruction set can.
///
/// # Safety
/// `to` has a row for each row of the tile; no one else may use these columns of them, and what is added has them too.
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
pub unsafe fn multiply_to(dots: Dots, rows: usize, tile: Tile<'_>, to: &Results<'_>) -> bool {
    check(dots, rows, tile);
    let panel = dots.panel();
    assert!(to.columns <= panel && to.rows.len() >= rows);
    assert!([to.scales.len(), to.totals.len(), to.bias.len()].iter().all(|values| *values >= panel));
    match dots {
        #[cfg(target_arch = "x86_64")]
        Dots::Vnni(_) => {
            // SAFETY: the variant proves VNNI, and AVX-512F with it; lengths were checked above.
            unsafe { by_rows!(rows, tile, to, vnni_results, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]) }
            true
        }
        #[cfg(target_arch = "x86_64")]
        Dots::Vnni256(_) if to.columns.is_multiple_of(8) => {
            // SAFETY: the same with AVX-VNNI, which comes with AVX2.
            unsafe { by_rows!(rows, tile, to, vnni256_results, [1 2 3 4 5 6]) }
            true
        }
        #[cfg(target_arch = "x86_64")]
        Dots::Avx2(_) if to.columns.is_multiple_of(8) => {
            // SAFETY: the same with AVX2.
            unsafe { by_rows!(rows, tile, to, avx2_results, [1 2 3 4 5 6]) }
            true
        }
        _ => false,
    }
}

fn portable<const ROWS: usize>(tile: Tile<'_>, out: &mut Sums) {
    const COLUMNS: usize = 16;
    let mut sums = [[0i32; COLUMNS]; ROWS];
    let left = tile.left.as_chunks::<CHUNK>().0.as_chunks::<ROWS>().0;
    let right = tile.panel.as_chunks::<COLUMNS>().0;
    for (left, right) in left.iter().zip(right[..tile.groups].chunks(CHUNK)) {
        for (k, right) in right.iter().enumerate() {
            for (sums, left) in sums.iter_mut().zip(left) {
                for (sum, right) in sums.iter_mut().zip(right) {
                    // A product fits 16 bits, of which twice as many are multiplied at a time.
                    *sum += i32::from(i16::from(left[k]) * i16::from(*right));
                }
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

    use super::{CHUNK, GROUP, GROUPS, Sums, Tile};

    /// `ROWS` x 16 sums.
    #[target_feature(enable = "neon,dotprod")]
    pub unsafe fn neon<const ROWS: usize>(tile: Tile<'_>, out: &mut Sums) {
        const VECTORS: usize = 4;
        const STEP: usize = 16;
        let mut sums = [[vdupq_n_s32(0); VECTORS]; ROWS];
        let mut right = tile.panel.as_ptr();
        for (chunk, first) in (0..tile.groups).step_by(GROUPS).enumerate() {
            let left = tile.left.as_ptr().wrapping_add(chunk * ROWS * CHUNK);
            for group in 0..GROUPS.min(tile.groups - first) {
                // SAFETY: the panel has `groups` times as many bytes as are read here.
                let columns: [int8x16_t; VECTORS] = std::array::from_fn(|v| unsafe { vld1q_s8(right.add(STEP * v)) });
                for (row, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: every chunk of the left side has `ROWS` times `CHUNK` bytes.
                    let bytes = unsafe { left.add(row * CHUNK + group * GROUP).cast::<i32>().read_unaligned() };
                    let values = vreinterpretq_s8_s32(vdupq_n_s32(bytes));
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = dot(*sum, values, column);
                    }
                }
                right = right.wrapping_add(STEP * VECTORS);
            }
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
