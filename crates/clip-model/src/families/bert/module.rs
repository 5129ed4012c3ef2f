//! Small bidirectional text tower: BERT (Devlin et al. 2019) with mean pooling, as sentence encoders such as
//! MiniLM (Wang et al. 2020) and open_clip's Hugging Face text towers have.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Int, Tensor};

use super::config::BertConfig;
use crate::families::interface::TextModule;
use crate::projection::ProjectionHead;

impl BertConfig {
    /// A tower with random weights. It ends in as many values as its head does.
    pub fn init(&self, _embed_dim: usize, device: &Device) -> Bert {
        let norm = || LayerNormConfig::new(self.width).with_epsilon(self.layer_norm_eps).init(device);
        Bert {
            word: EmbeddingConfig::new(self.vocab_size, self.width).init(device),
            position: EmbeddingConfig::new(self.context_length, self.width).init(device),
            norm: norm(),
            layers: (0..self.layers).map(|_| BertLayer::init(self, device)).collect(),
            pooled_norm: norm(),
            head: self.head.init(self.width, device),
        }
    }
}

/// See the [module](super) documentation.
///
/// The segment embedding of BERT is constant here (one segment) and is stored as part of `position`.
#[derive(Module, Debug)]
pub struct Bert {
    /// Word table.
    pub word: Embedding,
    /// Position table, the first segment's embedding added in.
    pub position: Embedding,
    /// Norm of the summed embeddings.
    pub norm: LayerNorm,
    /// The layers.
    pub layers: Vec<BertLayer>,
    /// Norm of the pooled state.
    pub pooled_norm: LayerNorm,
    /// Head to the embedding.
    pub head: ProjectionHead,
}

/// Token states and which of them are real.
#[derive(Debug, Clone)]
pub struct TokenStates {
    /// `[batch, tokens, width]`.
    pub states: Tensor<3>,
    /// `[batch, tokens]`, 1 for a token and 0 for padding.
    pub mask: Tensor<2>,
}

impl Bert {
    /// Ids `[batch, tokens]`, padded to the batch's longest, and mask `[batch, tokens]` to embeddings
    /// `[batch, embed_dim]`, not normalised.
    pub fn forward(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> Tensor<2> {
        self.pool(self.states(ids, mask))
    }

    /// The states after the last layer, `[batch, tokens, width]`.
    pub fn states(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> TokenStates {
        self.run_layers(self.embed(ids, mask), 0..self.layers.len())
    }

    /// Word and position embeddings of ids `[batch, tokens]`.
    pub fn embed(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> TokenStates {
        let [_, tokens] = ids.dims();
        let positions = Tensor::arange(0..tokens as i64, &ids.device()).unsqueeze::<2>();
        let states = self.norm.forward(self.word.forward(ids) + self.position.forward(positions));
        TokenStates { states, mask }
    }

    /// Runs a range of layers.
    pub fn run_layers(&self, mut x: TokenStates, layers: std::ops::Range<usize>) -> TokenStates {
        // 0 for a token and a large negative number for padding, added to every row of attention scores.
        let bias = ((x.mask.clone() - 1.0) * 1e4).unsqueeze_dims::<4>(&[1, 2]);
        for layer in &self.layers[layers] {
            x.states = layer.forward(x.states, bias.clone());
        }
        x
    }

    /// Mean of the real tokens' states, norm and head: to `[batch, embed_dim]`.
    pub fn pool(&self, x: TokenStates) -> Tensor<2> {
        self.project(mean_of_tokens(x))
    }

    /// Norm and head on pooled states: `[batch, width]` to `[batch, embed_dim]`.
    pub fn project(&self, pooled: Tensor<2>) -> Tensor<2> {
        self.head.forward(self.pooled_norm.forward(pooled))
    }
}

impl TextModule for Bert {
    fn embed(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> Tensor<2> {
        self.forward(ids, mask)
    }

    fn token_states(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> Tensor<3> {
        self.states(ids, mask).states
    }
}

/// Mean of the real tokens' states, `[batch, width]`.
pub fn mean_of_tokens(x: TokenStates) -> Tensor<2> {
    let [batch, _, width] = x.states.dims();
    let mask = x.mask.unsqueeze_dim::<3>(2);
    let sum = (x.states * mask.clone()).sum_dim(1).reshape([batch, width]);
    sum / mask.sum_dim(1).reshape([batch, 1]).clamp_min(1.0)
}

/// A post-norm transformer layer.
#[derive(Module, Debug)]
pub struct BertLayer {
    /// Query projection.
    pub query: Linear,
    /// Key projection.
    pub key: Linear,
    /// Value projection.
    pub value: Linear,
    /// Projection of the attended values.
    pub attended: Linear,
    /// Norm after attention.
    pub attention_norm: LayerNorm,
    /// Input layer of the MLP.
    pub hidden: Linear,
    /// Output layer of the MLP.
    pub output: Linear,
    /// Norm after the MLP.
    pub output_norm: LayerNorm,
    /// Attention heads.
    pub heads: usize,
}

impl BertLayer {
    fn init(config: &BertConfig, device: &Device) -> Self {
        let square = || LinearConfig::new(config.width, config.width).init(device);
        let norm = || LayerNormConfig::new(config.width).with_epsilon(config.layer_norm_eps).init(device);
        Self {
            query: square(),
            key: square(),
            value: square(),
            attended: square(),
            attention_norm: norm(),
            hidden: LinearConfig::new(config.width, config.intermediate).init(device),
            output: LinearConfig::new(config.intermediate, config.width).init(device),
            output_norm: norm(),
            heads: config.heads,
        }
    }

    /// States `[batch, tokens, width]`; `bias` `[batch, 1, 1, tokens]` is added to the attention scores.
    pub fn forward(&self, x: Tensor<3>, bias: Tensor<4>) -> Tensor<3> {
        let [batch, tokens, width] = x.dims();
        let head_width = width / self.heads;
        let split = |t: Tensor<3>| t.reshape([batch, tokens, self.heads, head_width]).swap_dims(1, 2);
        let query = split(self.query.forward(x.clone())) * (head_width as f64).powf(-0.5);
        let key = split(self.key.forward(x.clone()));
        let value = split(self.value.forward(x.clone()));
        let weights = softmax(query.matmul(key.swap_dims(2, 3)) + bias, 3);
        let attended = weights.matmul(value).swap_dims(1, 2).reshape([batch, tokens, width]);
        let x = self.attention_norm.forward(x + self.attended.forward(attended));
        let mlp = self.output.forward(gelu(self.hidden.forward(x.clone())));
        self.output_norm.forward(x + mlp)
    }
}
