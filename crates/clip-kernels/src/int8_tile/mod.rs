//! The innermost loop of products of small integers: a tile of sums in registers.
//!
//! A tile's left side is a few rows of unsigned bytes, its right side a panel of columns of signed bytes, laid out by groups
//! of positions of the depth, which the processor multiplies and adds up at once.

mod kernel;
#[cfg(target_arch = "aarch64")]
mod neon;
mod operands;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use self::kernel::Dots;
#[cfg(target_arch = "aarch64")]
use self::neon::neon;
pub use self::operands::{CHUNK, MOST_PAIR, MOST_WEIGHT, Map, Results, Sums, Tile};
use self::portable::portable;
#[cfg(target_arch = "x86_64")]
use self::x86::{avx2, avx2_results, vnni, vnni_results, vnni256, vnni256_results};
use crate::shape::volume;

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
