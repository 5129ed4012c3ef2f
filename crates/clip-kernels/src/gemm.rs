//! Matrix products with packed weights; bias and activation are applied as the result is stored.
//!
//! The weights are packed once, in panels of columns, so that the micro-kernel reads them in order. It keeps a tile of rows
//! by columns in registers. A block of the rows is packed too, and stays in the second-level cache while all panels are
//! multiplied with it (Goto & van de Geijn 2008).

use std::cell::Cell;
use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::epilogue::{TileEpilogue, store_tile};
use crate::f32_tile::{self, Accumulators, MAX_COLUMNS, NARROW_PANEL, Operands};
use crate::isa::multiversion;
use crate::linear;
use crate::math::MultiplyAdd;
use crate::output::OutputMatrix;
use crate::row_tiles::RowTiles;
use crate::shape::volume;
use crate::threads;
use crate::{Activation, Isa, Linear};

/// Largest part of the depth that is summed at a time, so that a panel's part fits in the second-level cache.
const DEPTH_BLOCK: usize = 768;
/// Largest number of values of the left side that are packed at a time: a quarter of a common second-level cache, which
/// panels and results share.
const MAX_PACKED: usize = 64 << 10;
/// With fewer columns, packing the left side costs more than it gains.
const MIN_PACKED_COLUMNS: usize = 192;
/// Shallower rows are close enough together without packing.
const MIN_PACKED_DEPTH: usize = 256;

/// Weights `[depth, columns]` of a linear map and its bias, packed for [`PackedLinear::apply`].
#[derive(Debug, Clone)]
pub struct PackedLinear {
    depth: usize,
    columns: usize,
    panels: Panels,
    /// Padded to whole panels.
    bias: Vec<f32>,
    isa: Isa,
}

/// Packed columns, panel after panel, `[depth, width]` each.
#[derive(Debug, Clone)]
enum Panels {
    F32(Vec<f32>),
    /// Converted panel by panel, once for each block of rows.
    F16(Vec<f16>),
}

impl Panels {
    /// Some values; converted into `expanded` unless they are stored as `f32`.
    fn get<'a>(&'a self, range: Range<usize>, expanded: &'a mut Vec<f32>) -> &'a [f32] {
        match self {
            Self::F32(values) => &values[range],
            Self::F16(values) => {
                expanded.resize(range.len(), 0.0);
                values[range].convert_to_f32_slice(expanded);
                expanded
            }
        }
    }
}

/// Position of a panel.
#[derive(Clone, Copy)]
pub(crate) struct Panel {
    /// First column.
    pub start: usize,
    /// Columns, of which the last ones may be padding.
    pub width: usize,
}

impl PackedLinear {
    /// Packs weights given as `[columns, depth]` (PyTorch's order, a row an output) and a bias of `columns` values.
    ///
    /// # Panics
    /// If the lengths do not fit or the depth is 0; they come from a model that was checked when it was loaded.
    pub fn new(weights: &[f32], bias: &[f32], depth: usize, isa: Isa) -> Self {
        assert_eq!(weights.len(), volume([depth, bias.len()]), "weights are [columns, depth]");
        Self::pack(bias, depth, isa, |k, first, out| {
            for (column, out) in (first..).zip(out) {
                *out = weights[column * depth + k];
            }
        })
    }

    /// Packs weights given as `[depth, columns]` (burn's order, a column an output) and a bias of `columns` values.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn transposed(weights: &[f32], bias: &[f32], depth: usize, isa: Isa) -> Self {
        let columns = bias.len();
        assert_eq!(weights.len(), volume([depth, columns]), "weights are [depth, columns]");
        Self::pack(bias, depth, isa, |k, first, out| {
            out.copy_from_slice(&weights[k * columns + first..][..out.len()]);
        })
    }

    /// `copy` writes values of a position of the depth, from a column on.
    fn pack(bias: &[f32], depth: usize, isa: Isa, copy: impl Fn(usize, usize, &mut [f32])) -> Self {
        assert!(depth > 0, "there is an input");
        let columns = bias.len();
        let padded = bias.iter().copied().chain(std::iter::repeat(0.0)).take(columns.next_multiple_of(MAX_COLUMNS));
        let mut panels = vec![0.0; depth * columns.next_multiple_of(NARROW_PANEL)];
        let mut packed = Self { depth, columns, panels: Panels::F32(Vec::new()), bias: padded.collect(), isa };
        for index in 0..packed.count() {
            let Panel { start, width } = packed.panel(index);
            let panel = &mut panels[start * depth..][..width * depth];
            for (k, out) in panel.chunks_exact_mut(width).enumerate() {
                copy(k, start, &mut out[..width.min(columns - start)]);
            }
        }
        packed.panels = Panels::F32(panels);
        packed
    }

    /// The same map with its weights, not its bias, rounded to half precision: half the memory for a little more time.
    /// Weights beyond its range become infinite.
    #[must_use]
    pub fn halved(self) -> Self {
        let panels = match self.panels {
            Panels::F32(panels) => {
                let mut halves = vec![f16::ZERO; panels.len()];
                halves.convert_from_f32_slice(&panels);
                Panels::F16(halves)
            }
            halves @ Panels::F16(_) => halves,
        };
        Self { panels, ..self }
    }

    /// Inputs per row.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Outputs per row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of panels.
    pub(crate) fn count(&self) -> usize {
        self.columns.div_ceil(f32_tile::panel_width(self.isa))
    }

    pub(crate) fn panel(&self, index: usize) -> Panel {
        let full = f32_tile::panel_width(self.isa);
        let start = index * full;
        Panel { start, width: if self.columns - start > NARROW_PANEL { full } else { NARROW_PANEL } }
    }

    /// A panel's weights, `[depth, width]`; converted into `expanded` unless they are stored as `f32`.
    pub(crate) fn panel_weights<'a>(&'a self, panel: Panel, expanded: &'a mut Vec<f32>) -> &'a [f32] {
        let first = panel.start * self.depth;
        self.panels.get(first..first + panel.width * self.depth, expanded)
    }

    /// The bias from the first column of a panel on, padded to whole panels.
    pub(crate) fn panel_bias(&self, panel: Panel) -> &[f32] {
        &self.bias[panel.start..]
    }

    /// `out = activation(left * weights + bias)`, `left` `[rows, depth]` and `out` `[rows, columns]` without gaps.
    ///
    /// `add`, of the same shape as `out`, is added after the activation, or before it with [`Activation::SumRelu`].
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn apply(&self, left: &[f32], activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
        self.apply_on(1, left, activation, add, out);
    }

    /// [`apply`](Self::apply) on up to this many threads of rayon's pool, which share the columns.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn apply_on(&self, threads: usize, left: &[f32], activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
        let rows = linear::check_shapes(self.depth, self.columns, left, add, out);
        let out = OutputMatrix::new(out, self.columns);
        let tiles = RowTiles::new(rows, f32_tile::max_rows(self.isa));
        let pack = self.columns >= MIN_PACKED_COLUMNS && self.depth >= MIN_PACKED_DEPTH;
        // Parts of similar size, so that none is too short to be worth its overhead.
        let parts = if pack { self.depth.div_ceil(DEPTH_BLOCK) } else { 1 };
        let part = self.depth.div_ceil(parts.max(1)).max(1);
        let block = if pack { (MAX_PACKED / (part * tiles.max_height())).max(1) } else { tiles.count() };
        let mut buffer = if pack { SCRATCH.take() } else { Vec::new() };
        for first in (0..tiles.count()).step_by(block.max(1)) {
            let block = first..(first + block).min(tiles.count());
            for from in (0..self.depth).step_by(part) {
                let depth = part.min(self.depth - from);
                if pack {
                    let length = (tiles.start(block.end) - tiles.start(block.start)) * depth;
                    if buffer.len() < length {
                        buffer.resize(length, 0.0);
                    }
                    let mut at = 0;
                    for tile in block.clone() {
                        let height = tiles.height(tile);
                        let rows = &left[tiles.start(tile) * self.depth + from..];
                        pack_rows(self.isa, rows, self.depth, height, &mut buffer[at..at + height * depth]);
                        at += height * depth;
                    }
                }
                let step = Step {
                    linear: self,
                    left: if pack { &buffer } else { left },
                    packed: pack,
                    tiles,
                    block: block.clone(),
                    from,
                    depth,
                    activation,
                    add,
                    out,
                };
                threads::share(threads, self.count(), |panels| step.panels(panels));
            }
        }
        if pack {
            SCRATCH.set(buffer);
        }
    }
}

impl Linear for PackedLinear {
    fn depth(&self) -> usize {
        self.depth
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn apply_on(&self, threads: usize, left: &[f32], activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
        self.apply_on(threads, left, activation, add, out);
    }
}

thread_local! {
    /// Packed rows. Taken while in use, since a thread that waits for others may start another product.
    static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// One part of the depth for one block of rows.
struct Step<'a> {
    linear: &'a PackedLinear,
    left: &'a [f32],
    packed: bool,
    tiles: RowTiles,
    block: Range<usize>,
    from: usize,
    depth: usize,
    activation: Activation,
    add: Option<&'a [f32]>,
    out: OutputMatrix<'a>,
}

impl Step<'_> {
    /// Computes the columns of some panels, which no other thread may do at the same time.
    fn panels(&self, panels: Range<usize>) {
        let linear = self.linear;
        let mut sums = Accumulators::new();
        let mut expanded = Vec::new();
        for panel in panels {
            let Panel { start, width } = linear.panel(panel);
            let (first, length) = (start * linear.depth + self.from * width, self.depth * width);
            let panel = linear.panels.get(first..first + length, &mut expanded);
            for tile in self.block.clone() {
                let (row, rows) = (self.tiles.start(tile), self.tiles.height(tile));
                let left = if self.packed {
                    &self.left[(row - self.tiles.start(self.block.start)) * self.depth..]
                } else {
                    &self.left[row * linear.depth + self.from..]
                };
                let stride = (!self.packed).then_some(linear.depth);
                f32_tile::multiply(
                    linear.isa,
                    rows,
                    width,
                    Operands::of_rows(left, stride, panel, self.depth),
                    &mut sums,
                );
                let epilogue = TileEpilogue {
                    bias: &linear.bias[start..],
                    accumulate: self.from > 0,
                    partial: self.from + self.depth < linear.depth,
                    activation: self.activation,
                    add: self.add,
                    row,
                    rows,
                    column: start,
                    stride: width,
                    columns: width.min(linear.columns - start),
                };
                // SAFETY: `apply_on` gives every panel to one thread, and panels share no columns.
                unsafe { store_tile(linear.isa, &mut sums.0, &epilogue, self.out) };
            }
        }
    }
}

/// Packs the first values of `height` rows, whose starts are `stride` values apart, into `[depth, height]`.
fn pack_rows(isa: Isa, rows: &[f32], stride: usize, height: usize, out: &mut [f32]) {
    multiversion!(isa, pack_rows_in(rows: &[f32], stride: usize, height: usize, out: &mut [f32]));
}

#[inline(always)]
fn pack_rows_in<M: MultiplyAdd>(rows: &[f32], stride: usize, height: usize, out: &mut [f32]) {
    /// Positions at a time, so that what is written stays in the first-level cache until it is complete.
    const POSITIONS: usize = 256;
    let depth = out.len() / height;
    for (block, out) in out.chunks_mut(POSITIONS * height).enumerate() {
        let from = block * POSITIONS;
        let count = POSITIONS.min(depth - from);
        for row in 0..height {
            let values = &rows[row * stride + from..][..count];
            for (out, value) in out.chunks_exact_mut(height).zip(values) {
                out[row] = *value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{noise, transposed};
    use proptest::prelude::*;

    fn naive(left: &[f32], weights: &[f32], bias: &[f32], depth: usize) -> Vec<f64> {
        left.chunks_exact(depth)
            .flat_map(|row| {
                weights.chunks_exact(depth).zip(bias).map(move |(column, bias)| {
                    row.iter().zip(column).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() + f64::from(*bias)
                })
            })
            .collect()
    }

    /// `x Phi(x)` by the logistic function's cousin is no reference; by numerical integration it is.
    fn gelu(x: f64) -> f64 {
        const STEPS: usize = 2000;
        let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let width = x / STEPS as f64;
        // Simpson's rule from 0 to x.
        let inner: f64 = (1..STEPS).map(|i| (if i % 2 == 1 { 4.0 } else { 2.0 }) * density(i as f64 * width)).sum();
        x * (0.5 + (density(0.0) + inner + density(x)) * width / 3.0)
    }

    fn reference(activation: Activation, x: f64) -> f64 {
        match activation {
            Activation::None | Activation::SumRelu => x,
            Activation::Relu => x.max(0.0),
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
            Activation::Gelu => gelu(x),
            Activation::GeluTanh => {
                0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
            }
        }
    }

    const ACTIVATIONS: [Activation; 7] = [
        Activation::None,
        Activation::Relu,
        Activation::SumRelu,
        Activation::Relu6,
        Activation::QuickGelu,
        Activation::Gelu,
        Activation::GeluTanh,
    ];

    /// All instruction sets, orders of weights and numbers of threads against the naive product.
    fn check(rows: usize, depth: usize, columns: usize, activation: Activation, seed: u64) {
        let (left, weights) = (noise(seed, rows * depth), noise(seed ^ 1, columns * depth));
        let scale = (depth as f32).sqrt().recip();
        let weights: Vec<f32> = weights.iter().map(|w| w * scale).collect();
        let (bias, add) = (noise(seed ^ 2, columns), noise(seed ^ 3, rows * columns));
        let exact = naive(&left, &weights, &bias, depth);
        let turned = transposed(&weights, depth);
        for isa in Isa::available() {
            let both =
                [PackedLinear::new(&weights, &bias, depth, isa), PackedLinear::transposed(&turned, &bias, depth, isa)];
            for (linear, (threads, add)) in both.iter().zip([(1, None), (3, Some(&add))]) {
                let mut out = vec![f32::NAN; rows * columns];
                linear.apply_on(threads, &left, activation, add.map(Vec::as_slice), &mut out);
                for (index, (out, exact)) in out.iter().zip(&exact).enumerate() {
                    let expected = reference(activation, *exact) + add.map_or(0.0, |add| f64::from(add[index]));
                    let expected = if activation == Activation::SumRelu { expected.max(0.0) } else { expected };
                    assert!(
                        (f64::from(*out) - expected).abs() < 3e-5,
                        "{isa:?}, {activation:?}, {rows} x {depth} x {columns}, value {index}: {out}, not {expected}"
                    );
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn equals_the_naive_product(
            rows in 1usize..60, depth in 1usize..70, columns in 1usize..300, kind in 0usize..7, seed: u64,
        ) {
            check(rows, depth, columns, ACTIVATIONS[kind], seed);
        }
    }

    #[test]
    fn many_rows_and_long_sums_are_taken_in_parts() {
        check(31, 2 * DEPTH_BLOCK + 5, 203, Activation::Gelu, 1);
        check(3, DEPTH_BLOCK + 1, 401, Activation::QuickGelu, 2);
        // More rows than are packed at a time.
        check(2 * MAX_PACKED / DEPTH_BLOCK + 9, DEPTH_BLOCK, MIN_PACKED_COLUMNS, Activation::None, 3);
        check(1, 4 * DEPTH_BLOCK, MIN_PACKED_COLUMNS + 1, Activation::None, 4);
    }

    #[test]
    fn half_precision_is_that_of_the_weights_alone() {
        let (rows, depth, columns) = (17, 2 * DEPTH_BLOCK + 5, 203);
        let (left, bias) = (noise(1, rows * depth), noise(2, columns));
        let weights: Vec<f32> = noise(3, columns * depth).iter().map(|w| w * 0.02).collect();
        let rounded: Vec<f32> = weights.iter().map(|w| f16::from_f32(*w).to_f32()).collect();
        let exact = naive(&left, &rounded, &bias, depth);
        let apart = |weights: &[f32]| {
            naive(&left, weights, &bias, depth).iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        assert!(apart(&weights) > 2e-4, "rounding shows: {}", apart(&weights));
        for isa in Isa::available() {
            let mut out = vec![f32::NAN; rows * columns];
            PackedLinear::new(&weights, &bias, depth, isa).halved().halved().apply_on(
                2,
                &left,
                Activation::None,
                None,
                &mut out,
            );
            let worst = out.iter().zip(&exact).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            assert!(worst < 3e-5, "{isa:?}: {worst}");
        }
    }

    #[test]
    fn no_rows_give_none() {
        let linear = PackedLinear::new(&[1.0; 12], &[0.0; 3], 4, Isa::best());
        linear.apply(&[], Activation::None, None, &mut []);
    }
}
