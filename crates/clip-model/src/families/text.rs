//! Text towers: token ids to embeddings.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use crate::config::TextTowerConfig;
use crate::families::bert::Bert;
use crate::families::causal_text::CausalText;
use crate::families::mobile_text::MobileText;
use crate::families::siglip_text::SiglipText;

/// Any of the text towers.
// A model has one of these, so the size of the larger kind does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum TextTower {
    /// CLIP's causal transformer.
    Causal(CausalText),
    /// Bidirectional encoder.
    Bert(Bert),
    /// SigLIP's bidirectional transformer.
    Siglip(SiglipText),
    /// MobileCLIP's transformer without a mask.
    Mobile(MobileText),
}

impl TextTower {
    /// A tower with random weights that ends in `embed_dim` values.
    pub fn init(config: &TextTowerConfig, embed_dim: usize, device: &Device) -> Self {
        match config {
            TextTowerConfig::Causal(config) => Self::Causal(CausalText::init(config, embed_dim, device)),
            TextTowerConfig::Bert(config) => Self::Bert(config.init(device)),
            TextTowerConfig::Siglip(config) => Self::Siglip(SiglipText::init(config, embed_dim, device)),
            TextTowerConfig::Mobile(config) => Self::Mobile(config.init(embed_dim, device)),
        }
    }

    /// Ids `[batch, tokens]` and mask `[batch, tokens]` (1 for a token, 0 for padding) to embeddings
    /// `[batch, embed_dim]`, not normalised.
    ///
    /// A causal tower finds the end of a text by itself and does not look at the mask. It never looks past that end
    /// either, so a batch may be cut to its longest text: the result is the same. MobileCLIP's, which has no mask, fills
    /// texts up by itself. SigLIP's has no mask either: its texts come
    /// [filled up](crate::config::TokenizerKind::fills_context) to the context.
    pub fn forward(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Causal(tower) => tower.forward(ids),
            Self::Bert(tower) => tower.forward(ids, mask),
            Self::Siglip(tower) => tower.forward(ids),
            Self::Mobile(tower) => tower.forward(ids),
        }
    }

    /// Ids and mask `[batch, tokens]` to the tokens' last states `[batch, tokens, width]`: after the final norm where the
    /// tower has one, before pooling and projection. States of padding mean nothing.
    pub fn hidden_states(&self, ids: Tensor<2, Int>, mask: Tensor<2>) -> Tensor<3> {
        match self {
            Self::Causal(tower) => tower.hidden_states(ids),
            Self::Bert(tower) => tower.states(ids, mask).states,
            Self::Siglip(tower) => tower.hidden_states(ids),
            Self::Mobile(tower) => tower.hidden_states(ids),
        }
    }
}
