//! MobileCLIP-B's image tower (Vasu et al. 2024; timm's `vit_base_mci_224`): a vision transformer behind a stem of three
//! convolutions (Xiao et al. 2021) instead of one patch embedding. Unlike CLIP's own [`Vit`](crate::families::vit::Vit) it has no
//! norm before the first layer, and its class token has no position.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, LayerNorm, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use super::config::{ConvStemVitConfig, STRIDES};
use crate::transformer::{Transformer, TransformerConfig};

impl ConvStemVitConfig {
    /// A tower with random weights that ends in `embed_dim` values.
    pub fn init(&self, embed_dim: usize, device: &Device) -> ConvStemVit {
        let transformer = TransformerConfig {
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            mlp_width: self.mlp_width,
            activation: self.activation,
            layer_norm_eps: self.layer_norm_eps,
            causal: false,
        };
        let channels = [3, self.stem_width, self.stem_width, self.width];
        let convolution = |(index, stride): (usize, usize)| {
            Conv2dConfig::new([channels[index], channels[index + 1]], [stride, stride])
                .with_stride([stride, stride])
                .init(device)
        };
        let embedding = Initializer::Normal { mean: 0.0, std: 0.02 };
        ConvStemVit {
            stem: STRIDES.into_iter().enumerate().map(convolution).collect(),
            class_embedding: embedding.init([self.width], device),
            position_embedding: embedding.init([self.patches(), self.width], device),
            transformer: transformer.init(device),
            norm: transformer.norm(device),
            projection: LinearConfig::new(self.width, embed_dim).with_bias(self.projection_bias).init(device),
        }
    }
}

/// See the [module](super) documentation.
#[derive(Module, Debug)]
pub struct ConvStemVit {
    /// Convolutions with bias (their batch norms are folded in), an activation behind all but the last.
    pub stem: Vec<Conv2d>,
    /// The token in front of the patches, `[width]`.
    pub class_embedding: Param<Tensor<1>>,
    /// Added to the patches, `[patches, width]`.
    pub position_embedding: Param<Tensor<2>>,
    /// The layers.
    pub transformer: Transformer,
    /// Norm of the class token's last state.
    pub norm: LayerNorm,
    /// To the embedding.
    pub projection: Linear,
}

impl ConvStemVit {
    /// Pixels `[batch, 3, size, size]` to embeddings `[batch, embed_dim]`, not normalised.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let last = self.stem.len().saturating_sub(1);
        let patches = self.stem.iter().enumerate().fold(pixels, |x, (index, convolution)| {
            let x = convolution.forward(x);
            if index < last { gelu(x) } else { x }
        });
        let patches: Tensor<3> = patches.flatten::<3>(2, 3).swap_dims(1, 2);
        let patches = patches + self.position_embedding.val().unsqueeze::<3>();
        let [batch, _, width] = patches.dims();
        let class = self.class_embedding.val().reshape([1, 1, width]).expand([batch, 1, width]);
        let states = self.transformer.forward(Tensor::cat(vec![class, patches], 1));
        let class = states.narrow(1, 0, 1).reshape([batch, width]);
        self.projection.forward(self.norm.forward(class))
    }
}
