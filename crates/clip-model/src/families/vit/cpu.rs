//! CLIP's vision transformer on the kernels.

use clip_kernels::norm::LayerNorm;
use clip_kernels::patches::{Order, PatchEmbedding};
use clip_kernels::transformer::Stack;
use clip_kernels::{Activation, Linear};

use super::module::Vit;
use crate::cpu::packing::Packing;
use crate::cpu::share::share;
use crate::cpu::transformer::{project, stack};
use crate::cpu::weights::{layer_norm, linear, patch_embedding, values};

/// A [`Vit`] with its weights laid out for the kernels.
#[derive(Debug)]
pub struct CpuVit {
    patches: PatchEmbedding,
    /// The class token with its position, then the patches' positions, `[1 + patches, width]`.
    start: Vec<f32>,
    norm_pre: LayerNorm,
    layers: Stack,
    norm_post: LayerNorm,
    projection: Box<dyn Linear>,
}

impl CpuVit {
    /// Takes a tower's weights.
    pub fn new(tower: Vit, packing: Packing) -> Self {
        let isa = packing.isa;
        let epsilon = tower.transformer.layer_norm_eps;
        let mut start = values(&tower.position_embedding);
        for (start, class) in start.iter_mut().zip(values(&tower.class_embedding)) {
            *start += class;
        }
        Self {
            patches: patch_embedding(&tower.patch_embedding, Order::Planes, packing),
            start,
            norm_pre: layer_norm(&tower.norm_pre, epsilon, isa),
            layers: stack(tower.transformer, packing),
            norm_post: layer_norm(&tower.norm_post, epsilon, isa),
            projection: linear(&tower.projection, packing.exact()),
        }
    }

    /// Photos' pixels, each `[3, size, size]`, to embeddings `[photos, embed_dim]`, not normalised.
    pub fn forward(&self, photos: &[&[f32]], size: usize) -> Vec<f32> {
        let width = self.norm_post.width();
        let tokens = self.start.len() / width;
        share(photos, tokens, |photos, threads| {
            let (class, positions) = self.start.split_at(width);
            let mut embedded = vec![0.0; photos.len() * tokens * width];
            for (pixels, out) in photos.iter().zip(embedded.chunks_exact_mut(tokens * width)) {
                let (first, out) = out.split_at_mut(width);
                first.copy_from_slice(class);
                self.patches.apply_on(threads, pixels, size, Activation::None, Some(positions), out);
            }
            let mut states = vec![0.0; embedded.len()];
            self.norm_pre.apply(&embedded, &mut states);
            drop(embedded);
            let class = vec![0; photos.len()];
            let states = self.layers.forward(states, &vec![tokens; photos.len()], Some(&class), threads);
            project(&self.norm_post, &*self.projection, &states, threads)
        })
    }
}
