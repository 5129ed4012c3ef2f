//! Convolutions whose stride is the size of their kernel: patches do not overlap and are rows of a product.
//!
//! Patches are gathered for a few rows of the grid at a time, enough to be worth a pass over the weights.

use crate::shape::volume;
use crate::{Activation, Linear};

/// At least this many patches are gathered at a time, if there are this many.
const BAND: usize = 56;

/// Order of the values of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `[channels, height, width]`, as pixels come.
    Planes,
    /// `[height, width, channels]`, as products leave them.
    Positions,
}

/// Weights of such a convolution.
#[derive(Debug)]
pub struct PatchEmbedding {
    linear: Box<dyn Linear>,
    channels: usize,
    side: usize,
    order: Order,
}

impl PatchEmbedding {
    /// From weights `[columns, channels, side, side]`, for images in this order. `linear` makes the linear map of a patch's
    /// values from weights `[columns, depth]`, whose depth is in the same order.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn new(
        weights: &[f32],
        channels: usize,
        side: usize,
        order: Order,
        linear: impl Fn(&[f32]) -> Box<dyn Linear>,
    ) -> Self {
        let depth = volume([channels, side, side]);
        assert!(depth > 0 && weights.len().is_multiple_of(depth), "weights are [columns, channels, side, side]");
        let linear = match order {
            Order::Planes => linear(weights),
            Order::Positions => {
                let area = side * side;
                let turned: Vec<f32> = weights
                    .chunks_exact(depth)
                    .flat_map(|column| (0..depth).map(|at| column[at % channels * area + at / channels]))
                    .collect();
                linear(&turned)
            }
        };
        assert_eq!(linear.depth(), depth, "weights are [columns, channels, side, side]");
        Self { linear, channels, side, order }
    }

    /// Outputs per patch.
    pub fn columns(&self) -> usize {
        self.linear.columns()
    }

    /// Side of a patch.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Embeds a square image of `size` into `out`, `[patches, columns]`, row by row of the grid; `add`, of the same shape, is
    /// added after the activation. The remainder beyond whole patches is ignored.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn apply_on(
        &self,
        threads: usize,
        image: &[f32],
        size: usize,
        activation: Activation,
        add: Option<&[f32]>,
        out: &mut [f32],
    ) {
        let grid = size / self.side;
        let columns = self.columns();
        assert_eq!(image.len(), volume([self.channels, size, size]), "the image is square");
        assert_eq!(out.len(), volume([grid, grid, columns]), "out is [patches, columns]");
        let rows = BAND.div_ceil(grid.max(1)).min(grid.max(1));
        let depth = self.linear.depth();
        let mut patches = vec![0.0; rows * grid * depth];
        for first in (0..grid).step_by(rows) {
            let rows = rows.min(grid - first);
            let patches = &mut patches[..rows * grid * depth];
            for (index, patch) in patches.chunks_exact_mut(depth).enumerate() {
                self.gather(image, size, first + index / grid, index % grid, patch);
            }
            let range = first * grid * columns..(first + rows) * grid * columns;
            let add = add.map(|add| &add[range.clone()]);
            self.linear.apply_on(threads, patches, activation, add, &mut out[range]);
        }
    }

    fn gather(&self, image: &[f32], size: usize, row: usize, column: usize, patch: &mut [f32]) {
        let side = self.side;
        // A run of the patch that lies in one piece in the image, and what lies before it.
        let (run, planes) = match self.order {
            Order::Planes => (side, size * size),
            Order::Positions => (side * self.channels, 0),
        };
        let per_position = run / side;
        for (index, patch) in patch.chunks_exact_mut(run).enumerate() {
            let (plane, y) = (index / side, row * side + index % side);
            let at = plane * planes + (y * size + column * side) * per_position;
            patch.copy_from_slice(&image[at..at + run]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::gemm::PackedLinear;
    use crate::testing::noise;

    #[test]
    fn equals_the_convolution_in_both_orders() {
        for (size, side, channels, columns) in [(21, 4, 3, 37), (6, 3, 5, 16), (64, 4, 3, 8), (5, 5, 1, 3)] {
            let grid = size / side;
            let (image, bias) = (noise(1, channels * size * size), noise(2, columns));
            let weights = noise(3, columns * channels * side * side);
            let add = noise(4, grid * grid * columns);
            let pixel = |c: usize, y: usize, x: usize| image[(c * size + y) * size + x];
            let mut positions = Vec::new();
            for at in 0..size * size {
                positions.extend((0..channels).map(|c| pixel(c, at / size, at % size)));
            }
            for isa in Isa::available() {
                for (order, image) in [(Order::Planes, &image), (Order::Positions, &positions)] {
                    let embedding = PatchEmbedding::new(&weights, channels, side, order, |weights| {
                        Box::new(PackedLinear::new(weights, &bias, channels * side * side, isa))
                    });
                    let mut out = vec![f32::NAN; grid * grid * columns];
                    embedding.apply_on(1, image, size, Activation::Relu, Some(&add), &mut out);
                    for (at, out) in out.iter().enumerate() {
                        let (patch, column) = (at / columns, at % columns);
                        let mut sum = f64::from(bias[column]);
                        for c in 0..channels {
                            for y in 0..side {
                                for x in 0..side {
                                    let value = pixel(c, patch / grid * side + y, patch % grid * side + x);
                                    let weight = weights[((column * channels + c) * side + y) * side + x];
                                    sum += f64::from(value) * f64::from(weight);
                                }
                            }
                        }
                        let exact = sum.max(0.0) + f64::from(add[at]);
                        assert!((f64::from(*out) - exact).abs() < 1e-4, "{isa:?}, {order:?}: {out}, not {exact}");
                    }
                }
            }
        }
    }
}
