//! What follows a product: bias, activation and residual, applied as a tile's sums are stored or in a pass of its own.

use crate::f32_tile::MAX_COLUMNS;
use crate::isa::multiversion;
use crate::math::{self, MultiplyAdd};
use crate::output::OutputMatrix;
use crate::{Activation, Isa};

/// Values per step.
pub(crate) const LANES: usize = 16;

/// Applies an activation to `out` and then adds `add`, of the same shape: for products that do not do so themselves, such
/// as [`StoredRows::multiply`](crate::gemv::StoredRows::multiply).
///
/// # Panics
/// If `add` is of another length.
pub fn apply(isa: Isa, activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
    multiversion!(isa, apply_in(activation: Activation, add: Option<&[f32]>, out: &mut [f32]));
}

#[inline(always)]
fn apply_in<M: MultiplyAdd>(activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
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

/// How a tile's sums become results.
#[derive(Clone, Copy)]
pub(crate) struct TileEpilogue<'a> {
    /// Added first: a value for each of the tile's columns, padded to a multiple of [`LANES`].
    pub bias: &'a [f32],
    /// Whether `out` holds the sums over an earlier part of the depth.
    pub accumulate: bool,
    /// Whether more of the depth follows: the sums are then stored as they are.
    pub partial: bool,
    /// Applied to sum and bias.
    pub activation: Activation,
    /// Added last; has the shape of `out`.
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

/// Stores a tile's results in `out`. Overwrites the sums.
///
/// # Safety
/// Nobody else may use these rows of these columns of `out` at the same time.
pub(crate) unsafe fn store_tile(isa: Isa, sums: &mut [f32], epilogue: &TileEpilogue<'_>, out: OutputMatrix<'_>) {
    multiversion!(isa, store_tile_in(sums: &mut [f32], epilogue: &TileEpilogue<'_>, out: OutputMatrix<'_>));
}

#[inline(always)]
fn store_tile_in<M: MultiplyAdd>(sums: &mut [f32], epilogue: &TileEpilogue<'_>, out: OutputMatrix<'_>) {
    let sums = &mut sums[..epilogue.rows * epilogue.stride];
    if epilogue.partial {
        return store_with(sums, epilogue, out, |x| x);
    }
    match epilogue.activation {
        Activation::None => store_with(sums, epilogue, out, |x| x),
        Activation::Relu => store_with(sums, epilogue, out, |x| math::at_least(x, 0.0)),
        Activation::SumRelu => store_with(sums, epilogue, out, |x| x),
        Activation::Relu6 => store_with(sums, epilogue, out, |x| math::at_most(math::at_least(x, 0.0), 6.0)),
        Activation::QuickGelu => store_slow(sums, epilogue, out, math::quick_gelu::<M>),
        Activation::Gelu => store_slow(sums, epilogue, out, math::gelu::<M>),
        Activation::GeluTanh => store_slow(sums, epilogue, out, math::gelu_tanh::<M>),
    }
}

/// Applies an activation of many instructions in a pass of its own over the whole tile, which is in the first-level cache:
/// the compiler optimises one long loop better.
#[inline(always)]
fn store_slow(sums: &mut [f32], epilogue: &TileEpilogue<'_>, out: OutputMatrix<'_>, activation: impl Fn(f32) -> f32) {
    let bias = &epilogue.bias[..epilogue.stride];
    for (index, sums) in sums.chunks_exact_mut(epilogue.stride).enumerate() {
        if epilogue.accumulate {
            // SAFETY: `store_tile`'s callers promise that these columns of these rows are theirs.
            let before = unsafe { out.part(epilogue.row + index, epilogue.column, epilogue.columns) };
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
    store_with(sums, &TileEpilogue { bias: &[0.0; MAX_COLUMNS], accumulate: false, ..*epilogue }, out, |x| x);
}

#[inline(always)]
fn store_with(sums: &[f32], epilogue: &TileEpilogue<'_>, out: OutputMatrix<'_>, activation: impl Fn(f32) -> f32) {
    let add = epilogue.add.filter(|_| !epilogue.partial);
    let (bias, _) = epilogue.bias.as_chunks();
    for (index, sums) in sums.chunks_exact(epilogue.stride).enumerate() {
        let row = epilogue.row + index;
        // SAFETY: `store_tile`'s callers promise that these columns of these rows are theirs.
        let out_row = unsafe { out.part(row, epilogue.column, epilogue.columns) };
        let add = add.map(|add| add[row * out.columns() + epilogue.column..][..epilogue.columns].as_chunks());
        let (sums, _) = sums.as_chunks();
        let (whole, rest) = out_row.as_chunks_mut();
        let count = whole.len();
        for (chunk, ((out, sums), bias)) in whole.iter_mut().zip(sums).zip(bias).enumerate() {
            *out = finish_lanes(epilogue, sums, bias, out, add.map(|(whole, _)| &whole[chunk]), &activation);
        }
        if !rest.is_empty() {
            let before = filled(rest);
            let add = add.map(|(_, rest)| filled(rest));
            let x = finish_lanes(epilogue, &sums[count], &bias[count], &before, add.as_ref(), &activation);
            rest.copy_from_slice(&x[..rest.len()]);
        }
    }
}

type Lanes = [f32; LANES];

/// Results of [`LANES`] sums. Not a closure: the compiler may leave a closure out of line, and then it is not vectorised.
#[inline(always)]
fn finish_lanes(
    epilogue: &TileEpilogue<'_>,
    sums: &Lanes,
    bias: &Lanes,
    before: &Lanes,
    add: Option<&Lanes>,
    activation: &impl Fn(f32) -> f32,
) -> Lanes {
    let mut x = *sums;
    if epilogue.accumulate {
        x = plus(x, before);
    }
    if !epilogue.partial {
        x = plus(x, bias);
        for x in &mut x {
            *x = activation(*x);
        }
    }
    if let Some(add) = add {
        x = plus(x, add);
    }
    if epilogue.activation == Activation::SumRelu && !epilogue.partial {
        for x in &mut x {
            *x = math::at_least(*x, 0.0);
        }
    }
    x
}

/// Fewer than [`LANES`] values, padded with zeros.
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
