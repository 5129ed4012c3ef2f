//! Matrix products with weights that were packed once, bias and activation applied as the result is stored.
//!
//! The weights are laid out in panels of 32 columns (the last one half as wide where that is enough), so that
//! the innermost loop reads them in order. A tile of rows by columns is kept in registers (Goto & van de Geijn 2008).

use crate::Isa;
use crate::kernels::{self, HALF_PANEL, PANEL, Tile};

/// What happens to a sum before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// Clamped to 0..=6.
    Relu6,
}

/// Weights `[depth, columns]` of a linear map and its bias, packed for [`PackedLinear::apply`].
#[derive(Debug, Clone)]
pub struct PackedLinear {
    depth: usize,
    columns: usize,
    panels: Vec<f32>,
    bias: Vec<f32>,
    isa: Isa,
}

impl PackedLinear {
    /// Packs weights given as `[columns, depth]` (PyTorch's order, a row an output) and a bias of `columns` values.
    ///
    /// # Panics
    /// If the lengths do not fit; they come from a model that was checked when it was loaded.
    pub fn new(weights: &[f32], bias: &[f32], depth: usize, isa: Isa) -> Self {
        let columns = bias.len();
        assert_eq!(weights.len(), depth * columns, "weights are [columns, depth]");
        let mut panels = Vec::with_capacity(depth * columns.next_multiple_of(HALF_PANEL));
        for (start, width) in panels_of(columns) {
            for k in 0..depth {
                panels.extend(
                    (start..start + width).map(
                        |column| {
                            if column < columns { weights[column * depth + k] } else { 0.0 }
                        },
                    ),
                );
            }
        }
        Self { depth, columns, panels, bias: bias.to_vec(), isa }
    }

    /// Outputs a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// `out = activation(left * weights + bias)`, `left` `[rows, depth]` and `out` `[rows, columns]` without gaps.
    ///
    /// With `add`, of the same shape as `out`, that is added too, after the activation.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn apply(&self, left: &[f32], activation: Activation, add: Option<&[f32]>, out: &mut [f32]) {
        let rows = left.len() / self.depth;
        assert_eq!(left.len(), rows * self.depth, "left is [rows, depth]");
        assert_eq!(out.len(), rows * self.columns, "out is [rows, columns]");
        assert!(add.is_none_or(|add| add.len() == out.len()), "what is added has the shape of out");
        let mut offset = 0;
        for (start, width) in panels_of(self.columns) {
            let panel = &self.panels[offset..offset + width * self.depth];
            offset += width * self.depth;
            let mut store = Store { linear: self, activation, add, start, out: &mut *out };
            let product = Product { left, stride: self.depth, depth: self.depth, rows };
            match (self.isa, width) {
                #[cfg(target_arch = "x86_64")]
                (Isa::Avx512, PANEL) => product.walk::<PANEL, 12>(panel, &mut store, &X512::<2>),
                #[cfg(target_arch = "x86_64")]
                (Isa::Avx512, _) => product.walk::<HALF_PANEL, 12>(panel, &mut store, &X512::<1>),
                #[cfg(target_arch = "x86_64")]
                (Isa::Avx2, PANEL) => product.walk::<PANEL, 3>(panel, &mut store, &X256::<4>),
                #[cfg(target_arch = "x86_64")]
                (Isa::Avx2, _) => product.walk::<HALF_PANEL, 6>(panel, &mut store, &X256::<2>),
                (_, PANEL) => product.walk::<PANEL, 2>(panel, &mut store, &Plain),
                (_, _) => product.walk::<HALF_PANEL, 4>(panel, &mut store, &Plain),
            }
        }
    }
}

/// Start and width of each panel of columns.
fn panels_of(columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..columns.div_ceil(PANEL)).map(move |index| {
        let start = index * PANEL;
        (start, if columns - start > HALF_PANEL { PANEL } else { HALF_PANEL })
    })
}

/// Where sums go.
struct Store<'a> {
    linear: &'a PackedLinear,
    activation: Activation,
    add: Option<&'a [f32]>,
    start: usize,
    out: &'a mut [f32],
}

impl Store<'_> {
    fn put<const COLUMNS: usize, const ROWS: usize>(&mut self, row: usize, sums: &kernels::Sums<COLUMNS, ROWS>) {
        let columns = self.linear.columns;
        let width = COLUMNS.min(columns - self.start);
        let bias = &self.linear.bias[self.start..self.start + width];
        for (index, sums) in sums.iter().enumerate() {
            let at = (row + index) * columns + self.start;
            let out = &mut self.out[at..at + width];
            match self.activation {
                Activation::None => {
                    for ((out, sum), bias) in out.iter_mut().zip(sums).zip(bias) {
                        *out = sum + bias;
                    }
                }
                Activation::Relu6 => {
                    for ((out, sum), bias) in out.iter_mut().zip(sums).zip(bias) {
                        *out = (sum + bias).clamp(0.0, 6.0);
                    }
                }
            }
            if let Some(add) = self.add {
                for (out, add) in out.iter_mut().zip(&add[at..at + width]) {
                    *out += add;
                }
            }
        }
    }
}

/// The left side of a product.
struct Product<'a> {
    left: &'a [f32],
    stride: usize,
    depth: usize,
    rows: usize,
}

/// A kernel for tiles of any number of rows.
trait Kernel<const COLUMNS: usize> {
    fn tile<const ROWS: usize>(&self, tile: Tile<'_>) -> kernels::Sums<COLUMNS, ROWS>;
}

struct Plain;

impl<const COLUMNS: usize> Kernel<COLUMNS> for Plain {
    fn tile<const ROWS: usize>(&self, tile: Tile<'_>) -> kernels::Sums<COLUMNS, ROWS> {
        kernels::portable(tile)
    }
}

#[cfg(target_arch = "x86_64")]
struct X512<const VECTORS: usize>;

#[cfg(target_arch = "x86_64")]
impl<const VECTORS: usize, const COLUMNS: usize> Kernel<COLUMNS> for X512<VECTORS> {
    #[inline]
    fn tile<const ROWS: usize>(&self, tile: Tile<'_>) -> kernels::Sums<COLUMNS, ROWS> {
        // SAFETY: this kernel is chosen only where `Isa` found AVX-512F.
        unsafe { kernels::x86::avx512::<VECTORS, COLUMNS, ROWS>(tile) }
    }
}

#[cfg(target_arch = "x86_64")]
struct X256<const VECTORS: usize>;

#[cfg(target_arch = "x86_64")]
impl<const VECTORS: usize, const COLUMNS: usize> Kernel<COLUMNS> for X256<VECTORS> {
    #[inline]
    fn tile<const ROWS: usize>(&self, tile: Tile<'_>) -> kernels::Sums<COLUMNS, ROWS> {
        // SAFETY: this kernel is chosen only where `Isa` found AVX2 and FMA.
        unsafe { kernels::x86::avx2::<VECTORS, COLUMNS, ROWS>(tile) }
    }
}

impl Product<'_> {
    /// All rows against one panel, `MOST` at a time, then what is left by fours and ones.
    fn walk<const COLUMNS: usize, const MOST: usize>(
        &self,
        panel: &[f32],
        store: &mut Store<'_>,
        kernel: &impl Kernel<COLUMNS>,
    ) {
        let tile =
            |row: usize| Tile { left: &self.left[row * self.stride..], stride: self.stride, panel, depth: self.depth };
        let mut row = 0;
        while row + MOST <= self.rows {
            store.put(row, &kernel.tile::<MOST>(tile(row)));
            row += MOST;
        }
        while row + 4 <= self.rows {
            store.put(row, &kernel.tile::<4>(tile(row)));
            row += 4;
        }
        while row < self.rows {
            store.put(row, &kernel.tile::<1>(tile(row)));
            row += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    fn noise(seed: u64, count: usize) -> Vec<f32> {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        (0..count).map(|_| rng.random_range(-2.0..2.0)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn equals_the_naive_product(rows in 1usize..40, depth in 1usize..70, columns in 1usize..90, seed: u64) {
            let (left, weights) = (noise(seed, rows * depth), noise(seed ^ 1, columns * depth));
            let (bias, add) = (noise(seed ^ 2, columns), noise(seed ^ 3, rows * columns));
            let expected = naive(&left, &weights, &bias, depth);
            for isa in Isa::available() {
                let linear = PackedLinear::new(&weights, &bias, depth, isa);
                let mut out = vec![f32::NAN; rows * columns];
                linear.apply(&left, Activation::None, None, &mut out);
                for (out, expected) in out.iter().zip(&expected) {
                    prop_assert!((f64::from(*out) - expected).abs() < 1e-4, "{isa:?}: {out} is not {expected}");
                }
                linear.apply(&left, Activation::Relu6, Some(&add), &mut out);
                for ((out, expected), add) in out.iter().zip(&expected).zip(&add) {
                    let expected = expected.clamp(0.0, 6.0) + f64::from(*add);
                    prop_assert!((f64::from(*out) - expected).abs() < 1e-4, "{isa:?}: {out} is not {expected}");
                }
            }
        }
    }
}
