//! MobileCLIP's text towers that are not causal (Vasu et al. 2024, section 4): the plain transformer of S1 and S2, and
//! S0's with a convolutional block before and behind it (`TextTransformer` in `text_encoder.py` of ml-mobileclip,
//! variants `base` and `mct`).
//!
//! Nothing is masked: each token sees the whole context, padding included, so that a text is always filled up to it.

use burn::module::{Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, LayerNorm, Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};

use super::config::MobileTextConfig;
use crate::conv_mixer::RepMixerBlock;
use crate::end_of_text::EndOfText;
use crate::families::interface::TextModule;
use crate::transformer::{Transformer, TransformerConfig};

impl MobileTextConfig {
    /// A tower with random weights that ends in `embed_dim` values.
    pub fn init(&self, embed_dim: usize, device: &Device) -> MobileText {
        let transformer = TransformerConfig {
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            mlp_width: self.mlp_width,
            activation: self.activation,
            layer_norm_eps: self.layer_norm_eps,
            causal: false,
        };
        let normal = |std| Initializer::Normal { mean: 0.0, std };
        let mixer = || {
            let mixer = self.mixer.as_ref()?;
            // Tokens are positions in one row.
            let kernel = [1, mixer.kernel];
            Some(RepMixerBlock::init(self.width, mixer.mlp_width, kernel, kernel, device))
        };
        MobileText {
            token_embedding: EmbeddingConfig::new(self.vocab_size, self.width)
                .with_initializer(normal(0.02))
                .init(device),
            position_embedding: normal(0.01).init([self.context_length, self.width], device),
            first_mixer: mixer(),
            transformer: transformer.init(device),
            last_mixer: mixer(),
            norm: transformer.norm(device),
            projection: LinearConfig::new(self.width, embed_dim).with_bias(false).init(device),
            end_of_text: self.end_of_text,
            pad_id: self.pad_id,
        }
    }
}

/// See the [module](super) documentation.
#[derive(Module, Debug)]
pub struct MobileText {
    /// Token table.
    pub token_embedding: Embedding,
    /// Added to the tokens, `[context_length, width]`.
    pub position_embedding: Param<Tensor<2>>,
    /// Convolutional block before the layers.
    pub first_mixer: Option<RepMixerBlock>,
    /// The layers.
    pub transformer: Transformer,
    /// Convolutional block behind the layers.
    pub last_mixer: Option<RepMixerBlock>,
    /// Norm of the last states.
    pub norm: LayerNorm,
    /// To the embedding, without bias.
    pub projection: Linear,
    /// Which state is the text's feature.
    #[module(skip)]
    pub end_of_text: EndOfText,
    /// The id that fills up texts.
    pub pad_id: u32,
}

impl MobileText {
    /// Ids `[batch, tokens]` to embeddings `[batch, embed_dim]`, not normalised. Texts are filled up to the context here,
    /// so that `tokens` may be anything between the longest text and the context length.
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<2> {
        let ends = self.end_of_text.positions(ids.clone());
        let states = self.states(ids);
        let [batch, _, width] = states.dims();
        let at = ends.reshape([batch, 1, 1]).expand([batch, 1, width]);
        let feature = states.gather(1, at).reshape([batch, width]);
        self.projection.forward(self.norm.forward(feature))
    }

    /// Ids `[batch, tokens]` to these tokens' states after the final norm, `[batch, tokens, width]`.
    pub fn hidden_states(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, tokens] = ids.dims();
        self.norm.forward(self.states(ids).narrow(1, 0, tokens))
    }

    /// The states of the whole context, `[batch, context_length, width]`.
    fn states(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [batch, tokens] = ids.dims();
        let positions = self.position_embedding.val();
        let missing = positions.dims()[0].saturating_sub(tokens);
        let ids = if missing > 0 {
            let padding = Tensor::full([batch, missing], i64::from(self.pad_id), &ids.device());
            Tensor::cat(vec![ids, padding], 1)
        } else {
            ids
        };
        let x = self.token_embedding.forward(ids) + positions.unsqueeze::<3>();
        let x = self.transformer.forward(mixed(self.first_mixer.as_ref(), x));
        mixed(self.last_mixer.as_ref(), x)
    }
}

/// Tokens `[batch, tokens, width]` through a block, if there is one, as a row of positions.
fn mixed(block: Option<&RepMixerBlock>, x: Tensor<3>) -> Tensor<3> {
    let Some(block) = block else { return x };
    let [batch, tokens, width] = x.dims();
    let row = x.swap_dims(1, 2).reshape([batch, width, 1, tokens]);
    block.forward(row).reshape([batch, width, tokens]).swap_dims(1, 2)
}

impl TextModule for MobileText {
    fn embed(&self, ids: Tensor<2, Int>, _mask: Tensor<2>) -> Tensor<2> {
        self.forward(ids)
    }

    fn token_states(&self, ids: Tensor<2, Int>, _mask: Tensor<2>) -> Tensor<3> {
        self.hidden_states(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::TextMixerConfig;
    use super::*;
    use crate::activation::Activation;
    use crate::families::interface::TextSizes;

    fn config(mixer: Option<TextMixerConfig>) -> MobileTextConfig {
        MobileTextConfig {
            context_length: 8,
            vocab_size: 20,
            width: 8,
            layers: 1,
            heads: 2,
            mlp_width: 16,
            activation: Activation::Gelu,
            layer_norm_eps: 1e-5,
            mixer,
            end_of_text: EndOfText::HighestId,
            pad_id: 0,
        }
    }

    #[test]
    fn texts_are_filled_up_and_padding_counts() {
        let device = Device::flex();
        for mixer in [None, Some(TextMixerConfig { kernel: 3, mlp_width: 16 })] {
            let config = config(mixer);
            config.validate().unwrap();
            let tower = config.init(4, &device);
            let embed = |ids: Vec<i64>| {
                let length = ids.len();
                let ids = Tensor::<1, Int>::from_data(ids.as_slice(), &device).reshape([1, length]);
                tower.forward(ids).into_data().try_into_vec::<f32>().unwrap()
            };
            let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
            let short = embed(vec![18, 3, 19]);
            assert!(distance(&short, &embed(vec![18, 3, 19, 0, 0, 0, 0, 0])) < 1e-6);
            assert!(distance(&short, &embed(vec![18, 3, 19, 1, 1, 1, 1, 1])) > 1e-4);
        }
    }

    #[test]
    fn even_kernels_are_refused() {
        let reason = config(Some(TextMixerConfig { kernel: 4, mlp_width: 16 })).validate().unwrap_err();
        assert!(reason.contains("odd"), "{reason}");
    }
}
