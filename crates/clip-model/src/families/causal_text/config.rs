//! Sizes of CLIP's text transformer.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::end_of_text::EndOfText;
use crate::families::interface::TextSizes;
use crate::limits::{self, within};
use crate::transformer::TransformerConfig;

/// Sizes of a [`CausalText`](super::CausalText).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CausalTextConfig {
    /// Most tokens a text may have, start and end included.
    pub context_length: usize,
    /// Rows of the token table.
    pub vocab_size: usize,
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
    /// Which token's state is the text's feature.
    #[serde(default)]
    pub end_of_text: EndOfText,
    /// Epsilon of every layer norm.
    #[serde(default = "default_layer_norm_eps")]
    pub layer_norm_eps: f64,
}

fn default_layer_norm_eps() -> f64 {
    1e-5
}

impl CausalTextConfig {
    /// Sizes of the layers.
    pub(crate) fn transformer(&self) -> TransformerConfig {
        TransformerConfig {
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            mlp_width: self.mlp_width,
            activation: self.activation,
            layer_norm_eps: self.layer_norm_eps,
            causal: true,
        }
    }
}

impl TextSizes for CausalTextConfig {
    fn context_length(&self) -> usize {
        self.context_length
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn width(&self) -> usize {
        self.width
    }

    fn validate(&self) -> Result<(), String> {
        within("the context length", self.context_length, limits::CONTEXT)?;
        within("the vocabulary", self.vocab_size, limits::VOCABULARY)?;
        if let EndOfText::Id(id) = self.end_of_text
            && !(1..self.vocab_size).contains(&(id as usize))
        {
            return Err(format!("the end-of-text id is {id}, expected 1 to {}", self.vocab_size - 1));
        }
        limits::transformer("text", self.width, self.layers, self.heads, self.mlp_width, self.layer_norm_eps)?;
        let table = self.vocab_size as u64 * self.width as u64;
        if table > limits::PARAMETERS {
            return Err(format!("the token table has {table} values"));
        }
        Ok(())
    }

    /// The tower sees nothing of what follows the end token.
    fn ends_texts(&self) -> bool {
        true
    }
}
