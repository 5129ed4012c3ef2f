//! What happens to a tile's sums on their way to memory: bias, activation, addition.

use crate::isa::vectorised;
use crate::math::{self, Multiply};
use crate::{Activation, Isa};

/// Values that are finished at a time.
pub const LANES: usize = 16;

/// A matrix that several threads write to, each its own columns or rows.
#[derive(Clone, Copy)]
pub struct Out<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    borrowed: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: it is no more than the mutable slice that it was made from, and who writes promises not to meet others.
unsafe impl Send for Out<'_> {}
// SAFETY: as above.
unsafe impl Sync for Out<'_> {}

impl<'a> Out<'a> {
    /// All of `values`, `[rows, columns]`.
    pub fn new(values: &'a mut [f32], columns: usize) -> Self {
        Self {
            start: values.as_mut_ptr(),
            rows: values.len() / columns.max(1),
            columns,
            borrowed: std::marker::PhantomData,
        }
    }

    /// Part of a row.
    ///
    /// # Safety
    /// No other part that overlaps this one may be in use.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, row: usize, first: usize, count: usize) -> &mut [f32] {
        assert!(row < self.rows && first + count <= self.columns);
        // SAFETY: inside the slice that this was made from, and of no one else by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.columns + first), count) }
    }
}

/// How sums become results.
#[derive(Clone, Copy)]
pub struct Finish<'a> {
    /// Added first; of the tile's columns, filled up to a multiple of [`LANES`].
    pub bias: &'a [f32],
    /// Whether `out` holds the sums over an earlier part of the depth.
    pub resume: bool,
    /// Whether more of the depth follows: nothing but the sums is stored then.
    pub partial: bool,
    /// Applied to sum and bias.
    pub activation: Activation,
    /// Of `out`'s shape, added last.
    pub add: Option<&'a [f32]>,
    /// First row.
    pub row: usize,
    /// Number of rows.
    pub rows: usize,
    /// First column.
    pub column: usize,
    /// Columns between the starts of two rows of sums; a multiple of [`LANES`].
    pub stride: usize,
    /// Columns that are stored.
    pub columns: usize,
}

/// Finishes a tile.
///
/// # Safety
/// No one else may use these rows of these columns of `out`.
pub unsafe fn finish(isa: Isa, sums: &[f32], how: &Finish<'_>, out: Out<'_>) {
    vectorised!(isa, finish_in(sums: &[f32], how: &Finish<'_>, out: Out<'_>));
}

#[inline(always)]
fn finish_in<M: Multiply>(sums: &[f32], how: &Finish<'_>, out: Out<'_>) {
    let activation = if how.partial { Activation::None } else { how.activation };
    match activation {
        Activation::None => finish_with(sums, how, out, |x| x),
        Activation::Relu => finish_with(sums, how, out, |x| x.max(0.0)),
        Activation::Relu6 => finish_with(sums, how, out, |x| x.clamp(0.0, 6.0)),
        Activation::QuickGelu => finish_with(sums, how, out, math::quick_gelu::<M>),
        Activation::Gelu => finish_with(sums, how, out, math::gelu::<M>),
        Activation::GeluTanh => finish_with(sums, how, out, math::gelu_tanh::<M>),
    }
}

#[inline(always)]
fn finish_with(sums: &[f32], how: &Finish<'_>, out: Out<'_>, activation: impl Fn(f32) -> f32) {
    let add = how.add.filter(|_| !how.partial);
    for (index, sums) in sums.chunks_exact(how.stride).take(how.rows).enumerate() {
        let row = how.row + index;
        // SAFETY: `finish`'s callers promise that these columns of these rows are theirs.
        let out_row = unsafe { out.part(row, how.column, how.columns) };
        let mut add = add.map(|add| add[row * out.columns + how.column..][..how.columns].chunks(LANES));
        let bias = how.bias.chunks_exact(LANES);
        for ((out, sums), bias) in out_row.chunks_mut(LANES).zip(sums.chunks_exact(LANES)).zip(bias) {
            let mut x = load(sums);
            if how.resume {
                x = plus(x, load(out));
            }
            if !how.partial {
                x = plus(x, load(bias));
                for x in &mut x {
                    *x = activation(*x);
                }
            }
            if let Some(add) = add.as_mut().and_then(Iterator::next) {
                x = plus(x, load(add));
            }
            if out.len() == LANES {
                out.copy_from_slice(&x);
            } else {
                out.copy_from_slice(&x[..out.len()]);
            }
        }
    }
}

/// Up to [`LANES`] values, zeros behind them.
#[inline(always)]
fn load(values: &[f32]) -> [f32; LANES] {
    let mut x = [0.0; LANES];
    if values.len() == LANES {
        // A constant length is one load.
        x.copy_from_slice(values);
    } else {
        x[..values.len()].copy_from_slice(values);
    }
    x
}

#[inline(always)]
fn plus(mut x: [f32; LANES], more: [f32; LANES]) -> [f32; LANES] {
    for (x, more) in x.iter_mut().zip(more) {
        *x += more;
    }
    x
}
