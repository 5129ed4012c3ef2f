//! Sizes of CLIP's vision transformer.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::families::interface::ImageSizes;
use crate::limits::{self, within};
use crate::transformer;

/// Sizes of a [`Vit`](super::Vit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitConfig {
    /// Side of the square input in pixels; a multiple of `patch_size`.
    pub image_size: usize,
    /// Side of a square patch in pixels.
    pub patch_size: usize,
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
    #[serde(default = "default_layer_norm_eps")]
    pub layer_norm_eps: f64,
}

fn default_layer_norm_eps() -> f64 {
    1e-5
}

impl VitConfig {
    /// Number of patches in the square grid.
    pub fn patches(&self) -> usize {
        (self.image_size / self.patch_size).pow(2)
    }
}

impl ImageSizes for VitConfig {
    fn image_size(&self) -> usize {
        self.image_size
    }

    fn validate(&self) -> Result<(), String> {
        within("the image size", self.image_size, limits::IMAGE_SIZE)?;
        within("the patch size", self.patch_size, self.image_size)?;
        if !self.image_size.is_multiple_of(self.patch_size) {
            return Err(format!(
                "the image size {} is not a multiple of the patch size {}",
                self.image_size, self.patch_size
            ));
        }
        within("the number of patches", self.patches(), limits::TOKENS)?;
        limits::transformer("image", self.width, self.layers, self.heads, self.mlp_width, self.layer_norm_eps)
    }

    fn multiply_adds(&self, embed_dim: u64) -> u64 {
        let (patches, width) = (self.patches() as u64, self.width as u64);
        let embedding = patches * 3 * (self.patch_size as u64).pow(2) * width;
        embedding
            + transformer::multiply_adds(self.layers, patches + 1, width, self.mlp_width as u64)
            + width * embed_dim
    }
}
