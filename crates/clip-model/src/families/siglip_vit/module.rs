//! SigLIP's vision transformer (Zhai et al. 2023; SigLIP 2's at fixed resolution is the same): no class token, no norm
//! before the layers, and a learned query that pools the patches by attention (`MAPHead` in Google's `big_vision`).

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, LayerNorm};
use burn::tensor::{Device, Tensor};

use super::config::SiglipVitConfig;
use crate::transformer::{Mlp, SelfAttention, Transformer, TransformerConfig};

impl SiglipVitConfig {
    /// A tower with random weights. It ends in `width` values.
    pub fn init(&self, _embed_dim: usize, device: &Device) -> SiglipVit {
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
        let embedding = Initializer::Normal { mean: 0.0, std: (self.width as f64).powf(-0.5) };
        SiglipVit {
            patch_embedding: Conv2dConfig::new([3, self.width], side).with_stride(side).init(device),
            position_embedding: embedding.init([self.patches(), self.width], device),
            transformer: transformer.init(device),
            norm_post: transformer.norm(device),
            pool: AttentionPool {
                probe: embedding.init([1, 1, self.width], device),
                attention: transformer.attention(self.width, device),
                norm: transformer.norm(device),
                mlp: transformer.mlp(device),
            },
        }
    }
}

/// See the [module](super) documentation.
#[derive(Module, Debug)]
pub struct SiglipVit {
    /// Patches to tokens: a convolution whose stride is its kernel.
    pub patch_embedding: Conv2d,
    /// Added to the patches, `[patches, width]`.
    pub position_embedding: Param<Tensor<2>>,
    /// The layers.
    pub transformer: Transformer,
    /// Norm of the last states.
    pub norm_post: LayerNorm,
    /// Patches to the embedding.
    pub pool: AttentionPool,
}

impl SiglipVit {
    /// Pixels `[batch, 3, size, size]` to embeddings `[batch, width]`, not normalised.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let patches: Tensor<3> = self.patch_embedding.forward(pixels).flatten(2, 3);
        let tokens = patches.swap_dims(1, 2) + self.position_embedding.val().unsqueeze::<3>();
        self.pool.forward(self.norm_post.forward(self.transformer.forward(tokens)))
    }
}

/// Multi-head attention of one learned query to all patches, then `x + mlp(norm(x))` (Lee et al. 2019, "Set
/// Transformer", with one seed).
#[derive(Module, Debug)]
pub struct AttentionPool {
    /// What the query is made of, `[1, 1, width]`.
    pub probe: Param<Tensor<3>>,
    /// Attention to the patches.
    pub attention: SelfAttention,
    /// Norm before the MLP.
    pub norm: LayerNorm,
    /// The MLP.
    pub mlp: Mlp,
}

impl AttentionPool {
    /// States `[batch, tokens, width]` to `[batch, width]`.
    pub fn forward(&self, states: Tensor<3>) -> Tensor<2> {
        let [batch, _, width] = states.dims();
        let x = self.attention.pool(self.probe.val().expand([batch, 1, width]), states);
        let x = x.clone() + self.mlp.forward(self.norm.forward(x));
        x.reshape([batch, width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::families::interface::ImageSizes;

    #[test]
    fn left_over_pixels_are_not_looked_at() {
        let config = SiglipVitConfig {
            image_size: 7,
            patch_size: 3,
            width: 4,
            layers: 1,
            heads: 2,
            mlp_width: 8,
            activation: Activation::GeluTanh,
            layer_norm_eps: 1e-6,
        };
        config.validate().unwrap();
        assert_eq!(config.patches(), 4);
        let device = Device::flex();
        let tower = config.init(4, &device);
        let black = Tensor::<4>::zeros([1, 3, 7, 7], &device);
        let edge = black.clone().slice_assign([0..1, 0..3, 6..7, 0..7], Tensor::ones([1, 3, 1, 7], &device));
        assert_eq!(tower.forward(black).into_data(), tower.forward(edge).into_data());
    }
}
