//! SigLIP's vision transformer (Zhai et al. 2023; SigLIP 2's at fixed resolution is the same): no class token, no norm
//! before the layers, and a learned query that pools the patches by attention (`MAPHead` in Google's `big_vision`).

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, LayerNorm};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::config::{Activation, limits, transformer, within};
use crate::transformer::{Mlp, SelfAttention, Transformer, TransformerConfig};

/// Sizes of a [`SiglipVit`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiglipVitConfig {
    /// Side of the square input in pixels. What is left over by a whole number of patches is not looked at.
    pub image_size: usize,
    /// Side of a square patch in pixels.
    pub patch_size: usize,
    /// Width of a token, and of the embedding.
    pub width: usize,
    /// Number of transformer layers.
    pub layers: usize,
    /// Attention heads, of the layers and of the pool; divides `width`.
    pub heads: usize,
    /// Hidden width of the MLPs.
    pub mlp_width: usize,
    /// Activation of the MLPs. Checkpoints of transformers need the approximated GELU, most of open_clip's the exact
    /// one.
    pub activation: Activation,
    /// Epsilon of every layer norm.
    pub layer_norm_eps: f64,
}

impl SiglipVitConfig {
    /// Number of patches in the square grid.
    pub fn patches(&self) -> usize {
        (self.image_size / self.patch_size.max(1)).pow(2)
    }

    /// Says what is out of range, if anything is.
    pub fn validate(&self) -> Result<(), String> {
        within("the image size", self.image_size, limits::IMAGE_SIZE)?;
        within("the patch size", self.patch_size, self.image_size)?;
        within("the number of patches", self.patches(), limits::TOKENS)?;
        transformer("image", self.width, self.layers, self.heads, self.mlp_width, self.layer_norm_eps)
    }
}

/// See the [module](self) documentation.
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
    /// A tower with random weights.
    pub fn init(config: &SiglipVitConfig, device: &Device) -> Self {
        let transformer = TransformerConfig {
            width: config.width,
            layers: config.layers,
            heads: config.heads,
            mlp_width: config.mlp_width,
            activation: config.activation,
            layer_norm_eps: config.layer_norm_eps,
            causal: false,
        };
        let side = [config.patch_size, config.patch_size];
        let embedding = Initializer::Normal { mean: 0.0, std: (config.width as f64).powf(-0.5) };
        Self {
            patch_embedding: Conv2dConfig::new([3, config.width], side).with_stride(side).init(device),
            position_embedding: embedding.init([config.patches(), config.width], device),
            transformer: transformer.init(device),
            norm_post: transformer.norm(device),
            pool: AttentionPool {
                probe: embedding.init([1, 1, config.width], device),
                attention: transformer.attention(config.width, device),
                norm: transformer.norm(device),
                mlp: transformer.mlp(device),
            },
        }
    }

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
        let tower = SiglipVit::init(&config, &device);
        let black = Tensor::<4>::zeros([1, 3, 7, 7], &device);
        let edge = black.clone().slice_assign([0..1, 0..3, 6..7, 0..7], Tensor::ones([1, 3, 1, 7], &device));
        assert_eq!(tower.forward(black).into_data(), tower.forward(edge).into_data());
    }
}
