//! The `int8` micro-kernel: the innermost loop of products of bytes, which sums a tile of results in registers.
//!
//! A tile's left side is a few rows of unsigned bytes, its right side a panel of columns of signed bytes. Both are laid out
//! in groups of positions of the depth, which one instruction multiplies and adds up.

mod kernel;
#[cfg(target_arch = "aarch64")]
mod neon;
mod operands;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use self::kernel::Int8Kernel;
#[cfg(target_arch = "aarch64")]
use self::neon::neon;
pub use self::operands::{Accumulators, CHUNK, FusedEpilogue, MAX_PAIR_SUM, MAX_WEIGHT, Operands, RowQuantisation};
use self::portable::portable;
#[cfg(target_arch = "x86_64")]
use self::x86::{avx_vnni, avx_vnni_fused, avx2, avx2_fused, avx512_vnni, avx512_vnni_fused};
use crate::shape::volume;

macro_rules! by_rows {
    ($rows:expr, $tile:expr, $to:expr, $kernel:ident, [$($count:literal)*]) => {
        match $rows {
            $($count => $kernel::<$count>($tile, $to),)*
            rows => unreachable!("no tile has {rows} rows"),
        }
    };
}

/// Asserts what the kernels rely on.
fn check(kernel: Int8Kernel, rows: usize, tile: Operands<'_>) {
    assert!(rows > 0 && rows <= kernel.max_rows());
    assert!(tile.panel.len() >= volume([tile.groups, kernel.panel_width(), kernel.group_size()]));
    assert!(tile.left.len() >= volume([volume([tile.groups, kernel.group_size()]).div_ceil(CHUNK), rows, CHUNK]));
}

/// The sums of `rows` rows (at most [`Int8Kernel::max_rows`]) with each of a panel's columns.
pub fn multiply(kernel: Int8Kernel, rows: usize, tile: Operands<'_>, sums: &mut Accumulators) {
    check(kernel, rows, tile);
    match kernel {
        // SAFETY: the variant proves VNNI, and AVX-512F with it; lengths were checked above.
        #[cfg(target_arch = "x86_64")]
        Int8Kernel::Avx512Vnni(_) => unsafe {
            by_rows!(rows, tile, sums, avx512_vnni, [1 2 3 4 5 6 7 8 9 10 11 12 13 14])
        },
        // SAFETY: the same with AVX-VNNI, which comes with AVX2.
        #[cfg(target_arch = "x86_64")]
        Int8Kernel::AvxVnni(_) => unsafe { by_rows!(rows, tile, sums, avx_vnni, [1 2 3 4 5 6]) },
        // SAFETY: the same with AVX2.
        #[cfg(target_arch = "x86_64")]
        Int8Kernel::Avx2(_) => unsafe { by_rows!(rows, tile, sums, avx2, [1 2 3 4 5 6]) },
        // SAFETY: the same with NEON's dot products.
        #[cfg(target_arch = "aarch64")]
        Int8Kernel::Neon(_) => unsafe { by_rows!(rows, tile, sums, neon, [1 2 3 4 5 6]) },
        _ => by_rows!(rows, tile, sums, portable, [1 2 3 4]),
    }
}

/// [`multiply`] with an epilogue before the sums leave the registers. Returns whether it was done: not every kernel can.
///
/// # Safety
/// `to.out` and `to.add` point to a row for each row of the tile, `to.stride` apart, with `to.columns` columns each. Nobody
/// else may use those of `to.out` at the same time.
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
pub unsafe fn multiply_fused(kernel: Int8Kernel, rows: usize, tile: Operands<'_>, to: &FusedEpilogue<'_>) -> bool {
    check(kernel, rows, tile);
    let panel = kernel.panel_width();
    assert!(to.columns <= panel && to.rows.len() >= rows);
    assert!([to.scales.len(), to.totals.len(), to.bias.len()].iter().all(|values| *values >= panel));
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Int8Kernel::Avx512Vnni(_) => {
            // SAFETY: the variant proves VNNI, and AVX-512F with it; lengths were checked above.
            unsafe { by_rows!(rows, tile, to, avx512_vnni_fused, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]) }
            true
        }
        #[cfg(target_arch = "x86_64")]
        Int8Kernel::AvxVnni(_) if to.columns.is_multiple_of(8) => {
            // SAFETY: the same with AVX-VNNI, which comes with AVX2.
            unsafe { by_rows!(rows, tile, to, avx_vnni_fused, [1 2 3 4 5 6]) }
            true
        }
        #[cfg(target_arch = "x86_64")]
        Int8Kernel::Avx2(_) if to.columns.is_multiple_of(8) => {
            // SAFETY: the same with AVX2.
            unsafe { by_rows!(rows, tile, to, avx2_fused, [1 2 3 4 5 6]) }
            true
        }
        _ => false,
    }
}
