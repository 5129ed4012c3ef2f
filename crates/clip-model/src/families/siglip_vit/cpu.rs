//! SigLIP's vision transformer on the kernels.

use clip_kernels::attention::{Attention, Rows};
use clip_kernels::norm::LayerNorm;
use clip_kernels::patches::{Order, PatchEmbedding};
use clip_kernels::transformer::Stack;
use clip_kernels::{Activation, Isa, Linear};

use super::module::{AttentionPool, SiglipVit};
use crate::cpu::packing::Packing;
use crate::cpu::share::share;
use crate::cpu::transformer::{activation, normed, stack};
use crate::cpu::weights::{columns, layer_norm, linear, patch_embedding, values};

/// A [`SiglipVit`] with its weights laid out for the kernels.
#[derive(Debug)]
pub struct CpuSiglipVit {
    patches: PatchEmbedding,
    /// `[patches, width]`.
    positions: Vec<f32>,
    layers: Stack,
    norm_post: LayerNorm,
    pool: Pool,
}

impl CpuSiglipVit {
    /// Takes a tower's weights.
    pub fn new(tower: SiglipVit, packing: Packing) -> Self {
        let epsilon = tower.transformer.layer_norm_eps;
        Self {
            patches: patch_embedding(&tower.patch_embedding, Order::Planes, packing),
            positions: values(&tower.position_embedding),
            layers: stack(tower.transformer, packing),
            norm_post: layer_norm(&tower.norm_post, epsilon, packing.isa),
            pool: Pool::new(&tower.pool, epsilon, packing),
        }
    }

    /// Photos' pixels, each `[3, size, size]`, to embeddings `[photos, width]`, not normalised.
    pub fn forward(&self, photos: &[&[f32]], size: usize) -> Vec<f32> {
        let tokens = self.positions.len() / self.norm_post.width();
        share(photos, tokens, |photos, threads| {
            let mut states = vec![0.0; photos.len() * self.positions.len()];
            for (pixels, out) in photos.iter().zip(states.chunks_exact_mut(self.positions.len())) {
                self.patches.apply_on(threads, pixels, size, Activation::None, Some(&self.positions), out);
            }
            let states = self.layers.forward(states, &vec![tokens; photos.len()], None, threads);
            let normed = normed(&self.norm_post, &states);
            drop(states);
            self.pool.forward(&normed, photos.len(), threads)
        })
    }
}

/// The pool by attention of one learned query.
#[derive(Debug)]
struct Pool {
    /// The query, projected: it is the same for all photos.
    query: Vec<f32>,
    /// To keys and values side by side.
    keys_values: Box<dyn Linear>,
    output: Box<dyn Linear>,
    heads: usize,
    norm: LayerNorm,
    widen: Box<dyn Linear>,
    activation: Activation,
    narrow: Box<dyn Linear>,
    isa: Isa,
}

impl Pool {
    fn new(pool: &AttentionPool, epsilon: f64, packing: Packing) -> Self {
        let isa = packing.isa;
        let [width, _] = pool.attention.input.weight.dims();
        let mut query = vec![0.0; width];
        let to_query = columns(&pool.attention.input, 0..width, packing.exact());
        to_query.apply_on(1, &values(&pool.probe), Activation::None, None, &mut query);
        Self {
            query,
            keys_values: columns(&pool.attention.input, width..3 * width, packing),
            output: linear(&pool.attention.output, packing.exact()),
            heads: pool.attention.heads,
            norm: layer_norm(&pool.norm, epsilon, isa),
            widen: linear(&pool.mlp.input, packing.exact()),
            activation: activation(pool.mlp.activation),
            narrow: linear(&pool.mlp.output, packing.exact()),
            isa,
        }
    }

    /// States `[photos, tokens, width]` to `[photos, width]`.
    fn forward(&self, states: &[f32], photos: usize, threads: usize) -> Vec<f32> {
        let width = self.query.len();
        let mut keys_values = vec![0.0; 2 * states.len()];
        self.keys_values.apply_on(threads, states, Activation::None, None, &mut keys_values);
        let mut attended = vec![0.0; photos * width];
        let each = keys_values.len() / photos;
        for (photo, out) in keys_values.chunks_exact(each).zip(attended.chunks_exact_mut(width)) {
            let rows = |start| Rows { values: photo, stride: 2 * width, start, count: each / (2 * width) };
            let attention = Attention {
                queries: Rows { values: &self.query, stride: width, start: 0, count: 1 },
                keys: rows(0),
                values: rows(width),
                width,
                heads: self.heads,
                causal: false,
                isa: self.isa,
            };
            attention.apply_on(threads, out);
        }
        let mut pooled = vec![0.0; photos * width];
        self.output.apply_on(threads, &attended, Activation::None, None, &mut pooled);
        self.norm.apply(&pooled, &mut attended);
        let mut hidden = vec![0.0; photos * self.widen.columns()];
        self.widen.apply_on(threads, &attended, self.activation, None, &mut hidden);
        let mut out = vec![0.0; photos * width];
        self.narrow.apply_on(threads, &hidden, Activation::None, Some(&pooled), &mut out);
        out
    }
}
