//! Sizes of SigLIP's text tower.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::families::interface::TextSizes;
use crate::limits::{self, within};
use crate::tokenizer::config::TokenizerConfig;
use crate::transformer::TransformerConfig;

/// Sizes of a [`SiglipText`](super::SiglipText).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiglipTextConfig {
    /// Tokens of every text, padding included.
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
    /// Epsilon of every layer norm.
    pub layer_norm_eps: f64,
    /// Whether a linear layer with a bias maps the state to the embedding; without one the state is the embedding.
    #[serde(default = "yes")]
    pub projection: bool,
}

fn yes() -> bool {
    true
}

impl SiglipTextConfig {
    /// Sizes of the layers.
    pub(crate) fn transformer(&self) -> TransformerConfig {
        TransformerConfig {
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            mlp_width: self.mlp_width,
            activation: self.activation,
            layer_norm_eps: self.layer_norm_eps,
            causal: false,
        }
    }
}

impl TextSizes for SiglipTextConfig {
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
        limits::transformer("text", self.width, self.layers, self.heads, self.mlp_width, self.layer_norm_eps)?;
        let table = self.vocab_size as u64 * self.width as u64;
        if table > limits::PARAMETERS {
            return Err(format!("the token table has {table} values"));
        }
        Ok(())
    }

    fn output_width(&self) -> Option<usize> {
        (!self.projection).then_some(self.width)
    }

    fn validate_tokenizer(&self, tokenizer: &TokenizerConfig) -> Result<(), String> {
        if !tokenizer.kind.fills_context() {
            return Err(format!(
                "the text tower takes texts that fill its context, the tokenizer's kind is {:?}, expected Siglip, \
                 Siglip2 or OpenClipSiglip",
                tokenizer.kind
            ));
        }
        Ok(())
    }
}
