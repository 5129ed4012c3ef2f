//! MobileCLIP-B's vision transformer on the kernels. The convolutions of its stem do not overlap, so each is a product.

use clip_kernels::norm::LayerNorm;
use clip_kernels::patches::{Order, PatchEmbedding};
use clip_kernels::transformer::Stack;
use clip_kernels::{Activation, Linear};

use super::module::ConvStemVit;
use crate::cpu::packing::Packing;
use crate::cpu::share::share;
use crate::cpu::transformer::{project, stack};
use crate::cpu::weights::{layer_norm, linear, patch_embedding, values};

/// A [`ConvStemVit`] with its weights laid out for the kernels.
#[derive(Debug)]
pub struct CpuConvStemVit {
    /// The stem's convolutions, an activation behind all but the last.
    stem: Vec<PatchEmbedding>,
    class: Vec<f32>,
    /// `[patches, width]`.
    positions: Vec<f32>,
    layers: Stack,
    norm: LayerNorm,
    projection: Box<dyn Linear>,
}

impl CpuConvStemVit {
    /// Takes a tower's weights.
    pub fn new(tower: ConvStemVit, packing: Packing) -> Self {
        let order = |index| if index == 0 { Order::Planes } else { Order::Positions };
        let epsilon = tower.transformer.layer_norm_eps;
        Self {
            stem: tower.stem.iter().enumerate().map(|(i, conv)| patch_embedding(conv, order(i), packing)).collect(),
            class: values(&tower.class_embedding),
            positions: values(&tower.position_embedding),
            layers: stack(tower.transformer, packing),
            norm: layer_norm(&tower.norm, epsilon, packing.isa),
            projection: linear(&tower.projection, packing.exact()),
        }
    }

    /// Photos' pixels, each `[3, size, size]`, to embeddings `[photos, embed_dim]`, not normalised.
    pub fn forward(&self, photos: &[&[f32]], size: usize) -> Vec<f32> {
        let width = self.class.len();
        let tokens = 1 + self.positions.len() / width;
        share(photos, tokens, |photos, threads| {
            let mut states = vec![0.0; photos.len() * tokens * width];
            for (pixels, out) in photos.iter().zip(states.chunks_exact_mut(tokens * width)) {
                let (class, out) = out.split_at_mut(width);
                class.copy_from_slice(&self.class);
                self.embed(pixels, size, threads, out);
            }
            let class = vec![0; photos.len()];
            let states = self.layers.forward(states, &vec![tokens; photos.len()], Some(&class), threads);
            project(&self.norm, &*self.projection, &states, threads)
        })
    }

    fn embed(&self, pixels: &[f32], size: usize, threads: usize, out: &mut [f32]) {
        let Some((last, first)) = self.stem.split_last() else { return };
        let mut size = size;
        let mut map: Option<Vec<f32>> = None;
        for stage in first {
            let side = size / stage.side();
            let mut next = vec![0.0; side * side * stage.columns()];
            stage.apply_on(threads, map.as_deref().unwrap_or(pixels), size, Activation::Gelu, None, &mut next);
            map = Some(next);
            size = side;
        }
        last.apply_on(threads, map.as_deref().unwrap_or(pixels), size, Activation::None, Some(&self.positions), out);
    }
}
