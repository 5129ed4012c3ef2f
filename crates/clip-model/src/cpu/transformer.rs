//! The transformer's layers for the kernels.

use clip_kernels::Isa;
use clip_kernels::transformer::{Layer, Stack};

use super::weights::{layer_norm, linear};
use crate::config;
use crate::transformer::{Block, Transformer};

/// A transformer with its weights laid out for the kernels. Each layer of burn's is dropped when it was read.
pub fn stack(transformer: Transformer, isa: Isa) -> Stack {
    let epsilon = transformer.layer_norm_eps;
    Stack { layers: transformer.blocks.into_iter().map(|block| layer(&block, epsilon, isa)).collect(), isa }
}

fn layer(block: &Block, epsilon: f64, isa: Isa) -> Layer {
    Layer {
        attention_norm: layer_norm(&block.attention_norm, epsilon, isa),
        joint: Box::new(linear(&block.attention.input, isa)),
        output: Box::new(linear(&block.attention.output, isa)),
        heads: block.attention.heads,
        causal: block.attention.causal,
        mlp_norm: layer_norm(&block.mlp_norm, epsilon, isa),
        widen: Box::new(linear(&block.mlp.input, isa)),
        activation: activation(block.mlp.activation),
        narrow: Box::new(linear(&block.mlp.output, isa)),
    }
}

/// The kernels' name for an activation.
pub fn activation(activation: config::Activation) -> clip_kernels::Activation {
    match activation {
        config::Activation::QuickGelu => clip_kernels::Activation::QuickGelu,
        config::Activation::Gelu => clip_kernels::Activation::Gelu,
        config::Activation::GeluTanh => clip_kernels::Activation::GeluTanh,
    }
}
