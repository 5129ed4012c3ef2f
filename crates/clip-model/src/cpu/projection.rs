//! `pocket`'s projection head on the kernels.

use clip_kernels::{Activation, Linear};

use super::packing::Packing;
use super::weights::{linear, values};
use crate::projection::ProjectionHead;

/// A [`ProjectionHead`] with its weights laid out for the kernels. It is in 32-bit floats always: it costs little.
#[derive(Debug)]
pub struct CpuProjectionHead {
    mean: Vec<f32>,
    scale: Vec<f32>,
    linear: Box<dyn Linear>,
    hidden: Box<dyn Linear>,
    output: Box<dyn Linear>,
}

impl CpuProjectionHead {
    /// Reads a head's weights.
    pub fn new(head: &ProjectionHead, packing: Packing) -> Self {
        let packing = packing.exact();
        Self {
            mean: values(&head.mean),
            scale: values(&head.scale),
            linear: linear(&head.linear, packing),
            hidden: linear(&head.hidden, packing),
            output: linear(&head.output, packing),
        }
    }

    /// Features `[rows, input]`, which it standardises in place, to embeddings `[rows, output]`, not normalised.
    pub fn forward(&self, features: &mut [f32], threads: usize) -> Vec<f32> {
        for row in features.chunks_exact_mut(self.mean.len().max(1)) {
            for (value, (mean, scale)) in row.iter_mut().zip(self.mean.iter().zip(&self.scale)) {
                *value = (*value - mean) * scale;
            }
        }
        let rows = features.len() / self.mean.len().max(1);
        let product = |linear: &dyn Linear, left: &[f32], activation, add: Option<&[f32]>| {
            let mut out = vec![0.0; rows * linear.columns()];
            linear.apply_on(threads, left, activation, add, &mut out);
            out
        };
        let hidden = product(&*self.hidden, features, Activation::Gelu, None);
        let direct = product(&*self.linear, features, Activation::None, None);
        product(&*self.output, &hidden, Activation::None, Some(&direct))
    }
}
