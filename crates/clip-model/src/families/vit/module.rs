//! Vision transformer (Dosovitskiy et al. 2021) as CLIP changed it: a norm before the first layer, and the class
//! token's state projected to the embedding (`VisualTransformer` in OpenAI's `model.py`).

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, LayerNorm, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use super::config::VitConfig;
use crate::transformer::{Transformer, TransformerConfig};

impl VitConfig {
    /// A tower with random weights that ends in `embed_dim` values.
    pub fn init(&self, embed_dim: usize, device: &Device) -> Vit {
        let transformer = TransformerConfig {
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            mlp_width: self.mlp_width,
            activation: self.activation,
            layer_norm_eps: self.layer_norm_eps,
            causal: false,
        };
        let side = [self.patch_size, self.patch_size];
        // The scale of OpenAI's initialisation: tokens of about unit length.
        let embedding = Initializer::Normal { mean: 0.0, std: (self.width as f64).powf(-0.5) };
        Vit {
            patch_embedding: Conv2dConfig::new([3, self.width], side).with_stride(side).with_bias(false).init(device),
            class_embedding: embedding.init([self.width], device),
            position_embedding: embedding.init([1 + self.patches(), self.width], device),
            norm_pre: transformer.norm(device),
            transformer: transformer.init(device),
            norm_post: transformer.norm(device),
            projection: LinearConfig::new(self.width, embed_dim).with_bias(false).init(device),
        }
    }
}

/// See the [module](super) documentation.
#[derive(Module, Debug)]
pub struct Vit {
    /// Patches to tokens: a convolution whose stride is its kernel, without bias.
    pub patch_embedding: Conv2d,
    /// The token in front of the patches, `[width]`.
    pub class_embedding: Param<Tensor<1>>,
    /// Added to the class token and the patches, `[1 + patches, width]`.
    pub position_embedding: Param<Tensor<2>>,
    /// Norm before the layers.
    pub norm_pre: LayerNorm,
    /// The layers.
    pub transformer: Transformer,
    /// Norm of the class token's last state.
    pub norm_post: LayerNorm,
    /// To the embedding, without bias.
    pub projection: Linear,
}

impl Vit {
    /// Pixels `[batch, 3, size, size]` to embeddings `[batch, embed_dim]`, not normalised.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let states = self.states(pixels);
        let [batch, _, width] = states.dims();
        let class = states.narrow(1, 0, 1).reshape([batch, width]);
        self.projection.forward(self.norm_post.forward(class))
    }

    /// Pixels `[batch, 3, size, size]` to the last layer's states, `[batch, 1 + patches, width]`: the class token, then
    /// the patches row by row.
    pub fn states(&self, pixels: Tensor<4>) -> Tensor<3> {
        let patches: Tensor<3> = self.patch_embedding.forward(pixels).flatten(2, 3);
        let patches = patches.swap_dims(1, 2);
        let [batch, _, width] = patches.dims();
        let class = self.class_embedding.val().reshape([1, 1, width]).expand([batch, 1, width]);
        let tokens = Tensor::cat(vec![class, patches], 1) + self.position_embedding.val().unsqueeze::<3>();
        self.transformer.forward(self.norm_pre.forward(tokens))
    }
}
