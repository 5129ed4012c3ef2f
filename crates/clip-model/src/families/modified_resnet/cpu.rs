//! OpenAI's residual network on the kernels.
//!
//! Channels lie side by side and norms are part of the weights before them. The first half of the stages, whose images are
//! large and whose weights are few, is run photo by photo; the other half, where it is the other way round, for several
//! photos at a time.

use clip_kernels::attention::{Attention, Rows};
use clip_kernels::convolution::{Convolution, Images, padded};
use clip_kernels::{Activation, Isa, Linear};

use super::module::{AttentionPool, Bottleneck, ConvNorm, ModifiedResnet};
use crate::cpu::packing::Packing;
use crate::cpu::share::share;
use crate::cpu::stem::CpuStem;
use crate::cpu::weights::{columns, linear, to_vec, values};

/// Stages that are run photo by photo.
const LARGE_STAGES: usize = 2;
/// Positions that the last layer of a block takes at a time.
const BAND: usize = 112;

/// A [`ModifiedResnet`] with its weights laid out for the kernels.
#[derive(Debug)]
pub struct CpuModifiedResnet {
    first: CpuStem,
    stem: Vec<Convolution>,
    stages: Vec<Vec<CpuBottleneck>>,
    pool: Pool,
}

/// Activations of some photos, `[count, side, side, channels]`.
struct Maps {
    count: usize,
    side: usize,
    data: Vec<f32>,
}

impl CpuModifiedResnet {
    /// Takes a tower's weights: burn's copy of each stage is dropped when it was read.
    pub fn new(tower: ModifiedResnet, packing: Packing) -> Self {
        let (first, rest) = tower.stem.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
        let first = first.map(|layer| {
            let (weights, bias) = folded(layer);
            let conv = &layer.convolution;
            CpuStem::new(&weights, conv.weight.dims(), &bias, conv.stride[0], packing.isa)
        });
        Self {
            first: first.unwrap_or_else(|| unreachable!("the stem has three convolutions")),
            stem: rest.iter().map(|layer| convolution(layer, packing.isa)).collect(),
            stages: tower
                .stages
                .into_iter()
                .map(|stage| stage.blocks.into_iter().map(|block| CpuBottleneck::new(&block, packing)).collect())
                .collect(),
            pool: Pool::new(&tower.pool, packing),
        }
    }

    /// Photos' pixels, each `[3, size, size]`, to embeddings `[photos, embed_dim]`, not normalised.
    pub fn forward(&self, photos: &[&[f32]], size: usize) -> Vec<f32> {
        share(photos, self.pool.tokens(), |photos, threads| {
            let (large, small) = self.stages.split_at(LARGE_STAGES.min(self.stages.len()));
            let mut maps = Maps { count: 0, side: 0, data: Vec::new() };
            for pixels in photos {
                let map =
                    large.iter().flatten().fold(self.stem(pixels, size, threads), |x, block| block.run(x, threads));
                maps.data.extend_from_slice(&map.data);
                maps = Maps { count: maps.count + 1, side: map.side, data: maps.data };
            }
            let maps = small.iter().flatten().fold(maps, |x, block| block.run(x, threads));
            self.pool.forward(&maps, threads)
        })
    }

    fn stem(&self, pixels: &[f32], size: usize, threads: usize) -> Maps {
        let side = size.div_ceil(self.first.stride());
        let data = self.first.forward(pixels, size, self.first.kernel() / 2, side, Activation::Relu);
        let map = self.stem.iter().fold(Maps { count: 1, side, data }, |x, layer| x.convolved(layer, threads));
        map.halved()
    }
}

impl Maps {
    fn positions(&self) -> usize {
        self.count * self.side * self.side
    }

    fn channels(&self) -> usize {
        self.data.len() / self.positions().max(1)
    }

    /// A convolution with a ReLU behind it.
    fn convolved(&self, convolution: &Convolution, threads: usize) -> Self {
        let (count, side) = (self.count, self.side);
        let mut data = vec![0.0; self.positions() * convolution.columns()];
        let values = padded(&self.data, count, side, side, convolution.kernel() / 2);
        let images = Images { values: &values, count, height: side, width: side };
        convolution.apply_on(threads, images, Activation::Relu, &mut data);
        Self { count, side, data }
    }

    /// The mean of each 2x2 square; what is left over at an odd side does not count.
    fn halved(&self) -> Self {
        let (channels, half) = (self.channels(), self.side / 2);
        let mut data = vec![0.0; self.count * half * half * channels];
        for (index, out) in data.chunks_exact_mut(channels).enumerate() {
            let (photo, y, x) = (index / (half * half), index / half % half, index % half);
            let row = |y: usize| &self.data[((photo * self.side + y) * self.side + 2 * x) * channels..][..2 * channels];
            let ((a, b), (c, d)) = (row(2 * y).split_at(channels), row(2 * y + 1).split_at(channels));
            for (out, ((a, b), (c, d))) in out.iter_mut().zip(a.iter().zip(b).zip(c.iter().zip(d))) {
                *out = (a + b + c + d) * 0.25;
            }
        }
        Self { count: self.count, side: half, data }
    }
}

/// A [`Bottleneck`].
#[derive(Debug)]
struct CpuBottleneck {
    reduce: Box<dyn Linear>,
    spatial: Convolution,
    expand: Box<dyn Linear>,
    shortcut: Option<Box<dyn Linear>>,
    halves: bool,
}

impl CpuBottleneck {
    fn new(block: &Bottleneck, packing: Packing) -> Self {
        Self {
            reduce: pointwise(&block.reduce, packing),
            spatial: convolution(&block.spatial, packing.isa),
            expand: pointwise(&block.expand, packing),
            shortcut: block.shortcut.as_ref().map(|shortcut| pointwise(shortcut, packing)),
            halves: block.stride > 1,
        }
    }

    fn run(&self, input: Maps, threads: usize) -> Maps {
        let mut data = vec![0.0; input.positions() * self.reduce.columns()];
        self.reduce.apply_on(threads, &input.data, Activation::Relu, None, &mut data);
        let narrow = Maps { count: input.count, side: input.side, data }.convolved(&self.spatial, threads);
        let (narrow, input) = if self.halves { (narrow.halved(), input.halved()) } else { (narrow, input) };
        let columns = self.expand.columns();
        let mut data = vec![0.0; input.positions() * columns];
        let depths = (narrow.channels(), input.channels());
        let mut projected = vec![0.0; if self.shortcut.is_some() { BAND * columns } else { 0 }];
        // In bands, so that the shortcut is still in the cache when it is added.
        for (index, out) in data.chunks_mut(BAND * columns).enumerate() {
            let positions = out.len() / columns;
            let narrow = &narrow.data[index * BAND * depths.0..][..positions * depths.0];
            let around = &input.data[index * BAND * depths.1..][..positions * depths.1];
            let around = match &self.shortcut {
                Some(shortcut) => {
                    let projected = &mut projected[..positions * columns];
                    shortcut.apply_on(threads, around, Activation::None, None, projected);
                    projected
                }
                None => around,
            };
            self.expand.apply_on(threads, narrow, Activation::SumRelu, Some(around), out);
        }
        Maps { count: input.count, side: input.side, data }
    }
}

/// The weights of a convolution and a bias, the norm behind it in both.
fn folded(layer: &ConvNorm) -> (Vec<f32>, Vec<f32>) {
    let (scale, offset) = layer.norm.affine();
    let mut weights = values(&layer.convolution.weight);
    let scale = to_vec(scale);
    let each = weights.len() / scale.len().max(1);
    for (weights, scale) in weights.chunks_exact_mut(each.max(1)).zip(scale) {
        for weight in weights {
            *weight *= scale;
        }
    }
    (weights, to_vec(offset))
}

fn convolution(layer: &ConvNorm, isa: Isa) -> Convolution {
    let (weights, bias) = folded(layer);
    let [_, channels, kernel, _] = layer.convolution.weight.dims();
    Convolution::new(&weights, &bias, channels, kernel, isa)
}

fn pointwise(layer: &ConvNorm, packing: Packing) -> Box<dyn Linear> {
    let (weights, bias) = folded(layer);
    packing.rows(&weights, &bias, layer.convolution.weight.dims()[1])
}

/// An [`AttentionPool`].
#[derive(Debug)]
struct Pool {
    /// `[1 + places, width]`.
    positions: Vec<f32>,
    query: Box<dyn Linear>,
    /// To keys and values side by side.
    keys_values: Box<dyn Linear>,
    output: Box<dyn Linear>,
    heads: usize,
    isa: Isa,
}

impl Pool {
    fn new(pool: &AttentionPool, packing: Packing) -> Self {
        let attention = &pool.attention;
        let [width, _] = attention.input.weight.dims();
        Self {
            positions: values(&pool.position_embedding),
            query: columns(&attention.input, 0..width, packing.exact()),
            keys_values: columns(&attention.input, width..3 * width, packing),
            output: linear(&attention.output, packing.exact()),
            heads: attention.heads,
            isa: packing.isa,
        }
    }

    fn width(&self) -> usize {
        self.query.columns()
    }

    fn tokens(&self) -> usize {
        self.positions.len() / self.width()
    }

    fn forward(&self, maps: &Maps, threads: usize) -> Vec<f32> {
        let (width, tokens) = (self.width(), self.tokens());
        let places = width * (tokens - 1);
        let (mut states, mut means) = (Vec::with_capacity(maps.count * tokens * width), Vec::new());
        for photo in maps.data.chunks_exact(places.max(1)) {
            let mut mean = vec![0.0; width];
            for place in photo.chunks_exact(width) {
                for (mean, value) in mean.iter_mut().zip(place) {
                    *mean += value / (tokens - 1) as f32;
                }
            }
            let token = mean.iter().chain(photo).zip(&self.positions).map(|(value, position)| value + position);
            let start = states.len();
            states.extend(token);
            means.extend_from_slice(&states[start..start + width]);
        }
        let mut queries = vec![0.0; means.len()];
        self.query.apply_on(threads, &means, Activation::None, None, &mut queries);
        let mut keys_values = vec![0.0; 2 * states.len()];
        self.keys_values.apply_on(threads, &states, Activation::None, None, &mut keys_values);
        let mut attended = vec![0.0; queries.len()];
        let photos = keys_values.chunks_exact(2 * tokens * width).zip(queries.chunks_exact(width));
        for ((photo, query), out) in photos.zip(attended.chunks_exact_mut(width)) {
            let rows = |start| Rows { values: photo, stride: 2 * width, start, count: tokens };
            let attention = Attention {
                queries: Rows { values: query, stride: width, start: 0, count: 1 },
                keys: rows(0),
                values: rows(width),
                width,
                heads: self.heads,
                causal: false,
                isa: self.isa,
            };
            attention.apply_on(threads, out);
        }
        let mut out = vec![0.0; maps.count * self.output.columns()];
        self.output.apply_on(threads, &attended, Activation::None, None, &mut out);
        out
    }
}
