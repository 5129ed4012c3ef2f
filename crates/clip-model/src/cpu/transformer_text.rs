//! CLIP's and SigLIP's text transformers on weights as they are stored.

use clip_kernels::norm::LayerNorm;
use clip_kernels::transformer::{Layer, Stack};
use clip_kernels::{Isa, Linear};

use super::stored::{StoredLinear, TokenTables, layer_norm};
use super::text::CpuText;
use super::transformer::{activation, normed, project};
use crate::ModelError;
use crate::end_of_text::EndOfText;
use crate::transformer::TransformerConfig;
use crate::weights::places::Places;

/// A causal text tower, or one whose last token is the feature.
#[derive(Debug)]
pub struct CpuTransformerText {
    tables: TokenTables,
    layers: Stack,
    norm: LayerNorm,
    projection: Option<StoredLinear>,
    /// What ends a text; `None` where its last place is the feature.
    end: Option<EndOfText>,
    vocab_size: usize,
}

impl CpuTransformerText {
    /// Finds the weights of a tower of these sizes. `end` is what ends a text, `None` where its last place is the feature.
    ///
    /// # Errors
    /// Whatever is wrong with one of the tensors, by name.
    pub(crate) fn find(
        places: &Places<'_>,
        config: &TransformerConfig,
        vocab_size: usize,
        end: Option<EndOfText>,
        isa: Isa,
    ) -> Result<Self, ModelError> {
        let epsilon = config.layer_norm_eps;
        let layer = |index: usize| -> Result<Layer, ModelError> {
            let name = |part: &str| format!("transformer.blocks.{index}.{part}");
            let linear = |part: &str| -> Result<Box<dyn Linear>, ModelError> {
                Ok(Box::new(StoredLinear::find(places, &name(part), isa)?))
            };
            let norm = |part: &str| layer_norm(places, &name(part), epsilon, isa);
            Ok(Layer {
                attention_norm: norm("attention_norm")?,
                joint: linear("attention.input")?,
                output: linear("attention.output")?,
                heads: config.heads,
                causal: config.causal,
                mlp_norm: norm("mlp_norm")?,
                widen: linear("mlp.input")?,
                activation: activation(config.activation),
                narrow: linear("mlp.output")?,
            })
        };
        Ok(Self {
            tables: TokenTables::find(places, "token_embedding.weight", "position_embedding")?,
            layers: Stack { layers: (0..config.layers).map(layer).collect::<Result<_, _>>()?, isa },
            norm: layer_norm(places, "norm", epsilon, isa)?,
            projection: match places.has("projection.weight") {
                true => Some(StoredLinear::find(places, "projection", isa)?),
                false => None,
            },
            end,
            vocab_size,
        })
    }

    /// How many of a text's tokens count: in a causal tower, those up to the first end token, the first alone where
    /// there is none.
    fn length(&self, ids: &[u32]) -> usize {
        // As ids are looked up.
        let clamped = |id: &u32| (*id as usize).min(self.vocab_size - 1);
        let end = match self.end {
            None => return ids.len(),
            Some(EndOfText::HighestId) => ids.iter().map(clamped).max().unwrap_or_default(),
            Some(EndOfText::Id(id)) => id as usize,
        };
        ids.iter().position(|id| clamped(id) == end).map_or(1, |at| at + 1).min(ids.len())
    }
}

impl CpuText for CpuTransformerText {
    /// Nothing after a causal tower's end token is computed.
    fn forward(&self, texts: &[&[u32]]) -> Vec<f32> {
        let width = self.norm.width();
        let texts: Vec<&[u32]> = texts.iter().map(|ids| &ids[..self.length(ids)]).collect();
        let lengths: Vec<usize> = texts.iter().map(|ids| ids.len()).collect();
        let last: Vec<usize> = lengths.iter().map(|length| length - 1).collect();
        let states = self.layers.forward(self.tables.embed(&texts, width), &lengths, Some(&last), 1);
        match &self.projection {
            Some(projection) => project(&self.norm, projection, &states, 1),
            None => normed(&self.norm, &states),
        }
    }

    fn hidden_states(&self, ids: &[u32]) -> Vec<f32> {
        let states = self.layers.forward(self.tables.embed(&[ids], self.norm.width()), &[ids.len()], None, 1);
        normed(&self.norm, &states)
    }
}
