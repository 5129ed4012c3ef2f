//! CLIP's text transformer (Radford et al. 2021, section 2.4; `encode_text` in OpenAI's `model.py`): causal attention,
//! and the state of the end-of-text token projected to the embedding.

use burn::module::{Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, LayerNorm, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};

use super::config::CausalTextConfig;
use crate::end_of_text::EndOfText;
use crate::families::interface::TextModule;
use crate::transformer::Transformer;

impl CausalTextConfig {
    /// A tower with random weights that ends in `embed_dim` values.
    pub fn init(&self, embed_dim: usize, device: &Device) -> CausalText {
        let transformer = self.transformer();
        let normal = |std| Initializer::Normal { mean: 0.0, std };
        CausalText {
            // The scales of OpenAI's initialisation.
            token_embedding: EmbeddingConfig::new(self.vocab_size, self.width)
                .with_initializer(normal(0.02))
                .init(device),
            position_embedding: normal(0.01).init([self.context_length, self.width], device),
            transformer: transformer.init(device),
            norm: transformer.norm(device),
            projection: LinearConfig::new(self.width, embed_dim).with_bias(false).init(device),
            end_of_text: self.end_of_text,
        }
    }
}

/// See the [module](super) documentation.
#[derive(Module, Debug)]
pub struct CausalText {
    /// Token table.
    pub token_embedding: Embedding,
    /// Added to the tokens, `[context_length, width]`.
    pub position_embedding: Param<Tensor<2>>,
    /// The layers.
    pub transformer: Transformer,
    /// Norm of the last states.
    pub norm: LayerNorm,
    /// To the embedding, without bias.
    pub projection: Linear,
    /// Which state is the text's feature.
    #[module(skip)]
    pub end_of_text: EndOfText,
}

impl CausalText {
    /// Ids `[batch, tokens]` to embeddings `[batch, embed_dim]`, not normalised. Tokens after the end of a text have no
    /// influence, so `tokens` may be anything between the longest text and the context length.
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        let ends = self.end_of_text.positions(ids.clone());
        let states = self.states(ids);
        let [batch, _, width] = states.dims();
        let at = ends.reshape([batch, 1, 1]).expand([batch, 1, width]);
        // The norm works on each token alone, so it is due only for the one that counts.
        let feature = states.gather(1, at).reshape([batch, width]);
        self.projection.forward(self.norm.forward(feature))
    }

    /// Ids `[batch, tokens]` to the tokens' states after the final norm, `[batch, tokens, width]`.
    pub fn hidden_states(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.norm.forward(self.states(ids))
    }

    fn states(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, tokens] = ids.dims();
        let positions = self.position_embedding.val().narrow(0, 0, tokens);
        self.transformer.forward(self.token_embedding.forward(ids) + positions.unsqueeze::<3>())
    }
}

impl TextModule for CausalText {
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

    fn tower(end_of_text: EndOfText) -> CausalText {
        let config = CausalTextConfig {
            context_length: 8,
            vocab_size: 20,
            width: 8,
            layers: 2,
            heads: 2,
            mlp_width: 16,
            activation: Activation::Gelu,
            end_of_text,
            layer_norm_eps: 1e-5,
        };
        config.init(4, &Device::flex())
    }

    fn ids<const N: usize>(rows: [[i64; N]; 2]) -> Tensor<2, Int> {
        Tensor::from_data(rows, &Device::flex())
    }

    fn ends(end_of_text: EndOfText, ids: Tensor<2, Int>) -> Vec<i64> {
        end_of_text.positions(ids).into_data().convert::<i64>().try_into_vec().unwrap()
    }

    #[test]
    fn the_first_end_token_is_the_feature() {
        let rows = [[18, 3, 19, 0, 0], [18, 19, 19, 19, 19]];
        assert_eq!(ends(EndOfText::HighestId, ids(rows)), [2, 1]);
        assert_eq!(ends(EndOfText::Id(3), ids(rows)), [1, 0]);
    }

    #[test]
    fn nothing_after_the_end_matters() {
        let tower = tower(EndOfText::HighestId);
        let full = tower.forward(ids([[18, 3, 19, 0, 0, 0, 0, 0], [18, 4, 5, 19, 19, 7, 1, 2]]));
        let short = tower.forward(ids([[18, 3, 19, 19], [18, 4, 5, 19]]));
        full.into_data().assert_approx_eq::<f32>(&short.into_data(), burn::tensor::Tolerance::absolute(1e-5));
    }

    #[test]
    fn what_comes_before_the_end_matters() {
        let tower = tower(EndOfText::HighestId);
        let out = tower.forward(ids([[18, 3, 4, 19], [18, 4, 3, 19]])).into_data().try_into_vec::<f32>().unwrap();
        let distance: f32 = out[..4].iter().zip(&out[4..]).map(|(a, b)| (a - b).abs()).sum();
        assert!(distance > 1e-3, "{out:?}");
    }
}
