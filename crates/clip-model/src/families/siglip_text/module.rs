//! SigLIP's text tower (Zhai et al. 2023; SigLIP 2 has the same with a larger vocabulary): attention in both directions
//! and without a mask, so that padding is part of a text, and the state at the last place projected to the embedding.

use burn::module::{Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, LayerNorm, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::config::{Activation, limits, transformer, within};
use crate::transformer::{Transformer, TransformerConfig};

/// Sizes of a [`SiglipText`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiglipTextConfig {
    /// Tokens of every text, padding included.
    pub context_length: usize,
    /// Rows of the token table.
    pub vocab_size: usize,
    /// Width of a token.
    pub width: usize,
    /// Number of transformer layers.
    pub layers: usize,
    /// Attention heads; divides `width`.
    pub heads: usize,
    /// Hidden width of a layer's MLP.
    pub mlp_width: usize,
    /// Activation of the MLP.
    pub activation: Activation,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: f64,
    /// Whether a linear layer with a bias maps the state to the embedding; without one the state is the embedding.
    #[serde(default = "yes")]
    pub projection: bool,
}

fn yes() -> bool {
    true
}

impl SiglipTextConfig {
    /// Says what is out of range, if anything is.
    pub fn validate(&self) -> Result<(), String> {
        within("the context length", self.context_length, limits::CONTEXT)?;
        within("the vocabulary", self.vocab_size, limits::VOCABULARY)?;
        transformer("text", self.width, self.layers, self.heads, self.mlp_width, self.layer_norm_eps)?;
        let table = self.vocab_size as u64 * self.width as u64;
        if table > limits::PARAMETERS {
            return Err(format!("the token table has {table} values"));
        }
        Ok(())
    }

    /// Sizes of the layers.
    pub(crate) fn transformer(&self) -> TransformerConfig {
        TransformerConfig {
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            mlp_width: self.mlp_width,
            activation: self.activation,
            layer_norm_eps: self.layer_norm_eps,
            causal: false,
        }
    }
}

/// See the [module](self) documentation.
#[derive(Module, Debug)]
pub struct SiglipText {
    /// Token table.
    pub token_embedding: Embedding,
    /// Added to the tokens, `[context_length, width]`.
    pub position_embedding: Param<Tensor<2>>,
    /// The layers.
    pub transformer: Transformer,
    /// Norm of the last states.
    pub norm: LayerNorm,
    /// To the embedding, with a bias.
    pub projection: Option<Linear>,
}

impl SiglipText {
    /// A tower with random weights.
    pub fn init(config: &SiglipTextConfig, embed_dim: usize, device: &Device) -> Self {
        let transformer = config.transformer();
        let normal = |std| Initializer::Normal { mean: 0.0, std };
        Self {
            token_embedding: EmbeddingConfig::new(config.vocab_size, config.width)
                .with_initializer(normal(0.02))
                .init(device),
            position_embedding: normal(0.01).init([config.context_length, config.width], device),
            transformer: transformer.init(device),
            norm: transformer.norm(device),
            projection: config.projection.then(|| LinearConfig::new(config.width, embed_dim).init(device)),
        }
    }

    /// Ids `[batch, context_length]`, filled up with the padding id, to embeddings `[batch, embed_dim]`, not
    /// normalised.
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        let states = self.states(ids);
        let [batch, tokens, width] = states.dims();
        // The norm works on each token alone, so it is due only for the one that counts.
        let last = self.norm.forward(states.narrow(1, tokens - 1, 1).reshape([batch, width]));
        match &self.projection {
            Some(projection) => projection.forward(last),
            None => last,
        }
    }

    /// Ids `[batch, context_length]` to the tokens' states after the final norm, `[batch, context_length, width]`.
    pub fn hidden_states(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.norm.forward(self.states(ids))
    }

    fn states(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, tokens] = ids.dims();
        let positions = self.position_embedding.val().narrow(0, 0, tokens);
        self.transformer.forward(self.token_embedding.forward(ids) + positions.unsqueeze::<3>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_and_the_padding_reach_the_last_place() {
        let config = SiglipTextConfig {
            context_length: 6,
            vocab_size: 9,
            width: 8,
            layers: 2,
            heads: 2,
            mlp_width: 16,
            activation: Activation::Gelu,
            layer_norm_eps: 1e-6,
            projection: false,
        };
        let tower = SiglipText::init(&config, 8, &Device::flex());
        let embed = |ids: [[i64; 6]; 1]| {
            tower.forward(Tensor::from_data(ids, &Device::flex())).into_data().try_into_vec::<f32>().unwrap()
        };
        let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>();
        let text = embed([[3, 4, 1, 0, 0, 0]]);
        for other in [[5, 4, 1, 0, 0, 0], [3, 4, 1, 0, 2, 0], [3, 4, 1, 1, 1, 1]] {
            assert!(distance(&text, &embed([other])) > 1e-4, "{other:?}");
        }
    }
}
