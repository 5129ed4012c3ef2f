//! Convolutions of images in channels-last order.
//!
//! The part of an image under a row of the kernel is contiguous, and that of the next position starts a stride later. So
//! tiles of neighbouring positions are read in place; nothing is gathered or copied.

use std::ops::Range;

use crate::epilogue::{TileEpilogue, store_tile};
use crate::f32_tile::{self, Accumulators, Operands};
use crate::gemm::PackedLinear;
use crate::output::OutputMatrix;
use crate::row_tiles::RowTiles;
use crate::shape::volume;
use crate::threads;
use crate::{Activation, Isa};

/// Weights of a convolution with a square kernel, and its bias.
#[derive(Debug, Clone)]
pub struct Convolution {
    /// Its depth is `[kernel, kernel, channels]`.
    linear: PackedLinear,
    channels: usize,
    kernel: usize,
    stride: usize,
    isa: Isa,
}

/// Images one after the other, each with the border that its results need.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    /// `[count, reach(height), reach(width), channels]`, see [`Convolution::reach`].
    pub values: &'a [f32],
    /// Number of images.
    pub count: usize,
    /// Rows of a result.
    pub height: usize,
    /// Columns of a result.
    pub width: usize,
}

impl Convolution {
    /// From weights `[columns, channels, kernel, kernel]` and a bias of `columns` values, with a stride of 1.
    ///
    /// # Panics
    /// If the lengths do not fit, or the kernel has no taps.
    pub fn new(weights: &[f32], bias: &[f32], channels: usize, kernel: usize, isa: Isa) -> Self {
        let area = volume([kernel, kernel]);
        let depth = volume([channels, area]);
        assert_eq!(weights.len(), volume([bias.len(), depth]), "weights are [columns, channels, kernel, kernel]");
        let turned: Vec<f32> = weights
            .chunks_exact(depth.max(1))
            .flat_map(|column| (0..depth).map(move |at| column[at % channels * area + at / channels]))
            .collect();
        Self { linear: PackedLinear::new(&turned, bias, depth, isa), channels, kernel, stride: 1, isa }
    }

    /// The same with another step between positions.
    #[must_use]
    pub fn with_stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Rows or columns of an image that this many of its result depend on, those of its border included.
    ///
    /// # Panics
    /// If there are more than fit in `usize`.
    pub fn reach(&self, results: usize) -> usize {
        let last = volume([results.saturating_sub(1), self.stride]);
        last.checked_add(self.kernel).expect("an image's side fits in memory")
    }

    /// Step between positions.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Values per position.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Side of the kernel.
    pub fn kernel(&self) -> usize {
        self.kernel
    }

    /// Outputs per position.
    pub fn columns(&self) -> usize {
        self.linear.columns()
    }

    /// Convolves images into `out`, `[count, height, width, columns]`; up to this many threads of rayon's pool share the
    /// columns.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn apply_on(&self, threads: usize, images: Images<'_>, activation: Activation, out: &mut [f32]) {
        let Images { values, count, height, width } = images;
        assert_eq!(
            values.len(),
            volume([count, self.reach(height), self.reach(width), self.channels]),
            "images are [count, height, width, channels] with their borders"
        );
        assert_eq!(out.len(), volume([count, height, width, self.columns()]), "out is [count, height, width, columns]");
        let out = OutputMatrix::new(out, self.columns());
        threads::share(threads, self.linear.count(), |panels| self.panels(panels, images, activation, out));
    }

    /// Computes the columns of some panels, which no other thread may do at the same time.
    fn panels(&self, panels: Range<usize>, images: Images<'_>, activation: Activation, out: OutputMatrix<'_>) {
        let Images { values, count, height, width } = images;
        let row = self.reach(width) * self.channels;
        let image = self.reach(height) * row;
        let step = self.stride * self.channels;
        let tiles = RowTiles::new(width, f32_tile::max_rows(self.isa));
        let mut sums = Accumulators::new();
        let mut expanded = Vec::new();
        for panel in panels.map(|index| self.linear.panel(index)) {
            let weights = self.linear.panel_weights(panel, &mut expanded);
            for line in 0..count * height {
                let start = line / height * image + line % height * self.stride * row;
                for tile in 0..tiles.count() {
                    let (first, rows) = (tiles.start(tile), tiles.height(tile));
                    let tile = Operands {
                        left: &values[start + first * step..],
                        stride: Some(step),
                        panel: weights,
                        depth: self.kernel * self.channels,
                        runs: self.kernel,
                        step: row,
                    };
                    f32_tile::multiply(self.isa, rows, panel.width, tile, &mut sums);
                    let epilogue = TileEpilogue {
                        bias: self.linear.panel_bias(panel),
                        accumulate: false,
                        partial: false,
                        activation,
                        add: None,
                        row: line * width + first,
                        rows,
                        column: panel.start,
                        stride: panel.width,
                        columns: panel.width.min(self.columns() - panel.start),
                    };
                    // SAFETY: `apply_on` gives every panel to one thread, and panels share no columns.
                    unsafe { store_tile(self.isa, &mut sums.0, &epilogue, out) };
                }
            }
        }
    }
}

/// Images `[count, height, width, channels]` with a border of zeros around each.
///
/// # Panics
/// If these are not whole images, or are too large with their border.
pub fn padded(images: &[f32], count: usize, height: usize, width: usize, border: usize) -> Vec<f32> {
    let positions = volume([count, height, width]);
    let channels = images.len() / positions.max(1);
    assert_eq!(images.len(), positions * channels, "images are [count, height, width, channels]");
    let both = volume([2, border]);
    let with_border = |side: usize| side.checked_add(both).expect("an image's side fits in memory");
    let row = volume([with_border(width), channels]);
    let image = volume([with_border(height), row]);
    let mut out = vec![0.0; volume([count, image])];
    for (line, values) in images.chunks_exact((width * channels).max(1)).enumerate() {
        let start = line / height * image + (line % height + border) * row + border * channels;
        out[start..start + values.len()].copy_from_slice(values);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;
    use proptest::prelude::*;

    fn naive(
        image: &[f32],
        weights: &[f32],
        bias: &[f32],
        [height, width, channels]: [usize; 3],
        [kernel, stride]: [usize; 2],
    ) -> Vec<f64> {
        let half = kernel / 2;
        let mut out = Vec::new();
        let places = (0..height).step_by(stride).flat_map(|y| (0..width).step_by(stride).map(move |x| (y, x)));
        for (top, left) in places {
            for (column, bias) in bias.iter().enumerate() {
                let mut sum = f64::from(*bias);
                for tap in 0..kernel * kernel {
                    let (y, x) = (top + tap / kernel, left + tap % kernel);
                    if y < half || x < half || y - half >= height || x - half >= width {
                        continue;
                    }
                    for c in 0..channels {
                        let value = image[((y - half) * width + x - half) * channels + c];
                        let weight = weights[(column * channels + c) * kernel * kernel + tap];
                        sum += f64::from(value) * f64::from(weight);
                    }
                }
                out.push(sum.max(0.0));
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn equals_the_naive_convolution(
            count in 1usize..3, height in 1usize..7, width in 1usize..32, channels in 1usize..9, columns in 1usize..70,
            half in 0usize..3, stride in 1usize..4, seed: u64,
        ) {
            let kernel = 2 * half + 1;
            // All that is looked at, and no more.
            let (height, width) = ((height - 1) * stride + 1, (width - 1) * stride + 1);
            let images = noise(seed, count * height * width * channels);
            let (weights, bias) = (noise(seed ^ 1, columns * channels * kernel * kernel), noise(seed ^ 2, columns));
            let values = padded(&images, count, height, width, half);
            let exact: Vec<f64> = images
                .chunks_exact(height * width * channels)
                .flat_map(|image| naive(image, &weights, &bias, [height, width, channels], [kernel, stride]))
                .collect();
            for isa in Isa::available() {
                let convolution = Convolution::new(&weights, &bias, channels, kernel, isa).with_stride(stride);
                let (height, width) = (height.div_ceil(stride), width.div_ceil(stride));
                for threads in [1, 2] {
                    let mut out = vec![f32::NAN; exact.len()];
                    let images = Images { values: &values, count, height, width };
                    convolution.apply_on(threads, images, Activation::Relu, &mut out);
                    for (out, exact) in out.iter().zip(&exact) {
                        prop_assert!((f64::from(*out) - exact).abs() < 1e-4, "{isa:?}: {out}, not {exact}");
                    }
                }
            }
        }
    }

    /// A square of sizes whose product wraps around to nothing: the kernels would read far beyond their slices.
    #[test]
    #[should_panic(expected = "a shape that fits in memory")]
    fn kernels_whose_area_overflows_are_refused() {
        let kernel = 1 << (usize::BITS / 2);
        let convolution = Convolution::new(&[], &[0.0], 1, kernel, Isa::best());
        let images = Images { values: &[], count: 1, height: 1, width: 1 };
        convolution.apply_on(1, images, Activation::None, &mut [0.0]);
    }

    #[test]
    #[should_panic(expected = "a shape that fits in memory")]
    fn strides_that_overflow_are_refused() {
        let convolution = Convolution::new(&[1.0], &[0.0], 1, 1, Isa::best()).with_stride(1 << (usize::BITS - 1));
        let images = Images { values: &[1.0], count: 1, height: 1, width: 3 };
        convolution.apply_on(1, images, Activation::None, &mut [0.0; 3]);
    }
}
