//! A whole inverted residual tower: backbones side by side, then the head.

use rayon::prelude::*;

use super::cpu_backbone::CpuBackbone;
use super::module::InvertedResidual;
use crate::cpu::packing::Packing;
use crate::cpu::projection::CpuProjectionHead;

/// An inverted residual tower laid out for the kernels.
#[derive(Debug)]
pub struct CpuInvertedResidual {
    backbones: Vec<CpuBackbone>,
    head: CpuProjectionHead,
}

impl CpuInvertedResidual {
    /// Takes a tower's weights.
    pub fn new(tower: InvertedResidual, packing: Packing) -> Self {
        Self {
            backbones: tower.backbones.into_iter().map(|backbone| CpuBackbone::new(backbone, packing)).collect(),
            head: CpuProjectionHead::new(&tower.head, packing),
        }
    }

    /// Photos' pixels, each `[3, size, size]`, to embeddings `[photos, embed_dim]`, not normalised.
    pub fn forward(&self, photos: &[&[f32]], size: usize) -> Vec<f32> {
        let features: Vec<Vec<f32>> = photos
            .par_iter()
            .map(|pixels| self.backbones.iter().flat_map(|backbone| backbone.features(pixels, size)).collect())
            .collect();
        self.head.forward(&mut features.concat(), rayon::current_num_threads())
    }
}
