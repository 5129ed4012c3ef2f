//! A whole inverted residual tower: fast backbones, then burn's own head.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::backbone::FastBackbone;
use super::packing::Packing;
use super::weights::to_vec;
use crate::image_tower::inverted_residual::InvertedResidual;
use crate::projection::ProjectionHead;

/// An inverted residual tower with its backbones laid out for the kernels.
#[derive(Debug)]
pub struct FastInvertedResidual {
    backbones: Vec<FastBackbone>,
    head: ProjectionHead,
    width: usize,
}

impl FastInvertedResidual {
    /// Reads a tower's weights.
    pub fn new(tower: &InvertedResidual, packing: Packing) -> Self {
        Self {
            backbones: tower.backbones.iter().map(|backbone| FastBackbone::new(backbone, packing)).collect(),
            head: tower.head.clone(),
            width: tower.backbones.iter().map(|backbone| backbone.features.weight.dims()[0]).sum(),
        }
    }

    /// Photos' pixels, each `[3, size, size]`, to embeddings `[photos, embed_dim]`, not normalised.
    pub fn forward(&self, photos: &[&[f32]], size: usize) -> Vec<f32> {
        let features: Vec<Vec<f32>> = photos
            .par_iter()
            .map(|pixels| self.backbones.iter().flat_map(|backbone| backbone.features(pixels, size)).collect())
            .collect();
        let features = TensorData::new(features.concat(), [photos.len(), self.width]);
        let device = self.head.mean.val().device();
        to_vec(self.head.forward(Tensor::from_data(features, &device)))
    }
}
