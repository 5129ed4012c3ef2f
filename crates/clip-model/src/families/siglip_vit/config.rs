//! Sizes of SigLIP's vision transformer.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::families::interface::ImageSizes;
use crate::limits::{self, within};
use crate::transformer;

/// Sizes of a [`SiglipVit`](super::SiglipVit).
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
}

impl ImageSizes for SiglipVitConfig {
    fn image_size(&self) -> usize {
        self.image_size
    }

    fn validate(&self) -> Result<(), String> {
        within("the image size", self.image_size, limits::IMAGE_SIZE)?;
        within("the patch size", self.patch_size, self.image_size)?;
        within("the number of patches", self.patches(), limits::TOKENS)?;
        limits::transformer("image", self.width, self.layers, self.heads, self.mlp_width, self.layer_norm_eps)
    }

    fn output_width(&self) -> Option<usize> {
        Some(self.width)
    }

    fn multiply_adds(&self, _embed_dim: u64) -> u64 {
        let (patches, width, mlp) = (self.patches() as u64, self.width as u64, self.mlp_width as u64);
        let embedding = patches * 3 * (self.patch_size as u64).pow(2) * width;
        // One learned query attends to all tokens, then an MLP.
        let pool = patches * 2 * width * width + 2 * width * width + 2 * patches * width + 2 * width * mlp;
        embedding + transformer::multiply_adds(self.layers, patches, width, mlp) + pool
    }
}
