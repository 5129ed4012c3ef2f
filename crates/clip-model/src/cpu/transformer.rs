//! The transformer's layers for the kernels.

use clip_kernels::norm::LayerNorm;
use clip_kernels::transformer::{Layer, Stack};
use clip_kernels::{Activation, Linear};

use super::packing::Packing;
use super::weights::{layer_norm, linear};
use crate::activation;
use crate::transformer::{Block, Transformer};

/// A transformer with its weights laid out for the kernels. Each layer of burn's is dropped when it was read.
pub fn stack(transformer: Transformer, packing: Packing) -> Stack {
    let epsilon = transformer.layer_norm_eps;
    let layers = transformer.blocks.into_iter().map(|block| layer(&block, epsilon, packing)).collect();
    Stack { layers, isa: packing.isa }
}

fn layer(block: &Block, epsilon: f64, packing: Packing) -> Layer {
    let isa = packing.isa;
    Layer {
        attention_norm: layer_norm(&block.attention_norm, epsilon, isa),
        joint: linear(&block.attention.input, packing),
        output: linear(&block.attention.output, packing),
        heads: block.attention.heads,
        causal: block.attention.causal,
        mlp_norm: layer_norm(&block.mlp_norm, epsilon, isa),
        widen: linear(&block.mlp.input, packing),
        activation: activation(block.mlp.activation),
        narrow: linear(&block.mlp.output, packing),
    }
}

/// The kernels' name for an activation.
pub fn activation(activation: activation::Activation) -> Activation {
    match activation {
        activation::Activation::QuickGelu => Activation::QuickGelu,
        activation::Activation::Gelu => Activation::Gelu,
        activation::Activation::GeluTanh => Activation::GeluTanh,
    }
}

/// Rows of states, normalised.
pub fn normed(norm: &LayerNorm, states: &[f32]) -> Vec<f32> {
    let mut normed = vec![0.0; states.len()];
    norm.apply(states, &mut normed);
    normed
}

/// The states `[rows, width]` of the tokens that count, normalised and projected to embeddings.
pub fn project(norm: &LayerNorm, projection: &dyn Linear, states: &[f32], threads: usize) -> Vec<f32> {
    let mut out = vec![0.0; states.len() / norm.width() * projection.columns()];
    projection.apply_on(threads, &normed(norm, states), Activation::None, None, &mut out);
    out
}
