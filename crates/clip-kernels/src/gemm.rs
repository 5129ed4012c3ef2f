//! Matrix products with weights that were packed once, bias and activation applied as the result is stored.
//!
//! The weights are laid out in panels of columns, so that the innermost loop reads them in order. A tile of rows by
//! columns is kept in registers; a stretch of the rows is packed too, and stays in the second-level cache while all
//! panels pass over it (Goto & van de Geijn 2008).

use std::cell::Cell;
use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use crate::epilogue::{Finish, finish_tile};
use crate::f32_tile::{self, MOST_COLUMNS, NARROW, Sums, Tile};
use crate::isa::vectorised;
use crate::math::Multiply;
use crate::output::Out;
use crate::row_tiles::Tiles;
use crate::shape::volume;
use crate::{Activation, Isa, Linear};

/// Most of the depth that is summed at a time, so that a panel's part fits the second-level cache.
const DEPTH: usize = 768;
/// Most values of the left side that are packed at a time: a quarter of a common second-level cache, which panels and
/// results share.
const BLOCK: usize = 64 << 10;
/// With fewer columns, packing the left side costs more than it gains.
const PACK_FROM: usize = 192;
/// Shallower rows lie close enough together as they are.
const PACK_DEPTH: usize = 256;

/// Weights `[depth, columns]` of a linear map and its bias, packed for [`PackedLinear::apply`].
#[derive(Debug, Clone)]
pub struct PackedLinear {
    depth: usize,
    columns: usize,
    panels: Panels,
    /// Filled up to whole panels.
    bias: Vec<f32>,
    isa: Isa,
}

/// Packed columns, panel after panel, `[depth, width]` each.
#[derive(Debug, Clone)]
enum Panels {
    F32(Vec<f32>),
    /// Expanded when a panel's turn comes, once for a block of rows.
    F16(Vec<f16>),
}

impl Panels {
    /// Some values, in `expanded` if they are not stored as such.
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

/// Where a panel lies among the others.
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
        let padded = bias.iter().copied().chain(std::iter::repeat(0.0)).take(columns.next_multiple_of(MOST_COLUMNS));
        let mut panels = vec![0.0; depth * columns.next_multiple_of(NARROW)];
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

    /// The same with its weights, not its bias, rounded to half precision: half the memory for a little more time. What
    /// is out of its range becomes infinite.
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

    /// Inputs a row.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Outputs a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of panels.
    pub(crate) fn count(&self) -> usize {
        self.columns.div_ceil(f32_tile::panel(self.isa))
    }

    pub(crate) fn panel(&self, index: usize) -> Panel {
        let full = f32_tile::panel(self.isa);
        let start = index * full;
        Panel { start, width: if self.columns - start > NARROW { full } else { NARROW } }
    }

    /// A panel's weights, `[depth, width]`; in `expanded` if they are not stored as such.
    pub(crate) fn panel_weights<'a>(&'a self, panel: Panel, expanded: &'a mut Vec<f32>) -> &'a [f32] {
        let first = panel.start * self.depth;
        self.panels.get(first..first + panel.width * self.depth, expanded)
    }

    /// The bias of the columns from the first of a panel on, filled up to whole panels.
    pub(crate) fn panel_bias(&self, panel: Panel) -> &[f32] {
        &self.bias[panel.start..]
    }

    /// `out = activation(left * weights + bias)`, `left` `[rows, depth]` and `out` `[rows, columns]` without gaps.
    ///
    /// With `add`, of the same shape as `out`, that is added too, after the activation or where it says.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn apply(&self, left: &[f32], activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
        self.apply_on(1, left, activation, add, out);
    }

    /// [`apply`](Self::apply) on so many threads of rayon's pool, which share the columns.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn apply_on(&self, threads: usize, left: &[f32], activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
        let rows = left.len() / self.depth;
        assert_eq!(left.len(), rows * self.depth, "left is [rows, depth]");
        assert_eq!(out.len(), volume([rows, self.columns]), "out is [rows, columns]");
        assert!(add.is_none_or(|add| add.len() == out.len()), "what is added has the shape of out");
        let out = Out::new(out, self.columns);
        let tiles = Tiles::new(rows, f32_tile::rows(self.isa));
        let pack = self.columns >= PACK_FROM && self.depth >= PACK_DEPTH;
        // Parts of like size, so that none is too short to be worth its overhead.
        let parts = if pack { self.depth.div_ceil(DEPTH) } else { 1 };
        let part = self.depth.div_ceil(parts.max(1)).max(1);
        let block = if pack { (BLOCK / (part * tiles.most())).max(1) } else { tiles.count() };
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
                let count = self.count();
                let share = count.div_ceil(threads.clamp(1, count.max(1))).max(1);
                if share >= count {
                    step.panels(0..count);
                } else {
                    (0..count.div_ceil(share))
                        .into_par_iter()
                        .for_each(|thread| step.panels(thread * share..((thread + 1) * share).min(count)));
                }
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

/// A part of the depth of a block of rows.
struct Step<'a> {
    linear: &'a PackedLinear,
    left: &'a [f32],
    packed: bool,
    tiles: Tiles,
    block: Range<usize>,
    from: usize,
    depth: usize,
    activation: Activation,
    add: Option<&'a [f32]>,
    out: Out<'a>,
}

impl Step<'_> {
    /// Computes the columns of some panels, which no other thread may do at the same time.
    fn panels(&self, panels: Range<usize>) {
        let linear = self.linear;
        let mut sums = Sums::new();
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
                f32_tile::multiply(linear.isa, rows, width, Tile::of_rows(left, stride, panel, self.depth), &mut sums);
                let how = Finish {
                    bias: &linear.bias[start..],
                    resume: self.from > 0,
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
                unsafe { finish_tile(linear.isa, &mut sums.0, &how, self.out) };
            }
        }
    }
}

/// Packs the first values of `height` rows, `stride` apart, into `[depth, height]`.
fn pack_rows(isa: Isa, rows: &[f32], stride: usize, height: usize, out: &mut [f32]) {
    vectorised!(isa, pack_rows_in(rows: &[f32], stride: usize, height: usize, out: &mut [f32]));
}

#[inline(always)]
fn pack_rows_in<M: Multiply>(rows: &[f32], stride: usize, height: usize, out: &mut [f32]) {
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
    use crate::testing::noise;
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
        let mut turned = vec![0.0; weights.len()];
        for (column, weights) in weights.chunks_exact(depth).enumerate() {
            for (k, weight) in weights.iter().enumerate() {
                turned[k * columns + column] = *weight;
            }
        }
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
        check(31, 2 * DEPTH + 5, 203, Activation::Gelu, 1);
        check(3, DEPTH + 1, 401, Activation::QuickGelu, 2);
        // More rows than are packed at a time.
        check(2 * BLOCK / DEPTH + 9, DEPTH, PACK_FROM, Activation::None, 3);
        check(1, 4 * DEPTH, PACK_FROM + 1, Activation::None, 4);
    }

    #[test]
    fn half_precision_is_that_of_the_weights_alone() {
        let (rows, depth, columns) = (17, 2 * DEPTH + 5, 203);
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
