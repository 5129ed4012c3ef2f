//! Image towers: pixels to embeddings.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, FloatDType, Tensor};

use crate::config::ImageTowerConfig;
use crate::families::conv_stem_vit::ConvStemVit;
use crate::families::fast_vit::FastVit;
use crate::families::inverted_residual::InvertedResidual;
use crate::families::modified_resnet::ModifiedResnet;
use crate::families::siglip_vit::SiglipVit;
use crate::families::vit::Vit;

/// Any of the image towers.
// A model has one of these, so the size of the larger kind does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum ImageTower {
    /// Vision transformer.
    Vit(Vit),
    /// Convolutional tower.
    InvertedResidual(InvertedResidual),
    /// OpenAI's residual network.
    ModifiedResnet(ModifiedResnet),
    /// SigLIP's vision transformer.
    Siglip(SiglipVit),
    /// MobileCLIP's convolutional tower.
    FastVit(FastVit),
    /// MobileCLIP-B's vision transformer.
    ConvStemVit(ConvStemVit),
}

impl ImageTower {
    /// A tower with random weights that ends in `embed_dim` values.
    pub fn init(config: &ImageTowerConfig, embed_dim: usize, device: &Device) -> Self {
        match config {
            ImageTowerConfig::Vit(config) => Self::Vit(Vit::init(config, embed_dim, device)),
            ImageTowerConfig::InvertedResidual(config) => Self::InvertedResidual(config.init(device)),
            ImageTowerConfig::ModifiedResnet(config) => {
                Self::ModifiedResnet(ModifiedResnet::init(config, embed_dim, device))
            }
            ImageTowerConfig::Siglip(config) => Self::Siglip(SiglipVit::init(config, device)),
            ImageTowerConfig::FastVit(config) => Self::FastVit(config.init(embed_dim, device)),
            ImageTowerConfig::ConvStemVit(config) => Self::ConvStemVit(config.init(embed_dim, device)),
        }
    }

    /// The tower in other floats. [`forward`](Self::forward) then takes pixels in these, and computes in them all but
    /// the norms, whose sums half precision cannot hold.
    #[must_use]
    pub fn cast(self, floats: FloatDType) -> Self {
        self.map(&mut Cast(floats))
    }

    /// Pixels `[batch, 3, size, size]` to embeddings `[batch, embed_dim]`, not normalised.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Vit(tower) => tower.forward(pixels),
            Self::InvertedResidual(tower) => tower.forward(pixels),
            Self::ModifiedResnet(tower) => tower.forward(pixels),
            Self::Siglip(tower) => tower.forward(pixels),
            Self::FastVit(tower) => tower.forward(pixels),
            Self::ConvStemVit(tower) => tower.forward(pixels),
        }
    }
}

struct Cast(FloatDType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|weights| weights.cast(self.0))
    }
}
