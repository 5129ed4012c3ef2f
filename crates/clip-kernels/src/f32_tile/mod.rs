//! The `f32` micro-kernel: the innermost loop of matrix products, which sums a tile of results in registers.
//!
//! A tile's left side is a few rows, either in place or packed (`[depth, rows]`), and its right side is a panel of packed
//! columns.

mod operands;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use self::operands::{Accumulators, MAX_COLUMNS, MAX_ROWS, NARROW_PANEL, Operands};
use self::portable::portable;
#[cfg(target_arch = "x86_64")]
use self::x86::{avx2, avx512_narrow, avx512_wide};
use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::isa::Instructions;
use crate::shape::volume;

/// Columns of a full panel.
pub fn panel_width(isa: Isa) -> usize {
    match isa.instructions() {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) => 32,
        _ => 16,
    }
}

/// Rows of a full tile: as many as leave enough registers for a step's columns and one value of the left side.
pub fn max_rows(isa: Isa) -> usize {
    match isa.instructions() {
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) => 14,
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2(_) => 6,
        // 32 registers of four values there, 16 in the baseline of 64-bit x86.
        _ if cfg!(target_arch = "aarch64") => 6,
        _ => 2,
    }
}

macro_rules! by_rows {
    ($rows:expr, $tile:expr, $sums:expr, $kernel:ident, [$($count:literal)*]) => {
        match ($rows, $tile.stride) {
            $(
                ($count, None) => $kernel::<$count, true>($tile, $sums),
                ($count, Some(_)) => $kernel::<$count, false>($tile, $sums),
            )*
            (rows, _) => unreachable!("no tile has {rows} rows"),
        }
    };
}

/// `rows` (at most [`max_rows`] of the instruction set) times `columns` (its [`panel_width`], or [`NARROW_PANEL`]) sums.
pub fn multiply(isa: Isa, rows: usize, columns: usize, tile: Operands<'_>, sums: &mut Accumulators) {
    // The kernels rely on this.
    assert!(columns == panel_width(isa) || columns == NARROW_PANEL);
    assert!(rows > 0 && rows <= max_rows(isa));
    assert!(tile.runs > 0 && (tile.runs == 1 || tile.stride.is_some()));
    assert!(tile.panel.len() >= volume([tile.runs, tile.depth, columns]));
    let (last_row, last_run) =
        (volume([rows - 1, tile.stride.unwrap_or(tile.depth)]), volume([tile.runs - 1, tile.step]));
    let end = last_row.checked_add(last_run).and_then(|last| last.checked_add(tile.depth));
    assert!(end.is_some_and(|end| end <= tile.left.len()));
    match isa.instructions() {
        // SAFETY: the variant proves AVX-512F; lengths were checked above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) if columns == NARROW_PANEL => unsafe {
            by_rows!(rows, tile, sums, avx512_narrow, [1 2 3 4 5 6 7 8 9 10 11 12 13 14])
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512(_) => unsafe {
            by_rows!(rows, tile, sums, avx512_wide, [1 2 3 4 5 6 7 8 9 10 11 12 13 14])
        },
        // SAFETY: the same with AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2(_) => unsafe { by_rows!(rows, tile, sums, avx2, [1 2 3 4 5 6]) },
        _ => by_rows!(rows, tile, sums, portable, [1 2 3 4 5 6]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths and distances whose products and sums wrap around to what there is.
    #[test]
    fn sizes_that_overflow_are_refused() {
        const HALF: usize = 1 << (usize::BITS / 2);
        let tile =
            |stride, depth, runs, step| Operands { left: &[0.0; 64], stride, panel: &[0.0; 64], depth, runs, step };
        let wrong = [
            (1, tile(Some(0), HALF, HALF, HALF)),
            (1, tile(None, 1 << (usize::BITS - 4), 1, 0)),
            (2, tile(Some(usize::MAX), 2, 1, 0)),
            (2, tile(Some(usize::MAX / 2 + 1), 1, 3, usize::MAX / 4 + 1)),
            (1, tile(Some(0), 1, 3, usize::MAX / 2 + 1)),
        ];
        for isa in Isa::available() {
            for (rows, tile) in wrong {
                let result =
                    std::panic::catch_unwind(|| multiply(isa, rows, NARROW_PANEL, tile, &mut Accumulators::new()));
                assert!(result.is_err(), "{isa:?}: {rows} rows, stride {:?}, {} runs", tile.stride, tile.runs);
            }
        }
    }
}
