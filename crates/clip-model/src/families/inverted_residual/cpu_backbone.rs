//! The convolutional backbones of an inverted residual tower, row by row.
//!
//! Activations are kept with channels innermost. A block widens a few rows into a ring buffer, runs the depthwise
//! convolution over that, and narrows the result: the wide rows, six times the size of a block's input, stay in the
//! second-level cache.

use std::cell::Cell;

use clip_kernels::buffer::sized;
use clip_kernels::depthwise::Depthwise;
use clip_kernels::{Activation, Linear};

use super::module::{Backbone, Block};
pub use crate::cpu::map::Map;
use crate::cpu::packing::Packing;
use crate::cpu::stem::CpuStem;
use crate::cpu::weights::{conv_bias, pointwise, values};

/// Bytes of wide rows that a block keeps at a time; half of a common second-level cache.
const RING_BYTES: usize = 512 << 10;

/// Most of what [`Activation::Relu6`] makes.
const RELU6: f32 = 6.0;

/// A backbone with its weights laid out for the kernels.
#[derive(Debug)]
pub struct CpuBackbone {
    stem: CpuStem,
    blocks: Vec<CpuBlock>,
    features: Box<dyn Linear>,
}

#[derive(Debug)]
struct CpuBlock {
    expand: Option<Box<dyn Linear>>,
    depthwise: Depthwise,
    project: Box<dyn Linear>,
    shortcut: bool,
}

/// Padding before the first position and number of outputs, as TensorFlow's "same" has it.
fn same(size: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let outputs = size.div_ceil(stride);
    (((outputs - 1) * stride + kernel).saturating_sub(size) / 2, outputs)
}

impl CpuBackbone {
    /// Takes a backbone's weights.
    pub fn new(backbone: Backbone, packing: Packing) -> Self {
        Self {
            stem: CpuStem::of(&backbone.stem, packing.isa),
            blocks: backbone.blocks.into_iter().map(|block| CpuBlock::new(&block, packing)).collect(),
            features: pointwise(&backbone.features, packing),
        }
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The stem and the first `blocks` blocks on one photo's pixels, `[3, size, size]`.
    pub fn trunk(&self, pixels: &[f32], size: usize, blocks: usize) -> Map {
        self.blocks[..blocks].iter().fold(self.stem(pixels, size), |map, block| block.run(map))
    }

    /// The blocks after the first `blocks`, the last convolution and the average over all positions.
    pub fn tail(&self, map: Map, blocks: usize) -> Vec<f32> {
        let map = self.blocks[blocks..].iter().fold(map, |map, block| block.run(map));
        map.product(&*self.features, Activation::Relu6, None).mean()
    }

    /// Pooled features of one photo's pixels, `[3, size, size]`.
    pub fn features(&self, pixels: &[f32], size: usize) -> Vec<f32> {
        self.tail(self.trunk(pixels, size, self.blocks.len()), self.blocks.len())
    }

    fn stem(&self, pixels: &[f32], size: usize) -> Map {
        let (pad, outputs) = same(size, self.stem.kernel(), self.stem.stride());
        let data = self.stem.forward(pixels, size, pad, outputs, Activation::Relu6);
        Map { height: outputs, width: outputs, channels: self.stem.columns(), data }
    }
}

impl CpuBlock {
    fn new(block: &Block, packing: Packing) -> Self {
        let [_, _, kernel, _] = block.depthwise.weight.dims();
        Self {
            expand: block.expand.as_ref().map(|expand| pointwise(expand, packing)),
            depthwise: Depthwise::new(
                &values(&block.depthwise.weight),
                &conv_bias(&block.depthwise),
                kernel,
                block.depthwise.stride[0],
                Activation::Relu6,
                packing.isa,
            ),
            project: pointwise(&block.project, packing.up_to(RELU6)),
            shortcut: block.shortcut,
        }
    }

    fn run(&self, input: Map) -> Map {
        let (kernel, stride) = (self.depthwise.kernel(), self.depthwise.stride());
        let (pad, height) = same(input.height, kernel, stride);
        let (left, width) = same(input.width, kernel, stride);
        let wide = self.depthwise.channels();
        let columns = self.project.columns();
        let wide_row = input.width * wide;
        let input_row = input.width * input.channels;
        // As many output rows at a time as the ring has room for: more rows make better products.
        let ring_rows = (RING_BYTES / (4 * wide_row)).max(kernel);
        let band = ((ring_rows - kernel) / stride + 1).min(height);
        let ring_rows = (kernel + (band - 1) * stride).min(input.height.max(kernel));
        let mut scratch = SCRATCH.take();
        let Scratch { ring, middle, spare } = &mut scratch;
        let ring = sized(ring, if self.expand.is_some() { ring_rows * wide_row } else { 0 });
        let middle = sized(middle, band * width * wide);
        let mut data = std::mem::take(spare);
        data.resize(height * width * columns, 0.0);
        let mut widened = 0;
        for top in (0..height).step_by(band) {
            let rows = band.min(height - top);
            if let Some(expand) = &self.expand {
                // Input rows up to the last that this band looks at, in runs that do not cross the ring's end.
                let last = ((top + rows - 1) * stride + kernel).saturating_sub(pad).min(input.height);
                while widened < last {
                    let slot = widened % ring_rows;
                    let run = (last - widened).min(ring_rows - slot);
                    expand.apply_on(
                        1,
                        &input.data[widened * input_row..(widened + run) * input_row],
                        Activation::Relu6,
                        None,
                        &mut ring[slot * wide_row..(slot + run) * wide_row],
                    );
                    widened += run;
                }
            }
            for (index, out) in middle.chunks_exact_mut(width * wide).take(rows).enumerate() {
                let mut taps: [Option<&[f32]>; 16] = [None; 16];
                for (ky, tap) in taps[..kernel].iter_mut().enumerate() {
                    let row = ((top + index) * stride + ky).wrapping_sub(pad);
                    *tap = (row < input.height).then(|| match self.expand {
                        Some(_) => &ring[(row % ring_rows) * wide_row..][..wide_row],
                        None => &input.data[row * input_row..][..input_row],
                    });
                }
                self.depthwise.row(&taps[..kernel], input.width, left, out);
            }
            let out_rows = top * width * columns..(top + rows) * width * columns;
            let add = self.shortcut.then(|| &input.data[out_rows.clone()]);
            self.project.apply_on(1, &middle[..rows * width * wide], Activation::None, add, &mut data[out_rows]);
        }
        scratch.spare = input.data;
        SCRATCH.set(scratch);
        Map { height, width, channels: columns, data }
    }
}

thread_local! {
    /// Of the block at hand: clearing so much memory anew for each takes a while.
    static SCRATCH: Cell<Scratch> =
        const { Cell::new(Scratch { ring: Vec::new(), middle: Vec::new(), spare: Vec::new() }) };
}

#[derive(Default)]
struct Scratch {
    /// Widened rows.
    ring: Vec<f32>,
    /// What the depthwise convolution makes of them.
    middle: Vec<f32>,
    /// The input of the block before, in whose place the next result is written.
    spare: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use super::super::config::{BackboneConfig, StageConfig};
    use super::*;
    use burn::module::{Module, ModuleMapper, Param};
    use burn::tensor::{Device, Distribution, Tensor};
    use clip_kernels::Isa;

    use crate::Precision;

    /// Fresh weights are so small that photos hardly differ after a few blocks, and a comparison would be blind.
    struct Enlarge;

    impl ModuleMapper for Enlarge {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|weights| weights * 3.0)
        }
    }

    /// Channels that fill no panel, both kernels, both strides, an odd input: every path of a block.
    #[test]
    fn equals_burns_own_forward() {
        let device = Device::flex();
        device.seed(7);
        let stage =
            |repeats, kernel, stride, expansion, channels| StageConfig { repeats, kernel, stride, expansion, channels };
        let config = BackboneConfig {
            stem: 12,
            stages: vec![stage(1, 3, 1, 1, 10), stage(2, 5, 2, 6, 20), stage(2, 3, 2, 3, 72), stage(1, 5, 1, 2, 33)],
            features: 50,
        };
        let backbone = config.init(&device).map(&mut Enlarge);
        for size in [33usize, 64] {
            let x = Tensor::<4>::random([3, 3, size, size], Distribution::Uniform(-1.0, 1.0), &device);
            let expected: Vec<f32> = backbone.forward(x.clone()).into_data().try_into_vec().unwrap();
            let pixels: Vec<f32> = x.into_data().try_into_vec().unwrap();
            let spread = expected[..50].iter().zip(&expected[50..100]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(spread > 0.05, "photos differ by {spread} only");
            for isa in Isa::available() {
                let fast = CpuBackbone::new(backbone.clone(), Packing::new(isa, Precision::F32));
                let found: Vec<f32> =
                    pixels.chunks_exact(3 * size * size).flat_map(|pixels| fast.features(pixels, size)).collect();
                let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-3 * spread, "{isa:?}, size {size}: off by {worst} where photos differ by {spread}");
            }
        }
    }

    #[test]
    fn a_cut_anywhere_gives_the_same() {
        let device = Device::flex();
        let config = BackboneConfig {
            stem: 8,
            stages: vec![StageConfig { repeats: 3, kernel: 3, stride: 2, expansion: 2, channels: 16 }],
            features: 20,
        };
        let fast = CpuBackbone::new(config.init(&device), Packing::best(Precision::F32));
        let pixels: Vec<f32> = (0..3 * 32 * 32).map(|i| (i % 17) as f32 / 17.0).collect();
        let whole = fast.tail(fast.trunk(&pixels, 32, 3), 3);
        assert_eq!(whole, fast.tail(fast.trunk(&pixels, 32, 1), 1));
    }
}
