//! CLIP's and SigLIP's text transformers on weights as they are stored.

use clip_kernels::norm::LayerNorm;
use clip_kernels::transformer::{Layer, Stack};
use clip_kernels::{Activation, Isa, Linear};

use super::stored::{StoredLinear, StoredTable, layer_norm};
use super::transformer::activation;
use crate::ModelError;
use crate::config::{self, CausalTextConfig, EndOfText};
use crate::text_tower::siglip::SiglipTextConfig;
use crate::weights::places::Places;

/// A [`CausalText`](crate::text_tower::causal::CausalText) or
/// [`SiglipText`](crate::text_tower::siglip::SiglipText).
#[derive(Debug)]
pub struct FastTransformerText {
    tokens: StoredTable,
    positions: StoredTable,
    layers: Stack,
    norm: LayerNorm,
    projection: Option<StoredLinear>,
    /// What ends a text; `None` where its last place is the feature.
    end: Option<EndOfText>,
    vocab_size: usize,
}

/// What the two towers' configurations have in common.
struct Sizes {
    layers: usize,
    heads: usize,
    activation: config::Activation,
    epsilon: f64,
    vocab_size: usize,
}

impl FastTransformerText {
    /// Finds a causal tower's weights.
    pub(crate) fn causal(places: &Places<'_>, config: &CausalTextConfig, isa: Isa) -> Result<Self, ModelError> {
        let sizes = Sizes {
            layers: config.layers,
            heads: config.heads,
            activation: config.activation,
            epsilon: config.layer_norm_eps,
            vocab_size: config.vocab_size,
        };
        Self::find(places, &sizes, Some(config.end_of_text), isa)
    }

    /// Finds the weights of SigLIP's tower.
    pub(crate) fn siglip(places: &Places<'_>, config: &SiglipTextConfig, isa: Isa) -> Result<Self, ModelError> {
        let sizes = Sizes {
            layers: config.layers,
            heads: config.heads,
            activation: config.activation,
            epsilon: config.layer_norm_eps,
            vocab_size: config.vocab_size,
        };
        Self::find(places, &sizes, None, isa)
    }

    fn find(places: &Places<'_>, sizes: &Sizes, end: Option<EndOfText>, isa: Isa) -> Result<Self, ModelError> {
        let layer = |index: usize| -> Result<Layer, ModelError> {
            let name = |part: &str| format!("transformer.blocks.{index}.{part}");
            let linear = |part: &str| -> Result<Box<dyn Linear>, ModelError> {
                Ok(Box::new(StoredLinear::find(places, &name(part), isa)?))
            };
            let norm = |part: &str| layer_norm(places, &name(part), sizes.epsilon, isa);
            Ok(Layer {
                attention_norm: norm("attention_norm")?,
                joint: linear("attention.input")?,
                output: linear("attention.output")?,
                heads: sizes.heads,
                causal: end.is_some(),
                mlp_norm: norm("mlp_norm")?,
                widen: linear("mlp.input")?,
                activation: activation(sizes.activation),
                narrow: linear("mlp.output")?,
            })
        };
        Ok(Self {
            tokens: StoredTable::find(places, "token_embedding.weight")?,
            positions: StoredTable::find(places, "position_embedding")?,
            layers: Stack { layers: (0..sizes.layers).map(layer).collect::<Result<_, _>>()?, isa },
            norm: layer_norm(places, "norm", sizes.epsilon, isa)?,
            projection: match places.has("projection.weight") {
                true => Some(StoredLinear::find(places, "projection", isa)?),
                false => None,
            },
            end,
            vocab_size: sizes.vocab_size,
        })
    }

    /// Ids to embeddings, one behind the other, not normalised. Nothing after a causal tower's end token is computed.
    pub fn forward(&self, texts: &[&[u32]]) -> Vec<f32> {
        let texts: Vec<&[u32]> = texts.iter().map(|ids| &ids[..self.length(ids)]).collect();
        let lengths: Vec<usize> = texts.iter().map(|ids| ids.len()).collect();
        let last: Vec<usize> = lengths.iter().map(|length| length - 1).collect();
        let states = self.layers.forward(self.embed(&texts), &lengths, Some(&last), 1);
        let mut normed = vec![0.0; states.len()];
        self.norm.apply(&states, &mut normed);
        let Some(projection) = &self.projection else { return normed };
        let mut out = vec![0.0; texts.len() * projection.columns()];
        projection.apply_on(1, &normed, Activation::None, None, &mut out);
        out
    }

    /// A text's ids to its tokens' states after the final norm, `[tokens, width]`.
    pub fn hidden_states(&self, ids: &[u32]) -> Vec<f32> {
        let states = self.layers.forward(self.embed(&[ids]), &[ids.len()], None, 1);
        let mut normed = vec![0.0; states.len()];
        self.norm.apply(&states, &mut normed);
        normed
    }

    /// States of all tokens, `[tokens, width]`.
    fn embed(&self, texts: &[&[u32]]) -> Vec<f32> {
        let width = self.norm.width();
        let mut states = vec![0.0; texts.iter().map(|ids| ids.len()).sum::<usize>() * width];
        let places = texts.iter().flat_map(|ids| ids.iter().enumerate());
        for ((position, id), state) in places.zip(states.chunks_exact_mut(width)) {
            self.tokens.add_row(*id as usize, state);
            self.positions.add_row(position, state);
        }
        states
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
