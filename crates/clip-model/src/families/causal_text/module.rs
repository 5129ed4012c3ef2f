//! CLIP's text transformer (Radford et al. 2021, section 2.4; `encode_text` in OpenAI's `model.py`): causal attention,
//! and the state of the end-of-text token projected to the embedding.

use burn::module::{Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, LayerNorm, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};

use crate::config::{CausalTextConfig, EndOfText};
use crate::transformer::{Transformer, TransformerConfig};

impl CausalTextConfig {
    /// Sizes of the layers.
    pub(crate) fn transformer(&self) -> TransformerConfig {
        TransformerConfig {
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            mlp_width: self.mlp_width,
            activation: self.activation,
            layer_norm_eps: self.layer_norm_eps,
            causal: true,
        }
    }
}

/// See the [module](self) documentation.
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
    /// A tower with random weights.
    pub fn init(config: &CausalTextConfig, embed_dim: usize, device: &Device) -> Self {
        let transformer = config.transformer();
        let normal = |std| Initializer::Normal { mean: 0.0, std };
        Self {
            // The scales of OpenAI's initialisation.
            token_embedding: EmbeddingConfig::new(config.vocab_size, config.width)
                .with_initializer(normal(0.02))
                .init(device),
            position_embedding: normal(0.01).init([config.context_length, config.width], device),
            transformer: transformer.init(device),
            norm: transformer.norm(device),
            projection: LinearConfig::new(config.width, embed_dim).with_bias(false).init(device),
            end_of_text: config.end_of_text,
        }
    }

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

impl EndOfText {
    /// The position of each text's end token in ids `[batch, tokens]`, `[batch, 1]`; 0 where it has none.
    pub(crate) fn positions(self, ids: Tensor<2, Int>) -> Tensor<2, Int> {
        let [batch, tokens] = ids.dims();
        let is_end = match self {
            Self::HighestId => {
                let highest = ids.clone().max_dim(1).expand([batch, tokens]);
                ids.clone().equal(highest)
            }
            Self::Id(id) => ids.clone().equal_elem(i64::from(id)),
        };
        // Padding may repeat the end token: earlier positions get larger values, so that the first one wins without
        // relying on how a backend's argmax breaks ties.
        let earliness = Tensor::arange(1..tokens as i64 + 1, &ids.device()).flip([0]).unsqueeze::<2>();
        (is_end.int() * earliness).argmax(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Activation;

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
        CausalText::init(&config, 4, &Device::flex())
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
