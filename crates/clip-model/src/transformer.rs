//! The pre-norm transformer that both of CLIP's own towers are made of.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, sigmoid};
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor};

use crate::config::Activation;

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
        Transformer { blocks: (0..self.layers).map(|_| Block::init(self, device)).collect() }
    }
}

/// A stack of [`Block`]s.
#[derive(Module, Debug)]
pub struct Transformer {
    /// The layers in order.
    pub blocks: Vec<Block>,
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
        let linear = |input, output| LinearConfig::new(input, output).init(device);
        Self {
            attention_norm: config.norm(device),
            attention: SelfAttention {
                input: linear(config.width, 3 * config.width),
                output: linear(config.width, config.width),
                heads: config.heads,
                causal: config.causal,
            },
            mlp_norm: config.norm(device),
            mlp: Mlp {
                input: linear(config.width, config.mlp_width),
                output: linear(config.mlp_width, config.width),
                activation: config.activation,
            },
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
            Activation::QuickGelu => hidden.clone() * sigmoid(hidden * 1.702),
        };
        self.output.forward(hidden)
    }
}
