//! Sizes of MobileCLIP-B's vision transformer.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::families::interface::ImageSizes;
use crate::limits::{self, within};
use crate::transformer;

/// Strides of the stem's convolutions, which are also their kernels' sides.
pub(super) const STRIDES: [usize; 3] = [4, 2, 2];
/// Side of the patch that a token stands for.
const PATCH: usize = STRIDES[0] * STRIDES[1] * STRIDES[2];

/// Sizes of a [`ConvStemVit`](super::ConvStemVit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvStemVitConfig {
    /// Side of the square input in pixels; a multiple of 16.
    pub image_size: usize,
    /// Channels inside the stem.
    pub stem_width: usize,
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
    pub layer_norm_eps: f64,
    /// Whether the projection to the embedding has a bias: in timm's form it does, in Apple's it does not.
    pub projection_bias: bool,
}

impl ConvStemVitConfig {
    /// Number of patches in the square grid.
    pub fn patches(&self) -> usize {
        (self.image_size / PATCH).pow(2)
    }
}

impl ImageSizes for ConvStemVitConfig {
    fn image_size(&self) -> usize {
        self.image_size
    }

    fn validate(&self) -> Result<(), String> {
        within("the image size", self.image_size, limits::IMAGE_SIZE)?;
        if !self.image_size.is_multiple_of(PATCH) {
            return Err(format!("the image size {} is not a multiple of the patch size {PATCH}", self.image_size));
        }
        within("the number of patches", self.patches(), limits::TOKENS)?;
        within("the image tower's stem width", self.stem_width, limits::WIDTH)?;
        limits::transformer("image", self.width, self.layers, self.heads, self.mlp_width, self.layer_norm_eps)
    }

    fn multiply_adds(&self, embed_dim: u64) -> u64 {
        let (patches, width, stem) = (self.patches() as u64, self.width as u64, self.stem_width as u64);
        // Strides and kernels of 4, 2 and 2: 16 and 4 times as many positions before the last.
        let embedding = patches * (16 * 16 * 3 * stem + 4 * 4 * stem * stem + 4 * stem * width);
        embedding
            + transformer::multiply_adds(self.layers, patches + 1, width, self.mlp_width as u64)
            + width * embed_dim
    }
}
