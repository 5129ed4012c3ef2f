//! Reads burn's parameters and lays them out for the kernels.

use burn::module::Param;
use burn::nn;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use clip_kernels::patches::{Order, PatchEmbedding};
use clip_kernels::{Isa, Linear, norm};

use super::packing::Packing;
use crate::Precision;

/// A tensor's values in row-major order. The CPU backend hands them over as they are, so there is nothing to fail.
pub fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().unwrap_or_default()
}

/// A parameter's values in row-major order.
pub fn values<const D: usize>(param: &Param<Tensor<D>>) -> Vec<f32> {
    to_vec(param.val())
}

/// A bias of `count` values, zeros if there is none.
pub fn bias(bias: Option<&Param<Tensor<1>>>, count: usize) -> Vec<f32> {
    bias.map_or_else(|| vec![0.0; count], values)
}

/// A convolution's bias, zeros if it has none.
pub fn conv_bias(conv: &Conv2d) -> Vec<f32> {
    bias(conv.bias.as_ref(), conv.weight.dims()[0])
}

/// A linear map.
pub fn linear(linear: &nn::Linear, packing: Packing) -> Box<dyn Linear> {
    columns(linear, 0..linear.weight.dims()[1], packing)
}

/// Some columns of a linear map.
pub fn columns(linear: &nn::Linear, columns: std::ops::Range<usize>, packing: Packing) -> Box<dyn Linear> {
    let [depth, all] = linear.weight.dims();
    let mut weights = values(&linear.weight);
    if columns.len() < all {
        weights = weights.chunks_exact(all).flat_map(|row| &row[columns.clone()]).copied().collect();
    }
    packing.columns(&weights, &bias(linear.bias.as_ref(), all)[columns], depth)
}

/// Convolutions of fewer weights stay in 32-bit floats where others go into bytes: to round their inputs takes as long as
/// their products.
const FEW_WEIGHTS: usize = 1024;

/// A 1x1 convolution.
pub fn pointwise(conv: &Conv2d, packing: Packing) -> Box<dyn Linear> {
    let weights = values(&conv.weight);
    let few = packing.precision == Precision::Int8 && weights.len() < FEW_WEIGHTS;
    let packing = if few { packing.exact() } else { packing };
    packing.rows(&weights, &conv_bias(conv), conv.weight.dims()[1])
}

/// A layer norm, whose epsilon burn keeps to itself.
pub fn layer_norm(norm: &nn::LayerNorm, epsilon: f64, isa: Isa) -> norm::LayerNorm {
    let gain = values(&norm.gamma);
    norm::LayerNorm::new(&gain, &bias(norm.beta.as_ref(), gain.len()), epsilon as f32, isa)
}

/// A convolution whose stride is its kernel.
pub fn patch_embedding(conv: &Conv2d, order: Order, packing: Packing) -> PatchEmbedding {
    let [_, channels, side, _] = conv.weight.dims();
    let linear = |weights: &[f32]| packing.rows(weights, &conv_bias(conv), channels * side * side);
    PatchEmbedding::new(&values(&conv.weight), channels, side, order, linear)
}
