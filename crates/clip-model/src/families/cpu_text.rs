//! The text towers that are computed from their weights as they are stored: a query costs one pass over them.

use clip_kernels::Isa;

use super::bert::FastBert;
use crate::ModelError;
use crate::checkpoint::Checkpoint;
use crate::config::TextTowerConfig;
use crate::cpu::transformer_text::FastTransformerText;

/// A text tower on a checkpoint's mapped weights. None are converted or copied when it is made, but for the few that
/// a layout stores in another order.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a model has one")]
pub enum FastTextTower {
    /// CLIP's and SigLIP's transformers.
    Transformer(FastTransformerText),
    /// The small bidirectional encoder.
    Bert(FastBert),
}

impl FastTextTower {
    /// Whether towers of this kind have such a form.
    pub fn covers(config: &TextTowerConfig) -> bool {
        !matches!(config, TextTowerConfig::Mobile(_))
    }

    /// Finds a checkpoint's text tower; `None` if it has no such form.
    ///
    /// # Errors
    /// As [`Checkpoint::text_tower`].
    pub fn find(checkpoint: &Checkpoint, isa: Isa) -> Result<Option<Self>, ModelError> {
        let config = &checkpoint.config().text;
        if !Self::covers(config) {
            return Ok(None);
        }
        checkpoint.with_text_places(|places| {
            Ok(match config {
                TextTowerConfig::Causal(text) => {
                    Some(Self::Transformer(FastTransformerText::causal(places, text, isa)?))
                }
                TextTowerConfig::Siglip(text) => {
                    Some(Self::Transformer(FastTransformerText::siglip(places, text, isa)?))
                }
                TextTowerConfig::Bert(text) => Some(Self::Bert(FastBert::find(places, text, isa)?)),
                TextTowerConfig::Mobile(_) => None,
            })
        })
    }

    /// Ids of texts, at least one each, to embeddings, one behind the other, not normalised. On the calling thread.
    pub fn forward(&self, texts: &[&[u32]]) -> Vec<f32> {
        match self {
            Self::Transformer(tower) => tower.forward(texts),
            Self::Bert(tower) => tower.forward(texts),
        }
    }

    /// A text's ids to its tokens' states: after the final norm, before pooling and projection, `[tokens, width]`.
    pub fn hidden_states(&self, ids: &[u32]) -> Vec<f32> {
        match self {
            Self::Transformer(tower) => tower.hidden_states(ids),
            Self::Bert(tower) => tower.states(&[ids]),
        }
    }
}
