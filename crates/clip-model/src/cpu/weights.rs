//! Reads burn's parameters and lays them out for the kernels.

use burn::module::Param;
use burn::nn::conv::Conv2d;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;
use clip_kernels::patches::{Order, PatchEmbedding};
use clip_kernels::{Isa, gemm::PackedLinear, norm};

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
pub fn linear(linear: &Linear, isa: Isa) -> PackedLinear {
    let [depth, columns] = linear.weight.dims();
    PackedLinear::transposed(&values(&linear.weight), &bias(linear.bias.as_ref(), columns), depth, isa)
}

/// Some columns of a linear map.
pub fn columns(linear: &Linear, columns: std::ops::Range<usize>, isa: Isa) -> PackedLinear {
    let [depth, all] = linear.weight.dims();
    let weights: Vec<f32> =
        values(&linear.weight).chunks_exact(all).flat_map(|row| &row[columns.clone()]).copied().collect();
    PackedLinear::transposed(&weights, &bias(linear.bias.as_ref(), all)[columns], depth, isa)
}

/// A layer norm, whose epsilon burn keeps to itself.
pub fn layer_norm(norm: &LayerNorm, epsilon: f64, isa: Isa) -> norm::LayerNorm {
    let gain = values(&norm.gamma);
    norm::LayerNorm::new(&gain, &bias(norm.beta.as_ref(), gain.len()), epsilon as f32, isa)
}

/// A convolution whose stride is its kernel.
pub fn patch_embedding(conv: &Conv2d, order: Order, isa: Isa) -> PatchEmbedding {
    let [_, channels, side, _] = conv.weight.dims();
    PatchEmbedding::new(&values(&conv.weight), &conv_bias(conv), channels, side, order, isa)
}
