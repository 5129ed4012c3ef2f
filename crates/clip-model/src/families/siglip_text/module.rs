//! SigLIP's text tower (Zhai et al. 2023; SigLIP 2 has the same with a larger vocabulary): attention in both directions
//! and without a mask, so that padding is part of a text, and the state at the last place projected to the embedding.

use burn::module::{Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, LayerNorm, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};

use super::config::SiglipTextConfig;
use crate::families::interface::TextModule;
use crate::transformer::Transformer;

impl SiglipTextConfig {
    /// A tower with random weights that ends in `embed_dim` values.
    pub fn init(&self, embed_dim: usize, device: &Device) -> SiglipText {
        let transformer = self.transformer();
        let normal = |std| Initializer::Normal { mean: 0.0, std };
        SiglipText {
            token_embedding: EmbeddingConfig::new(self.vocab_size, self.width)
                .with_initializer(normal(0.02))
                .init(device),
            position_embedding: normal(0.01).init([self.context_length, self.width], device),
            transformer: transformer.init(device),
            norm: transformer.norm(device),
            projection: self.projection.then(|| LinearConfig::new(self.width, embed_dim).init(device)),
        }
    }
}

/// See the [module](super) documentation.
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

impl TextModule for SiglipText {
    fn embed(&self, ids: Tensor<2, Int>, _mask: Tensor<2>) -> Tensor<2> {
        self.forward(ids)
    }

    fn token_states(&self, ids: Tensor<2, Int>, _mask: Tensor<2>) -> Tensor<3> {
        self.hidden_states(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;

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
        let tower = config.init(8, &Device::flex());
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
