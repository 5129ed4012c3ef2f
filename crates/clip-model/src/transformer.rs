//! The pre-norm transformer that both of CLIP's own towers are made of.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, sigmoid};
use burn::tensor::module::{attention, linear};
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor};

use crate::activation::Activation;

/// Sizes of a [`Transformer`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransformerConfig {
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub mlp_width: usize,
    pub activation: Activation,
    pub layer_norm_eps: f64,
    /// Each token sees itself and those before it.
    pub causal: bool,
}

impl TransformerConfig {
    pub fn norm(&self, device: &Device) -> LayerNorm {
        LayerNormConfig::new(self.width).with_epsilon(self.layer_norm_eps).init(device)
    }

    pub fn init(&self, device: &Device) -> Transformer {
        Transformer {
            blocks: (0..self.layers).map(|_| Block::init(self, device)).collect(),
            layer_norm_eps: self.layer_norm_eps,
        }
    }

    /// Attention that ends in `output` values.
    pub fn attention(&self, output: usize, device: &Device) -> SelfAttention {
        SelfAttention {
            input: LinearConfig::new(self.width, 3 * self.width).init(device),
            output: LinearConfig::new(self.width, output).init(device),
            heads: self.heads,
            causal: self.causal,
        }
    }

    pub fn mlp(&self, device: &Device) -> Mlp {
        Mlp {
            input: LinearConfig::new(self.width, self.mlp_width).init(device),
            output: LinearConfig::new(self.mlp_width, self.width).init(device),
            activation: self.activation,
        }
    }
}

/// Multiplications, each with an addition, of transformer layers of these sizes.
pub(crate) fn multiply_adds(layers: usize, tokens: u64, width: u64, mlp_width: u64) -> u64 {
    layers as u64 * (tokens * (4 * width * width + 2 * width * mlp_width) + 2 * tokens * tokens * width)
}

/// A stack of [`Block`]s.
#[derive(Module, Debug)]
pub struct Transformer {
    /// The layers in order.
    pub blocks: Vec<Block>,
    /// Epsilon of every layer norm of the tower, which burn's norms keep to themselves.
    #[module(skip)]
    pub layer_norm_eps: f64,
}

impl Transformer {
    /// Tokens `[batch, tokens, width]` to the same shape.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.blocks.iter().fold(x, |x, block| block.forward(x))
    }
}

/// `x + attention(norm(x))`, then `x + mlp(norm(x))`.
#[derive(Module, Debug)]
pub struct Block {
    /// Norm before attention.
    pub attention_norm: LayerNorm,
    /// Self-attention.
    pub attention: SelfAttention,
    /// Norm before the MLP.
    pub mlp_norm: LayerNorm,
    /// The MLP.
    pub mlp: Mlp,
}

impl Block {
    fn init(config: &TransformerConfig, device: &Device) -> Self {
        Self {
            attention_norm: config.norm(device),
            attention: config.attention(config.width, device),
            mlp_norm: config.norm(device),
            mlp: config.mlp(device),
        }
    }

    /// Tokens `[batch, tokens, width]` to the same shape.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = x.clone() + self.attention.forward(self.attention_norm.forward(x));
        x.clone() + self.mlp.forward(self.mlp_norm.forward(x))
    }
}

/// Multi-head self-attention with one projection for queries, keys and values.
#[derive(Module, Debug)]
pub struct SelfAttention {
    /// To queries, keys and values, one after the other.
    pub input: Linear,
    /// Of the joined heads.
    pub output: Linear,
    /// Number of heads.
    pub heads: usize,
    /// Whether tokens see only those before them.
    pub causal: bool,
}

impl SelfAttention {
    /// Tokens `[batch, tokens, width]` to the same shape.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, tokens, width] = x.dims();
        let qkv = self.input.forward(x);
        let part = |index: usize| {
            qkv.clone()
                .narrow(2, index * width, width)
                .reshape([batch, tokens, self.heads, width / self.heads])
                .swap_dims(1, 2)
        };
        let options = AttentionModuleOptions { is_causal: self.causal, ..Default::default() };
        let attended = attention(part(0), part(1), part(2), None, None, options);
        self.output.forward(attended.swap_dims(1, 2).reshape([batch, tokens, width]))
    }

    /// Attention of some vectors to others, as pools need it: what the queries are made of, `[batch, queries, width]`,
    /// and tokens `[batch, tokens, width]` to `[batch, queries, output]`.
    pub fn pool(&self, queries: Tensor<3>, tokens: Tensor<3>) -> Tensor<3> {
        let [batch, count, width] = queries.dims();
        let weight = self.input.weight.val();
        let bias = self.input.bias.as_ref().map(|bias| bias.val());
        // The other columns of the joint projection would be computed for nothing.
        let project = |x: Tensor<3>, first: usize, parts: usize| {
            let weight = weight.clone().narrow(1, first * width, parts * width);
            linear(x, weight, bias.clone().map(|bias| bias.narrow(0, first * width, parts * width)))
        };
        let heads = |x: Tensor<3>| {
            let [_, rows, _] = x.dims();
            x.reshape([batch, rows, self.heads, width / self.heads]).swap_dims(1, 2)
        };
        let keys_values = project(tokens, 1, 2);
        let part = |index: usize| heads(keys_values.clone().narrow(2, index * width, width));
        let query = heads(project(queries, 0, 1));
        let attended = attention(query, part(0), part(1), None, None, AttentionModuleOptions::default());
        self.output.forward(attended.swap_dims(1, 2).reshape([batch, count, width]))
    }
}

/// Two linear layers with an activation between them.
#[derive(Module, Debug)]
pub struct Mlp {
    /// To the hidden width.
    pub input: Linear,
    /// Back to the token width.
    pub output: Linear,
    /// Applied to the hidden values.
    #[module(skip)]
    pub activation: Activation,
}

impl Mlp {
    /// `[batch, tokens, width]` to the same shape.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let hidden = self.input.forward(x);
        let hidden = match self.activation {
            Activation::Gelu => gelu(hidden),
            Activation::GeluTanh => gelu_tanh(hidden),
            Activation::QuickGelu => hidden.clone() * sigmoid(hidden * 1.702),
        };
        self.output.forward(hidden)
    }
}

/// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`. burn's own raises `x` to the power of 3.0, which is not defined
/// for negative numbers in shaders.
fn gelu_tanh(x: Tensor<3>) -> Tensor<3> {
    const FACTOR: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    let cube = x.clone() * x.clone() * x.clone();
    let inner = (x.clone() + cube * 0.044715) * FACTOR;
    x * (inner.tanh() + 1.0) * 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `torch.nn.functional.gelu(x, approximate="tanh")`.
    #[test]
    fn the_approximated_gelu_is_pytorchs() {
        let x = Tensor::<3>::from_data([[[-3.0, -1.0, -0.1, 0.0, 0.5, 2.0]]], &Device::flex());
        let found = gelu_tanh(x).into_data().try_into_vec::<f32>().unwrap();
        let expected = [-0.003_637_39, -0.158_808_01, -0.046_017_13, 0.0, 0.345_714, 1.954_597_7];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
        }
    }
}
