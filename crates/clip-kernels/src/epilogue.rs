//! What happens to a tile's sums on their way to memory: bias, activation, addition.

use crate::f32_tile::MOST_COLUMNS;
use crate::isa::vectorised;
use crate::math::{self, Multiply};
use crate::output::Out;
use crate::{Activation, Isa};

/// Values that are finished at a time.
pub(crate) const LANES: usize = 16;

/// Applies an activation to the results of [`StoredRows::multiply`](crate::gemv::StoredRows::multiply) and then adds `add`, of the same shape.
///
/// # Panics
/// If `add` is of another length.
pub fn apply(isa: Isa, activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
    vectorised!(isa, apply_in(activation: Activation, add: Option<&[f32]>, out: &mut [f32]));
}

#[inline(always)]
fn apply_in<M: Multiply>(activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
    match activation {
        Activation::None | Activation::SumRelu => (),
        Activation::Relu => out.iter_mut().for_each(|x| *x = x.max(0.0)),
        Activation::Relu6 => out.iter_mut().for_each(|x| *x = x.clamp(0.0, 6.0)),
        Activation::QuickGelu => out.iter_mut().for_each(|x| *x = math::quick_gelu::<M>(*x)),
        Activation::Gelu => out.iter_mut().for_each(|x| *x = math::gelu::<M>(*x)),
        Activation::GeluTanh => out.iter_mut().for_each(|x| *x = math::gelu_tanh::<M>(*x)),
    }
    if let Some(add) = add {
        assert_eq!(add.len(), out.len(), "what is added has the shape of out");
        for (x, add) in out.iter_mut().zip(add) {
            *x += add;
        }
    }
    if activation == Activation::SumRelu {
        out.iter_mut().for_each(|x| *x = x.max(0.0));
    }
}

/// How sums become results.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
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

/// Finishes a tile. What the sums are afterwards is of no use.
///
/// # Safety
/// No one else may use these rows of these columns of `out`.
pub(crate) unsafe fn finish_tile(isa: Isa, sums: &mut [f32], how: &Finish<'_>, out: Out<'_>) {
    vectorised!(isa, finish_tile_in(sums: &mut [f32], how: &Finish<'_>, out: Out<'_>));
}

#[inline(always)]
fn finish_tile_in<M: Multiply>(sums: &mut [f32], how: &Finish<'_>, out: Out<'_>) {
    let sums = &mut sums[..how.rows * how.stride];
    if how.partial {
        return finish_with(sums, how, out, |x| x);
    }
    match how.activation {
        Activation::None => finish_with(sums, how, out, |x| x),
        Activation::Relu => finish_with(sums, how, out, |x| math::at_least(x, 0.0)),
        Activation::SumRelu => finish_with(sums, how, out, |x| x),
        Activation::Relu6 => finish_with(sums, how, out, |x| math::at_most(math::at_least(x, 0.0), 6.0)),
        Activation::QuickGelu => finish_slow(sums, how, out, math::quick_gelu::<M>),
        Activation::Gelu => finish_slow(sums, how, out, math::gelu::<M>),
        Activation::GeluTanh => finish_slow(sums, how, out, math::gelu_tanh::<M>),
    }
}

/// With an activation of many instructions, in a pass of its own over the whole tile, which is in the first-level cache:
/// the compiler makes more of one long loop.
#[inline(always)]
fn finish_slow(sums: &mut [f32], how: &Finish<'_>, out: Out<'_>, activation: impl Fn(f32) -> f32) {
    let bias = &how.bias[..how.stride];
    for (index, sums) in sums.chunks_exact_mut(how.stride).enumerate() {
        if how.resume {
            // SAFETY: `finish_tile`'s callers promise that these columns of these rows are theirs.
            let before = unsafe { out.part(how.row + index, how.column, how.columns) };
            for (sum, before) in sums.iter_mut().zip(before.iter()) {
                *sum += *before;
            }
        }
        for (sum, bias) in sums.iter_mut().zip(bias) {
            *sum += bias;
        }
    }
    for sum in sums.iter_mut() {
        *sum = activation(*sum);
    }
    finish_with(sums, &Finish { bias: &[0.0; MOST_COLUMNS], resume: false, ..*how }, out, |x| x);
}

#[inline(always)]
fn finish_with(sums: &[f32], how: &Finish<'_>, out: Out<'_>, activation: impl Fn(f32) -> f32) {
    let add = how.add.filter(|_| !how.partial);
    let (bias, _) = how.bias.as_chunks();
    for (index, sums) in sums.chunks_exact(how.stride).enumerate() {
        let row = how.row + index;
        // SAFETY: `finish_tile`'s callers promise that these columns of these rows are theirs.
        let out_row = unsafe { out.part(row, how.column, how.columns) };
        let add = add.map(|add| add[row * out.columns() + how.column..][..how.columns].as_chunks());
        let (sums, _) = sums.as_chunks();
        let (whole, rest) = out_row.as_chunks_mut();
        let count = whole.len();
        for (chunk, ((out, sums), bias)) in whole.iter_mut().zip(sums).zip(bias).enumerate() {
            *out = finished(how, sums, bias, out, add.map(|(whole, _)| &whole[chunk]), &activation);
        }
        if !rest.is_empty() {
            let before = filled(rest);
            let add = add.map(|(_, rest)| filled(rest));
            let x = finished(how, &sums[count], &bias[count], &before, add.as_ref(), &activation);
            rest.copy_from_slice(&x[..rest.len()]);
        }
    }
}

type Lanes = [f32; LANES];

/// What becomes of some sums. Not a closure: those are not inlined for sure, and then not vectorised.
#[inline(always)]
fn finished(
    how: &Finish<'_>,
    sums: &Lanes,
    bias: &Lanes,
    before: &Lanes,
    add: Option<&Lanes>,
    activation: &impl Fn(f32) -> f32,
) -> Lanes {
    let mut x = *sums;
    if how.resume {
        x = plus(x, before);
    }
    if !how.partial {
        x = plus(x, bias);
        for x in &mut x {
            *x = activation(*x);
        }
    }
    if let Some(add) = add {
        x = plus(x, add);
    }
    if how.activation == Activation::SumRelu && !how.partial {
        for x in &mut x {
            *x = math::at_least(*x, 0.0);
        }
    }
    x
}

/// Fewer than [`LANES`] values, zeros behind them.
fn filled(values: &[f32]) -> Lanes {
    let mut x = [0.0; LANES];
    x[..values.len()].copy_from_slice(values);
    x
}

#[inline(always)]
fn plus(mut x: Lanes, more: &Lanes) -> Lanes {
    for (x, more) in x.iter_mut().zip(more) {
        *x += more;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_comes_after_the_activation() {
        for isa in Isa::available() {
            let mut out = vec![-1.0, 0.5, 9.0];
            apply(isa, Activation::Relu6, Some(&[1.0, 2.0, 3.0]), &mut out);
            assert_eq!(out, [1.0, 2.5, 9.0]);
        }
    }
}
