//! MobileCLIP's convolutional tower on the kernels, photo by photo, channels side by side.

use burn::nn::conv::Conv2d;
use clip_kernels::attention::Attention;
use clip_kernels::depthwise::Depthwise;
use clip_kernels::epilogue;
use clip_kernels::{Activation, Isa, Linear};
use rayon::prelude::*;

use super::module::{AttentionBlock, Block, Downsample, FastVit, SqueezeExcite, Stage};
use crate::conv_mixer::ConvMlp;
use crate::cpu::map::Map;
use crate::cpu::packing::Packing;
use crate::cpu::stem::CpuStem;
use crate::cpu::weights::{conv_bias, linear, pointwise, values};

/// A [`FastVit`] with its weights laid out for the kernels.
#[derive(Debug)]
pub struct CpuFastVit {
    stem: CpuStem,
    stem_depthwise: Channelwise,
    stem_pointwise: Box<dyn Linear>,
    stages: Vec<CpuStage>,
    features: Channelwise,
    features_gate: Gate,
    projection: Box<dyn Linear>,
    isa: Isa,
}

impl CpuFastVit {
    /// Takes a tower's weights.
    pub fn new(tower: FastVit, packing: Packing) -> Self {
        let isa = packing.isa;
        Self {
            stem: CpuStem::of(&tower.stem[0], packing.isa),
            stem_depthwise: Channelwise::new(&tower.stem[1], Activation::Gelu, isa),
            stem_pointwise: pointwise(&tower.stem[2], packing),
            stages: tower.stages.into_iter().map(|stage| CpuStage::new(stage, packing)).collect(),
            features: Channelwise::new(&tower.features, Activation::None, isa),
            features_gate: Gate::new(&tower.features_gate, packing),
            projection: linear(&tower.projection, packing.exact()),
            isa,
        }
    }

    /// Photos' pixels, each `[3, size, size]`, to embeddings `[photos, embed_dim]`, not normalised.
    pub fn forward(&self, photos: &[&[f32]], size: usize) -> Vec<f32> {
        photos.par_iter().flat_map_iter(|pixels| self.photo(pixels, size)).collect()
    }

    fn photo(&self, pixels: &[f32], size: usize) -> Vec<f32> {
        let side = size.div_ceil(self.stem.stride());
        let data = self.stem.forward(pixels, size, self.stem.kernel() / 2, side, Activation::Gelu);
        let map = Map { height: side, width: side, channels: self.stem.columns(), data };
        let map = self.stem_depthwise.run(map).product(&*self.stem_pointwise, Activation::Gelu, None);
        let map = self.stages.iter().fold(map, |map, stage| stage.run(map));
        let mut map = self.features_gate.run(self.features.run(map));
        epilogue::apply(self.isa, Activation::Gelu, None, &mut map.data);
        let mut out = vec![0.0; self.projection.columns()];
        self.projection.apply_on(1, &map.mean(), Activation::None, None, &mut out);
        out
    }
}

/// A convolution that makes one or several channels of each.
#[derive(Debug)]
struct Channelwise {
    depthwise: Depthwise,
    /// Channels that are made of each.
    multiple: usize,
}

impl Channelwise {
    fn new(conv: &Conv2d, activation: Activation, isa: Isa) -> Self {
        let [columns, _, kernel, _] = conv.weight.dims();
        Self {
            depthwise: Depthwise::new(&values(&conv.weight), &conv_bias(conv), kernel, conv.stride[0], activation, isa),
            multiple: columns / conv.groups.max(1),
        }
    }

    fn run(&self, map: Map) -> Map {
        let map = if self.multiple > 1 { map.repeated(self.multiple) } else { map };
        let (kernel, stride) = (self.depthwise.kernel(), self.depthwise.stride());
        let (height, width) = (map.height.div_ceil(stride), map.width.div_ceil(stride));
        let row_length = map.width * map.channels;
        let mut data = vec![0.0; height * width * map.channels];
        for (y, out) in data.chunks_exact_mut(width * map.channels).enumerate() {
            let mut taps: [Option<&[f32]>; 16] = [None; 16];
            for (ky, tap) in taps[..kernel].iter_mut().enumerate() {
                let row = (y * stride + ky).wrapping_sub(kernel / 2);
                *tap = (row < map.height).then(|| &map.data[row * row_length..][..row_length]);
            }
            self.depthwise.row(&taps[..kernel], map.width, kernel / 2, out);
        }
        Map { height, width, channels: map.channels, data }
    }
}

#[derive(Debug)]
struct CpuStage {
    downsample: Option<CpuDownsample>,
    position_encoding: Option<Channelwise>,
    blocks: Vec<CpuBlock>,
}

impl CpuStage {
    fn new(stage: Stage, packing: Packing) -> Self {
        let channelwise = |conv: &Conv2d| Channelwise::new(conv, Activation::None, packing.isa);
        // Dropped when it was read.
        let block = |block: Block| match &block {
            Block::RepMixer(block) => {
                CpuBlock { mixer: Mixer::Convolution(channelwise(&block.mixer)), mlp: CpuMlp::new(&block.mlp, packing) }
            }
            Block::Attention(block) => CpuBlock {
                mixer: Mixer::Attention(CpuAttention::new(block, packing)),
                mlp: CpuMlp::new(&block.mlp, packing),
            },
        };
        Self {
            downsample: stage.downsample.as_ref().map(|downsample| CpuDownsample::new(downsample, packing)),
            position_encoding: stage.position_encoding.as_ref().map(channelwise),
            blocks: stage.blocks.into_iter().map(block).collect(),
        }
    }

    fn run(&self, map: Map) -> Map {
        let map = match &self.downsample {
            Some(downsample) => downsample.run(map),
            None => map,
        };
        let map = match &self.position_encoding {
            Some(encoding) => encoding.run(map),
            None => map,
        };
        self.blocks.iter().fold(map, |map, block| {
            let map = match &block.mixer {
                Mixer::Convolution(mixer) => mixer.run(map),
                Mixer::Attention(attention) => attention.run(map),
            };
            block.mlp.run(map)
        })
    }
}

#[derive(Debug)]
struct CpuDownsample {
    spatial: Channelwise,
    gate: Option<Gate>,
    pointwise: Box<dyn Linear>,
    isa: Isa,
}

impl CpuDownsample {
    fn new(downsample: &Downsample, packing: Packing) -> Self {
        Self {
            spatial: Channelwise::new(&downsample.spatial, Activation::None, packing.isa),
            gate: downsample.gate.as_ref().map(|gate| Gate::new(gate, packing)),
            pointwise: pointwise(&downsample.pointwise, packing),
            isa: packing.isa,
        }
    }

    fn run(&self, map: Map) -> Map {
        let map = self.spatial.run(map);
        let mut map = match &self.gate {
            Some(gate) => gate.run(map),
            None => map,
        };
        epilogue::apply(self.isa, Activation::Gelu, None, &mut map.data);
        map.product(&*self.pointwise, Activation::Gelu, None)
    }
}

/// A [`SqueezeExcite`].
#[derive(Debug)]
struct Gate {
    reduce: Box<dyn Linear>,
    expand: Box<dyn Linear>,
}

impl Gate {
    fn new(gate: &SqueezeExcite, packing: Packing) -> Self {
        Self { reduce: pointwise(&gate.reduce, packing.exact()), expand: pointwise(&gate.expand, packing.exact()) }
    }

    fn run(&self, mut map: Map) -> Map {
        let mut hidden = vec![0.0; self.reduce.columns()];
        self.reduce.apply_on(1, &map.mean(), Activation::Relu, None, &mut hidden);
        let mut weights = vec![0.0; map.channels];
        self.expand.apply_on(1, &hidden, Activation::None, None, &mut weights);
        for weight in &mut weights {
            *weight = 1.0 / (1.0 + (-*weight).exp());
        }
        for position in map.data.chunks_exact_mut(map.channels) {
            for (value, weight) in position.iter_mut().zip(&weights) {
                *value *= weight;
            }
        }
        map
    }
}

#[derive(Debug)]
struct CpuBlock {
    mixer: Mixer,
    mlp: CpuMlp,
}

/// What mixes a block's positions.
#[derive(Debug)]
enum Mixer {
    Convolution(Channelwise),
    Attention(CpuAttention),
}

/// A [`ConvMlp`] and the shortcut around it.
#[derive(Debug)]
struct CpuMlp {
    depthwise: Channelwise,
    input: Box<dyn Linear>,
    output: Box<dyn Linear>,
}

impl CpuMlp {
    fn new(mlp: &ConvMlp, packing: Packing) -> Self {
        Self {
            depthwise: Channelwise::new(&mlp.depthwise, Activation::None, packing.isa),
            input: pointwise(&mlp.input, packing),
            output: pointwise(&mlp.output, packing),
        }
    }

    fn run(&self, map: Map) -> Map {
        let mixed = self.depthwise.run(map.clone());
        let columns = self.input.columns();
        let mut data = vec![0.0; map.data.len()];
        let mut hidden = vec![0.0; BAND * columns];
        let bands = mixed.data.chunks(BAND * map.channels).zip(map.data.chunks(BAND * map.channels));
        for ((mixed, around), out) in bands.zip(data.chunks_mut(BAND * map.channels)) {
            let hidden = &mut hidden[..mixed.len() / map.channels * columns];
            self.input.apply_on(1, mixed, Activation::Gelu, None, hidden);
            self.output.apply_on(1, hidden, Activation::None, Some(around), out);
        }
        Map { data, ..map }
    }
}

/// Positions whose hidden channels are computed at a time, so that these stay in the cache.
const BAND: usize = 112;

/// The attention of an [`AttentionBlock`] and the shortcut around it.
#[derive(Debug)]
struct CpuAttention {
    joint: Box<dyn Linear>,
    output: Box<dyn Linear>,
    heads: usize,
    isa: Isa,
}

impl CpuAttention {
    fn new(block: &AttentionBlock, packing: Packing) -> Self {
        Self {
            joint: linear(&block.attention.input, packing),
            output: linear(&block.attention.output, packing),
            heads: block.attention.heads,
            isa: packing.isa,
        }
    }

    fn run(&self, map: Map) -> Map {
        let mut joint = vec![0.0; 3 * map.data.len()];
        self.joint.apply_on(1, &map.data, Activation::None, None, &mut joint);
        let mut attended = vec![0.0; map.data.len()];
        Attention::of_joint(&joint, map.channels, self.heads, self.isa).apply_on(1, &mut attended);
        let mut data = vec![0.0; map.data.len()];
        self.output.apply_on(1, &attended, Activation::None, Some(&map.data), &mut data);
        Map { data, ..map }
    }
}
