//! Matrix products in eight bits. Weights are quantised once, with a scale for each output; rows of the left side are
//! quantised when they are multiplied, with a scale and a zero point each (dynamic quantisation; Dettmers et al. 2022 call
//! it vector-wise).
//!
//! Sums are of integers and therefore exact: every instruction set gives the same ones, except for AVX2 without VNNI, which
//! must quantise some weights more coarsely (module `quantise::weights`).

use std::cell::Cell;
use std::ops::Range;

use crate::epilogue::{TileEpilogue, store_tile};
use crate::f32_tile::{Accumulators, MAX_COLUMNS, MAX_ROWS};
use crate::int8_tile::{self, CHUNK, FusedEpilogue, Int8Kernel, Operands, RowQuantisation};
use crate::isa::multiversion;
use crate::linear;
use crate::math::MultiplyAdd;
use crate::output::OutputMatrix;
use crate::quantise::{self, Ranges, weights};
use crate::row_tiles::RowTiles;
use crate::shape::volume;
use crate::threads;
use crate::{Activation, Isa, Linear};

/// Largest number of bytes of the left side that are quantised at a time: they share the second-level cache with panels
/// and results.
const MAX_QUANTISED: usize = 256 << 10;
/// Greatest depth: longer sums could overflow 32 bits.
const MAX_DEPTH: usize = 1 << 16;

/// Weights `[depth, columns]` of a linear map in eight bits and its bias.
#[derive(Debug, Clone)]
pub struct QuantisedLinear {
    depth: usize,
    columns: usize,
    /// The depth in groups, the last one padded with zeros.
    groups: usize,
    /// Panels of columns, `[groups, panel, group]` each.
    panels: Vec<i8>,
    /// A scale for each column, padded to whole panels like the next two.
    scales: Vec<f32>,
    /// The sum of each column's weights, to correct for the zero points of the left side.
    totals: Vec<i32>,
    bias: Vec<f32>,
    /// The range of the left side, if it is known.
    ranges: Option<Ranges>,
    isa: Isa,
    kernel: Int8Kernel,
}

impl QuantisedLinear {
    /// Quantises weights given as `[columns, depth]` (PyTorch's order, a row an output) and packs them with a bias of
    /// `columns` values.
    ///
    /// # Panics
    /// If the lengths do not fit, or the depth is 0 or more than 65,536; they come from a model that was checked when it was
    /// loaded.
    pub fn new(weights: &[f32], bias: &[f32], depth: usize, isa: Isa) -> Self {
        assert_eq!(weights.len(), volume([depth, bias.len()]), "weights are [columns, depth]");
        Self::pack(bias, depth, isa, |column, k| weights[column * depth + k])
    }

    /// [`new`](Self::new) with weights given as `[depth, columns]` (burn's order, a column an output).
    ///
    /// # Panics
    /// As `new`.
    pub fn transposed(weights: &[f32], bias: &[f32], depth: usize, isa: Isa) -> Self {
        let columns = bias.len();
        assert_eq!(weights.len(), volume([depth, columns]), "weights are [depth, columns]");
        Self::pack(bias, depth, isa, |column, k| weights[k * columns + column])
    }

    /// For a left side of numbers from zero to `max`, such as the results of [`Activation::Relu6`]: skips the search for each
    /// row's range. Numbers outside are clamped.
    #[must_use]
    pub fn up_to(self, max: f32) -> Self {
        Self { ranges: Some(Ranges::up_to(max)), ..self }
    }

    fn pack(bias: &[f32], depth: usize, isa: Isa, weight: impl Fn(usize, usize) -> f32) -> Self {
        assert!(depth > 0, "there is an input");
        assert!(depth <= MAX_DEPTH, "sums are of at most {MAX_DEPTH} products");
        let kernel = Int8Kernel::of(isa);
        let (columns, group, panel) = (bias.len(), kernel.group_size(), kernel.panel_width());
        let groups = depth.div_ceil(group);
        let padded = columns.next_multiple_of(panel);
        let mut packed = Self {
            depth,
            columns,
            groups,
            panels: vec![0; padded * groups * group],
            scales: vec![0.0; padded],
            totals: vec![0; padded],
            bias: bias.iter().copied().chain(std::iter::repeat(0.0)).take(padded).collect(),
            ranges: None,
            isa,
            kernel,
        };
        let mut weights = Vec::with_capacity(depth);
        for column in 0..columns {
            weights.clear();
            weights.extend((0..depth).map(|k| weight(column, k)));
            let (scale, codes) = weights::quantise_column(&weights, kernel.adds_pairs());
            packed.scales[column] = scale;
            let start = column / panel * panel * groups * group + column % panel * group;
            for (k, code) in codes.into_iter().enumerate() {
                packed.panels[start + k / group * panel * group + k % group] = code;
                packed.totals[column] += i32::from(code);
            }
        }
        packed
    }

    /// Bytes of a row of the left side.
    fn length(&self) -> usize {
        self.depth.div_ceil(CHUNK) * CHUNK
    }
}

impl Linear for QuantisedLinear {
    fn depth(&self) -> usize {
        self.depth
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn apply_on(&self, threads: usize, left: &[f32], activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
        let rows = linear::check_shapes(self.depth, self.columns, left, add, out);
        let out = OutputMatrix::new(out, self.columns);
        let tiles = RowTiles::new(rows, self.kernel.max_rows());
        let length = self.length();
        let at_once = (MAX_QUANTISED / (length * tiles.max_height()).max(1)).max(1);
        let mut scratch = SCRATCH.take();
        for first in (0..tiles.count()).step_by(at_once) {
            let block = first..(first + at_once).min(tiles.count());
            let (top, bottom) = (tiles.start(block.start), tiles.start(block.end));
            scratch.quantise(self, tiles, block.clone(), &left[top * self.depth..bottom * self.depth]);
            let step = Step { linear: self, scratch: &scratch, tiles, block, activation, add, out };
            let count = self.columns.div_ceil(self.kernel.panel_width());
            threads::share(threads, count, |panels| step.panels(panels));
        }
        SCRATCH.set(scratch);
    }
}

thread_local! {
    /// Taken while in use, since a thread that waits for others may start another product.
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch { codes: Vec::new(), parameters: Vec::new() }) };
}

/// A block of the left side, quantised.
#[derive(Default)]
struct Scratch {
    /// Tiles, `[chunks, rows, chunk]` each.
    codes: Vec<u8>,
    /// Scale and zero point of each row.
    parameters: Vec<RowQuantisation>,
}

impl Scratch {
    /// Quantises the rows of some tiles.
    fn quantise(&mut self, linear: &QuantisedLinear, tiles: RowTiles, block: Range<usize>, left: &[f32]) {
        let length = linear.length();
        let rows = left.len() / linear.depth;
        let first = tiles.start(block.start);
        self.parameters.resize(rows, RowQuantisation::default());
        if self.codes.len() < rows * length {
            self.codes.resize(rows * length, 0);
        }
        for tile in block {
            let (start, height) = (tiles.start(tile) - first, tiles.height(tile));
            let codes = &mut self.codes[start * length..(start + height) * length];
            let values = &left[start * linear.depth..(start + height) * linear.depth];
            let parameters = &mut self.parameters[start..start + height];
            quantise::quantise_rows(linear.isa, linear.kernel, linear.ranges.as_ref(), values, codes, parameters);
        }
    }
}

/// A block of rows.
struct Step<'a> {
    linear: &'a QuantisedLinear,
    scratch: &'a Scratch,
    tiles: RowTiles,
    block: Range<usize>,
    activation: Activation,
    add: Option<&'a [f32]>,
    out: OutputMatrix<'a>,
}

impl Step<'_> {
    /// Computes the columns of some panels, which no other thread may do at the same time.
    fn panels(&self, panels: Range<usize>) {
        let linear = self.linear;
        let (width, length) = (linear.kernel.panel_width(), linear.length());
        let depth = linear.groups * linear.kernel.group_size();
        let first = self.tiles.start(self.block.start);
        let mut integers = int8_tile::Accumulators([0; MAX_ROWS * MAX_COLUMNS]);
        let mut sums = Accumulators::new();
        for panel in panels {
            let start = panel * width;
            let weights = &linear.panels[start * depth..][..width * depth];
            let (scales, totals) = (&linear.scales[start..][..width], &linear.totals[start..][..width]);
            let bias = &linear.bias[start..][..width];
            let columns = width.min(linear.columns - start);
            for tile in self.block.clone() {
                let (row, rows) = (self.tiles.start(tile), self.tiles.height(tile));
                let left = &self.scratch.codes[(row - first) * length..][..rows * length];
                let tile = Operands { left, panel: weights, groups: linear.groups };
                let parameters = &self.scratch.parameters[row - first..][..rows];
                if let Some(bounds) = self.activation.bounds() {
                    let add = self.add.map(|add| add[row * linear.columns + start..].as_ptr());
                    let (out, stride) = (self.out.start(row..row + rows, start..start + columns), self.out.columns());
                    let to =
                        FusedEpilogue { rows: parameters, scales, totals, bias, bounds, add, out, stride, columns };
                    // SAFETY: `apply_on` gives every panel to one thread, and panels share no columns; what is added has
                    // the shape of `out`.
                    if unsafe { int8_tile::multiply_fused(linear.kernel, rows, tile, &to) } {
                        continue;
                    }
                }
                int8_tile::multiply(linear.kernel, rows, tile, &mut integers);
                numbers(linear.isa, &integers.0, parameters, Columns { scales, totals }, &mut sums.0);
                let epilogue = TileEpilogue {
                    bias,
                    accumulate: false,
                    partial: false,
                    activation: self.activation,
                    add: self.add,
                    row,
                    rows,
                    column: start,
                    stride: width,
                    columns,
                };
                // SAFETY: as above.
                unsafe { store_tile(linear.isa, &mut sums.0, &epilogue, self.out) };
            }
        }
    }
}

/// Scales and totals of a panel's columns.
#[derive(Clone, Copy)]
struct Columns<'a> {
    scales: &'a [f32],
    totals: &'a [i32],
}

/// Converts sums of codes to the sums of the numbers that they stand for.
fn numbers(isa: Isa, sums: &[i32], rows: &[RowQuantisation], columns: Columns<'_>, out: &mut [f32]) {
    multiversion!(isa, numbers_in(sums: &[i32], rows: &[RowQuantisation], columns: Columns<'_>, out: &mut [f32]));
}

#[inline(always)]
fn numbers_in<M: MultiplyAdd>(sums: &[i32], rows: &[RowQuantisation], columns: Columns<'_>, out: &mut [f32]) {
    let width = columns.scales.len();
    let lines = sums.chunks_exact(width).zip(out.chunks_exact_mut(width));
    for (row, (sums, out)) in rows.iter().zip(lines) {
        for (out, ((sum, scale), total)) in out.iter_mut().zip(sums.iter().zip(columns.scales).zip(columns.totals)) {
            *out = (sum - row.zero_point * total) as f32 * (row.scale * scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{noise, transposed};
    use proptest::prelude::*;

    /// The numbers that the codes of a row stand for.
    fn coded(values: &[f32]) -> Vec<f64> {
        let (mut codes, mut parameters) = (vec![0; values.len().next_multiple_of(CHUNK)], [RowQuantisation::default()]);
        quantise::quantise_rows(Isa::portable(), Int8Kernel::Portable, None, values, &mut codes, &mut parameters);
        let [row] = parameters;
        codes[..values.len()]
            .iter()
            .map(|code| f64::from(i32::from(*code) - row.zero_point) * f64::from(row.scale))
            .collect()
    }

    /// A column's weights as they are stored.
    fn rounded(isa: Isa, weights: &[f32]) -> Vec<f64> {
        let (scale, codes) = weights::quantise_column(weights, Int8Kernel::of(isa).adds_pairs());
        codes.into_iter().map(|code| f64::from(code) * f64::from(scale)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn equals_the_product_of_the_rounded_numbers(
            rows in 1usize..40, depth in 1usize..90, columns in 1usize..80, relu: bool, seed: u64,
        ) {
            let (left, weights) = (noise(seed, rows * depth), noise(seed ^ 1, columns * depth));
            let (bias, add) = (noise(seed ^ 2, columns), noise(seed ^ 3, rows * columns));
            let turned = transposed(&weights, depth);
            let activation = if relu { Activation::Relu } else { Activation::None };
            let mut before: Option<Vec<f32>> = None;
            for isa in Isa::available() {
                for (threads, linear) in [
                    (1, QuantisedLinear::new(&weights, &bias, depth, isa)),
                    (3, QuantisedLinear::transposed(&turned, &bias, depth, isa)),
                ] {
                    let mut out = vec![f32::NAN; rows * columns];
                    linear.apply_on(threads, &left, activation, Some(&add), &mut out);
                    for (row, left) in left.chunks_exact(depth).map(coded).enumerate() {
                        for (column, weights) in weights.chunks_exact(depth).map(|column| rounded(isa, column)).enumerate() {
                            let sum = left.iter().zip(&weights).map(|(a, b)| a * b).sum::<f64>() + f64::from(bias[column]);
                            let sum = if relu { sum.max(0.0) } else { sum };
                            let (expected, out) = (sum + f64::from(add[row * columns + column]), out[row * columns + column]);
                            prop_assert!((f64::from(out) - expected).abs() < 1e-4, "{isa:?}: {out}, not {expected}");
                        }
                    }
                    if Int8Kernel::of(isa).adds_pairs() {
                        continue;
                    }
                    // Equal but for the last rounding, which fused instructions spare.
                    if let Some(before) = &before {
                        prop_assert!(before.iter().zip(&out).all(|(a, b)| (a - b).abs() < 1e-5));
                    }
                    before = Some(out);
                }
            }
        }
    }

    /// A fixed range gives the codes that a row gives which fills it, and what is outside becomes the nearest inside.
    #[test]
    fn known_ranges_are_those_of_rows_that_fill_them() {
        let (depth, columns) = (37, 21);
        let weights = noise(1, depth * columns);
        let mut left: Vec<f32> = noise(2, 3 * depth).iter().map(|x| (3.0 + 3.5 * x).clamp(0.0, 6.0)).collect();
        left.chunks_exact_mut(depth).for_each(|row| row[5] = 6.0);
        for isa in Isa::available() {
            let product = |linear: QuantisedLinear, left: &[f32]| {
                let mut out = vec![f32::NAN; 3 * columns];
                linear.apply_on(1, left, Activation::Relu6, None, &mut out);
                out
            };
            let linear = QuantisedLinear::new(&weights, &vec![0.1; columns], depth, isa);
            let expected = product(linear.clone(), &left);
            assert_eq!(product(linear.clone().up_to(6.0), &left), expected, "{isa:?}");
            let outside: Vec<f32> = left.iter().map(|x| if *x == 6.0 { 60.0 } else { *x }).collect();
            assert_eq!(product(linear.clone().up_to(6.0), &outside), expected, "{isa:?}");
            assert_ne!(product(linear.up_to(12.0), &left), expected, "{isa:?}");
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        // All codes and weights at their ends, in one group and over a long depth.
        for depth in [4, 4096] {
            for sign in [1.0, -1.0] {
                for isa in Isa::available() {
                    let linear = QuantisedLinear::new(&vec![sign * 0.5; depth * 33], &[0.0; 33], depth, isa);
                    let mut out = vec![0.0; 5 * 33];
                    linear.apply_on(1, &vec![2.0; 5 * depth], Activation::None, None, &mut out);
                    let expected = sign * depth as f32;
                    assert!(out.iter().all(|x| (x / expected - 1.0).abs() < 1e-5), "{isa:?}: {}, {expected}", out[0]);
                }
            }
        }
    }

    #[test]
    fn many_rows_are_taken_in_blocks() {
        let (depth, columns) = (1000, 20);
        let rows = 2 * MAX_QUANTISED / depth + 9;
        let (left, weights) = (noise(1, rows * depth), noise(2, columns * depth));
        let linear = QuantisedLinear::new(&weights, &vec![0.0; columns], depth, Isa::best());
        let mut together = vec![0.0; rows * columns];
        linear.apply_on(1, &left, Activation::None, None, &mut together);
        for (left, together) in left.chunks_exact(depth).zip(together.chunks_exact(columns)) {
            let mut alone = vec![0.0; columns];
            linear.apply_on(1, left, Activation::None, None, &mut alone);
            assert_eq!(alone, together);
        }
    }

    #[test]
    fn what_is_not_finite_is_not_hidden() {
        for isa in Isa::available() {
            let linear = QuantisedLinear::new(&noise(1, 5 * 70), &[0.0; 5], 70, isa);
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for at in [0, 33, 69] {
                    let mut left = noise(2, 140);
                    left[70 + at] = bad;
                    let mut out = vec![0.0; 10];
                    linear.apply_on(1, &left, Activation::None, None, &mut out);
                    assert!(out[..5].iter().all(|x| x.is_finite()) && out[5..].iter().all(|x| x.is_nan()), "{isa:?}");
                }
            }
            let mut out = vec![1.0; 5];
            linear.apply_on(1, &[0.0; 70], Activation::None, None, &mut out);
            assert_eq!(out, [0.0; 5]);
        }
    }
}
